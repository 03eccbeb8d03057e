//! Who may write to a table: taking and giving up leases by compare and swap.
//!
//! The statement writes only if what it finds is what was judged. BigQuery lets two such statements run one after the
//! other, never both on the same rows.

use super::BigQuery;
use super::dialect::BigQueryDialect;
use super::engine::{cells, fresh_job};
use super::wire::{Api, ApiError};
use crate::dest::sql::cells::LedgerLine;
use crate::dest::sql::leases::refused;
use crate::dest::sql::ledger::{self, LEASES, Whose, lease_columns, lease_line};
use crate::dest::sql::{Dialect, TableName, leases, list};
use crate::dest::{DestError, DestErrorKind, Target, TextRow};
use crate::model::lease::Claim;
use crate::model::{Lease, Micros};

/// How often a lease is looked at again that changed while it was judged.
const TURNS: usize = 5;

impl BigQuery {
    /// The lease of a table, expired or not; `None` also if there are no leases.
    async fn lease_on(&self, api: &Api, table: &TableName) -> Result<Option<Lease>, DestError> {
        match api.query(&fresh_job("lease"), &of_table(table), &[]).await {
            Ok(found) => Ok(leases::longest(told(found))),
            // Nobody asked whether there are any.
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(super::failed(table, "read", error)),
        }
    }

    pub(super) async fn take_lease(
        &self,
        target: &Target,
        lease: &Lease,
        claim: Claim,
        live: fn(&Lease, Micros) -> bool,
    ) -> Result<(), DestError> {
        let table = self.table_of(target);
        let api = self.ready(&table).await?;
        // Nearly always nobody holds it: who takes it finds out with the same job. One that is there is judged.
        let mut held = match claim {
            Claim::Take => None,
            Claim::Renew => self.lease_on(&api, &table).await?,
        };
        for _ in 0..TURNS {
            leases::judge(target, held.as_ref(), lease, claim, live)?;
            held = self.swap(&api, &table, target, lease, held.as_ref()).await?;
            if held.as_ref() == Some(lease) {
                return Ok(());
            }
        }
        Err(match held {
            Some(held) => refused(target, &held),
            None => {
                let message = format!("the lease of table {}.{} keeps changing", target.schema, target.table);
                DestError::new(DestErrorKind::Conflict, message)
                    .hint("other runs begin at the same time; run the command again later")
            }
        })
    }

    /// Writes the lease if the one that is there is still `held`, and says which one is there then.
    async fn swap(
        &self,
        api: &Api,
        table: &TableName,
        target: &Target,
        lease: &Lease,
        held: Option<&Lease>,
    ) -> Result<Option<Lease>, DestError> {
        let d = &BigQueryDialect;
        let expected = match held {
            Some(held) => format!(
                "_ingestr_t.run_id = {} AND _ingestr_t.until = {}",
                d.text(&held.run),
                d.instant(held.until)
            ),
            None => "FALSE".into(),
        };
        let sql = format!(
            "{};\n{};\n{};\n",
            ledger::create(d, &table.beside(LEASES), &lease_columns()),
            swap_lease(table, target, lease, &expected),
            of_table(table)
        );
        let turn = self.turns.lease.lock().await;
        self.forget_ledgers().await;
        let found = api.query(&fresh_job("take_lease"), &sql, &[]).await;
        drop(turn);
        let found = match found {
            Ok(found) => found,
            Err(error) if error.is_conflict() => return self.lease_on(api, table).await,
            Err(error) => return Err(super::failed(table, "written", error)),
        };
        let found = told(found);
        let Some(first) = leases::longest(found.clone()) else { return Ok(None) };
        // Two that both found nothing may both have inserted: the one that a later reader would find has it.
        if found.iter().any(|other| other.run != first.run) && first.run != lease.run {
            let sql = ledger::give_up(d, table, &lease.run);
            let _ = api.query(&fresh_job("withdraw_lease"), &sql, &[]).await;
        }
        Ok(Some(first))
    }

    pub(super) async fn release_lease(&self, target: &Target, run: &str) -> Result<(), DestError> {
        let table = self.table_of(target);
        let Some(api) = self.existing(&table).await? else { return Ok(()) };
        match api.query(&fresh_job("release"), &ledger::give_up(&BigQueryDialect, &table, run), &[]).await {
            Ok(_) => Ok(()),
            Err(error) if is_missing(&error) => Ok(()),
            Err(error) => Err(super::failed(&table, "written", error)),
        }
    }
}

/// A query for the leases of a table.
fn of_table(table: &TableName) -> String {
    let d = &BigQueryDialect;
    let all: Vec<String> = lease_columns().into_iter().map(|column| column.name).collect();
    ledger::select(d, &table.beside(LEASES), LEASES, &all, &ledger::of_table(d, table)).0
}

/// The leases in an answer to [`of_table`].
fn told(found: Vec<TextRow>) -> Vec<Lease> {
    let columns = lease_columns();
    let types: Vec<_> = columns.iter().map(|column| column.logical).collect();
    cells(found, &types).into_iter().map(|row| LedgerLine::new(&columns, row).lease()).collect()
}

/// Writes the lease, unless there is one that is not as `expected` says: compare and swap in one statement.
pub(super) fn swap_lease(table: &TableName, target: &Target, lease: &Lease, expected: &str) -> String {
    let d = &BigQueryDialect;
    let line = lease_line(Whose::of(target, table), lease);
    format!(
        "MERGE {} AS _ingestr_t USING (SELECT {}) AS _ingestr_s \
         ON _ingestr_t.dest_schema = _ingestr_s.dest_schema AND _ingestr_t.dest_table = _ingestr_s.dest_table \
         WHEN MATCHED AND ({expected}) THEN UPDATE SET {} WHEN NOT MATCHED THEN INSERT ({}) VALUES ({})",
        table.beside(LEASES).sql(d),
        list(&line, |(name, cell)| format!("{} AS {}", cell.sql(d), d.quote(name))),
        list(&line, |(name, _)| format!("{0} = _ingestr_s.{0}", d.quote(name))),
        list(&line, |(name, _)| d.quote(name)),
        list(&line, |(name, _)| format!("_ingestr_s.{}", d.quote(name)))
    )
}

/// The table a statement is about does not exist.
pub(super) fn is_missing(error: &ApiError) -> bool {
    error.reason == super::wire::Reason::NotFound
}
