//! What crosses from a source to the run: pages of rows, and questions about the rows held.

use futures_util::future::BoxFuture;

use super::error::SourceError;
use super::estimate::Headway;
use crate::model::{Answer, Micros, Question, State, Tombstone};
use crate::normalise::rows::Rows;

/// Rows that were read, and the progress after them.
#[derive(Debug)]
pub struct Page {
    /// The rows, as text.
    pub rows: Rows,
    /// Which of them to keep, one per row; the others lie outside of what was asked for.
    pub keep: Vec<bool>,
    /// A column computed by the source, one value per row: Gorgias' messages and surveys have no
    /// `updated_datetime`, so it is the newest `*_datetime` of the row.
    pub derived: Option<(&'static str, Vec<Option<Micros>>)>,
    /// Rows that are gone.
    pub gone: Vec<Tombstone>,
    /// How many rows were read that are as they were stored last, and so are not among `rows`.
    pub same: u64,
    /// What to store once these rows are stored.
    pub state: State,
    /// The sort value of the last row, for "the date reached".
    pub reached: Option<Micros>,
    /// How far the pass has come of which this is a page; `None`: it is of none, or nothing tells where that ends.
    pub headway: Option<Headway>,
    /// Things the receipt must say, e.g. that the order of the list could not be trusted.
    pub warnings: Vec<String>,
}

/// What reading yields.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every step is a page, and steps are few")]
pub enum Step {
    /// More rows.
    Page(Page),
    /// The source must know this to go on; it is about all pages before it. [`Pages::answer`] tells it.
    Ask(Question),
    /// All that was asked for has been read; this is what to store with the last of it.
    End(State),
}

/// Reading in progress. Pull-based, so a slow destination slows the source down.
pub trait Pages: Send {
    /// The next step. After [`Step::End`] there is none. An error is never the end of the data.
    ///
    /// # Errors
    /// What the source says, after the retries that make sense.
    fn next(&mut self) -> BoxFuture<'_, Result<Step, SourceError>>;

    /// Answers a [`Step::Ask`]; `None` if the target cannot tell, as it does not have the column.
    fn answer(&mut self, answer: Option<Answer>);
}
