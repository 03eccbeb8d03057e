//! Whole scripts, as they are sent: hostile names, every strategy, tables of others.

use super::*;
use crate::dest::conformance::{commit, items};
use crate::dest::sql::columns::IS_CURRENT;
use crate::dest::sql::commit::Tables;
use crate::dest::sql::dialect::{FoundColumn, Shape};
use crate::dest::sql::ledger::{LEASES, RUNS, STATE, declared};
use crate::dest::sql::publish;
use crate::dest::sql::shadow::shadow;
use crate::dest::sql::shape::Needs;
use crate::dest::sql::staged::{Staged, StagedRows, StagingTable};
use crate::model::{Column, DELETED_AT, Deletes, LogicalType, MERGED_INTO};
use alter::alter;
use leases::swap_lease;
use load::{BigQueryLoad, LoadPlace};
use script::text;
use wire::{Field, Mode, Partitioning, TableInfo};

pub(super) fn place(target: &Target) -> LoadPlace {
    let uri = "bigquery://shop-1?base_url=http%3A%2F%2F127.0.0.1%3A9";
    let mut place = BigQueryLoad::new(BigQuery::from_uri(uri).expect("a URI"), target.into()).place;
    place.nonce = "0123".into();
    place
}

/// A target with columns named like what statements use.
pub(super) fn hostile(strategy: Strategy) -> Target {
    let mut target = items(strategy);
    target.table = "größe - 2".into();
    target.key = vec!["order".into()];
    target.incremental_key = Some("a`b".into());
    target.columns = vec![
        Column::new("order", LogicalType::Int64),
        Column::new("source", LogicalType::Json),
        Column::new("a`b", LogicalType::Timestamp),
        Column::new("t", LogicalType::Text),
    ];
    target
}

fn staged(place: &LoadPlace, columns: &[Column]) -> Staged {
    let part = |columns: &[Column], n: usize| StagingTable {
        table: staging(place, &n.to_string()),
        columns: columns.to_vec(),
    };
    let rows = StagedRows {
        columns: columns.to_vec(),
        parts: vec![part(&columns[..columns.len() - 1], 0), part(columns, 1)],
        null_keys: vec![false],
        ranges: vec![(1, 7), (90, 99)],
        once: false,
    };
    Staged { rows, ..Staged::default() }
}

fn staging(place: &LoadPlace, what: &str) -> String {
    place.table.beside(&format!("_ingestr_staging_{what}")).sql(&BigQueryDialect)
}

/// The tables of the ledger, and these.
fn seen(table: Option<Shape>, hidden: Option<Shape>) -> (Seen, Tables) {
    let ledger = [STATE, RUNS, LEASES];
    let columns =
        |table: &'static str| (table, declared(table).into_iter().map(|column| column.name).collect());
    let seen = Seen { tables: ledger.map(Into::into).to_vec(), ledger: ledger.map(columns).to_vec() };
    (seen, Tables { table, hidden })
}

/// The whole script of a commit of one target.
fn whole(place: &LoadPlace, (seen, found): (Seen, Tables), staged: &Staged, commit: &Commit) -> String {
    let plan = place.plan(&place.table, &place.target, commit);
    text(&place.script(vec![(plan, found, staged)], &seen).expect("fits"))
}

/// The script without the ledgers, which are the same for all.
fn script(place: &LoadPlace, seen: (Seen, Tables), staged: &Staged, last: bool) -> String {
    let text = whole(place, seen, staged, &commit("r1", "p", last));
    let ours = |line: &&str| !line.contains(&format!("`{STATE}` (")) && !line.contains(RUNS);
    let lines: Vec<&str> = text.lines().filter(ours).collect();
    lines.join("\n").replace("`shop-1`.`shop`.", "")
}

fn shape(place: &LoadPlace, columns: &[Column]) -> Shape {
    Shape::planned(&BigQueryDialect, place.table.clone(), columns)
}

fn brought() -> Vec<Column> {
    let mut columns = hostile(Strategy::Merge).columns;
    columns[2].name = column_name("a`b").into_owned();
    columns
}

