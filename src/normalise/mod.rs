//! Pages of JSON rows in, Arrow batches out. Knows neither Gorgias nor any destination.
//!
//! Documented columns keep their type: what does not fit is NULL and goes to the rejects, and so does what was no JSON
//! at all ([`rows`]). A field nobody declared becomes a column of the type its first value suggests, and widens as long as
//! no destination column fixes it; once a table has enough of these, it goes to one column with others (`extra`).

mod builder;
pub mod children;
mod columns;
pub mod decode;
pub mod escapes;
mod extra;
pub mod flat;
pub mod redact;
pub mod rows;
mod shaping;
mod token;

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema};

use self::builder::{Fit, TOO_DEEP};
use self::columns::{Columns, FieldPlace};
use self::rows::{Row, Rows};
pub use self::shaping::{ColumnOverride, Shaping};
use crate::model::{Column, Contract, FieldName, Micros, Reject};

/// A new field under `--schema-contract freeze`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the source sent a field `{field}` that the table does not have, and --schema-contract is freeze")]
pub struct Frozen {
    /// Its name in the source.
    pub field: String,
}

/// Rows to seal a batch at: DuckDB's vector size, and small enough that a batch of long messages is a few MB.
const BATCH_ROWS: usize = 2_048;
/// Bytes of JSON to seal a batch at.
const BATCH_BYTES: usize = 8 << 20;

/// Turns rows into batches. One per run and table.
#[derive(Debug)]
pub struct Normaliser {
    columns: Columns,
    key: &'static [&'static str],
    /// Fields that tell rows apart beside it, by the user's wish.
    told_apart_by: Vec<String>,
    trim: bool,
    contract: Contract,
    rows: usize,
    bytes: usize,
    rejects: Vec<Reject>,
    discarded: u64,
}

/// What came of a row's field that has no column and may not get one.
enum Refused {
    Row,
    Run(Frozen),
}

