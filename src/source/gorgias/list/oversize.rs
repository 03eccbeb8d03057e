//! Answers that are larger than any may be: fewer rows are asked for, and a row that is too large by itself is named,
//! once everything around it has been read.

use crate::http::Listener;
use crate::http::client::Client;
use crate::normalise::rows::{Meta, Rows};
use crate::source::gorgias::list::checkpoint::Kind;
use crate::source::gorgias::list::pages::{self, Answer, PAGE_ROWS, Position};
use crate::source::gorgias::list::pass::Active;
use crate::source::gorgias::table_reader::Reader;
use crate::source::{Overlap, SourceError};

/// How many rows are asked for at once: fewer where an answer would be larger than it may be, and as many as can be once
/// those rows lie behind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageSize {
    rows: usize,
    /// Pages of this size since it was changed.
    good: usize,
}

impl Default for PageSize {
    fn default() -> Self {
        Self { rows: PAGE_ROWS, good: 0 }
    }
}

impl PageSize {
    /// By which the number of rows changes: 100, 10, 1.
    const FACTOR: usize = 10;

    pub(crate) fn rows(self) -> usize {
        self.rows
    }

    /// An answer was too large. False: it was asked for one row only.
    pub(crate) fn shrink(&mut self) -> bool {
        let can = self.rows > 1;
        *self = Self { rows: (self.rows / Self::FACTOR).max(1), good: 0 };
        can
    }

    /// A page came.
    pub(crate) fn fits(&mut self) {
        self.good += 1;
        if self.rows < PAGE_ROWS && self.good >= Self::FACTOR {
            *self = Self { rows: self.rows * Self::FACTOR, good: 0 };
        }
    }
}

/// The first page of a list, or as many of its first rows as fit into an answer. `path` is told how many are asked for.
pub(crate) async fn first(
    client: &Client,
    listener: &dyn Listener,
    path: impl Fn(usize) -> String,
) -> Answer {
    let mut size = PageSize::default();
    loop {
        let read = pages::read(Position::First, size.rows());
        match client.get(&path(size.rows()), listener, read).await {
            Err(error) if error.is_too_large() && size.shrink() => {}
            answer => return answer,
        }
    }
}

/// The answers of `list` about these ids, a hundred a request, or fewer where those are more than an answer may have. `path`
/// is the request for some of them.
pub(crate) async fn by_id(
    client: &Client,
    listener: &dyn Listener,
    list: &'static str,
    ids: &[i64],
    path: impl Fn(&[i64]) -> String,
) -> Result<Vec<(Rows, Meta)>, SourceError> {
    let (mut size, mut left, mut found) = (PageSize::default(), ids, Vec::new());
    while !left.is_empty() {
        let (some, rest) = left.split_at(size.rows().min(left.len()));
        match client.get(&path(some), listener, pages::read(Position::First, PAGE_ROWS)).await {
            Ok(answer) => {
                found.push(answer);
                left = rest;
                size.fits();
            }
            Err(error) if error.is_too_large() => {
                if !size.shrink() {
                    let id = some.first().copied();
                    return Err(SourceError::RowTooLarge { path: list, id, after: None, before: None });
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

impl Reader {
    /// A row cannot be read: the walk stands there, and what lies behind it is left to a walk from the other end.
    pub(crate) fn block(&self, active: &mut Active, n: usize, error: SourceError) {
        active.abreast.walkers[n].blocked = true;
        let error = match (active.abreast.blocked.take(), error) {
            // The same row, seen from its other side.
            (
                Some(SourceError::RowTooLarge { path, id, after, before: None }),
                SourceError::RowTooLarge { after: before, .. },
            ) => SourceError::RowTooLarge { path, id, after, before },
            (Some(first), _) => first,
            (None, error) => error,
        };
        active.abreast.blocked = Some(error);
        // In a first load that begins with such a row, there is no other walk yet.
        if active.pass.pages == 0 && self.spreads(active) {
            Self::spread(active);
        }
    }

    /// Whether a second walk joins the first one once that has begun.
    pub(crate) fn spreads(&self, active: &Active) -> bool {
        active.pass.kind == Kind::Backfill
            && active.pass.walks.len() == 1
            && self.request.window.is_open()
            && self.request.overlap == Overlap::Wide
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_rows_are_asked_for_until_they_lie_behind() {
        let mut size = PageSize::default();
        let sizes = |size: &mut PageSize, pages: usize| -> Vec<usize> {
            let page = |size: &mut PageSize| {
                let rows = size.rows();
                size.fits();
                rows
            };
            (0..pages).map(|_| page(size)).collect()
        };
        assert_eq!(sizes(&mut size, 3), [100; 3]);
        assert!(size.shrink() && size.shrink());
        assert_eq!(sizes(&mut size, 22), [[1; 10].as_slice(), &[10; 10], &[100; 2]].concat());
        assert!(size.shrink() && size.shrink() && !size.shrink());
        assert_eq!(size.rows(), 1);
    }
}