#[test]
fn a_first_merge_makes_the_table() {
    let mut target = hostile(Strategy::Merge);
    target.hints.partition_by = Some("a`b".into());
    let place = place(&target);
    let seen = seen(None, None);
    insta::assert_snapshot!(script(&place, seen, &staged(&place, &brought()), true), @r"
    DECLARE _ingestr_read, _ingestr_inserted, _ingestr_updated, _ingestr_survivors, _ingestr_deleted, _ingestr_rejected, _ingestr_made, _ingestr_refused, _ingestr_rows, _ingestr_twice INT64 DEFAULT 0;
    CREATE TABLE IF NOT EXISTS `größe - 2` (`order` INT64, `source` JSON, `a_b_11435db2` TIMESTAMP, `t` STRING, `_ingestr_loaded_at` TIMESTAMP) PARTITION BY TIMESTAMP_TRUNC(`a_b_11435db2`, DAY) CLUSTER BY `order`;
    SET _ingestr_made = (SELECT UNIX_MILLIS(creation_time) FROM INFORMATION_SCHEMA.TABLES WHERE table_name = 'größe - 2');
    SET _ingestr_refused = (SELECT COUNT(*) FROM (SELECT CAST(c0 AS STRING) AS row_id, 'source' AS column_name, c1 AS value, IF(SAFE.PARSE_JSON(c1, wide_number_mode => 'round') IS NULL, 'BigQuery does not take this JSON; the column is NULL', 'a number has more digits than BigQuery\'s JSON holds; it was rounded') AS reason FROM `_ingestr_staging_0` WHERE c1 IS NOT NULL AND SAFE.PARSE_JSON(c1, wide_number_mode => 'exact') IS NULL UNION ALL SELECT CAST(c0 AS STRING) AS row_id, 'source' AS column_name, c1 AS value, IF(SAFE.PARSE_JSON(c1, wide_number_mode => 'round') IS NULL, 'BigQuery does not take this JSON; the column is NULL', 'a number has more digits than BigQuery\'s JSON holds; it was rounded') AS reason FROM `_ingestr_staging_1` WHERE c1 IS NOT NULL AND SAFE.PARSE_JSON(c1, wide_number_mode => 'exact') IS NULL) AS _ingestr_refusals);
    SET _ingestr_rejected = _ingestr_rejected + _ingestr_refused;
    IF _ingestr_refused > 0 THEN CREATE TABLE IF NOT EXISTS `_ingestr_rejects` (`run_id` STRING, `account` STRING, `source_table` STRING, `dest_table` STRING, `row_id` STRING, `column_name` STRING, `value` STRING, `reason` STRING, `rejected_at` TIMESTAMP); END IF;
    BEGIN TRANSACTION;
    DELETE FROM `_ingestr_state` WHERE dest_schema = 'shop' AND dest_table = 'größe - 2' AND rows_in = '' AND NOT (account = 'acme' AND source_table = 'items');
    IF _ingestr_refused > 0 THEN INSERT INTO `_ingestr_rejects` (`run_id`, `account`, `source_table`, `dest_table`, `row_id`, `column_name`, `value`, `reason`, `rejected_at`) SELECT 'r1', 'acme', 'items', 'größe - 2', _ingestr_s.row_id, _ingestr_s.column_name, _ingestr_s.value, _ingestr_s.reason, TIMESTAMP '2023-11-14 22:13:21.000000+00' FROM (SELECT CAST(c0 AS STRING) AS row_id, 'source' AS column_name, c1 AS value, IF(SAFE.PARSE_JSON(c1, wide_number_mode => 'round') IS NULL, 'BigQuery does not take this JSON; the column is NULL', 'a number has more digits than BigQuery\'s JSON holds; it was rounded') AS reason FROM `_ingestr_staging_0` WHERE c1 IS NOT NULL AND SAFE.PARSE_JSON(c1, wide_number_mode => 'exact') IS NULL UNION ALL SELECT CAST(c0 AS STRING) AS row_id, 'source' AS column_name, c1 AS value, IF(SAFE.PARSE_JSON(c1, wide_number_mode => 'round') IS NULL, 'BigQuery does not take this JSON; the column is NULL', 'a number has more digits than BigQuery\'s JSON holds; it was rounded') AS reason FROM `_ingestr_staging_1` WHERE c1 IS NOT NULL AND SAFE.PARSE_JSON(c1, wide_number_mode => 'exact') IS NULL) AS _ingestr_s; END IF;
    SET _ingestr_rows = (SELECT COUNT(*) FROM (SELECT c0, c1, c2, c3, ord FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY c0 ORDER BY c2 DESC NULLS LAST, ord DESC) AS _ingestr_nth FROM (SELECT c0 AS c0, COALESCE(SAFE.PARSE_JSON(c1, wide_number_mode => 'exact'), SAFE.PARSE_JSON(c1, wide_number_mode => 'round')) AS c1, c2 AS c2, CAST(NULL AS STRING) AS c3, ord FROM `_ingestr_staging_0` UNION ALL SELECT c0 AS c0, COALESCE(SAFE.PARSE_JSON(c1, wide_number_mode => 'exact'), SAFE.PARSE_JSON(c1, wide_number_mode => 'round')) AS c1, c2 AS c2, c3 AS c3, ord FROM `_ingestr_staging_1`) AS _ingestr_all) AS _ingestr_some WHERE _ingestr_nth = 1) AS _ingestr_read);
    SET _ingestr_read = _ingestr_read + _ingestr_rows;
    SET _ingestr_twice = (SELECT COUNT(*) FROM (SELECT _ingestr_s.ord FROM `größe - 2` AS _ingestr_t JOIN (SELECT c0, c1, c2, c3, ord FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY c0 ORDER BY c2 DESC NULLS LAST, ord DESC) AS _ingestr_nth FROM (SELECT c0 AS c0, COALESCE(SAFE.PARSE_JSON(c1, wide_number_mode => 'exact'), SAFE.PARSE_JSON(c1, wide_number_mode => 'round')) AS c1, c2 AS c2, CAST(NULL AS STRING) AS c3, ord FROM `_ingestr_staging_0` UNION ALL SELECT c0 AS c0, COALESCE(SAFE.PARSE_JSON(c1, wide_number_mode => 'exact'), SAFE.PARSE_JSON(c1, wide_number_mode => 'round')) AS c1, c2 AS c2, c3 AS c3, ord FROM `_ingestr_staging_1`) AS _ingestr_all) AS _ingestr_some WHERE _ingestr_nth = 1) AS _ingestr_s ON _ingestr_t.`order` = _ingestr_s.c0 AND (_ingestr_t.`order` BETWEEN 1 AND 7 OR _ingestr_t.`order` BETWEEN 90 AND 99) GROUP BY _ingestr_s.ord HAVING COUNT(*) > 1) AS _ingestr_twice);
    IF _ingestr_twice > 0 THEN CREATE TEMP TABLE _ingestr_scratch_single AS SELECT `order`, `source`, `a_b_11435db2`, `t`, `_ingestr_loaded_at` FROM (SELECT _ingestr_t.*, COUNT(*) OVER (PARTITION BY _ingestr_s.ord) AS _ingestr_alike, ROW_NUMBER() OVER (PARTITION BY _ingestr_s.ord ORDER BY _ingestr_t.`a_b_11435db2` DESC NULLS LAST, _ingestr_t.`_ingestr_loaded_at` DESC NULLS LAST) AS _ingestr_nth FROM `größe - 2` AS _ingestr_t JOIN (SELECT c0, c1, c2, c3, ord FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY c0 ORDER BY c2 DESC NULLS LAST, ord DESC) AS _ingestr_nth FROM (SELECT c0 AS c0, COALESCE(SAFE.PARSE_JSON(c1, wide_number_mode => 'exact'), SAFE.PARSE_JSON(c1, wide_number_mode => 'round')) AS c1, c2 AS c2, CAST(NULL AS STRING) AS c3, ord FROM `_ingestr_staging_0` UNION ALL SELECT c0 AS c0, COALESCE(SAFE.PARSE_JSON(c1, wide_number_mode => 'exact'), SAFE.PARSE_JSON(c1, wide_number_mode => 'round')) AS c1, c2 AS c2, c3 AS c3, ord FROM `_ingestr_staging_1`) AS _ingestr_all) AS _ingestr_some WHERE _ingestr_nth = 1) AS _ingestr_s ON _ingestr_t.`order` = _ingestr_s.c0 AND (_ingestr_t.`order` BETWEEN 1 AND 7 OR _ingestr_t.`order` BETWEEN 90 AND 99)) AS _ingestr_some WHERE _ingestr_alike > 1 AND _ingestr_nth = 1; DELETE FROM `größe - 2` AS _ingestr_t WHERE EXISTS (SELECT 1 FROM _ingestr_scratch_single AS _ingestr_s WHERE _ingestr_t.`order` = _ingestr_s.`order` AND (_ingestr_t.`order` BETWEEN 1 AND 7 OR _ingestr_t.`order` BETWEEN 90 AND 99)); INSERT INTO `größe - 2` (`order`, `source`, `a_b_11435db2`, `t`, `_ingestr_loaded_at`) SELECT `order`, `source`, `a_b_11435db2`, `t`, `_ingestr_loaded_at` FROM _ingestr_scratch_single; DROP TABLE _ingestr_scratch_single; END IF;
    UPDATE `größe - 2` AS _ingestr_t SET `source` = _ingestr_s.c1, `a_b_11435db2` = _ingestr_s.c2, `t` = _ingestr_s.c3, `_ingestr_loaded_at` = TIMESTAMP '2023-11-14 22:13:20.000000+00' FROM (SELECT c0, c1, c2, c3, ord FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY c0 ORDER BY c2 DESC NULLS LAST, ord DESC) AS _ingestr_nth FROM (SELECT c0 AS c0, COALESCE(SAFE.PARSE_JSON(c1, wide_number_mode => 'exact'), SAFE.PARSE_JSON(c1, wide_number_mode => 'round')) AS c1, c2 AS c2, CAST(NULL AS STRING) AS c3, ord FROM `_ingestr_staging_0` UNION ALL SELECT c0 AS c0, COALESCE(SAFE.PARSE_JSON(c1, wide_number_mode => 'exact'), SAFE.PARSE_JSON(c1, wide_number_mode => 'round')) AS c1, c2 AS c2, c3 AS c3, ord FROM `_ingestr_staging_1`) AS _ingestr_all) AS _ingestr_some WHERE _ingestr_nth = 1) AS _ingestr_s WHERE _ingestr_t.`order` = _ingestr_s.c0 AND (_ingestr_t.`order` BETWEEN 1 AND 7 OR _ingestr_t.`order` BETWEEN 90 AND 99) AND (_ingestr_t.`order` IS DISTINCT FROM _ingestr_s.c0 OR IF(_ingestr_t.`source` IS NULL, NULL, TO_JSON_STRING(_ingestr_t.`source`)) IS DISTINCT FROM IF(_ingestr_s.c1 IS NULL, NULL, TO_JSON_STRING(_ingestr_s.c1)) OR _ingestr_t.`a_b_11435db2` IS DISTINCT FROM _ingestr_s.c2 OR _ingestr_t.`t` IS DISTINCT FROM _ingestr_s.c3);
    SET _ingestr_updated = _ingestr_updated + @@row_count;
    INSERT INTO `größe - 2` (`order`, `source`, `a_b_11435db2`, `t`, `_ingestr_loaded_at`) SELECT _ingestr_s.c0, _ingestr_s.c1, _ingestr_s.c2, _ingestr_s.c3, TIMESTAMP '2023-11-14 22:13:20.000000+00' FROM (SELECT c0, c1, c2, c3, ord FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY c0 ORDER BY c2 DESC NULLS LAST, ord DESC) AS _ingestr_nth FROM (SELECT c0 AS c0, COALESCE(SAFE.PARSE_JSON(c1, wide_number_mode => 'exact'), SAFE.PARSE_JSON(c1, wide_number_mode => 'round')) AS c1, c2 AS c2, CAST(NULL AS STRING) AS c3, ord FROM `_ingestr_staging_0` UNION ALL SELECT c0 AS c0, COALESCE(SAFE.PARSE_JSON(c1, wide_number_mode => 'exact'), SAFE.PARSE_JSON(c1, wide_number_mode => 'round')) AS c1, c2 AS c2, c3 AS c3, ord FROM `_ingestr_staging_1`) AS _ingestr_all) AS _ingestr_some WHERE _ingestr_nth = 1) AS _ingestr_s WHERE NOT EXISTS (SELECT 1 FROM `größe - 2` AS _ingestr_t WHERE _ingestr_t.`order` = _ingestr_s.c0 AND (_ingestr_t.`order` BETWEEN 1 AND 7 OR _ingestr_t.`order` BETWEEN 90 AND 99));
    SET _ingestr_inserted = _ingestr_inserted + @@row_count;
    DELETE FROM `_ingestr_state` WHERE account = 'acme' AND source_table = 'items' AND dest_table = 'größe - 2' AND dest_schema = 'shop' AND rows_in = '';
    COMMIT TRANSACTION;
    SELECT _ingestr_read, _ingestr_inserted, _ingestr_updated, _ingestr_survivors, _ingestr_deleted, _ingestr_rejected;
    ");
}

