//! Copies into BigQuery with the real program, against an emulator of it.

mod emulator;
