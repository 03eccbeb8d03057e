//! Where reading a table stands, as it is stored between runs: the source's opaque part of the state.
//!
//! Times are microseconds since 1970 in UTC. A newer layout is refused, an older one is migrated here.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::{Described, Filled, Mappings, Micros, SourceState, State};
use crate::source::{SortField, SourceError};

/// Version of this layout. 1 had no walks from the middle, 2 did not say who wrote it; all else is the same.
const VERSION: u32 = 3;
/// The version of ingestr that writes.
const PROGRAM: &str = env!("CARGO_PKG_VERSION");

/// Everything that is remembered of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    version: u32,
    /// The version of ingestr that wrote this, so that an older one can say which is needed.
    #[serde(default)]
    written_by: String,
    /// Value of the list's sort field up to which everything has been read. `None`: no pass was completed yet, or
    /// the table was empty.
    pub(crate) watermark: Option<Micros>,
    /// Rows older than this were never asked for; `None`: the table is covered from its beginning.
    pub(crate) covered_since: Option<Micros>,
    /// Where rows are only added: those that were handed on with a date later than the clock, by a hash of their content. They
    /// lie behind the watermark, and come again until it has passed them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) ahead: BTreeMap<u64, Micros>,
    /// Of the rows that every run reads again: those that are stored as they were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) recent: Option<Recent>,
    /// Of a list that comes oldest first whatever is asked for: where its end is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tail: Option<Tail>,
    /// How many runs had a window. They change rows, and may change nothing else here: by this a child table that was left out
    /// of one is seen to be behind.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) windows: u64,
    /// A pass that was begun and not completed.
    pub(crate) unfinished: Option<Pass>,
    /// Where reading events stands, for tables whose rows can be deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) events: Option<Mark>,
    /// Where re-scanning the whole list, a part a run, stands.
    #[serde(rename = "sweep", default, skip_serializing_if = "Option::is_none")]
    pub(crate) rescan: Option<RescanState>,
    /// Where comparing messages with the counts of their tickets stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) counts: Option<Counts>,
}

/// Rows that were handed on, and are not while they are as they were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recent {
    /// When the first of them was handed on.
    pub(crate) since: Micros,
    /// A hash of each row's content, by key.
    pub(crate) rows: BTreeMap<i64, u64>,
}

impl Recent {
    pub(crate) fn since(since: Micros) -> Self {
        Self { since, rows: BTreeMap::new() }
    }
}

/// A page near the end of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tail {
    /// Leads to it, as long as the API takes it.
    pub(crate) cursor: String,
    /// The row that it begins with, and when that was created.
    pub(crate) id: i64,
    pub(crate) at: Micros,
    /// When the run began that read the whole list last.
    pub(crate) whole: Micros,
}

/// The re-scan of a whole list, which is spread over many runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RescanState {
    /// When the last complete one began: what changed before that has been seen.
    #[serde(rename = "swept")]
    pub(crate) last_began: Micros,
    /// When the unfinished one began, and where it stands.
    pub(crate) walk: Option<(Micros, Walk)>,
    /// Pages of the list when it was last read whole. `None`: it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pages: Option<u64>,
    /// The pages that have become due until then have been read. `None`: as of `last_began`.
    #[serde(rename = "paid", default, skip_serializing_if = "Option::is_none")]
    pub(crate) due_read_until: Option<Micros>,
    /// Period of the last run, in seconds; 0 is never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) period: Option<u64>,
    /// Pages a run that the last one might read, if that was fewer than had become due.
    #[serde(rename = "cut", default, skip_serializing_if = "Option::is_none")]
    pub(crate) capped_at: Option<u64>,
    /// Ids that the unfinished walk met at the place where it stands.
    #[serde(rename = "edge", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) boundary_ids: Vec<i64>,
    /// Rows held, or tickets of such, that were not met, and no run has had the requests to look up yet.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) absent: BTreeSet<i64>,
    /// Rows that were marked as gone by their absence since the unfinished walk began.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) gone: u64,
    /// Of a list that is read whole: a digest of its rows, all of which are stored, and when they were handed on last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rows: Option<(u64, Micros)>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl RescanState {
    /// Of a list that has just been read, or is about to be.
    pub(crate) fn new(now: Micros) -> Self {
        Self {
            last_began: now,
            walk: None,
            pages: None,
            due_read_until: Some(now),
            period: None,
            capped_at: None,
            boundary_ids: Vec::new(),
            absent: BTreeSet::new(),
            gone: 0,
            rows: None,
        }
    }
}

