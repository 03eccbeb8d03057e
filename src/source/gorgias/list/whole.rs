//! Reading a list from its beginning to its end: what small tables are read by in every run. Nothing of it is resumed.

use std::collections::HashSet;

use crate::http::room::Body;
use crate::normalise::rows::Rows;
use crate::source::gorgias::context::Context;
use crate::source::gorgias::fields::integer;
use crate::source::gorgias::list::channel::Sender;
use crate::source::gorgias::list::pages::{self, Listing, Step};
use crate::source::{Answers, List, SourceError};

/// Hands on all rows; the ids of those that were met. A part of the list that cannot be read fails the table.
pub(crate) async fn read_whole(ctx: &mut Context, out: &mut Sender) -> Result<HashSet<i64>, SourceError> {
    let mut met = HashSet::new();
    let List::Whole { path, answers, parts } = ctx.resource.list else { return Ok(met) };
    for part in parts {
        match answers {
            Answers::Pages(order) => {
                let mut list = Listing::whole(path, part, order);
                loop {
                    match list.next(&ctx.client, &*ctx.listener).await? {
                        Step::Rows(rows) => take(ctx, rows, &mut met, out).await,
                        // What came before comes again.
                        Step::Anew => {}
                        Step::End => break,
                    }
                }
            }
            Answers::Once => {
                let rows = ctx.client.get(path, &*ctx.listener, all).await?;
                take(ctx, rows, &mut met, out).await;
            }
            Answers::Object => {
                let rows = ctx.client.get(path, &*ctx.listener, object).await?;
                take(ctx, rows, &mut met, out).await;
            }
        }
    }
    Ok(met)
}

async fn take(ctx: &mut Context, rows: Rows, met: &mut HashSet<i64>, out: &mut Sender) {
    ctx.cap.page();
    met.extend(rows.iter().filter_map(|row| integer(row, "id")));
    ctx.hand_on(rows, Vec::new(), out).await;
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
