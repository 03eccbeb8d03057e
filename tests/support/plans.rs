//! What shall go wrong at commits of a destination that lives are copied to.

use super::memory::{Crash, count_down};

/// Which of the commits from now, and what.
#[derive(Debug, Default)]
pub struct Plans {
    /// Commits until the crash, and its kind.
    pub crash: Option<(u64, Crash)>,
    /// Commits until a table is dropped, and which.
    pub vanishes: Option<(u64, String)>,
}

impl Plans {
    /// What happens to this commit, which drops no table.
    pub fn crash_now(&mut self) -> Option<Crash> {
        count_down(&mut self.crash)
    }

    /// What happens to this commit, and which table is dropped before it.
    pub fn commit(&mut self) -> (Option<Crash>, Option<String>) {
        let vanishes = count_down(&mut self.vanishes);
        if vanishes.is_some() {
            self.vanishes = None;
        }
        (self.crash_now(), vanishes)
    }
}