impl Normaliser {
    /// For a table with these documented columns, keyed by `key` (the source's name of it), into a table that has
    /// `existing` columns already.
    #[must_use]
    pub fn new(
        documented: &[Column],
        key: &'static [&'static str],
        existing: &[Column],
        shaping: &Shaping,
    ) -> Self {
        Self {
            columns: Columns::new(documented, key, existing, shaping),
            key,
            told_apart_by: Vec::new(),
            trim: shaping.trim_whitespace,
            contract: shaping.contract,
            rows: 0,
            bytes: 0,
            rejects: Vec::new(),
            discarded: 0,
        }
    }

    /// The same, in a table whose fields got these names in earlier runs.
    #[must_use]
    pub fn remembering(mut self, names: &[FieldName]) -> Self {
        self.columns.remember(names);
        self
    }

    /// The same, in a table that has other columns with these names, which no field may be written to.
    #[must_use]
    pub fn sparing(mut self, others: &[String]) -> Self {
        self.columns.spare(others);
        self
    }

    /// The same, in a table whose rows are told apart by other fields than the source's key.
    #[must_use]
    pub fn told_apart_by(mut self, fields: Vec<String>) -> Self {
        self.told_apart_by = fields;
        self
    }

    /// Names that fields without a documented column got since the last call.
    pub fn take_named(&mut self) -> Vec<FieldName> {
        self.columns.take_named()
    }

    /// Fields that are known to lie in [`crate::model::EXTRA`].
    #[must_use]
    pub fn extra_fields(&self) -> u64 {
        self.columns.extra_fields() as u64
    }

    /// Whether some field lies in [`crate::model::EXTRA`].
    #[must_use]
    pub fn has_extra(&self) -> bool {
        self.columns.has_extra()
    }

    /// The documented columns as the destination will have them: renamed, retyped, without the excluded ones.
    #[must_use]
    pub fn documented(&self) -> Vec<Column> {
        self.columns.documented()
    }

    /// What the destination calls a documented field; `None` if the field is left out.
    #[must_use]
    pub fn destination_name(&self, field: &str) -> Option<String> {
        self.columns.destination_name(field)
    }

    /// Takes the rows marked in `keep`. `derived` is a column computed by the source, a value per row.
    ///
    /// # Errors
    /// A new field under [`Contract::Freeze`].
    pub fn push(
        &mut self,
        rows: &Rows,
        keep: &[bool],
        derived: Option<&(&'static str, Vec<Option<Micros>>)>,
    ) -> Result<(), Frozen> {
        for (index, row) in rows.iter().enumerate().filter(|(index, _)| keep.get(*index) == Some(&true)) {
            let derived = derived.map(|(name, values)| (*name, values.get(index).copied().flatten()));
            match self.push_row(row, derived) {
                Ok(()) => {}
                Err(Refused::Row) => self.discarded += 1,
                Err(Refused::Run(frozen)) => return Err(frozen),
            }
        }
        Ok(())
    }

    fn push_row(
        &mut self,
        row: Row<'_>,
        derived: Option<(&'static str, Option<Micros>)>,
    ) -> Result<(), Refused> {
        let Some(id) = self.key_of(row) else { return Ok(()) };
        if self.contract != Contract::Evolve {
            self.enforce(row)?;
        }
        self.columns.start_row();
        if let Some((name, value)) = derived
            && let FieldPlace::At(column) = self.columns.place(name, "\"\"", Contract::Evolve)
        {
            self.columns.append_instant(column, value);
        }
        let mut extra = Vec::new();
        let mut damages = row.damages().peekable();
        for (position, (name, raw)) in row.fields().enumerate() {
            self.bytes += raw.len();
            let damage = damages.next_if(|damage| damage.field == Some(position));
            let place = self.columns.place_at(position, name, raw, self.contract);
            let took = match place {
                FieldPlace::At(column) => self.columns.append(column, raw, self.trim),
                FieldPlace::Extra if token::too_deep(raw, 1) => TOO_DEEP,
                FieldPlace::Extra => {
                    extra.push((name, raw));
                    // It is replaced in the object that is made of them.
                    escapes::without_halves(raw).map_or(Fit::Whole, |_| Fit::Lossy(decode::HALF))
                }
                FieldPlace::Nowhere => Fit::Whole,
            };
            let (value, reason) = match (damage, took) {
                (Some(damage), _) if self.columns.is_wanted(place, name, self.contract) => {
                    (damage.text.into_owned(), damage.reason)
                }
                (None, Fit::Lossy(reason) | Fit::Rejected(reason)) => (raw.to_owned(), reason),
                _ => continue,
            };
            let column = match place {
                FieldPlace::At(column) => self.columns.name(column),
                FieldPlace::Extra | FieldPlace::Nowhere => name,
            };
            self.reject(&id, column.to_owned(), value, reason);
        }
        for damage in damages {
            self.reject(&id, damage.name.to_owned(), damage.text.into_owned(), damage.reason);
        }
        self.columns.end_row(extra);
        self.rows += 1;
        Ok(())
    }

    /// The row's key; without one that can be used, the row goes to the rejects as a whole.
    fn key_of<'a>(&mut self, row: Row<'a>) -> Option<Cow<'a, str>> {
        let parts = self.key.iter().enumerate().map(|(part, name)| self.key_part(part, name, row));
        // Rows without a value are not rows with the same one.
        let unset = |name: &String| row.get(name).is_none_or(|raw| raw == "null");
        let reason = match parts.collect::<Result<Vec<_>, _>>() {
            Ok(_) if self.told_apart_by.iter().any(unset) => {
                "a row without a value in a column of --primary-key"
            }
            Ok(parts) if parts.len() == 1 => return Some(Cow::Borrowed(parts[0])),
            Ok(parts) => return Some(Cow::Owned(parts.join(","))),
            Err(reason) => reason,
        };
        let value = row.received().map_or_else(|| whole_row(row), Cow::into_owned);
        self.rejects.push(Reject { id: None, column: None, value, reason });
        None
    }

    fn key_part<'a>(&self, part: usize, name: &str, row: Row<'a>) -> Result<&'a str, &'static str> {
        let value = row.get(name).filter(|raw| *raw != "null");
        let damaged = row.damages().any(|damage| damage.field.is_some() && damage.name == name);
        match value {
            _ if damaged => Err("a row whose key cannot be read"),
            None if row.is_object() => Err("a row without a key"),
            None => Err("a row that is no object"),
            Some(value) if !self.columns.fits_key(part, value) => {
                Err("a row whose key is not of the key's type")
            }
            Some(value) => Ok(value),
        }
    }

    fn reject(&mut self, id: &str, column: String, value: String, reason: &'static str) {
        let id = Some(id.trim_matches('"').to_owned());
        self.rejects.push(Reject { id, column: Some(column), value, reason });
    }

    /// Looks for new fields before anything of the row is stored.
    fn enforce(&mut self, row: Row<'_>) -> Result<(), Refused> {
        for (name, raw) in row.fields() {
            if raw != "null" && self.columns.is_new(name) {
                match self.contract {
                    Contract::Freeze => return Err(Refused::Run(Frozen { field: name.to_owned() })),
                    Contract::DiscardRow => return Err(Refused::Row),
                    Contract::DiscardValue => self.discarded += 1,
                    Contract::Evolve => {}
                }
            }
        }
        Ok(())
    }

    /// The finished part as a batch once it is large enough, or whatever there is if `all`.
    pub fn take(&mut self, all: bool) -> Option<RecordBatch> {
        let large = self.rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES;
        if self.rows == 0 || !(all || large) {
            return None;
        }
        self.rows = 0;
        self.bytes = 0;
        let (fields, arrays): (Vec<Field>, Vec<_>) = self.columns.finish().into_iter().unzip();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays);
        // Columns were filled to the same length by end_row(), and types come from the arrays' own builders.
        debug_assert!(batch.is_ok(), "{batch:?}");
        batch.ok()
    }

    /// Bytes of JSON that wait for the next batch.
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        self.bytes
    }

    /// Values that did not fit since the last call.
    pub fn take_rejects(&mut self) -> Vec<Reject> {
        std::mem::take(&mut self.rejects)
    }

    /// Rows or values left out by `--schema-contract` so far.
    #[must_use]
    pub fn discarded(&self) -> u64 {
        self.discarded
    }
}

/// A row as JSON text, for the rejects.
fn whole_row(row: Row<'_>) -> String {
    let fields: Vec<String> =
        row.fields().map(|(name, raw)| format!("{}:{raw}", serde_json::Value::from(name))).collect();
    format!("{{{}}}", fields.join(","))
}

#[cfg(test)]
mod tests;
