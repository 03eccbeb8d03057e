//! Tables that somebody else has made, with columns that the database fills by itself: whatever a strategy does, it writes
//! all the others.

use super::{Bench, batch, commit, counts, items, load, loaded, named};
use crate::dest::{DestErrorKind, Target};
use crate::model::{Micros, Strategy};

/// Generated columns follow what they are made of, and stay.
pub(crate) async fn generated_columns_follow_the_others(bench: &dyn Bench) {
    if !bench.generates() {
        return;
    }
    loaded(bench, &items(Strategy::Merge), &[(1, "a", 10)], commit("r0", "p", true)).await;
    for strategy in Strategy::ALL {
        let target = Target { table: format!("loud {strategy}"), fresh: true, ..items(strategy) };
        let made = "CREATE TABLE {} (id BIGINT, name VARCHAR, loud VARCHAR GENERATED ALWAYS AS (upper(name)), mine VARCHAR)";
        bench.execute(made, &target.table);
        bench.execute("INSERT INTO {} (id, name) VALUES (1, 'a'), (2, 'b'), (2, 'b')", &target.table);
        let found = bench.destination().inspect(&target).await.expect("can be taken over");
        assert!(found.columns.expect("is there").iter().all(|column| column.name != "loud"));
        assert_eq!(found.theirs, ["loud"]);
        for (run, name) in [("r1", "x"), ("r2", "y")] {
            let rows = vec![batch(&[(1, name, 10), (2, name, 20), (3, name, 30)])];
            let done = load(&*bench.destination(), &target, rows, commit(run, "p", true)).await;
            done.unwrap_or_else(|error| panic!("{strategy}: {error}"));
        }
        let rows = bench.rows(&target.table, &["name", "loud"]).expect("table exists");
        assert!(
            rows.len() >= 3 && rows.iter().all(|row| row[1] == row[0].to_uppercase()),
            "{strategy} {rows:?}"
        );
    }
}

/// Keys and times that others keep as text are met as what they mean: rows of a window are replaced, not added once more.
pub(crate) async fn a_window_meets_what_others_keep_as_text(bench: &dyn Bench) {
    let others = Target { table: "others".into(), ..items(Strategy::Merge) };
    loaded(bench, &others, &[(1, "a", 10)], commit("r0", "p", true)).await;
    bench.execute("CREATE TABLE {} (id VARCHAR, name VARCHAR, changed_at VARCHAR)", "items");
    let mut target = items(Strategy::DeleteInsert);
    let rows = [(1, "a", 10), (2, "b", 20), (3, "c", 40)];
    assert_eq!(loaded(bench, &target, &rows, commit("r1", "p", true)).await, counts(3, 0, 0, 0));
    target.window = (Some(Micros(15)), Some(Micros(30)));
    let rows = [(4, "d", 25), (1, "moved", 26)];
    assert_eq!(loaded(bench, &target, &rows, commit("r2", "p", true)).await, counts(2, 0, 0, 2));
    assert_eq!(named(bench), ["1 moved", "3 c", "4 d"]);
}

/// One that has the name of a column of ours cannot be written.
pub(crate) async fn a_generated_column_of_ours_is_refused(bench: &dyn Bench) {
    if !bench.generates() {
        return;
    }
    loaded(bench, &items(Strategy::Merge), &[(1, "a", 10)], commit("r0", "p", true)).await;
    for strategy in Strategy::ALL {
        let target = Target { table: format!("own {strategy}"), ..items(strategy) };
        bench.execute(
            "CREATE TABLE {} (id BIGINT, n VARCHAR, \"Name\" VARCHAR GENERATED ALWAYS AS (upper(n)))",
            &target.table,
        );
        let error = bench.destination().inspect(&target).await.expect_err("cannot be written");
        assert_eq!(error.kind, DestErrorKind::Shape);
        let message = error.to_string();
        assert!(
            message.starts_with(&format!("column Name of table shop.{} is generated ", target.table)),
            "{message}"
        );
    }
}

/// Columns of one table are made wider, and others made from them stay.
pub(crate) async fn what_is_generated_from_a_wider_column_is_known_before(bench: &dyn Bench) {
    if !bench.generates() {
        return;
    }
    let target = items(Strategy::Merge);
    loaded(
        bench,
        &Target { table: "others".into(), ..target.clone() },
        &[(1, "a", 10)],
        commit("r0", "p", true),
    )
    .await;
    bench.execute(
        "CREATE TABLE {} (id BIGINT, name BIGINT, loud VARCHAR GENERATED ALWAYS AS (abs(name)))",
        "items",
    );
    // It works, or it is refused before the run.
    let Err(error) = bench.destination().inspect(&target).await else {
        let done = loaded(bench, &target, &[(1, "a", 10)], commit("r1", "p", true)).await;
        return assert_eq!(done, counts(1, 0, 0, 0));
    };
    assert_eq!(error.kind, DestErrorKind::Shape);
    assert!(error.to_string().contains("cannot be changed"), "{error}");
    assert!(bench.rows("items", &["name"]).expect("as before").is_empty());
}
