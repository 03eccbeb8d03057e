//! The database that a team has anyway: PostgreSQL, 15 and newer.
//!
//! The rows of a commit are kept until it is made, and then go into temporary tables, and from there into the target's: all
//! of it in one transaction, in which PostgreSQL makes and changes tables as well. A pooler may be in between.
//!
//! | room | what |
//! | --- | --- |
//! | `uri`, `tls`, `binding`, `open`, `errors` | where the server is, how it is spoken to, a transaction, and what failures mean |
//! | `dialect` | names, types and values; how a table is made and changed |
//! | `engine` | a schema as [`super::sql`] sees it; staging by `copy` |
//! | `load`, `values` | a commit, and what PostgreSQL does not take |
//! | `rights` | what the user lacks, before anything is read |

use std::collections::BTreeSet;

use futures_util::future::BoxFuture;

use super::sql::Dialect;
use super::sql::cells::Cell;
use super::sql::embedded;
use super::sql::engine::Engine;
use super::sql::ledger::not_ours;
use super::sql::{answers, descriptions, idle, inventory, leases};
use super::{
    Answer, Capabilities, DestError, Destination, Idle, Inspection, Lease, Load, Query, Question, Remembered,
    Stored, Target, Targets, TextRow,
};
use crate::model::lease::Claim;
use crate::model::{Described, Description, LogicalType, Micros};
use dialect::check_names;
use open::Access;

mod binding;
mod copy;
mod dialect;
mod engine;
mod errors;
mod load;
mod open;
mod rights;
#[cfg(test)]
mod tests;
mod tls;
mod uri;
mod values;

pub use open::Postgres;
pub(super) use uri::FORM;

impl Postgres {
    async fn look(&self, target: &Target) -> Result<Inspection, DestError> {
        not_ours(target)?;
        check_names(target)?;
        let target = &self.dialect().spelled(target);
        let session = self.open(&target.schema, Access::Read).await?;
        let found = match rights::check(&session, target).await {
            Ok(()) => embedded::inspect(&session, target, &self.uri.place).await,
            Err(error) => Err(error),
        };
        session.end(found).await
    }

    async fn take_lease(
        &self,
        target: &Target,
        lease: &Lease,
        claim: Claim,
        live: fn(&Lease, Micros) -> bool,
    ) -> Result<(), DestError> {
        let _turn = self.turn.lock().await;
        let session = self.open(&target.schema, Access::Change).await?;
        let taken = match session.make_schema().await {
            Ok(()) => leases::take(&session, target, lease, claim, live).await,
            Err(error) => Err(error),
        };
        session.end(taken).await
    }

    /// What is remembered in all schemas, or in one. One that may not be read is in the way only where there is nothing else:
    /// what was found is true, but that there is nothing is not.
    async fn all_remembered(&self, only: Option<&str>) -> Result<Vec<Remembered>, DestError> {
        let session = self.open("", Access::Read).await?;
        let found = async {
            let (mut all, mut unread) = (Vec::new(), None);
            for (schema, lacks) in rights::remembering(&session, only).await? {
                match lacks {
                    None => all.extend(inventory::of_schema(&session.at(&schema)).await?),
                    Some(lacks) => unread = unread.or(Some(lacks)),
                }
            }
            match unread.filter(|_| all.is_empty()) {
                Some(lacks) => Err(errors::missing("read", &session.place, &lacks)),
                None => Ok(all),
            }
        };
        let found = found.await;
        let mut all = session.end(found).await?;
        all.sort_by_cached_key(Remembered::order);
        Ok(all)
    }

    async fn reassign_all(&self, tables: &[Remembered], account: &str) -> Result<u64, DestError> {
        let _turn = self.turn.lock().await;
        let mut changed = 0;
        // In the order of their names, so that two who do this wait for each other and not both for ever.
        let schemas: BTreeSet<&str> = tables.iter().map(|one| one.schema.as_str()).collect();
        let Some(first) = schemas.first() else { return Ok(0) };
        let session = self.open(first, Access::Change).await?;
        for schema in schemas {
            let session = session.at(schema);
            session.lock().await?;
            let of_schema: Vec<&Remembered> = tables.iter().filter(|one| one.schema == schema).collect();
            changed += inventory::reassign(&session, &of_schema, account).await?;
        }
        session.end(Ok(changed)).await
    }
}

impl Destination for Postgres {
    fn capabilities(&self) -> Capabilities {
        Capabilities { system_schemas: &["information_schema", "pg_*"], ..Capabilities::DATABASE }
    }

