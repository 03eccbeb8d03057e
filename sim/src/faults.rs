//! What can go wrong on purpose: a script for tests that need one thing at one moment, a seeded plan for all others.

use std::collections::{HashSet, VecDeque};

use crate::specs::Spec;
use crate::time::{Micros, SECOND, http_date};
use crate::unreadable::Unreadable;
use crate::wire::{Request, Response};

/// What a `Retry-after` header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// Whole seconds.
    Seconds(u64),
    /// A fraction of seconds; in milliseconds here.
    Millis(u64),
    /// A date, so many seconds from now; the answer's own `date` header says what now is.
    Date(i64),
    /// Anything.
    Text(&'static str),
}

impl RetryAfter {
    pub(crate) fn text(self, now: Micros) -> String {
        match self {
            RetryAfter::Seconds(seconds) => seconds.to_string(),
            RetryAfter::Millis(millis) => format!("{}.{:03}", millis / 1000, millis % 1000),
            RetryAfter::Date(seconds) => http_date(now + seconds * SECOND),
            RetryAfter::Text(text) => text.to_owned(),
        }
    }
}

/// One way an answer is spoilt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Too many requests, with or without `Retry-after`.
    Status429 {
        /// Seconds.
        retry_after: Option<u64>,
    },
    /// Any status with a `Retry-after` of any form.
    Told {
        /// 429 or 503.
        status: u16,
        /// The header.
        wait: RetryAfter,
    },
    /// A server error: 500, 502, 503; any other status works too.
    Status(u16),
    /// Connection reset before an answer.
    Reset,
    /// Half of the body arrives.
    CutBody,
    /// No answer, ever.
    Hang,
    /// A 200 that is an HTML page.
    Html200,
    /// 400 for the cursor sent.
    ExpiredCursor,
    /// 403.
    Forbidden,
    /// The envelope has no `meta`.
    MissingMeta,
    /// This answer in the place of the account's.
    Answer(Response),
    /// No rows, but a working next cursor.
    EmptyPageWithNext,
    /// The next cursor is the one that was sent.
    RepeatedCursor,
    /// `order_by` is ignored: the opposite direction comes.
    WrongOrder,
    /// The answer lacks the call-limit header.
    HeaderMissing,
    /// The call-limit header makes no sense.
    HeaderNonsense,
    /// The list comes as a bare array.
    BareArray,
    /// A list of the rows that belong to a ticket, or have one of some ids, answers that there are none.
    EmptyLookup,
    /// The same leaves out every second row that it has.
    PartialLookup,
    /// The GET of one row answers 404 though it is there.
    Lost,
    /// `{"data":[]}`, and nothing else.
    EmptyWithoutMeta,
    /// No rows, and `meta` says that there are none before and after them.
    EmptyEnd,
    /// Half of the rows, and no `meta`.
    ShortWithoutMeta,
    /// 206 with half of the rows, which says that there are no more.
    Partial206,
    /// 203 with all rows of the page, which says that there are no more.
    Status203,
    /// 204 without a body.
    NoContent,
    /// The next cursor is an empty text.
    EmptyCursor,
    /// A page without rows that names the next one. Each time it is another one, and none leads on.
    EndlessEmpty,
    /// The next cursor leads to the same page again. Each time it is another one.
    EndlessSame,
    /// A network before the API answers 403 with an HTML page, as it does to what it takes for a robot.
    BotCheck,
    /// The row in the middle of the page cannot be read as it is.
    Unreadable(Unreadable),
    /// A byte order mark before the body.
    Bom,
}

impl Fault {
    /// Whether the fault can be told from a healthy answer to this request.
    fn applies(&self, request: &Request) -> bool {
        let list = || Spec::of(request.path().trim_start_matches("/api/").trim_end_matches('/')).is_some();
        let lookup = || {
            let by = |pair: &str| pair.starts_with("ticket_id=") || pair.starts_with("ticket_ids=");
            list() && request.query().split('&').any(by)
        };
        let cursor = || request.query().split('&').any(|pair| pair.starts_with("cursor="));
        match self {
            Fault::ExpiredCursor | Fault::RepeatedCursor => list() && cursor(),
            Fault::EmptyLookup | Fault::PartialLookup => lookup(),
            Fault::Lost => {
                !list() && request.path().rsplit('/').next().is_some_and(|id| id.parse::<i64>().is_ok())
            }
            Fault::MissingMeta
            | Fault::EmptyPageWithNext
            | Fault::WrongOrder
            | Fault::BareArray
            | Fault::EmptyWithoutMeta
            | Fault::EmptyEnd
            | Fault::ShortWithoutMeta
            | Fault::Partial206
            | Fault::Status203
            | Fault::EmptyCursor
            | Fault::EndlessEmpty
            | Fault::EndlessSame
            | Fault::Unreadable(_) => list(),
            _ => true,
        }
    }

