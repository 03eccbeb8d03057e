//! Rows that are there already, in several groups of rows (DuckDB's unit of storage).

use super::*;

const GROUP: i64 = 5_000;

fn rows_of(from: i64) -> arrow_array::RecordBatch {
    let names: Vec<String> = (from..from + GROUP).map(|i| format!("row {i}")).collect();
    batch(&(from..).zip(&names).map(|(i, name)| (i, name.as_str(), i)).collect::<Vec<_>>())
}

async fn merge(file: &File, rows: arrow_array::RecordBatch, run: &str) -> Counts {
    let done = load(&file.duck(), &items(Strategy::Merge), vec![rows], commit(run, "p", true)).await;
    done.expect("goes through")
}

fn groups(file: &File) -> i64 {
    let connection = Connection::open(file.path()).expect("opens");
    let sql = "SELECT count(DISTINCT row_group_id) FROM pragma_storage_info('shop.shop.items')";
    connection.query_row(sql, [], |row| row.get(0)).expect("runs")
}

#[tokio::test]
async fn rows_in_groups_far_apart_are_met_each_for_itself() {
    let file = File::new();
    for group in 0..4 {
        let done = merge(&file, rows_of(group * GROUP), &format!("r{group}")).await;
        assert_eq!(done, Counts { inserted: 5_000, ..Counts::default() });
    }
    assert_eq!(groups(&file), 4);
    let brought = [
        (3, "row 3", 3),
        (4_999, "row 4999", 77),
        (6_000, "another", 6_000),
        (17_000, "row 17000", 17_000),
        (19_999, "last", 19_999),
        (20_000, "new", 1),
    ];
    let done = merge(&file, batch(&brought), "r4").await;
    assert_eq!(done, Counts { inserted: 1, updated: 3, unchanged: 2, ..Counts::default() });
    let sum = "CASE WHEN name = 'row ' || id AND epoch_us(changed_at) = id THEN 'as it was' ELSE name END";
    let rows = file.rows("items", &[sum]).expect("is there");
    let changed: Vec<_> =
        rows.iter().map(|row| row[0].as_str()).filter(|name| *name != "as it was").collect();
    assert_eq!((rows.len(), changed), (20_001, vec!["another", "last", "new", "row 4999"]));
    // All of them as they were at first: the three are changed back.
    let rows = (0..4).map(|group| rows_of(group * GROUP)).collect();
    let again = load(&file.duck(), &items(Strategy::Merge), rows, commit("r5", "p", true)).await;
    let counts = again.expect("goes through");
    assert_eq!((counts.inserted, counts.updated, counts.unchanged), (0, 3, 19_997));
}
