//! The columns of a table while it is being read: which field goes where, and what a new field becomes.

use std::collections::{HashMap, HashSet};

use arrow_array::ArrayRef;
use arrow_schema::Field;

use super::builder::{Builder, Fit};
use super::decode::{self, Decoded};
use super::extra::{Extra, object};
use super::shaping::Shaping;
use crate::model::hash::fnv;
use crate::model::{
    Column, Contract, DELETED_AT, EXTRA, FieldName, LOADED_AT, LogicalType, MERGED_INTO, Micros, Naming,
};

/// Where a column's type comes from, and so whether it may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Declared, by us or by `--columns`, or found in the destination.
    Fixed,
    /// From the values seen so far.
    Inferred,
}

#[derive(Debug)]
struct Slot {
    source: String,
    column: Column,
    documented: bool,
    origin: Origin,
    builder: Builder,
}

/// Where a field goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldPlace {
    At(usize),
    /// The column that fields without one of their own share.
    Extra,
    Nowhere,
}

/// All columns of the table.
#[derive(Debug)]
pub(super) struct Columns {
    slots: Vec<Slot>,
    by_source: HashMap<String, FieldPlace>,
    /// Names taken in the destination, lower case: databases do not tell `Id` from `id`.
    taken: HashSet<String>,
    /// Where the last row's fields went, in order: rows of one list have their fields in one order, so the
    /// next row's field is nearly always found without hashing its name.
    order: Vec<Option<(String, FieldPlace)>>,
    existing: Vec<Column>,
    naming: Naming,
    /// Which column each field of the source has that is not documented, for ever.
    names: HashMap<String, String>,
    /// How many of them there may be.
    most: usize,
    /// Those that share one, and the column that they share, once a row has needed it.
    extra: Extra,
    shared: Option<usize>,
    /// What is new of both.
    named: Vec<FieldName>,
    /// The columns of the table's key; `None` for one that is left out.
    key: Vec<Option<usize>>,
    /// Rows completed in the present batch.
    rows: usize,
}

impl Columns {
    pub(super) fn new(documented: &[Column], key: &[&str], existing: &[Column], shaping: &Shaping) -> Self {
        let mut columns = Self {
            slots: Vec::new(),
            by_source: HashMap::new(),
            taken: [LOADED_AT, DELETED_AT, MERGED_INTO, EXTRA].map(String::from).into(),
            order: Vec::new(),
            existing: existing.to_vec(),
            naming: shaping.naming,
            names: HashMap::new(),
            most: shaping.new_columns,
            extra: Extra::default(),
            shared: None,
            named: Vec::new(),
            key: Vec::new(),
            rows: 0,
        };
        let excluded = |name: &str| shaping.exclude.iter().any(|other| other.eq_ignore_ascii_case(name));
        let mut overrides: Vec<_> = shaping.overrides.iter().collect();
        for column in documented {
            let at = overrides.iter().position(|wish| wish.source_name() == column.name);
            let wish = at.map(|at| overrides.swap_remove(at));
            let name = wish.map_or(&column.name, |wish| &wish.name);
            if excluded(&column.name) || excluded(name) {
                columns.by_source.insert(column.name.clone(), FieldPlace::Nowhere);
                continue;
            }
            let logical = wish.and_then(|wish| wish.logical).unwrap_or(column.logical);
            columns.add(&column.name, Column::new(name.clone(), logical), true, Origin::Fixed);
        }
        for wish in overrides {
            if let Some(logical) = wish.logical {
                columns.add(wish.source_name(), Column::new(wish.name.clone(), logical), true, Origin::Fixed);
            }
        }
        for name in &shaping.exclude {
            columns.by_source.entry(name.clone()).or_insert(FieldPlace::Nowhere);
        }
        let slot = |name: &&str| columns.slots.iter().position(|slot| slot.source == **name);
        columns.key = key.iter().map(slot).collect();
        columns
    }

    /// Names that fields got in earlier runs. Their columns are filled whether a field comes or not: one that does not come
    /// any more, or is null in every row, would keep what it had otherwise.
    pub(super) fn remember(&mut self, names: &[FieldName]) {
        for name in names {
            if self.extra.remember(name) {
                continue;
            }
            let documented = self.by_source.contains_key(&name.field);
            // By now documented as another field's.
            if !documented && self.taken.contains(&name.column.to_lowercase()) {
                continue;
            }
            self.names.insert(name.field.clone(), name.column.clone());
            let column = self.existing.iter().find(|column| column.name.eq_ignore_ascii_case(&name.column));
            if let Some(column) = column.cloned().filter(|_| !documented) {
                self.add(&name.field, column, false, Origin::Inferred);
            }
        }
        if !self.extra.is_empty() {
            self.share();
        }
    }

    /// Names that are not to be had.
    pub(super) fn spare(&mut self, others: &[String]) {
        self.taken.extend(others.iter().map(|name| name.to_lowercase()));
    }

