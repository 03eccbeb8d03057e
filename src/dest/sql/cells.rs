//! Values of the ledger and of answers, by name and not by position.

use super::Dialect;
use crate::dest::Written;
use crate::model::{
    Column, Described, Filled, Lease, Mappings, Micros, RunLine, STATE_VERSION, SourceState, State,
};

/// A value of the ledger.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    /// None.
    Null,
    /// Text.
    Text(String),
    /// A whole number.
    Int(i64),
    /// Yes or no.
    Bool(bool),
    /// An instant.
    Instant(Micros),
    /// What a query names, and no value: a parameter or a column.
    Named(String),
}

impl Cell {
    pub(crate) fn text(value: &str) -> Self {
        Self::Text(value.to_owned())
    }

    pub(crate) fn maybe(at: Option<Micros>) -> Self {
        at.map_or(Self::Null, Self::Instant)
    }

    pub(crate) fn count(value: u64) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }

    /// The value as a literal. NUL, which only a message of others can have, becomes a replacement character: there are
    /// databases that take statements as C strings.
    pub(crate) fn sql(&self, d: &dyn Dialect) -> String {
        match self {
            Self::Null => "NULL".into(),
            Self::Text(text) => d.text(&text.replace('\0', "\u{fffd}")),
            Self::Int(number) => number.to_string(),
            Self::Bool(yes) => yes.to_string().to_uppercase(),
            Self::Instant(at) => d.instant(*at),
            Self::Named(name) => name.clone(),
        }
    }

    /// The text that it is.
    pub(crate) fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number that it is.
    pub(crate) fn number(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }
}

/// A line that is written: each column by its name.
pub(crate) type Cells = Vec<(&'static str, Cell)>;

/// A line that was read.
#[derive(Debug, Clone, Default)]
pub(crate) struct LedgerLine(Vec<(String, Cell)>);

impl LedgerLine {
    pub(crate) fn new(columns: &[Column], cells: Vec<Cell>) -> Self {
        Self(columns.iter().map(|column| column.name.clone()).zip(cells).collect())
    }

    fn cell(&self, name: &str) -> &Cell {
        self.0.iter().find(|(column, _)| column == name).map_or(&Cell::Null, |(_, cell)| cell)
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.maybe_text(name).unwrap_or_default()
    }

    pub(crate) fn maybe_text(&self, name: &str) -> Option<&str> {
        match self.cell(name) {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn number(&self, name: &str) -> i64 {
        self.cell(name).number().unwrap_or(0)
    }

    pub(crate) fn is_true(&self, name: &str) -> bool {
        *self.cell(name) == Cell::Bool(true)
    }

    pub(crate) fn instant(&self, name: &str) -> Option<Micros> {
        match self.cell(name) {
            Cell::Instant(at) => Some(*at),
            _ => None,
        }
    }

    /// The state in a line of `_ingestr_state`; the version of a newer program's as an error.
    pub(crate) fn state(&self) -> Result<State, i64> {
        let version = self.number("version");
        if version > STATE_VERSION {
            return Err(version);
        }
        Ok(State {
            watermark: self.instant("watermark"),
            covered_since: self.instant("covered_since"),
            complete: self.is_true("complete"),
            source: SourceState(self.text("source").to_owned()),
            filled: Filled::from_text(self.maybe_text("filled").unwrap_or_default()),
            described: Described::from_text(self.maybe_text("described").unwrap_or_default()),
            mappings: Mappings::from_text(self.maybe_text("mapping").unwrap_or_default()),
        })
    }

    /// Who wrote a line of `_ingestr_state`, and when.
    pub(crate) fn written(&self) -> Written {
        Written { run: self.text("run_id").to_owned(), at: self.instant("updated_at") }
    }

    /// The lease in a line of `_ingestr_leases`. One without its dates was not written by us: it holds nobody up.
    pub(crate) fn lease(&self) -> Lease {
        Lease {
            run: self.text("run_id").to_owned(),
            process: self.text("process").to_owned(),
            since: self.instant("since").unwrap_or(Micros(0)),
            until: self.instant("until").unwrap_or(Micros(0)),
        }
    }

    /// The run in a line of `_ingestr_runs`.
    pub(crate) fn run(&self) -> RunLine {
        RunLine {
            id: self.text("run_id").to_owned(),
            started_at: self.instant("started_at"),
            ended_at: self.instant("ended_at"),
            outcome: self.text("outcome").to_owned(),
            rows_read: self.number("rows_read"),
            requests: self.number("requests"),
            error: self.maybe_text("error").map(ToOwned::to_owned),
            warnings: self
                .maybe_text("warnings")
                .map(|text| text.lines().map(str::to_owned).collect())
                .unwrap_or_default(),
        }
    }
}
