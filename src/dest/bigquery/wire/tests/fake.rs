//! A BigQuery that keeps what it is sent and breaks where it is told to: for what no emulator does.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::BoxFuture;
use secrecy::ExposeSecret as _;
use serde_json::{Value as Json, json};

use super::super::auth::{AuthError, Secrets, Tokens};
use super::super::transport::{Method, Reply, Request, Transport};
use super::*;
use crate::http::{TransportError, TransportErrorKind};

/// Small, so that a file of several chunks is soon made.
pub(super) const CHUNK: usize = 512 * 1024;

/// What goes wrong with one request.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// It is refused.
    Refuse(u16, &'static str, &'static str),
    /// It is refused, with a `Retry-After` in seconds.
    Later(u16, u64),
    /// The connection breaks before anything is done.
    Reset,
    /// It is done, and then the connection breaks.
    Lost,
    /// Of a chunk, so many bytes are kept; 308 says so.
    Keep(usize),
    /// Of a chunk, so many bytes are kept, and then the connection breaks.
    Cut(usize),
    /// All sessions are forgotten.
    Forget,
    /// The job is done, and its result is not there.
    NoResult,
    /// The job that is submitted takes so many looks.
    Slow(u32),
    /// The job that is submitted fails.
    Fail(&'static str, &'static str),
}

#[derive(Debug, Default)]
struct State {
    /// Method and a part of the URL, what goes wrong, and how many such requests pass before.
    faults: Vec<(Method, &'static str, u32, Fault)>,
    jobs: BTreeMap<String, FakeJob>,
    sessions: BTreeMap<String, Session>,
    objects: BTreeMap<String, Vec<u8>>,
    loaded: Vec<Vec<u8>>,
    ran: Vec<String>,
    log: Vec<String>,
    /// Tokens before this one are refused.
    valid: u32,
    /// Permissions that nobody has.
    denied: Vec<&'static str>,
    /// Statements that were looked at without being run.
    tried: Vec<String>,
    /// What is told of these.
    told: Json,
    /// What queries may be paid for, of those that said it.
    limits: Vec<String>,
}

#[derive(Debug, Clone)]
struct FakeJob {
    looks: u32,
    error: Option<(&'static str, &'static str)>,
    rows: u64,
}

#[derive(Debug)]
struct Session {
    opening: Json,
    received: Vec<u8>,
}

/// The network, and behind it BigQuery.
#[derive(Default)]
pub(in crate::dest::bigquery) struct Fake {
    state: Mutex<State>,
    tokens: AtomicU32,
}

impl Fake {
    pub(in crate::dest::bigquery) fn api(self: &Arc<Self>) -> Api {
        let uri = BigQueryUri::parse("bigquery://testproj").unwrap();
        let tokens = Arc::new(FakeTokens(Arc::clone(self)));
        Api::with(&uri, Arc::clone(self) as Arc<dyn Transport>, tokens, fastrand::Rng::with_seed(7), CHUNK)
            .located("EU")
    }

    /// The next request like this goes wrong.
    pub(super) fn breaks(&self, method: Method, url: &'static str, fault: Fault) {
        self.breaks_after(0, method, url, fault);
    }

    /// The next job that is submitted fails.
    pub(in crate::dest::bigquery) fn fails_a_job(&self, reason: &'static str, message: &'static str) {
        self.breaks(Method::Post, "/jobs", Fault::Fail(reason, message));
    }

    /// So many requests like this pass, and the one after them goes wrong.
    pub(super) fn breaks_after(&self, passing: u32, method: Method, url: &'static str, fault: Fault) {
        self.state.lock().unwrap().faults.push((method, url, passing, fault));
    }

    /// Nothing goes wrong any more.
    pub(super) fn forgives(&self) {
        self.state.lock().unwrap().faults.clear();
    }

    /// Tokens before the n-th are refused, from 0.
    pub(super) fn valid_from(&self, token: u32) {
        self.state.lock().unwrap().valid = token;
    }

    /// From now on, that permission is missing.
    pub(in crate::dest::bigquery) fn denies(&self, permission: &'static str) {
        self.state.lock().unwrap().denied.push(permission);
    }

