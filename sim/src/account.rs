//! The account: one request in, one reply out, on whatever clock the caller brings.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::bucket::{Meter, Others};
use crate::dice::Dice;
use crate::faults::{Fault, Faults};
use crate::json::Out;
use crate::list;
use crate::model::{Data, Tombstone};
use crate::options::{DenyList, Options};
use crate::render::View;
use crate::routes::{self, Answer};
use crate::time::{Micros, SECOND, http_date};
use crate::unreadable::Unreadable;
use crate::wire::{Logged, Reply, Request, Response};

/// Requests remembered at least; twice as many at most.
const LOG: usize = 100_000;

/// A simulated account.
#[derive(Debug)]
pub struct Account {
    pub(crate) options: Options,
    pub(crate) data: Data,
    /// Number of the last write; events of one write share it.
    pub(crate) context: u64,
    meter: Meter,
    faults: Faults,
    log: Vec<Logged>,
    served: u64,
    /// When the request under way arrived.
    now: Micros,
    churn: f64,
    /// Requests that still bring changes.
    churning: u64,
    owed: f64,
    rng: fastrand::Rng,
    /// The stream and the last write of what happens beside random changes.
    pub(crate) besides: fastrand::Rng,
    pub(crate) context_besides: u64,
}

impl Account {
    /// Builds the account the options describe.
    pub fn new(options: Options) -> Account {
        let data = crate::seed::build(&options);
        Account {
            data,
            context: 1 << 50,
            meter: Meter::new(&options),
            faults: Faults::new(options.unknown_tenant),
            log: Vec::new(),
            served: 0,
            now: options.end,
            churn: 0.0,
            churning: u64::MAX,
            owed: 0.0,
            rng: fastrand::Rng::with_seed(options.seed ^ 0xC0FFEE),
            besides: fastrand::Rng::with_seed(options.seed ^ 0x00BE_51DE),
            context_besides: 1 << 51,
            options,
        }
    }

    /// The options it was built from.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Headers that let a request in.
    pub fn credentials(&self) -> Vec<(String, String)> {
        let pair = format!("{}:{}", self.options.email, self.options.api_key);
        vec![("Authorization".into(), format!("Basic {}", STANDARD.encode(pair)))]
    }

    /// Answers a request, or spoils the answer as scripted.
    pub fn handle(&mut self, request: &Request, now: Micros) -> Reply {
        self.served += 1;
        self.now = now;
        if self.churning > 0 {
            self.churning -= 1;
            self.owed += self.churn;
        }
        while self.owed >= 1.0 {
            self.owed -= 1.0;
            let mut rng = self.rng.clone();
            self.random_change(&mut rng, now);
            self.rng = rng;
        }
        let reply = self.reply(request, now);
        let status = match &reply {
            Reply::Respond(response) | Reply::CutBody(response) => response.status,
            Reply::Reset | Reply::Hang => 0,
        };
        if self.log.len() >= 2 * LOG {
            self.log.drain(..LOG);
        }
        self.log.push(Logged {
            method: request.method.clone(),
            path: request.path().into(),
            query: request.query().into(),
            status,
            at: now,
        });
        reply
    }

    fn reply(&mut self, request: &Request, now: Micros) -> Reply {
        if self.faults.unknown_tenant {
            let headers = vec![("content-type".into(), "text/html; charset=utf-8".into())];
            return Reply::Respond(Response { status: 404, headers, body: UNKNOWN_TENANT.into() });
        }
        let fault = self.faults.pick(request);
        let room = self.meter.take(now);
        match fault {
            Some(Fault::Reset) => return Reply::Reset,
            Some(Fault::Hang) => return Reply::Hang,
            _ => {}
        }
        let response = match room {
            Err(wait) => self.error(429, "Too many requests.", Some(wait)),
            Ok(()) => self.answer(request, fault.as_ref()),
        };
        if fault == Some(Fault::CutBody) { Reply::CutBody(response) } else { Reply::Respond(response) }
    }

