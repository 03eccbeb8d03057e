//! A dataset of an emulator of BigQuery, and how tests read it: over REST, with nothing of the program.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Admin, RUNTIME, of_texts};
use crate::support::documented;
use crate::support::memory::Row;

/// A dataset.
#[derive(Debug)]
pub struct Dataset {
    base: String,
    name: String,
}

impl Dataset {
    /// In the emulator of that URI.
    pub fn new(uri: &str, name: &str) -> Self {
        Self { base: base(uri), name: name.to_owned() }
    }

    fn run(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        RUNTIME.block_on(select(&self.base, sql))
    }
}

impl Admin for Dataset {
    fn rows(&self, table: &str) -> BTreeMap<i64, Row> {
        let columns = documented::columns(table);
        let names: Vec<String> = columns.iter().map(|(name, _)| format!("`{name}`")).collect();
        let alive = documented::alive(table);
        let sql = format!("SELECT {} FROM `{}`.`{table}`{alive}", names.join(", "), self.name);
        documented::by_id(table, of_texts(&columns, self.run(&sql)))
    }

    fn drop_table(&self, table: &str) {
        self.run(&format!("DROP TABLE IF EXISTS `{}`.`{table}`", self.name));
    }

    fn drop_all(&self) {
        self.run(&format!("DROP SCHEMA IF EXISTS `{}` CASCADE", self.name));
    }
}

/// Where the REST API of an emulator is, its project being `testproj`.
pub fn base(uri: &str) -> String {
    let uri = url::Url::parse(uri).expect("a URI");
    let base = uri.query_pairs().find(|(name, _)| name == "base_url").expect("an emulator").1.into_owned();
    format!("{base}/bigquery/v2/projects/testproj")
}

/// All rows of a query, over REST.
pub async fn select(base: &str, sql: &str) -> Vec<Vec<Option<String>>> {
    let client = reqwest::Client::new();
    let id = format!("life_{:016x}", fastrand::u64(..));
    let send = async |request: reqwest::RequestBuilder| -> Value {
        let body = request.send().await.expect("an answer").text().await.expect("a text");
        serde_json::from_str(&body).expect("JSON")
    };
    let job = json!({"jobReference": {"projectId": "testproj", "jobId": id},
        "configuration": {"query": {"query": sql, "useLegacySql": false}}});
    let post = client.post(format!("{base}/jobs")).header("content-type", "application/json");
    send(post.body(job.to_string())).await;
    let mut rows = Vec::new();
    let mut page = String::new();
    loop {
        let url = format!("{base}/queries/{id}?formatOptions.useInt64Timestamp=true{page}");
        let answer = send(client.get(url)).await;
        for row in answer["rows"].as_array().into_iter().flatten() {
            let cells = row["f"].as_array().expect("cells").iter();
            rows.push(cells.map(|cell| cell["v"].as_str().map(str::to_owned)).collect());
        }
        match answer["pageToken"].as_str() {
            Some(token) => page = format!("&pageToken={token}"),
            None if answer["jobComplete"] == Value::Bool(true) => return rows,
            None => assert!(answer["error"].is_null(), "{answer}"),
        }
    }
}
