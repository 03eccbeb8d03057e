//! Child tables: their rows become visible with their parents', and are always all of them.

use arrow_array::{Int64Array, RecordBatch, StringArray};

use super::{Bench, batch, commit, items};
use crate::dest::{Counts, Destination, Keep, Target, Targets};
use crate::model::{Column, DELETED_AT, Deletes, LogicalType, Micros, Reject, Strategy, Tombstone};

/// Tags of [`items`].
fn tags(strategy: Strategy, deletes: Deletes) -> Target {
    let mut target = items(strategy);
    target.source_table = "item_tags".into();
    target.table = "item_tags".into();
    target.key = vec!["item_id".into(), "tag_id".into()];
    target.incremental_key = None;
    target.columns = vec![
        Column::new("item_id", LogicalType::Int64),
        Column::new("tag_id", LogicalType::Int64),
        Column::new("name", LogicalType::Text),
    ];
    if deletes == Deletes::Soft {
        target.columns.push(Column::new(DELETED_AT, LogicalType::Timestamp));
    }
    target.deletes = deletes;
    target
}

fn parents(strategy: Strategy, deletes: Deletes) -> Target {
    super::gone::tracking(strategy, deletes)
}

type Tag<'a> = (i64, i64, &'a str);

fn rows(tags: &[Tag<'_>]) -> RecordBatch {
    RecordBatch::try_from_iter([
        ("item_id", std::sync::Arc::new(Int64Array::from_iter_values(tags.iter().map(|tag| tag.0))) as _),
        ("tag_id", std::sync::Arc::new(Int64Array::from_iter_values(tags.iter().map(|tag| tag.1))) as _),
        ("name", std::sync::Arc::new(StringArray::from_iter_values(tags.iter().map(|tag| tag.2))) as _),
    ])
    .expect("columns of one length")
}

/// What one commit brings.
#[derive(Default)]
struct Brings<'a> {
    items: &'a [(i64, &'a str, i64)],
    tags: &'a [Tag<'a>],
    /// Items whose tags are all there.
    complete: &'a [i64],
    gone: &'a [i64],
}

async fn bring(
    destination: &dyn Destination,
    strategy: Strategy,
    deletes: Deletes,
    brings: Brings<'_>,
    (run, last): (&str, bool),
) -> Result<Vec<Counts>, crate::dest::DestError> {
    let mut table = parents(strategy, deletes);
    let mut children = [tags(strategy, deletes)];
    table.fresh = run == "fresh";
    children[0].fresh = table.fresh;
    let mut load = destination.begin(Targets { table: &table, children: &children });
    if !brings.items.is_empty() {
        load.stage(0, batch(brings.items)).await.expect("can be staged");
    }
    if !brings.tags.is_empty() {
        load.stage(1, rows(brings.tags)).await.expect("can be staged");
    }
    load.complete(1, brings.complete.to_vec());
    load.bury(
        brings.gone.iter().map(|key| Tombstone { key: *key, at: Micros(500), merged_into: None }).collect(),
    );
    Ok(load.commit(commit(run, "p", last)).await?)
}

fn stored(bench: &dyn Bench) -> Vec<String> {
    let columns = ["item_id", "tag_id", "name", &format!("{DELETED_AT} IS NULL")];
    let rows = bench.rows("item_tags", &columns).expect("table exists");
    rows.into_iter().map(|row| row.join(" ")).collect()
}

fn counted(inserted: u64, updated: u64, unchanged: u64, deleted: u64) -> Counts {
    Counts { inserted, updated, unchanged, deleted, rejected: 0 }
}

