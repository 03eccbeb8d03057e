//! Fields of the source that are called like what an engine calls the position, version or partition of a row.
//!
//! Where an engine has such a word a column of that name hides it, in any case, and whoever goes by the word then goes by
//! the column: one changed row of five once left one row in the table.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};

use super::gone::{asked, buried, count_by, gone, keys_by, tracking};
use super::{Bench, Item, batch, batch_of, commit, counts, items, loaded, named};
use crate::dest::Target;
use crate::model::{Column, Deletes, LogicalType, Micros, Strategy};

/// `DuckDB`'s and `SQLite`'s, `Postgres`'s, Oracle's, then those that `BigQuery` keeps for itself.
const WORDS: [&str; 22] = [
    "rowid",
    "oid",
    "_rowid_",
    "_ingestr_rowid",
    "file_row_number",
    "ctid",
    "xmin",
    "xmax",
    "cmin",
    "tableoid",
    "rownum",
    "_PARTITIONTIME",
    "_PARTITIONDATE",
    "_TABLE_SUFFIX",
    "_FILE_NAME",
    "_ROW_TIMESTAMP",
    "__ROOT__x",
    "_COLIDENTIFIER_1",
    "_CHANGE_TYPE",
    "_CHANGE_SEQUENCE_NUMBER",
    "_CHANGE_TIMESTAMP",
    "_CTE",
];

/// The words as a source may spell them, and what their columns hold in the row with an id.
#[derive(Clone, Copy)]
struct Spelling {
    words: fn(&str) -> String,
    value: fn(i64) -> i64,
}

/// Once the same in all rows, once what is another row's position.
const SPELLINGS: [Spelling; 2] = [
    Spelling { words: str::to_uppercase, value: |_| 7 },
    Spelling { words: str::to_lowercase, value: |id| 5 - id },
];

/// Both, where that takes no minutes.
fn spellings(bench: &dyn Bench) -> impl Iterator<Item = Spelling> {
    SPELLINGS.into_iter().take(if bench.is_slow() { 1 } else { 2 })
}

impl Spelling {
    fn columns(self) -> Vec<Column> {
        WORDS.iter().map(|word| Column::new((self.words)(word), LogicalType::Int64)).collect()
    }

    fn rows(self, rows: &[Item<'_>]) -> RecordBatch {
        let changed =
            TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| row.2)).with_timezone("UTC");
        let mut columns: Vec<(Column, ArrayRef)> = vec![
            (
                Column::new("id", LogicalType::Int64),
                Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0))),
            ),
            (
                Column::new("name", LogicalType::Text),
                Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.1))),
            ),
            (Column::new("changed_at", LogicalType::Timestamp), Arc::new(changed)),
        ];
        let values: ArrayRef =
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| (self.value)(row.0))));
        columns.extend(self.columns().into_iter().map(|column| (column, Arc::clone(&values))));
        batch_of(columns)
    }

    /// The rows there are, as `id name`; checks that every column of a word has what the source said.
    fn stored(self, bench: &dyn Bench) -> Vec<String> {
        let words: Vec<String> = self.columns().iter().map(|c| format!("\"{}\"", c.name)).collect();
        let mut wanted = vec!["id", "name"];
        wanted.extend(words.iter().map(String::as_str));
        let rows = bench.rows("items", &wanted).expect("table exists");
        for row in &rows {
            let value = (self.value)(row[0].parse().expect("an id")).to_string();
            assert!(row[2..].iter().all(|cell| *cell == value), "{row:?}");
        }
        rows.into_iter().map(|row| row[..2].join(" ")).collect()
    }
}

