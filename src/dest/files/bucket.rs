//! A bucket of S3, or of a store that speaks as it does, or a container of Azure. Its calls are those of a store in another
//! thread: the one that drives the network is not theirs.
//!
//! Large files are uploads of parts, which nobody sees before they are completed; the ids of the parts are all that it takes,
//! so that the next run can do it.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, UpdateVersion};
use tokio::runtime::Handle;

use super::store::{Store, Upload, Version, Waiting};
use crate::dest::{DestError, DestErrorKind};

/// Of an upload: stores take 10,000 at most, and some want all but the last to be of one size.
const PART: usize = 8 * 1024 * 1024;

/// What a client of a store can do.
pub(super) trait Client: ObjectStore + MultipartStore {}

impl<T: ObjectStore + MultipartStore> Client for T {}

/// A bucket, or a folder in one.
#[derive(Clone)]
pub(super) struct Bucket {
    pub(super) client: Arc<dyn Client>,
    /// The folder; empty for the whole bucket.
    pub(super) prefix: String,
    /// How messages name it.
    pub(super) name: String,
    /// What may be in no message.
    pub(super) secrets: Vec<String>,
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bucket").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What a store said, without secrets.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Told(String);

impl Bucket {
    fn at(&self, path: &str) -> Result<Path, DestError> {
        let whole = format!("{}/{path}", self.prefix);
        Path::parse(whole.trim_matches('/')).map_err(|error| self.failed("find", path, &error.into()))
    }

    /// Waits for the network, which another thread drives.
    fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        Handle::current().block_on(work)
    }

    fn do_at<T>(
        &self,
        action: &str,
        path: &str,
        work: impl for<'a> FnOnce(&'a dyn Client, &'a Path) -> BoxFuture<'a, Result<T, Error>>,
    ) -> Result<T, DestError> {
        let at = self.at(path)?;
        self.wait(work(&*self.client, &at)).map_err(|error| self.failed(action, path, &error))
    }

    /// The names in a folder: of files, or of folders.
    fn names(&self, folder: &str, folders: bool) -> Result<Vec<String>, DestError> {
        let found = self.do_at("list", folder, |client, at| {
            Box::pin(async move { client.list_with_delimiter(Some(at)).await })
        })?;
        let paths: Vec<Path> = match folders {
            true => found.common_prefixes,
            false => found.objects.into_iter().map(|object| object.location).collect(),
        };
        let mut names: Vec<String> =
            paths.iter().filter_map(|path| Some(path.parts().next_back()?.as_ref().to_owned())).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn put(&self, path: &str, bytes: Bytes, mode: PutMode) -> Result<Result<(), Error>, DestError> {
        let at = self.at(path)?;
        let options = PutOptions { mode, ..PutOptions::default() };
        Ok(self.wait(self.client.put_opts(&at, PutPayload::from(bytes), options)).map(|_| ()))
    }

    /// What went wrong, and what to do about it.
    fn failed(&self, action: &str, path: &str, error: &Error) -> DestError {
        let mut told = chain(error);
        for secret in &self.secrets {
            told = told.replace(secret, "…");
        }
        let says = |words: &[&str]| words.iter().any(|word| told.contains(word));
        let path = path.trim_matches('/');
        let what = if path.is_empty() { self.name.clone() } else { format!("{path} in {}", self.name) };
        let (kind, message, hint) = if says(&["NoSuchBucket", "ContainerNotFound"]) {
            (
                DestErrorKind::Other,
                format!("{} does not exist", self.name),
                "make it first, or name another one in --dest-uri",
            )
        } else if matches!(error, Error::Unauthenticated { .. })
            || says(&[
                "InvalidAccessKeyId",
                "SignatureDoesNotMatch",
                "AuthenticationFailed",
                "AuthorizationFailure",
                "ExpiredToken",
            ])
        {
            (
                DestErrorKind::Permission,
                format!("{} does not take the credentials", self.name),
                "check the keys, and whether their time is over",
            )
        } else if matches!(error, Error::PermissionDenied { .. }) || says(&["AccessDenied", "403 Forbidden"])
        {
            (
                DestErrorKind::Permission,
                format!("no permission to {action} {what}"),
                "give these credentials the right to list, read, write and delete there",
            )
        } else if says(&[
            "error sending request",
            "tcp connect error",
            "dns error",
            "error trying to connect",
        ]) {
            (
                DestErrorKind::Other,
                format!("cannot reach {}", self.name),
                "check the network, and the endpoint if one is named: in endpoint_url, AWS_ENDPOINT_URL or AZURE_STORAGE_ENDPOINT",
            )
        } else {
            (
                DestErrorKind::Other,
                format!("cannot {action} {what}"),
                "see in its cause what the store says, and run the command again; it goes on from what is stored",
            )
        };
        DestError::new(kind, message).caused_by(Told(said(&told))).hint(hint)
    }
}

/// What a store says in its answer, where there is one; else all that is known.
fn said(told: &str) -> String {
    let between = |from: &str, to: &str| Some(told.split_once(from)?.1.split_once(to)?.0.trim());
    let first = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    match (between("<Code>", "</Code>"), between("<Message>", "</Message>")) {
        (Some(code), Some(message)) => format!("{code}: {}", first(message)),
        _ => told.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

/// An error and its causes, each once.
fn chain(error: &Error) -> String {
    let mut told = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        let text = next.to_string();
        if !told.contains(&text) {
            told = format!("{told}: {text}");
        }
        cause = next.source();
    }
    told
}

impl Store for Bucket {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self, folders: &[String]) -> Result<(), DestError> {
        folders.first().map_or(Ok(()), |folder| self.files(folder).map(|_| ()))
    }

    /// A bucket has no folders that could be in the way.
    fn check_place(&self, _path: &str) -> Result<(), DestError> {
        Ok(())
    }

    fn read(&self, path: &str) -> Result<Option<(Bytes, Version)>, DestError> {
        let at = self.at(path)?;
        let read = async {
            let found = self.client.get(&at).await?;
            let tag = found.meta.e_tag.clone();
            Ok((found.bytes().await?, Version::Tag(tag)))
        };
        match self.wait(read) {
            Ok(found) => Ok(Some(found)),
            // A bucket that is not there is something else.
            Err(error @ Error::NotFound { .. }) => match chain(&error).contains("NoSuchBucket") {
                true => Err(self.failed("read", path, &error)),
                false => Ok(None),
            },
            Err(error) => Err(self.failed("read", path, &error)),
        }
    }

    fn write(&self, path: &str, bytes: Bytes) -> Result<(), DestError> {
        self.put(path, bytes, PutMode::Overwrite)?.map_err(|error| self.failed("write", path, &error))
    }

    fn swap(&self, path: &str, before: Option<&Version>, bytes: Bytes) -> Result<bool, DestError> {
        let mode = match before {
            None => PutMode::Create,
            Some(Version::Tag(tag)) => PutMode::Update(UpdateVersion { e_tag: tag.clone(), version: None }),
            // No store has told that.
            Some(Version::Content(_)) => return Ok(false),
        };
        match self.put(path, bytes.clone(), mode)? {
            Ok(()) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
            // Stores that know no conditions: whose write was the last is seen when it is read again.
            Err(error) if is_unknown_there(&error) => self.write(path, bytes).map(|()| true),
            Err(error) => Err(self.failed("write", path, &error)),
        }
    }

    fn files(&self, folder: &str) -> Result<Vec<String>, DestError> {
        self.names(folder, false)
    }

    /// What is not complete is seen by nobody.
    fn leftovers(&self, _folder: &str, _ours: &dyn Fn(&str) -> bool) -> Result<Vec<String>, DestError> {
        Ok(Vec::new())
    }

    fn folders(&self, folder: &str) -> Result<Vec<String>, DestError> {
        self.names(folder, true)
    }

    fn remove(&self, path: &str) -> Result<(), DestError> {
        let at = self.at(path)?;
        match self.wait(self.client.delete(&at)) {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("remove", path, &error)),
        }
    }