    /// The next request like this is refused.
    pub(in crate::dest::bigquery) fn refuses(
        &self,
        url: &'static str,
        status: u16,
        reason: &'static str,
        message: &'static str,
    ) {
        for method in [Method::Post, Method::Get] {
            self.breaks(method, url, Fault::Refuse(status, reason, message));
        }
    }

    /// Statements that were looked at without being run.
    pub(in crate::dest::bigquery) fn tried(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().tried)
    }

    /// From now on this is told of such statements.
    pub(super) fn tells(&self, statistics: Json) {
        self.state.lock().unwrap().told = statistics;
    }

    /// What queries may be paid for, of those that said it.
    pub(super) fn limits(&self) -> Vec<String> {
        self.state.lock().unwrap().limits.clone()
    }

    /// Files that successful load jobs have read, unpacked.
    pub(super) fn loaded(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        state.loaded.iter().map(|file| String::from_utf8(unpacked(file)).unwrap()).collect()
    }

    /// Queries that have run.
    pub(in crate::dest::bigquery) fn ran(&self) -> Vec<String> {
        self.state.lock().unwrap().ran.clone()
    }

    /// Faults that nothing has met yet.
    pub(super) fn waiting(&self) -> usize {
        self.state.lock().unwrap().faults.len()
    }

    pub(super) fn objects(&self) -> usize {
        self.state.lock().unwrap().objects.len()
    }

    /// Requests like this that arrived.
    pub(super) fn count(&self, begin: &str) -> usize {
        self.state.lock().unwrap().log.iter().filter(|line| line.starts_with(begin)).count()
    }
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fake")
    }
}

#[derive(Debug)]
struct FakeTokens(Arc<Fake>);

impl Tokens for FakeTokens {
    fn headers(&self) -> BoxFuture<'_, Result<Secrets, AuthError>> {
        let token = format!("Bearer {}", self.0.tokens.load(Ordering::Relaxed));
        Box::pin(std::future::ready(Ok(vec![("authorization", token.into())])))
    }

    fn renew(&self) {
        self.0.tokens.fetch_add(1, Ordering::Relaxed);
    }
}

fn unpacked(file: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    if file.starts_with(&[0x1f, 0x8b]) {
        flate2::read::GzDecoder::new(file).read_to_end(&mut text).unwrap();
    } else {
        text.extend_from_slice(file);
    }
    text
}

fn reply(status: u16, body: &Json) -> Reply {
    Reply { status, body: body.to_string().into(), ..Reply::default() }
}

fn refusal(status: u16, reason: &str, message: &str) -> Reply {
    reply(
        status,
        &json!({"error": {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}}),
    )
}

fn broken() -> TransportError {
    TransportError { kind: TransportErrorKind::Broken, message: "connection reset".into() }
}

impl State {
    /// The fault that waits for this request.
    fn fault(&mut self, request: &Request) -> Option<Fault> {
        let fits = |(method, part, ..): &(Method, &str, u32, Fault)| {
            *method == request.method && request.url.contains(part)
        };
        let at = self.faults.iter().position(fits)?;
        if self.faults[at].2 > 0 {
            self.faults[at].2 -= 1;
            return None;
        }
        Some(self.faults.remove(at).3)
    }

    fn answer(&mut self, request: &Request, fault: Option<&Fault>) -> Result<Reply, TransportError> {
        let (mut looks, mut error) = (0, None);
        match fault {
            Some(Fault::Refuse(status, reason, message)) => return Ok(refusal(*status, reason, message)),
            Some(Fault::Later(status, seconds)) => {
                return Ok(Reply {
                    retry_after: Some(seconds.to_string()),
                    ..refusal(*status, "backendError", "later")
                });
            }
            Some(Fault::Reset) => return Err(broken()),
            Some(Fault::Keep(bytes)) => return Ok(self.chunk(request, Some(*bytes), 0, None)),
            Some(Fault::Cut(bytes)) => {
                self.chunk(request, Some(*bytes), 0, None);
                return Err(broken());
            }
            Some(Fault::Forget) => self.sessions.clear(),
            Some(Fault::NoResult) => return Ok(reply(200, &json!({"jobComplete": false}))),
            Some(Fault::Slow(number)) => looks = *number,
            Some(Fault::Fail(reason, message)) => error = Some((*reason, *message)),
            Some(Fault::Lost) | None => {}
        }
        let answer = self.serve(request, looks, error);
        if matches!(fault, Some(Fault::Lost)) { Err(broken()) } else { Ok(answer) }
    }

