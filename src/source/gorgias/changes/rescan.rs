//! The re-scan: reading a whole list again, for what changes without moving anything a list sorts by.
//!
//! Deleting a message lowers a ticket's count and moves nothing; merging customers may not move the survivor. So a list is
//! read again once a period, by creation. Two bounds decide how much of it a run reads, each in one place: how many pages
//! have become due in the time that has passed ([`RescanState::due`]), and how many requests a run may spend beside its passes
//! (`cap`). Rows with a sign are looked up first, out of the same cap.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::http::Signal;
use crate::http::limit::Priority;
use crate::model::Micros;
use crate::source::gorgias::api::is_forbidden;
use crate::source::gorgias::changes::absence::{self, WalkedSpan};
use crate::source::gorgias::changes::cap::SHARE_LEAST;
use crate::source::gorgias::changes::message_counts;
use crate::source::gorgias::context::Context;
use crate::source::gorgias::fields::integer;
use crate::source::gorgias::list::channel::Sender;
use crate::source::gorgias::list::checkpoint::{Direction, RescanState, Walk};
use crate::source::gorgias::list::walk::{self, Fetched, Stumble, WalkState};
use crate::source::{Resource, SortField, SourceError};

/// Pages of a list of parents that are re-scanned at once, at least.
const LEAST_OF_PARENTS: u64 = 10;
/// A re-scan is never urgent.
const RESCANS: Priority = Priority::Later { had: 0 };

/// How much of a list has become due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// So many pages from where the re-scan stands.
    Pages(u64),
    /// Every place of the list.
    Everything,
}

impl RescanState {
    /// Pages of the list, as far as is known. One that was never read whole is taken for twice what has been seen of it.
    pub(crate) fn length(&self) -> u64 {
        let walked = self.walk.as_ref().map_or(0, |(_, walk)| walk.pages);
        self.pages.map_or((2 * walked).max(SHARE_LEAST), |pages| pages.max(walked + 1)).max(1)
    }

    /// The pages that have become due, if the whole list is to be read once a period. What is less than a page is left to
    /// add up.
    pub(crate) fn due(&self, period: Duration, now: Micros) -> Due {
        let read_until = self.due_read_until.unwrap_or(self.last_began);
        if read_until > now.plus(period) {
            // By a clock that was ahead.
            return Due::Everything;
        }
        let passed = now.0.saturating_sub(read_until.0).max(0);
        let passed = Duration::from_micros(passed.unsigned_abs());
        if passed >= period {
            return Due::Everything;
        }
        let pages = passed.as_micros() * u128::from(self.length()) / period.as_micros();
        Due::Pages(u64::try_from(pages).unwrap_or(u64::MAX))
    }

    /// A page has been read, of so many. No more than the whole list is ever due.
    fn pay(&mut self, length: u64, period: Duration, now: Micros) {
        let page =
            Duration::from_micros(u64::try_from(period.as_micros() / u128::from(length)).unwrap_or(u64::MAX));
        let read_until = self.due_read_until.unwrap_or(self.last_began).max(now.minus(period));
        self.due_read_until = Some(read_until.plus(page).min(now));
    }
}

/// Whether a walk has passed a place.
fn is_past(walk: &Walk, place: Option<Micros>) -> bool {
    !walk.unordered && place.zip(walk.last).is_some_and(|(place, last)| walk.is_past(last, place))
}

/// How far this run has to go.
struct DuePart {
    due: Due,
    /// Of the list, when the part began.
    length: u64,
    period: Duration,
    read: u64,
}

impl DuePart {
    /// Of a list of parents, a few pages are not worth the look-ups of those that have rows in their time and were created
    /// before it.
    fn is_too_short(&self, own: bool) -> bool {
        !own && matches!(self.due, Due::Pages(pages) if pages < LEAST_OF_PARENTS.min(self.length))
    }

    fn is_read(&self) -> bool {
        matches!(self.due, Due::Pages(pages) if self.read >= pages)
    }
}

