//! Descriptions, which are in the resource of a table.

use super::*;
use crate::dest::conformance::items;

#[tokio::test]
#[ignore = "needs a BigQuery emulator"]
async fn what_a_table_and_its_columns_mean_is_in_its_resource() {
    let project = Project::new();
    project.sql("CREATE TABLE {} (id INT64 NOT NULL, name STRING) CLUSTER BY id");
    let target = Target { schema: project.dataset("shop"), ..items(Strategy::Merge) };
    let of = |column: Option<&str>, text: &str| Description {
        column: column.map(ToOwned::to_owned),
        text: text.to_owned(),
    };
    let bigquery = project.bigquery();
    let name = bigquery.table_of(&target);
    let tables = [(target, vec![of(None, "Items."), of(Some("id"), "Identifies it.")])];
    let done = bigquery.write_descriptions(&tables, &Described::default()).await;
    assert!(done.expect("can be written"));
    let api = bigquery.existing(&name).await.expect("can be asked").expect("is there");
    let body = api.description(&table_ref(&name)).await.expect("can be read").expect("is there");
    let fields = &body["schema"]["fields"];
    assert_eq!(
        (&body["description"], &fields[0]["description"]),
        (&"Items.".into(), &"Identifies it.".into())
    );
    assert_eq!((&fields[0]["mode"], &fields[1]["name"]), (&"REQUIRED".into(), &"name".into()));
}
