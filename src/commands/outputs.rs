//! Files that a command writes beside the copy, and replaces: neither the copy itself, nor what somebody else has written.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::dest::Destination;
use crate::error::Failure;

/// Refuses a file that the destination is, or has beside it.
///
/// # Errors
/// When it is.
pub(super) fn not_of_the_copy(flag: &str, file: &Path, dest: &dyn Destination) -> Result<(), Failure> {
    if dest.files().iter().all(|own| !same(file, own)) {
        return Ok(());
    }
    let headline = format!("{flag}: {} belongs to the copy, {}", file.display(), dest.describe());
    Err(Failure::usage(headline).hint("name another file: this one would be replaced"))
}

/// Refuses a file that has something in it and does not begin as ours do. What is no file is nothing that could be replaced.
///
/// # Errors
/// When it does not, or cannot be read.
pub(super) fn ours(flag: &str, file: &Path, beginning: &str) -> Result<(), Failure> {
    if !fs::metadata(file).is_ok_and(|there| there.is_file() && there.len() > 0) {
        return Ok(());
    }
    let shown = file.display();
    let mut found = Vec::new();
    let read = File::open(file).and_then(|file| file.take(beginning.len() as u64).read_to_end(&mut found));
    let failure = match read {
        Ok(_) if found == beginning.as_bytes() => return Ok(()),
        Ok(_) => Failure::usage(format!("{flag}: {shown} is there, and ingestr has not written it")),
        Err(error) => {
            Failure::usage(format!("{flag}: {shown} is there and cannot be read")).caused_by(&error)
        }
    };
    Err(failure.hint("name another file, or remove this one: it would be replaced"))
}

/// Refuses a file in a folder that is not there, and a folder.
///
/// # Errors
/// When it is one of them.
pub(super) fn can_be_there(flag: &str, file: &Path) -> Result<(), Failure> {
    let failure = |what: &str| Failure::usage(format!("{flag}: {} {what}", file.display()));
    if file.is_dir() {
        return Err(failure("is a folder").hint("add the name of the file"));
    }
    match file.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        Some(folder) => Err(failure("cannot be written: its folder does not exist")
            .hint(format!("make the folder {} first, or name another file", folder.display()))),
        None => Ok(()),
    }
}

/// Whether both are one file, or would be if they were there.
fn same(one: &Path, other: &Path) -> bool {
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        (Err(_), Err(_)) => place(one).is_some_and(|place| self::place(other) == Some(place)),
        _ => false,
    }
}

/// Where a file would be that is not there.
fn place(file: &Path) -> Option<PathBuf> {
    let file = std::path::absolute(file).ok()?;
    let folder = file.parent().map(|folder| fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned()));
    Some(folder?.join(file.file_name()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_has_many_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("sub")).expect("a folder");
        std::os::unix::fs::symlink(at("sub"), at("link")).expect("a link");
        assert!(same(&at("sub/x"), &at("link/x")) && same(&at("x"), &at("sub/../x")));
        assert!(!same(&at("sub/x"), &at("x")));
        fs::write(at("x"), "x").expect("a file");
        fs::hard_link(at("x"), at("hard")).expect("a link");
        assert!(same(&at("x"), &at("hard")) && !same(&at("x"), &at("sub/x")));
    }

    #[test]
    fn a_file_is_ours_by_how_it_begins() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("x");
        let ours = |text: &str| {
            fs::write(&file, text).expect("a file");
            ours("--output", &file, "# ours").is_ok()
        };
        assert!(ours("") && ours("# ours") && ours("# ours, and more"));
        assert!(!ours("#") && !ours("SQLite format 3") && !ours("x# ours"));
    }
}
