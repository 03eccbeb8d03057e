//! Reading a list from its beginning to its end: what small tables are read by in every run. Nothing of it is resumed.
//!
//! Nearly always such a list is as it was, and what is stored of it, too. So its rows are held back until it is known
//! whether they are the same ones: then nothing has to be written. A list that does not fit is handed on as it comes.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::http::room::Body;
use crate::normalise::rows::Rows;
use crate::source::gorgias::context::Context;
use crate::source::gorgias::fields::integer;
use crate::source::gorgias::list::channel::Sender;
use crate::source::gorgias::list::pages::{self, ListStep, Listing};
use crate::source::{Answers, List, SourceError};

/// Bytes of answers that are held back. All lists of a command together stay well below what answers may take of memory.
const HELD: usize = 2 << 20;

/// Where the rows of a list go.
pub(crate) enum Rest {
    /// On, page by page.
    Flow,
    /// They are held back.
    Held(HeldRows),
}

/// Rows that are held back.
pub(crate) struct HeldRows {
    pages: Vec<Rows>,
    bytes: usize,
    hasher: DefaultHasher,
    /// Of a damaged row something is said in every run.
    damaged: bool,
}

impl Rest {
    /// Holds rows back, to be compared with others that were read in the same way.
    pub(crate) fn held(ctx: &Context) -> Self {
        let mut hasher = DefaultHasher::new();
        // What else decides what becomes of rows.
        (env!("CARGO_PKG_VERSION"), ctx.deletions()).hash(&mut hasher);
        for (name, ..) in ctx.resource.columns {
            name.hash(&mut hasher);
        }
        Self::Held(HeldRows { pages: Vec::new(), bytes: 0, hasher, damaged: false })
    }

    /// A digest of all rows; `None`: it is of no use, as they flow already, or are damaged.
    pub(crate) fn digest(&self) -> Option<u64> {
        match self {
            Self::Held(held) if !held.damaged => Some(held.hasher.finish()),
            _ => None,
        }
    }

    async fn take(&mut self, ctx: &mut Context, rows: Rows, out: &mut Sender) {
        let Self::Held(held) = self else { return ctx.hand_on(rows, Vec::new(), out).await };
        held.bytes += rows.bytes();
        held.damaged |= rows.iter().any(|row| row.received().is_some());
        rows.len().hash(&mut held.hasher);
        for (key, value) in rows.iter().flat_map(|row| row.fields()) {
            (key, value).hash(&mut held.hasher);
        }
        held.pages.push(rows);
        if held.bytes > HELD {
            self.let_go(ctx, out).await;
        }
    }

    /// Hands on what is held back, and from now on what comes.
    pub(crate) async fn let_go(&mut self, ctx: &mut Context, out: &mut Sender) {
        let Self::Held(held) = std::mem::replace(self, Self::Flow) else { return };
        for rows in held.pages {
            ctx.hand_on(rows, Vec::new(), out).await;
        }
    }

    /// Says that all of them are stored as they are.
    pub(crate) async fn are_the_same(self, ctx: &mut Context, out: &mut Sender) {
        let Self::Held(held) = self else { return };
        for rows in held.pages {
            ctx.hand_on_same(rows.len(), out).await;
        }
    }
}

/// Reads all rows; the ids of those that were met. A part of the list that cannot be read fails the table.
pub(crate) async fn read_whole(
    ctx: &mut Context,
    rest: &mut Rest,
    out: &mut Sender,
) -> Result<HashSet<i64>, SourceError> {
    let mut met = HashSet::new();
    let List::Whole { path, answers, parts } = ctx.resource.list else { return Ok(met) };
    for part in parts {
        match answers {
            Answers::Pages(order) => {
                let mut list = Listing::whole(path, part, order);
                loop {
                    match list.next(&ctx.client, &*ctx.observer).await? {
                        ListStep::Rows(rows) => take(ctx, rows, &mut met, (rest, out)).await,
                        // What came before comes again.
                        ListStep::Anew => {}
                        ListStep::End => break,
                    }
                }
            }
            Answers::Once => {
                let rows = ctx.client.get(path, &*ctx.observer, all).await?;
                take(ctx, rows, &mut met, (rest, out)).await;
            }
            Answers::Object => {
                let rows = ctx.client.get(path, &*ctx.observer, object).await?;
                take(ctx, rows, &mut met, (rest, out)).await;
            }
        }
    }
    Ok(met)
}

async fn take(ctx: &mut Context, rows: Rows, met: &mut HashSet<i64>, (rest, out): (&mut Rest, &mut Sender)) {
    ctx.cap.page();
    met.extend(rows.iter().filter_map(|row| integer(row, "id")));
    rest.take(ctx, rows, out).await;
}

/// An answer that has all rows.
fn all(body: Body) -> Result<Rows, String> {
    let (rows, meta) = pages::rows(body)?;
    match meta.next_cursor {
        None => Ok(rows),
        Some(_) => Err("the answer names a next page, and the list has none".to_owned()),
    }
}

/// An answer that is a row.
fn object(body: Body) -> Result<Rows, String> {
    let (bytes, held) = body.into_parts();
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let list = [b"[", text, b"]"].concat();
    let (rows, _) = Rows::parse(list.into()).map_err(|error| error.to_string())?;
    match rows.len() == 1 && rows.row(0).is_object() && rows.row(0).get("error").is_none() {
        true => Ok(rows.holding(held)),
        false => Err("the answer is not one object".to_owned()),
    }
}
