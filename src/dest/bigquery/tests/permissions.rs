//! What the credentials lack, found before anything is read: over the scripted BigQuery.

use super::statements::hostile;
use super::*;
use wire::tests::fake::Fake;

struct World {
    fake: Arc<Fake>,
    target: Target,
}

impl World {
    fn new(strategy: Strategy) -> Self {
        let target = Target { table: "items".into(), ..hostile(strategy) };
        Self { fake: Arc::new(Fake::default()), target }
    }

    /// The error with its hint and cause; empty if there is none.
    async fn check(&self, there: bool, change: Change) -> String {
        let uri = BigQueryUri::parse("bigquery://testproj").expect("a URI");
        let api = self.fake.api();
        let dest = BigQuery {
            api: api.clone(),
            uri: Arc::new(uri),
            known: Arc::default(),
            turns: Arc::default(),
            fault: None,
        };
        let name = dest.table_of(&self.target);
        let done = dest.check_permissions(there.then_some(&api), &self.target, &name, change).await;
        let Err(error) = done else { return String::new() };
        let cause = error.source.expect("a cause");
        format!("{} | {cause} | {}", error.message, error.hint.unwrap_or_default())
    }
}

#[tokio::test(start_paused = true)]
async fn a_permission_that_is_missing_on_the_table_is_named() {
    for (strategy, change, permission) in [
        (Strategy::Merge, Change::Fill, "bigquery.tables.updateData"),
        (Strategy::Merge, Change::Fill, "bigquery.tables.getData"),
        (Strategy::Append, Change::Alter, "bigquery.tables.update"),
    ] {
        let world = World::new(strategy);
        assert_eq!(world.check(true, change).await, "");
        world.fake.denies(permission);
        let found = world.check(true, change).await;
        let expected = format!(
            "table shop.items cannot be written | write to table testproj.shop.items: these credentials do not have {permission} \
             | the permission {permission} is missing; grant roles/bigquery.dataEditor on the dataset"
        );
        assert_eq!(found, expected);
    }
    // What a run does not need is not asked for.
    let world = World::new(Strategy::Append);
    world.fake.denies("bigquery.tables.getData");
    world.fake.denies("bigquery.tables.update");
    assert_eq!(world.check(true, Change::Fill).await, "");
}

#[tokio::test(start_paused = true)]
async fn staging_tables_and_datasets_are_tried_without_being_made() {
    let mut world = World::new(Strategy::Merge);
    assert_eq!(world.check(true, Change::Make).await, "");
    let tried = world.fake.tried();
    assert!(
        tried[0].starts_with("CREATE TABLE IF NOT EXISTS `testproj`.`shop`.`_ingestr_staging__"),
        "{tried:?}"
    );
    assert_eq!(tried.len(), 1);
    assert_eq!(world.check(false, Change::Make).await, "");
    assert_eq!(world.fake.tried()[0], "CREATE SCHEMA IF NOT EXISTS `testproj`.`shop`");
    world.target.hints.staging_dataset = Some("attic".into());
    assert_eq!(world.check(true, Change::Make).await, "");
    assert!(world.fake.tried()[0].contains("`attic`"));
    assert!(world.fake.ran().is_empty());

    let message = "Access Denied: Project testproj: User does not have bigquery.jobs.create permission in project testproj.";
    world.fake.refuses("/jobs", 403, "accessDenied", message);
    assert_eq!(
        world.check(true, Change::Make).await,
        format!(
            "table shop.items cannot be written | see whether staging tables can be made: {} (HTTP 403 accessDenied) | the permission \
             bigquery.jobs.create is missing; grant roles/bigquery.jobUser on the project",
            message.trim_end_matches('.')
        )
    );
}

#[tokio::test(start_paused = true)]
async fn a_bucket_is_looked_at() {
    let mut world = World::new(Strategy::Merge);
    world.target.hints.staging_bucket = Some("gs://loads/x".into());
    assert_eq!(world.check(true, Change::Make).await, "");
    world.fake.denies("storage.objects.delete");
    let found = world.check(true, Change::Make).await;
    assert!(
        found.ends_with(
            "storage.objects.delete is missing; grant roles/storage.objectUser on the staging bucket"
        ),
        "{found}"
    );
    world.fake.refuses("/iam/testPermissions", 404, "notFound", "The specified bucket does not exist.");
    let found = world.check(true, Change::Make).await;
    assert!(
        found.ends_with("check the name in --staging-bucket, or make the bucket: it is not made here"),
        "{found}"
    );
    world.target.hints.staging_bucket = Some("loads".into());
    let found = world.check(true, Change::Make).await;
    assert!(found.contains("it does not name a bucket of Cloud Storage"), "{found}");
}

#[tokio::test(start_paused = true)]
async fn no_answer_is_no_refusal() {
    let world = World::new(Strategy::Merge);
    world.fake.refuses(":testIamPermissions", 403, "accessDenied", "denied");
    world.fake.refuses("/jobs", 400, "invalidQuery", "dry runs of this are not supported");
    assert_eq!(world.check(true, Change::Alter).await, "");
    // A server that denies what was just done does not know.
    for permission in ["bigquery.tables.get", "bigquery.tables.getData", "bigquery.tables.updateData"] {
        world.fake.denies(permission);
    }
    assert_eq!(world.check(true, Change::Fill).await, "");
}
