//! One walk along a sorted list: requests page after page, checks that the list is what was asked for, and knows
//! when to stop. What a page is, is told by `pages`.

use std::borrow::Cow;
use std::collections::VecDeque;

use crate::http::Observer;
use crate::http::client::Client;
use crate::http::limit::Priority;
use crate::model::Micros;
use crate::normalise::rows::Rows;
use crate::source::gorgias::api::{encode, order, refuses_cursor};
use crate::source::gorgias::fields::{self, integer, last_id};
use crate::source::gorgias::list::checkpoint::{Direction, Walk};
use crate::source::gorgias::list::page_size::PageSize;
use crate::source::gorgias::list::pages::{self, Answer, Ask, EmptyEnd, LoopGuard, Position};
use crate::source::{Resource, SortField, SourceError};

/// How often a walk may be begun again in a row because the API refuses its own cursor.
const MOST_RESTARTS: u32 = 3;

/// How often a list may change its direction until it is given up.
const MOST_TURNS: u32 = 10;
/// Rows of a page that are all in one order: fewer may be so by chance.
const IN_ORDER: usize = 8;

/// Pages whose length is remembered.
const SPANS: usize = 7;

/// What a walk remembers only while it is walked.
#[derive(Debug, Default)]
pub(crate) struct WalkState {
    guard: LoopGuard,
    pub(crate) size: PageSize,
    /// Id of the row that came last.
    last_id: Option<i64>,
    restarts: u32,
    /// Pages since the list was begun, and the most that these ever were.
    taken: u64,
    furthest: u64,
    /// Sort value of the row that came last, to compare the next page with.
    previous: Option<Micros>,
    /// Id and sort value of each row of the last page.
    page: Vec<(i64, Option<Micros>)>,
    /// Which way the pages of a list go that is not in the order asked for, since it was begun.
    facing: Option<Direction>,
    turns: u32,
    /// Microseconds between the first and the last row of the last pages, the last one last.
    spans: VecDeque<i64>,
}

impl WalkState {
    /// For a walk as it was stored: behind the row that it read last, or on its way back there.
    pub(crate) fn of(walk: &Walk) -> Self {
        Self { previous: walk.cursor.as_ref().and(walk.last).filter(|_| !walk.seeking), ..Self::default() }
    }

    /// How long the last page was, in microseconds.
    pub(crate) fn span(&self) -> Option<i64> {
        self.spans.back().copied()
    }

    /// How long pages are where the walk is: the median of the last ones. Nights have longer ones than days, and a page at
    /// the oldest end may span years between imports.
    pub(crate) fn pace(&self) -> Option<i64> {
        let mut spans: Vec<i64> = self.spans.iter().copied().collect();
        spans.sort_unstable();
        spans.get(spans.len() / 2).copied()
    }

    /// A page was so long.
    pub(crate) fn note_span(&mut self, span: Option<i64>) {
        self.spans.extend(span);
        if self.spans.len() > SPANS {
            self.spans.pop_front();
        }
    }

    /// Whether a page shows a row of the page before at the place where it was. No cursor leads there, unless the list
    /// has turned around; among rows that share one time their ids alone tell. The very same page once more is an endless
    /// list ([`LoopGuard`]).
    fn repeats(&self, page: &[(i64, Option<Micros>)]) -> bool {
        page != self.page && page.iter().any(|key| self.page.contains(key))
    }

    /// The walk's next page was asked for, and its answer is not used: it may be asked for again.
    pub(crate) fn forget(&mut self, walk: &Walk) {
        if let Some(cursor) = &walk.cursor {
            self.guard.forget(cursor);
        }
    }
}

/// Id and sort value of each row that has an id.
fn keys(rows: &Rows, values: &[Option<Micros>]) -> Vec<(i64, Option<Micros>)> {
    rows.iter().zip(values).filter_map(|(row, value)| Some((integer(row, "id")?, *value))).collect()
}

/// Time between the first and the last value.
pub(crate) fn span(values: &[Option<Micros>]) -> Option<i64> {
    let mut known = values.iter().flatten();
    let (first, last) = (known.next()?, known.next_back()?);
    Some(first.0.abs_diff(last.0).try_into().unwrap_or(i64::MAX))
}

/// A page, and where the walk stands after it.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) rows: Rows,
    /// Sort value of each row; `None` where it is missing or no datetime.
    pub(crate) values: Vec<Option<Micros>>,
    /// Whether the page lies before the point a restarted walk has to find again.
    pub(crate) skipped: bool,
    /// So many of its first rows lie before that point, or at it, and were read; or come again, as the list is begun anew.
    pub(crate) known: usize,
    /// What the user should know about it.
    pub(crate) warning: Option<String>,
}

impl Fetched {
    /// Another datetime of each row than the one the list is sorted by, or that.
    pub(crate) fn times(&self, sorted: SortField, wanted: SortField) -> Cow<'_, [Option<Micros>]> {
        if sorted == wanted {
            return Cow::Borrowed(&self.values);
        }
        self.rows.iter().map(|row| fields::datetime(row, wanted.column())).collect()
    }
}

