//! What lists do not show: rows that are gone, and rows that came or changed without a sign.

pub(crate) mod absence;
pub(crate) mod cap;
pub(crate) mod deletions;
pub(crate) mod holders;
pub(crate) mod lookup;
pub(crate) mod message_counts;
pub(crate) mod reread;
pub(crate) mod rescan;
pub(crate) mod vanished;
