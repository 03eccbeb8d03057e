//! One account in every destination: whoever changes nothing but `--dest-uri` gets the same rows. `scripts/test-everywhere`
//! starts what they need.

use std::collections::BTreeMap;

use duckdb::Connection;
use gorgias_sim::Options;
use serde_json::Value;

use super::desk::{Desk, options};
use crate::support::outside::bigquery;

#[allow(clippy::disallowed_methods, reason = "where things are, is told by the environment")]
fn told(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is told by scripts/test-everywhere"))
}

/// What a column holds, as the first destination says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Truth,
    Instant,
    Json,
}

/// Tables and their columns, in order.
type Layout = BTreeMap<String, Vec<(String, Kind)>>;
/// The rows of tables as texts, sorted.
type Content = BTreeMap<String, Vec<Vec<Option<String>>>>;

/// What is compared of BigQuery: every kind of list and value.
const IN_BIGQUERY: [&str; 7] =
    ["account", "customers", "macros", "ticket_messages", "ticket_tags", "tickets", "users"];

/// When a run wrote a row is no part of it.
const OWN: &str = "_ingestr_loaded_at";

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What DuckDB's file has, which the others are compared with.
fn layout(engine: &Connection) -> Layout {
    let mut layout = Layout::new();
    let question = "SELECT table_name, column_name, data_type FROM duckdb_columns() \
                    WHERE database_name = 'ours' AND schema_name = 'gorgias' AND NOT starts_with(table_name, '_ingestr') \
                    ORDER BY table_name, column_index";
    let mut statement = engine.prepare(question).expect("a question");
    let columns = statement.query_map([], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
    });
    for column in columns.expect("an answer") {
        let (table, name, kind) = column.expect("texts");
        let kind = match &*kind {
            "BOOLEAN" => Kind::Truth,
            "TIMESTAMP WITH TIME ZONE" => Kind::Instant,
            "JSON" => Kind::Json,
            _ => Kind::Plain,
        };
        let columns = layout.entry(table).or_default();
        if name != OWN {
            columns.push((name, kind));
        }
    }
    layout
}

/// What DuckDB reads of the relations that `from` names; `as_text`: times lie there as texts.
fn read(engine: &Connection, layout: &Layout, from: impl Fn(&str) -> String) -> Content {
    let rows = |(table, columns): (&String, &Vec<(String, Kind)>)| {
        let cells = columns.iter().map(|(name, kind)| match kind {
            Kind::Instant => format!("epoch_us({}::TIMESTAMPTZ)::VARCHAR", quoted(name)),
            Kind::Truth => format!("{}::BOOLEAN::VARCHAR", quoted(name)),
            Kind::Plain | Kind::Json => format!("{}::VARCHAR", quoted(name)),
        });
        let question = format!("SELECT {} FROM {}", cells.collect::<Vec<_>>().join(", "), from(table));
        let mut statement = engine.prepare(&question).unwrap_or_else(|error| panic!("{question}: {error}"));
        let row = |row: &duckdb::Row<'_>| (0..columns.len()).map(|at| row.get(at)).collect();
        let rows = statement.query_map([], row).expect("an answer");
        (table.clone(), same(columns, rows.map(|row| row.expect("texts")).collect()))
    };
    layout.iter().map(rows).collect()
}

/// What BigQuery's emulator has.
fn of_bigquery(layout: &Layout, base: &str, dataset: &str) -> Content {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let rows = |(table, columns): (&String, &Vec<(String, Kind)>)| {
        let cells = columns.iter().map(|(name, kind)| match kind {
            Kind::Instant => format!("CAST(UNIX_MICROS(`{name}`) AS STRING)"),
            Kind::Json => format!("TO_JSON_STRING(`{name}`)"),
            Kind::Plain | Kind::Truth => format!("CAST(`{name}` AS STRING)"),
        });
        let cells: Vec<String> = cells.enumerate().map(|(at, cell)| format!("{cell} AS c{at}")).collect();
        let sql = format!("SELECT {} FROM `{dataset}`.`{table}`", cells.join(", "));
        (table.clone(), same(columns, runtime.block_on(bigquery::select(base, &sql))))
    };
    layout.iter().map(rows).collect()
}

/// Rows without what is a matter of spelling: the order, and that of JSON.
fn same(columns: &[(String, Kind)], mut rows: Vec<Vec<Option<String>>>) -> Vec<Vec<Option<String>>> {
    for (cell, (_, kind)) in rows.iter_mut().flat_map(|row| row.iter_mut().zip(columns)) {
        if *kind == Kind::Json
            && let Some(text) = cell
        {
            let value: Value = serde_json::from_str(text).unwrap_or_else(|_| panic!("{text} is JSON"));
            // A column without a value may be JSON's null.
            *cell = Some(value.to_string()).filter(|_| !value.is_null());
        }
    }
    rows.sort();
    rows
}