/// Why a step did not yield a page.
pub(crate) enum Stumble {
    /// The API refuses the walk's cursor.
    Refused,
    Error(SourceError),
}

/// Requests the walk's next page and moves the walk behind it.
pub(crate) async fn step(
    client: &Client,
    priority: Priority,
    list: &Resource,
    walk: &mut Walk,
    state: &mut WalkState,
    observer: &dyn Observer,
) -> Result<Fetched, Stumble> {
    loop {
        let ask = ask(list, walk, state).map_err(Stumble::Error)?;
        // Nothing new is no harm where only what is new was asked for: the next run looks again.
        let harmless = walk.cursor.is_none() && walk.until.is_some();
        let empty = if harmless { EmptyEnd::Harmless } else { EmptyEnd::Doubtful };
        let answer = pages::fetch(client, priority, &ask, observer, empty).await;
        if let Some(fetched) = take(list, walk, state, answer)? {
            return Ok(fetched);
        }
    }
}

/// The request for the walk's next page.
pub(crate) fn ask(list: &Resource, walk: &Walk, state: &mut WalkState) -> Result<Ask, SourceError> {
    if let Some(cursor) = &walk.cursor {
        state.guard.uses(cursor, list.path())?;
    }
    let (position, rows) = (Position::of(walk.cursor.as_ref()), state.size.rows());
    Ok(Ask { path: path(list, walk, rows), position, rows })
}

/// Moves the walk behind the page that was answered. `None`: there was too much of it, so the same place has to be asked
/// for again, with fewer rows.
pub(crate) fn take(
    list: &Resource,
    walk: &mut Walk,
    state: &mut WalkState,
    answer: Answer,
) -> Result<Option<Fetched>, Stumble> {
    let (rows, meta) = match answer {
        Ok(answer) => answer,
        Err(error) if error.is_too_large() => {
            state.forget(walk);
            if state.size.shrink() {
                return Ok(None);
            }
            let (path, after) = (list.path(), state.last_id);
            return Err(Stumble::Error(SourceError::RowTooLarge { path, id: None, after, before: None }));
        }
        Err(error) if walk.cursor.is_some() && refuses_cursor(&error) => return Err(Stumble::Refused),
        Err(error) => return Err(Stumble::Error(error.into())),
    };
    if meta.next_cursor.is_some() {
        state.guard.note(&rows, list.path()).map_err(Stumble::Error)?;
    }
    state.size.fits();
    state.last_id = last_id(&rows).or(state.last_id);
    let values: Vec<_> = rows.iter().map(|row| fields::datetime(row, walk.sort.column())).collect();
    let page = keys(&rows, &values);
    let repeats = state.repeats(&page);
    if !list.sortable() && walk.cursor.is_none() {
        face(walk, &values);
    }
    let broken = breaks_order(walk, state.previous, &values, repeats);
    let warning = (broken && list.sortable()).then(|| {
        format!(
            "GET {} is not in the order asked for ({}); reading all of it instead of stopping early",
            list.path(),
            walk.sort.column()
        )
    });
    if broken && (state.previous.is_some() || meta.next_cursor.is_some()) {
        // The list turned around, now or at its first page: where this page's cursor leads is anybody's guess. Only a list read
        // from its beginning to its end is known to be whole, whatever its order.
        begin_anew(walk, state);
        return Ok(Some(again(rows, values, warning)));
    }
    if walk.unordered && turned(walk, state, list, &values, repeats)? {
        return Ok(Some(again(rows, values, warning)));
    }
    state.taken += 1;
    if walk.unordered && state.taken > state.furthest {
        state.restarts = 0;
    }
    state.furthest = state.furthest.max(state.taken);
    let last = values.iter().rev().find_map(|value| *value);
    let known = walk.sought().map_or(0, |point| read_before(walk, point, &page));
    let skipped = seek(walk, state, last, known == rows.len());
    state.previous = last.or(state.previous);
    state.page = page;
    state.note_span(span(&values));
    if !walk.seeking && last.is_some() {
        (walk.last, walk.last_id) = (last, state.last_id);
    }
    walk.pages += 1;
    let beyond = |until| last.is_some_and(|last| walk.is_past(last, until));
    walk.done =
        meta.next_cursor.is_none() || (walk.sorted && !walk.unordered && walk.until.is_some_and(beyond));
    walk.cursor = meta.next_cursor;
    Ok(Some(Fetched { rows, values, skipped, known, warning }))
}

/// Begins a walk again whose cursor was refused: from the list's beginning, skipping what was read.
pub(crate) fn restart(walk: &mut Walk, state: &mut WalkState, list: &Resource) -> Result<(), SourceError> {
    state.restarts += 1;
    if state.restarts > MOST_RESTARTS {
        return Err(SourceError::RefusedCursor { path: list.path(), times: state.restarts });
    }
    begin_anew(walk, state);
    walk.seeking = walk.last.is_some();
    Ok(())
}