/// Begins to keep track, with the first load: everything is about to be read. Rows that an earlier run brought, one of
/// those that do not look for late changes, may have changed since it read them.
pub(crate) fn begin(ctx: &mut Context) {
    let since = ctx.unfollowed_since();
    ctx.progress.rescan.get_or_insert_with(|| RescanState::new(since));
}

/// A pass has read the whole table: how long the list is, until a re-scan tells. Tickets are no more than messages.
pub(crate) fn note_length(ctx: &mut Context, pages: u64) {
    if let Some(rescan) = &mut ctx.progress.rescan {
        rescan.pages = Some(pages);
    }
}

/// Re-scans what has become due, within the cap, and says what was read.
///
/// Where everything is due, this ends where it began: behind the end of the list come the places that were passed in
/// an earlier run, as rows there may have changed since.
pub(crate) async fn rescan(ctx: &mut Context, out: &mut Sender) -> Result<Vec<WalkedSpan>, SourceError> {
    let mut spans = Vec::new();
    if ctx.request.rescan.is_some() {
        absence::look_up_left(ctx, out).await?;
    }
    let period = ctx.request.rescan;
    let (Some(list), Some(rescan)) = (ctx.resource.rescanned(), &mut ctx.progress.rescan) else {
        return Ok(spans);
    };
    rescan.period = Some(period.map_or(0, |period| period.as_secs()));
    rescan.capped_at = None;
    let Some(period) = period else { return Ok(spans) };
    let now = ctx.request.now;
    let mut part = DuePart { due: rescan.due(period, now), length: rescan.length(), period, read: 0 };
    // A list in no order is read whole or not at all, as no run can go on where another one was.
    let waits = part.due != Due::Everything && rescan.walk.as_ref().is_some_and(|(_, walk)| walk.unordered);
    if part.is_read() || part.is_too_short(ctx.resource.counted.is_none()) || waits {
        return Ok(spans);
    }
    let stood = rescan.walk.as_ref().filter(|(_, walk)| walk.cursor.is_some()).map(|(_, walk)| walk.last);
    loop {
        let (began, mut walk) = rescan_walk(ctx);
        // The second time round it ends where this run found it, unless it is not known where that was.
        let until = if spans.is_empty() { None } else { stood.flatten() };
        let Some(span) = stretch(ctx, list, began, &mut walk, until, &mut part, out).await? else {
            return Ok(spans);
        };
        absence::conclude_span(ctx, &span, out).await?;
        spans.push(span);
        let round = walk.done && (began == now || stood.is_none());
        if round || is_past(&walk, until) {
            paid_in_full(ctx);
            return Ok(spans);
        }
        if !walk.done {
            break;
        }
    }
    // Where look-ups have used the cap up, the length of the list is not what holds it up.
    if !part.is_read() && ctx.cap.left() == 0 && part.length > ctx.cap.all() {
        note_cut(ctx, list, &part);
    }
    Ok(spans)
}

