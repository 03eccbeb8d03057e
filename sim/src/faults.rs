//! What can go wrong on purpose: a script for tests that need one thing at one moment, a seeded plan for all others.

use std::collections::VecDeque;

use crate::specs::Spec;
use crate::wire::Request;

/// One way an answer is spoilt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Too many requests, with or without `Retry-after`.
    Status429 {
        /// Seconds.
        retry_after: Option<u64>,
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
}

impl Fault {
    /// Whether the fault can be told from a healthy answer to this request.
    fn applies(&self, request: &Request) -> bool {
        let list = || Spec::of(request.path().trim_start_matches("/api/").trim_end_matches('/')).is_some();
        let cursor = || request.query().split('&').any(|pair| pair.starts_with("cursor="));
        match self {
            Fault::ExpiredCursor | Fault::RepeatedCursor => list() && cursor(),
            Fault::MissingMeta | Fault::EmptyPageWithNext | Fault::WrongOrder | Fault::BareArray => list(),
            _ => true,
        }
    }
}

#[derive(Debug, Clone)]
struct Scripted {
    /// Matching requests to let pass first.
    skip: usize,
    /// Only requests whose path and query contain this.
    path: Option<String>,
    fault: Fault,
}

/// The faults of an account.
#[derive(Debug, Clone)]
pub struct Faults {
    script: VecDeque<Scripted>,
    plan: Vec<(Fault, f64)>,
    rng: fastrand::Rng,
    /// Every request gets the 404 page of an unknown subdomain.
    pub unknown_tenant: bool,
}

impl Faults {
    pub(crate) fn new(unknown_tenant: bool) -> Faults {
        Faults { script: VecDeque::new(), plan: Vec::new(), rng: fastrand::Rng::with_seed(0), unknown_tenant }
    }

    /// Spoils the next request it can spoil.
    pub fn next(&mut self, fault: Fault) {
        self.push(0, None, fault);
    }

    /// Spoils the n-th request from now it can spoil; 0 is the next one.
    pub fn nth(&mut self, n: usize, fault: Fault) {
        self.push(n, None, fault);
    }

    /// Spoils the n-th request from now whose path and query contain `path`.
    pub fn on(&mut self, path: &str, n: usize, fault: Fault) {
        self.push(n, Some(path.into()), fault);
    }

    fn push(&mut self, skip: usize, path: Option<String>, fault: Fault) {
        self.script.push_back(Scripted { skip, path, fault });
    }

    /// From now on every request meets each fault with its probability.
    pub fn plan(&mut self, seed: u64, plan: Vec<(Fault, f64)>) {
        self.rng = fastrand::Rng::with_seed(seed);
        self.plan = plan;
    }

    /// Ends script and plan.
    pub fn clear(&mut self) {
        self.script.clear();
        self.plan.clear();
    }

    /// Scripted faults that have not happened yet.
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
        if let Some(entry) = fires.and_then(|n| self.script.remove(n)) {
            return Some(entry.fault);
        }
        let mut roll = if self.plan.is_empty() { return None } else { self.rng.f64() };
        for (fault, probability) in &self.plan {
            if roll < *probability {
                return fault.applies(request).then(|| fault.clone());
            }
            roll -= probability;
        }
        None
    }
}
