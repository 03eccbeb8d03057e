//! Rows that are gone from the source, and questions about those that are there.

use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};

use super::{Bench, batch, batch_of, commit, counts, items, loaded, named};
use crate::dest::{Commit, Counts, Destination, Target};
use crate::model::{
    Column, DELETED_AT, Deletes, LogicalType, MERGED_INTO, Micros, Question, Strategy, Tombstone,
};

/// [`items`] whose rows may be gone.
pub(super) fn tracking(strategy: Strategy, deletes: Deletes) -> Target {
    let mut target = items(strategy);
    target.deletes = deletes;
    if deletes == Deletes::Soft {
        target.columns.push(Column::new(DELETED_AT, LogicalType::Timestamp));
        target.columns.push(Column::new(MERGED_INTO, LogicalType::Int64));
    }
    target
}

pub(super) fn gone(key: i64, at: i64, merged_into: Option<i64>) -> Tombstone {
    Tombstone { key, at: Micros(at), merged_into }
}

pub(super) async fn buried(
    bench: &dyn Bench,
    target: &Target,
    rows: Vec<RecordBatch>,
    tombstones: &[Tombstone],
    commit: Commit,
) -> Counts {
    let mut load = bench.destination().begin(target.into());
    // Before the rows and in pieces: neither is to matter.
    for tombstone in tombstones {
        load.bury(vec![*tombstone]);
    }
    for batch in rows {
        load.stage(0, batch).await.expect("can be staged");
    }
    load.commit(commit).await.expect("the load goes through")[0]
}

/// Key, when it was deleted, and what it was merged into.
fn marks(bench: &dyn Bench) -> Vec<String> {
    let columns = ["id", "epoch_us(_ingestr_deleted_at)", "_ingestr_merged_into"];
    let rows = bench.rows("items", &columns).expect("table exists");
    rows.into_iter().map(|row| row.join(" ")).collect()
}

const THREE: [(i64, &str, i64); 3] = [(1, "a", 10), (2, "b", 20), (3, "c", 30)];

/// A gone row is marked with its date and its survivor. Both stay as they became known first; a survivor that becomes
/// known later is added. A row that is not there leaves nothing.
pub(crate) async fn gone_rows_are_marked(bench: &dyn Bench) {
    // The table is from before deletions were tracked.
    loaded(bench, &items(Strategy::Merge), &THREE, commit("r1", "p", true)).await;
    let mut target = tracking(Strategy::Merge, Deletes::Soft);
    target.loaded_at = Some(Micros(1_800_000_000_000_000));
    let first = [gone(2, 500, Some(3)), gone(9, 500, None), gone(1, 600, None), gone(1, 550, None)];
    let done = buried(bench, &target, Vec::new(), &first, commit("r2", "p", true)).await;
    assert_eq!(done, counts(0, 0, 0, 2));
    assert_eq!(marks(bench), ["1 600 NULL", "2 500 3", "3 NULL NULL"]);
    let loaded_at = bench.rows("items", &["id", "year(_ingestr_loaded_at)"]).expect("table exists");
    assert_eq!(loaded_at, [["1", "2027"], ["2", "2027"], ["3", "2023"]]);
    assert_eq!(named(bench), ["1 a", "2 b", "3 c"]);

    let again = [gone(2, 900, Some(1)), gone(1, 900, None), gone(1, 900, Some(3))];
    let done = buried(bench, &target, Vec::new(), &again, commit("r3", "p", true)).await;
    assert_eq!(done, counts(0, 1, 0, 0));
    assert_eq!(marks(bench), ["1 600 3", "2 500 3", "3 NULL NULL"]);
    let done = buried(bench, &target, Vec::new(), &again, commit("r4", "p", true)).await;
    assert_eq!(done, counts(0, 0, 0, 0));
}

