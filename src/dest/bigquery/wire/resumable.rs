//! A file in chunks: Google's resumable upload, as BigQuery and Cloud Storage share it.
//!
//! A session is opened with what the file is for, and answers with a URL of its own. Chunks go there one after the
//! other; 308 means that more may come, and `Range` how much has arrived. After anything that breaks, the session is
//! asked (`bytes */*`) and the rest is sent again from there. The answer to the last chunk is the result.
//!
//! Only the chunk on its way is kept. So a session that the server has forgotten can be opened anew only as long as
//! nothing but this chunk was sent; beyond that the caller has to send everything again.

use bytes::Bytes;

use super::api::Api;
use super::client::{Attempt, Call, Patience};
use super::error::{ApiError, Doing, Said};
use super::transport::{Method, Reply};
use crate::http::retry::{Again, Why};

/// Sessions for one file.
const SESSIONS: u32 = 4;
/// Answers in a row that acknowledge nothing new.
const STANDSTILL: u32 = 5;

/// What a session is opened with.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    pub(super) url: String,
    pub(super) body: serde_json::Value,
}

/// A file on its way.
#[derive(Debug)]
pub(super) struct Resumable {
    opening: Opening,
    /// The session's URL: whoever has it can write the file.
    session: Option<secrecy::SecretString>,
    /// Bytes of chunks that are through.
    sent: u64,
    sessions: u32,
}

/// What became of a chunk.
#[derive(Debug)]
pub(super) enum Sent {
    /// It is there, and more may come.
    More,
    /// It was the last one; the result.
    Done(Reply),
    /// What the file is for is there already.
    Exists,
    /// The session is gone, and with it what was sent before. (After the last chunk it may be gone because all is
    /// done.)
    Gone,
}

impl Resumable {
    pub(super) fn new(opening: Opening) -> Self {
        Self { opening, session: None, sent: 0, sessions: 0 }
    }

    /// Begins again with another opening. The file must be sent from its start.
    pub(super) fn restart(&mut self, opening: Opening) {
        *self = Self::new(opening);
    }

    /// Bytes of chunks that are through.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Sends a chunk: a multiple of [`super::api::GRAIN`], unless it is the last.
    ///
    /// # Errors
    /// When it does not go through; the upload is over then.
    pub(super) async fn send(
        &mut self,
        api: &Api,
        doing: &Doing,
        chunk: &Bytes,
        last: bool,
    ) -> Result<Sent, ApiError> {
        let mut patience = Patience::default();
        let (mut at, mut still, mut ask) = (0, 0, false);
        loop {
            let Some(session) = self.session(api, doing).await? else { return Ok(Sent::Exists) };
            let call =
                if ask { self.question(session, chunk, last) } else { self.part(session, chunk, at, last) };
            let reply = match api.inner.client.attempt(doing, &call).await {
                Attempt::Answer(reply) => reply,
                Attempt::Final(error) => return Err(error),
                Attempt::Again(again, said) => {
                    patience.wait(&api.inner.client, doing, again, said).await?;
                    ask = true;
                    continue;
                }
            };
            match reply.status {
                308 => {
                    let known = received(reply.range.as_deref());
                    let progress = known.checked_sub(self.sent).and_then(|more| usize::try_from(more).ok());
                    match progress.filter(|progress| *progress <= chunk.len()) {
                        // The last chunk is complete only with its result.
                        Some(progress) if progress == chunk.len() && !last => {
                            self.sent += progress as u64;
                            return Ok(Sent::More);
                        }
                        Some(progress) if progress > at || (ask && still < STANDSTILL) => {
                            still = if progress > at { 0 } else { still + 1 };
                            at = progress;
                            ask = false;
                        }
                        Some(progress) if progress == at && still < STANDSTILL => {
                            still += 1;
                            let again = Again::soon(Why::Body("the upload does not go on".into()));
                            patience.wait(&api.inner.client, doing, again, None).await?;
                        }
                        _ => return Err(ApiError::other(doing, "the server lost a part of the upload")),
                    }
                }
                404 | 410 if self.sent == 0 && !last => self.forget(doing)?,
                404 | 410 => return Ok(Sent::Gone),
                409 => return Ok(Sent::Exists),
                _ if last => return Ok(Sent::Done(reply)),
                _ => return Err(ApiError::other(doing, "the server ended the upload before its end")),
            }
            if self.session.is_none() {
                (at, ask) = (0, false);
            }
        }
    }