/// Of a parent that is brought, the rows that are not brought with it go; those of other parents stay.
pub(crate) async fn child_rows_are_replaced_parent_by_parent(bench: &dyn Bench) {
    let destination = bench.destination();
    let merge = async |brings: Brings<'_>| {
        bring(&*destination, Strategy::Merge, Deletes::Soft, brings, ("r1", true))
            .await
            .expect("goes through")
    };
    let first = merge(Brings {
        items: &[(1, "a", 10), (2, "b", 20), (3, "c", 30)],
        tags: &[(1, 7, "x"), (1, 8, "y"), (2, 7, "x")],
        complete: &[1, 2, 3],
        ..Brings::default()
    });
    assert_eq!(first.await, [counted(3, 0, 0, 0), counted(3, 0, 0, 0)]);
    let again = merge(Brings {
        items: &[(1, "a", 10), (3, "c", 40)],
        tags: &[(1, 8, "new"), (1, 9, "z"), (3, 7, "x")],
        complete: &[1, 3],
        ..Brings::default()
    });
    assert_eq!(again.await[1], counted(2, 1, 0, 1));
    assert_eq!(stored(bench), ["1 8 new true", "1 9 z true", "2 7 x true", "3 7 x true"]);
    let none_left = merge(Brings { items: &[(1, "a", 50)], complete: &[1], ..Brings::default() });
    assert_eq!(none_left.await[1], counted(0, 0, 0, 2));
    let same = merge(Brings { tags: &[(2, 7, "x")], complete: &[2], ..Brings::default() });
    assert_eq!(same.await[1], counted(0, 0, 1, 0));
    assert_eq!(stored(bench), ["2 7 x true", "3 7 x true"]);
    // What is read of a parent whose list could not be read is left as it is.
    let unread = merge(Brings { items: &[(2, "b", 60)], ..Brings::default() });
    assert_eq!(unread.await[1], counted(0, 0, 0, 0));
    assert_eq!(stored(bench), ["2 7 x true", "3 7 x true"]);
}

/// When a parent goes, its rows go as it does; when it comes back, those that it has then come with it.
pub(crate) async fn child_rows_go_with_their_parent(bench: &dyn Bench) {
    let destination = bench.destination();
    for (deletes, left) in [
        (Deletes::Soft, ["1 7 x false", "1 8 y false", "2 7 x true"].as_slice()),
        (Deletes::Hard, &["2 7 x true"]),
        (Deletes::Ignore, &["1 7 x true", "1 8 y true", "2 7 x true"]),
    ] {
        let merge = async |brings: Brings<'_>| {
            bring(&*destination, Strategy::Merge, deletes, brings, ("r1", true)).await.expect("goes through")
        };
        let all = [(1, 7, "x"), (1, 8, "y"), (2, 7, "x")];
        let items = [(1, "a", 10), (2, "b", 20)];
        merge(Brings { items: &items, tags: &all, complete: &[1, 2], ..Brings::default() }).await;
        let counts = merge(Brings { gone: &[1, 4], ..Brings::default() }).await;
        if deletes == Deletes::Ignore {
            assert_eq!(bench.rows("item_tags", &["tag_id"]).expect("table exists").len(), 3);
            assert_eq!(counts[1], counted(0, 0, 0, 0));
            continue;
        }
        assert_eq!(counts[0].deleted, 1, "{deletes:?}");
        assert_eq!(counts[1], counted(0, 0, 0, 2), "{deletes:?}");
        let columns: &[&str] = &["item_id", "tag_id", "name"];
        if deletes == Deletes::Soft {
            assert_eq!(stored(bench), left);
        } else {
            assert_eq!(bench.rows("item_tags", columns).expect("table exists").len(), left.len());
        }
        let back = Brings { items: &items[..1], tags: &all[1..2], complete: &[1], ..Brings::default() };
        merge(back).await;
        let rows = bench.rows("item_tags", columns).expect("table exists");
        assert_eq!(rows, [["1", "8", "y"], ["2", "7", "x"]], "{deletes:?}");
        if deletes == Deletes::Soft {
            assert_eq!(stored(bench), ["1 8 y true", "2 7 x true"]);
        }
    }
}