    /// Whether the answer looks like a true one: only a second one, which differs, shows that it was none.
    fn looks_true(&self) -> bool {
        matches!(
            self,
            Fault::EmptyLookup
                | Fault::PartialLookup
                | Fault::Lost
                | Fault::MissingMeta
                | Fault::BareArray
                | Fault::EmptyWithoutMeta
                | Fault::EmptyEnd
                | Fault::ShortWithoutMeta
        )
    }
}

#[derive(Debug, Clone)]
struct Scripted {
    /// Matching requests to let pass first.
    skip: usize,
    /// Only requests whose path and query contain this.
    path: Option<String>,
    /// Whether it spoils all that come after, too.
    lasts: bool,
    fault: Fault,
}

/// The faults of an account.
#[derive(Debug, Clone)]
pub struct Faults {
    script: VecDeque<Scripted>,
    plan: Vec<(Fault, f64)>,
    rng: fastrand::Rng,
    /// Requests, path and query, whose last answer was false and looked true.
    misled: HashSet<String>,
    /// Every request gets the 404 page of an unknown subdomain.
    pub unknown_tenant: bool,
}

impl Faults {
    pub(crate) fn new(unknown_tenant: bool) -> Faults {
        Faults {
            script: VecDeque::new(),
            plan: Vec::new(),
            rng: fastrand::Rng::with_seed(0),
            misled: HashSet::new(),
            unknown_tenant,
        }
    }

    /// Spoils the next request it can spoil.
    pub fn next(&mut self, fault: Fault) {
        self.push(0, None, false, fault);
    }

    /// Spoils the n-th request from now it can spoil; 0 is the next one.
    pub fn nth(&mut self, n: usize, fault: Fault) {
        self.push(n, None, false, fault);
    }

    /// Spoils the n-th request from now whose path and query contain `path`.
    pub fn on(&mut self, path: &str, n: usize, fault: Fault) {
        self.push(n, Some(path.into()), false, fault);
    }

    /// Spoils the n-th request from now whose path and query contain `path`, and all such requests after it until
    /// faults are cleared.
    pub fn from_on(&mut self, path: &str, n: usize, fault: Fault) {
        self.push(n, Some(path.into()), true, fault);
    }

    fn push(&mut self, skip: usize, path: Option<String>, lasts: bool, fault: Fault) {
        self.script.push_back(Scripted { skip, path, lasts, fault });
    }

    /// From now on every request meets each fault with its probability. A false answer that looks true is not given to
    /// the same request twice in a row: nobody could know it.
    pub fn plan(&mut self, seed: u64, plan: Vec<(Fault, f64)>) {
        self.rng = fastrand::Rng::with_seed(seed);
        self.plan = plan;
    }

    /// Ends script and plan.
    pub fn clear(&mut self) {
        self.script.clear();
        self.plan.clear();
    }

    /// Scripted faults that have not happened yet, and those that last.
    pub fn pending(&self) -> usize {
        self.script.len()
    }

    /// The fault this request meets. Every matching scripted entry counts the request; the first that is due fires.
    pub(crate) fn pick(&mut self, request: &Request) -> Option<Fault> {
        let mut fires = None;
        for (n, entry) in self.script.iter_mut().enumerate() {
            let matches =
                entry.path.as_ref().is_none_or(|path| request.path_and_query.contains(path.as_str()));
            if !matches || !entry.fault.applies(request) {
                continue;
            }
            if entry.skip > 0 {
                entry.skip -= 1;
            } else if fires.is_none() {
                fires = Some(n);
            }
        }
        match fires {
            Some(n) if self.script[n].lasts => return Some(self.script[n].fault.clone()),
            Some(n) => return self.script.remove(n).map(|entry| entry.fault),
            None => {}
        }
        if self.plan.is_empty() {
            return None;
        }
        let fault = self.roll().filter(|fault| fault.applies(request));
        let misled = self.misled.remove(&request.path_and_query);
        match fault {
            Some(fault) if fault.looks_true() => {
                (!misled && self.misled.insert(request.path_and_query.clone())).then_some(fault)
            }
            fault => fault,
        }
    }

    /// One of the plan's faults, or none.
    fn roll(&mut self) -> Option<Fault> {
        let mut roll = self.rng.f64();
        for (fault, probability) in &self.plan {
            if roll < *probability {
                return Some(fault.clone());
            }
            roll -= probability;
        }
        None
    }
}
