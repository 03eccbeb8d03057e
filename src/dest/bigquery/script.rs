//! A commit as one script: what must be there, then one transaction, then what it did.
//!
//! BigQuery changes no permanent table inside a transaction, so tables are made and widened before it. A script that
//! fails inside its transaction has done nothing of it: BigQuery rolls back.
//! <https://cloud.google.com/bigquery/docs/transactions>

/// Variables of every script; their names begin like ours, since a column of the same name would win.
pub(super) const INSERTED: &str = "_ingestr_inserted";
pub(super) const UPDATED: &str = "_ingestr_updated";
pub(super) const UNCHANGED: &str = "_ingestr_unchanged";
pub(super) const DELETED: &str = "_ingestr_deleted";
pub(super) const REFUSED: &str = "_ingestr_refused";
const COUNTS: [&str; 5] = [INSERTED, UPDATED, UNCHANGED, DELETED, REFUSED];

/// What a script fails with when another run has taken the lease.
pub(super) const LEASED: &str = "_ingestr_lease_lost";

/// The name of a temporary table.
pub(super) fn scratch(name: &str) -> String {
    format!("_ingestr_scratch_{name}")
}

/// The statements of a commit, without their semicolons.
#[derive(Debug, Default)]
pub(super) struct Script {
    variables: Vec<String>,
    guard: Option<String>,
    before: Vec<String>,
    body: Vec<String>,
    scratch: Vec<String>,
}

impl Script {
    /// An INT64 variable for the statements of the transaction.
    pub(super) fn variable(&mut self, name: &str) -> String {
        let name = format!("_ingestr_{name}");
        if !self.variables.contains(&name) {
            self.variables.push(name.clone());
        }
        name
    }

    /// Looked at before anything is changed, and again inside the transaction.
    pub(super) fn guard(&mut self, statement: String) {
        self.guard = Some(statement);
    }

    /// Statements that make and change tables.
    pub(super) fn before(&mut self, statements: impl IntoIterator<Item = String>) {
        self.before.extend(statements);
    }

    /// Statements of the transaction.
    pub(super) fn body(&mut self, statements: impl IntoIterator<Item = String>) {
        self.body.extend(statements);
    }

    /// A temporary table that is dropped at the end: BigQuery would keep it for a day.
    pub(super) fn scratch(&mut self, name: &str) {
        self.scratch.push(name.to_owned());
    }

    /// The whole, which ends in one row: inserted, updated, unchanged and deleted rows, and refused values.
    pub(super) fn text(&self) -> String {
        let variables: Vec<&str> =
            COUNTS.into_iter().chain(self.variables.iter().map(String::as_str)).collect();
        let mut statements = vec![format!("DECLARE {} INT64 DEFAULT 0", variables.join(", "))];
        statements.extend(self.guard.clone());
        statements.extend(self.before.iter().cloned());
        statements.push("BEGIN TRANSACTION".into());
        statements.extend(self.guard.clone());
        statements.extend(self.body.iter().cloned());
        statements.push("COMMIT TRANSACTION".into());
        statements.extend(self.scratch.iter().map(|name| format!("DROP TABLE {name}")));
        statements.push(format!("SELECT {}", COUNTS.join(", ")));
        statements.join(";\n") + ";\n"
    }
}
