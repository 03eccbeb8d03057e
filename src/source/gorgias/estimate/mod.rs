//! What reading would take, from a page of each end of a list.

pub(crate) mod sample;
pub(crate) mod table;
