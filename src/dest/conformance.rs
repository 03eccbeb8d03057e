//! What every destination must do, as tests over the trait: a new destination passes all of them or says in its
//! capabilities that it does not try.
//!
//! A destination lends itself through [`Bench`], which is how a test reads what was written and breaks things.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::Schema;

use super::{Asked, Commit, Counts, DestError, Destination, Hints, Keep, Target};
use crate::model::{
    Column, Deletes, Described, Filled, LogicalType, Mappings, Micros, Reject, RunRecord, SourceState, State,
    Strategy,
};

mod apart;
mod children;
mod demands;
#[cfg(any(feature = "duckdb", feature = "postgres"))]
pub(crate) mod descriptions;
mod gone;
mod held;
mod idle;
mod ledger;
mod memory;
mod owners;
mod words;

pub(crate) use apart::*;
pub(crate) use children::*;
pub(crate) use demands::*;
pub(crate) use gone::*;
pub(crate) use held::*;
pub(crate) use idle::*;
pub(crate) use ledger::*;
pub(crate) use owners::*;
pub(crate) use words::*;

/// A destination under test.
pub(crate) trait Bench {
    /// The destination. Each call may give another value for the same place, as another process would have.
    fn destination(&self) -> Box<dyn Destination>;
    /// The rows of a table of schema `shop` as text, `NULL` for none, ordered by all columns; `None`: no such table.
    fn rows(&self, table: &str, columns: &[&str]) -> Option<Vec<Vec<String>>>;
    /// Runs a statement; `{}` stands for the table's name in SQL.
    fn execute(&self, sql: &str, table: &str);
    /// All tables in schema `shop`, ordered.
    fn tables(&self) -> Vec<String>;
    /// Whether each statement takes long, as an emulator's does. What the SQL engine decides is then tried with one strategy of
    /// each kind, one that writes in place and one that collects rows first: databases in this process try all.
    fn is_slow(&self) -> bool {
        false
    }
    /// The strategies that such things are tried with.
    fn strategies(&self) -> &'static [Strategy] {
        if self.is_slow() { &[Strategy::Merge, Strategy::Replace] } else { &Strategy::ALL }
    }
    /// Whether its tables can have columns that are generated.
    fn generates(&self) -> bool {
        false
    }
    /// Makes the next commit of `destination` fail with its rows written and its state not.
    fn break_between(&self, destination: &dyn Destination) -> Box<dyn Destination>;
}

/// All strategies that a destination has.
pub(crate) fn all(bench: &dyn Bench) -> &'static [Strategy] {
    bench.destination().capabilities().strategies
}

/// The strategy of what is about no strategy: one that writes to the table itself.
pub(crate) fn usual(bench: &dyn Bench) -> Strategy {
    if all(bench).contains(&Strategy::Merge) { Strategy::Merge } else { Strategy::Append }
}

/// The table `shop.items` of account `acme`, keyed by `id`, with columns `id`, `name`, `changed_at`, `extra` (JSON).
pub(crate) fn items(strategy: Strategy) -> Target {
    Target {
        account: "acme".into(),
        source_table: "items".into(),
        schema: "shop".into(),
        table: "items".into(),
        key: vec!["id".into()],
        incremental_key: Some("changed_at".into()),
        strategy,
        columns: vec![
            Column::new("id", LogicalType::Int64),
            Column::new("name", LogicalType::Text),
            Column::new("changed_at", LogicalType::Timestamp),
            Column::new("extra", LogicalType::Json),
        ],
        loaded_at: Some(Micros(1_700_000_000_000_000)),
        window: (None, None),
        asked: Asked::All,
        deletes: Deletes::Ignore,
        hints: Hints::default(),
        fresh: false,
    }
}

/// A row of `items`: id, name, `changed_at`.
pub(crate) type Item<'a> = (i64, &'a str, i64);

