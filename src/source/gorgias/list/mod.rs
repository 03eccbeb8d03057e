//! Reading lists that are sorted by a time and paged by cursors.

pub(crate) mod active;
pub(crate) mod advance;
pub(crate) mod channel;
pub(crate) mod checkpoint;
pub(crate) mod coverage;
pub(crate) mod front;
pub(crate) mod page_size;
pub(crate) mod pages;
pub(crate) mod parallel;
pub(crate) mod pass;
pub(crate) mod recent;
pub(crate) mod remaining;
pub(crate) mod seek;
pub(crate) mod stretch;
pub(crate) mod tail;
pub(crate) mod walk;
pub(crate) mod watermark;
pub(crate) mod whole;
pub(crate) mod window;
