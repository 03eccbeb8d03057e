//! A pass while it is walked: what is stored of it, and what only this run knows.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use tokio::time::Instant;

use crate::http::limit::Priority;
use crate::model::Micros;
use crate::source::SortField;
use crate::source::gorgias::list::checkpoint::{Direction, Pass, PassKind, Walk};
use crate::source::gorgias::list::front::Front;
use crate::source::gorgias::list::parallel::Parallel;

/// The pass being walked.
pub(crate) struct Active {
    pub(crate) pass: Pass,
    /// Its walks as they are walked now.
    pub(crate) parallel: Parallel,
    /// Catch-ups after the first pass.
    pub(crate) round: u32,
    /// What it has read where the next look at the front would read again.
    pub(crate) front: Front,
    /// What the pass before this one has read there, if this one only looks again.
    pub(crate) known: Option<Front>,
    /// Whether that pass came from the front, too: then all rows of the very time down to which this one looks were read.
    pub(crate) again: bool,
    /// Whether it has found a row that the pass before did not have, or there was none before.
    pub(crate) finds: bool,
    /// Before its first request.
    pub(crate) began: Instant,
    /// Whether the watermark moves once it is complete, and so whether it is stored while it is not.
    pub(crate) moves: bool,
    /// Whether an earlier run began it.
    pub(crate) resumed: bool,
    /// Pages that earlier runs read of it.
    pub(crate) before: u64,
    /// Ids met, for a pass whose range is compared with the rows held.
    pub(crate) seen: Option<HashSet<i64>>,
    /// What is remembered of its rows (`recent`).
    pub(crate) met: Met,
    /// Of a list that comes oldest first whatever is asked for (`tail`).
    pub(crate) trail: Trail,
}

/// What a catch-up has met of the rows that the next one reads again.
#[derive(Debug, Default)]
pub(crate) struct Met {
    /// Whether its rows are remembered.
    pub(crate) remembers: bool,
    /// Rows that it has met.
    pub(crate) ids: HashSet<i64>,
    /// Rows that this run has handed on: a hash of each row's content, by key; `None`: it came with several.
    pub(crate) handed: HashMap<i64, Option<u64>>,
    /// The same of the page that is being taken in, whether handed on or left out.
    pub(crate) page: BTreeMap<i64, u64>,
}

/// The pages near the end of what has been read of such a list, the last one last.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    pub(crate) pages: VecDeque<EndPage>,
    /// Whether the list was read from its beginning.
    pub(crate) whole: bool,
    /// The row that the next page must begin with.
    pub(crate) expects: Option<i64>,
}

/// A page that a cursor leads to.
#[derive(Debug)]
pub(crate) struct EndPage {
    pub(crate) cursor: String,
    /// The row it begins with, and when that was created.
    pub(crate) id: i64,
    pub(crate) at: Micros,
}

impl Active {
    pub(crate) fn new(pass: Pass, moves: bool, round: u32) -> Self {
        let parallel = Parallel::new(&pass.walks);
        let before = pass.pages;
        Self {
            pass,
            parallel,
            round,
            front: Front::default(),
            known: None,
            again: false,
            finds: true,
            began: Instant::now(),
            moves,
            resumed: false,
            before,
            seen: None,
            met: Met::default(),
            trail: Trail::default(),
        }
    }

    /// A pass that an earlier run left.
    pub(crate) fn resume(pass: Pass) -> Self {
        Self { resumed: true, ..Self::new(pass, true, 0) }
    }

    /// Joins to the walk from the newest end one from the oldest.
    pub(crate) fn spread(&mut self) {
        let oldest_first = Walk::new(SortField::Created, Direction::OldestFirst, None);
        self.parallel.insert(1, &oldest_first, None);
        self.parallel.turn = 1;
        self.pass.walks.push(oldest_first);
    }

    /// How urgent its requests are.
    pub(crate) fn priority(&self) -> Priority {
        match self.pass.kind {
            PassKind::CatchUp => Priority::Soon,
            PassKind::Backfill | PassKind::Since(_) => Priority::Later { had: self.pass.pages - self.before },
        }
    }
}