/// How far the events have been read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// Creation of the newest event that was read, or when reading began.
    pub(crate) since: Micros,
    /// Events near it that have been dealt with, since they are read again for the overlap.
    pub(crate) done: Vec<i64>,
    /// What events say is gone, and no run has had the requests to look up yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) pending: Vec<(i64, Loss)>,
}

/// An object that an event says is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Loss {
    /// When, as the event says.
    pub(crate) at: Micros,
    /// What it was merged into, if the event says so.
    pub(crate) survivor: Option<i64>,
    /// Of the table that counts this one's rows, as `EventKind::parent` says.
    #[serde(rename = "ticket")]
    pub(crate) parent: bool,
    pub(crate) merged: bool,
}

/// How far tickets' counts of messages have been compared with the messages held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Tickets changed up to here have been compared.
    pub(crate) seen: Micros,
    /// Tickets whose messages have to be read again, with their count.
    pub(crate) queue: Vec<(i64, i64)>,
    /// Tickets whose count is not the length of their list of messages, with both: they are not read again until one
    /// of the two changes.
    pub(crate) settled: BTreeMap<i64, (i64, i64)>,
    /// The same, found once: they are read again before that is settled.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) unsettled: BTreeMap<i64, (i64, i64)>,
}

impl Counts {
    /// Puts tickets at the end of the queue, with their counts, those that are in it, too. All at once, as each look
    /// through the queue is one through all of it.
    pub(crate) fn enqueue(&mut self, tickets: &BTreeMap<i64, i64>) {
        self.queue.retain(|(ticket, _)| !tickets.contains_key(ticket));
        self.queue.extend(tickets.iter().map(|(ticket, count)| (*ticket, *count)));
    }
}

impl Default for Checkpoint {
    fn default() -> Self {
        Self {
            version: VERSION,
            written_by: PROGRAM.into(),
            watermark: None,
            ahead: BTreeMap::new(),
            recent: None,
            tail: None,
            windows: 0,
            covered_since: None,
            unfinished: None,
            events: None,
            rescan: None,
            counts: None,
        }
    }
}

/// Why a pass was begun, and so what it means once it is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PassKind {
    /// Everything there is.
    Backfill,
    /// Everything since the watermark.
    CatchUp,
    /// Everything since a date that was given.
    Since(Micros),
}

/// A pass: a walk along a list, or several: the one from the newest end first, the one from the oldest end last, and
/// between them those that began in the middle, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pass {
    pub(crate) kind: PassKind,
    /// The newest value of the sort field when the pass began: the watermark once it is complete.
    pub(crate) top: Option<Micros>,
    /// Pages read so far.
    pub(crate) pages: u64,
    pub(crate) walks: Vec<Walk>,
}

/// Which way a walk goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Direction {
    NewestFirst,
    OldestFirst,
}

/// How far a walk has come along a sorted list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Walk {
    pub(crate) sort: SortField,
    pub(crate) direction: Direction,
    /// The last value that is wanted; `None`: to the list's end.
    pub(crate) until: Option<Micros>,
    /// Of a walk that began in the middle: sort value of the first row it read. Everything between that and `last` has
    /// been read, rows with either value perhaps not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) first: Option<Micros>,
    /// The next page, as long as the API takes it.
    pub(crate) cursor: Option<String>,
    /// Sort value of the last row read: where to go on if the cursor is refused.
    pub(crate) last: Option<Micros>,
    /// Id of that row: of those that share its time, it tells which were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_id: Option<i64>,
    /// The list is read from its beginning, as a cursor was refused, to find `last` again: what lies before that was read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) seeking: bool,
    pub(crate) pages: u64,
    pub(crate) done: bool,
    /// Two different values came in the order asked for. Until then nothing tells which way the list goes, as of rows that
    /// share one time, and no place of it says what has been read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) sorted: bool,
    /// The list was not in the order asked for, so only its end is the end.
    pub(crate) unordered: bool,
}

