//! The file with both URIs: only its owner can read it, from the moment it is there.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::error::{Failure, Kind};
use crate::secret::SecretUri;

/// Writes it. One that is there is replaced in one step, if that may be done.
pub(super) fn write(file: &Path, replace: bool, source: &SecretUri, dest: &SecretUri) -> Result<(), Failure> {
    let text = format!(
        "# Written by `ingestr init`. It holds the key: keep its mode 0600.\n\
         INGESTR_SOURCE_URI='{}'\nINGESTR_DESTINATION_URI='{}'\n",
        source.expose(),
        dest.expose()
    );
    let fresh = if replace { beside(file) } else { file.to_owned() };
    let made = create(&fresh, &text).and_then(|()| {
        let renamed = if replace { fs::rename(&fresh, file) } else { Ok(()) };
        renamed.inspect_err(|_| drop(fs::remove_file(&fresh)))
    });
    made.map_err(|error| {
        Failure::new(Kind::Usage, format!("{} cannot be written", file.display()))
            .caused_by(&error)
            .hint("name a file elsewhere, with --env-file")
    })
}

fn create(fresh: &Path, text: &str) -> io::Result<()> {
    let mut made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(fresh)?;
    let written = made.metadata().and_then(|about| {
        if about.mode() & 0o077 != 0 {
            return Err(io::Error::other("files on this file system can be read by others"));
        }
        made.write_all(text.as_bytes())?;
        made.sync_all()
    });
    written.inspect_err(|_| drop(fs::remove_file(fresh)))
}

/// A name for what will replace the file.
fn beside(file: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(file.file_name().unwrap_or_default());
    name.push(format!(".{}", std::process::id()));
    file.with_file_name(name)
}

/// Why a destination cannot stand in the file: shells and systemd read it, and they quote differently.
pub(super) fn unfit(uri: &str) -> Option<Failure> {
    let wrong = uri.contains(['\'', '\\']) || uri.chars().any(char::is_control);
    wrong.then(|| {
        Failure::usage("a destination with a quotation mark or a backslash does not fit into the file")
            .hint("use another name, or set INGESTR_DESTINATION_URI by other means")
    })
}