/// With `hard` gone rows are removed, and no column tells of them; with `ignore` nothing happens.
pub(crate) async fn gone_rows_are_removed_or_ignored(bench: &dyn Bench) {
    loaded(bench, &items(Strategy::Merge), &THREE, commit("r1", "p", true)).await;
    let tombstones = [gone(2, 500, Some(3)), gone(9, 500, None), gone(4, 500, None)];
    let rows = || vec![batch(&[(4, "d", 40)])];
    let ignoring = tracking(Strategy::Merge, Deletes::Ignore);
    let done = buried(bench, &ignoring, rows(), &tombstones, commit("r2", "p", true)).await;
    assert_eq!(done, counts(1, 0, 0, 0));
    assert_eq!(named(bench), ["1 a", "2 b", "3 c", "4 d"]);
    let hard = tracking(Strategy::Merge, Deletes::Hard);
    let done = buried(bench, &hard, rows(), &tombstones, commit("r3", "p", true)).await;
    assert_eq!(done, counts(0, 0, 1, 2));
    assert_eq!(named(bench), ["1 a", "3 c"]);
    let found = bench.destination().inspect(&hard).await.expect("can be inspected").columns;
    assert!(!found.expect("table exists").iter().any(|c| c.name == DELETED_AT || c.name == MERGED_INTO));
}

/// A row that is read again loses both marks, even if nothing else differs; what the load does not bring stays.
pub(crate) async fn gone_rows_come_back(bench: &dyn Bench) {
    let target = tracking(Strategy::Merge, Deletes::Soft);
    loaded(bench, &target, &THREE, commit("r1", "p", true)).await;
    bench.execute("ALTER TABLE {} ADD COLUMN note VARCHAR", "items");
    bench.execute("UPDATE {} SET note = 'mine'", "items");
    let tombstones = [gone(1, 500, Some(3)), gone(2, 500, Some(3))];
    buried(bench, &target, Vec::new(), &tombstones, commit("r2", "p", true)).await;
    let done = loaded(bench, &target, &[(1, "a", 10), (3, "c", 30)], commit("r3", "p", true)).await;
    assert_eq!(done, counts(0, 1, 1, 0));
    assert_eq!(marks(bench), ["1 NULL NULL", "2 500 3", "3 NULL NULL"]);
    let notes = bench.rows("items", &["id", "note"]).expect("table exists");
    assert_eq!(notes, [["1", "mine"], ["2", "mine"], ["3", "mine"]]);
    // A mark that only names the survivor is one, too.
    bench.execute("UPDATE {} SET _ingestr_merged_into = 3 WHERE id = 1", "items");
    assert_eq!(loaded(bench, &target, &THREE[..1], commit("r4", "p", true)).await, counts(0, 1, 0, 0));
    assert_eq!(marks(bench)[0], "1 NULL NULL");
}

/// Rows first, then tombstones: a row that is read and gone in one load is gone, whether it was there or not.
pub(crate) async fn tombstones_apply_after_the_rows(bench: &dyn Bench) {
    for (deletes, expected) in
        [(Deletes::Soft, vec!["1 NULL NULL", "2 700 NULL", "3 700 1"]), (Deletes::Hard, vec!["1 NULL NULL"])]
    {
        bench.execute("DROP TABLE IF EXISTS {}", "items");
        let target = tracking(Strategy::Merge, deletes);
        loaded(bench, &target, &THREE[..2], commit("r1", "p", true)).await;
        if deletes == Deletes::Soft {
            // Came back and went again: the new date counts.
            buried(bench, &target, Vec::new(), &[gone(2, 500, Some(1))], commit("r2", "p", true)).await;
        }
        let rows = vec![batch(&[(2, "b", 25), (3, "c", 30)])];
        let tombstones = [gone(2, 700, None), gone(3, 700, Some(1))];
        let done = buried(bench, &target, rows, &tombstones, commit("r3", "p", true)).await;
        assert_eq!(done, counts(1, 1, 0, 2), "{deletes:?}");
        if deletes == Deletes::Hard {
            bench.execute("ALTER TABLE {} ADD COLUMN _ingestr_deleted_at TIMESTAMPTZ", "items");
            bench.execute("ALTER TABLE {} ADD COLUMN _ingestr_merged_into BIGINT", "items");
        }
        assert_eq!(marks(bench), expected, "{deletes:?}");
    }
}

