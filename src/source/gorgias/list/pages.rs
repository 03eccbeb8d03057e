//! Pages of a list: what an answer must look like to be one, where a list ends, and when it never will.
//!
//! A list ends only where an answer says so: with `meta.next_cursor` null (gorgias-api.md 2.1: the last page still carries
//! rows). An answer that says nothing about further pages (no `meta`, a bare array) is taken for a whole list only if it
//! is the first one and shorter than what was asked for; anywhere else it was cut or altered on its way. The same
//! holds for an end without rows: it is believed when a second answer, some seconds later, says it again.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::time::Duration;

use crate::http::Observer;
use crate::http::client::{Client, HttpError};
use crate::http::limit::Priority;
use crate::http::room::Body;
use crate::model::Micros;
use crate::normalise::rows::{Meta, Rows};
use crate::source::SourceError;
use crate::source::gorgias::api::{encode, refuses_cursor};
use crate::source::gorgias::fields::{self, last_id};
use crate::source::gorgias::list::page_size::PageSize;

/// Between two answers that have to agree: what was wrong for a moment is over by then.
pub(crate) const SECOND_LOOK: Duration = Duration::from_secs(2);
/// Pages in a row that bring nothing, until a list is taken to have no end.
const MOST_FRUITLESS: u32 = 100;
/// How often a list is asked for from its beginning because its cursor is refused, or it is not in order.
const MOST_RESTARTS: u32 = 3;

/// Where in its list an answer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    /// No cursor was sent.
    First,
    /// A cursor of an earlier page was sent.
    Later,
}

impl Position {
    pub(crate) fn of(cursor: Option<&String>) -> Self {
        if cursor.is_some() { Self::Later } else { Self::First }
    }
}

/// A request for a page.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    /// Path and query.
    pub(crate) path: String,
    pub(crate) position: Position,
    /// Rows asked for.
    pub(crate) rows: usize,
}

/// What an end without rows is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EmptyEnd {
    /// Believed at once: nothing is lost if it is wrong.
    Harmless,
    /// A second answer has to agree.
    Doubtful,
}

/// A page, or why there is none.
pub(crate) type Answer = Result<(Rows, Meta), HttpError>;

/// Reads an answer that is a page of a list. An answer that is none is a fault like a cut body: it is asked for again.
pub(crate) fn read(position: Position, asked: usize) -> impl Fn(Body) -> Result<(Rows, Meta), String> {
    move |body| {
        let (rows, meta) = rows(body)?;
        if meta.next_cursor.as_deref() == Some("") {
            return Err("the answer names an empty cursor for the next page".into());
        }
        let whole = position == Position::First && rows.len() < asked;
        if !meta.tells_next && !whole {
            return Err("the answer does not say whether there are more pages".into());
        }
        Ok((rows, meta))
    }
}

/// The rows of an answer, which take its room as long as they are there.
pub(crate) fn rows(body: Body) -> Result<(Rows, Meta), String> {
    let (bytes, held) = body.into_parts();
    let (rows, meta) = Rows::parse(bytes).map_err(|error| error.to_string())?;
    Ok((rows.holding(held), meta))
}

/// Requests a page. An end that is doubtful, without rows or without `meta`, is asked for a second time.
pub(crate) async fn fetch(
    client: &Client,
    priority: Priority,
    ask: &Ask,
    observer: &dyn Observer,
    empty: EmptyEnd,
) -> Answer {
    let Ask { path, position, rows: asked } = ask;
    let answer = client.get_when(priority, path, observer, read(*position, *asked)).await?;
    let (rows, meta) = &answer;
    let ends_empty = rows.is_empty() && meta.next_cursor.is_none();
    // A short list without `meta` may be one that was cut.
    let doubtful = (ends_empty && empty == EmptyEnd::Doubtful) || !meta.tells_next;
    if !doubtful {
        return Ok(answer);
    }
    tokio::time::sleep(SECOND_LOOK).await;
    client.get_when(priority, path, observer, read(*position, *asked)).await
}

/// A single page of a list, or as many of its first rows as fit into an answer. `path` is told how many are asked for.
pub(crate) async fn one(
    client: &Client,
    observer: &dyn Observer,
    position: Position,
    path: impl Fn(usize) -> String,
) -> Answer {
    let mut size = PageSize::default();
    loop {
        let read = read(position, size.rows());
        match client.get(&path(size.rows()), observer, read).await {
            Err(error) if error.is_too_large() && size.shrink() => {}
            answer => return answer,
        }
    }
}

/// Notices a list that never ends: a cursor that was used before, page after page without rows, or pages that were read
/// before under ever new cursors. Remembers a number for each page, not its rows.
#[derive(Debug, Default)]
pub(crate) struct LoopGuard {
    cursors: HashSet<String>,
    pages: HashSet<u64>,
    /// Pages in a row that brought nothing.
    fruitless: u32,
}

