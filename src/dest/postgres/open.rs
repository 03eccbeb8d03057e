//! The database as a URI names it, a connection, and its one transaction.
//!
//! Everything is one transaction of a connection of its own, looks as well: so nothing outlives it, and a pooler in
//! transaction mode (pgbouncer) may be between. Statements go by the simple protocol, which prepares nothing.
//!
//! Whoever writes holds a lock on the schema until the end of the transaction: two runs would otherwise make a table of the
//! ledger at once, or both find a lease that has lapsed. It is of the transaction, so it dies with a connection.

use std::sync::Arc;

use tokio_postgres::config::{LoadBalanceHosts, SslMode};
use tokio_postgres::{Client, Config, NoTls};

use super::dialect::{JSON, JSONB, PostgresDialect};
use super::engine::Session;
use super::errors::failed;
use super::tls::Tls;
use super::uri::{FORM, PostgresUri};
use crate::dest::sql::Dialect;
use crate::dest::{DestError, DestErrorKind};

/// How long others are waited for before whoever asks is told that they are in the way.
const PATIENCE: &str = "10s";

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Reading.
    Read,
    /// Writing; others who write to the schema wait.
    Change,
}

/// A PostgreSQL database as a destination.
#[derive(Debug, Clone)]
pub struct Postgres {
    pub(super) uri: Arc<PostgresUri>,
    /// Whoever writes: the tables of a command share those beside them, and would only wait for each other's locks.
    pub(super) turn: Arc<tokio::sync::Mutex<()>>,
    /// A statement that fails, between the rows of the next commit and its state: for tests.
    pub(super) fault: Option<String>,
}

impl Postgres {
    /// The database of a `postgres://` URI. Connects to nothing.
    ///
    /// # Errors
    /// When the URI is not one.
    pub fn from_uri(uri: &str) -> Result<Self, DestError> {
        let uri = crate::dest::uri::read(FORM, |env| PostgresUri::parse(uri, env))?;
        Ok(Self { uri: Arc::new(uri), turn: Arc::default(), fault: None })
    }

    pub(super) fn dialect(&self) -> &'static PostgresDialect {
        if self.uri.binary_json { &JSONB } else { &JSON }
    }

    /// A transaction over a schema.
    ///
    /// # Errors
    /// When the server cannot be reached, or does not let the user in.
    pub(super) async fn open(&self, schema: &str, access: Access) -> Result<Session, DestError> {
        let client = self.connect().await?;
        let session = Session {
            client: Arc::new(client),
            d: self.dialect(),
            schema: schema.to_owned(),
            place: self.uri.place.clone(),
        };
        // Whatever server, database and user have set: texts as the standard has them, times in UTC, numbers to the last digit.
        // Rows that a policy hides would be taken for missing, and written twice: all are seen, or none.
        // What is staged is analysed for how many rows it has: a sample of 300 says so, where 30,000 would be read.
        let begin = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL standard_conforming_strings = on; \
             SET LOCAL client_min_messages = error; SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; \
             SET LOCAL extra_float_digits = 1; SET LOCAL jit = off; SET LOCAL row_security = off; \
             SET LOCAL default_statistics_target = 1; SET LOCAL lock_timeout = '{PATIENCE}'"
        );
        session.batch("read", &begin).await?;
        if access == Access::Change {
            session.lock().await?;
            session.batch("write", "SET CONSTRAINTS ALL DEFERRED").await?;
        }
        Ok(session)
    }

    /// A connection to the first host that lets the user in.
    pub(super) async fn connect(&self) -> Result<Client, DestError> {
        let mut ways: Vec<&Config> = self.uri.ways.iter().collect();
        if ways.iter().any(|way| way.get_load_balance_hosts() == LoadBalanceHosts::Random) {
            fastrand::shuffle(&mut ways);
        }
        let mut refused = DestError::new(DestErrorKind::Other, "--dest-uri names no host");
        for way in ways {
            match self.connect_by(way).await {
                Ok(client) => return Ok(client),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    async fn connect_by(&self, way: &Config) -> Result<Client, DestError> {
        let reach = |error: &tokio_postgres::Error| failed(&self.uri.place, "reach", error);
        let encrypted = way.get_ssl_mode() != SslMode::Disable;
        let Some(certificates) = self.uri.certificates.as_ref().filter(|_| encrypted) else {
            let (client, connection) = way.connect(NoTls).await.map_err(|error| reach(&error))?;
            // Ends with the client, and says nothing that the client does not.
            tokio::spawn(connection);
            return Ok(client);
        };
        let tls = Tls::new(certificates)
            .map_err(|message| DestError::new(DestErrorKind::Other, format!("--dest-uri: {message}")))?;
        let (client, connection) = way.connect(tls).await.map_err(|error| reach(&error))?;
        tokio::spawn(connection);
        Ok(client)
    }
}

impl Session {
    /// Another schema of the same transaction.
    pub(super) fn at(&self, schema: &str) -> Self {
        Self {
            client: Arc::clone(&self.client),
            schema: schema.to_owned(),
            place: self.place.clone(),
            d: self.d,
        }
    }

    /// Waits until nobody else writes to the schema.
    pub(super) async fn lock(&self) -> Result<(), DestError> {
        let name = self.d.text(&format!("ingestr {}", self.schema));
        self.batch("write", &format!("SELECT pg_advisory_xact_lock(hashtextextended({name}, 0))")).await
    }

    /// Makes the schema, unless it is there: that is looked at first, as not everybody may make one.
    pub(super) async fn make_schema(&self) -> Result<(), DestError> {
        let there = format!("SELECT 1 FROM pg_namespace WHERE nspname = {}", self.d.text(&self.schema));
        if self.strings(&there).await?.is_empty() {
            self.batch("write", &format!("CREATE SCHEMA IF NOT EXISTS {}", self.d.quote(&self.schema)))
                .await?;
        }
        Ok(())
    }

    /// Ends the transaction: for good where the work was done, else without a trace.
    pub(super) async fn end<T>(self, done: Result<T, DestError>) -> Result<T, DestError> {
        match done {
            Ok(done) => self.batch("write", "COMMIT").await.map(|()| done),
            Err(error) => {
                // If this fails too, the end of the connection does the same; the first error is the one to tell.
                let _ = self.batch("write", "ROLLBACK").await;
                Err(error)
            }
        }
    }
}