/// A replacement buries its own rows, not those still shown; one that is read again after its tombstone is there.
pub(crate) async fn replacements_bury_their_own_rows(bench: &dyn Bench) {
    for (deletes, expected) in [
        (Deletes::Soft, vec!["1 500 4", "2 NULL NULL", "3 NULL NULL", "4 NULL NULL"]),
        (Deletes::Hard, vec!["2 NULL NULL", "3 NULL NULL", "4 NULL NULL"]),
    ] {
        bench.execute("DROP TABLE IF EXISTS {}", "items");
        let shown = tracking(Strategy::Merge, Deletes::Soft);
        loaded(bench, &shown, &[(1, "old", 10), (2, "old", 10)], commit("r1", "p", true)).await;
        let mut target = tracking(Strategy::Replace, deletes);
        target.fresh = true;
        let rows = vec![batch(&THREE)];
        let tombstones = [gone(1, 500, None), gone(8, 500, None)];
        let done = buried(bench, &target, rows, &tombstones, commit("r2", "p", false)).await;
        assert_eq!(done, counts(0, 0, 0, 1), "{deletes:?}");
        target.fresh = false;
        let tombstones = [gone(1, 600, Some(4)), gone(2, 600, None)];
        buried(bench, &target, Vec::new(), &tombstones, commit("r3", "p", false)).await;
        assert_eq!(marks(bench), ["1 NULL NULL", "2 NULL NULL"], "{deletes:?}");
        let rows = vec![batch(&[(2, "b", 20), (4, "d", 40)])];
        buried(bench, &target, rows, &[], commit("r3", "p", true)).await;
        if deletes == Deletes::Hard {
            bench.execute("ALTER TABLE {} ADD COLUMN _ingestr_deleted_at TIMESTAMPTZ", "items");
            bench.execute("ALTER TABLE {} ADD COLUMN _ingestr_merged_into BIGINT", "items");
        }
        assert_eq!(marks(bench), expected, "{deletes:?}");
    }
}

/// A gone row's current version is closed; a row that is read again opens a new one. No version is removed.
pub(crate) async fn scd2_closes_gone_rows(bench: &dyn Bench) {
    for deletes in [Deletes::Soft, Deletes::Hard] {
        bench.execute("DROP TABLE IF EXISTS {}", "items");
        let target = tracking(Strategy::Scd2, deletes);
        loaded(bench, &target, &THREE[..2], commit("r1", "p", true)).await;
        let at = |run: &str, day: i64| {
            let mut commit = commit(run, "p", true);
            commit.run.started_at = Micros(day);
            commit
        };
        let tombstones = [gone(1, 500, None), gone(9, 500, None)];
        let done = buried(bench, &target, Vec::new(), &tombstones, at("r2", 2)).await;
        assert_eq!(done, counts(0, 0, 0, 1), "{deletes:?}");
        let versions = || {
            let columns = ["id", "epoch_us(_scd_valid_to)", "_scd_is_current"];
            let rows = bench.rows("items", &columns).expect("table exists");
            rows.iter().map(|row| row.join(" ")).collect::<Vec<_>>()
        };
        assert_eq!(versions(), ["1 2 false", "2 NULL true"], "{deletes:?}");
        // Gone already; the survivor is news only where it is kept.
        let done = buried(bench, &target, Vec::new(), &[gone(1, 600, Some(2))], at("r3", 3)).await;
        assert_eq!(done, counts(0, u64::from(deletes == Deletes::Soft), 0, 0), "{deletes:?}");
        assert_eq!(versions(), ["1 2 false", "2 NULL true"], "{deletes:?}");
        assert_eq!(loaded(bench, &target, &THREE[..1], at("r4", 4)).await, counts(1, 0, 0, 0));
        assert_eq!(versions(), ["1 2 false", "1 NULL true", "2 NULL true"], "{deletes:?}");
        if deletes == Deletes::Soft {
            assert_eq!(marks(bench), ["1 500 2", "1 NULL NULL", "2 NULL NULL"]);
        }
        // Of several versions only the latest goes.
        buried(bench, &target, Vec::new(), &[gone(1, 700, None)], at("r5", 5)).await;
        assert_eq!(versions(), ["1 2 false", "1 5 false", "2 NULL true"], "{deletes:?}");
        if deletes == Deletes::Soft {
            assert_eq!(marks(bench), ["1 500 2", "1 700 NULL", "2 NULL NULL"]);
        }
    }
}

