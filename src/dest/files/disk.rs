//! A folder of this machine. What is written lies in a file beside its place, whose name begins with a dot, until it is on
//! the disk; then it gets its name.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::store::{Store, Upload, Version, Waiting};
use crate::dest::local::{folder_is_writable, from_io};
use crate::dest::{DestError, DestErrorKind};

/// What messages call a file.
pub(super) const KIND: &str = "output";
/// What names of files end with that are not complete.
const UNFINISHED: &str = ".unfinished";

/// A folder.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    root: PathBuf,
}

impl Disk {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn at(&self, path: &str) -> PathBuf {
        let parts = path.split('/').filter(|part| !part.is_empty());
        parts.fold(self.root.clone(), |path, part| path.join(part))
    }

    /// The file in which something waits for its name, beside it. No two are alike: who lost a lease may be writing still.
    fn unfinished(&self, path: &str) -> (String, PathBuf) {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let hidden = format!("{folder}/.{name}.{:016x}{UNFINISHED}", fastrand::u64(..));
        let at = self.at(&hidden);
        (hidden, at)
    }

    fn names(&self, folder: &str, wanted: fn(&fs::FileType) -> bool) -> Result<Vec<String>, DestError> {
        let path = self.at(folder);
        let failed = |error| from_io(KIND, &path, "read", error);
        let entries = match fs::read_dir(&path) {
            Err(error) if is_missing(&error) => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            if wanted(&entry.file_type().map_err(failed)?)
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn check_one(&self, folder: &str) -> Result<(), DestError> {
        let at = self.at(folder);
        let mut there = std::path::absolute(&at).map_err(|error| from_io(KIND, &at, "find", error))?;
        while fs::symlink_metadata(&there).is_err_and(|error| is_missing(&error)) {
            let Some(above) = there.parent() else { break };
            there = above.to_path_buf();
        }
        match fs::metadata(&there) {
            Ok(found) if !found.is_dir() => {
                let message = format!("{} is a file, and tables are written into a folder", there.display());
                Err(DestError::new(DestErrorKind::Other, message).hint("name a folder in --dest-uri"))
            }
            Ok(_) => folder_is_writable(KIND, &there, &at),
            Err(error) => Err(from_io(KIND, &at, "find", error)),
        }
    }

    /// Writes a file and gives it its name.
    fn put(&self, path: &str, bytes: &[u8]) -> Result<(), DestError> {
        let (_, hidden) = self.unfinished(path);
        let named = self.at(path);
        let written = create(&hidden)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
            .and_then(|()| rename(&hidden, &named));
        written.map_err(|error| {
            // On a full disk, room is what is missing.
            let _ = fs::remove_file(&hidden);
            from_io(KIND, &named, "write", error)
        })
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Whether a file is another user's, in a folder in which only owners replace their files (the sticky bit).
#[cfg(target_os = "linux")]
fn is_kept(path: &Path, found: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    const STICKY: u32 = 0o1000;
    /// `CAP_FOWNER`: what others own is as if it were one's own.
    const OWNS_ALL: u64 = 1 << 3;
    let Some(folder) = path.parent().and_then(|folder| fs::metadata(folder).ok()) else { return false };
    let Ok(status) = fs::read_to_string("/proc/self/status") else { return false };
    let word = |name: &str, nth| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().nth(nth)
    };
    let owns_all = word("CapEff:", 0).and_then(|word| u64::from_str_radix(word, 16).ok());
    // The second is the one that counts.
    let Some(user) = word("Uid:", 1).and_then(|word| word.parse::<u32>().ok()) else { return false };
    folder.mode() & STICKY != 0
        && ![folder.uid(), found.uid()].contains(&user)
        && owns_all.is_none_or(|all| all & OWNS_ALL == 0)
}

#[cfg(not(target_os = "linux"))]
fn is_kept(_: &Path, _: &fs::Metadata) -> bool {
    false
}

fn create(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    File::create(path)
}

/// Gives a file its name, so that it has it after a power failure, too.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    // Other systems keep names without being asked, and open no folders.
    #[cfg(unix)]
    if let Some(folder) = to.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

impl Store for Disk {
    fn name(&self) -> String {
        format!("folder {}", self.root.display())
    }

    fn check(&self, folders: &[String]) -> Result<(), DestError> {
        folders.iter().try_for_each(|folder| self.check_one(folder))
    }

    fn check_place(&self, path: &str) -> Result<(), DestError> {
        let at = self.at(path);
        let found = match fs::symlink_metadata(&at) {
            Err(error) if is_missing(&error) => return Ok(()),
            found => found.map_err(|error| from_io(KIND, &at, "find", error))?,
        };
        if found.is_dir() {
            let message =
                format!("{} is a folder, and the file of the table has its place there", at.display());
            return Err(DestError::new(DestErrorKind::Other, message).hint("move that folder away"));
        }
        if is_kept(&at, &found) {
            let message = format!("{} belongs to another user, and nobody else may replace it", at.display());
            return Err(DestError::new(DestErrorKind::Permission, message).hint("let its owner remove it"));
        }
        Ok(())
    }

    fn read(&self, path: &str) -> Result<Option<(Bytes, Version)>, DestError> {
        let path = self.at(path);
        match fs::read(&path) {
            Ok(bytes) => {
                let bytes = Bytes::from(bytes);
                Ok(Some((bytes.clone(), Version::Content(bytes))))
            }
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(from_io(KIND, &path, "read", error)),
        }
    }

    fn write(&self, path: &str, bytes: Bytes) -> Result<(), DestError> {
        self.put(path, &bytes)
    }

    fn swap(&self, path: &str, before: Option<&Version>, bytes: Bytes) -> Result<bool, DestError> {
        let lock = self.at(&format!("{path}.lock"));
        let failed = |error| from_io(KIND, &lock, "lock", error);
        // Of whoever has it open, it is one's alone; it ends with the process.
        let held = create(&lock).map_err(failed)?;
        held.lock().map_err(failed)?;
        if self.read(path)?.map(|(_, version)| version).as_ref() != before {
            return Ok(false);
        }
        self.put(path, &bytes)?;
        Ok(true)
    }

    fn files(&self, folder: &str) -> Result<Vec<String>, DestError> {
        self.names(folder, fs::FileType::is_file)
    }

    fn leftovers(&self, folder: &str, ours: &dyn Fn(&str) -> bool) -> Result<Vec<String>, DestError> {
        let hex = |digits: &str| digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        let unfinished = |name: &String| {
            let rest = name.strip_prefix('.').and_then(|name| name.strip_suffix(UNFINISHED));
            rest.and_then(|rest| rest.rsplit_once('.'))
                .is_some_and(|(name, digits)| digits.len() == 16 && hex(digits) && ours(name))
        };
        Ok(self.files(folder)?.into_iter().filter(unfinished).collect())
    }

    fn folders(&self, folder: &str) -> Result<Vec<String>, DestError> {
        self.names(folder, fs::FileType::is_dir)
    }

    fn remove(&self, path: &str) -> Result<(), DestError> {
        let path = self.at(path);
        match fs::remove_file(&path) {
            Err(error) if !is_missing(&error) => Err(from_io(KIND, &path, "remove", error)),
            _ => Ok(()),
        }
    }

    fn size(&self, path: &str) -> Result<Option<u64>, DestError> {
        let path = self.at(path);
        match fs::metadata(&path) {
            Ok(found) => Ok(found.is_file().then_some(found.len())),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(from_io(KIND, &path, "read", error)),
        }
    }

    fn begin(&self, path: &str) -> Result<Box<dyn Upload>, DestError> {
        let (held, at) = self.unfinished(path);
        let file = create(&at).map_err(|error| from_io(KIND, &self.at(path), "write", error))?;
        let waiting = Waiting { path: path.to_owned(), size: 0, held, parts: Vec::new() };
        Ok(Box::new(Growing { file, named: self.at(path), waiting }))
    }

    fn place(&self, waiting: &Waiting) -> Result<bool, DestError> {
        let (from, to) = (self.at(&waiting.held), self.at(&waiting.path));
        match rename(&from, &to) {
            Err(error) if is_missing(&error) => Ok(self.size(&waiting.path)? == Some(waiting.size)),
            Err(error) => Err(match self.check_place(&waiting.path) {
                Err(in_the_way) => in_the_way.caused_by(error),
                Ok(()) => from_io(KIND, &to, "write", error),
            }),
            Ok(()) => Ok(true),
        }
    }

    fn abandon(&self, waiting: &Waiting) -> Result<(), DestError> {
        self.remove(&waiting.held)
    }
}

/// A file that grows beside its place.
struct Growing {
    file: File,
    /// Where it is going to be.
    named: PathBuf,
    waiting: Waiting,
}

impl Upload for Growing {
    fn begun(&self) -> Waiting {
        self.waiting.clone()
    }

    fn write(&mut self, bytes: &mut Vec<u8>) -> Result<(), DestError> {
        self.file.write_all(bytes).map_err(|error| from_io(KIND, &self.named, "write", error))?;
        self.waiting.size += bytes.len() as u64;
        bytes.clear();
        Ok(())
    }

    fn complete(self: Box<Self>) -> Result<Waiting, DestError> {
        self.file.sync_all().map_err(|error| from_io(KIND, &self.named, "write", error))?;
        Ok(self.waiting)
    }
}