impl Walk {
    pub(crate) fn new(sort: SortField, direction: Direction, until: Option<Micros>) -> Self {
        Self {
            sort,
            direction,
            until,
            first: None,
            cursor: None,
            last: None,
            last_id: None,
            seeking: false,
            pages: 0,
            done: false,
            sorted: false,
            unordered: false,
        }
    }

    /// What the walk has to find again before it goes on: the last value that was read.
    pub(crate) fn sought(&self) -> Option<Micros> {
        self.last.filter(|_| self.seeking)
    }

    /// Whether `a` comes strictly after `b` on this walk.
    pub(crate) fn is_past(&self, a: Micros, b: Micros) -> bool {
        match self.direction {
            Direction::NewestFirst => a < b,
            Direction::OldestFirst => a > b,
        }
    }
}

impl Checkpoint {
    /// Reads what an earlier run stored for `table`.
    pub(crate) fn read(state: Option<&State>, table: &'static str) -> Result<Self, SourceError> {
        let Some(state) = state else { return Ok(Self::default()) };
        let refuse = |why: String| SourceError::State { table, why };
        let value: serde_json::Value = serde_json::from_str(&state.source.0)
            .map_err(|error| refuse(format!("it is not JSON ({error})")))?;
        match value.get("version").and_then(serde_json::Value::as_u64) {
            Some(version) if version > u64::from(VERSION) => Err(refuse(newer(version, &value))),
            Some(_) => {
                let mut read: Self =
                    serde_json::from_value(value).map_err(|error| refuse(error.to_string()))?;
                read.begin_disordered_anew();
                // Another version may make other values of the same rows.
                read.recent = read.recent.filter(|_| read.written_by == PROGRAM);
                Ok(Self { version: VERSION, written_by: PROGRAM.into(), ..read })
            }
            None => Err(refuse("it has no version".into())),
        }
    }

    /// A list that was not in order is known to be whole only if it is read from its beginning to its end in one go: by
    /// now it may be in another order, and the cursor leads elsewhere.
    fn begin_disordered_anew(&mut self) {
        let passes = self.unfinished.iter_mut().flat_map(|pass| &mut pass.walks);
        let rescans = self.rescan.iter_mut().filter_map(|rescan| rescan.walk.as_mut()).map(|(_, walk)| walk);
        for walk in passes.chain(rescans).filter(|walk| walk.unordered && !walk.done) {
            walk.cursor = None;
        }
    }

    /// As a destination stores it.
    #[expect(
        clippy::expect_used,
        reason = "an empty state in its place would be taken for a table never read"
    )]
    pub(crate) fn state(&self) -> State {
        let json = serde_json::to_string(self);
        State {
            filled: Filled::default(),
            described: Described::default(),
            mappings: Mappings::default(),
            watermark: self.watermark,
            covered_since: self.covered_since,
            complete: self.unfinished.is_none(),
            source: SourceState(
                json.expect("numbers, texts, lists and maps by number only, which always serialise"),
            ),
        }
    }
}

/// What is to be done about a layout from the future.
fn newer(version: u64, value: &serde_json::Value) -> String {
    let layouts = format!("layout {version}; ingestr {PROGRAM} reads layouts up to {VERSION}");
    match value.get("written_by").and_then(serde_json::Value::as_str).filter(|by| is_version(by)) {
        Some(by) => format!("ingestr {by} wrote it ({layouts}): use ingestr {by} or a newer one"),
        None => format!("a newer ingestr wrote it ({layouts}): use that one"),
    }
}