/// Walks on until the list ends, or `until` is passed, or the part is read, or nothing is left to spend. `None`: there
/// is no point in it.
async fn stretch(
    ctx: &mut Context,
    list: &Resource,
    began: Micros,
    walk: &mut Walk,
    until: Option<Micros>,
    part: &mut DuePart,
    out: &mut Sender,
) -> Result<Option<WalkedSpan>, SourceError> {
    let mut state = WalkState::of(walk);
    let newest = walk.cursor.as_ref().and(walk.last);
    let boundary = ctx.progress.rescan.as_ref().map(|rescan| rescan.boundary_ids.clone());
    let mut met: BTreeMap<i64, Option<Micros>> =
        boundary.into_iter().flatten().map(|id| (id, newest)).collect();
    let mut pages = 0;
    let mut from_the_front = walk.cursor.is_none();
    while !walk.done && !is_past(walk, until) && !part.is_read() && ctx.cap.left() > 0 {
        ctx.cap.spend();
        let client = &ctx.client;
        let step = walk::step(client, RESCANS, list, walk, &mut state, &*ctx.observer).await;
        let fetched = match step {
            Ok(fetched) => fetched,
            Err(Stumble::Refused) => {
                walk::restart(walk, &mut state, list)?;
                continue;
            }
            Err(Stumble::Error(SourceError::Http(error)))
                if is_forbidden(&error) && ctx.resource.counted.is_some() =>
            {
                ctx.warn(message_counts::NO_TICKETS);
                return Ok(None);
            }
            Err(Stumble::Error(error)) => return Err(error),
        };
        pages += 1;
        part.read += 1;
        // It was begun anew.
        from_the_front |= walk.cursor.is_none() && !walk.done;
        let rows = fetched.rows.iter().zip(&fetched.values);
        met.extend(rows.filter_map(|(row, at)| Some((integer(row, "id")?, *at))));
        if !take_rescanned(ctx, began, walk, part, fetched, out).await {
            return Ok(None);
        }
    }
    let oldest = if walk.done { None } else { walk.last };
    if let Some(rescan) = ctx.progress.rescan.as_mut().filter(|_| pages > 0) {
        rescan.boundary_ids = absence::boundary_ids(&met, oldest);
    }
    // A list in no order shows what lies between two places only if all of it was read in one go.
    let known = !walk.unordered || (walk.done && from_the_front);
    let met = (pages > 0 && known).then(|| met.into_keys().collect());
    let span = WalkedSpan { began, newest, oldest, pages, met };
    ctx.observer.on(Signal::Detail(format!("GET {}: re-scanned {span}", list.path())));
    Ok(Some(span))
}

/// Hands on the rows of a page, or compares its tickets with the messages held, and notes how far it was. False: the
/// target cannot tell what it holds.
async fn take_rescanned(
    ctx: &mut Context,
    began: Micros,
    walk: &Walk,
    part: &DuePart,
    fetched: Fetched,
    out: &mut Sender,
) -> bool {
    if let Some(warning) = &fetched.warning {
        ctx.warn(warning);
    }
    let Some(counted) = ctx.resource.counted else {
        // Stored together with its rows.
        note_rescan(ctx, began, walk, part);
        ctx.hand_on(fetched.rows, Vec::new(), out).await;
        return true;
    };
    let known =
        message_counts::compare(ctx, counted, message_counts::pairs_of(ctx, counted, &fetched), out).await;
    if known {
        note_rescan(ctx, began, walk, part);
    }
    known
}

/// The walk to go on with, and when it began: newest first, as far back as the table is covered, which may be further
/// than when the walk began.
fn rescan_walk(ctx: &Context) -> (Micros, Walk) {
    let unfinished = ctx.progress.rescan.as_ref().and_then(|rescan| rescan.walk.clone());
    let until = ctx.progress.covered_since;
    match unfinished {
        Some((began, walk)) => (began, Walk { until, ..walk }),
        None => (ctx.request.now, Walk::new(SortField::Created, Direction::NewestFirst, until)),
    }
}

/// Notes a page, and so how far the re-scan has come.
fn note_rescan(ctx: &mut Context, began: Micros, walk: &Walk, part: &DuePart) {
    let Some(rescan) = &mut ctx.progress.rescan else { return };
    rescan.pay(part.length, part.period, ctx.request.now);
    if walk.done {
        rescan.last_began = rescan.last_began.max(began);
        rescan.gone = 0;
        rescan.pages = Some(walk.pages);
    }
    rescan.walk = (!walk.done).then(|| (began, walk.clone()));
}

/// Every place of the list was read in this run.
fn paid_in_full(ctx: &mut Context) {
    let now = ctx.request.now;
    if let Some(rescan) = &mut ctx.progress.rescan {
        rescan.due_read_until = Some(now);
    }
}

