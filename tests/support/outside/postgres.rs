//! A schema of a PostgreSQL server, and how tests read it: with nothing of the program.

use std::collections::BTreeMap;

use ingestr::api::model::LogicalType;
use tokio_postgres::{NoTls, SimpleQueryMessage};

use super::{Admin, RUNTIME, of_texts};
use crate::support::documented;
use crate::support::memory::Row;

/// A schema.
#[derive(Debug)]
pub struct Schema {
    uri: String,
    name: String,
}

impl Schema {
    pub fn new(uri: String, name: String) -> Self {
        Self { uri, name }
    }

    /// The rows of a statement, as texts.
    fn run(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        RUNTIME.block_on(async {
            let (client, connection) = tokio_postgres::connect(&self.uri, NoTls).await.expect("a server");
            tokio::spawn(connection);
            let answer = client.simple_query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
            let row = |message| match message {
                SimpleQueryMessage::Row(row) => {
                    Some((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect())
                }
                _ => None,
            };
            answer.into_iter().filter_map(row).collect()
        })
    }
}

impl Admin for Schema {
    fn rows(&self, table: &str) -> BTreeMap<i64, Row> {
        let columns = documented::columns(table);
        let shown = |(name, logical): &(&str, LogicalType)| match logical {
            LogicalType::Timestamp => format!("(extract(epoch FROM \"{name}\") * 1000000)::bigint"),
            _ => format!("\"{name}\"::text"),
        };
        let shown: Vec<String> = columns.iter().map(shown).collect();
        let alive = documented::alive(table);
        let sql = format!("SELECT {} FROM {}.\"{table}\"{alive}", shown.join(", "), self.name);
        documented::by_id(table, of_texts(&columns, self.run(&sql)))
    }

    fn texts(&self, sql: &str) -> Vec<String> {
        self.run(sql).into_iter().filter_map(|mut row| row.pop().flatten()).collect()
    }

    fn drop_table(&self, table: &str) {
        self.run(&format!("DROP TABLE IF EXISTS {}.\"{table}\"", self.name));
    }

    fn drop_all(&self) {
        self.run(&format!("DROP SCHEMA IF EXISTS {} CASCADE", self.name));
    }
}
