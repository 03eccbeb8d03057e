//! Tables made by others, and everything that can go wrong with a file.

use std::sync::Arc;

use arrow_array::{Int64Array, StringArray, TimestampMicrosecondArray};

use super::*;
use crate::dest::Undone;
use crate::model::Question;

/// `items` in schema `main`, as people have it.
fn target(strategy: Strategy) -> Target {
    Target { schema: "main".into(), ..items(strategy) }
}

async fn loaded(file: &File, target: &Target, rows: &[(i64, &str, i64)]) -> Result<Counts, DestError> {
    load(&file.sqlite(), target, vec![batch(rows)], commit("r1", "p", true)).await
}

#[tokio::test]
async fn tables_of_main_have_their_own_name_and_values_are_what_people_expect() {
    let file = File::new();
    let json = "{\"b\": 1.50, \"a\": 9007199254740993}";
    let rows = batch_of(vec![
        (Column::new("id", LogicalType::Int64), Arc::new(Int64Array::from(vec![1, 2]))),
        (Column::new("extra", LogicalType::Json), Arc::new(StringArray::from(vec![json, "1e3"]))),
    ]);
    let target = target(Strategy::Merge);
    load(&file.sqlite(), &target, vec![rows], commit("r1", "p", true)).await.expect("goes through");
    let connection = file.open();
    let of = |sql: &str| connection.query_row(sql, [], |row| Ok(text(row.get_ref(0)?))).expect("runs");
    assert_eq!(of("SELECT extra FROM items WHERE id = 1"), json);
    assert_eq!(of("SELECT extra || typeof(extra) FROM items WHERE id = 2"), "1e3text");
    assert_eq!(of("SELECT json_extract(extra, '$.a') FROM items WHERE id = 1"), "9007199254740993");
    assert_eq!(of("SELECT _ingestr_loaded_at FROM items"), "2023-11-14T22:13:20.000000Z");
    assert_eq!(of("SELECT date(_ingestr_loaded_at, '+1 day') FROM items"), "2023-11-15");
    assert_eq!(of("SELECT unixepoch(_ingestr_loaded_at) FROM items"), "1700000000");
}

#[tokio::test]
async fn the_journal_stays_as_it_is_found() {
    let mode = |file: &File| {
        file.open().query_row("PRAGMA journal_mode", [], |row| row.get::<_, String>(0)).expect("tells")
    };
    let file = File::new();
    loaded(&file, &target(Strategy::Merge), &[(1, "a", 10)]).await.expect("goes through");
    assert_eq!(mode(&file), "delete");
    file.sql("PRAGMA journal_mode = wal");
    loaded(&file, &target(Strategy::Merge), &[(2, "b", 10)]).await.expect("goes through");
    assert_eq!(mode(&file), "wal");
}

#[tokio::test]
async fn a_table_of_others_is_taken_over_with_its_indexes_and_views() {
    let file = File::new();
    file.sql(
        "CREATE TABLE items (ID INTEGER PRIMARY KEY, name TEXT, changed_at DATETIME TEXT, extra JSON TEXT, \
         n SMALLINT, _dlt_id VARCHAR NOT NULL UNIQUE, _dlt_load_id VARCHAR NOT NULL, mine TEXT NOT NULL DEFAULT 'x'); \
         CREATE INDEX by_n ON items (n); CREATE VIEW names AS SELECT name FROM items; \
         INSERT INTO items (id, name, n, _dlt_id, _dlt_load_id) VALUES (1, 'old', 7, 'q', '1')",
    );
    let target = target(Strategy::Merge);
    let found = file.sqlite().inspect(&target).await.expect("can be taken over");
    assert!(found.columns.expect("is there").contains(&Column::new("n", LogicalType::Int64)));
    let rows = batch_of(vec![
        (Column::new("id", LogicalType::Int64), Arc::new(Int64Array::from(vec![1, 2]))),
        (Column::new("name", LogicalType::Text), Arc::new(StringArray::from(vec!["new", "two"]))),
        (Column::new("n", LogicalType::Text), Arc::new(StringArray::from(vec!["seven", "8"]))),
    ]);
    let done = load(&file.sqlite(), &target, vec![rows], commit("r1", "p", true)).await;
    assert_eq!(done.expect("goes through"), counts(1, 1, 0, 0));
    let connection = file.open();
    let all = |sql: &str| -> Vec<String> {
        let mut statement = connection.prepare(sql).expect("prepares");
        statement
            .query_map([], |row| Ok(text(row.get_ref(0)?)))
            .expect("runs")
            .map(|t| t.expect("t"))
            .collect()
    };
    assert_eq!(all("SELECT id || name || n || mine FROM items ORDER BY 1"), ["1newsevenx", "2two8x"]);
    assert_eq!(all("SELECT name FROM names ORDER BY 1"), ["new", "two"]);
    assert_eq!(all("SELECT name FROM sqlite_schema WHERE name = 'by_n'"), ["by_n"]);
}

