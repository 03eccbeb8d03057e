//! Rows as they are stored: by their place, with an index over their key.

use std::collections::{BTreeMap, HashMap};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch};
use ingestr::api::model::{Column, LogicalType};

/// A value as it is stored. Floats as their bits, so that equality is equality.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cell {
    Null,
    Bool(bool),
    Int(i64),
    Float(u64),
    Text(String),
    Instant(i64),
    Json(String),
}

impl Cell {
    /// As text, as databases cast it.
    pub fn text(&self) -> String {
        match self {
            Cell::Null => "NULL".into(),
            Cell::Bool(value) => value.to_string(),
            Cell::Int(value) => value.to_string(),
            Cell::Float(bits) => format!("{:?}", f64::from_bits(*bits)),
            Cell::Text(text) | Cell::Json(text) => text.clone(),
            Cell::Instant(at) => jiff::Timestamp::from_microsecond(*at).unwrap().to_string(),
        }
    }

    /// The value in a column of a wider type.
    pub fn widened(self, to: LogicalType) -> Self {
        match (self, to) {
            (Cell::Null, _) => Cell::Null,
            #[expect(clippy::cast_precision_loss, reason = "that is what a double means")]
            (Cell::Int(value), LogicalType::Float64) => Cell::Float((value as f64).to_bits()),
            (Cell::Json(text), LogicalType::Text) => Cell::Text(text),
            (cell @ (Cell::Text(_) | Cell::Instant(_)), LogicalType::Json) => {
                Cell::Json(serde_json::Value::String(cell.text()).to_string())
            }
            (cell @ (Cell::Bool(_) | Cell::Int(_) | Cell::Float(_)), LogicalType::Json) => {
                Cell::Json(cell.text())
            }
            (
                cell @ (Cell::Bool(_) | Cell::Int(_) | Cell::Float(_) | Cell::Instant(_)),
                LogicalType::Text,
            ) => Cell::Text(cell.text()),
            (cell, _) => cell,
        }
    }

    /// As an integer, if it is one or a text that is one.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Cell::Int(value) => Some(*value),
            Cell::Text(text) | Cell::Json(text) => text.parse().ok(),
            _ => None,
        }
    }
}

/// What is not in it is NULL.
pub type Row = BTreeMap<String, Cell>;

static NULL: Cell = Cell::Null;

/// A cell of a row.
pub fn get<'a>(row: &'a Row, column: &str) -> &'a Cell {
    row.get(column).unwrap_or(&NULL)
}

/// The column of that name, as databases see names.
pub fn find<'a>(columns: &'a [Column], name: &str) -> Option<&'a Column> {
    columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
}

/// A table: columns, and rows in the order they were written.
#[derive(Debug, Clone)]
pub struct Rows {
    /// Tells it from every other one.
    pub id: u64,
    pub columns: Vec<Column>,
    rows: BTreeMap<u64, Row>,
    next: u64,
    /// What the index is over.
    key: Vec<String>,
    index: HashMap<Vec<Cell>, Vec<u64>>,
}

impl Default for Rows {
    fn default() -> Self {
        let (columns, rows, key, index) = Default::default();
        Self { id: fastrand::u64(..), columns, rows, next: 0, key, index }
    }
}

impl Rows {
    pub fn with_columns(columns: Vec<Column>) -> Self {
        Self { columns, ..Self::default() }
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Row> {
        self.rows.values()
    }

    pub fn numbered(&self) -> impl Iterator<Item = (u64, &Row)> {
        self.rows.iter().map(|(number, row)| (*number, row))
    }

    pub fn len(&self) -> u64 {
        self.rows.len() as u64
    }

    /// The row's values of the key.
    pub fn key_of(row: &Row, key: &[String]) -> Vec<Cell> {
        key.iter().map(|name| get(row, name).clone()).collect()
    }

    /// From now on [`Rows::with_key`] is about these columns.
    pub fn index_by(&mut self, key: &[String]) {
        // Under the table's own spelling.
        let spelled: Vec<String> = key
            .iter()
            .map(|name| find(&self.columns, name).map_or(name, |column| &column.name).clone())
            .collect();
        if self.key == spelled {
            return;
        }
        self.index.clear();
        for (number, row) in &self.rows {
            self.index.entry(Self::key_of(row, &spelled)).or_default().push(*number);
        }
        self.key = spelled;
    }

    pub fn with_key(&self, key: &[Cell]) -> Vec<u64> {
        self.index.get(key).cloned().unwrap_or_default()
    }

    pub fn row(&self, number: u64) -> &Row {
        &self.rows[&number]
    }

    pub fn insert(&mut self, row: Row) {
        self.next += 1;
        if !self.key.is_empty() {
            self.index.entry(Self::key_of(&row, &self.key)).or_default().push(self.next);
        }
        self.rows.insert(self.next, row);
    }

    pub fn remove(&mut self, number: u64) {
        let Some(row) = self.rows.remove(&number) else { return };
        if let Some(numbers) = self.index.get_mut(&Self::key_of(&row, &self.key)) {
            numbers.retain(|other| *other != number);
        }
    }

    /// Changes a row; its key stays as it is.
    pub fn change(&mut self, number: u64, change: impl FnOnce(&mut Row)) {
        change(self.rows.get_mut(&number).unwrap());
    }

    /// Changes all rows, keys as well.
    pub fn change_all(&mut self, mut change: impl FnMut(&mut Row)) {
        self.rows.values_mut().for_each(&mut change);
        self.key.clear();
        self.index.clear();
    }

    pub fn retain(&mut self, keep: impl Fn(&Row) -> bool) -> u64 {
        let lost: Vec<u64> = self.rows.iter().filter(|(_, row)| !keep(row)).map(|(n, _)| *n).collect();
        lost.iter().for_each(|number| self.remove(*number));
        lost.len() as u64
    }
}

/// The rows of a batch.
pub fn of_batch(batch: &RecordBatch) -> Vec<Row> {
    let schema = batch.schema();
    let cells = |row: usize| {
        schema.fields().iter().zip(batch.columns()).map(move |(field, array)| {
            (field.name().clone(), cell(LogicalType::of(field).unwrap(), array, row))
        })
    };
    (0..batch.num_rows()).map(|row| cells(row).collect()).collect()
}

fn cell(logical: LogicalType, array: &ArrayRef, row: usize) -> Cell {
    if array.is_null(row) {
        return Cell::Null;
    }
    match logical {
        LogicalType::Bool => Cell::Bool(array.as_boolean().value(row)),
        LogicalType::Int64 => Cell::Int(array.as_primitive::<Int64Type>().value(row)),
        LogicalType::Float64 => Cell::Float(array.as_primitive::<Float64Type>().value(row).to_bits()),
        LogicalType::Text => Cell::Text(array.as_string::<i32>().value(row).into()),
        LogicalType::Timestamp => Cell::Instant(array.as_primitive::<TimestampMicrosecondType>().value(row)),
        LogicalType::Json => Cell::Json(array.as_string::<i32>().value(row).into()),
    }
}
