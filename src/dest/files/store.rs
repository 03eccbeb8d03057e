//! Where files lie: small ones are read and written whole, large ones are streamed, and nothing is seen under its name
//! before it is complete.
//!
//! Paths are relative to the place that the URI names; `/` lies between their parts.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::dest::DestError;

/// What a file was when it was read, for [`Store::swap`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Version {
    /// This content.
    Content(Bytes),
    /// What the store calls it.
    Tag(Option<String>),
}

/// A large file that is complete, or on its way, and not yet seen under its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Waiting {
    /// The name that it is going to have.
    pub(super) path: String,
    /// Its bytes once it is complete.
    pub(super) size: u64,
    /// The file in which it waits, or the upload, by the store's id.
    pub(super) held: String,
    /// The parts of an upload, by the store's ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) parts: Vec<String>,
}

/// A place for files. Its calls block.
pub(super) trait Store: std::fmt::Debug + Send + Sync {
    /// How messages name it: no credentials.
    fn name(&self) -> String;

    /// Finds out before the first request whether files can be read and written there, as far as can be known without
    /// writing. `folders`: where they are going to be.
    fn check(&self, folders: &[String]) -> Result<(), DestError>;

    /// Finds out whether a file can get that name, or take the place of the one that has it, as far as can be known without
    /// writing.
    fn check_place(&self, path: &str) -> Result<(), DestError>;

    /// A small file; `None`: there is none.
    fn read(&self, path: &str) -> Result<Option<(Bytes, Version)>, DestError>;

    /// Writes a small file, in the place of one that may be there.
    fn write(&self, path: &str, bytes: Bytes) -> Result<(), DestError>;

    /// The same unless the file is not as it was read (`None`: there was none) any more; whether it was written.
    fn swap(&self, path: &str, before: Option<&Version>, bytes: Bytes) -> Result<bool, DestError>;

    /// Names of the files in a folder, in order; none if there is no such folder.
    fn files(&self, folder: &str) -> Result<Vec<String>, DestError>;

    /// Names of files in a folder that a killed process has left unfinished, of those whose names would be `ours`.
    fn leftovers(&self, folder: &str, ours: &dyn Fn(&str) -> bool) -> Result<Vec<String>, DestError>;

    /// Names of the folders in a folder, in order.
    fn folders(&self, folder: &str) -> Result<Vec<String>, DestError>;

    /// Removes a file, if it is there.
    fn remove(&self, path: &str) -> Result<(), DestError>;

    /// Bytes of a file; `None`: there is none.
    fn size(&self, path: &str) -> Result<Option<u64>, DestError>;

    /// Begins a large file.
    fn begin(&self, path: &str) -> Result<Box<dyn Upload>, DestError>;

    /// Puts a complete file in the place of one that may be there. May be asked for more than once. Whether it is there.
    fn place(&self, waiting: &Waiting) -> Result<bool, DestError>;

    /// Gives up a large file that is not in its place.
    fn abandon(&self, waiting: &Waiting) -> Result<(), DestError>;
}

/// A large file on its way.
pub(super) trait Upload {
    /// What is known of it before it is complete, for who has to give it up.
    fn begun(&self) -> Waiting;

    /// Appends bytes, and takes them.
    fn write(&mut self, bytes: &mut Vec<u8>) -> Result<(), DestError>;

    /// Nothing more comes.
    fn complete(self: Box<Self>) -> Result<Waiting, DestError>;
}
