//! What can go wrong with a lake, and what is said then.

use super::*;
use crate::dest::conformance::{batch, batch_of, commit, counts, items, load};
use crate::model::{Column, LogicalType, Strategy};

/// The error that a look before a run ends with, as `message | hint`.
async fn refused(uri: &str) -> String {
    let lake = DuckLake::from_uri(uri).expect("a URI");
    let error = lake.inspect(&items(Strategy::Merge)).await.expect_err(uri);
    format!("{error} | {}", error.hint.as_deref().unwrap_or_default())
}

#[tokio::test]
#[ignore = "needs DuckLake"]
async fn a_missing_extension_is_told_before_anything_is_asked_for() {
    let lake = Lake::new();
    let empty = tempfile::tempdir().expect("a folder");
    let uri = lake.uri().replace(&told("DUCKLAKE_EXTENSIONS"), &empty.path().display().to_string());
    let said = refused(&uri).await;
    let folder = empty.path().display();
    assert!(
        said.starts_with(&format!(
            "DuckDB's extension ducklake, which DuckLake needs, is not to be had from {folder} | fetch"
        )),
        "{said}"
    );
    // One of another version is not tried.
    std::fs::write(empty.path().join("ducklake.duckdb_extension"), vec![0; 4_096]).expect("can be written");
    let said = refused(&uri).await;
    assert!(
        said.starts_with("DuckDB's extension ducklake in ") && said.contains(" is not one for DuckDB v1."),
        "{said}"
    );
    assert!(!lake.folder.path().join("shop.ducklake").exists(), "nothing is made");
}

#[tokio::test]
#[ignore = "needs DuckLake"]
async fn what_is_no_catalog_is_left_alone() {
    let lake = Lake::new();
    let path = lake.folder.path().join("shop.ducklake");
    for (made, what) in [("a plain DuckDB file", true), ("a text", false)] {
        if what {
            let other = Connection::open(&path).expect("a file");
            other.execute_batch("CREATE TABLE mine (a INT)").expect("runs");
        } else {
            std::fs::write(&path, "not a database at all, but a text that is long enough")
                .expect("can be written");
        }
        let before = std::fs::read(&path).expect("is there");
        let said = refused(&lake.uri()).await;
        assert_eq!(
            said,
            format!(
                "{} is no catalog of DuckLake | name a catalog that DuckLake has made, or a file that is not there yet",
                path.display()
            ),
            "{made}"
        );
        assert!(std::fs::read(&path).expect("is there") == before, "{made}");
    }
}

#[tokio::test]
#[ignore = "needs DuckLake"]
async fn data_stays_where_it_is() {
    let lake = Lake::new();
    let target = items(Strategy::Merge);
    load(&lake.lake(), &target, vec![batch(&[(1, "a", 10)])], commit("r1", "p", true))
        .await
        .expect("goes through");
    let said = refused(&lake.uri().replace("/data&", "/elsewhere&")).await;
    assert!(said.contains("/data/, not in ") && said.contains("leave data_path out"), "{said}");
    // Who does not say where it is means where it is.
    let plain = lake.uri().replace(&format!("data_path={}&", lake.data().display()), "");
    let found = DuckLake::from_uri(&plain).expect("a URI").inspect(&target).await.expect("can be looked at");
    assert!(found.state.is_some());
}

#[tokio::test]
#[ignore = "needs DuckLake"]
async fn who_holds_the_catalog_is_named() {
    let lake = Lake::new();
    let target = items(Strategy::Merge);
    load(&lake.lake(), &target, vec![batch(&[(1, "a", 10)])], commit("r1", "p", true))
        .await
        .expect("goes through");
    let text = format!(
        "IO Error: Failed to attach DuckLake MetaData at path {0}Could not set lock on file \"{0}\": Conflicting lock is held in \
         /usr/bin/python3.13 (PID 4294967295). See also https://duckdb.org",
        lake.folder.path().join("shop.ducklake").display()
    );
    let error = errors::failed(
        &lake.lake().lake,
        "open",
        duckdb::Error::DuckDBFailure(duckdb::ffi::Error::new(1), Some(text)),
    );
    assert_eq!(error.kind, DestErrorKind::Locked);
    assert!(error.message.ends_with("shop.ducklake is in use by python3.13 (process 4294967295)"), "{error}");
}

/// A folder in which nothing can be made, whoever asks.
#[tokio::test]
#[ignore = "needs DuckLake"]
async fn data_that_cannot_be_written_is_told_of_before_anything_is_asked_for() {
    let lake = Lake { data: "/proc/x".into(), ..Lake::new() };
    assert_eq!(
        refused(&lake.uri()).await,
        "cannot create the ducklake file /proc/x/_ingestr: No such file or directory (os error 2) | name a folder in data_path \
         that can be made and written"
    );
    assert!(!lake.folder.path().join("shop.ducklake").exists(), "nothing is made");
}

