//! The file that everything opens: one SQLite database.
//!
//! The smallest destination over [`super::sql`], and the example for others: how the file is opened (`file`), how SQL is
//! spelled (`dialect`), and what the engine asks of a database (`engine`). Every look has a connection of its own, every
//! commit one transaction. The journal mode stays as it is found.
//!
//! SQLite has no schemas: tables of `main` have their own name, those of another schema `schema.table`.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::in_process::{Access, InProcess};
use super::local::{self, path_of};
use super::sql::Dialect;
use super::sql::embedded::{Waiting, at_once, commit};
use super::{Commit, Counts, DestError, Target};
use engine::Session;
use file::{KIND, in_turn, transact};

mod dialect;
mod engine;
mod file;
#[cfg(test)]
mod tests;

/// A SQLite file as a destination.
#[derive(Debug, Clone)]
pub struct Sqlite {
    path: PathBuf,
    /// A statement that fails, between the rows of the next commit and its state: for tests.
    fault: Option<String>,
}

impl Sqlite {
    /// The file of a `sqlite:///relative` or `sqlite:////absolute` URI. Touches nothing.
    ///
    /// # Errors
    /// When the URI names no file.
    pub fn from_uri(uri: &str) -> Result<Self, DestError> {
        Ok(Self::at(path_of(KIND, uri)?))
    }

    /// The file at `path`. Touches nothing.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), fault: None }
    }
}

impl InProcess for Sqlite {
    const KIND: &'static str = KIND;
    type Handle = Connection;
    type Session<'a> = Session<'a>;

    fn dialect(&self) -> &'static dyn Dialect {
        &dialect::SqliteDialect
    }

    fn name(&self) -> String {
        format!("{} file {}", KIND, self.place())
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn file(&self) -> Option<&Path> {
        Some(&self.path)
    }

    fn exists(&self) -> Result<bool, DestError> {
        local::exists(KIND, &self.path)
    }

    fn exists_and_is_writable(&self) -> Result<bool, DestError> {
        local::exists_and_is_writable(KIND, &self.path)
    }

    fn make_room(&self) -> Result<(), DestError> {
        local::create_parents(KIND, &self.path)
    }

    fn open<T>(
        &self,
        access: Access,
        work: impl Fn(&Connection) -> Result<T, DestError>,
    ) -> Result<T, DestError> {
        let change = access == Access::Change;
        in_turn(&self.path, change, |connection| {
            if change {
                transact(connection, &self.path, || work(connection), &mut false)
            } else {
                work(connection)
            }
        })
    }

    fn session<'a>(&'a self, handle: &'a Connection, schema: &'a str) -> Session<'a> {
        Session { connection: handle, path: &self.path, schema }
    }

    fn schemas(&self, handle: &Connection) -> Result<Vec<String>, DestError> {
        self.session(handle, dialect::MAIN).schemas()
    }

    fn check(&self, target: &Target) -> Result<(), DestError> {
        dialect::check_names(target)
    }

    fn create_schema(&self, _: &str) -> Option<String> {
        None
    }

    fn commit(
        &self,
        rows: &mut Waiting,
        made: &Commit,
        committing: &mut bool,
    ) -> Result<Vec<Counts>, DestError> {
        in_turn(&self.path, true, |connection| {
            let session = self.session(connection, &rows.target().schema);
            // A copy: if COMMIT meets a reader, all of it is done again.
            let work = || at_once(commit(&session, rows.clone(), made, self.fault.clone()));
            transact(connection, &self.path, work, committing)
        })
    }
}