    fn serve(&mut self, request: &Request, looks: u32, error: Option<(&'static str, &'static str)>) -> Reply {
        let url = url::Url::parse(&request.url).unwrap();
        let parameter =
            |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        let path = url.path();
        let last = path.rsplit('/').next().unwrap();
        match request.method {
            Method::Put => self.chunk(request, None, looks, error),
            Method::Post if path.starts_with("/upload/") => self.open(request, &url),
            Method::Post if path.ends_with(":testIamPermissions") => {
                let body: Json = serde_json::from_slice(&request.body).unwrap();
                let asked = body["permissions"].as_array().unwrap().iter();
                self.granted(asked.map(|one| one.as_str().unwrap().to_owned()))
            }
            Method::Get if path.ends_with("/iam/testPermissions") => {
                let asked = url.query_pairs().filter(|(name, _)| name == "permissions");
                self.granted(asked.map(|(_, one)| one.into_owned()))
            }
            Method::Post if path.ends_with("/jobs") => self.submit(request, looks, error),
            Method::Get if path.contains("/jobs/") => {
                assert_eq!(
                    parameter("location").as_deref(),
                    Some("EU"),
                    "a job is only found in its location"
                );
                self.look(last)
            }
            Method::Get if path.contains("/queries/") => reply(
                200,
                &json!({
                    "jobComplete": true, "totalRows": "1", "schema": {"fields": [{"name": "job", "type": "STRING"}]},
                    "rows": [{"f": [{"v": last}]}],
                }),
            ),
            Method::Get if path.contains("/datasets/") => reply(200, &json!({"location": "EU"})),
            Method::Delete if path.contains("/storage/") => {
                let name = percent_encoding::percent_decode_str(last).decode_utf8().unwrap().into_owned();
                let known = self.objects.remove(&name).is_some();
                if known { reply(204, &json!({})) } else { refusal(404, "notFound", "No such object") }
            }
            _ => panic!("the fake has no {:?} {path}", request.method),
        }
    }

    fn granted(&self, asked: impl Iterator<Item = String>) -> Reply {
        let granted: Vec<String> = asked.filter(|one| !self.denied.contains(&one.as_str())).collect();
        reply(200, &json!({"permissions": granted}))
    }

    fn open(&mut self, request: &Request, url: &url::Url) -> Reply {
        let opening: Json = serde_json::from_slice(&request.body).unwrap();
        if let Some(id) = opening["jobReference"]["jobId"].as_str()
            && self.jobs.contains_key(id)
        {
            return refusal(409, "duplicate", "Already Exists: Job");
        }
        let id = format!("session-{}", self.log.len());
        let location = format!("{}&upload_id={id}", url.as_str());
        self.sessions.insert(id, Session { opening, received: Vec::new() });
        Reply { location: Some(location), ..reply(200, &json!({})) }
    }