/// Whether a text may be a version: what is stored may be damaged, and goes into a message.
fn is_version(text: &str) -> bool {
    let ours = |byte: u8| byte.is_ascii_alphanumeric() || b".-+".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_digit()) && text.len() <= 40 && text.bytes().all(ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What version 1 stored.
    const GOLDEN_1: &str = r#"{"version":1,"watermark":5,"covered_since":null,"unfinished":{"kind":{"since":3},"top":9,"pages":2,"walks":[{"sort":"updated","direction":"newest_first","until":3,"cursor":"abc","last":7,"pages":2,"done":false,"unordered":false}]}}"#;
    /// What version 2 stored.
    const GOLDEN_2: &str = r#"{"version":2,"watermark":5,"covered_since":null,"unfinished":{"kind":{"since":3},"top":9,"pages":2,"walks":[{"sort":"updated","direction":"newest_first","until":3,"cursor":"abc","last":7,"pages":2,"done":false,"unordered":false}]}}"#;
    /// The golden form of version 3: a change of it needs a new version and a migration.
    const GOLDEN: &str = r#"{"version":3,"written_by":"0.1.0","watermark":5,"covered_since":null,"unfinished":{"kind":{"since":3},"top":9,"pages":2,"walks":[{"sort":"updated","direction":"newest_first","until":3,"cursor":"abc","last":7,"pages":2,"done":false,"unordered":false}]}}"#;
    const GOLDEN_MIDDLE: &str = r#"{"sort":"created","direction":"newest_first","until":null,"first":8,"cursor":null,"last":null,"pages":0,"done":false,"unordered":false}"#;

    fn golden() -> Checkpoint {
        let walk = Walk {
            cursor: Some("abc".into()),
            last: Some(Micros(7)),
            pages: 2,
            ..Walk::new(SortField::Updated, Direction::NewestFirst, Some(Micros(3)))
        };
        let pass =
            Pass { kind: PassKind::Since(Micros(3)), top: Some(Micros(9)), pages: 2, walks: vec![walk] };
        Checkpoint { watermark: Some(Micros(5)), unfinished: Some(pass), ..Checkpoint::default() }
    }

    #[test]
    fn what_is_stored_is_read_back() {
        let state = golden().state();
        assert_eq!(state.source.0, GOLDEN.replace("0.1.0", PROGRAM));
        assert!(!state.complete);
        assert_eq!(Checkpoint::read(Some(&state), "tickets").unwrap(), golden());
        assert_eq!(Checkpoint::read(None, "tickets").unwrap(), Checkpoint::default());
    }

    #[test]
    fn what_older_versions_stored_is_read() {
        for text in [GOLDEN_1, GOLDEN_2] {
            let state = State { source: SourceState(text.into()), ..Checkpoint::default().state() };
            assert_eq!(Checkpoint::read(Some(&state), "tickets").unwrap(), golden());
        }
    }

    #[test]
    fn a_walk_from_the_middle_remembers_where_it_began() {
        let walk =
            Walk { first: Some(Micros(8)), ..Walk::new(SortField::Created, Direction::NewestFirst, None) };
        assert_eq!(serde_json::to_string(&walk).unwrap(), GOLDEN_MIDDLE);
        assert_eq!(serde_json::from_str::<Walk>(GOLDEN_MIDDLE).unwrap(), walk);
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        let message = |text: &str| {
            let state = State { source: SourceState(text.into()), ..Checkpoint::default().state() };
            Checkpoint::read(Some(&state), "tickets").unwrap_err().to_string()
        };
        let refused = "the stored progress of table tickets cannot be read: ";
        let layouts = format!("(layout 4; ingestr {PROGRAM} reads layouts up to 3)");
        assert_eq!(
            message(r#"{"version":4,"written_by":"0.9.2"}"#),
            format!("{refused}ingestr 0.9.2 wrote it {layouts}: use ingestr 0.9.2 or a newer one")
        );
        for unnamed in [r#"{"version":4}"#, r#"{"version":4,"written_by":"some row's text"}"#] {
            assert_eq!(
                message(unnamed),
                format!("{refused}a newer ingestr wrote it {layouts}: use that one")
            );
        }
        assert_eq!(message("{}"), "the stored progress of table tickets cannot be read: it has no version");
        assert!(message("x").contains("it is not JSON"));
    }
}