/// Whether a page, with this last value, lies before the point that a restarted walk seeks. From behind that on it goes on.
fn seek(walk: &mut Walk, state: &mut WalkState, last: Option<Micros>, known: bool) -> bool {
    match (walk.sought(), last) {
        (Some(point), Some(last)) if !walk.unordered && !walk.is_past(last, point) && last != point => true,
        // All of it is known, and so may be rows at the point that are on the next page.
        (Some(point), Some(last)) if !walk.unordered && last == point && known => false,
        // A page without a time does not say where it lies.
        (Some(_), None) if !walk.unordered => false,
        (_, last) => {
            walk.seeking = false;
            // A page without rows is no step forward, and in a list without an order only more pages than ever are.
            if last.is_some() && !walk.unordered {
                state.restarts = 0;
            }
            false
        }
    }
}

/// A page of a list that is begun anew: its rows come again.
fn again(rows: Rows, values: Vec<Option<Micros>>, warning: Option<String>) -> Fetched {
    Fetched { known: rows.len(), rows, values, skipped: false, warning }
}

/// How many rows of a page were read before the walk was restarted: those before the point it seeks, and of those at it the ones
/// that come no later than the row that was read last. Ids order rows that share a time.
fn read_before(walk: &Walk, point: Micros, page: &[(i64, Option<Micros>)]) -> usize {
    let read = |id: i64| {
        walk.last_id.is_some_and(|last| match walk.direction {
            Direction::NewestFirst => id >= last,
            Direction::OldestFirst => id <= last,
        })
    };
    let known = |(id, at): &&(i64, Option<Micros>)| match at {
        _ if walk.unordered => false,
        Some(at) if *at == point => read(*id),
        Some(at) => !walk.is_past(*at, point),
        None => false,
    };
    page.iter().take_while(known).count()
}

/// Whether a list that ignores the order asked for has turned around in the middle, as when the API begins to heed it:
/// its next page may be one that was read, and its end the one it began at. Then it is begun again.
fn turned(
    walk: &mut Walk,
    state: &mut WalkState,
    list: &Resource,
    values: &[Option<Micros>],
    repeats: bool,
) -> Result<bool, Stumble> {
    let same = |facing| *state.facing.get_or_insert(facing) == facing;
    if facing(values).is_none_or(same) && !repeats {
        return Ok(false);
    }
    state.turns += 1;
    if state.turns > MOST_TURNS {
        let error = SourceError::NoOrder { path: list.path(), times: state.turns };
        return Err(Stumble::Error(error));
    }
    begin_anew(walk, state);
    Ok(true)
}

/// A list that takes no order goes the way its first page goes; if the oldest come first, what is wanted ends where the list does.
fn face(walk: &mut Walk, values: &[Option<Micros>]) {
    let Some(facing) = facing(values) else { return };
    walk.direction = facing;
    walk.until = walk.until.filter(|_| facing == Direction::NewestFirst);
}

/// Which way a page goes, if all of it goes one way and that is no accident.
fn facing(values: &[Option<Micros>]) -> Option<Direction> {
    let known: Vec<Micros> = values.iter().flatten().copied().collect();
    let (first, last) = (known.first()?, known.last()?);
    if known.len() < IN_ORDER || first == last {
        return None;
    }
    if known.is_sorted() {
        return Some(Direction::OldestFirst);
    }
    known.is_sorted_by(|a, b| a >= b).then_some(Direction::NewestFirst)
}

pub(crate) fn begin_anew(walk: &mut Walk, state: &mut WalkState) {
    state.facing = None;
    state.taken = 0;
    state.guard.begin_anew();
    state.previous = None;
    state.page.clear();
    state.last_id = None;
    walk.seeking = false;
    walk.cursor = None;
}

/// The cursor does not carry the order, so all parameters are sent with every page.
pub(crate) fn path(list: &Resource, walk: &Walk, rows: usize) -> String {
    let mut path = format!("{}?limit={rows}", list.path());
    if list.sortable() {
        let order = order(walk.direction);
        path.push_str(&format!("&order_by={}%3A{order}", walk.sort.column()));
    }
    if let Some(cursor) = &walk.cursor {
        path.push_str("&cursor=");
        path.push_str(&encode(cursor));
    }
    path
}

/// Whether the page is the first one that is not in the walk's order; from there on the walk trusts nothing but the list's end.
fn breaks_order(walk: &mut Walk, previous: Option<Micros>, values: &[Option<Micros>], repeats: bool) -> bool {
    if walk.unordered {
        return false;
    }
    let known: Vec<Micros> = previous.into_iter().chain(values.iter().flatten().copied()).collect();
    let ordered = !repeats && known.windows(2).all(|pair| !walk.is_past(pair[0], pair[1]));
    walk.unordered = !ordered;
    walk.sorted |= ordered && known.windows(2).any(|pair| pair[0] != pair[1]);
    !ordered
}