/// What many write for "never".
#[tokio::test]
async fn times_are_kept_to_the_end_of_9999() {
    let file = File::new();
    let rows = || {
        let far = TimestampMicrosecondArray::from(vec![253_402_300_799_000_000, 253_402_207_200_000_000]);
        batch_of(vec![
            (Column::new("id", LogicalType::Int64), Arc::new(Int64Array::from(vec![1, 2]))),
            (Column::new("changed_at", LogicalType::Timestamp), Arc::new(far.with_timezone("UTC"))),
        ])
    };
    let target = target(Strategy::Merge);
    for (run, done) in [("r1", counts(2, 0, 0, 0)), ("r2", counts(0, 0, 2, 0))] {
        let made = load(&file.sqlite(), &target, vec![rows()], commit(run, "p", true)).await;
        assert_eq!(made.expect("goes through"), done);
    }
    let connection = file.open();
    let stored: String = connection
        .query_row(
            "SELECT group_concat(changed_at, ' ') FROM (SELECT changed_at FROM items ORDER BY id)",
            [],
            |row| row.get(0),
        )
        .expect("runs");
    assert_eq!(stored, "9999-12-31T23:59:59.000000Z 9999-12-30T22:00:00.000000Z");
}

#[tokio::test]
async fn what_cannot_be_taken_over_is_refused_before_the_run() {
    for (made, strategy, message) in [
        ("CREATE VIEW items AS SELECT 1 AS id", Strategy::Merge, "main.items is a view, not a table"),
        (
            "CREATE TABLE items (id INTEGER, name BLOB)",
            Strategy::Merge,
            "column name of table main.items is BLOB, which cannot hold text",
        ),
        (
            "CREATE TABLE items (id INTEGER, n INT, name TEXT GENERATED ALWAYS AS (n) STORED)",
            Strategy::Merge,
            "column name of table main.items is generated TEXT, which cannot hold text",
        ),
        (
            "CREATE TABLE items (id INTEGER, other TEXT NOT NULL)",
            Strategy::Merge,
            "table main.items demands a value for column other of every row",
        ),
        (
            "CREATE TABLE items (id INTEGER PRIMARY KEY)",
            Strategy::Append,
            "table main.items demands that a key stands in one row, and this strategy writes several",
        ),
        (
            "CREATE TABLE items (id INTEGER, name TEXT) STRICT",
            Strategy::Merge,
            "table main.items has not all columns that its rows need, and cannot be changed so",
        ),
        (
            "CREATE TABLE items (id INTEGER, name INTEGER); CREATE VIEW v AS SELECT name FROM items",
            Strategy::Merge,
            "table main.items has not all columns that its rows need, and cannot be changed so",
        ),
    ] {
        let file = File::new();
        file.sql(made);
        let error = file.sqlite().inspect(&target(strategy)).await.expect_err(made);
        assert_eq!((error.kind, error.to_string().as_str()), (DestErrorKind::Shape, message));
    }
    for (schema, table) in [("main", "a.b"), ("a.b", "c"), ("main", "sqlite_x")] {
        let target = Target { schema: schema.into(), table: table.into(), ..items(Strategy::Merge) };
        let error = File::new().sqlite().inspect(&target).await.expect_err("is another's");
        assert_eq!(error.kind, DestErrorKind::Name, "{error}");
    }
}

/// Rows that have no position have a key, and are told apart by it.
#[tokio::test]
async fn a_table_without_positions_is_taken_over() {
    for strategy in [Strategy::Merge, Strategy::Replace, Strategy::DeleteInsert] {
        let file = File::new();
        file.sql("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT) WITHOUT ROWID; INSERT INTO items VALUES (1, 'a')");
        let target = target(strategy);
        file.sqlite().inspect(&target).await.expect("can be taken over");
        loaded(&file, &target, &[(1, "x", 10), (2, "y", 20)]).await.expect("goes through");
        let question = Question::KeysBy { column: "id".into(), values: vec![1, 2] };
        let answer = file.sqlite().ask(&target, question).await.expect("can be asked").expect("knows");
        assert_eq!(answer.pairs, [(1, 1), (2, 2)], "{strategy}");
    }
}