/// Rows of a child and of its parent are written in one transaction, or not at all.
pub(crate) async fn children_are_committed_with_their_parent(bench: &dyn Bench) {
    let broken = bench.break_between(&*bench.destination());
    let brings = Brings { items: &[(1, "a", 10)], tags: &[(1, 7, "x")], complete: &[1], ..Brings::default() };
    bring(&*broken, Strategy::Merge, Deletes::Soft, brings, ("r1", true)).await.expect_err("is broken");
    let nothing = |table: &str| bench.rows(table, &["name"]).is_none_or(|rows| rows.is_empty());
    assert!(nothing("items") && nothing("item_tags"));
    let brings = Brings { items: &[(1, "a", 10)], tags: &[(1, 7, "x")], complete: &[1], ..Brings::default() };
    bring(&*bench.destination(), Strategy::Merge, Deletes::Soft, brings, ("r1", true))
        .await
        .expect("goes through");
    assert_eq!(stored(bench), ["1 7 x true"]);
    let remembered = bench.destination().remembered().await.expect("can be read");
    let tables: Vec<_> =
        remembered.iter().map(|one| (one.table.as_str(), one.source_table.as_str())).collect();
    assert_eq!(tables, [("item_tags", "item_tags"), ("items", "items")]);
    assert!(remembered.iter().all(|one| one.state == remembered[0].state), "a child is as far as its parent");
    for target in [parents(Strategy::Merge, Deletes::Soft), tags(Strategy::Merge, Deletes::Soft)] {
        let found = bench.destination().inspect(&target).await.expect("can be inspected");
        assert!(found.state.is_some(), "{} is taken for another one: {:?}", target.table, found.notes);
    }
}

/// A replacement of the parent replaces its children: with the last commit, and not before.
pub(crate) async fn children_are_replaced_with_their_parent(bench: &dyn Bench) {
    let destination = bench.destination();
    let old = Brings {
        items: &[(1, "a", 10), (2, "b", 20)],
        tags: &[(1, 7, "x"), (2, 7, "x")],
        complete: &[1, 2],
        ..Brings::default()
    };
    bring(&*destination, Strategy::Merge, Deletes::Soft, old, ("r1", true)).await.expect("goes through");
    let first = Brings {
        items: &[(1, "a", 10), (3, "c", 30)],
        tags: &[(1, 8, "y"), (3, 7, "x"), (3, 8, "y")],
        complete: &[1, 3],
        ..Brings::default()
    };
    bring(&*destination, Strategy::Replace, Deletes::Soft, first, ("fresh", false))
        .await
        .expect("goes through");
    assert_eq!(stored(bench), ["1 7 x true", "2 7 x true"]);
    // Of an item that comes once more the tags are those that came last.
    let last = Brings { items: &[(3, "c", 40)], tags: &[(3, 9, "z")], complete: &[3], gone: &[1] };
    bring(&*destination, Strategy::Replace, Deletes::Soft, last, ("fresh", true))
        .await
        .expect("goes through");
    assert_eq!(stored(bench), ["1 8 y false", "3 9 z true"]);
    let hidden: Vec<_> = bench.tables().into_iter().filter(|name| name.starts_with("_ingestr_new")).collect();
    assert!(hidden.is_empty(), "{hidden:?}");
}

/// With a run's last commit go old values that did not fit, of child tables as of their parents'.
pub(crate) async fn rejects_of_child_tables_are_kept_for_a_while(bench: &dyn Bench) {
    let (table, children) = (parents(Strategy::Merge, Deletes::Soft), [tags(Strategy::Merge, Deletes::Soft)]);
    for (id, at, release) in [("r1", 100, false), ("r2", 300, false), ("r3", 400, true)] {
        let mut commit = commit(id, "p", true);
        (commit.run.started_at, commit.run.ended_at) = (Micros(at), Micros(at + 5));
        let value = "1".to_owned();
        let reject = Reject { id: None, column: None, value, reason: "not text" };
        commit.rejects = vec![vec![reject.clone()], vec![reject]];
        (commit.release, commit.keep) = (release, Keep { runs: None, rejects: Some(Micros(200)) });
        let destination = bench.destination();
        let mut load = destination.begin(Targets { table: &table, children: &children });
        load.stage(0, batch(&[(1, "a", 10)])).await.expect("can be staged");
        load.commit(commit).await.expect("goes through");
    }
    let left = bench.rows("_ingestr_rejects", &["run_id", "dest_table"]).expect("there is one");
    let of = |run: &str| ["item_tags", "items"].map(|table| [run.to_owned(), table.to_owned()].to_vec());
    assert_eq!(left, [of("r2"), of("r3")].concat());
}