    /// How many fields are known to share a column.
    pub(super) fn extra_fields(&self) -> usize {
        self.extra.len()
    }

    /// Whether any field shares the column that fields share.
    pub(super) fn has_extra(&self) -> bool {
        !self.extra.is_empty()
    }

    /// The column that fields share.
    fn share(&mut self) -> usize {
        if let Some(at) = self.shared {
            return at;
        }
        let at = self.push_slot(EXTRA, Column::new(EXTRA, LogicalType::Json), false, Origin::Fixed);
        self.shared = Some(at);
        at
    }

    /// Names that fields got since the last call.
    pub(super) fn take_named(&mut self) -> Vec<FieldName> {
        std::mem::take(&mut self.named)
    }

    fn add(&mut self, source: &str, column: Column, documented: bool, origin: Origin) -> usize {
        let at = self.push_slot(source, column, documented, origin);
        self.by_source.insert(source.to_owned(), FieldPlace::At(at));
        at
    }

    fn push_slot(&mut self, source: &str, column: Column, documented: bool, origin: Origin) -> usize {
        let mut builder = Builder::new(column.logical);
        (0..self.rows).for_each(|_| builder.append_null());
        self.taken.insert(column.name.to_lowercase());
        self.slots.push(Slot { source: source.to_owned(), column, documented, origin, builder });
        self.slots.len() - 1
    }

    pub(super) fn documented(&self) -> Vec<Column> {
        self.slots.iter().filter(|slot| slot.documented).map(|slot| slot.column.clone()).collect()
    }

    pub(super) fn destination_name(&self, field: &str) -> Option<String> {
        let slot = self.slots.iter().find(|slot| slot.documented && slot.source == field)?;
        Some(slot.column.name.clone())
    }

    pub(super) fn name(&self, at: usize) -> &str {
        &self.slots[at].column.name
    }

    /// Whether a value can be part `part` of a row's key.
    pub(super) fn fits_key(&self, part: usize, raw: &str) -> bool {
        match self.key[part].map(|at| self.slots[at].column.logical) {
            Some(LogicalType::Int64) => matches!(decode::int64(raw), Decoded::Value(_)),
            _ => decode::text(raw, &mut String::new()) == Decoded::Value(()),
        }
    }

    /// Whether a damaged value is worth a line: it belongs to a column, or to none as long as no value told its type.
    pub(super) fn is_wanted(&self, place: FieldPlace, source: &str, contract: Contract) -> bool {
        match place {
            FieldPlace::At(_) | FieldPlace::Extra => true,
            FieldPlace::Nowhere => contract == Contract::Evolve && !self.by_source.contains_key(source),
        }
    }

    /// Whether the field would need a new column.
    pub(super) fn is_new(&self, source: &str) -> bool {
        !self.by_source.contains_key(source)
            && !self.extra.has(source)
            && !self.existing.iter().any(|column| column.name.eq_ignore_ascii_case(&self.name_for(source)))
    }

    /// Where the field at this position of the row goes.
    pub(super) fn place_at(
        &mut self,
        position: usize,
        source: &str,
        raw: &str,
        contract: Contract,
    ) -> FieldPlace {
        if let Some(Some((name, place))) = self.order.get(position)
            && name == source
        {
            return *place;
        }
        let place = self.place(source, raw, contract);
        if place != FieldPlace::Nowhere {
            if self.order.len() <= position {
                self.order.resize(position + 1, None);
            }
            self.order[position] = Some((source.to_owned(), place));
        }
        place
    }

    /// Where a field goes; a new one gets a column when its first value that is not null suggests a type.
    pub(super) fn place(&mut self, source: &str, raw: &str, contract: Contract) -> FieldPlace {
        if let Some(place) = self.by_source.get(source) {
            return *place;
        }
        if self.extra.has(source) {
            return FieldPlace::Extra;
        }
        let Some(inferred) = decode::infer(source, raw) else { return FieldPlace::Nowhere };
        let name = self.name_for(source);
        let known = self.existing.iter().find(|column| column.name.eq_ignore_ascii_case(&name)).cloned();
        if known.is_none() && contract != Contract::Evolve {
            return FieldPlace::Nowhere;
        }
        if !self.names.contains_key(source) {
            let is_full = self.extra.has_the_rest() || self.names.len() >= self.most;
            if known.is_none() && is_full {
                self.named.extend(self.extra.add(source));
                return FieldPlace::Extra;
            }
            self.names.insert(source.to_owned(), name.clone());
            self.named.push(FieldName { field: source.to_owned(), column: name.clone() });
        }
        // What evolved once may evolve again: the destination widens its column as far as this one widens.
        let column = known.unwrap_or_else(|| Column::new(name, inferred));
        FieldPlace::At(self.add(source, column, false, Origin::Inferred))
    }

