//! What the tables beside a dataset's tables say, read by one job for all tables of a command: each by itself would be a
//! job for each of them, which takes a second and costs 10 MB.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::dialect::BigQueryDialect;
use super::wire::DatasetRef;
use crate::dest::sql::cells::LedgerLine;
use crate::dest::sql::{Dialect, TableName};
use crate::model::{Column, LogicalType};

/// For so long the looks of one command are at the same thing. What it decides by them is checked again where it writes.
pub(super) const FRESH: Duration = Duration::from_secs(5);

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Ledgers {
    /// Lines of the tables beside.
    pub(super) lines: HashMap<&'static str, Vec<LedgerLine>>,
    /// Tables that had a row.
    pub(super) filled: HashSet<String>,
}

/// Those of datasets that were read a moment ago.
pub(super) type Read = tokio::sync::Mutex<HashMap<DatasetRef, (Instant, Arc<Ledgers>)>>;

/// One table beside: its name, the columns it has, and the query for them.
pub(super) type LedgerQuery = (&'static str, Vec<Column>, String);

impl Ledgers {
    /// The lines about a table; `None`: these are of another kind.
    pub(super) fn of(&self, ledger: &str, table: &TableName) -> Option<Vec<LedgerLine>> {
        let about = |line: &&LedgerLine| {
            line.text("dest_schema") == table.schema && line.text("dest_table") == table.table
        };
        self.lines.get(ledger).map(|lines| lines.iter().filter(about).cloned().collect())
    }
}

/// One query for all of them: the number of the part, and its cells as texts.
pub(super) fn query(parts: &[LedgerQuery]) -> String {
    let width = parts.iter().map(|(_, columns, _)| columns.len()).max().unwrap_or(0);
    let select = |(part, (_, columns, sql)): (usize, &LedgerQuery)| {
        let cells =
            columns.iter().map(|column| as_text(&BigQueryDialect.quote(&column.name), column.logical));
        let cells = cells.chain(std::iter::repeat("CAST(NULL AS STRING)".to_owned())).take(width);
        let cells: Vec<String> = cells.enumerate().map(|(i, cell)| format!("{cell} AS c{i}")).collect();
        format!("SELECT '{part}' AS part, {} FROM ({sql})", cells.join(", "))
    };
    parts.iter().enumerate().map(select).collect::<Vec<_>>().join(" UNION ALL ")
}

/// A value as the API writes it: times as microseconds.
fn as_text(column: &str, logical: LogicalType) -> String {
    match logical {
        LogicalType::Timestamp => format!("CAST(UNIX_MICROS({column}) AS STRING)"),
        _ => format!("CAST({column} AS STRING)"),
    }
}