#[test]
fn a_merge_into_a_table_of_0x_fills_what_it_has_and_widens_what_is_narrow() {
    let mut target = hostile(Strategy::Merge);
    target.deletes = Deletes::Soft;
    target.columns.push(Column::new(DELETED_AT, LogicalType::Timestamp));
    target.columns.push(Column::new(MERGED_INTO, LogicalType::Int64));
    let place = place(&target);
    let mut table = shape(&place, &brought()[..3]);
    let required = |name: &str, kind: &str| FoundColumn {
        name: name.into(),
        kind: kind.into(),
        logical: BigQueryDialect.logical_of(kind),
        not_null: true,
        default: None,
        generated: false,
    };
    table.columns[0].not_null = true;
    table.columns[1] = required("SOURCE", "INT64");
    table.columns.extend(["_dlt_load_id", "_dlt_id"].map(|name| required(name, "STRING")));
    let mut staged = staged(&place, &brought());
    staged.tombstones = Some(staging(&place, "gone"));
    let seen = seen(Some(table), None);
    insta::assert_snapshot!(script(&place, seen, &staged, true), @r"
    DECLARE _ingestr_read, _ingestr_inserted, _ingestr_updated, _ingestr_survivors, _ingestr_deleted, _ingestr_rejected, _ingestr_made, _ingestr_refused, _ingestr_rows, _ingestr_twice, _ingestr_gone, _ingestr_told INT64 DEFAULT 0;
    CREATE OR REPLACE TABLE `größe - 2` AS SELECT * REPLACE (TO_JSON(`SOURCE`) AS `SOURCE`) FROM `größe - 2`;
    ALTER TABLE `größe - 2` ADD COLUMN `t` STRING, ADD COLUMN `_ingestr_deleted_at` TIMESTAMP, ADD COLUMN `_ingestr_merged_into` INT64, ADD COLUMN `_ingestr_loaded_at` TIMESTAMP;
    SET _ingestr_made = (SELECT UNIX_MILLIS(creation_time) FROM INFORMATION_SCHEMA.TABLES WHERE table_name = 'größe - 2');
    SET _ingestr_refused = (SELECT COUNT(*) FROM (SELECT CAST(c0 AS STRING) AS row_id, 'source' AS column_name, c1 AS value, IF(SAFE.PARSE_JSON(c1, wide_number_mode => 'round') IS NULL, 'BigQuery does not take this JSON; the column is NULL', 'a number has more digits than BigQuery\'s JSON holds; it was rounded') AS reason FROM `_ingestr_staging_0` WHERE c1 IS NOT NULL AND SAFE.PARSE_JSON(c1, wide_number_mode => 'exact') IS NULL UNION ALL SELECT CAST(c0 AS STRING) AS row_id, 'source' AS column_name, c1 AS value, IF(SAFE.PARSE_JSON(c1, wide_number_mode => 'round') IS NULL, 'BigQuery does not take this JSON; the column is NULL', 'a number has more digits than BigQuery\'s JSON holds; it was rounded') AS reason FROM `_ingestr_staging_1` WHERE c1 IS NOT NULL AND SAFE.PARSE_JSON(c1, wide_number_mode => 'exact') IS NULL) AS _ingestr_refusals);
    SET _ingestr_rejected = _ingestr_rejected + _ingestr_refused;
    IF _ingestr_refused > 0 THEN CREATE TABLE IF NOT EXISTS `_ingestr_rejects` (`run_id` STRING, `account` STRING, `source_table` STRING, `dest_table` STRING, `row_id` STRING, `column_name` STRING, `value` STRING, `reason` STRING, `rejected_at` TIMESTAMP); END IF;
    BEGIN TRANSACTION;
    IF _ingestr_refused > 0 THEN INSERT INTO `_ingestr_rejects` (`run_id`, `account`, `source_table`, `dest_table`, `row_id`, `column_name`, `value`, `reason`, `rejected_at`) SELECT 'r1', 'acme', 'items', 'größe - 2', _ingestr_s.row_id, _ingestr_s.column_name, _ingestr_s.value, _ingestr_s.reason, TIMESTAMP '2023-11-14 22:13:21.000000+00' FROM (SELECT CAST(c0 AS STRING) AS row_id, 'source' AS column_name, c1 AS value, IF(SAFE.PARSE_JSON(c1, wide_number_mode => 'round') IS NULL, 'BigQuery does not take this JSON; the column is NULL', 'a number has more digits than BigQuery\'s JSON holds; it was rounded') AS reason FROM `_ingestr_staging_0` WHERE c1 IS NOT NULL AND SAFE.PARSE_JSON(c1, wide_number_mode => 'exact') IS NULL UNION ALL SELECT CAST(c0 AS STRING) AS row_id, 'source' AS column_name, c1 AS value, IF(SAFE.PARSE_JSON(c1, wide_number_mode => 'round') IS NULL, 'BigQuery does not take this JSON; the column is NULL', 'a number has more digits than BigQuery\'s JSON holds; it was rounded') AS reason FROM `_ingestr_staging_1` WHERE c1 IS NOT NULL AND SAFE.PARSE_JSON(c1, wide_number_mode => 'exact') IS NULL) AS _ingestr_s; END IF;
    SET _ingestr_rows = (SELECT COUNT(*) FROM (SELECT c0, c1, c2, c3, ord FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY c0 ORDER BY c2 DESC NULLS LAST, ord DESC) AS _ingestr_nth FROM (SELECT c0 AS c0, COALESCE(SAFE.PARSE_JSON(c1, wide_number_mode => 'exact'), SAFE.PARSE_JSON(c1, wide_number_mode => 'round')) AS c1, c2 AS c2, CAST(NULL AS STRING) AS c3, ord FROM `_ingestr_staging_0` UNION ALL SELECT c0 AS c0, COALESCE(SAFE.PARSE_JSON(c1, wide_number_mode => 'exact'), SAFE.PARSE_JSON(c1, wide_number_mode => 'round')) AS c1, c2 AS c2, c3 AS c3, ord FROM `_ingestr_staging_1`) AS _ingestr_all) AS _ingestr_some WHERE _ingestr_nth = 1) AS _ingestr_read);
    SET _ingestr_read = _ingestr_read + _ingestr_rows;
    SET _ingestr_twice = (SELECT COUNT(*) FROM (SELECT _ingestr_s.ord FROM `größe - 2` AS _ingestr_t JOIN (SELECT c0, c1, c2, c3, ord FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY c0 ORDER BY c2 DESC NULLS LAST, ord DESC) AS _ingestr_nth FROM (SELECT c0 AS c0, COALESCE(SAFE.PARSE_JSON(c1, wide_number_mode => 'exact'), SAFE.PARSE_JSON(c1, wide_number_mode => 'round')) AS c1, c2 AS c2, CAST(NULL AS STRING) AS c3, ord FROM `_ingestr_staging_0` UNION ALL SELECT c0 AS c0, COALESCE(SAFE.PARSE_JSON(c1, wide_number_mode => 'exact'), SAFE.PARSE_JSON(c1, wide_number_mode => 'round')) AS c1, c2 AS c2, c3 AS c3, ord FROM `_ingestr_staging_1`) AS _ingestr_all) AS _ingestr_some WHERE _ingestr_nth = 1) AS _ingestr_s ON _ingestr_t.`order` = _ingestr_s.c0 AND (_ingestr_t.`order` BETWEEN 1 AND 7 OR _ingestr_t.`order` BETWEEN 90 AND 99) GROUP BY _ingestr_s.ord HAVING COUNT(*) > 1) AS _ingestr_twice);
    IF _ingestr_twice > 0 THEN CREATE TEMP TABLE _ingestr_scratch_single AS SELECT `order`, `SOURCE`, `a_b_11435db2`, `_dlt_load_id`, `_dlt_id`, `t`, `_ingestr_deleted_at`, `_ingestr_merged_into`, `_ingestr_loaded_at` FROM (SELECT _ingestr_t.*, COUNT(*) OVER (PARTITION BY _ingestr_s.ord) AS _ingestr_alike, ROW_NUMBER() OVER (PARTITION BY _ingestr_s.ord ORDER BY _ingestr_t.`a_b_11435db2` DESC NULLS LAST, _ingestr_t.`_ingestr_loaded_at` DESC NULLS LAST) AS _ingestr_nth FROM `größe - 2` AS _ingestr_t JOIN (SELECT c0, c1, c2, c3, ord FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY c0 ORDER BY c2 DESC NULLS LAST, ord DESC) AS _ingestr_nth FROM (SELECT c0 AS c0, COALESCE(SAFE.PARSE_JSON(c1, wide_number_mode => 'exact'), SAFE.PARSE_JSON(c1, wide_number_mode => 'round')) AS c1, c2 AS c2, CAST(NULL AS STRING) AS c3, ord FROM `_ingestr_staging_0` UNION ALL SELECT c0 AS c0, COALESCE(SAFE.PARSE_JSON(c1, wide_number_mode => 'exact'), SAFE.PARSE_JSON(c1, wide_number_mode => 'round')) AS c1, c2 AS c2, c3 AS c3, ord FROM `_ingestr_staging_1`) AS _ingestr_all) AS _ingestr_some WHERE _ingestr_nth = 1) AS _ingestr_s ON _ingestr_t.`order` = _ingestr_s.c0 AND (_ingestr_t.`order` BETWEEN 1 AND 7 OR _ingestr_t.`order` BETWEEN 90 AND 99)) AS _ingestr_some WHERE _ingestr_alike > 1 AND _ingestr_nth = 1; DELETE FROM `größe - 2` AS _ingestr_t WHERE EXISTS (SELECT 1 FROM _ingestr_scratch_single AS _ingestr_s WHERE _ingestr_t.`order` = _ingestr_s.`order` AND (_ingestr_t.`order` BETWEEN 1 AND 7 OR _ingestr_t.`order` BETWEEN 90 AND 99)); INSERT INTO `größe - 2` (`order`, `SOURCE`, `a_b_11435db2`, `_dlt_load_id`, `_dlt_id`, `t`, `_ingestr_deleted_at`, `_ingestr_merged_into`, `_ingestr_loaded_at`) SELECT `order`, `SOURCE`, `a_b_11435db2`, `_dlt_load_id`, `_dlt_id`, `t`, `_ingestr_deleted_at`, `_ingestr_merged_into`, `_ingestr_loaded_at` FROM _ingestr_scratch_single; DROP TABLE _ingestr_scratch_single; END IF;
    UPDATE `größe - 2` AS _ingestr_t SET `SOURCE` = _ingestr_s.c1, `a_b_11435db2` = _ingestr_s.c2, `t` = _ingestr_s.c3, `_ingestr_deleted_at` = NULL, `_ingestr_merged_into` = NULL, `_ingestr_loaded_at` = TIMESTAMP '2023-11-14 22:13:20.000000+00' FROM (SELECT c0, c1, c2, c3, ord FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY c0 ORDER BY c2 DESC NULLS LAST, ord DESC) AS _ingestr_nth FROM (SELECT c0 AS c0, COALESCE(SAFE.PARSE_JSON(c1, wide_number_mode => 'exact'), SAFE.PARSE_JSON(c1, wide_number_mode => 'round')) AS c1, c2 AS c2, CAST(NULL AS STRING) AS c3, ord FROM `_ingestr_staging_0` UNION ALL SELECT c0 AS c0, COALESCE(SAFE.PARSE_JSON(c1, wide_number_mode => 'exact'), SAFE.PARSE_JSON(c1, wide_number_mode => 'round')) AS c1, c2 AS c2, c3 AS c3, ord FROM `_ingestr_staging_1`) AS _ingestr_all) AS _ingestr_some WHERE _ingestr_nth = 1) AS _ingestr_s WHERE _ingestr_t.`order` = _ingestr_s.c0 AND (_ingestr_t.`order` BETWEEN 1 AND 7 OR _ingestr_t.`order` BETWEEN 90 AND 99) AND (_ingestr_t.`order` IS DISTINCT FROM _ingestr_s.c0 OR IF(_ingestr_t.`SOURCE` IS NULL, NULL, TO_JSON_STRING(_ingestr_t.`SOURCE`)) IS DISTINCT FROM IF(_ingestr_s.c1 IS NULL, NULL, TO_JSON_STRING(_ingestr_s.c1)) OR _ingestr_t.`a_b_11435db2` IS DISTINCT FROM _ingestr_s.c2 OR _ingestr_t.`t` IS DISTINCT FROM _ingestr_s.c3 OR _ingestr_t.`_ingestr_deleted_at` IS NOT NULL OR _ingestr_t.`_ingestr_merged_into` IS NOT NULL);
    SET _ingestr_updated = _ingestr_updated + @@row_count;
    INSERT INTO `größe - 2` (`order`, `SOURCE`, `a_b_11435db2`, `t`, `_ingestr_loaded_at`, `_dlt_load_id`, `_dlt_id`) SELECT _ingestr_s.c0, _ingestr_s.c1, _ingestr_s.c2, _ingestr_s.c3, TIMESTAMP '2023-11-14 22:13:20.000000+00', '-', GENERATE_UUID() FROM (SELECT c0, c1, c2, c3, ord FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY c0 ORDER BY c2 DESC NULLS LAST, ord DESC) AS _ingestr_nth FROM (SELECT c0 AS c0, COALESCE(SAFE.PARSE_JSON(c1, wide_number_mode => 'exact'), SAFE.PARSE_JSON(c1, wide_number_mode => 'round')) AS c1, c2 AS c2, CAST(NULL AS STRING) AS c3, ord FROM `_ingestr_staging_0` UNION ALL SELECT c0 AS c0, COALESCE(SAFE.PARSE_JSON(c1, wide_number_mode => 'exact'), SAFE.PARSE_JSON(c1, wide_number_mode => 'round')) AS c1, c2 AS c2, c3 AS c3, ord FROM `_ingestr_staging_1`) AS _ingestr_all) AS _ingestr_some WHERE _ingestr_nth = 1) AS _ingestr_s WHERE NOT EXISTS (SELECT 1 FROM `größe - 2` AS _ingestr_t WHERE _ingestr_t.`order` = _ingestr_s.c0 AND (_ingestr_t.`order` BETWEEN 1 AND 7 OR _ingestr_t.`order` BETWEEN 90 AND 99));
    SET _ingestr_inserted = _ingestr_inserted + @@row_count;
    SET _ingestr_gone = (SELECT COUNT(DISTINCT _ingestr_s.c0) FROM `größe - 2` AS _ingestr_t JOIN `_ingestr_staging_gone` AS _ingestr_s ON _ingestr_t.`order` = _ingestr_s.c0 WHERE _ingestr_t.`_ingestr_deleted_at` IS NULL);
    SET _ingestr_deleted = _ingestr_deleted + _ingestr_gone;
    SET _ingestr_told = (SELECT COUNT(DISTINCT _ingestr_s.c0) FROM `größe - 2` AS _ingestr_t JOIN `_ingestr_staging_gone` AS _ingestr_s ON _ingestr_t.`order` = _ingestr_s.c0 WHERE _ingestr_t.`_ingestr_deleted_at` IS NOT NULL AND _ingestr_t.`_ingestr_merged_into` IS NULL AND _ingestr_s.c2 IS NOT NULL);
    SET _ingestr_survivors = _ingestr_survivors + _ingestr_told;
    IF _ingestr_gone + _ingestr_told > 0 THEN UPDATE `größe - 2` AS _ingestr_t SET `_ingestr_loaded_at` = TIMESTAMP '2023-11-14 22:13:20.000000+00', `_ingestr_deleted_at` = COALESCE(_ingestr_t.`_ingestr_deleted_at`, _ingestr_s.c1), `_ingestr_merged_into` = COALESCE(_ingestr_t.`_ingestr_merged_into`, _ingestr_s.c2) FROM `_ingestr_staging_gone` AS _ingestr_s WHERE _ingestr_t.`order` = _ingestr_s.c0 AND ((_ingestr_t.`_ingestr_deleted_at` IS NULL) OR (_ingestr_t.`_ingestr_deleted_at` IS NOT NULL AND _ingestr_t.`_ingestr_merged_into` IS NULL AND _ingestr_s.c2 IS NOT NULL)); END IF;
    DELETE FROM `_ingestr_state` WHERE account = 'acme' AND source_table = 'items' AND dest_table = 'größe - 2' AND dest_schema = 'shop' AND rows_in = '';
    COMMIT TRANSACTION;
    SELECT _ingestr_read, _ingestr_inserted, _ingestr_updated, _ingestr_survivors, _ingestr_deleted, _ingestr_rejected;
    ");
}

