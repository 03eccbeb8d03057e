//! A list that is looked at here and there: a page at each place that `density` wants to see.

use crate::model::Micros;
use crate::normalise::rows::{Meta, Rows};
use crate::source::gorgias::api::is_useless;
use crate::source::gorgias::context::Context;
use crate::source::gorgias::estimate::density::{Density, TimeSpan};
use crate::source::gorgias::fields::{self, integer};
use crate::source::gorgias::list::checkpoint::{Direction, Walk};
use crate::source::gorgias::list::pages::{self, Position};
use crate::source::gorgias::list::stretch::{Key, PagePlace};
use crate::source::gorgias::list::{seek, walk};
use crate::source::gorgias::resources::counted_by;
use crate::source::{SortField, SourceError};

/// 2015, before which Gorgias has no rows of lists that do not take an order: they cannot be asked for their oldest ones.
const NONE_BEFORE: i64 = 1_420_070_400_000_000;

/// A list.
pub(super) struct List {
    pub(super) ctx: Context,
    sort: SortField,
    pub(super) density: Density,
}

impl List {
    pub(super) fn new(ctx: Context, sort: SortField, wanted: Vec<TimeSpan>) -> Self {
        Self { ctx, sort, density: Density::new(wanted) }
    }

    /// Reads a page at a place. A list that does not do what a cursor of our making asks is looked at from its ends only.
    pub(super) async fn look(&mut self, place: PagePlace) -> Result<(), SourceError> {
        let sortable = self.ctx.resource.sortable();
        let place = match place {
            PagePlace::Oldest if !sortable => PagePlace::Below((NONE_BEFORE, 0)),
            place => place,
        };
        let (rows, meta) = match self.page(place).await {
            Ok(page) => page,
            Err(error) if place == PagePlace::Newest || is_useless(&error) => return Err(error),
            Err(_) => {
                self.density.only_ends();
                return Ok(());
            }
        };
        let keys = self.keys(&rows);
        let more = meta.next_cursor.is_some();
        // A list that takes no order may be one that shows its oldest row first.
        let given = !sortable && place == PagePlace::Newest && keys.first() < keys.last();
        let place = if given { PagePlace::Oldest } else { place };
        let is_place = || meta.next_cursor.is_none_or(|cursor| seek::is_place(&cursor, &rows, self.sort));
        if !fits(place, &keys) || (more && keys.is_empty()) {
            self.density.only_ends();
            return Ok(());
        }
        if given || !is_place() || (!sortable && more && matches!(place, PagePlace::Below((NONE_BEFORE, _))))
        {
            self.density.only_ends();
        }
        self.density.note(place, &keys, more);
        Ok(())
    }

    async fn page(&self, place: PagePlace) -> Result<(Rows, Meta), SourceError> {
        let (direction, key) = match place {
            PagePlace::Newest => (Direction::NewestFirst, None),
            PagePlace::Below(key) => (Direction::NewestFirst, Some(key)),
            PagePlace::Oldest => (Direction::OldestFirst, None),
            PagePlace::Above(key) => (Direction::OldestFirst, Some(key)),
        };
        let cursor = key.map(|(at, id)| seek::cursor(Micros(at), id));
        let position = Position::of(cursor.as_ref());
        let walk = Walk { cursor, ..Walk::new(self.sort, direction, None) };
        let path = |rows| walk::path(self.ctx.resource, &walk, rows);
        Ok(pages::one(&self.ctx.client, &*self.ctx.observer, position, path).await?)
    }

    /// Where the rows of a page stand, and how many rows of another table each counts. One without a time stands where the
    /// one before it does.
    fn keys(&self, rows: &Rows) -> Vec<(Key, i64)> {
        let counted = counted_by(self.ctx.resource);
        let mut at = self.ctx.request.now;
        let keys = rows.iter().zip(0..).map(|(row, number)| {
            at = fields::datetime(row, self.sort.column()).unwrap_or(at);
            let counts = counted.and_then(|counted| integer(row, counted.field)).unwrap_or_default();
            ((at.0, integer(row, "id").unwrap_or(number)), counts)
        });
        keys.collect()
    }
}

/// Whether rows are in the order that was asked for, and beyond the place.
fn fits(place: PagePlace, rows: &[(Key, i64)]) -> bool {
    let down = rows.is_sorted_by(|(a, _), (b, _)| a > b);
    let up = rows.is_sorted_by(|(a, _), (b, _)| a < b);
    match place {
        PagePlace::Newest => down,
        PagePlace::Oldest => up,
        PagePlace::Below(from) => down && rows.iter().all(|(key, _)| *key < from),
        PagePlace::Above(from) => up && rows.iter().all(|(key, _)| *key > from),
    }
}
