//! Rows that hold a row of a small table that has vanished: a ticket with a tag that was deleted.
//!
//! Such a row changes without a sign. What vanished is known to the run of the small table; the run of the table that holds
//! it, in the same command, asks for these rows again, within its cap. Where the two are not in one command, or the small
//! table takes too long, the next complete re-scan finds them.

use std::collections::BTreeSet;

use crate::model::Question;
use crate::source::gorgias::api::PAGE_ROWS;
use crate::source::gorgias::context::Context;
use crate::source::gorgias::list::channel::Sender;

/// Ids in one question.
const AT_ONCE: usize = 50;

/// The rows held that hold what has vanished, by key: as many as this run may ask for. Keeping thousands of them for the next
/// runs would make the state long.
pub(crate) async fn of_vanished(ctx: &mut Context, out: &mut Sender) -> BTreeSet<i64> {
    let mut holders = BTreeSet::new();
    let Some(holds) = ctx.resource.holds else { return holders };
    let ids: Vec<i64> = ctx.vanished.from(holds.rows_of).await.into_iter().collect();
    let most = usize::try_from(ctx.cap.left()).unwrap_or(usize::MAX).saturating_mul(PAGE_ROWS);
    for ids in ids.chunks(AT_ONCE) {
        let question = Question::Holding { column: holds.column.into(), ids: ids.to_vec() };
        // A target that cannot tell leaves it to the re-scan.
        let Some(held) = out.ask(question).await else { break };
        let room = most.saturating_sub(holders.len());
        holders.extend(held.pairs.into_iter().map(|(key, _)| key).take(room));
    }
    holders
}
