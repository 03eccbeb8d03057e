//! How text is stored: packed in files of ours, as it was in those of others.

use super::*;

/// How the values of a text column are stored, without repeats.
fn stored(file: &File, column: &str) -> Vec<String> {
    let connection = Connection::open(file.path()).expect("opens");
    let sql = "SELECT DISTINCT compression FROM pragma_storage_info('shop.shop.items') \
               WHERE column_name = ? AND segment_type = 'VARCHAR'";
    let mut statement = connection.prepare(sql).expect("prepares");
    let found = statement.query_map([column], |row| row.get(0)).expect("runs");
    found.map(|kind| kind.expect("is text")).collect()
}

/// Rows with mail in them: one is longer than DuckDB compresses by itself.
fn mails(from: i64) -> arrow_array::RecordBatch {
    let texts: Vec<String> = (from..from + 50).map(|i| format!("mail {i} ").repeat(8)).collect();
    let long = "a long mail ".repeat(1_000);
    let rows: Vec<(i64, &str, i64)> = (from..).zip(&texts).map(|(i, text)| (i, text.as_str(), i)).collect();
    batch(&[rows.as_slice(), &[(from + 50, long.as_str(), 1)]].concat())
}

#[tokio::test]
async fn mail_is_packed_by_every_strategy_and_stays_so() {
    for strategy in Strategy::ALL {
        let file = File::new();
        for round in 0..3 {
            let run = format!("r{round}");
            let mut target = items(strategy);
            target.fresh = true;
            let done = load(&file.duck(), &target, vec![mails(round * 100)], commit(&run, "p", true)).await;
            done.expect("goes through");
        }
        assert_eq!(stored(&file, "name"), ["ZSTD"], "{strategy:?}");
    }
}

#[tokio::test]
async fn a_file_that_older_programs_read_stays_one_that_they_read() {
    let file = File::new();
    let version = "SELECT tags['storage_version'] FROM duckdb_databases() WHERE database_name = 'shop'";
    let read = |file: &File| -> String {
        let connection = Connection::open(file.path()).expect("opens");
        connection.query_row(version, [], |row| row.get(0)).expect("runs")
    };
    file.sql("CREATE TABLE of_others (id INTEGER)");
    let before = read(&file);
    load(&file.duck(), &items(Strategy::Merge), vec![mails(0)], commit("r", "p", true)).await.expect("loads");
    assert_eq!(read(&file), before);
    assert!(!before.starts_with("v1.2"), "{before}: DuckDB's default has moved, so that this tests nothing");
    assert_ne!(stored(&file, "name"), ["ZSTD"]);
    let ours = File::new();
    load(&ours.duck(), &items(Strategy::Merge), vec![mails(0)], commit("r", "p", true)).await.expect("loads");
    assert_eq!(read(&ours), "v1.2.0+");
}

/// A commit of many rows leaves the groups of rows alone, and those it makes itself may be small, such as the ledger's of
/// one row: each would keep a block of 256 KiB.
#[tokio::test]
async fn small_groups_of_rows_are_merged_when_the_next_lease_is_taken() {
    let file = File::new();
    let target = items(Strategy::Merge);
    for round in 0..4 {
        let rows: Vec<_> = (0..5_000)
            .map(|id| (id, if id == 7 { "changed" } else { "same" }, i64::from(id == 7) * round))
            .collect();
        let (run, commit) = (format!("r{round}"), |run: &str| commit(run, "p", true));
        load(&file.duck(), &target, vec![batch(&rows)], commit(&run)).await.expect("goes through");
    }
    let groups = |table: &str| -> i64 {
        let connection = Connection::open(file.path()).expect("opens");
        let sql = format!(
            "SELECT count(DISTINCT row_group_id) FROM pragma_storage_info('shop.shop.{table}') WHERE persistent"
        );
        connection.query_row(&sql, [], |row| row.get(0)).expect("runs")
    };
    assert_eq!(groups("_ingestr_runs"), 4, "no small groups: this tests nothing");
    let now = Micros(1_700_000_000_000_000);
    let lease = Lease {
        run: "r4".into(),
        process: "p".into(),
        since: now,
        until: now.plus(crate::model::lease::TERM),
    };
    file.duck()
        .lease(&target, lease, crate::model::lease::Claim::Take, crate::model::lease::live)
        .await
        .expect("is free");
    assert_eq!((groups("items"), groups("_ingestr_runs")), (2, 1));
}