const FIVE: [Item<'static>; 5] = [(1, "a", 10), (2, "b", 20), (3, "c", 30), (4, "d", 40), (5, "e", 50)];
/// One newer, one as it was, one with the date it had and another name.
const CHANGES: [Item<'static>; 3] = [(3, "c2", 60), (2, "b", 20), (4, "d2", 40)];

/// Merging and keeping versions change and bury the rows that are meant and no others, and count them.
pub(crate) async fn words_of_engines_are_names_where_rows_change(bench: &dyn Bench) {
    for (strategy, deletes) in [
        (Strategy::Merge, Deletes::Soft),
        (Strategy::Merge, Deletes::Hard),
        (Strategy::Scd2, Deletes::Soft),
        (Strategy::Scd2, Deletes::Hard),
    ] {
        // Of two strategies and two ways with deletions, each is there once.
        if bench.is_slow() && (strategy == Strategy::Scd2) == (deletes == Deletes::Soft) {
            continue;
        }
        for spelling in spellings(bench) {
            bench.execute("DROP TABLE IF EXISTS {}", "items");
            let target = tracking(strategy, deletes);
            let versions = strategy == Strategy::Scd2;
            let why = format!("{strategy} {deletes:?} {}", (spelling.words)("x"));
            let five = vec![spelling.rows(&FIVE)];
            assert_eq!(
                buried(bench, &target, five, &[], commit("r1", "p", true)).await,
                counts(5, 0, 0, 0),
                "{why}"
            );
            let changes = vec![spelling.rows(&CHANGES)];
            let done = buried(bench, &target, changes, &[], commit("r2", "p", true)).await;
            assert_eq!(done, counts(0, 2, 1, 0), "{why}");
            let done =
                buried(bench, &target, Vec::new(), &[gone(1, 500, None)], commit("r3", "p", true)).await;
            assert_eq!(done, counts(0, 0, 0, 1), "{why}");
            let survivor = [gone(1, 600, Some(2)), gone(5, 600, None)];
            let done = buried(bench, &target, Vec::new(), &survivor, commit("r4", "p", true)).await;
            assert_eq!(done, counts(0, u64::from(deletes == Deletes::Soft), 0, 1), "{why}");
            let kept = match (versions, deletes) {
                (true, _) => &["1 a", "2 b", "3 c", "3 c2", "4 d", "4 d2", "5 e"][..],
                (false, Deletes::Hard) => &["2 b", "3 c2", "4 d2"],
                (false, _) => &["1 a", "2 b", "3 c2", "4 d2", "5 e"],
            };
            assert_eq!(spelling.stored(bench), kept, "{why}");
            if deletes == Deletes::Soft {
                let marks =
                    bench.rows("items", &["id", "epoch_us(_ingestr_deleted_at)", "_ingestr_merged_into"]);
                let mut marks = marks.expect("table exists");
                marks.retain(|row| row[1..] != ["NULL", "NULL"]);
                assert_eq!(marks, [["1", "500", "2"], ["5", "600", "NULL"]], "{why}");
            }
            if versions {
                let open = bench.rows("items", &["_scd_is_current", "id", "name"]).expect("table exists");
                let open: Vec<_> =
                    open.iter().filter(|row| row[0] == "true").map(|row| row[2].as_str()).collect();
                assert_eq!(open, ["b", "c2", "d2"], "{why}");
            }
        }
    }
}

/// Rows that wait for their publication are told apart by key and age, and the table's own go by key.
pub(crate) async fn words_of_engines_are_names_where_rows_wait(bench: &dyn Bench) {
    for spelling in spellings(bench) {
        bench.execute("DROP TABLE IF EXISTS {}", "items");
        let mut target = tracking(Strategy::Replace, Deletes::Soft);
        target.fresh = true;
        buried(bench, &target, vec![spelling.rows(&FIVE)], &[], commit("r1", "p", false)).await;
        target.fresh = false;
        // The newest date first: what came last does not win by that alone; with the same date it does.
        let again = vec![spelling.rows(&[(3, "newest", 70), (1, "last", 10)])];
        buried(bench, &target, again, &[], commit("r1", "p", false)).await;
        let last = vec![spelling.rows(&CHANGES)];
        let done = buried(bench, &target, last, &[gone(5, 500, None)], commit("r1", "p", true)).await;
        assert_eq!(done, counts(5, 0, 0, 1));
        assert_eq!(spelling.stored(bench), ["1 last", "2 b", "3 newest", "4 d2", "5 e"]);

        let mut target = items(Strategy::DeleteInsert);
        target.window = (Some(Micros(50)), Some(Micros(60)));
        buried(bench, &target, vec![spelling.rows(&[(3, "c3", 55)])], &[], commit("r2", "p", false)).await;
        let rows = vec![spelling.rows(&[(3, "c4", 55), (6, "f", 60)])];
        let done = buried(bench, &target, rows, &[], commit("r2", "p", true)).await;
        assert_eq!(done, counts(2, 0, 0, 2));
        assert_eq!(spelling.stored(bench), ["1 last", "2 b", "3 c4", "4 d2", "6 f"]);
    }
}

/// Of rows that repeat a key the newest counts, in the table and among those that wait.
pub(crate) async fn words_of_engines_are_names_in_questions(bench: &dyn Bench) {
    for spelling in spellings(bench) {
        for strategy in [Strategy::Append, Strategy::Replace, Strategy::Merge] {
            bench.execute("DROP TABLE IF EXISTS {}", "items");
            let target = items(strategy);
            let last = strategy != Strategy::Replace;
            let column = (spelling.words)("rowid");
            let destination = bench.destination();
            buried(bench, &target, vec![spelling.rows(&FIVE)], &[], commit("r1", "p", last)).await;
            let other = Spelling { value: |_| 99, ..spelling };
            buried(bench, &target, vec![other.rows(&[(2, "b2", 25)])], &[], commit("r1", "p", last)).await;
            let old: Vec<i64> = FIVE.iter().map(|row| (spelling.value)(row.0)).collect();
            let mut keys = asked(&*destination, &target, keys_by(&column, &old)).await;
            keys.sort_by_key(|pair| pair.1);
            let keys: Vec<i64> = keys.into_iter().map(|pair| pair.1).collect();
            assert_eq!(keys, [1, 3, 4, 5], "{strategy}");
            assert_eq!(
                asked(&*destination, &target, count_by(&column, &[99])).await,
                [(99, 1)],
                "{strategy}"
            );
            assert_eq!(asked(&*destination, &target, keys_by("id", &[2])).await, [(2, 2)], "{strategy}");
            if last {
                continue;
            }
            // What waits is not to be in the way of the next table of that name.
            bench.destination().forget("shop", "items").await.expect("can be forgotten");
        }
    }
}

/// A column that only the user has keeps its values, and decides nothing; so does one that is part of the key.
pub(crate) async fn words_of_engines_may_be_the_users(bench: &dyn Bench) {
    let target = tracking(Strategy::Merge, Deletes::Hard);
    loaded(bench, &target, &FIVE, commit("r1", "p", true)).await;
    bench.execute("ALTER TABLE {} ADD COLUMN rowid BIGINT", "items");
    bench.execute("UPDATE {} SET rowid = 7", "items");
    assert_eq!(loaded(bench, &target, &CHANGES, commit("r2", "p", true)).await, counts(0, 2, 1, 0));
    let rows = vec![batch(&[(6, "f", 60)])];
    let done = buried(bench, &target, rows, &[gone(1, 500, None)], commit("r3", "p", true)).await;
    assert_eq!(done, counts(1, 0, 0, 1));
    assert_eq!(named(bench), ["2 b", "3 c2", "4 d2", "5 e", "6 f"]);
    let theirs = bench.rows("items", &["id", "rowid"]).expect("table exists");
    assert_eq!(theirs, [["2", "7"], ["3", "7"], ["4", "7"], ["5", "7"], ["6", "NULL"]]);

    let mut keyed: Target = items(Strategy::Merge);
    keyed.table = "keyed".into();
    keyed.key = vec!["rowid".into()];
    keyed.incremental_key = Some("oid".into());
    keyed.columns = vec![
        Column::new("rowid", LogicalType::Int64),
        Column::new("oid", LogicalType::Int64),
        Column::new("name", LogicalType::Text),
    ];
    for (strategy, fresh, last) in [
        (Strategy::Merge, false, true),
        (Strategy::Merge, false, true),
        (Strategy::Replace, true, false),
        (Strategy::Replace, false, true),
    ] {
        (keyed.strategy, keyed.fresh) = (strategy, fresh);
        let rows = [(1, 10, "a"), (2, 20, "b"), (0, 30, if last { "last" } else { "c" })];
        let text = StringArray::from_iter_values(rows.iter().map(|row| row.2));
        let whole = |each: fn(&(i64, i64, &'static str)) -> i64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(rows.iter().map(each)))
        };
        let arrays = [whole(|row| row.0), whole(|row| row.1), Arc::new(text)];
        let rows = batch_of(keyed.columns.iter().cloned().zip(arrays).collect());
        buried(bench, &keyed, vec![rows], &[], commit("r4", "p", last)).await;
    }
    let rows = bench.rows("keyed", &["rowid", "oid", "name"]).expect("table exists");
    assert_eq!(rows, [["0", "30", "last"], ["1", "10", "a"], ["2", "20", "b"]]);
}
