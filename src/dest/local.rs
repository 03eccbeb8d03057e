//! Databases in a file: whether it is there, can be written, and what the file system says. `kind` is what messages call the
//! file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

use super::{DestError, DestErrorKind};

/// Whether there is a file at `path` yet.
pub(crate) fn exists(kind: &str, path: &Path) -> Result<bool, DestError> {
    path.try_exists().map_err(|e| from_io(kind, path, "read", e))
}

/// Whether there is a file at `path` yet.
///
/// # Errors
/// If it cannot be written, or could not be created.
pub(crate) fn exists_and_is_writable(kind: &str, path: &Path) -> Result<bool, DestError> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            let message = format!("{} is a folder, not a database file", path.display());
            Err(DestError::new(DestErrorKind::Damaged, message)
                .hint("add the file's name to the destination URI"))
        }
        Ok(_) => {
            file_is_writable(path).map_err(|e| from_io(kind, path, "write", e))?;
            // The write-ahead log is created beside the file.
            folder_is_writable(kind, parent(kind, path)?.as_path(), path)?;
            Ok(true)
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let mut folder = parent(kind, path)?;
            while !folder.exists() {
                let Some(above) = folder.parent() else { break };
                folder = above.to_path_buf();
            }
            folder_is_writable(kind, &folder, path)?;
            Ok(false)
        }
        Err(e) => Err(from_io(kind, path, "create", e)),
    }
}

/// Asks without opening the file: POSIX locks belong to a process, and whoever closes a file gives up all that this process
/// has on it, those of the database among them while another thread is in it. Two processes wrote to one file so.
#[cfg(unix)]
fn file_is_writable(path: &Path) -> io::Result<()> {
    Ok(rustix::fs::access(path, rustix::fs::Access::WRITE_OK)?)
}

#[cfg(not(unix))]
fn file_is_writable(path: &Path) -> io::Result<()> {
    fs::OpenOptions::new().write(true).open(path).map(drop)
}

fn parent(kind: &str, path: &Path) -> Result<PathBuf, DestError> {
    let path = std::path::absolute(path).map_err(|e| from_io(kind, path, "find", e))?;
    Ok(path.parent().map_or_else(|| PathBuf::from("/"), Path::to_path_buf))
}

/// Tries to make a file without a name: the only question whose answer covers permission bits, ACLs and read-only
/// mounts, and nothing of it is ever visible. A file system that has no such files is asked for a folder, which is gone again at
/// once.
#[cfg(target_os = "linux")]
pub(crate) fn folder_is_writable(kind: &str, folder: &Path, path: &Path) -> Result<(), DestError> {
    use std::os::unix::fs::OpenOptionsExt;
    /// `O_TMPFILE` of Linux's generic ABI (x86-64 and most others; elsewhere the check passes or is skipped).
    const O_TMPFILE: i32 = 0o20_000_000 | 0o200_000;
    match fs::OpenOptions::new().write(true).custom_flags(O_TMPFILE).open(folder) {
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::PermissionDenied
                    | io::ErrorKind::ReadOnlyFilesystem
                    | io::ErrorKind::NotADirectory
                    | io::ErrorKind::StorageFull
            ) =>
        {
            Err(from_io(kind, path, "create", e))
        }
        Err(e) if e.kind() == io::ErrorKind::Unsupported => {
            let trial = folder.join(format!(".ingestr-{:016x}", fastrand::u64(..)));
            fs::create_dir(&trial).and_then(|()| fs::remove_dir(&trial)).map_err(|e| {
                let refused = from_io(kind, path, "create", e);
                match refused.kind {
                    DestErrorKind::Other => refused.hint("name another place: nothing can be made there"),
                    _ => refused,
                }
            })
        }
        // Made, or only the commit can tell.
        _ => Ok(()),
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn folder_is_writable(kind: &str, folder: &Path, path: &Path) -> Result<(), DestError> {
    match fs::metadata(folder) {
        Ok(found) if !found.is_dir() => {
            Err(from_io(kind, path, "create", io::ErrorKind::NotADirectory.into()))
        }
        Ok(found) if found.permissions().readonly() => {
            Err(from_io(kind, path, "create", io::ErrorKind::PermissionDenied.into()))
        }
        Ok(_) => Ok(()),
        Err(e) => Err(from_io(kind, path, "create", e)),
    }
}

/// Creates the folders above the file.
pub(crate) fn create_parents(kind: &str, path: &Path) -> Result<(), DestError> {
    fs::create_dir_all(parent(kind, path)?).map_err(|e| from_io(kind, path, "create", e))
}

/// A failure of the file system.
pub(crate) fn from_io(kind: &str, path: &Path, action: &str, error: io::Error) -> DestError {
    let path = path.display();
    let (why, message) = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            (DestErrorKind::Permission, format!("no permission to {action} the {kind} file {path}"))
        }
        io::ErrorKind::NotADirectory => (
            DestErrorKind::Permission,
            format!("cannot {action} the {kind} file {path}: its folder is a file"),
        ),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            (DestErrorKind::Full, format!("no space left for the {kind} file {path}"))
        }
        _ => (DestErrorKind::Other, format!("cannot {action} the {kind} file {path}: {error}")),
    };
    DestError::new(why, message).caused_by(error)
}

/// Such databases block; the run's one thread must not.
pub(crate) async fn blocking<T: Send + 'static>(
    kind: &str,
    work: impl FnOnce() -> Result<T, DestError> + Send + 'static,
) -> Result<T, DestError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => {
            let message = format!("the thread that writes the {kind} file came to an unexpected end");
            Err(DestError::new(DestErrorKind::Unknown, message).caused_by(error))
        }
    }
}

