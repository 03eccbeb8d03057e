//! What reading would take, from looks at a list here and there.

mod density;
mod look;
pub(crate) mod table;