impl LoopGuard {
    /// The page behind this cursor is asked for.
    pub(crate) fn uses(&mut self, cursor: &str, path: &'static str) -> Result<(), SourceError> {
        if self.cursors.insert(cursor.to_owned()) {
            Ok(())
        } else {
            Err(SourceError::RepeatedCursor { path })
        }
    }

    /// That page was not used: it may be asked for again.
    pub(crate) fn forget(&mut self, cursor: &str) {
        self.cursors.remove(cursor);
    }

    /// A page came that is not the last one.
    pub(crate) fn note(&mut self, rows: &Rows, path: &'static str) -> Result<(), SourceError> {
        let brings = !rows.is_empty() && self.pages.insert(number(rows));
        self.fruitless = if brings { 0 } else { self.fruitless + 1 };
        if self.fruitless >= MOST_FRUITLESS {
            return Err(SourceError::Endless { path, pages: self.fruitless });
        }
        Ok(())
    }

    /// The list is read from its beginning again.
    pub(crate) fn begin_anew(&mut self) {
        *self = Self { fruitless: self.fruitless, ..Self::default() };
    }
}

/// A number for the rows of a page: by their ids, or by all they hold where they have none.
fn number(rows: &Rows) -> u64 {
    let mut hasher = DefaultHasher::new();
    for row in rows.iter() {
        match row.get("id") {
            Some(id) => id.hash(&mut hasher),
            None => row.fields().for_each(|field| field.hash(&mut hasher)),
        }
    }
    hasher.finish()
}

/// A list that is read from its beginning to its end in one go: events, the rows of one object, and small tables.
pub(crate) struct Listing {
    path: &'static str,
    /// What is asked for beside a number of rows and a cursor.
    query: String,
    /// Whether rows must come in order of their creation.
    ordered: bool,
    empty: EmptyEnd,
    size: PageSize,
    /// Id of the row that came last.
    last: Option<i64>,
    cursor: Option<String>,
    guard: LoopGuard,
    /// Creation of the row that came last.
    previous: Option<Micros>,
    restarts: u32,
    over: bool,
}

/// What a step along a [`Listing`] brought.
pub(crate) enum ListStep {
    Rows(Rows),
    /// The list is read from its beginning again: what came until now may not be all that lies there.
    Anew,
    End,
}

impl Listing {
    /// Rows in the order of their creation, the oldest first.
    pub(crate) fn oldest_first(path: &'static str, query: &str) -> Self {
        let query = format!("&order_by=created_datetime%3Aasc{query}");
        Self { ordered: true, ..Self::new(path, query, EmptyEnd::Harmless) }
    }

    /// All rows of a list, in whatever order they come. A list without any is believed if it says so twice.
    pub(crate) fn whole(path: &'static str, part: &str, order: Option<&str>) -> Self {
        let order = order.map(|order| format!("&order_by={}", encode(order)));
        let part = if part.is_empty() { String::new() } else { format!("&{part}") };
        Self::new(path, order.unwrap_or_default() + &part, EmptyEnd::Doubtful)
    }

    fn new(path: &'static str, query: String, empty: EmptyEnd) -> Self {
        Self {
            path,
            query,
            ordered: false,
            empty,
            size: PageSize::default(),
            last: None,
            cursor: None,
            guard: LoopGuard::default(),
            previous: None,
            restarts: 0,
            over: false,
        }
    }

    /// The next page.
    pub(crate) async fn next(
        &mut self,
        client: &Client,
        observer: &dyn Observer,
    ) -> Result<ListStep, SourceError> {
        if self.over {
            return Ok(ListStep::End);
        }
        if let Some(cursor) = &self.cursor {
            self.guard.uses(cursor, self.path)?;
        }
        let position = Position::of(self.cursor.as_ref());
        let answer = loop {
            let rows = self.size.rows();
            let ask = Ask { path: self.path_for(rows), position, rows };
            match fetch(client, Priority::Soon, &ask, observer, self.empty).await {
                Err(error) if error.is_too_large() => {
                    if !self.size.shrink() {
                        let (path, after) = (self.path, self.last);
                        return Err(SourceError::RowTooLarge { path, id: None, after, before: None });
                    }
                }
                answer => break answer,
            }
        };
        let (rows, meta) = match answer {
            Ok(answer) => answer,
            Err(error) if position == Position::Later && refuses_cursor(&error) => return self.restart(),
            Err(error) => return Err(error.into()),
        };
        let values = rows.iter().filter_map(|row| fields::datetime(row, "created_datetime"));
        let values: Vec<Micros> = self.previous.into_iter().chain(values).collect();
        if self.ordered && !values.is_sorted() {
            return self.restart();
        }
        self.previous = values.last().copied();
        self.size.fits();
        self.last = last_id(&rows).or(self.last);
        match &meta.next_cursor {
            None => self.over = true,
            Some(_) => self.guard.note(&rows, self.path)?,
        }
        self.cursor = meta.next_cursor;
        Ok(ListStep::Rows(rows))
    }