/// Appending and replacing a window know nothing of rows that are gone.
pub(crate) async fn other_strategies_leave_gone_rows(bench: &dyn Bench) {
    for strategy in [Strategy::Append, Strategy::DeleteInsert] {
        bench.execute("DROP TABLE IF EXISTS {}", "items");
        loaded(bench, &items(Strategy::Merge), &THREE, commit("r1", "p", true)).await;
        let target = tracking(strategy, Deletes::Soft);
        let rows = vec![batch(&[(4, "d", 40)])];
        let tombstones = [gone(1, 500, None), gone(4, 500, None)];
        let done = buried(bench, &target, rows, &tombstones, commit("r2", "p", true)).await;
        assert_eq!(done, counts(1, 0, 0, 0), "{strategy}");
        let expected = ["1 NULL NULL", "2 NULL NULL", "3 NULL NULL", "4 NULL NULL"];
        assert_eq!(marks(bench), expected, "{strategy}");
    }
}

/// Rows with an integer column: id, parent, `changed_at`.
fn children(rows: &[(i64, Option<i64>, i64)]) -> RecordBatch {
    let changed = TimestampMicrosecondArray::from_iter_values(rows.iter().map(|r| r.2)).with_timezone("UTC");
    batch_of(vec![
        (
            Column::new("id", LogicalType::Int64),
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.0))),
        ),
        (
            Column::new("parent", LogicalType::Int64),
            Arc::new(Int64Array::from_iter(rows.iter().map(|r| r.1))),
        ),
        (Column::new("changed_at", LogicalType::Timestamp), Arc::new(changed)),
    ])
}

async fn answered(
    destination: &dyn Destination,
    target: &Target,
    question: Question,
) -> Option<Vec<(i64, i64)>> {
    let mut pairs = destination.ask(target, question).await.expect("can be asked")?.pairs;
    pairs.sort_unstable();
    Some(pairs)
}

pub(super) async fn asked(
    destination: &dyn Destination,
    target: &Target,
    question: Question,
) -> Vec<(i64, i64)> {
    answered(destination, target, question).await.expect("can tell")
}

pub(super) fn count_by(column: &str, values: &[i64]) -> Question {
    Question::CountBy { column: column.into(), values: values.to_vec() }
}

pub(super) fn keys_by(column: &str, values: &[i64]) -> Question {
    Question::KeysBy { column: column.into(), values: values.to_vec() }
}

fn stored(column: &str, values: &[i64]) -> Question {
    Question::Stored { column: column.into(), values: values.to_vec() }
}

fn keys_between(column: &str, from: i64, to: i64) -> Question {
    Question::KeysBetween { column: column.into(), from: Micros(from), to: Micros(to), with: None }
}

fn keys_between_with(column: &str, from: i64, to: i64, with: &str) -> Question {
    let with = Some(with.into());
    Question::KeysBetween { column: column.into(), from: Micros(from), to: Micros(to), with }
}

fn values_of(column: &str, keys: &[i64]) -> Question {
    Question::ValuesOf { column: column.into(), keys: keys.to_vec() }
}

