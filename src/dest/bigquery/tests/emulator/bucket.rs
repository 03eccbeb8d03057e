//! Loading by way of a staging bucket.

use super::*;
use crate::dest::conformance::{batch, commit, items, load};
use wire::tests::emulator::{leave_in_bucket, told};

#[tokio::test]
#[ignore = "needs a BigQuery emulator"]
async fn what_a_killed_run_left_in_the_bucket_goes_with_the_next_commit_of_its_table() {
    let project = Project::new();
    let bucket = format!("{}/{}", told("STAGING_BUCKET_EMULATOR"), project.unique);
    let bigquery = project.bigquery();
    let jobs = |table: &str| job_prefix(&bigquery.table_in(&project.dataset("shop"), table));
    leave_in_bucket(&bigquery.api, &bucket, &format!("{}dead_load_rows0", jobs("items"))).await;
    leave_in_bucket(&bigquery.api, &bucket, &format!("{}dead_load_rows0", jobs("others"))).await;
    let mut target = items(Strategy::Merge);
    target.hints.staging_bucket = Some(bucket.clone());
    project.destination().inspect(&target).await.expect("the bucket can be written");
    let done =
        load(&*project.destination(), &target, vec![batch(&[(1, "a", 10)])], commit("r", "p", true)).await;
    assert_eq!(done.expect("goes through").inserted, 1);
    assert_eq!(bigquery.api.sweep_bucket(&bucket, &jobs("items")).await.expect("can be listed"), 0);
    assert_eq!(bigquery.api.sweep_bucket(&bucket, &jobs("others")).await.expect("can be listed"), 1);
}