    /// The name a field has, or gets: never one that is another field's, and not by the order in which fields come.
    fn name_for(&self, source: &str) -> String {
        if let Some(name) = self.names.get(source) {
            return name.clone();
        }
        let has = |name: &str| self.existing.iter().any(|column| column.name == name);
        let wanted = match self.naming {
            // Statements are texts that end at a NUL, and nobody can type the others.
            Naming::Direct => source.replace(char::is_control, "_"),
            Naming::Auto if has(source) => source.to_owned(),
            Naming::Auto | Naming::SnakeCase => snake_case(source),
        };
        let wanted = if wanted.is_empty() { "field".to_owned() } else { wanted };
        let mut name = wanted;
        if self.is_taken(&name, source) {
            name = format!("{name}_{:08x}", fnv(source.as_bytes()));
        }
        while self.is_taken(&name, source) {
            name.push('_');
        }
        name
    }

    /// Whether a column of that name is another field's. One that nobody remembers is of the field with that very name.
    fn is_taken(&self, name: &str, source: &str) -> bool {
        let same = |other: &str| other.eq_ignore_ascii_case(name);
        self.taken.contains(&name.to_lowercase())
            || self.names.values().any(|other| same(other))
            || self.existing.iter().any(|column| same(&column.name) && column.name != source)
    }

    pub(super) fn start_row(&mut self) {
        debug_assert!(self.slots.iter().all(|slot| slot.builder.len() == self.rows));
    }

    /// Stores one value of the present row, unless a derived one has its place.
    pub(super) fn append(&mut self, at: usize, raw: &str, trim: bool) -> Fit {
        let slot = &mut self.slots[at];
        if slot.builder.len() > self.rows {
            return Fit::Whole;
        }
        if slot.origin == Origin::Inferred
            && let Some(inferred) = decode::infer(&slot.source, raw)
            && !fits(slot.column.logical, raw)
        {
            let wider = slot.column.logical.widen(inferred);
            let wider = if fits(wider, raw) { wider } else { LogicalType::Text };
            slot.column.logical = slot.builder.widen(wider);
        }
        slot.builder.append(raw, trim)
    }

    pub(super) fn append_instant(&mut self, at: usize, value: Option<Micros>) {
        let slot = &mut self.slots[at];
        if slot.builder.len() == self.rows {
            slot.builder.append_instant(value, |micros| micros.to_string());
        }
    }

    /// Stores the fields that share a column, and fills what the row did not have.
    pub(super) fn end_row(&mut self, extra: Vec<(&str, &str)>) {
        if let Some(object) = object(extra) {
            let at = self.share();
            self.slots[at].builder.append(&object, false);
        }
        self.rows += 1;
        for slot in &mut self.slots {
            if slot.builder.len() < self.rows {
                slot.builder.append_null();
            }
        }
    }

    /// The batch's columns; all builders start anew.
    pub(super) fn finish(&mut self) -> Vec<(Field, ArrayRef)> {
        self.rows = 0;
        self.slots.iter_mut().map(|slot| (slot.column.field(), slot.builder.finish())).collect()
    }
}

/// Whether a value fits a type without losing anything. A text that looks like a number is a text: `02134` and `1.10` would lose
/// digits.
fn fits(logical: LogicalType, raw: &str) -> bool {
    match logical {
        LogicalType::Bool | LogicalType::Int64 | LogicalType::Float64 if raw.starts_with('"') => false,
        // 0 and 1 are booleans only where somebody said so.
        LogicalType::Bool => !matches!(raw, "0" | "1") && matches!(decode::bool(raw), Decoded::Value(_)),
        LogicalType::Int64 => matches!(decode::int64(raw), Decoded::Value(_)),
        LogicalType::Float64 => matches!(decode::float64(raw), Decoded::Value(_)),
        LogicalType::Timestamp => matches!(decode::timestamp(raw), Decoded::Value(_)),
        LogicalType::Text => !raw.starts_with(['{', '[']),
        LogicalType::Json => true,
    }
}

/// `camelCase`, `Odd-Name` and `a b` as `camel_case`, `odd_name` and `a_b`.
fn snake_case(source: &str) -> String {
    let mut name = String::with_capacity(source.len() + 4);
    let mut previous_lower = false;
    for c in source.chars() {
        if c.is_uppercase() && previous_lower {
            name.push('_');
        }
        previous_lower = c.is_lowercase() || c.is_ascii_digit();
        if c.is_alphanumeric() || c == '_' {
            name.extend(c.to_lowercase());
        } else if !name.ends_with('_') {
            name.push('_');
        }
    }
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_fields_are_named_in_snake_case() {
        for (source, name) in [
            ("camelCase", "camel_case"),
            ("HTMLBody", "htmlbody"),
            ("order-id", "order_id"),
            ("a b  c", "a_b_c"),
            ("__kept", "__kept"),
            ("2fa", "_2fa"),
            ("größe", "größe"),
        ] {
            assert_eq!(snake_case(source), name);
        }
    }
}
