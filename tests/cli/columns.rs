//! Columns that no row can have: refused by the flag that names them, before anything is asked or written.

use insta::assert_snapshot;

use super::desk::Desk;

/// What is said to someone who typed this for that table.
fn said(table: &str, more: &[&str]) -> String {
    let desk = Desk::new();
    let shown = desk.ingest(table, more).finish().shown();
    assert_eq!(desk.account().served(), 0, "a request was sent");
    assert!(desk.files().is_empty(), "{:?}", desk.files());
    shown
}

#[test]
fn a_key_of_a_column_that_does_not_exist() {
    assert_snapshot!(said("tickets", &["--primary-key", "ticket_id"]), @r"
    error: --primary-key: tickets has no column `ticket_id`
      hint: did you mean `id`, `external_id` or `customer_id`? `ingestr tables` lists the columns; a field that is not documented has to be declared with --columns
    exit code 2
    ");
    assert_snapshot!(said("tickets", &["--primary-key", "id,statsu"]), @r"
    error: --primary-key: tickets has no column `statsu`
      hint: did you mean `status`? `ingestr tables` lists the columns; a field that is not documented has to be declared with --columns
    exit code 2
    ");
    assert_snapshot!(said("tickets", &["--columns", "sku:text:product", "--primary-key", "product_code"]), @r"
    error: --primary-key: tickets has no column `product_code`
      hint: `ingestr tables` lists the columns; a field that is not documented has to be declared with --columns
    exit code 2
    ");
    assert_snapshot!(said("tickets,customers", &["--primary-key", "sku"]), @r"
    error: --primary-key: tickets has no column `sku`
      hint: `ingestr tables` lists the columns; a field that is not documented has to be declared with --columns
    exit code 2
    ");
}

#[test]
fn an_incremental_key_that_does_not_exist() {
    assert_snapshot!(said("ticket_messages", &["--incremental-key", "updated_at"]), @r"
    error: --incremental-key: ticket_messages has no column `updated_at`
      hint: did you mean `updated_datetime`? `ingestr tables` lists the columns; a field that is not documented has to be declared with --columns
    exit code 2
    ");
    assert_snapshot!(said("tickets,ticket_messages", &["--incremental-key", "sent_datetime"]), @r"
    error: --incremental-key: tickets has no column `sent_datetime`, which ticket_messages has
      hint: copy ticket_messages with a command of its own
    exit code 2
    ");
}

#[test]
fn partitions_and_clusters_by_columns_that_do_not_exist() {
    assert_snapshot!(said("tickets", &["--partition-by", "created_at"]), @r"
    error: --partition-by: tickets has no column `created_at`
      hint: did you mean `created_datetime`? `ingestr tables` lists the columns; a field that is not documented has to be declared with --columns
    exit code 2
    ");
    assert_snapshot!(said("tickets", &["--cluster-by", "status,chanel"]), @r"
    error: --cluster-by: tickets has no column `chanel`
      hint: did you mean `channel`? `ingestr tables` lists the columns; a field that is not documented has to be declared with --columns
    exit code 2
    ");
}

#[test]
fn what_is_declared_or_means_nothing_here_is_not_refused() {
    let desk = Desk::new();
    let declared = ["--columns", "ticket:bigint:id", "--primary-key", "ticket"];
    desk.ingest("tickets", &declared).finish().well();
    let keys =
        "SELECT [count(DISTINCT ticket)::TEXT, count(*)::TEXT, typeof(any_value(ticket))] FROM tickets";
    assert_eq!(desk.ask("shop.duckdb", keys), "[60, 60, BIGINT]");
    // An environment is often shared by commands for other sources.
    let shared =
        desk.ingest("customers", &[]).env("INCREMENTAL_KEY", "updated_at").env("PARTITION_BY", "day");
    shared.finish().well();
    assert_eq!(desk.ask("shop.duckdb", "SELECT count(*) FROM customers"), "30");
}
