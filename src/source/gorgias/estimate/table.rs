//! What reading tables would take: the pass of each is decided as for a run, and then its list is looked at here and there
//! instead of being walked. All tables share [`MOST`] requests, and the one that is known least goes next.

use std::sync::Arc;

use crate::http::Observer;
use crate::http::client::Client;
use crate::source::gorgias::api::{PAGE_ROWS, is_useless};
use crate::source::gorgias::changes::cap::Cap;
use crate::source::gorgias::changes::rescan::Due;
use crate::source::gorgias::context::Context;
use crate::source::gorgias::estimate::density::{EVER, TimeSpan};
use crate::source::gorgias::estimate::look::List;
use crate::source::gorgias::list::active::Active;
use crate::source::gorgias::list::checkpoint::{Direction, Pass, Walk};
use crate::source::gorgias::list::pass;
use crate::source::gorgias::list::stretch::PagePlace;
use crate::source::gorgias::resources::counted_by;
use crate::source::{
    Answers, Basis, Forecast, Guess, Late, List as Listed, Overlap, ReadRequest, Resource, SourceError,
};

/// Requests that are sent for a forecast, at most.
const MOST: u32 = 40;
const ROWS: u64 = PAGE_ROWS as u64;

/// A table whose list is looked at, or one of which that is not worth a request.
struct Table {
    resource: &'static Resource,
    looked: Option<(List, Active)>,
}

/// A forecast for each request, in their order; none any more after a failure that the others would share.
pub(crate) async fn tables(
    client: &Arc<Client>,
    requests: Vec<ReadRequest>,
    observer: Arc<dyn Observer>,
) -> Vec<Result<Forecast, SourceError>> {
    let (mut tables, mut sent) = (Vec::new(), 0);
    for request in requests {
        let mut table = Table::of(Arc::clone(client), request, Arc::clone(&observer));
        if let Ok(Table { looked: Some((list, _)), .. }) = &mut table
            && let Some((place, _)) = list.density.next()
        {
            sent += 1;
            if let Err(error) = list.look(place).await {
                table = Err(error);
            }
        }
        tables.push(table);
        if tables.last().is_some_and(|table| table.as_ref().is_err_and(is_useless)) {
            return forecasts(tables);
        }
    }
    while sent < MOST
        && let Some((n, place)) = least_known(&tables)
    {
        let Ok(Table { looked: Some((list, _)), .. }) = &mut tables[n] else { break };
        sent += 1;
        if let Err(error) = list.look(place).await {
            tables[n] = Err(error);
            break;
        }
    }
    forecasts(tables)
}

/// The table to look at next, and where.
fn least_known(tables: &[Result<Table, SourceError>]) -> Option<(usize, PagePlace)> {
    let next = tables.iter().enumerate().filter_map(|(n, table)| {
        let table = table.as_ref().ok()?;
        // Its rows are counted elsewhere.
        if counted(tables, table).is_some() {
            return None;
        }
        let (list, _) = table.looked.as_ref()?;
        let (place, width) = list.density.next()?;
        // What counts another table's rows tells of both.
        let both = counted_by(table.resource).is_some();
        Some((if both { 1.5 * width } else { width }, n, place))
    });
    next.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, n, place)| (n, place))
}

/// How many rows a table has, by how many of them those of another table have that is looked at.
fn counted(tables: &[Result<Table, SourceError>], table: &Table) -> Option<Forecast> {
    let by = table.resource.counted?.by.name;
    let all = |table: &Table| {
        let (list, active) = table.looked.as_ref()?;
        reads_all(list, active).then(|| list.density.estimate())
    };
    let own = all(table)?.rows;
    let other = tables.iter().flatten().find(|table| table.resource.name == by)?;
    let told = all(other)?;
    // More than that are there, or they are all known.
    let rows = Guess {
        least: told.counted.least.max(own.least),
        about: told.counted.about.max(own.least),
        most: told.counted.most.map(|most| most.max(own.least)),
    };
    (!own.is_exact()).then_some(Forecast {
        rows,
        requests: rows,
        basis: Basis::Tickets,
        wide: Some(told.wide),
    })
}

fn forecasts(tables: Vec<Result<Table, SourceError>>) -> Vec<Result<Forecast, SourceError>> {
    let by_others: Vec<Option<Forecast>> =
        tables.iter().map(|table| counted(&tables, table.as_ref().ok()?)).collect();
    let all = tables.into_iter().zip(by_others);
    all.map(|(table, counted)| Ok(table?.forecast(counted))).collect()
}

