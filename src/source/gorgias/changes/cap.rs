//! How much a run may spend beside its passes.

/// Requests a run may spend beside its passes, at least...
pub(crate) const SHARE_LEAST: u64 = 50;
/// ...or this part of those it has sent for its passes.
pub(crate) const SHARE: u64 = 4;
/// What a run may spend on one table beside the pages of its passes: on look-ups of rows with a sign, and on the re-scan.
#[derive(Debug, Default)]
pub(crate) struct Cap {
    /// Pages of passes read so far.
    pages: u64,
    /// Requests spent beside them.
    used: u64,
}

impl Cap {
    /// Requests of a run that has read so many pages.
    pub(crate) fn of(pages: u64) -> u64 {
        SHARE_LEAST.max(pages / SHARE)
    }

    /// Requests of this run, those spent included.
    pub(crate) fn all(&self) -> u64 {
        Self::of(self.pages)
    }

    /// Requests that may still be spent.
    pub(crate) fn left(&self) -> u64 {
        self.all().saturating_sub(self.used)
    }

    /// Counts a page of a pass.
    pub(crate) fn page(&mut self) {
        self.pages += 1;
    }

    /// Counts a request beside them.
    pub(crate) fn spend(&mut self) {
        self.used += 1;
    }
}