#[tokio::test]
#[ignore = "needs DuckLake and PostgreSQL"]
async fn a_user_who_may_not_write_the_catalog_on_a_server_is_told_of() {
    let lake = Lake::of_postgres();
    let user = format!("reader_{:012x}", fastrand::u64(..1 << 48));
    let own = told("POSTGRES_URI");
    let run = |database: &str, statement: &str| {
        let engine = Connection::open_in_memory().expect("an engine");
        let extension = format!("{}/postgres_scanner.duckdb_extension", told("DUCKLAKE_EXTENSIONS"));
        let run = format!(
            "LOAD '{extension}'; ATTACH '{database}' AS server (TYPE postgres); CALL postgres_execute('server', '{statement}')"
        );
        engine.execute_batch(&run).expect("runs");
    };
    run(&own, &format!("CREATE ROLE {user} LOGIN"));
    let theirs = Lake { catalog: lake.catalog.replace("//ingestr@", &format!("//{user}@")), ..Lake::new() };
    let said = refused(&theirs.uri()).await;
    assert!(
        said.starts_with("no permission to write the ducklake catalog PostgreSQL database lake_"),
        "{said}"
    );
    assert!(
        said.ends_with(" | let the owner of the database run: GRANT CREATE ON SCHEMA public TO <user>"),
        "{said}"
    );
    // Another one has made it.
    load(&lake.lake(), &items(Strategy::Merge), vec![batch(&[(1, "a", 10)])], commit("r1", "p", true))
        .await
        .expect("goes through");
    let theirs = Lake { data: lake.data.clone(), ..theirs };
    let said = refused(&theirs.uri()).await;
    assert!(
        said.ends_with("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO <user>"),
        "{said}"
    );
    let database = lake.catalog.strip_prefix("ducklake:").expect("a lake");
    run(database, &format!("GRANT ALL ON ALL TABLES IN SCHEMA public TO {user}"));
    let found = theirs.lake().inspect(&items(Strategy::Merge)).await.expect("may write");
    assert!(found.state.is_some());
}

#[tokio::test]
#[ignore = "needs DuckLake"]
async fn data_that_is_gone_is_told_of() {
    let lake = Lake::new();
    let target = items(Strategy::Merge);
    let rows: Vec<_> = (0..40).map(|id| (id, "a", 10)).collect();
    load(&lake.lake(), &target, vec![batch(&rows)], commit("r1", "p", true)).await.expect("goes through");
    std::fs::remove_dir_all(lake.data()).expect("a folder");
    let next = load(&lake.lake(), &target, vec![batch(&rows)], commit("r2", "p", true)).await;
    let error = next.expect_err("is gone");
    assert_eq!(error.kind, DestErrorKind::Damaged, "{error:?}");
    assert!(error.message.starts_with("a file of the data of the ducklake catalog "), "{error}");
    assert!(error.hint.is_some_and(|hint| hint.starts_with("restore the data from a copy")));
}

#[tokio::test]
#[ignore = "needs DuckLake and S3"]
async fn a_bucket_that_cannot_be_reached_is_told_of_with_a_hint() {
    let lake = Lake::in_bucket();
    let said = refused(&lake.uri().replace(&told("S3_ENDPOINT"), "http://127.0.0.1:9")).await;
    assert!(said.starts_with("cannot read the data of the ducklake catalog "), "{said}");
    assert!(said.contains(" | check the bucket of data_path, its region and endpoint_url"), "{said}");
}

/// Tables that others have made are taken over, whatever they are made of.
#[tokio::test]
#[ignore = "needs DuckLake"]
async fn tables_of_others_are_taken_over() {
    let lake = Lake::new();
    let first = items(Strategy::Append);
    load(&lake.lake(), &first, vec![batch(&[(9, "z", 1)])], commit("r0", "p", true))
        .await
        .expect("goes through");
    for strategy in Strategy::ALL {
        let target = crate::dest::Target { table: format!("of others {strategy}"), ..items(strategy) };
        lake.execute("CREATE TABLE {} (id INTEGER NOT NULL, name VARCHAR NOT NULL DEFAULT 'x', \"Changed_At\" TIMESTAMPTZ, mine INTEGER[], own DOUBLE NOT NULL)", &target.table);
        lake.execute("COMMENT ON TABLE {} IS 'ours'", &target.table);
        lake.execute("INSERT INTO {} VALUES (1, 'a', '1970-01-01 00:00:00.00001+00', [1], 2.5), (2, 'b', NULL, [2], 3.5), (2, 'b', NULL, [2], 3.5)", &target.table);
        let found = lake.lake().inspect(&target).await.unwrap_or_else(|error| panic!("{strategy}: {error}"));
        assert_eq!(found.theirs, ["mine"]);
        let rows = batch(&[(2, "B", 20), (3, "c", 30)]);
        let done = load(&lake.lake(), &target, vec![rows], commit("r1", "p", true)).await;
        done.unwrap_or_else(|error| panic!("{strategy}: {error:?}"));
        let rows = lake.rows(&target.table, &["id", "name", "mine", "own"]).expect("is there");
        assert!(
            rows.contains(&["3", "c", "NULL", "NULL"].map(str::to_owned).to_vec()),
            "{strategy}: {rows:?}"
        );
        let comment = lake.strings(&format!(
            "SELECT comment FROM duckdb_tables() WHERE database_name = '{CATALOG}' AND table_name = '{}'",
            target.table
        ));
        assert!(
            comment[0].starts_with("ours; kept up to date by ingestr (table "),
            "{strategy}: {comment:?}"
        );
    }
    let view = crate::dest::Target { table: "v".into(), ..items(Strategy::Merge) };
    lake.execute("CREATE VIEW {} AS SELECT 1 AS id", "v");
    let error = lake.lake().inspect(&view).await.expect_err("is a view");
    assert_eq!(error.to_string(), "shop.v is a view, not a table");
}