    fn default_schema(&self) -> Option<&str> {
        Some("public")
    }

    fn describe(&self) -> String {
        self.uri.place.clone()
    }

    fn inspect<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Inspection, DestError>> {
        Box::pin(self.look(target))
    }

    fn ask<'a>(
        &'a self,
        target: &'a Target,
        question: Question,
    ) -> BoxFuture<'a, Result<Option<Answer>, DestError>> {
        Box::pin(async move {
            let target = &self.dialect().spelled(target);
            let session = self.open(&target.schema, Access::Read).await?;
            let answer = answers::answer(&session, target, &question).await;
            session.end(answer).await
        })
    }

    fn rows<'a>(
        &'a self,
        target: &'a Target,
        columns: &'a [String],
        after: Option<i64>,
        most: u64,
    ) -> BoxFuture<'a, Result<Option<Vec<Stored>>, DestError>> {
        Box::pin(async move {
            let target = &self.dialect().spelled(target);
            let session = self.open(&target.schema, Access::Read).await?;
            let rows = answers::rows(&session, target, columns, after, most).await;
            session.end(rows).await
        })
    }

    fn write_descriptions<'a>(
        &'a self,
        tables: &'a [(Target, Vec<Description>)],
        described: &'a Described,
    ) -> BoxFuture<'a, Result<bool, DestError>> {
        Box::pin(async move {
            let Some((first, _)) = tables.first() else { return Ok(true) };
            let _turn = self.turn.lock().await;
            let session = self.open(&first.schema, Access::Change).await?;
            let there = descriptions::write(&session, tables, described).await;
            session.end(there).await
        })
    }

    fn lease<'a>(
        &'a self,
        target: &'a Target,
        lease: Lease,
        claim: Claim,
        live: fn(&Lease, Micros) -> bool,
    ) -> BoxFuture<'a, Result<(), DestError>> {
        Box::pin(async move { self.take_lease(target, &lease, claim, live).await })
    }

    fn release<'a>(&'a self, target: &'a Target, run: &'a str) -> BoxFuture<'a, Result<(), DestError>> {
        Box::pin(async move {
            let _turn = self.turn.lock().await;
            let session = self.open(&target.schema, Access::Change).await?;
            let released = leases::release(&session, target, run).await;
            session.end(released).await
        })
    }

    fn commit_idle<'a>(&'a self, idle: &'a [Idle], now: Micros) -> BoxFuture<'a, Result<(), DestError>> {
        Box::pin(async move {
            let Some(first) = idle.first().and_then(|one| one.targets.first()) else { return Ok(()) };
            let _turn = self.turn.lock().await;
            let session = self.open(&first.schema, Access::Change).await?;
            let made = idle::commit(&session, idle, now).await;
            session.end(made).await
        })
    }

    fn remembered(&self) -> BoxFuture<'_, Result<Vec<Remembered>, DestError>> {
        Box::pin(self.all_remembered(None))
    }

    fn remembered_in<'a>(&'a self, schema: &'a str) -> BoxFuture<'a, Result<Vec<Remembered>, DestError>> {
        Box::pin(self.all_remembered(Some(schema)))
    }

    fn forget<'a>(&'a self, schema: &'a str, table: &'a str) -> BoxFuture<'a, Result<u64, DestError>> {
        Box::pin(async move {
            let _turn = self.turn.lock().await;
            let session = self.open(schema, Access::Change).await?;
            let forgotten = inventory::reset(&session, table).await;
            session.end(forgotten).await
        })
    }

    fn reassign<'a>(
        &'a self,
        tables: &'a [Remembered],
        account: &'a str,
    ) -> BoxFuture<'a, Result<u64, DestError>> {
        Box::pin(self.reassign_all(tables, account))
    }

    fn select<'a>(&'a self, query: &'a Query<'a>) -> BoxFuture<'a, Result<Vec<TextRow>, DestError>> {
        Box::pin(async move {
            let session = self.open(query.schema, Access::Read).await?;
            let rows = session.query(query.sql, &vec![LogicalType::Text; query.columns]).await;
            let texts = |row: Vec<Cell>| row.into_iter().map(Cell::into_text).collect();
            session.end(rows.map(|rows| rows.into_iter().map(texts).collect())).await
        })
    }

    fn begin(&self, targets: Targets<'_>) -> Box<dyn Load> {
        Box::new(load::PostgresLoad::new(self.clone(), targets))
    }
}
