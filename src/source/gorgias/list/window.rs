//! Rows that lie outside of the window asked for, read on the way: they are news of rows that are held.
//!
//! A row leaves its window when it changes: read on Monday with Monday's window, it has Tuesday's date from Tuesday on.
//! Monday's window, read again, meets it on the way down and must not leave the old row as it is. So a row outside of
//! the window is handed on if the target holds a row with its id, marked as gone or not; then it is an update. If it holds
//! none, the row is not for this window, and is let go of.
//!
//! Pages that have no row of the window wait until a few can be asked about at once: a question may take a second.
//! Rows of the window never wait. The order of pages is kept, so that of a row met twice the newer one comes last.

use std::collections::HashSet;

use crate::model::{Micros, Question};
use crate::source::gorgias::context::Context;
use crate::source::gorgias::fields::{self, integer};
use crate::source::gorgias::list::channel::Sender;
use crate::source::gorgias::list::checkpoint::PassKind;
use crate::source::gorgias::list::walk::Fetched;
use crate::source::{Computed, Outside, Page, SortField, Window};

/// Pages that may wait.
const MOST_PAGES: usize = 5;
/// Bytes of their rows: other answers need room in memory, too.
const MOST_BYTES: usize = 8 << 20;
/// Ids in one question.
const AT_ONCE: usize = 500;

/// What is known of rows outside of the window.
#[derive(Debug, Default)]
pub(crate) struct Aside {
    /// In the order read.
    pages: Vec<Page>,
    /// Ids of the rows of the window that this run has handed on; they may not be committed yet.
    handed: HashSet<i64>,
}

/// Values of the incremental key, a row each, where a window asks for them.
pub(crate) fn keys(
    ctx: &Context,
    window: &Window,
    sorted: SortField,
    fetched: &Fetched,
) -> Vec<Option<Micros>> {
    let rows = fetched.rows.iter();
    match (ctx.resource.incremental_key, ctx.resource.computed) {
        _ if window.is_open() => Vec::new(),
        (None, _) => Vec::new(),
        (Some(key), Some((column, Computed::NewestDatetime))) if key == column => {
            rows.map(fields::newest_datetime).collect()
        }
        (Some(key), _) if key == sorted.column() => fetched.values.clone(),
        (Some(key), _) => rows.map(|row| fields::datetime(row, key)).collect(),
    }
}

impl Aside {
    fn is_full(&self) -> bool {
        let bytes = self.pages.iter().map(|page| page.rows.bytes()).sum::<usize>();
        self.pages.len() >= MOST_PAGES || bytes >= MOST_BYTES
    }

    /// Ids of rows outside of the window of which it is not known yet whether they are held.
    fn unknown(&self) -> Vec<i64> {
        let outside = self.pages.iter().flat_map(|page| ids(page, false));
        outside.filter(|id| !self.handed.contains(id)).collect()
    }
}

/// Ids of the rows of a page that are kept, or of those that are not.
fn ids(page: &Page, kept: bool) -> impl Iterator<Item = i64> {
    let rows = page.rows.iter().zip(&page.keep).filter(move |(_, keep)| **keep == kept);
    rows.filter_map(|(row, _)| integer(row, "id"))
}

impl Aside {
    /// Hands on a page of a pass, now or with those after it.
    pub(crate) async fn hand_over(&mut self, ctx: &Context, kind: PassKind, page: Page, out: &mut Sender) {
        let replaces = ctx.request.replaces;
        let windowed = !ctx.request.window.is_open() && (kind != PassKind::CatchUp || replaces);
        if !windowed || ctx.request.outside == Outside::Dropped {
            ctx.reader.held_up(out.page(page)).await;
            return;
        }
        let inside = page.keep.contains(&true);
        self.pages.push(page);
        if inside || self.is_full() {
            self.hand_over_all(ctx, out).await;
        }
    }

    /// Hands on the pages that wait, with those rows outside of the window that are held.
    pub(crate) async fn hand_over_all(&mut self, ctx: &Context, out: &mut Sender) {
        let mut held = HashSet::new();
        for chunk in self.unknown().chunks(AT_ONCE) {
            let question = Question::Stored { column: "id".into(), values: chunk.to_vec() };
            // A target that cannot tell gets none: better an old row than one that nobody asked for.
            let answer = ctx.reader.held_up(out.ask(question)).await.unwrap_or_default();
            held.extend(answer.pairs.into_iter().map(|(id, _)| id));
        }
        for mut page in std::mem::take(&mut self.pages) {
            let inside: Vec<i64> = ids(&page, true).collect();
            self.handed.extend(inside);
            let known = |id: &i64| held.contains(id) || self.handed.contains(id);
            for (keep, row) in page.keep.iter_mut().zip(page.rows.iter()) {
                *keep |= integer(row, "id").as_ref().is_some_and(known);
            }
            ctx.reader.held_up(out.page(page)).await;
        }
    }
}
