//! Tables in another project than the one whose jobs load them.

use super::*;
use crate::dest::conformance::{batch, commit, items, load};

#[tokio::test]
#[ignore = "needs a BigQuery emulator"]
async fn a_table_of_another_project_is_loaded_listed_and_forgotten() {
    let project = Project::new();
    let home = project.bigquery().api.project().to_owned();
    let uri = project.uri.replacen(&home, "ingestr-elsewhere", 1);
    let other = BigQuery::from_uri(&uri).expect("a URI");
    let mut target = items(Strategy::Merge);
    target.schema = format!("{home}.{}", project.dataset("shop"));
    for (run, name) in [("r1", "a"), ("r2", "b")] {
        let done = load(&other, &target, vec![batch(&[(1, name, 10)])], commit(run, "p", true)).await;
        done.unwrap_or_else(|error| panic!("{run}: {error}"));
    }
    let name = project.query(&format!("SELECT name FROM {}", project.quoted("items")));
    assert_eq!(name, [[Some("b".to_owned())]]);
    assert_eq!(project.tables(), ["_ingestr_runs", "_ingestr_state", "items"]);

    let listed = async || {
        let all = other.remembered_in(&target.schema).await.expect("can be read");
        all.into_iter().map(|one| (one.schema, one.table)).collect::<Vec<_>>()
    };
    assert_eq!(listed().await, [(target.schema.clone(), "items".to_owned())]);
    assert_eq!(other.forget(&target.schema, "items").await.expect("can be written"), 1);
    assert_eq!(listed().await, []);
    assert_eq!(project.tables(), ["_ingestr_runs", "_ingestr_state", "items"]);
}