    fn answer(&self, request: &Request, fault: Option<&Fault>) -> Response {
        match fault {
            Some(Fault::Status429 { retry_after }) => {
                return self.error(429, "Too many requests.", *retry_after);
            }
            Some(Fault::Status(status)) => return self.error(*status, "Something went wrong.", None),
            Some(Fault::Forbidden) => return self.error(403, FORBIDDEN, None),
            Some(Fault::Told { status, wait }) => {
                let mut response = self.error(*status, "Too many requests.", None);
                response.headers.push(("Retry-after".into(), wait.text(self.now)));
                return response;
            }
            Some(Fault::Lost) => return self.error(404, "Resource not found.", None),
            Some(Fault::NoContent) => return self.respond(204, "application/json", "", fault),
            Some(Fault::BotCheck) => {
                // What answers here knows nothing of the account's budget.
                return self.respond(403, "text/html; charset=utf-8", BOT_CHECK, Some(&Fault::HeaderMissing));
            }
            Some(Fault::Answer(response)) => return response.clone(),
            Some(Fault::Html200) => return self.respond(200, "text/html", MAINTENANCE, fault),
            _ => {}
        }
        if !self.authorized(request) {
            return self.error(401, "Unauthorized.", None);
        }
        if request.method != "GET" {
            return self.error(405, "The specified HTTP method is not allowed.", None);
        }
        match routes::route(self.view(), request, fault) {
            Answer::Json(body) => {
                let (status, mark) = match fault {
                    Some(Fault::Partial206) => (206, &b""[..]),
                    Some(Fault::Status203) => (203, &b""[..]),
                    Some(Fault::Bom) => (200, &b"\xef\xbb\xbf"[..]),
                    _ => (200, &b""[..]),
                };
                let body = if mark.is_empty() { body } else { [mark, &body].concat() };
                self.respond(status, "application/json", body, fault)
            }
            Answer::Refused(body) => self.respond(400, "application/json", body, fault),
            Answer::Missing => self.error(404, "Resource not found.", None),
            Answer::Forbidden(None) => self.error(403, FORBIDDEN, None),
            Answer::Forbidden(Some(scope)) => {
                self.error(403, &format!("{FORBIDDEN} Missing scope: {scope}."), None)
            }
            Answer::Moved(to) => {
                let mut response = self.respond(301, "text/html; charset=utf-8", "", fault);
                response.headers.push(("location".into(), to));
                response
            }
        }
    }

    fn authorized(&self, request: &Request) -> bool {
        let Some(value) = request.find("authorization") else { return false };
        let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
        if scheme.eq_ignore_ascii_case("basic") {
            let Ok(pair) = STANDARD.decode(rest.trim()) else { return false };
            return pair == format!("{}:{}", self.options.email, self.options.api_key).into_bytes();
        }
        scheme.eq_ignore_ascii_case("bearer") && self.options.access_token.as_deref() == Some(rest.trim())
    }

