//! Sources: the trait every one implements. What crosses is in rooms of its own, and so is the list of all sources.
//!
//! A source knows nothing of destinations. It yields pages of rows as JSON text together with its own progress.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::error::Failure;
use crate::http::Observer;
use crate::http::limit::{Allowance, Share};
use crate::model::State;

mod check;
mod error;
mod estimate;
pub mod gorgias;
mod login;
mod page;
mod registry;
mod request;
mod table;

pub use self::check::{Finding, Subject};
pub use self::error::SourceError;
pub use self::estimate::{Basis, Forecast, Guess, Headway, Rescan, Wide};
pub use self::login::Login;
pub use self::page::{Page, Pages, Step};
pub use self::registry::{SOURCES, account_named, entry, parent_of, reads_all, rescan, tables};
pub use self::request::{Late, Outside, Overlap, ReadRequest, Window};
pub use self::table::{
    Answers, Changes, Choice, Computed, Counted, EventKind, Flat, Holds, List, Order, Removals, Resource,
    Secret, SortField,
};

/// A place rows can be copied from.
pub trait Source: Send + Sync + std::fmt::Debug {
    /// Its tables, in the order help lists them.
    fn tables(&self) -> &'static [Resource];

    /// The account whose rows these are; part of the state's key.
    fn account(&self) -> &str;

    /// How messages name it: no credentials, e.g. `Gorgias account acme`.
    fn describe(&self) -> String;

    /// Keeps to this part of the account's request budget from now on, whatever the URI says.
    fn keep_to(&self, share: Share);

    /// From now on asks for this long when the account stops answering; zero, as without it: a few times.
    fn ride_out(&self, patience: Duration);

    /// What may be sent to the account, as far as its answers have told.
    fn allowance(&self) -> Allowance;

    /// The state of a table that was never read: an absent one and this one are taken alike.
    fn nothing_known(&self) -> State;

    /// What an error means, where that is more than the words for every source say.
    fn explain(&self, subject: Subject, error: &SourceError) -> Option<Failure>;

    /// Whether `state` is that of a pass which reads from zero exactly what this window asks for, and was not finished.
    fn continues(&self, table: &Resource, window: Window, state: &State) -> bool;

    /// Finds out what the credentials may do, with one cheap request after the other.
    fn probe(&self, observer: Arc<dyn Observer>) -> BoxFuture<'_, Vec<Finding>>;

    /// Estimates what each of these reads would take, in 40 requests at most. The answers are in the order of
    /// the requests, and end with one that fails for a reason which all others would share.
    fn forecast(
        &self,
        requests: Vec<ReadRequest>,
        observer: Arc<dyn Observer>,
    ) -> BoxFuture<'_, Vec<Result<Forecast, SourceError>>>;

    /// Starts reading. Sends nothing before the first call of [`Pages::next`].
    ///
    /// # Errors
    /// When the state was written by a newer version, or is none of ours.
    fn read(&self, request: ReadRequest, observer: Arc<dyn Observer>) -> Result<Box<dyn Pages>, SourceError>;
}
