//! Who may write to a table: taking and giving up leases by compare and swap.
//!
//! Whether a lease that is found still counts is decided here, not in SQL; the statement then writes only if what it
//! finds is what was judged. BigQuery lets two such statements run one after the other, never both on the same rows.

use super::BigQuery;
use super::books::{self, give_up, lease_of, swap_lease};
use super::dialect::BigQueryDialect;
use super::wire::{Api, ApiError, JobId};
use crate::dest::sql::ledger::{LEASES, lease_columns, refused};
use crate::dest::sql::{Dialect, TableName};
use crate::dest::{DestError, DestErrorKind, Target};
use crate::model::lease;
use crate::model::{Lease, Micros};

/// How often a lease is looked at again that changed while it was judged.
const TURNS: usize = 5;

impl BigQuery {
    /// The lease of a table, expired or not; `None` also if there is no book of leases.
    pub(super) async fn lease_on(&self, api: &Api, table: &TableName) -> Result<Option<Lease>, DestError> {
        let one = format!("dest_table = {}", BigQueryDialect.text(&table.table));
        match api.query(&fresh_job("lease"), &books::leases(table, &one), &[]).await {
            Ok(found) => Ok(found.rows.first().map(|row| lease_of(row).1)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(super::failed(table, "read", error)),
        }
    }

    pub(super) async fn take_lease(
        &self,
        target: &Target,
        lease: &Lease,
        live: fn(&Lease, Micros) -> bool,
    ) -> Result<(), DestError> {
        let table = self.table_of(target);
        let api = self.ready(&table).await?;
        // The one who asks wants a whole term from now.
        let now = lease.until.minus(lease::TERM);
        let mut held = self.lease_on(&api, &table).await?;
        for _ in 0..TURNS {
            if let Some(held) = held.as_ref().filter(|held| held.run != lease.run && live(held, now)) {
                return Err(refused(target, held));
            }
            held = self.swap(&api, &table, target, lease, held.as_ref()).await?;
            if held.as_ref() == Some(lease) {
                return Ok(());
            }
        }
        Err(match held {
            Some(held) => refused(target, &held),
            None => DestError {
                kind: DestErrorKind::Locked,
                message: format!("the lease of table {}.{} keeps changing", target.schema, target.table),
                hint: Some("other runs begin at the same time; run the command again later".into()),
                source: None,
            },
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
        let one = format!("dest_table = {}", d.text(&table.table));
        let sql = format!(
            "{};\n{};\n{};\n",
            books::create(&table.beside(LEASES), &lease_columns()),
            swap_lease(table, target, lease, &expected),
            books::leases(table, &one)
        );
        let found = api.query(&fresh_job("take_lease"), &sql, &[]).await;
        let found = match found {
            Ok(found) => found,
            Err(error) if error.is_conflict() => return self.lease_on(api, table).await,
            Err(error) => return Err(super::failed(table, "written", error)),
        };
        let mut leases = found.rows.iter().map(|row| lease_of(row).1);
        let Some(first) = leases.next() else { return Ok(None) };
        // Two that both found nothing may both have inserted: the one that a later reader would find has it.
        let lost = leases.any(|other| other.run != first.run) && first.run != lease.run;
        if lost {
            let sql = give_up(table, &table.table, &lease.run);
            let _ = api.query(&fresh_job("withdraw_lease"), &sql, &[]).await;
        }
        Ok(Some(first))
    }

    pub(super) async fn release_lease(&self, target: &Target, run: &str) -> Result<(), DestError> {
        let table = self.table_of(target);
        let Some(api) = self.existing(&table).await? else { return Ok(()) };
        match api.query(&fresh_job("release"), &give_up(&table, &table.table, run), &[]).await {
            Ok(_) => Ok(()),
            Err(error) if is_missing(&error) => Ok(()),
            Err(error) => Err(super::failed(&table, "written", error)),
        }
    }
}

/// A job that nobody will look for.
pub(super) fn fresh_job(what: &str) -> JobId {
    super::job_id(&format!("ingestr_{:032x}_{what}", fastrand::u128(..)))
}

/// The table a statement is about does not exist.
pub(super) fn is_missing(error: &ApiError) -> bool {
    error.reason == super::wire::Reason::NotFound
}