    fn error(&self, status: u16, message: &str, retry_after: Option<u64>) -> Response {
        let body = format!(r#"{{"error":{{"msg":"{message}"}}}}"#);
        let mut response = self.respond(status, "application/json", body, None);
        if let Some(seconds) = retry_after {
            response.headers.push(("Retry-after".into(), seconds.to_string()));
        }
        response
    }

    fn respond(
        &self,
        status: u16,
        kind: &str,
        body: impl Into<bytes::Bytes>,
        fault: Option<&Fault>,
    ) -> Response {
        let mut id = Dice::of([self.options.seed, self.served, 9, 9]);
        let mut headers: Vec<(String, String)> = vec![
            ("content-type".into(), kind.into()),
            ("x-gorgias-release".into(), "3f9f83e7b774a28054f32a55eb5d504352f99975".into()),
            ("x-request-id".into(), format!("{:016x}{:016x}", id.next(), id.next())),
            ("via".into(), "1.1 google".into()),
            ("date".into(), http_date(self.now - SECOND + 1)),
        ];
        let used = match fault {
            Some(Fault::HeaderMissing) => None,
            Some(Fault::HeaderNonsense) => Some("a few/many".to_owned()),
            _ => Some(self.meter.header()),
        };
        headers.extend(used.map(|used| ("x-gorgias-account-api-call-limit".into(), used)));
        Response { status, headers, body: body.into() }
    }

    /// What was asked, oldest first; at least the last 100,000 requests.
    pub fn requests(&self) -> &[Logged] {
        &self.log
    }

    /// Number of requests ever received.
    pub fn served(&self) -> u64 {
        self.served
    }

    /// What goes wrong from here on.
    pub fn faults(&mut self) -> &mut Faults {
        &mut self.faults
    }

    /// From now on so many random changes happen per request; fractions add up.
    pub fn set_churn(&mut self, changes_per_request: f64) {
        self.set_churn_for(u64::MAX, changes_per_request);
    }

    /// The same, for the next few requests only.
    pub fn set_churn_for(&mut self, requests: u64, changes_per_request: f64) {
        self.churn = changes_per_request;
        self.churning = requests;
    }

    /// From now on another client makes so many calls per second.
    pub fn set_other_client_rate(&mut self, per_second: f64) {
        self.meter.set_other(per_second);
    }

    /// What became of the calls of another client.
    pub fn other_client(&self) -> Others {
        self.meter.others()
    }

    /// Changes what a role may read.
    pub fn set_role_can_read_events(&mut self, can: bool) {
        self.options.role_can_read_events = can;
    }

    /// From now on these lists cannot be read, and all others can.
    pub fn deny_lists(&mut self, lists: Vec<DenyList>) {
        self.options.deny_lists = lists;
    }

    /// From now on no event tells of this part of deletions and merges, 0 to 1.
    pub fn set_events_missed(&mut self, part: f64) {
        self.options.events_missed = part;
    }

    /// Which way lists of calls go from now on.
    pub fn set_calls_turned(&mut self, turned: bool) {
        self.options.calls_turned = turned;
    }

    /// Whether events of customer merges say who was merged away.
    pub fn set_merge_event_names_source(&mut self, names: bool) {
        self.options.merge_event_names_source = names;
    }

    /// From now on lists show this row so that it cannot be read as it is; none: they show it as it is.
    pub fn set_unreadable(&mut self, table: &str, id: i64, how: Option<Unreadable>) {
        match how {
            Some(how) => _ = self.data.unreadable.insert((table.to_owned(), id), how),
            None => _ = self.data.unreadable.remove(&(table.to_owned(), id)),
        }
    }

    /// Replaces the credentials, as when a key is revoked.
    pub fn set_api_key(&mut self, key: impl Into<String>) {
        self.options.api_key = key.into();
    }

    /// Every row the list endpoint would list now, with its exact text, ascending by id.
    pub fn expected(&self, table: &str) -> Vec<(i64, String)> {
        self.ids(table).into_iter().filter_map(|id| Some((id, self.row(table, id)?))).collect()
    }

    /// The exact text of one row of a list.
    pub fn row(&self, table: &str, id: i64) -> Option<String> {
        let mut out = Out::default();
        list::row(&mut out, self.view(), table, id).then(|| out.into_string())
    }

    /// Ids of the rows that the list endpoint would list now, in all its forms, ascending: also archived macros, fields of
    /// tickets and of customers.
    pub fn ids(&self, table: &str) -> Vec<i64> {
        let data = &self.data;
        let mut ids: Vec<i64> = match table {
            "tickets" => data.tickets.keys().copied().collect(),
            "customers" => data.customers.keys().copied().collect(),
            "messages" => data.messages.keys().copied().collect(),
            "satisfaction-surveys" => data.surveys.keys().copied().collect(),
            "events" => data.events.iter().map(|row| row.id).collect(),
            table => data.small.get(table).into_iter().flatten().map(|row| row.id).collect(),
        };
        ids.sort_unstable();
        ids
    }

    /// How many rows the table holds.
    pub fn count(&self, table: &str) -> usize {
        let data = &self.data;
        match table {
            "tickets" => data.tickets.len(),
            "customers" => data.customers.len(),
            "messages" => data.messages.len(),
            "satisfaction-surveys" => data.surveys.len(),
            "events" => data.events.len(),
            table => self.ids(table).len(),
        }
    }

    /// What was deleted or merged away so far, in order.
    pub fn tombstones(&self) -> &[Tombstone] {
        &self.data.gone
    }

    pub(crate) fn view(&self) -> View<'_> {
        View { options: &self.options, data: &self.data }
    }
}

const FORBIDDEN: &str = "You do not have enough permissions to perform this action.";
const MAINTENANCE: &str = "<!doctype html><html><body><h1>We'll be right back</h1></body></html>";
const BOT_CHECK: &str = "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Checking your browser</body></html>";
const UNKNOWN_TENANT: &str = "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n<p>The requested URL was not found on the server.</p>\n";