/// Rows of [`items`] without `extra`.
pub(crate) fn batch(items: &[Item<'_>]) -> RecordBatch {
    let ids = Int64Array::from_iter_values(items.iter().map(|i| i.0));
    let names = StringArray::from_iter_values(items.iter().map(|i| i.1));
    let changed = TimestampMicrosecondArray::from_iter_values(items.iter().map(|i| i.2)).with_timezone("UTC");
    batch_of(vec![
        (Column::new("id", LogicalType::Int64), Arc::new(ids)),
        (Column::new("name", LogicalType::Text), Arc::new(names)),
        (Column::new("changed_at", LogicalType::Timestamp), Arc::new(changed)),
    ])
}

/// A batch of any columns.
pub(crate) fn batch_of(columns: Vec<(Column, ArrayRef)>) -> RecordBatch {
    let schema = Schema::new(columns.iter().map(|(column, _)| column.field()).collect::<Vec<_>>());
    RecordBatch::try_new(Arc::new(schema), columns.into_iter().map(|(_, array)| array).collect())
        .expect("test batches fit their columns")
}

/// A commit of run `run` whose source state is `at`.
pub(crate) fn commit(run: &str, at: &str, last: bool) -> Commit {
    Commit {
        state: State {
            filled: Filled::default(),
            described: Described::default(),
            mappings: Mappings::default(),
            watermark: last.then_some(Micros(1_600_000_000_123_456)),
            covered_since: None,
            complete: last,
            source: SourceState(at.into()),
        },
        rejects: Vec::new(),
        run: RunRecord {
            id: run.into(),
            started_at: Micros(1_700_000_000_000_000),
            ended_at: Micros(1_700_000_001_000_000),
            outcome: if last { "success" } else { "running" },
            rows_read: 3,
            requests: 2,
            retries: 1,
            error: None,
            warnings: Vec::new(),
        },
        keep: Keep::default(),
        names: Vec::new(),
        basis: None,
        lease: None,
        release: false,
        last,
    }
}

/// Stages the batches and commits.
pub(crate) async fn load(
    destination: &dyn Destination,
    target: &Target,
    batches: Vec<RecordBatch>,
    commit: Commit,
) -> Result<Counts, DestError> {
    let mut load = destination.begin(target.into());
    for batch in batches {
        load.stage(0, batch).await?;
    }
    Ok(load.commit(commit).await?[0])
}

async fn loaded(bench: &dyn Bench, target: &Target, rows: &[Item<'_>], commit: Commit) -> Counts {
    let batches = if rows.is_empty() { Vec::new() } else { vec![batch(rows)] };
    load(&*bench.destination(), target, batches, commit).await.expect("the load goes through")
}

fn named(bench: &dyn Bench) -> Vec<String> {
    bench.rows("items", &["id", "name"]).expect("table exists").into_iter().map(|row| row.join(" ")).collect()
}

async fn state(bench: &dyn Bench, target: &Target) -> Option<State> {
    let found = bench.destination().inspect(target).await.expect("can be inspected");
    found.aside.or(found.state)
}

pub(crate) fn counts(inserted: u64, updated: u64, unchanged: u64, deleted: u64) -> Counts {
    Counts { inserted, updated, unchanged, deleted, rejected: 0 }
}

/// Before the first load there is nothing, and looking makes nothing.
pub(crate) async fn inspecting_nothing_finds_nothing(bench: &dyn Bench) {
    let found = bench.destination().inspect(&items(usual(bench))).await.expect("can be inspected");
    assert_eq!((found.columns, found.state), (None, None));
    assert!(bench.tables().is_empty());
}

/// All documented columns exist after the first load, whatever it brought, and the state comes back exactly.
pub(crate) async fn first_load_creates_all_columns(bench: &dyn Bench) {
    let target = items(usual(bench));
    let done = loaded(bench, &target, &[(1, "one", 10), (2, "two", 20)], commit("r1", "p1", true)).await;
    assert_eq!(done, counts(2, 0, 0, 0));
    let found = bench.destination().inspect(&target).await.expect("can be inspected");
    let mut expected = target.columns.clone();
    expected.push(Column::new("_ingestr_loaded_at", LogicalType::Timestamp));
    assert_eq!(found.columns.expect("table exists"), expected);
    assert_eq!(found.state, Some(commit("r1", "p1", true).state));
    assert_eq!(named(bench), ["1 one", "2 two"]);
    assert_eq!(bench.tables(), ["_ingestr_runs", "_ingestr_state", "items"]);
}

/// The same rows again change nothing and are counted as unchanged.
pub(crate) async fn second_load_changes_nothing(bench: &dyn Bench) {
    let mut target = items(usual(bench));
    let rows = [(1, "one", 10), (2, "two", 20)];
    loaded(bench, &target, &rows, commit("r1", "p1", true)).await;
    let before = bench.rows("items", &["id", "_ingestr_loaded_at"]);
    target.loaded_at = Some(Micros(1_800_000_000_000_000));
    assert_eq!(loaded(bench, &target, &rows, commit("r2", "p2", true)).await, counts(0, 0, 2, 0));
    assert_eq!(bench.rows("items", &["id", "_ingestr_loaded_at"]), before);
}

/// Within a load the newest row of a key wins, the later one on a tie, and a row without a date is the oldest.
pub(crate) async fn newest_row_of_a_key_wins(bench: &dyn Bench) {
    let target = items(usual(bench));
    let undated = batch_of(vec![
        (Column::new("id", LogicalType::Int64), Arc::new(Int64Array::from(vec![3, 1]))),
        (
            Column::new("name", LogicalType::Text),
            Arc::new(StringArray::from(vec!["three undated", "one undated"])),
        ),
    ]);
    let rows = batch(&[(1, "old", 10), (2, "first", 20), (1, "new", 30), (2, "later", 20), (1, "older", 5)]);
    let done = load(&*bench.destination(), &target, vec![rows, undated], commit("r1", "p", true)).await;
    assert_eq!(done.expect("goes through"), counts(3, 0, 0, 0));
    assert_eq!(named(bench), ["1 new", "2 later", "3 three undated"]);
}

/// New, changed and unchanged rows in one load are told apart; rows that were not read stay.
pub(crate) async fn counts_are_exact(bench: &dyn Bench) {
    let target = items(usual(bench));
    loaded(bench, &target, &[(1, "a", 10), (2, "b", 20), (3, "c", 30)], commit("r1", "p", true)).await;
    let rows = [(2, "b", 20), (3, "changed", 40), (4, "d", 40), (1, "same time", 10)];
    assert_eq!(loaded(bench, &target, &rows, commit("r2", "p", true)).await, counts(1, 2, 1, 0));
    assert_eq!(named(bench), ["1 same time", "2 b", "3 changed", "4 d"]);
}

/// A row that is read again is no longer deleted, even if nothing else changed; columns of others keep their values.
pub(crate) async fn read_again_means_not_deleted(bench: &dyn Bench) {
    let target = items(usual(bench));
    loaded(bench, &target, &[(1, "a", 10), (2, "b", 20)], commit("r1", "p", true)).await;
    bench.execute("ALTER TABLE {} ADD COLUMN _ingestr_deleted_at TIMESTAMPTZ", "items");
    bench.execute("ALTER TABLE {} ADD COLUMN note VARCHAR", "items");
    bench.execute(
        "UPDATE {} SET _ingestr_deleted_at = TIMESTAMPTZ '2024-01-01 00:00:00+00', note = 'mine'",
        "items",
    );
    let done = loaded(bench, &target, &[(1, "a", 10)], commit("r2", "p", true)).await;
    assert_eq!(done, counts(0, 1, 0, 0));
    let rows = bench.rows("items", &["id", "note", "_ingestr_deleted_at IS NULL"]).expect("table exists");
    assert_eq!(rows, [["1", "mine", "true"], ["2", "mine", "false"]]);
}

/// A column nobody knew is added; earlier rows have NULL in it.
pub(crate) async fn new_columns_are_added(bench: &dyn Bench) {
    let target = items(usual(bench));
    loaded(bench, &target, &[(1, "a", 10)], commit("r1", "p", true)).await;
    let wide = batch_of(vec![
        (Column::new("id", LogicalType::Int64), Arc::new(Int64Array::from(vec![2]))),
        (Column::new("brand new", LogicalType::Bool), Arc::new(BooleanArray::from(vec![true]))),
    ]);
    load(&*bench.destination(), &target, vec![wide], commit("r2", "p", true)).await.expect("goes through");
    let rows = bench.rows("items", &["id", "name", "\"brand new\""]).expect("table exists");
    assert_eq!(rows, [["1", "a", "NULL"], ["2", "NULL", "true"]]);
}

/// An inferred column becomes wider, across loads and within one, and no value is lost.
pub(crate) async fn columns_are_widened(bench: &dyn Bench) {
    let target = items(usual(bench));
    let row = |id: i64, logical, array: ArrayRef| {
        let ids: ArrayRef = Arc::new(Int64Array::from(vec![id]));
        batch_of(vec![(Column::new("id", LogicalType::Int64), ids), (Column::new("v", logical), array)])
    };
    let int = row(1, LogicalType::Int64, Arc::new(Int64Array::from(vec![7])));
    let double = row(2, LogicalType::Float64, Arc::new(Float64Array::from(vec![2.5])));
    let text = row(3, LogicalType::Text, Arc::new(StringArray::from(vec!["say \"hi\""])));
    let json =
        row(4, LogicalType::Json, Arc::new(StringArray::from(vec!["{\"b\":1,\"a\":9007199254740993}"])));
    let destination = bench.destination();
    for (batches, expected) in [
        (vec![int.clone()], vec!["7"]),
        (vec![double], vec!["7.0", "2.5"]),
        (vec![int, text.clone()], vec!["7", "2.5", "say \"hi\""]),
        (
            vec![text, json],
            vec!["\"7\"", "\"2.5\"", "\"say \\\"hi\\\"\"", "{\"b\":1,\"a\":9007199254740993}"],
        ),
    ] {
        load(&*destination, &target, batches, commit("r", "p", true)).await.expect("goes through");
        let rows = bench.rows("items", &["id", "v"]).expect("table exists");
        assert_eq!(rows.into_iter().map(|row| row[1].clone()).collect::<Vec<_>>(), expected);
    }
}

/// Dropping a load leaves no trace.
pub(crate) async fn dropped_load_leaves_no_trace(bench: &dyn Bench) {
    let target = items(usual(bench));
    let destination = bench.destination();
    let mut load = destination.begin((&target).into());
    load.stage(0, batch(&[(1, "a", 10)])).await.expect("can be staged");
    drop(load);
    assert!(bench.tables().is_empty());
}

/// Rows and state become visible together or not at all.
pub(crate) async fn rows_and_state_are_one(bench: &dyn Bench) {
    for &strategy in all(bench) {
        let mut target = items(strategy);
        target.table = format!("items {strategy}");
        loaded(bench, &target, &[(1, "a", 10)], commit("r1", "p1", true)).await;
        let (rows, tables) = (bench.rows(&target.table, &["id", "name"]), bench.tables());
        let broken = bench.break_between(&*bench.destination());
        let failed =
            load(&*broken, &target, vec![batch(&[(1, "b", 20), (2, "c", 20)])], commit("r2", "p2", true))
                .await;
        assert!(failed.is_err(), "{strategy}");
        assert_eq!(bench.rows(&target.table, &["id", "name"]), rows, "{strategy}");
        assert_eq!(bench.tables(), tables, "{strategy}");
        assert_eq!(state(bench, &target).await, Some(commit("r1", "p1", true).state), "{strategy}");
    }
}

/// A replacement shows the old rows until its last commit, over several processes, then only the new ones.
pub(crate) async fn replace_shows_old_rows_until_the_end(bench: &dyn Bench) {
    loaded(bench, &items(usual(bench)), &[(1, "old", 10), (9, "gone", 10)], commit("r1", "p1", true)).await;
    let mut target = items(Strategy::Replace);
    target.fresh = true;
    loaded(bench, &target, &[(1, "mid", 20), (2, "two", 20)], commit("r2", "half", false)).await;
    assert_eq!(named(bench), ["1 old", "9 gone"]);
    assert_eq!(state(bench, &target).await.expect("unfinished state").source.0, "half");
    // The table's own state is untouched, for whoever goes on merging.
    assert_eq!(state(bench, &items(usual(bench))).await.expect("own state").source.0, "p1");
    loaded(bench, &target, &[(3, "three", 20)], commit("r2", "more", false)).await;
    // Another process carries on.
    target.fresh = false;
    let done = loaded(bench, &target, &[(1, "new", 30), (2, "older", 5)], commit("r3", "end", true)).await;
    assert_eq!(done, counts(3, 0, 0, 2));
    assert_eq!(named(bench), ["1 new", "2 two", "3 three"]);
    assert_eq!(bench.tables(), ["_ingestr_runs", "_ingestr_state", "items"]);
    assert_eq!(state(bench, &target).await.expect("state").source.0, "end");
}

/// A replacement that starts anew forgets what a dead one collected; so does one that is given up for another way.
pub(crate) async fn dead_replacements_are_swept(bench: &dyn Bench) {
    let mut target = items(Strategy::Replace);
    target.fresh = true;
    loaded(bench, &target, &[(7, "dead", 10)], commit("r1", "p", false)).await;
    loaded(bench, &target, &[(1, "a", 10)], commit("r2", "p", true)).await;
    assert_eq!(named(bench), ["1 a"]);
    loaded(bench, &target, &[(7, "dead", 10)], commit("r3", "p", false)).await;
    assert_eq!(bench.tables().len(), 4);
    loaded(bench, &items(usual(bench)), &[(2, "b", 10)], commit("r4", "p", true)).await;
    assert_eq!(named(bench), ["1 a", "2 b"]);
    assert_eq!(bench.tables(), ["_ingestr_runs", "_ingestr_state", "items"]);
}

/// A replacement without rows ends in an empty table with all columns.
pub(crate) async fn empty_last_commit_makes_an_empty_table(bench: &dyn Bench) {
    for &strategy in all(bench) {
        let mut target = items(strategy);
        target.table = format!("items {strategy}");
        assert_eq!(loaded(bench, &target, &[], commit("r1", "p", true)).await, counts(0, 0, 0, 0));
        let found = bench.destination().inspect(&target).await.expect("can be inspected");
        let columns = found.columns.expect("the table exists");
        assert!(target.columns.iter().all(|c| columns.contains(c)), "{strategy}: {columns:?}");
        assert!(found.state.expect("has a state").complete, "{strategy}");
    }
}

/// The rows of the window go, those outside stay; a row that moved into the window goes from its old place.
pub(crate) async fn delete_insert_replaces_its_window(bench: &dyn Bench) {
    let rows = [(1, "before", 10), (2, "start", 20), (3, "moved", 40), (4, "end", 30), (5, "after", 50)];
    loaded(bench, &items(usual(bench)), &rows, commit("r1", "p", true)).await;
    let mut target = items(Strategy::DeleteInsert);
    target.window = (Some(Micros(20)), Some(Micros(30)));
    loaded(bench, &target, &[(3, "in", 25)], commit("r2", "p", false)).await;
    assert_eq!(named(bench).len(), 5);
    let done = loaded(bench, &target, &[(6, "six", 22)], commit("r2", "p", true)).await;
    assert_eq!(done, counts(2, 0, 0, 3));
    assert_eq!(named(bench), ["1 before", "3 in", "5 after", "6 six"]);
    // Open ends are what was read.
    target.window = (None, None);
    let done = loaded(bench, &target, &[(7, "seven", 9), (8, "eight", 24)], commit("r3", "p", true)).await;
    assert_eq!(done, counts(2, 0, 0, 2));
    assert_eq!(named(bench), ["3 in", "5 after", "7 seven", "8 eight"]);
    // Nothing read and no ends: nothing happens.
    assert_eq!(loaded(bench, &target, &[], commit("r4", "p", true)).await, counts(0, 0, 0, 0));
    assert_eq!(named(bench).len(), 4);
}

/// Rows of the window that were not asked for stay, unless they come.
pub(crate) async fn delete_insert_leaves_what_was_not_asked_for(bench: &dyn Bench) {
    let rows = [(1, "a", 10), (2, "b", 20), (3, "c", 25), (4, "d", 30)];
    loaded(bench, &items(usual(bench)), &rows, commit("r1", "p", true)).await;
    let mut target = items(Strategy::DeleteInsert);
    target.window = (Some(Micros(15)), Some(Micros(30)));
    target.asked = Asked::Since("changed_at".into(), Micros(25));
    // One that was stored in the window and has left it.
    let done = loaded(bench, &target, &[(4, "moved", 90)], commit("r2", "p", true)).await;
    assert_eq!(done, counts(1, 0, 0, 2));
    assert_eq!(named(bench), ["1 a", "2 b", "4 moved"]);
    target.asked = Asked::Untold;
    loaded(bench, &target, &[(5, "e", 20)], commit("r3", "p", true)).await;
    assert_eq!(named(bench), ["1 a", "2 b", "4 moved", "5 e"]);
}

/// Appending compares nothing.
pub(crate) async fn append_adds_all_rows(bench: &dyn Bench) {
    let target = items(Strategy::Append);
    let rows = [(1, "a", 10), (1, "a", 10)];
    assert_eq!(loaded(bench, &target, &rows, commit("r1", "p", true)).await, counts(2, 0, 0, 0));
    assert_eq!(loaded(bench, &target, &rows[..1], commit("r2", "p", true)).await, counts(1, 0, 0, 0));
    assert_eq!(named(bench), ["1 a", "1 a", "1 a"]);
}

/// A changed row closes its version and opens one; an unchanged one does not. Plain rows become current versions.
pub(crate) async fn scd2_keeps_versions(bench: &dyn Bench) {
    loaded(bench, &items(usual(bench)), &[(1, "a", 10), (2, "b", 10)], commit("r1", "p", true)).await;
    let target = items(Strategy::Scd2);
    let mut second = commit("r2", "p", true);
    second.run.started_at = Micros(1_700_086_400_000_000);
    let done = loaded(bench, &target, &[(1, "a", 10), (2, "b2", 20), (3, "c", 20)], second).await;
    assert_eq!(done, counts(1, 1, 1, 0), "nothing was deleted");
    let shape = ["id", "name", "epoch_us(_scd_valid_from)", "epoch_us(_scd_valid_to)", "_scd_is_current"];
    let rows = bench.rows("items", &shape).expect("table exists");
    let (first, second) = ("1700000000000000", "1700086400000000");
    assert_eq!(
        rows,
        [
            ["1", "a", first, "NULL", "true"],
            ["2", "b", first, second, "false"],
            ["2", "b2", second, "NULL", "true"],
            ["3", "c", second, "NULL", "true"],
        ]
    );
    let again = loaded(bench, &target, &[(2, "b2", 20)], commit("r3", "p", true)).await;
    assert_eq!(again, counts(0, 0, 1, 0));
}

/// Names are names, whatever is in them, and so are columns named like what the statements use.
pub(crate) async fn hostile_names_work(bench: &dyn Bench) {
    for &strategy in all(bench) {
        let mut target = items(strategy);
        target.table = format!("se\"lect; DROP.größe '{strategy}'");
        target.key = vec!["order".into(), "source".into()];
        target.incremental_key = Some("a\"b".into());
        target.columns = ["source", "target", "t", "s", "ord", "c0", "k0", "rid", "a\"b", "select", "ö.x"]
            .into_iter()
            .map(|name| Column::new(name, LogicalType::Text))
            .chain([Column::new("order", LogicalType::Int64)])
            .collect();
        let row = |value: &str| {
            let text = |c: &Column| if c.name == "source" { "key" } else { value }.to_owned();
            batch_of(
                target
                    .columns
                    .iter()
                    .map(|c| {
                        let array: ArrayRef = match c.logical {
                            LogicalType::Int64 => Arc::new(Int64Array::from(vec![1])),
                            _ => Arc::new(StringArray::from(vec![text(c)])),
                        };
                        (c.clone(), array)
                    })
                    .collect(),
            )
        };
        let destination = bench.destination();
        for (value, run) in [("one", "r1"), ("one", "r2"), ("two", "r3")] {
            let done = load(&*destination, &target, vec![row(value)], commit(run, "p", true)).await;
            let done = done.expect("hostile names are loaded");
            if strategy == Strategy::Merge {
                let expected = match run {
                    "r1" => counts(1, 0, 0, 0),
                    "r2" => counts(0, 0, 1, 0),
                    _ => counts(0, 1, 0, 0),
                };
                assert_eq!(done, expected);
            }
        }
        let rows = bench.rows(&target.table, &["\"a\"\"b\"", "\"source\""]).expect("table exists");
        assert_eq!(rows.last().expect("has rows"), &["two", "key"], "{strategy}");
        // Whatever they are called there, they are there, but for one that no row has had.
        target.columns.push(Column::new(format!("new.{}", "x".repeat(80)), LogicalType::Text));
        let found = destination.inspect(&target).await.expect("can be looked at");
        assert_eq!(found.lacking, [target.columns.len() - 1], "{strategy}");
    }
}

/// A dropped table is a first load again.
pub(crate) async fn state_dies_with_the_table(bench: &dyn Bench) {
    let target = items(usual(bench));
    loaded(bench, &target, &[(1, "a", 10)], commit("r1", "p", true)).await;
    bench.execute("DROP TABLE {}", "items");
    let found = bench.destination().inspect(&target).await.expect("can be inspected");
    assert_eq!((found.columns, found.state), (None, None));
}

/// Two accounts, or two source tables, in one destination table know nothing of each other.
pub(crate) async fn accounts_have_states_of_their_own(bench: &dyn Bench) {
    let target = items(usual(bench));
    loaded(bench, &target, &[(1, "a", 10)], commit("r1", "acme's", true)).await;
    let mut other = target.clone();
    other.account = "umbrella".into();
    assert_eq!(state(bench, &other).await, None);
    loaded(bench, &other, &[(2, "b", 10)], commit("r2", "umbrella's", true)).await;
    assert_eq!(state(bench, &target).await.expect("state").source.0, "acme's");
    assert_eq!(state(bench, &other).await.expect("state").source.0, "umbrella's");
}

/// Rejects are kept with run, table and reason; the run's line is rewritten by each of its commits.
pub(crate) async fn rejects_and_runs_are_written(bench: &dyn Bench) {
    let target = items(usual(bench));
    let mut first = commit("r1", "p", false);
    let reject = |id: Option<&str>, column: Option<&str>| Reject {
        id: id.map(Into::into),
        column: column.map(Into::into),
        value: "\"it's\"".into(),
        reason: "not a number",
    };
    first.rejects = vec![vec![reject(Some("7"), Some("name")), reject(None, None)]];
    loaded(bench, &target, &[(1, "a", 10)], first).await;
    loaded(bench, &target, &[(2, "b", 10)], commit("r1", "p", true)).await;
    let rejects =
        bench.rows("_ingestr_rejects", &["run_id", "dest_table", "row_id", "column_name", "value", "reason"]);
    assert_eq!(
        rejects.expect("table exists"),
        [
            ["r1", "items", "7", "name", "\"it's\"", "not a number"],
            ["r1", "items", "NULL", "NULL", "\"it's\"", "not a number"],
        ]
    );
    let runs = bench
        .rows("_ingestr_runs", &["run_id", "account", "source_table", "outcome", "rows_read", "retries"]);
    assert_eq!(runs.expect("table exists"), [["r1", "acme", "items", "success", "3", "1"]]);
}

/// One test for each behaviour, for a bench made by the expression; ignored for a reason, if one is given.
macro_rules! suite {
    (@ $metas:tt $bench:expr; $($name:ident),*) => {
        $($crate::dest::conformance::suite!(% $metas $bench; $name);)*
    };
    (% [$(#[$meta:meta])*] $bench:expr; $name:ident) => {
        $(#[$meta])*
        #[tokio::test]
        async fn $name() {
            $crate::dest::conformance::$name(&$bench).await;
        }
    };
    ($bench:expr $(, ignore = $why:literal)?) => {
        $crate::dest::conformance::suite!(@ [$(#[ignore = $why])?] $bench;
            inspecting_nothing_finds_nothing, first_load_creates_all_columns, second_load_changes_nothing,
            newest_row_of_a_key_wins, counts_are_exact, read_again_means_not_deleted, new_columns_are_added,
            columns_are_widened, dropped_load_leaves_no_trace, rows_and_state_are_one,
            replace_shows_old_rows_until_the_end, dead_replacements_are_swept,
            empty_last_commit_makes_an_empty_table, delete_insert_replaces_its_window,
            delete_insert_leaves_what_was_not_asked_for, append_adds_all_rows,
            scd2_keeps_versions, hostile_names_work, state_dies_with_the_table,
            accounts_have_states_of_their_own, rejects_and_runs_are_written, gone_rows_are_marked,
            gone_rows_are_removed_or_ignored, gone_rows_come_back, tombstones_apply_after_the_rows,
            replacements_bury_their_own_rows, scd2_closes_gone_rows, other_strategies_leave_gone_rows,
            questions_are_about_rows_that_are_there, questions_about_nothing_have_empty_answers,
            rows_are_found_by_what_they_hold, questions_of_a_replacement_are_about_its_rows, one_run_holds_a_table, dead_leases_are_replaced, a_lost_lease_is_not_renewed,
            commits_carry_the_lease, runs_without_rows_commit_together, who_lost_the_lease_writes_nothing, who_finds_no_lease_writes_nothing, what_is_remembered_is_listed,
            forgetting_leaves_the_rows, words_of_engines_are_names_where_rows_change,
            words_of_engines_are_names_where_rows_wait, words_of_engines_are_names_in_questions,
            words_of_engines_may_be_the_users,
            a_table_is_of_whom_its_state_tells, rows_kept_aside_have_an_owner,
            a_table_made_anew_is_its_makers, tables_are_given_to_another_account,
            commits_go_on_from_their_own_progress, commits_go_on_in_their_own_table,
            what_users_change_in_a_table_ends_no_run, replacements_go_on_with_their_own_rows,
            older_states_tell_of_no_table, names_of_columns_are_the_tables, the_ledger_is_kept_for_a_while, child_rows_are_replaced_parent_by_parent, child_rows_go_with_their_parent,
            children_are_committed_with_their_parent, children_are_replaced_with_their_parent,
            names_of_columns_are_each_tables_own, rejects_of_child_tables_are_kept_for_a_while, what_shares_a_column_changes_its_row,
            a_window_meets_what_others_keep_as_text, generated_columns_follow_the_others, a_generated_column_of_ours_is_refused,
            what_is_generated_from_a_wider_column_is_known_before);
    };
}
pub(crate) use suite;