/// The file a URI names, as it was written: relative paths stay relative.
pub(crate) fn path_of(kind: &str, uri: &str) -> Result<PathBuf, DestError> {
    let forms = format!("use {kind}:///relative.{kind} or {kind}:////absolute/path.{kind}");
    let forms = forms.as_str();
    let rest = uri.strip_prefix(kind).and_then(|rest| rest.strip_prefix("://"));
    let rest = rest.ok_or_else(|| bad(format!("not a {kind} URI: {uri}"), forms))?;
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    if let Some(name) = query.split(['=', '&']).next().filter(|name| !name.is_empty()) {
        return Err(bad(
            format!("the {kind} URI has a parameter `{name}`; it takes none"),
            "leave out everything from the question mark on; a question mark in a file name is written %3F",
        ));
    }
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = percent_decode_str(path)
        .decode_utf8()
        .map_err(|_| bad(format!("the path in {uri} is not UTF-8 after percent-decoding"), forms))?;
    let path = crate::uri::at_home(&path);
    if path.is_empty() {
        return Err(bad(format!("the {kind} URI names no file"), forms));
    }
    if path == ":memory:" {
        return Err(bad("a database in memory would be gone when the run ends".into(), forms));
    }
    if path.contains('\0') || path.ends_with('/') || path.ends_with("/..") || path == "." || path == ".." {
        return Err(bad(format!("{uri} does not name a file"), forms));
    }
    Ok(PathBuf::from(path.as_ref()))
}

fn bad(message: String, hint: &str) -> DestError {
    DestError::new(DestErrorKind::Other, message).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where nothing can be made, whoever asks, that is known before.
    #[test]
    #[cfg(target_os = "linux")]
    fn folders_of_the_kernel_are_not_for_files() {
        for folder in ["/proc", "/sys"] {
            let path = Path::new(folder).join("x/shop.db");
            let error = exists_and_is_writable("sqlite", &path).expect_err(folder);
            assert!(error.message.contains(&path.display().to_string()), "{error}");
            assert!(error.hint.is_some() || error.kind == DestErrorKind::Permission, "{error:?}");
        }
        let folder = tempfile::tempdir().expect("a folder");
        folder_is_writable("sqlite", folder.path(), folder.path()).expect("can be written");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }

    #[test]
    fn paths_are_relative_after_three_slashes_and_absolute_after_four() {
        for (uri, path) in [
            ("duckdb:///gorgias.duckdb", "gorgias.duckdb"),
            ("duckdb:///data/gorgias.duckdb", "data/gorgias.duckdb"),
            ("duckdb:////data/gorgias.duckdb", "/data/gorgias.duckdb"),
            ("duckdb://gorgias.duckdb", "gorgias.duckdb"),
            ("duckdb:///../up.db", "../up.db"),
            ("duckdb:///with%20space%3F.duckdb", "with space?.duckdb"),
            ("duckdb:///gr%C3%B6%C3%9Fe.duckdb", "größe.duckdb"),
            ("duckdb:///größe.duckdb", "größe.duckdb"),
            ("duckdb:///it's#1.duckdb", "it's#1.duckdb"),
            ("duckdb:///plain.duckdb?", "plain.duckdb"),
        ] {
            assert_eq!(path_of("duckdb", uri).expect(uri), PathBuf::from(path), "{uri}");
        }
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "compared with what the system says")]
    fn a_tilde_is_the_home_folder() {
        let home = std::env::home_dir().expect("somebody runs this");
        assert_eq!(path_of("duckdb", "duckdb:///~/a/x.duckdb").expect("a path"), home.join("a/x.duckdb"));
        assert_eq!(path_of("duckdb", "duckdb:///~x.duckdb").expect("a path"), PathBuf::from("~x.duckdb"));
        assert_eq!(path_of("duckdb", "duckdb:////~/x").expect("a path"), PathBuf::from("/~/x"));
    }

    /// `/proc/locks` says what the kernel has.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_look_leaves_the_locks_of_this_process_alone() {
        use std::os::unix::fs::MetadataExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.duckdb");
        let file = fs::File::create(&path).expect("can be made");
        let exclusive = rustix::fs::FlockOperation::NonBlockingLockExclusive;
        rustix::fs::fcntl_lock(&file, exclusive).expect("nobody else has it");
        let inode = format!(":{} ", file.metadata().expect("is there").ino());
        let locks = || fs::read_to_string("/proc/locks").expect("Linux has it").matches(&inode).count();
        assert_eq!(locks(), 1);
        assert!(exists_and_is_writable("duckdb", &path).expect("can be written"));
        assert!(exists("duckdb", &path).expect("can be read"));
        assert_eq!(locks(), 1);
    }

    #[test]
    fn what_names_no_file_is_refused_with_the_reason() {
        for (uri, message) in [
            ("duckdb:gorgias.duckdb", "not a duckdb URI: duckdb:gorgias.duckdb"),
            ("postgres:///x", "not a duckdb URI: postgres:///x"),
            ("duckdb://", "the duckdb URI names no file"),
            ("duckdb:///", "the duckdb URI names no file"),
            ("duckdb:////", "duckdb://// does not name a file"),
            ("duckdb:///folder/", "duckdb:///folder/ does not name a file"),
            ("duckdb:///:memory:", "a database in memory would be gone when the run ends"),
            ("duckdb://:memory:", "a database in memory would be gone when the run ends"),
            ("duckdb:///x.duckdb?threads=4", "the duckdb URI has a parameter `threads`; it takes none"),
            ("duckdb:///%FF.duckdb", "the path in duckdb:///%FF.duckdb is not UTF-8 after percent-decoding"),
            ("duckdb:///a%00b", "duckdb:///a%00b does not name a file"),
        ] {
            assert_eq!(path_of("duckdb", uri).expect_err(uri).to_string(), message, "{uri}");
        }
    }
}