/// The cap ended this run's part before all was read that had become due.
fn note_cut(ctx: &mut Context, list: &Resource, part: &DuePart) {
    let cap = ctx.cap.all();
    let Some(rescan) = &mut ctx.progress.rescan else { return };
    rescan.capped_at = Some(cap);
    let pages = rescan.length();
    ctx.warn(format!(
        "GET {}: {} of about {pages} pages were re-scanned: of a list so long, a run reads {cap} at most, and all of it \
         takes {} runs; more runs a day shorten that, --rescan can only lengthen it",
        list.path(),
        part.read,
        pages.div_ceil(cap)
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);
    const DAY: Duration = Duration::from_secs(86_400);

    fn at(hours: u32) -> Micros {
        Micros(0).plus(HOUR * hours)
    }

    fn of(pages: u64) -> RescanState {
        RescanState { pages: Some(pages), ..RescanState::new(at(0)) }
    }

    #[test]
    fn pages_become_due_by_the_time_that_has_passed_and_what_is_less_than_one_adds_up() {
        for (pages, hours, due) in [
            (240, 0, Due::Pages(0)),
            (240, 1, Due::Pages(10)),
            (10, 1, Due::Pages(0)),
            (10, 3, Due::Pages(1)),
            (1, 23, Due::Pages(0)),
            (1, 24, Due::Everything),
            (3_000, 24 * 365, Due::Everything),
        ] {
            assert_eq!(of(pages).due(DAY, at(hours)), due, "{pages} pages, {hours} h");
        }
        assert_eq!(of(7).due(7 * DAY, at(24)), Due::Pages(1));
        // A clock that was set back makes nothing due.
        assert_eq!(RescanState::new(at(9)).due(DAY, at(1)), Due::Pages(0));
        assert_eq!(RescanState::new(at(26)).due(DAY, at(1)), Due::Everything, "a clock that was ahead");
    }

    #[test]
    fn each_page_is_paid_for_and_no_more_than_the_list_is_owed() {
        let mut rescan = of(24);
        for _ in 0..3 {
            rescan.pay(24, DAY, at(5));
        }
        assert_eq!(rescan.due(DAY, at(5)), Due::Pages(2));
        for _ in 0..9 {
            rescan.pay(24, DAY, at(5));
        }
        assert_eq!((rescan.due(DAY, at(5)), rescan.due(DAY, at(6))), (Due::Pages(0), Due::Pages(1)));
        // After a year, what is left of the whole list is due.
        rescan.pay(24, DAY, at(9_000));
        assert_eq!(rescan.due(DAY, at(9_000)), Due::Pages(23));
    }

    #[test]
    fn a_list_that_was_never_read_whole_is_taken_for_twice_what_was_seen() {
        let walked = |pages| {
            let walk = Walk { pages, ..Walk::new(SortField::Created, Direction::NewestFirst, None) };
            Some((at(0), walk))
        };
        let unknown = RescanState { pages: None, walk: walked(0), ..of(0) };
        assert_eq!(unknown.length(), SHARE_LEAST);
        assert_eq!(RescanState { walk: walked(400), ..unknown }.length(), 800);
        // A list grows.
        assert_eq!(RescanState { walk: walked(10), ..of(10) }.length(), 11);
        assert_eq!(of(0).length(), 1);
    }

    #[test]
    fn a_re_scan_that_an_older_version_began_goes_on() {
        let stored = r#"{"swept":0,"walk":[1000000,{"sort":"created","direction":"newest_first","until":null,"cursor":"abc","last":7,"pages":60,"done":false,"unordered":false}]}"#;
        let rescan: RescanState = serde_json::from_str(stored).unwrap();
        let walk = &rescan.walk.as_ref().unwrap().1;
        assert_eq!((walk.cursor.as_deref(), rescan.pages, rescan.length()), (Some("abc"), None, 120));
        assert_eq!(rescan.due(DAY, at(2)), Due::Pages(10));
        assert_eq!(rescan.due(DAY, at(48)), Due::Everything);
    }
}