/// Rows are counted and named by their values; those marked as gone are not, nor closed versions.
pub(crate) async fn questions_are_about_rows_that_are_there(bench: &dyn Bench) {
    let rows = [(1, Some(7), 10), (2, Some(7), 20), (3, Some(8), 30), (4, None, 40), (5, Some(7), 50)];
    for strategy in [Strategy::Merge, Strategy::Scd2, Strategy::Append, Strategy::DeleteInsert] {
        bench.execute("DROP TABLE IF EXISTS {}", "items");
        let mut target = tracking(strategy, Deletes::Soft);
        let first = if strategy == Strategy::Scd2 { vec![(3, Some(9), 5)] } else { Vec::new() };
        buried(bench, &target, vec![children(&first)], &[], commit("r1", "p", true)).await;
        buried(bench, &target, vec![children(&rows)], &[], commit("r2", "p", true)).await;
        bench.execute("UPDATE {} SET _ingestr_deleted_at = _ingestr_loaded_at WHERE id = 5", "items");
        let destination = bench.destination();
        let by = asked(&*destination, &target, count_by("parent", &[7, 8, 9])).await;
        assert_eq!(by, [(7, 2), (8, 1)], "{strategy}");
        let by = asked(&*destination, &target, keys_by("parent", &[7, 9, 11])).await;
        assert_eq!(by, [(7, 1), (7, 2)], "{strategy}");
        let mut there = asked(&*destination, &target, stored("id", &[1, 3, 5, 9])).await;
        there.dedup();
        assert_eq!(there, [(1, 1), (3, 3), (5, 5)], "{strategy}");
        let between = asked(&*destination, &target, keys_between("changed_at", 20, 50)).await;
        assert_eq!(between, [(2, 0), (3, 0), (4, 0)], "{strategy}");
        let between = keys_between_with("changed_at", 20, 50, "parent");
        let between = asked(&*destination, &target, between).await;
        assert_eq!(between, [(2, 7), (3, 8), (4, 0)], "{strategy}");
        let values = asked(&*destination, &target, values_of("parent", &[1, 3, 4, 5, 9])).await;
        assert_eq!(values, [(1, 7), (3, 8)], "{strategy}");
        assert_eq!(asked(&*destination, &target, Question::Count).await, [(0, 4)], "{strategy}");
        let keys = asked(&*destination, &target, Question::Keys).await;
        assert_eq!(keys, [(1, 0), (2, 0), (3, 0), (4, 0)], "{strategy}");
        // Before deletions were tracked there was no such column.
        bench.execute("ALTER TABLE {} DROP COLUMN _ingestr_deleted_at", "items");
        target.deletes = Deletes::Ignore;
        let by = asked(&*destination, &target, count_by("PARENT", &[7])).await;
        assert_eq!(by, [(7, 3)], "{strategy}");
    }
}

/// Questions about rows that are not there have no rows in their answers. Those about columns that are not there, or are of
/// another kind, have no answer: that nobody can tell is not to be taken for none.
pub(crate) async fn questions_about_nothing_have_empty_answers(bench: &dyn Bench) {
    let target = tracking(Strategy::Merge, Deletes::Soft);
    let destination = bench.destination();
    assert_eq!(asked(&*destination, &target, count_by("id", &[1])).await, []);
    assert!(bench.tables().is_empty());
    loaded(bench, &target, &THREE, commit("r1", "p", true)).await;
    for question in [
        values_of("id", &[]),
        count_by("id", &[]),
        keys_by("id", &[]),
        stored("id", &[]),
        stored("id", &[99]),
        count_by("id", &[99]),
        count_by("name", &[1]),
        keys_between("changed_at", 31, 29),
    ] {
        assert_eq!(asked(&*destination, &target, question.clone()).await, [], "{question:?}");
    }
    for question in [
        count_by("no such", &[1]),
        keys_by("no such", &[1]),
        keys_between("no such", 0, 100),
        keys_between_with("changed_at", 0, 100, "no such"),
        values_of("no such", &[1]),
        count_by("changed_at", &[10]),
        keys_between("id", 0, 100),
    ] {
        assert_eq!(answered(&*destination, &target, question.clone()).await, None, "{question:?}");
    }
    let mut keyless = target.clone();
    keyless.key = vec!["no such".into()];
    assert_eq!(answered(&*destination, &keyless, keys_by("id", &[1])).await, None);
    keyless.key.clear();
    assert_eq!(answered(&*destination, &keyless, keys_by("id", &[1])).await, None);
    let mut other = target;
    other.table = "others".into();
    assert_eq!(asked(&*destination, &other, count_by("id", &[1])).await, []);
}