    fn forget(&mut self, doing: &Doing) -> Result<(), ApiError> {
        self.session = None;
        if self.sessions < SESSIONS {
            Ok(())
        } else {
            Err(ApiError::other(doing, "the server forgot the upload again and again"))
        }
    }

    fn part(&self, session: String, chunk: &Bytes, at: usize, last: bool) -> Call {
        let rest = chunk.slice(at..);
        let from = self.sent + at as u64;
        let total = if last { (self.sent + chunk.len() as u64).to_string() } else { "*".to_owned() };
        let range = match rest.len() as u64 {
            0 => format!("bytes */{total}"),
            length => format!("bytes {from}-{}/{total}", from + length - 1),
        };
        Self::put(session, range, rest)
    }

    fn question(&self, session: String, chunk: &Bytes, last: bool) -> Call {
        let total = if last { (self.sent + chunk.len() as u64).to_string() } else { "*".to_owned() };
        Self::put(session, format!("bytes */{total}"), Bytes::new())
    }

    fn put(session: String, range: String, body: Bytes) -> Call {
        let mut call = Call::new(Method::Put, session).fine(&[308, 404, 409, 410]);
        call.headers.push(("content-range", range));
        call.body = body;
        call
    }

    /// The session, opened if there is none; `None`: what the file is for is there already.
    async fn session(&mut self, api: &Api, doing: &Doing) -> Result<Option<String>, ApiError> {
        use secrecy::ExposeSecret as _;
        if let Some(session) = &self.session {
            return Ok(Some(session.expose_secret().to_owned()));
        }
        self.sessions += 1;
        let mut call =
            Call::new(Method::Post, self.opening.url.clone()).json(&self.opening.body).fine(&[409]);
        call.headers.push(("x-upload-content-type", "application/octet-stream".into()));
        let reply = api.inner.client.send(doing, call).await?;
        if reply.status == 409 {
            return Ok(None);
        }
        let Some(url) = reply.location else {
            return Err(ApiError::refused(doing, reply.status, Said::of(&reply.body)));
        };
        if !trusted(&self.opening.url, &url) {
            return Err(ApiError::other(
                doing,
                "the server sends the upload to another host, which gets no token",
            ));
        }
        self.session = Some(url.clone().into());
        Ok(Some(url))
    }
}

/// Whether a session's URL may have the token: the host we asked, or one of Google's if that was one.
fn trusted(asked: &str, session: &str) -> bool {
    let (Ok(asked), Ok(session)) = (url::Url::parse(asked), url::Url::parse(session)) else { return false };
    let google = |url: &url::Url| {
        url.scheme() == "https" && url.host_str().is_some_and(|host| host.ends_with(".googleapis.com"))
    };
    asked.origin() == session.origin() || (google(&asked) && google(&session))
}

/// Bytes that a session has, from its `Range`: `bytes=0-524287`; without one it has none.
fn received(range: Option<&str>) -> u64 {
    range
        .and_then(|range| range.trim().trim_start_matches("bytes=").strip_prefix("0-"))
        .and_then(|last| last.parse::<u64>().ok())
        .map_or(0, |last| last.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (range, bytes) in [
            (None, 0),
            (Some("bytes=0-0"), 1),
            (Some("bytes=0-524287"), 524_288),
            (Some("0-9"), 10),
            (Some("x"), 0),
        ] {
            assert_eq!(received(range), bytes, "{range:?}");
        }
    }

    #[test]
    fn a_token_goes_to_the_host_that_was_asked_or_to_google() {
        for (asked, session, fine) in [
            ("http://127.0.0.1:1/upload", "http://127.0.0.1:1/x", true),
            ("http://127.0.0.1:1/upload", "http://127.0.0.1:2/x", false),
            ("https://bigquery.googleapis.com/upload", "https://www.googleapis.com/x", true),
            ("https://bigquery.googleapis.com/upload", "http://www.googleapis.com/x", false),
            ("https://bigquery.googleapis.com/upload", "https://googleapis.com.evil.com/x", false),
            ("https://proxy.example.com/upload", "https://www.googleapis.com/x", false),
            ("https://bigquery.googleapis.com/upload", "/relative", false),
        ] {
            assert_eq!(trusted(asked, session), fine, "{asked} {session}");
        }
    }
}
