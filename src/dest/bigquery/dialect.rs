//! How BigQuery spells names, types and values, and which of its types are ours.

use std::borrow::Cow;

use super::alter::{alter, rewrites};
use super::wire;
use crate::dest::sql::dialect::{Changes, FoundColumn, Shape};
use crate::dest::sql::identity::Mark;
use crate::dest::sql::ledger::create;
use crate::dest::sql::shadow::fnv;
use crate::dest::sql::{Dialect, TableName, list};
use crate::dest::{DestError, DestErrorKind, Target};
use crate::model::{Column, LogicalType, Micros};

/// What the identity of a table begins with that is told by when it was made.
pub(super) const MADE: &str = "made ";

/// `GoogleSQL`'s spelling.
#[derive(Debug, Clone, Copy)]
pub(super) struct BigQueryDialect;

/// A quoted text may hold anything but its quote, a backslash and a line's end; these are escaped.
/// <https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical>
fn escaped(text: &str, quote: char) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

impl Dialect for BigQueryDialect {
    fn quote(&self, name: &str) -> String {
        escaped(name, '`')
    }

    fn text(&self, value: &str) -> String {
        escaped(value, '\'')
    }

    fn harmless(&self, add_column: String) -> String {
        add_column.replacen(" ADD COLUMN ", " ADD COLUMN IF NOT EXISTS ", 1)
    }

    fn type_name(&self, logical: LogicalType) -> &'static str {
        wire::type_name(logical)
    }

    fn instant(&self, at: Micros) -> String {
        match at.civil() {
            // BigQuery's years have four digits.
            Some(time) if (-62_135_596_800_000_000..253_402_300_800_000_000).contains(&at.0) => {
                format!("TIMESTAMP '{}+00'", time.strftime("%Y-%m-%d %H:%M:%S%.6f"))
            }
            _ => "CAST(NULL AS TIMESTAMP)".into(),
        }
    }

    fn logical_of(&self, kind: &str) -> Option<LogicalType> {
        match kind {
            "BOOL" => Some(LogicalType::Bool),
            "INT64" => Some(LogicalType::Int64),
            "FLOAT64" => Some(LogicalType::Float64),
            "STRING" => Some(LogicalType::Text),
            "TIMESTAMP" => Some(LogicalType::Timestamp),
            "JSON" => Some(LogicalType::Json),
            _ => None,
        }
    }

    fn convert(&self, value: &str, from: Option<LogicalType>, to: LogicalType) -> String {
        use LogicalType::{Float64, Json, Text, Timestamp};
        let time = || format!("FORMAT_TIMESTAMP('%Y-%m-%dT%H:%M:%E6SZ', {value}, 'UTC')");
        match (from, to) {
            (Some(from), to) if from == to => value.to_owned(),
            (Some(Json), _) => format!("TO_JSON_STRING({value})"),
            (Some(Timestamp), Text) => time(),
            (Some(Timestamp), Json) => format!("TO_JSON({})", time()),
            (_, Json) => format!("TO_JSON({value})"),
            (_, Text) => format!("CAST({value} AS STRING)"),
            (_, Float64) => format!("CAST({value} AS FLOAT64)"),
            (_, to) => format!("SAFE_CAST({value} AS {})", self.type_name(to)),
        }
    }

    fn compares_json(&self) -> bool {
        false
    }

    fn integer(&self, value: &str, logical: LogicalType) -> Option<String> {
        match logical {
            LogicalType::Int64 => Some(value.to_owned()),
            LogicalType::Float64 | LogicalType::Text => Some(format!("SAFE_CAST({value} AS INT64)")),
            LogicalType::Json => Some(format!("SAFE_CAST(TO_JSON_STRING({value}) AS INT64)")),
            LogicalType::Bool | LogicalType::Timestamp => None,
        }
    }

    fn unique(&self) -> &'static str {
        "GENERATE_UUID()"
    }

    fn alike(&self, one: &str, other: &str) -> bool {
        one == other
    }

    fn named(&self, column: &str, name: &str) -> String {
        format!("{column} = {}", self.text(name))
    }

    /// Without an equality of both sides BigQuery does no outer join. A NULL has a text, too.
    fn same(&self, one: &str, other: &str) -> String {
        format!("TO_JSON_STRING({one}) = TO_JSON_STRING({other})")
    }

    /// JSON has no equality; its text is normalised.
    fn differs(&self, one: &str, other: &str, column: Option<&FoundColumn>) -> String {
        if column.is_some_and(|found| found.logical == Some(LogicalType::Json)) {
            let text = |value: &str| format!("IF({value} IS NULL, NULL, TO_JSON_STRING({value}))");
            return format!("{} IS DISTINCT FROM {}", text(one), text(other));
        }
        format!("{one} IS DISTINCT FROM {other}")
    }

    /// JSON is loaded as text, so that SQL and not the load job decides what becomes of a value that BigQuery does not
    /// take: `exact` where every number survives, else rounded to what fits, which is noted among the rejects; NULL for a
    /// text that BigQuery does not take, which is, too.
    fn staged(&self, value: &str, from: LogicalType, to: LogicalType) -> String {
        let parse = |mode: &str| format!("SAFE.PARSE_JSON({value}, wide_number_mode => '{mode}')");
        match (from, to) {
            (LogicalType::Json, LogicalType::Json) => {
                format!("COALESCE({}, {})", parse("exact"), parse("round"))
            }
            (LogicalType::Json, _) => value.to_owned(),
            (from, to) => self.convert(value, Some(from), to),
        }
    }

    fn refuses(&self, value: &str) -> Option<(String, String)> {
        let parse = |mode: &str| format!("SAFE.PARSE_JSON({value}, wide_number_mode => '{mode}')");
        let why = format!(
            "IF({} IS NULL, {}, {})",
            parse("round"),
            self.text("BigQuery does not take this JSON; the column is NULL"),
            self.text("a number has more digits than BigQuery's JSON holds; it was rounded")
        );
        Some((format!("{value} IS NOT NULL AND {} IS NULL", parse("exact")), why))
    }

    fn column<'a>(&self, name: &'a str) -> Cow<'a, str> {
        column_name(name)
    }

    fn parameter(&self, name: &str) -> Option<String> {
        Some(format!("@{name}"))
    }

    fn skips_ranges(&self) -> bool {
        true
    }

    fn create(&self, name: &TableName, columns: &[Column], target: &Target, own: bool) -> Vec<String> {
        let layout = if own { layout(target, columns) } else { String::new() };
        vec![create(self, name, columns) + &layout]
    }

    fn alter(&self, shape: &Shape, changes: &Changes) -> Result<Vec<String>, DestError> {
        alter(shape, changes)
    }

    /// When it was made: looked up before the transaction, in which tables are neither made nor looked for.
    fn mark(&self, shape: &Shape, _: String, variable: &str) -> Mark {
        let name = &shape.name;
        let query = format!(
            "SELECT UNIX_MILLIS(creation_time) FROM {}.{}.INFORMATION_SCHEMA.TABLES WHERE table_name = {}",
            self.quote(&name.catalog),
            self.quote(&name.schema),
            self.text(&name.table)
        );
        let expression = format!("CONCAT('{MADE}', CAST({variable} AS STRING))");
        Mark::Found { query, expression }
    }

    fn remakes(&self, shape: &Shape, changes: &Changes) -> bool {
        rewrites(shape, changes)
    }
}