/// Rows are found by an object that lies in their JSON, however the database spells it; no id is taken for a part of another.
pub(crate) async fn rows_are_found_by_what_they_hold(bench: &dyn Bench) {
    let target = tracking(Strategy::Merge, Deletes::Soft);
    let held = [
        r#"[{"id":7,"name":"vip"},{"id":8}]"#,
        r#"[{"name":"other","id":77},{"id":8,"name":null}]"#,
        r#"[{"name":"last","id":7}]"#,
        "[]",
    ];
    let rows = batch_of(vec![
        (Column::new("id", LogicalType::Int64), Arc::new(Int64Array::from_iter_values(1..=4))),
        (Column::new("extra", LogicalType::Json), Arc::new(StringArray::from(held.to_vec()))),
    ]);
    let destination = bench.destination();
    let holding = |ids: &[i64]| Question::Holding { column: "extra".into(), ids: ids.to_vec() };
    assert_eq!(asked(&*destination, &target, holding(&[7])).await, []);
    buried(bench, &target, vec![rows], &[], commit("r1", "p", true)).await;
    for (ids, found) in [(&[7][..], &[1, 3][..]), (&[8, 77], &[1, 2]), (&[77], &[2]), (&[9], &[]), (&[], &[])]
    {
        let keys: Vec<_> = found.iter().map(|key| (*key, 0)).collect();
        assert_eq!(asked(&*destination, &target, holding(ids)).await, keys, "{ids:?}");
    }
    buried(bench, &target, Vec::new(), &[gone(3, 500, None)], commit("r2", "p", true)).await;
    assert_eq!(asked(&*destination, &target, holding(&[7])).await, [(1, 0)], "row 3 is gone");
    let other = Question::Holding { column: "no such".into(), ids: vec![7] };
    assert_eq!(answered(&*destination, &target, other).await, None);
}

/// An unfinished replacement answers from its own rows, of which the newest of each key counts; a finished one from
/// the table.
pub(crate) async fn questions_of_a_replacement_are_about_its_rows(bench: &dyn Bench) {
    let shown = tracking(Strategy::Merge, Deletes::Soft);
    buried(bench, &shown, vec![children(&[(1, Some(7), 10)])], &[], commit("r1", "p", true)).await;
    let mut target = tracking(Strategy::Replace, Deletes::Soft);
    target.fresh = true;
    let destination = bench.destination();
    assert_eq!(asked(&*destination, &target, count_by("parent", &[7])).await, []);
    let first = children(&[(1, Some(7), 10), (2, Some(7), 10), (3, Some(7), 10), (4, Some(7), 10)]);
    buried(bench, &target, vec![first], &[], commit("r2", "p", false)).await;
    target.fresh = false;
    let moved = children(&[(1, Some(7), 10), (2, Some(8), 20)]);
    buried(bench, &target, vec![moved], &[gone(4, 500, None)], commit("r2", "p", false)).await;
    for last in [false, true] {
        if last {
            buried(bench, &target, Vec::new(), &[], commit("r2", "p", true)).await;
        }
        let by = asked(&*destination, &target, count_by("parent", &[7, 8])).await;
        assert_eq!(by, [(7, 2), (8, 1)], "{last}");
        let by = asked(&*destination, &target, keys_by("parent", &[7])).await;
        assert_eq!(by, [(7, 1), (7, 3)], "{last}");
        let between = asked(&*destination, &target, keys_between("changed_at", 10, 19)).await;
        assert_eq!(between, [(1, 0), (3, 0)], "{last}");
    }
}