impl Table {
    fn of(
        client: Arc<Client>,
        request: ReadRequest,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, SourceError> {
        let ctx = Context::new(client, Arc::default(), observer, request)?;
        let resource = ctx.resource;
        if small(resource).is_some() {
            return Ok(Self { resource, looked: None });
        }
        let active = pass::begin(&ctx);
        let sort = active.pass.walks.first().map_or(resource.sort(), |walk| walk.sort);
        let wanted = left_of(&active.pass);
        Ok(Self { resource, looked: Some((List::new(ctx, sort, wanted.unwrap_or_default()), active)) })
    }

    fn forecast(self, counted: Option<Forecast>) -> Forecast {
        let Some((list, active)) = self.looked else { return small(self.resource).unwrap_or(UNKNOWN) };
        if left_of(&active.pass).is_none() {
            return UNKNOWN;
        }
        let read = list.density.estimate();
        let window = list.ctx.request.window;
        let kept = (
            window.start.map_or(i64::MIN, |start| start.0),
            window.end.map_or(i64::MAX, |end| end.0.saturating_add(1)),
        );
        let rows = if kept == EVER || active.resumed { read } else { list.density.within(&[kept]) };
        let basis = match active.pass.walks.first().and_then(|walk| walk.until) {
            _ if active.resumed => Basis::Progress,
            _ if read.rows.is_exact() || read.rows.most.is_none() => Basis::Seen,
            Some(_) => Basis::Changes,
            None => Basis::Dates,
        };
        let own = Forecast { rows: rows.rows, requests: read.rows, basis, wide: Some(read.wide) };
        let told = counted.unwrap_or(own);
        let requests = pages(told.requests);
        Forecast {
            requests: requests.plus(beside(&list.ctx, &active, told.requests)),
            wide: told.wide.filter(|_| told.rows.is_wide()),
            ..told
        }
    }
}

/// Of a pass that goes on along a list which is not in order.
const UNKNOWN: Forecast = Forecast {
    rows: Guess { least: 0, about: 0, most: None },
    requests: Guess { least: 1, about: 1, most: None },
    basis: Basis::Progress,
    wide: None,
};

/// Whether a pass reads all of its list, and all of that is wanted.
fn reads_all(list: &List, active: &Active) -> bool {
    let whole = active.pass.walks.iter().all(|walk| walk.until.is_none());
    whole && !active.resumed && list.ctx.request.window.is_open()
}

/// A list that every run reads whole is short, and not worth a request now: most accounts have a page of it.
fn small(table: &Resource) -> Option<Forecast> {
    let Listed::Whole { answers, parts, .. } = table.list else { return None };
    let pages = parts.len() as u64;
    let (most, full) = match answers {
        Answers::Pages(_) => (pages * 10, ROWS),
        Answers::Once => (pages, ROWS),
        Answers::Object => (pages, 1),
    };
    let rows = Guess { least: 0, about: (pages * full).div_ceil(2), most: Some(most * full) };
    let requests = Guess { least: pages, about: pages, most: Some(most) };
    Some(Forecast { rows, requests, basis: Basis::Small, wide: None })
}

/// Pages of so many rows; a list without any is a page, too.
fn pages(rows: Guess) -> Guess {
    rows.map(|rows| rows.div_ceil(ROWS).max(1))
}

fn between_least(least: u64, most: u64) -> Guess {
    Guess { least, about: least, most: Some(most) }
}

/// Requests beside the pages of the pass: what a list does not show, and looking again at its front.
fn beside(ctx: &Context, active: &Active, rows: Guess) -> Guess {
    let tracks = ctx.request.late != Late::Nothing && ctx.request.overlap == Overlap::Wide;
    let follows = tracks && active.moves;
    let first = ctx.progress.watermark.is_none();
    let several = rows.about > ROWS || active.resumed;
    let events =
        u64::from(follows && ctx.request.late == Late::ChangesAndDeletions && ctx.resource.deletions());
    let counts = u64::from(tracks && ctx.resource.counted.is_some());
    let front = u64::from(several && ctx.request.window.end.is_none());
    // What has become due is re-scanned. Rows with a sign are looked up out of the same cap, and a list is looked at
    // again as long as it changes.
    let fresh = first && !active.resumed;
    let looks = follows && !fresh && ctx.resource.rescanned().is_some();
    let cap = if looks { Cap::of(pages(rows).most.unwrap_or(rows.about)) } else { 0 };
    let due = if looks { due(ctx).min(cap) } else { 0 };
    let least = events + counts + front + due;
    let again = if several || first { 2 } else { 0 };
    between_least(least, least + again + cap - due)
}

/// Pages of the re-scan that have become due.
fn due(ctx: &Context) -> u64 {
    let due = ctx.progress.rescan.as_ref().zip(ctx.request.rescan).map(|(rescan, period)| {
        match rescan.due(period, ctx.request.now) {
            Due::Pages(pages) => pages,
            Due::Everything => rescan.length(),
        }
    });
    due.unwrap_or(0)
}

/// The times that a pass has still to read. `None`: that is not known.
fn left_of(pass: &Pass) -> Option<Vec<TimeSpan>> {
    let walks = &pass.walks;
    if walks.iter().any(|walk| walk.unordered) {
        return None;
    }
    let end = |walk: &Walk| match walk.direction {
        Direction::NewestFirst => {
            (walk.until.map_or(i64::MIN, |until| until.0), walk.last.map_or(i64::MAX, |at| at.0))
        }
        Direction::OldestFirst => (walk.last.map_or(i64::MIN, |at| at.0), i64::MAX),
    };
    // One that has not begun yet stands at its end of the list.
    let gap = |above: &Walk, below: &Walk| {
        let from = below.first.or(below.last).map_or(i64::MIN, |at| at.0);
        (from, above.last.map_or(i64::MAX, |at| at.0))
    };
    let last = walks.last()?;
    let between = walks.windows(2).filter(|pair| !pair[0].done);
    let mut left: Vec<TimeSpan> = between.map(|pair| gap(&pair[0], &pair[1])).collect();
    // Nobody comes towards the last one.
    if !last.done && (walks.len() == 1 || last.direction == Direction::NewestFirst) {
        left.push(end(last));
    }
    left.retain(|(from, to)| from < to);
    Some(left)
}