/// Partitions and clusters of a table that is made.
fn layout(target: &Target, columns: &[Column]) -> String {
    let d = &BigQueryDialect;
    let kind = |name: &str| columns.iter().find(|c| c.name == name).map(|c| c.logical);
    let mut layout = String::new();
    if let Some(column) = &target.hints.partition_by {
        layout.push_str(&format!(" PARTITION BY TIMESTAMP_TRUNC({}, DAY)", d.quote(column)));
    }
    let mut clusters = target.hints.cluster_by.clone();
    if clusters.is_empty() {
        clusters.clone_from(&target.key);
    }
    // BigQuery clusters by at most four columns, and by none without an order.
    clusters
        .retain(|name| kind(name).is_some_and(|k| !matches!(k, LogicalType::Json | LogicalType::Float64)));
    clusters.truncate(4);
    if !clusters.is_empty() {
        layout.push_str(&format!(" CLUSTER BY {}", list(&clusters, |name| d.quote(name))));
    }
    layout
}

/// What a column name of BigQuery may begin with no less than any other.
/// <https://cloud.google.com/bigquery/docs/schemas#column_names>
const TAKEN: [&str; 9] = [
    "_TABLE_",
    "_FILE_",
    "_PARTITION",
    "_ROW_TIMESTAMP",
    "__ROOT__",
    "_COLIDENTIFIER",
    "_CHANGE_SEQUENCE_NUMBER",
    "_CHANGE_TYPE",
    "_CHANGE_TIMESTAMP",
];

/// Longest name of a column.
const LONGEST_COLUMN: usize = 300;

/// The name a column gets. One that BigQuery does not take has the offending characters replaced by `_`, and a hash
/// of the whole name after it, so that `a.b` and `a_b` stay two columns in whatever order they come.
#[must_use]
pub(super) fn column_name(name: &str) -> Cow<'_, str> {
    let fits = |c: char| c.is_alphanumeric() || "_- &%=+:'<>#|".contains(c);
    let taken = |name: &str| {
        let upper = name.to_ascii_uppercase();
        TAKEN.iter().any(|prefix| upper.starts_with(prefix))
    };
    if !name.is_empty() && name.len() <= LONGEST_COLUMN && name.chars().all(fits) && !taken(name) {
        return Cow::Borrowed(name);
    }
    let mut spelled: String = name.chars().map(|c| if fits(c) { c } else { '_' }).take(60).collect();
    if taken(&spelled) {
        spelled.insert(0, 'c');
    }
    Cow::Owned(format!("{spelled}_{:08x}", fnv(name.as_bytes())))
}