#[test]
fn a_table_that_is_written_anew_keeps_its_layout_or_is_refused() {
    let place = place(&hostile(Strategy::Merge));
    let of = |partitioning: Option<Partitioning>| {
        let field =
            |name: &str, kind: &str| Field { name: name.into(), kind: kind.into(), mode: Mode::Required };
        let info = TableInfo {
            kind: wire::TableKind::Table,
            fields: vec![
                field("order", "INT64"),
                field("source", "BOOL"),
                field("d", "DATE"),
                field("t", "INT64"),
            ],
            clustering: vec!["order".into(), "t".into()],
            partitioning,
            require_partition_filter: false,
            streaming_buffer: false,
            made: None,
            held: None,
        };
        let shape = shape_of(place.table.clone(), info).expect("a table");
        let changes = |needed: &[Column]| {
            let needs = Needs { columns: needed, documented: &[], key: &["order".into()], repeats: false };
            shape.clone().changed(&needs).0
        };
        // What will be refused is found before the run.
        let before = change(&shape, &place.target).map(|_| ()).map_err(|error| error.to_string());
        let refused = alter(&shape, &changes(&brought())).map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(before, refused);
        alter(&shape, &changes(&brought())).map(|statements| statements.join(";\n"))
    };
    let day = |unit: &str, column: Option<&str>| {
        Some(Partitioning::Time { unit: unit.into(), column: column.map(Into::into) })
    };
    insta::assert_snapshot!(of(None).expect("fits"), @r"
    CREATE OR REPLACE TABLE `shop-1`.`shop`.`größe - 2` CLUSTER BY `order`, `t` AS SELECT * REPLACE (TO_JSON(`source`) AS `source`, CAST(`t` AS STRING) AS `t`) FROM `shop-1`.`shop`.`größe - 2`;
    ALTER TABLE `shop-1`.`shop`.`größe - 2` ADD COLUMN `a_b_11435db2` TIMESTAMP
    ");
    insta::assert_snapshot!(of(day("DAY", Some("d"))).expect("fits").lines().next().expect("a line"), @r"CREATE OR REPLACE TABLE `shop-1`.`shop`.`größe - 2` PARTITION BY `d` CLUSTER BY `order`, `t` AS SELECT * REPLACE (TO_JSON(`source`) AS `source`, CAST(`t` AS STRING) AS `t`) FROM `shop-1`.`shop`.`größe - 2`;");
    insta::assert_snapshot!(of(day("MONTH", Some("D"))).expect("fits").lines().next().expect("a line"), @r"CREATE OR REPLACE TABLE `shop-1`.`shop`.`größe - 2` PARTITION BY DATE_TRUNC(`D`, MONTH) CLUSTER BY `order`, `t` AS SELECT * REPLACE (TO_JSON(`source`) AS `source`, CAST(`t` AS STRING) AS `t`) FROM `shop-1`.`shop`.`größe - 2`;");
    of(Some(Partitioning::Range { column: "order".into() })).expect_err("cannot be said");
    insta::assert_snapshot!(of(day("DAY", None)).expect_err("cannot be said"), @r"a column of table shop.größe - 2 needs another type, and the table would lose its partitions");
}

#[test]
fn versions_are_closed_and_opened() {
    let mut target = hostile(Strategy::Scd2);
    target.deletes = Deletes::Hard;
    let place = place(&target);
    let mut staged = staged(&place, &brought());
    staged.tombstones = Some(staging(&place, "gone"));
    let mut columns = brought();
    columns.extend(crate::dest::sql::columns::version_columns());
    columns.push(Column::new("_ingestr_loaded_at", LogicalType::Timestamp));
    assert!(columns.iter().any(|column| column.name == IS_CURRENT));
    let seen = seen(Some(shape(&place, &columns)), None);
    insta::assert_snapshot!(script(&place, seen, &staged, true), @r"
    DECLARE _ingestr_read, _ingestr_inserted, _ingestr_updated, _ingestr_survivors, _ingestr_deleted, _ingestr_rejected, _ingestr_made, _ingestr_refused, _ingestr_rows, _ingestr_changed, _ingestr_new, _ingestr_gone, _ingestr_told INT64 DEFAULT 0;
    SET _ingestr_made = (SELECT UNIX_MILLIS(creation_time) FROM INFORMATION_SCHEMA.TABLES WHERE table_name = 'größe - 2');
    SET _ingestr_refused = (SELECT COUNT(*) FROM (SELECT CAST(c0 AS STRING) AS row_id, 'source' AS column_name, c1 AS value, IF(SAFE.PARSE_JSON(c1, wide_number_mode => 'round') IS NULL, 'BigQuery does not take this JSON; the column is NULL', 'a number has more digits than BigQuery\'s JSON holds; it was rounded') AS reason FROM `_ingestr_staging_0` WHERE c1 IS NOT NULL AND SAFE.PARSE_JSON(c1, wide_number_mode => 'exact') IS NULL UNION ALL SELECT CAST(c0 AS STRING) AS row_id, 'source' AS column_name, c1 AS value, IF(SAFE.PARSE_JSON(c1, wide_number_mode => 'round') IS NULL, 'BigQuery does not take this JSON; the column is NULL', 'a number has more digits than BigQuery\'s JSON holds; it was rounded') AS reason FROM `_ingestr_staging_1` WHERE c1 IS NOT NULL AND SAFE.PARSE_JSON(c1, wide_number_mode => 'exact') IS NULL) AS _ingestr_refusals);
    SET _ingestr_rejected = _ingestr_rejected + _ingestr_refused;
    IF _ingestr_refused > 0 THEN CREATE TABLE IF NOT EXISTS `_ingestr_rejects` (`run_id` STRING, `account` STRING, `source_table` STRING, `dest_table` STRING, `row_id` STRING, `column_name` STRING, `value` STRING, `reason` STRING, `rejected_at` TIMESTAMP); END IF;
    BEGIN TRANSACTION;
    IF _ingestr_refused > 0 THEN INSERT INTO `_ingestr_rejects` (`run_id`, `account`, `source_table`, `dest_table`, `row_id`, `column_name`, `value`, `reason`, `rejected_at`) SELECT 'r1', 'acme', 'items', 'größe - 2', _ingestr_s.row_id, _ingestr_s.column_name, _ingestr_s.value, _ingestr_s.reason, TIMESTAMP '2023-11-14 22:13:21.000000+00' FROM (SELECT CAST(c0 AS STRING) AS row_id, 'source' AS column_name, c1 AS value, IF(SAFE.PARSE_JSON(c1, wide_number_mode => 'round') IS NULL, 'BigQuery does not take this JSON; the column is NULL', 'a number has more digits than BigQuery\'s JSON holds; it was rounded') AS reason FROM `_ingestr_staging_0` WHERE c1 IS NOT NULL AND SAFE.PARSE_JSON(c1, wide_number_mode => 'exact') IS NULL UNION ALL SELECT CAST(c0 AS STRING) AS row_id, 'source' AS column_name, c1 AS value, IF(SAFE.PARSE_JSON(c1, wide_number_mode => 'round') IS NULL, 'BigQuery does not take this JSON; the column is NULL', 'a number has more digits than BigQuery\'s JSON holds; it was rounded') AS reason FROM `_ingestr_staging_1` WHERE c1 IS NOT NULL AND SAFE.PARSE_JSON(c1, wide_number_mode => 'exact') IS NULL) AS _ingestr_s; END IF;
    IF EXISTS (SELECT 1 FROM `größe - 2` WHERE `_scd_is_current` IS NULL) THEN UPDATE `größe - 2` SET `_scd_is_current` = TRUE, `_scd_valid_from` = COALESCE(`_ingestr_loaded_at`, TIMESTAMP '2023-11-14 22:13:20.000000+00') WHERE `_scd_is_current` IS NULL; END IF;
    SET _ingestr_rows = (SELECT COUNT(*) FROM (SELECT c0, c1, c2, c3, ord FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY c0 ORDER BY c2 DESC NULLS LAST, ord DESC) AS _ingestr_nth FROM (SELECT c0 AS c0, COALESCE(SAFE.PARSE_JSON(c1, wide_number_mode => 'exact'), SAFE.PARSE_JSON(c1, wide_number_mode => 'round')) AS c1, c2 AS c2, CAST(NULL AS STRING) AS c3, ord FROM `_ingestr_staging_0` UNION ALL SELECT c0 AS c0, COALESCE(SAFE.PARSE_JSON(c1, wide_number_mode => 'exact'), SAFE.PARSE_JSON(c1, wide_number_mode => 'round')) AS c1, c2 AS c2, c3 AS c3, ord FROM `_ingestr_staging_1`) AS _ingestr_all) AS _ingestr_some WHERE _ingestr_nth = 1) AS _ingestr_read);
    SET _ingestr_read = _ingestr_read + _ingestr_rows;
    CREATE TEMP TABLE _ingestr_scratch_changes AS SELECT c0, c1, c2, c3, ord, known FROM (SELECT _ingestr_s.*, _ingestr_t.`_scd_is_current` IS NOT NULL AS known, ROW_NUMBER() OVER (PARTITION BY _ingestr_s.ord) AS _ingestr_nth FROM (SELECT c0, c1, c2, c3, ord FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY c0 ORDER BY c2 DESC NULLS LAST, ord DESC) AS _ingestr_nth FROM (SELECT c0 AS c0, COALESCE(SAFE.PARSE_JSON(c1, wide_number_mode => 'exact'), SAFE.PARSE_JSON(c1, wide_number_mode => 'round')) AS c1, c2 AS c2, CAST(NULL AS STRING) AS c3, ord FROM `_ingestr_staging_0` UNION ALL SELECT c0 AS c0, COALESCE(SAFE.PARSE_JSON(c1, wide_number_mode => 'exact'), SAFE.PARSE_JSON(c1, wide_number_mode => 'round')) AS c1, c2 AS c2, c3 AS c3, ord FROM `_ingestr_staging_1`) AS _ingestr_all) AS _ingestr_some WHERE _ingestr_nth = 1) AS _ingestr_s LEFT JOIN `größe - 2` AS _ingestr_t ON _ingestr_t.`order` = _ingestr_s.c0 AND (_ingestr_t.`order` BETWEEN 1 AND 7 OR _ingestr_t.`order` BETWEEN 90 AND 99) AND _ingestr_t.`_scd_is_current` WHERE _ingestr_t.`_scd_is_current` IS NULL OR _ingestr_t.`order` IS DISTINCT FROM _ingestr_s.c0 OR IF(_ingestr_t.`source` IS NULL, NULL, TO_JSON_STRING(_ingestr_t.`source`)) IS DISTINCT FROM IF(_ingestr_s.c1 IS NULL, NULL, TO_JSON_STRING(_ingestr_s.c1)) OR _ingestr_t.`a_b_11435db2` IS DISTINCT FROM _ingestr_s.c2 OR _ingestr_t.`t` IS DISTINCT FROM _ingestr_s.c3) AS _ingestr_some WHERE _ingestr_nth = 1;
    SET _ingestr_changed = (SELECT COUNT(*) FROM _ingestr_scratch_changes WHERE known);
    SET _ingestr_updated = _ingestr_updated + _ingestr_changed;
    UPDATE `größe - 2` AS _ingestr_t SET `_scd_valid_to` = TIMESTAMP '2023-11-14 22:13:20.000000+00', `_scd_is_current` = FALSE FROM _ingestr_scratch_changes AS _ingestr_s WHERE _ingestr_t.`_scd_is_current` AND _ingestr_s.known AND _ingestr_t.`order` = _ingestr_s.c0 AND (_ingestr_t.`order` BETWEEN 1 AND 7 OR _ingestr_t.`order` BETWEEN 90 AND 99);
    SET _ingestr_new = (SELECT COUNT(*) FROM _ingestr_scratch_changes WHERE NOT known);
    SET _ingestr_inserted = _ingestr_inserted + _ingestr_new;
    INSERT INTO `größe - 2` (`order`, `source`, `a_b_11435db2`, `t`, `_ingestr_loaded_at`, `_scd_valid_from`, `_scd_valid_to`, `_scd_is_current`) SELECT _ingestr_s.c0, _ingestr_s.c1, _ingestr_s.c2, _ingestr_s.c3, TIMESTAMP '2023-11-14 22:13:20.000000+00', TIMESTAMP '2023-11-14 22:13:20.000000+00', CAST(NULL AS TIMESTAMP), TRUE FROM _ingestr_scratch_changes AS _ingestr_s;
    SET _ingestr_gone = (SELECT COUNT(DISTINCT _ingestr_s.c0) FROM `größe - 2` AS _ingestr_t JOIN `_ingestr_staging_gone` AS _ingestr_s ON _ingestr_t.`order` = _ingestr_s.c0 WHERE _ingestr_t.`_scd_is_current` IS TRUE);
    SET _ingestr_deleted = _ingestr_deleted + _ingestr_gone;
    IF _ingestr_gone + _ingestr_told > 0 THEN UPDATE `größe - 2` AS _ingestr_t SET `_ingestr_loaded_at` = TIMESTAMP '2023-11-14 22:13:20.000000+00', `_scd_valid_to` = COALESCE(_ingestr_t.`_scd_valid_to`, TIMESTAMP '2023-11-14 22:13:20.000000+00'), `_scd_is_current` = FALSE FROM `_ingestr_staging_gone` AS _ingestr_s WHERE _ingestr_t.`order` = _ingestr_s.c0 AND _ingestr_t.`_scd_is_current` IS TRUE; END IF;
    DELETE FROM `_ingestr_state` WHERE account = 'acme' AND source_table = 'items' AND dest_table = 'größe - 2' AND dest_schema = 'shop' AND rows_in = '';
    COMMIT TRANSACTION;
    DROP TABLE _ingestr_scratch_changes;
    SELECT _ingestr_read, _ingestr_inserted, _ingestr_updated, _ingestr_survivors, _ingestr_deleted, _ingestr_rejected;
    ");
}