#[test]
#[ignore = "needs PostgreSQL, DuckLake's extensions and a BigQuery emulator"]
fn the_same_rows_are_in_every_destination() {
    let desk = Desk::with(Options { events: 40, ..options() }, std::time::Duration::ZERO);
    let folder = desk.folder().display().to_string();
    let extensions = told("DUCKLAKE_EXTENSIONS");
    let server = told("POSTGRES_URI");
    let dataset = format!("everywhere_{:08x}", fastrand::u32(..));
    let warehouse = told("BIGQUERY_EMULATOR_URI");
    let lake = format!("ducklake:///shop.ducklake?data_path={folder}/data&extensions={extensions}");
    let ingest = |uri: &str, schema: &str, tables: &str| {
        let into = format!("{schema}.{{table}}");
        let run = desk.ingestr(["ingest", "--source-table", tables, "--dest-table", &into, "--quiet"]);
        let run = run.env("LD_LIBRARY_PATH", told("LD_LIBRARY_PATH"));
        run.env("SOURCE_URI", desk.uri()).env("DESTINATION_URI", uri).finish().well();
    };
    let load = |uri: &str, schema: &str| ingest(uri, schema, "**");
    let copied = |(table, columns): (&String, &Vec<(String, Kind)>)| (table.clone(), columns.clone());
    let engine = Connection::open_in_memory().expect("an engine");
    for name in ["ducklake", "sqlite_scanner", "postgres_scanner"] {
        engine.execute_batch(&format!("LOAD '{extensions}/{name}.duckdb_extension'")).expect("loads");
    }
    let attach = |what: &str| {
        let attach = format!("ATTACH OR REPLACE {what}");
        engine.execute_batch(&attach).unwrap_or_else(|error| panic!("{attach}: {error}"));
    };
    let there = |table: &str| format!("there.gorgias.{}", quoted(table));

    load("duckdb:///shop.duckdb", "gorgias");
    attach(&format!("'{folder}/shop.duckdb' AS ours (READ_ONLY)"));
    let layout = layout(&engine);
    let wanted = |layout: &Layout| read(&engine, layout, |table| format!("ours.gorgias.{}", quoted(table)));
    let all = wanted(&layout);
    assert!(layout.len() > 25 && all.values().filter(|rows| rows.is_empty()).count() < 3, "{layout:?}");

    let mut found: Vec<(&str, &Layout, Content)> = Vec::new();
    load("sqlite:///shop.db", "main");
    attach(&format!("'{folder}/shop.db' AS there (TYPE sqlite, READ_ONLY)"));
    found.push(("SQLite", &layout, read(&engine, &layout, |table| format!("there.{}", quoted(table)))));
    load(&server, "gorgias");
    attach(&format!("'{server}' AS there (TYPE postgres, READ_ONLY)"));
    found.push(("PostgreSQL", &layout, read(&engine, &layout, there)));
    load(&lake, "gorgias");
    attach(&format!("'ducklake:{folder}/shop.ducklake' AS there (READ_ONLY)"));
    found.push(("DuckLake", &layout, read(&engine, &layout, there)));
    load("parquet:///out", "gorgias");
    let file = |table: &str| format!("read_parquet('{folder}/out/gorgias/{table}.parquet')");
    // Files are not corrected, so no row of them is marked.
    let mut unmarked = layout.clone();
    unmarked.values_mut().for_each(|columns| columns.retain(|(name, _)| !name.starts_with("_ingestr_")));
    found.push(("Parquet", &unmarked, read(&engine, &unmarked, file)));
    // The emulator takes one change at a time: one list after the other, and not all.
    let few: Layout =
        layout.iter().filter(|(table, _)| IN_BIGQUERY.contains(&&***table)).map(copied).collect();
    assert_eq!(few.len(), IN_BIGQUERY.len());
    for tables in ["tickets,ticket_tags", "ticket_messages", "customers", "users", "macros", "account"] {
        ingest(&warehouse, &dataset, tables);
    }
    found.push(("BigQuery", &few, of_bigquery(&few, &bigquery::base(&warehouse), &dataset)));

    for (name, layout, content) in found {
        let wanted = wanted(layout);
        for (table, rows) in content {
            let columns: Vec<&str> = layout[&table].iter().map(|(column, _)| &**column).collect();
            let expected = &wanted[&table];
            assert_eq!(rows.len(), expected.len(), "{name}: {table}");
            let odd = rows.iter().zip(expected).find(|(one, other)| one != other);
            assert!(odd.is_none(), "{name}: {table} {columns:?}\n{odd:#?}");
        }
    }
}
