//! What goes in and out of the account, free of any HTTP library.

use crate::time::Micros;

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Upper-case method.
    pub method: String,
    /// Path and query as sent, percent-encoded.
    pub path_and_query: String,
    /// Headers; names compare without case.
    pub headers: Vec<(String, String)>,
}

impl Request {
    /// A GET without headers.
    pub fn get(path_and_query: impl Into<String>) -> Request {
        Request { method: "GET".into(), path_and_query: path_and_query.into(), headers: Vec::new() }
    }

    /// The same with a header more.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Request {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn path(&self) -> &str {
        self.path_and_query.split('?').next().unwrap_or_default()
    }

    pub(crate) fn query(&self) -> &str {
        self.path_and_query.split_once('?').map_or("", |(_, query)| query)
    }
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Headers, names in lower case except `Retry-after`, as documented.
    pub headers: Vec<(String, String)>,
    /// Whole body.
    pub body: bytes::Bytes,
}

impl Response {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// What happens to a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A whole answer.
    Respond(Response),
    /// The connection is reset before any answer.
    Reset,
    /// The headers promise the whole body, half of it arrives, the connection closes.
    CutBody(Response),
    /// Nothing ever arrives.
    Hang,
}

impl Reply {
    /// The answer, when there is a whole one.
    pub fn response(self) -> Option<Response> {
        match self {
            Reply::Respond(response) => Some(response),
            Reply::Reset | Reply::CutBody(_) | Reply::Hang => None,
        }
    }
}

/// A request as it was seen, for tests that assert what was asked.
#[derive(Debug, Clone)]
pub struct Logged {
    /// Method.
    pub method: String,
    /// Path without query.
    pub path: String,
    /// Query as sent.
    pub query: String,
    /// Status answered; 0 when no answer was given.
    pub status: u16,
    /// When.
    pub at: Micros,
}