#[test]
fn replacements_wait_and_are_published_at_once() {
    for (strategy, last) in
        [(Strategy::Replace, false), (Strategy::Replace, true), (Strategy::DeleteInsert, true)]
    {
        let mut target = hostile(strategy);
        target.window = (Some(Micros(20)), None);
        target.fresh = true;
        let place = place(&target);
        let hidden = shadow(&place.target, strategy).expect("has one");
        let mut columns = brought();
        columns.push(Column::new("_ingestr_loaded_at", LogicalType::Timestamp));
        let table = shape(&place, &columns);
        columns.push(publish::sequence());
        let waiting = Shape::planned(&BigQueryDialect, place.table.beside(&hidden), &columns);
        let seen = seen(Some(table), Some(waiting));
        let name = format!("{strategy}_{}", if last { "last" } else { "first" }).replace('+', "_");
        insta::assert_snapshot!(name, script(&place, seen, &staged(&place, &brought()), last));
    }
}

/// BigQuery compares no text with a number or an instant.
#[test]
fn a_window_meets_what_others_keep_as_text() {
    let mut target = hostile(Strategy::DeleteInsert);
    target.window = (Some(Micros(20)), None);
    let place = place(&target);
    let mut columns = brought();
    let hidden = shadow(&place.target, Strategy::DeleteInsert).expect("has one");
    let waiting = Shape::planned(&BigQueryDialect, place.table.beside(&hidden), &columns);
    (columns[0].logical, columns[2].logical) = (LogicalType::Text, LogicalType::Text);
    let seen = seen(Some(shape(&place, &columns)), Some(waiting));
    let text = script(&place, seen, &staged(&place, &brought()), true);
    let from = "DELETE FROM `größe - 2`";
    let deletes: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(from)).collect();
    let window = " WHERE SAFE_CAST(`a_b_11435db2` AS TIMESTAMP) >= TIMESTAMP '1970-01-01 00:00:00.000020+00' \
         AND SAFE_CAST(`a_b_11435db2` AS TIMESTAMP) <= (SELECT MAX(`a_b_11435db2`) FROM ";
    assert!(deletes[0].starts_with(window), "{}", deletes[0]);
    assert!(deletes[1].contains("CAST(_ingestr_s.`order` AS STRING)"), "{}", deletes[1]);
}

