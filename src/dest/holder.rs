//! Who holds a file that is in use, for messages: a database may say which process it is, and Linux knows more.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// `python3.13 (process 4711)`, as far as it is known; `program` is what the database calls it. Never the command line: that
/// may hold anything.
pub(super) fn named(pid: Option<u32>, program: Option<&str>) -> String {
    let Some(pid) = pid else { return "another program".into() };
    let name = name_of(pid).or_else(|| program.map(str::to_owned)).filter(|name| !name.is_empty());
    format!("{} (process {pid})", name.as_deref().unwrap_or("another program"))
}

fn name_of(pid: u32) -> Option<String> {
    let program = fs::read_link(format!("/proc/{pid}/exe")).ok();
    let file = program.and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    // That of another user's process is not told, but its name is.
    let name = file.or_else(|| fs::read_to_string(format!("/proc/{pid}/comm")).ok())?;
    Some(name.trim_end().trim_end_matches(" (deleted)").to_owned())
}

/// The process that has a lock on this file, or on the index of its write-ahead log: who writes before who reads. `None` where
/// the system does not tell.
#[cfg_attr(not(feature = "sqlite"), allow(dead_code, reason = "DuckDB tells by itself"))]
pub(super) fn of(path: &Path) -> Option<u32> {
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let mut index = path.as_os_str().to_owned();
    index.push("-shm");
    let files = [path.to_owned(), PathBuf::from(index)];
    let places: Vec<String> =
        files.iter().filter_map(|file| fs::metadata(file).ok()).map(|found| place(&found)).collect();
    holder(&locks, &places, std::process::id())
}

/// A file as `/proc/locks` names it.
fn place(file: &Metadata) -> String {
    let device = file.dev();
    let major = (device >> 8) & 0xfff | (device >> 32) & !0xfff;
    let minor = device & 0xff | (device >> 12) & !0xff;
    format!("{major:02x}:{minor:02x}:{}", file.ino())
}

/// Of lines like `3: POSIX  ADVISORY  WRITE 24457 fe:00:10044686 0 EOF` the process of one about these files.
fn holder(locks: &str, places: &[String], own: u32) -> Option<u32> {
    let of_kind = |kind: &str| {
        locks.lines().find_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [_, "POSIX", _, what, pid, place, ..] = fields.as_slice() else { return None };
            let pid: u32 = pid.parse().ok().filter(|pid| *pid > 0 && *pid != own)?;
            (*what == kind && places.iter().any(|own| own == place)).then_some(pid)
        })
    };
    of_kind("WRITE").or_else(|| of_kind("READ"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_writes_is_named_before_who_reads_and_nobody_else() {
        let locks = "1: POSIX  ADVISORY  READ 11 fe:00:77 1073741826 1073742335\n\
                     2: POSIX  ADVISORY  WRITE 12 fe:00:78 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 13 fe:00:77 0 EOF\n\
                     4: POSIX  ADVISORY  WRITE 14 fe:00:77 1073741825 1073741825\n\
                     4: -> POSIX  ADVISORY  WRITE 15 fe:00:77 0 EOF\n\
                     5: OFDLCK ADVISORY  WRITE -1 fe:00:79 0 EOF\n";
        let of = |place: &str, own| holder(locks, &[place.to_owned()], own);
        assert_eq!(of("fe:00:77", 1), Some(14));
        assert_eq!(of("fe:00:77", 14), Some(11), "not we ourselves");
        assert_eq!((of("fe:00:79", 1), of("fe:01:77", 1)), (None, None));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_is_named_by_its_program() {
        let own = named(Some(std::process::id()), None);
        let program = std::env::current_exe().expect("this binary");
        let program = program.file_name().expect("a name").to_string_lossy();
        assert_eq!(own, format!("{program} (process {})", std::process::id()));
        assert_eq!(named(Some(u32::MAX), Some("python3")), format!("python3 (process {})", u32::MAX));
        assert_eq!(
            (named(None, None).as_str(), named(None, Some("x")).as_str()),
            ("another program", "another program")
        );
    }
}