/// Values come back as they went in: JSON as its text, large integers, microseconds, NUL and half characters in escapes.
#[tokio::test]
#[ignore = "needs DuckLake"]
async fn values_are_exact() {
    exact(&Lake::new()).await;
    exact(&Lake::of_sqlite()).await;
}

#[tokio::test]
#[ignore = "needs DuckLake and PostgreSQL"]
async fn values_are_exact_on_server() {
    exact(&Lake::of_postgres()).await;
}

async fn exact(lake: &Lake) {
    use std::sync::Arc;

    use arrow_array::{Int64Array, StringArray, TimestampMicrosecondArray};
    let json = [
        "{\"b\": 1.10, \"a\":9007199254740993, \"a\": -0}",
        "\"\\u0000 \\ud83d\\ude00\"",
        "1e999999",
        "null",
    ];
    let times = [-62_135_596_800_000_000, 1, 253_402_207_200_000_000, 1_795_340_425_250_001];
    let rows = batch_of(vec![
        (Column::new("id", LogicalType::Int64), Arc::new(Int64Array::from(vec![1, i64::MAX, i64::MIN, 4]))),
        (
            Column::new("name", LogicalType::Text),
            Arc::new(StringArray::from(vec!["a\0b", "ö\u{10ffff}", "", "'"])),
        ),
        (
            Column::new("changed_at", LogicalType::Timestamp),
            Arc::new(TimestampMicrosecondArray::from(times.to_vec()).with_timezone("UTC")),
        ),
        (Column::new("extra", LogicalType::Json), Arc::new(StringArray::from(json.to_vec()))),
    ]);
    let target = items(Strategy::Merge);
    let done = load(&lake.lake(), &target, vec![rows.clone()], commit("r1", "p", true)).await;
    assert_eq!(done.expect("goes through"), counts(4, 0, 0, 0));
    let again = load(&lake.lake(), &target, vec![rows], commit("r2", "p", true)).await;
    assert_eq!(again.expect("goes through"), counts(0, 0, 4, 0));
    let shown =
        lake.rows("items", &["id", "name", "epoch_us(changed_at)", "extra::VARCHAR"]).expect("is there");
    for (at, id) in ["1", "9223372036854775807", "-9223372036854775808", "4"].iter().enumerate() {
        let row = shown.iter().find(|row| row[0] == *id).expect("is there");
        assert_eq!((row[2].as_str(), row[3].as_str()), (times[at].to_string().as_str(), json[at]));
        assert_eq!(row[1], ["a\0b", "ö\u{10ffff}", "", "'"][at]);
    }
}

/// After many small runs the files of a table are few again, and its rows as they were; what is not ours is left alone.
#[tokio::test]
#[ignore = "needs DuckLake"]
async fn small_files_are_put_together() {
    let lake = Lake::new();
    let target = items(Strategy::Merge);
    let files = |table: &str| {
        lake.strings(&format!(
            "SELECT data_file FROM ducklake_list_files('{CATALOG}', '{table}', schema => 'shop')"
        ))
        .len()
    };
    let names: Vec<String> = (0..40).map(|nth| format!("row {nth}")).collect();
    let mut most = 0;
    for run in 0..36 {
        let rows: Vec<_> = (0..20)
            .map(|at| (run * 10 + at, names[usize::try_from(run).expect("few")].as_str(), run))
            .collect();
        let last = crate::dest::Commit { release: true, ..commit(&format!("r{run}"), "p", true) };
        load(&lake.lake(), &target, vec![batch(&rows)], last).await.expect("goes through");
        if run == 0 {
            lake.execute("CREATE TABLE {} (a BIGINT)", "theirs");
            for _ in 0..3 {
                lake.execute("INSERT INTO {} SELECT i FROM range(100) r(i)", "theirs");
            }
        }
        most = most.max(files("items"));
    }
    assert!(most < 40 && files("items") < 32, "{most}, {}", files("items"));
    assert_eq!(files("theirs"), 3);
    let rows = lake.rows("items", &["id", "name"]).expect("is there");
    assert_eq!(rows.len(), 370);
    assert!(rows.iter().all(|row| {
        let id: i64 = row[0].parse().expect("a number");
        row[1] == format!("row {}", (id / 10).min(35))
    }));
}
