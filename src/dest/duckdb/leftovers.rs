//! What DuckDB leaves beside the file when it is killed or a disk is full, and its removal.
//!
//! All of it is touched only while the file is attached for writing: then it is nobody else's.

use std::fs;
use std::path::{Path, PathBuf};

/// Where DuckDB puts what does not fit into its memory.
pub(super) fn spill_of(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}.tmp", path.display()))
}

/// Removes what a killed process of ours spilled: customer data must not stay.
pub(in crate::dest) fn sweep_spill(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with("duckdb_temp_") {
            // Left behind again is no worse than before; the next run tries again.
            let _ = fs::remove_file(entry.path());
        }
    }
    let _ = fs::remove_dir(folder);
}

/// DuckDB's write-ahead log.
fn log_of(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}.wal", path.display()))
}

/// Whether there is a log with nothing in it, as a disk that is full leaves it.
pub(super) fn has_empty_log(path: &Path) -> bool {
    fs::metadata(log_of(path)).is_ok_and(|log| log.is_file() && log.len() == 0)
}

/// Removes a log with nothing in it. DuckDB opens its log at the first change, so while the file is attached and nothing
/// was changed, nobody has it open.
pub(super) fn remove_empty_log(path: &Path) {
    if has_empty_log(path) {
        // It says nothing, so it may stay if it must.
        let _ = fs::remove_file(log_of(path));
    }
}