    /// A chunk, of which only `keep` bytes arrive, or a question.
    fn chunk(
        &mut self,
        request: &Request,
        keep: Option<usize>,
        looks: u32,
        error: Option<(&'static str, &'static str)>,
    ) -> Reply {
        let id = request.url.rsplit("upload_id=").next().unwrap().to_owned();
        let Some(session) = self.sessions.get_mut(&id) else {
            return refusal(404, "notFound", "no such session");
        };
        let range = &request.headers.iter().find(|(name, _)| *name == "content-range").unwrap().1;
        let (place, total) = range.strip_prefix("bytes ").unwrap().split_once('/').unwrap();
        if let Some((from, to)) = place.split_once('-') {
            let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
            assert_eq!(to - from + 1, request.body.len(), "{range}");
            assert_eq!(from, session.received.len(), "a chunk begins where the last one ended");
            assert!(request.body.len() <= CHUNK, "a chunk is kept in memory");
            assert!(total != "*" || (to + 1) % (256 * 1024) == 0, "not a multiple of 256 KiB: {range}");
            let kept = keep.unwrap_or(usize::MAX).min(request.body.len());
            session.received.extend_from_slice(&request.body[..kept]);
        }
        let received = session.received.len();
        if total == "*" || total.parse::<usize>().unwrap() > received {
            let range = (received > 0).then(|| format!("bytes=0-{}", received - 1));
            return Reply { status: 308, range, ..Reply::default() };
        }
        let session = self.sessions.remove(&id).unwrap();
        if let Some(name) = session.opening["name"].as_str() {
            self.objects.insert(name.to_owned(), session.received);
            return reply(200, &json!({"name": name}));
        }
        let id = session.opening["jobReference"]["jobId"].as_str().unwrap().to_owned();
        assert_eq!(session.opening["configuration"]["load"]["createDisposition"], "CREATE_NEVER");
        self.run(&id, Some(session.received), looks, error)
    }

    fn submit(
        &mut self,
        request: &Request,
        looks: u32,
        error: Option<(&'static str, &'static str)>,
    ) -> Reply {
        let body: Json = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body["jobReference"]["location"], "EU");
        let id = body["jobReference"]["jobId"].as_str().unwrap();
        if body["configuration"]["dryRun"] == true {
            self.tried.push(body["configuration"]["query"]["query"].as_str().unwrap().to_owned());
            return reply(200, &json!({"status": {"state": "DONE"}, "statistics": self.told}));
        }
        if self.jobs.contains_key(id) {
            return refusal(409, "duplicate", "Already Exists: Job");
        }
        if let Some(limit) = body["configuration"]["query"]["maximumBytesBilled"].as_str() {
            self.limits.push(limit.to_owned());
        }
        let source = body["configuration"]["load"]["sourceUris"][0].as_str();
        let file = source.map(|source| self.objects[source.splitn(4, '/').nth(3).unwrap()].clone());
        if let (Some(sql), None) = (body["configuration"]["query"]["query"].as_str(), error) {
            self.ran.push(sql.to_owned());
        }
        self.run(id, file, looks, error)
    }

    fn run(
        &mut self,
        id: &str,
        file: Option<Vec<u8>>,
        looks: u32,
        error: Option<(&'static str, &'static str)>,
    ) -> Reply {
        let mut job = FakeJob { looks, error, rows: 0 };
        if let (Some(file), None) = (file, error) {
            job.rows = unpacked(&file).iter().filter(|byte| **byte == b'\n').count() as u64;
            self.loaded.push(file);
        }
        self.jobs.insert(id.to_owned(), job);
        self.look(id)
    }

    fn look(&mut self, id: &str) -> Reply {
        let Some(job) = self.jobs.get_mut(id) else {
            return refusal(404, "notFound", "Not found: Job testproj:x");
        };
        let mut body = json!({
            "jobReference": {"jobId": id}, "status": {"state": "DONE"},
            "statistics": {"load": {"outputRows": job.rows.to_string()}},
        });
        if job.looks > 0 {
            job.looks -= 1;
            body["status"]["state"] = "RUNNING".into();
        } else if let Some((reason, message)) = job.error {
            body["status"]["errorResult"] = json!({"reason": reason, "message": message});
        }
        reply(200, &body)
    }
}

impl Transport for Fake {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Reply, TransportError>> {
        let mut state = self.state.lock().unwrap();
        let path = request.url.split_once("googleapis.com").expect("only Google gets the token").1;
        state.log.push(format!("{:?} {path}", request.method));
        let token =
            request.secrets.iter().find(|(name, _)| *name == "authorization").unwrap().1.expose_secret();
        let token: u32 = token.strip_prefix("Bearer ").unwrap().parse().unwrap();
        let answer = if token < state.valid {
            Ok(refusal(401, "authError", "Request had invalid authentication credentials."))
        } else {
            let fault = state.fault(&request);
            state.answer(&request, fault.as_ref())
        };
        // A little time passes, so that what waits for it does so in order.
        Box::pin(async move {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            answer
        })
    }
}