/// As in SQLite itself, foreign keys are enforced for those alone who ask for it: ours come in whatever order, and what
/// others keep beside them is not touched.
#[tokio::test]
async fn foreign_keys_are_neither_in_the_way_nor_followed() {
    for strategy in Strategy::ALL {
        let file = File::new();
        let key = if matches!(strategy, Strategy::Append | Strategy::Scd2) { "" } else { " PRIMARY KEY" };
        file.sql(&format!(
            "PRAGMA foreign_keys = OFF; CREATE TABLE people (id INTEGER PRIMARY KEY);
             CREATE TABLE items (id INTEGER{key}, name TEXT, owner INTEGER REFERENCES people(id));
             CREATE TABLE notes (item INTEGER REFERENCES items(id) ON DELETE CASCADE, note TEXT);
             INSERT INTO items VALUES (1, 'a', NULL); INSERT INTO notes VALUES (1, 'mine');"
        ));
        let target = target(strategy);
        file.sqlite().inspect(&target).await.expect("can be taken over");
        let rows = batch_of(vec![
            (Column::new("id", LogicalType::Int64), Arc::new(Int64Array::from(vec![1, 2]))),
            (Column::new("name", LogicalType::Text), Arc::new(StringArray::from(vec!["x", "y"]))),
            (Column::new("owner", LogicalType::Int64), Arc::new(Int64Array::from(vec![7, 8]))),
        ]);
        let done = load(&file.sqlite(), &target, vec![rows], commit("r1", "p", true)).await;
        done.unwrap_or_else(|error| panic!("{strategy}: {error}"));
        let notes =
            file.open().query_row("SELECT item || note FROM notes", [], |row| row.get::<_, String>(0));
        assert_eq!(notes.expect("is there"), "1mine", "{strategy}");
    }
}

#[tokio::test]
async fn a_busy_file_is_waited_for() {
    let file = File::new();
    let target = target(Strategy::Merge);
    loaded(&file, &target, &[(1, "a", 10)]).await.expect("goes through");
    let other = file.open();
    other.execute_batch("BEGIN IMMEDIATE; DELETE FROM items").expect("writes");
    let late = std::thread::spawn(move || {
        #[allow(clippy::disallowed_methods, reason = "another process heeds no paused clock")]
        std::thread::sleep(std::time::Duration::from_millis(300));
        other.execute_batch("ROLLBACK").expect("lets go");
    });
    assert_eq!(loaded(&file, &target, &[(1, "b", 20)]).await.expect("was let in"), counts(0, 1, 0, 0));
    late.join().expect("no panic");
}

/// Before anything of it is done, and so that others can read on meanwhile.
#[tokio::test]
async fn a_commit_that_meets_a_reader_comes_back_as_it_was() {
    let file = File::new();
    let target = target(Strategy::Merge);
    loaded(&file, &target, &[(1, "a", 10)]).await.expect("goes through");
    let reader = file.open();
    reader.execute_batch("BEGIN; SELECT count(*) FROM items").expect("reads");
    let mut load = file.sqlite().begin((&target).into());
    load.stage(0, batch(&[(1, "b", 20)])).await.expect("can be staged");
    let made = load.commit(commit("r2", "p", true)).await;
    let Err(Undone::Held { error, again }) = made else { panic!("it is held: {made:?}") };
    assert_eq!(error.kind, DestErrorKind::Locked);
    let also = file.open();
    also.query_row("SELECT count(*) FROM items", [], |_| Ok(())).expect("nobody is kept from reading");
    reader.execute_batch("COMMIT").expect("lets go");
    assert_eq!(again.load.commit(again.commit).await.expect("goes through"), [counts(0, 1, 0, 0)]);
}

#[tokio::test]
async fn what_is_no_database_says_so() {
    let file = File::new();
    std::fs::write(file.path(), "not a database, but long enough to be looked at: ".repeat(40))
        .expect("writes");
    let error = file.sqlite().inspect(&target(Strategy::Merge)).await.expect_err("is none");
    assert_eq!(error.kind, DestErrorKind::Damaged);
    assert!(error.to_string().ends_with("shop.db is not a sqlite database, or is damaged"), "{error}");
    let folder = Sqlite::at(file.folder.path());
    let error = folder.inspect(&target(Strategy::Merge)).await.expect_err("is a folder");
    assert_eq!(error.kind, DestErrorKind::Damaged);
}

#[tokio::test]
async fn a_constraint_of_others_names_the_column_and_no_value() {
    let file = File::new();
    file.sql("CREATE TABLE items (id INTEGER, name TEXT UNIQUE)");
    let rows = [(1, "secret", 10), (2, "secret", 10)];
    let error = loaded(&file, &target(Strategy::Merge), &rows).await.expect_err("breaks it");
    assert_eq!(error.kind, DestErrorKind::Shape);
    let said = format!("{error} {:?}", error.source);
    assert!(said.contains("UNIQUE constraint failed: items.name") && !said.contains("secret"), "{said}");
    assert_eq!(file.sqlite().inspect(&target(Strategy::Merge)).await.expect("as before").state, None);
}