    fn size(&self, path: &str) -> Result<Option<u64>, DestError> {
        let at = self.at(path)?;
        match self.wait(self.client.head(&at)) {
            Ok(found) => Ok(Some(found.size)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("read", path, &error)),
        }
    }

    fn begin(&self, path: &str) -> Result<Box<dyn Upload>, DestError> {
        let held = self.do_at("write", path, |client, at| client.create_multipart(at))?;
        let waiting = Waiting { path: path.to_owned(), size: 0, held, parts: Vec::new() };
        Ok(Box::new(Sending { into: self.clone(), rest: Vec::new(), waiting }))
    }

    fn place(&self, waiting: &Waiting) -> Result<bool, DestError> {
        let (at, id) = (self.at(&waiting.path)?, waiting.held.clone());
        let parts = waiting.parts.iter().map(|part| PartId { content_id: part.clone() }).collect();
        let Err(error) = self.wait(self.client.complete_multipart(&at, &id, parts)) else { return Ok(true) };
        // It was completed before, or has been given up by the store.
        if self.size(&waiting.path)? == Some(waiting.size) {
            return Ok(true);
        }
        match matches!(error, Error::NotFound { .. }) || chain(&error).contains("InvalidBlockList") {
            true => Ok(false),
            false => Err(self.failed("write", &waiting.path, &error)),
        }
    }

    fn abandon(&self, waiting: &Waiting) -> Result<(), DestError> {
        let (at, id) = (self.at(&waiting.path)?, waiting.held.clone());
        match self.wait(self.client.abort_multipart(&at, &id)) {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("remove", &waiting.path, &error)),
        }
    }
}

fn is_unknown_there(error: &Error) -> bool {
    matches!(error, Error::NotImplemented { .. } | Error::NotSupported { .. })
        || chain(error).contains("NotImplemented")
}

/// An upload.
struct Sending {
    into: Bucket,
    /// Less than a part.
    rest: Vec<u8>,
    waiting: Waiting,
}

impl Sending {
    fn send(&mut self, part: Vec<u8>) -> Result<(), DestError> {
        let (id, nth) = (self.waiting.held.clone(), self.waiting.parts.len());
        let size = part.len() as u64;
        let sent = self.into.do_at("write", &self.waiting.path, |client, at| {
            Box::pin(async move { client.put_part(at, &id, nth, PutPayload::from(part)).await })
        })?;
        self.waiting.parts.push(sent.content_id);
        self.waiting.size += size;
        Ok(())
    }
}

impl Upload for Sending {
    fn begun(&self) -> Waiting {
        self.waiting.clone()
    }

    fn write(&mut self, bytes: &mut Vec<u8>) -> Result<(), DestError> {
        self.rest.append(bytes);
        while self.rest.len() >= PART {
            let after = self.rest.split_off(PART);
            let part = std::mem::replace(&mut self.rest, after);
            self.send(part)?;
        }
        Ok(())
    }

    fn complete(mut self: Box<Self>) -> Result<Waiting, DestError> {
        // A file of nothing has one part, too.
        if !self.rest.is_empty() || self.waiting.parts.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            self.send(rest)?;
        }
        Ok(self.waiting)
    }
}