    fn path_for(&self, rows: usize) -> String {
        let cursor = self.cursor.as_ref().map(|cursor| format!("&cursor={}", encode(cursor)));
        let cursor = cursor.unwrap_or_default();
        format!("{}?limit={rows}{}{cursor}", self.path, self.query)
    }

    fn restart(&mut self) -> Result<ListStep, SourceError> {
        self.restarts += 1;
        if self.restarts > MOST_RESTARTS {
            return Err(SourceError::Unsteady { path: self.path, times: self.restarts });
        }
        self.guard.begin_anew();
        (self.cursor, self.previous, self.last) = (None, None, None);
        Ok(ListStep::Anew)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::source::gorgias::api::PAGE_ROWS;

    fn page(rows: usize, rest: &str) -> Bytes {
        let rows: Vec<String> = (0..rows).map(|id| format!(r#"{{"id":{id}}}"#)).collect();
        Bytes::from(format!(r#"{{"data":[{}]{rest}}}"#, rows.join(",")))
    }

    #[test]
    fn a_list_ends_where_an_answer_says_so_and_nowhere_else() {
        let says = |position, body: Bytes| match read(position, PAGE_ROWS)(body.into()) {
            Ok((_, meta)) if meta.next_cursor.is_some() => "goes on",
            Ok(_) => "ends",
            Err(_) => "fault",
        };
        let bare = Bytes::from_static(b"[]");
        let full = Bytes::from(format!("[{}]", vec!["{}"; PAGE_ROWS].join(",")));
        let null = r#","meta":{"prev_cursor":null,"next_cursor":null}"#;
        for (body, first, later) in [
            (page(3, null), "ends", "ends"),
            (page(PAGE_ROWS, null), "ends", "ends"),
            (page(0, null), "ends", "ends"),
            (page(3, r#","meta":{"next_cursor":"abc"}"#), "goes on", "goes on"),
            (page(3, r#","meta":{"next_cursor":""}"#), "fault", "fault"),
            (page(3, r#","meta":{"next_cursor":7}"#), "fault", "fault"),
            (page(3, r#","meta":[]"#), "ends", "fault"),
            (page(3, r#","meta":"none""#), "fault", "fault"),
            (page(3, r#","meta":{"prev_cursor":null}"#), "ends", "fault"),
            (page(3, r#","meta":null"#), "ends", "fault"),
            (page(3, ""), "ends", "fault"),
            (page(0, ""), "ends", "fault"),
            (page(PAGE_ROWS, ""), "fault", "fault"),
            (bare, "ends", "fault"),
            (full, "fault", "fault"),
        ] {
            let found = (says(Position::First, body.clone()), says(Position::Later, body.clone()));
            assert_eq!(found, (first, later), "{}", String::from_utf8_lossy(&body[..body.len().min(60)]));
        }
    }

    #[test]
    fn a_list_without_an_end_is_noticed_and_pages_without_rows_here_and_there_are_not() {
        let rows = |first: usize, count: usize| {
            let rows: Vec<String> = (first..first + count).map(|id| format!(r#"{{"id":{id}}}"#)).collect();
            Rows::parse(Bytes::from(format!("[{}]", rows.join(",")))).unwrap().0
        };
        let mut guard = LoopGuard::default();
        for page in 0..1_000 {
            guard.note(&rows(page, 1), "/api/x").unwrap();
            (0..50).try_for_each(|_| guard.note(&rows(0, 0), "/api/x")).unwrap();
        }
        let most = MOST_FRUITLESS as usize;
        for cycle in [1, 3] {
            let mut guard = LoopGuard::default();
            let end = (0..1_000).position(|n| guard.note(&rows(n % cycle, 1), "/api/x").is_err());
            assert_eq!(end, Some(most + cycle - 1));
        }
        let mut guard = LoopGuard::default();
        let end = (0..1_000).position(|_| guard.note(&rows(0, 0), "/api/x").is_err());
        assert_eq!(end, Some(most - 1));
        let mut guard = LoopGuard::default();
        guard.uses("a", "/api/x").unwrap();
        assert!(guard.uses("a", "/api/x").is_err());
        guard.forget("a");
        guard.uses("a", "/api/x").unwrap();
    }
}