#[test]
fn the_ledger_of_a_commit() {
    let place = place(&hostile(Strategy::Append));
    let mut commit = commit("r'1", "p", false);
    let at = Micros(1_795_340_425_250_000);
    commit.lease =
        Some(Lease { run: "r'1".into(), process: "boot+pid:[1]/4\\7".into(), since: at, until: at });
    commit.run.error = Some("it's `broken`".into());
    let rejects = Some(staging(&place, "rejects"));
    let staged = Staged { rejects, ..Staged::default() };
    let seen = seen(Some(shape(&place, &brought())), None);
    let text = whole(&place, seen, &staged, &commit);
    insta::assert_snapshot!(text.replace("`shop-1`.`shop`.", ""), @r"
    DECLARE _ingestr_read, _ingestr_inserted, _ingestr_updated, _ingestr_survivors, _ingestr_deleted, _ingestr_rejected, _ingestr_made INT64 DEFAULT 0;
    IF NOT EXISTS (SELECT 1 FROM `_ingestr_leases` WHERE dest_schema = 'shop' AND dest_table = 'größe - 2' AND run_id = 'r\'1') OR EXISTS (SELECT 1 FROM `_ingestr_leases` WHERE dest_schema = 'shop' AND dest_table = 'größe - 2' AND run_id <> 'r\'1') THEN RAISE USING MESSAGE = '_ingestr_lease_lost'; END IF;
    CREATE TABLE IF NOT EXISTS `_ingestr_rejects` (`run_id` STRING, `account` STRING, `source_table` STRING, `dest_table` STRING, `row_id` STRING, `column_name` STRING, `value` STRING, `reason` STRING, `rejected_at` TIMESTAMP);
    ALTER TABLE `größe - 2` ADD COLUMN `_ingestr_loaded_at` TIMESTAMP;
    SET _ingestr_made = (SELECT UNIX_MILLIS(creation_time) FROM INFORMATION_SCHEMA.TABLES WHERE table_name = 'größe - 2');
    BEGIN TRANSACTION;
    IF NOT EXISTS (SELECT 1 FROM `_ingestr_leases` WHERE dest_schema = 'shop' AND dest_table = 'größe - 2' AND run_id = 'r\'1') OR EXISTS (SELECT 1 FROM `_ingestr_leases` WHERE dest_schema = 'shop' AND dest_table = 'größe - 2' AND run_id <> 'r\'1') THEN RAISE USING MESSAGE = '_ingestr_lease_lost'; END IF;
    DELETE FROM `_ingestr_state` WHERE account = 'acme' AND source_table = 'items' AND dest_table = 'größe - 2' AND dest_schema = 'shop' AND rows_in = '';
    INSERT INTO `_ingestr_state` (`account`, `source_table`, `dest_schema`, `dest_table`, `rows_in`, `version`, `watermark`, `covered_since`, `complete`, `source`, `run_id`, `updated_at`, `table_id`, `has_rows`, `filled`, `described`, `mapping`) VALUES ('acme', 'items', 'shop', 'größe - 2', '', 1, NULL, NULL, FALSE, 'p', 'r\'1', TIMESTAMP '2023-11-14 22:13:21.000000+00', CONCAT('made ', CAST(_ingestr_made AS STRING)), EXISTS (SELECT 1 FROM `größe - 2`), NULL, NULL, NULL);
    INSERT INTO `_ingestr_rejects` (`run_id`, `account`, `source_table`, `dest_table`, `row_id`, `column_name`, `value`, `reason`, `rejected_at`) SELECT 'r\'1', 'acme', 'items', 'größe - 2', _ingestr_s.row_id, _ingestr_s.column_name, _ingestr_s.value, _ingestr_s.reason, TIMESTAMP '2023-11-14 22:13:21.000000+00' FROM (SELECT c0 AS row_id, c1 AS column_name, c2 AS value, c3 AS reason FROM `_ingestr_staging_rejects`) AS _ingestr_s;
    DELETE FROM `_ingestr_runs` WHERE run_id = 'r\'1' AND account = 'acme' AND source_table = 'items' AND dest_table = 'größe - 2';
    INSERT INTO `_ingestr_runs` (`run_id`, `account`, `source_table`, `dest_table`, `started_at`, `ended_at`, `outcome`, `rows_read`, `requests`, `retries`, `error`, `warnings`) VALUES ('r\'1', 'acme', 'items', 'größe - 2', TIMESTAMP '2023-11-14 22:13:20.000000+00', TIMESTAMP '2023-11-14 22:13:21.000000+00', 'running', 3, 2, 1, 'it\'s `broken`', NULL);
    DELETE FROM `_ingestr_leases` WHERE dest_schema = 'shop' AND dest_table = 'größe - 2';
    INSERT INTO `_ingestr_leases` (`account`, `source_table`, `dest_schema`, `dest_table`, `run_id`, `process`, `since`, `until`) VALUES ('acme', 'items', 'shop', 'größe - 2', 'r\'1', 'boot+pid:[1]/4\\7', TIMESTAMP '2026-11-22 09:40:25.250000+00', TIMESTAMP '2026-11-22 09:40:25.250000+00');
    COMMIT TRANSACTION;
    SELECT _ingestr_read, _ingestr_inserted, _ingestr_updated, _ingestr_survivors, _ingestr_deleted, _ingestr_rejected;
    ");
}

/// A script has one name space for all its targets.
#[test]
fn what_is_found_for_one_table_of_a_commit_decides_nothing_of_another() {
    let place = place(&hostile(Strategy::Merge));
    let child = Target { table: "tags".into(), source_table: "tags".into(), ..place.target.clone() };
    let child_table = place.table.beside("tags");
    let (staged, commit) = (staged(&place, &brought()), commit("r1", "p", true));
    let (seen, found) = seen(None, None);
    let targets = vec![
        (place.plan(&place.table, &place.target, &commit), found, &staged),
        (place.plan(&child_table, &child, &commit), Tables::default(), &staged),
    ];
    let text = text(&place.script(targets, &seen).expect("fits"));
    let lines =
        |with: &[&str]| text.lines().filter(|line| with.iter().all(|with| line.contains(with))).count();
    for (own, table) in [("", "'größe - 2'"), ("1", "'tags'")] {
        assert_eq!(lines(&[&format!("SET _ingestr_made{own} = ("), table]), 1, "{text}");
        let state = format!("INSERT INTO `shop-1`.`shop`.`{STATE}`");
        assert_eq!(lines(&[&state, table, &format!("CAST(_ingestr_made{own} AS STRING)")]), 1, "{text}");
        assert_eq!(lines(&[&format!("SET _ingestr_refused{own} = (")]), 1, "{text}");
        assert_eq!(lines(&[&format!("IF _ingestr_refused{own} > 0 THEN INSERT INTO"), table]), 1, "{text}");
    }
}

#[test]
fn leases_are_swapped_only_for_the_one_that_was_seen() {
    let target = hostile(Strategy::Merge);
    let place = place(&target);
    let lease = Lease { run: "r1".into(), process: "p".into(), since: Micros(0), until: Micros(1) };
    let sql = swap_lease(&place.table, &place.target, &lease, "FALSE");
    insta::assert_snapshot!(sql.replace("`shop-1`.`shop`.", ""), @r"MERGE `_ingestr_leases` AS _ingestr_t USING (SELECT 'acme' AS `account`, 'items' AS `source_table`, 'shop' AS `dest_schema`, 'größe - 2' AS `dest_table`, 'r1' AS `run_id`, 'p' AS `process`, TIMESTAMP '1970-01-01 00:00:00.000000+00' AS `since`, TIMESTAMP '1970-01-01 00:00:00.000001+00' AS `until`) AS _ingestr_s ON _ingestr_t.dest_schema = _ingestr_s.dest_schema AND _ingestr_t.dest_table = _ingestr_s.dest_table WHEN MATCHED AND (FALSE) THEN UPDATE SET `account` = _ingestr_s.`account`, `source_table` = _ingestr_s.`source_table`, `dest_schema` = _ingestr_s.`dest_schema`, `dest_table` = _ingestr_s.`dest_table`, `run_id` = _ingestr_s.`run_id`, `process` = _ingestr_s.`process`, `since` = _ingestr_s.`since`, `until` = _ingestr_s.`until` WHEN NOT MATCHED THEN INSERT (`account`, `source_table`, `dest_schema`, `dest_table`, `run_id`, `process`, `since`, `until`) VALUES (_ingestr_s.`account`, _ingestr_s.`source_table`, _ingestr_s.`dest_schema`, _ingestr_s.`dest_table`, _ingestr_s.`run_id`, _ingestr_s.`process`, _ingestr_s.`since`, _ingestr_s.`until`)");
}
