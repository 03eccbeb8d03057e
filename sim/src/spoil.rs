//! How faults change a page: its rows, its cursors, whether it has a `meta`.

use crate::cursor::{Cursor, Key};
use crate::faults::Fault;

/// A row's place in its list: sort value, id.
pub(crate) type Place = (Key, i64);

/// The next cursor of a page.
#[derive(Debug, Clone)]
pub(crate) enum Next {
    /// The list ends here.
    End,
    /// It goes on beyond this place.
    Beyond(Place),
    /// Whatever this is.
    Text(String),
}

/// One page: row keys in the order shown, and what is beyond them.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) rows: Vec<Place>,
    /// The place that the previous page ends before.
    pub(crate) prev: Option<Place>,
    pub(crate) next: Next,
    pub(crate) has_meta: bool,
}

impl Page {
    /// Spoils it. `sent` is the cursor that was sent, as text and as a place; `up` the order shown.
    pub(crate) fn spoil(&mut self, fault: &Fault, sent: Option<(&str, &Cursor)>, up: bool) {
        match fault {
            Fault::MissingMeta => self.has_meta = false,
            Fault::RepeatedCursor => {
                if let (Next::Beyond(_), Some((text, _))) = (&self.next, sent) {
                    self.next = Next::Text(text.to_owned());
                }
            }
            Fault::EmptyPageWithNext => {
                if let Some(before) = self.before_first(None, up) {
                    self.next = Next::Beyond(before);
                }
                self.rows.clear();
            }
            Fault::EndlessEmpty | Fault::EndlessSame => {
                if let Some(before) = self.before_first(sent.map(|(_, cursor)| cursor), up) {
                    self.next = Next::Beyond(before);
                }
                if *fault == Fault::EndlessEmpty {
                    self.rows.clear();
                }
            }
            Fault::EmptyLookup | Fault::EmptyEnd => self.end_after(0),
            Fault::EmptyWithoutMeta => {
                self.end_after(0);
                self.has_meta = false;
            }
            Fault::ShortWithoutMeta => {
                self.end_after(self.rows.len() / 2);
                self.has_meta = false;
            }
            Fault::Partial206 => self.end_after(self.rows.len() / 2),
            Fault::Status203 => self.next = Next::End,
            Fault::PartialLookup => {
                self.rows = std::mem::take(&mut self.rows).into_iter().step_by(2).collect();
                self.end_after(self.rows.len());
            }
            Fault::EmptyCursor => self.next = Next::Text(String::new()),
            _ => {}
        }
    }

    /// Shows so many of its rows and says that these are all there are.
    fn end_after(&mut self, rows: usize) {
        self.rows.truncate(rows);
        self.next = Next::End;
        if self.rows.is_empty() {
            self.prev = None;
        }
    }

    /// A place just before the first row, so that following it loses nothing, and before the cursor sent if that is
    /// such a place already.
    fn before_first(&self, sent: Option<&Cursor>, up: bool) -> Option<Place> {
        let (key, id) = self.rows.first()?;
        let id = match sent.filter(|sent| sent.forward && sent.key == *key) {
            Some(sent) if up => sent.id.min(*id),
            Some(sent) => sent.id.max(*id),
            None => *id,
        };
        Some((key.clone(), if up { id - 1 } else { id + 1 }))
    }
}
