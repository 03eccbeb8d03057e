//! Columns that are ours, in the tables of the user.

/// Column holding the time of the run that wrote a row; the same value for all rows of a run.
pub const LOADED_AT: &str = "_ingestr_loaded_at";

/// Column holding when a row was found to be gone from the source; NULL as long as it is there.
pub const DELETED_AT: &str = "_ingestr_deleted_at";

/// Column holding the key of the row that a gone row was merged into, where the source tells.
pub const MERGED_INTO: &str = "_ingestr_merged_into";

/// Column holding the fields that have no column of their own, as one JSON object; there once there is such a field.
pub const EXTRA: &str = "_ingestr_extra";

/// Since when a version of a row holds, in a table that keeps versions.
pub const VALID_FROM: &str = "_scd_valid_from";

/// Until when it held; NULL while it does.
pub const VALID_TO: &str = "_scd_valid_to";

/// Whether it holds.
pub const IS_CURRENT: &str = "_scd_is_current";
