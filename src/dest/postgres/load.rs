//! A load: its rows are kept until the commit, which is one transaction.

use arrow_array::RecordBatch;
use futures_util::future::BoxFuture;

use super::dialect::BINARY_JSON;
use super::engine::Session;
use super::open::{Access, Postgres};
use super::values::taken;
use crate::dest::sql::commit::Seen;
use crate::dest::sql::embedded::{Waiting, commit as committed, has_landed};
use crate::dest::sql::engine::Engine;
use crate::dest::{Again, Commit, Counts, DestError, DestErrorKind, Load, Targets, Undone};
use crate::model::Tombstone;

/// The rows of one commit.
pub(super) struct PostgresLoad {
    dest: Postgres,
    rows: Waiting,
}

impl PostgresLoad {
    pub(super) fn new(dest: Postgres, targets: Targets<'_>) -> Self {
        let rows = Waiting::of(dest.dialect(), targets);
        Self { dest, rows }
    }

    /// Makes the commit. After an error nothing of it is there, unless that is [`DestErrorKind::Unknown`].
    async fn make(&self, commit: &Commit) -> Result<Vec<Counts>, DestError> {
        let _turn = self.dest.turn.lock().await;
        let target = self.rows.target();
        let session = self.dest.open(&target.schema, Access::Change).await?;
        let work = self.work(&session, commit).await;
        let Ok(counts) = work else { return session.end(work).await };
        match session.batch("write", "COMMIT").await {
            Ok(()) => Ok(counts),
            // A constraint that is looked at then, or a server that says why it does not.
            Err(error) if !session.client.is_closed() => Err(error),
            Err(error) => self.after_lost_commit(commit, counts, error).await,
        }
    }

    async fn work(&self, session: &Session, commit: &Commit) -> Result<Vec<Counts>, DestError> {
        if commit.lease.is_none() {
            session.make_schema().await?;
        }
        let (rows, commit, rejected) = self.clean(session, commit).await?;
        let mut counts = committed(session, rows, &commit, self.dest.fault.clone()).await?;
        for (counts, rejected) in counts.iter_mut().zip(rejected) {
            counts.rejected += rejected;
        }
        // What a deferred constraint says is told by a statement, and not by a COMMIT.
        session.batch("write", "SET CONSTRAINTS ALL IMMEDIATE").await?;
        Ok(counts)
    }

    /// The rows as PostgreSQL takes them, the commit with what it does not take, and how much of that there was.
    async fn clean(
        &self,
        session: &Session,
        commit: &Commit,
    ) -> Result<(Waiting, Commit, Vec<u64>), DestError> {
        let seen = Seen { tables: session.tables().await?, ..Seen::default() };
        let mut shapes = Vec::with_capacity(self.rows.targets.len());
        for of in &self.rows.targets {
            let found = seen.of(session, &of.target).await?;
            shapes.push([found.table, found.hidden]);
        }
        Ok(self.rows.rewritten(commit, |at, batch, target, rejects| {
            let binary = |name: &str| {
                let found = shapes[at].iter().flatten().find_map(|shape| shape.find(name));
                found.map_or(self.dest.uri.binary_json, |column| column.kind == BINARY_JSON)
            };
            taken(batch, target, &binary, rejects)
        }))
    }

    /// The connection is gone, and nobody knows whether the server had heard: what is stored says so, if it is there.
    async fn after_lost_commit(
        &self,
        commit: &Commit,
        counts: Vec<Counts>,
        error: DestError,
    ) -> Result<Vec<Counts>, DestError> {
        let target = self.rows.target();
        if let Ok(session) = self.dest.open(&target.schema, Access::Read).await
            && has_landed(&session, target, commit).await.unwrap_or(false)
        {
            return Ok(counts);
        }
        // The server may not be done with it yet.
        Err(error.while_committing("run the command again; it goes on from what the database says"))
    }
}

impl Load for PostgresLoad {
    fn stage<'a>(&'a mut self, at: usize, batch: RecordBatch) -> BoxFuture<'a, Result<(), DestError>> {
        Box::pin(std::future::ready(self.rows.take(self.dest.dialect(), at, batch)))
    }

    fn complete(&mut self, at: usize, parents: Vec<i64>) {
        self.rows.targets[at].complete.extend(parents);
    }

    fn bury(&mut self, tombstones: Vec<Tombstone>) {
        self.rows.tombstones.extend(tombstones);
    }

    fn commit(self: Box<Self>, commit: Commit) -> BoxFuture<'static, Result<Vec<Counts>, Undone>> {
        Box::pin(async move {
            match self.make(&commit).await {
                Ok(counts) => Ok(counts),
                Err(error) if error.kind == DestErrorKind::Locked => {
                    Err(Undone::Held { error, again: Box::new(Again { load: self, commit }) })
                }
                Err(error) => Err(error.into()),
            }
        })
    }
}