/// A column under BigQuery's name.
#[must_use]
pub(super) fn spelled_column(column: &Column) -> Column {
    Column::new(column_name(&column.name), column.logical)
}

/// Refuses names that BigQuery does not take, before anything is read.
/// <https://cloud.google.com/bigquery/docs/tables#table_naming>, <https://cloud.google.com/bigquery/docs/datasets#dataset-naming>
///
/// # Errors
/// [`DestErrorKind::Name`] that says which character.
pub(super) fn check_names(dataset: &str, table: &str) -> Result<(), DestError> {
    let refuse = |message: String, hint: &str| Err(DestError::new(DestErrorKind::Name, message).hint(hint));
    if let Some(c) = dataset.chars().find(|c| !(c.is_ascii_alphanumeric() || *c == '_')) {
        return refuse(
            format!("`{dataset}` cannot be the name of a BigQuery dataset: it has a `{c}`"),
            "a dataset's name has letters, digits and underscores; choose another in --dest-table",
        );
    }
    if let Some(c) = table.chars().find(|c| !(c.is_alphanumeric() || "_- ".contains(*c))) {
        return refuse(
            format!("`{table}` cannot be the name of a BigQuery table: it has a `{c}`"),
            "a table's name has letters, digits, spaces, dashes and underscores; choose another in --dest-table",
        );
    }
    // Hidden tables have a name before theirs.
    if dataset.is_empty() || dataset.len() > 1024 || table.is_empty() || table.len() > 980 {
        return refuse(
            "the name of a BigQuery dataset has 1 to 1024 bytes, that of a table 1 to 980".into(),
            "choose another --dest-table",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dest::sql::{TableName, add_column, delete_window, newest_first};

    #[test]
    fn hostile_names_stay_names() {
        let name = TableName::new("my-project", "gorgias", r"se`lect\' from");
        let columns = [
            Column::new("order", LogicalType::Int64),
            Column::new("größe; DROP", LogicalType::Json),
            Column::new("a`b", LogicalType::Timestamp),
        ];
        let key = ["order".to_owned(), "a`b".to_owned()];
        let d = &BigQueryDialect;
        let all = [
            add_column(d, &name, &columns[1]),
            delete_window(d, &name, &d.quote("a`b"), &d.instant(Micros(0)), &d.instant(Micros(i64::MAX))),
            newest_first(d, &key, Some("größe; DROP"), "ord"),
            d.text("it's \\ a\nline \u{7}"),
        ]
        .join("\n");
        insta::assert_snapshot!(all, @r"
        ALTER TABLE `my-project`.`gorgias`.`se\`lect\\' from` ADD COLUMN `größe; DROP` JSON
        DELETE FROM `my-project`.`gorgias`.`se\`lect\\' from` WHERE `a\`b` >= TIMESTAMP '1970-01-01 00:00:00.000000+00' AND `a\`b` <= CAST(NULL AS TIMESTAMP)
        ROW_NUMBER() OVER (PARTITION BY `order`, `a\`b` ORDER BY `größe; DROP` DESC NULLS LAST, ord DESC)
        'it\'s \\ a\nline \u0007'
        ");
    }

    #[test]
    fn columns_get_names_that_bigquery_takes() {
        for name in ["id", "order", "brand new", "größe", "チケット", "it's", "_ingestr_loaded_at", "a-b"]
        {
            assert_eq!(column_name(name), name);
        }
        let changed =
            ["a.b", "a\"b", "a`b", "_partitiontime", "_TABLE_x", "_change_type", ""].map(column_name);
        insta::assert_snapshot!(changed.join("\n"), @r"
        a_b_108bf50c
        a_b_18aa16b8
        a_b_11435db2
        c_partitiontime_a6d545b5
        c_TABLE_x_300d9b2d
        c_change_type_e5cdbcc7
        _811c9dc5
        ");
        assert_ne!(column_name("a.b"), column_name("a;b"));
        assert!(column_name(&"x".repeat(400)).len() < 100);
    }

    #[test]
    fn names_that_bigquery_does_not_take_are_refused_with_the_character() {
        for (dataset, table) in [("gorgias", "tickets"), ("g_2", "größe - 2"), ("G", "チケット")] {
            check_names(dataset, table).expect(table);
        }
        for (dataset, table, message) in [
            ("my-shop", "t", "`my-shop` cannot be the name of a BigQuery dataset: it has a `-`"),
            ("größe", "t", "`größe` cannot be the name of a BigQuery dataset: it has a `ö`"),
            ("shop", "a.b", "`a.b` cannot be the name of a BigQuery table: it has a `.`"),
            ("shop", "a`b", "`a`b` cannot be the name of a BigQuery table: it has a ```"),
            ("", "t", "the name of a BigQuery dataset has 1 to 1024 bytes, that of a table 1 to 980"),
        ] {
            let error = check_names(dataset, table).expect_err(table);
            assert_eq!((error.kind, error.to_string().as_str()), (DestErrorKind::Name, message));
        }
    }
}
