//! What the credentials may do, found out with one cheap request after the other: `ingestr check`.

use std::sync::Arc;

use serde_json::Value;

use crate::http::Observer;
use crate::http::room::Body;
use crate::source::gorgias::Gorgias;
use crate::source::gorgias::api::is_useless;
use crate::source::gorgias::list::pages::{self, Position};
use crate::source::gorgias::resources::TABLES;
use crate::source::{Choice, Finding, SourceError, Subject};

impl Gorgias {
    /// Asks for the account, the user, a row of each table and an event. Where the account cannot be reached or does not
    /// take the credentials, nothing else is asked.
    pub(crate) async fn find_out(&self, observer: Arc<dyn Observer>) -> Vec<Finding> {
        let account = self.object("/api/account", &*observer).await;
        let useless = account.as_ref().err().is_some_and(is_useless);
        let mut findings = vec![Finding::new(
            Subject::Account,
            account.map(|account| self.client.shown(&self.account_words(&account))),
        )];
        if useless {
            return findings;
        }
        // 0 is the user who asks.
        let user = self.object("/api/users/0", &*observer).await;
        findings.push(Finding::new(Subject::User, user.map(|user| self.client.shown(&user_words(&user)))));
        // What is allowed of others shows when they are named; rows of child tables lie in those of their parents.
        for spec in TABLES.iter().filter(|spec| spec.choice == Choice::Usual) {
            let rows = self.list(spec.path(), &*observer).await;
            let words = |some: bool| if some { "may be read" } else { "may be read; it has no rows" };
            findings.push(Finding::new(Subject::Table(spec), rows.map(|some| words(some).to_owned())));
        }
        let events = self.list("/api/events", &*observer).await;
        let words = |_| "may be read: deletions and merges will be seen".to_owned();
        findings.push(Finding::new(Subject::Events, events.map(words)));
        findings
    }

    async fn object(&self, path: &str, observer: &dyn Observer) -> Result<Value, SourceError> {
        let read = |body: Body| match serde_json::from_slice(&body) {
            Ok(Value::Object(fields)) => Ok(Value::Object(fields)),
            Ok(_) => Err("the answer is no JSON object".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        Ok(self.client.get(path, observer, read).await?)
    }

    /// Whether a list has any rows.
    async fn list(&self, path: &str, observer: &dyn Observer) -> Result<bool, SourceError> {
        let (rows, _) =
            self.client.get(&format!("{path}?limit=1"), observer, pages::read(Position::First, 1)).await?;
        Ok(!rows.is_empty())
    }

    fn account_words(&self, account: &Value) -> String {
        let text = |path: &str| account.pointer(path).and_then(Value::as_str);
        let mut words = format!("{}.gorgias.com answers", self.domain);
        for (name, value) in
            [("status", text("/status/status")), ("plan", text("/current_subscription/plan"))]
        {
            words.extend(value.map(|value| format!(", {name} {value}")));
        }
        words
    }
}

fn user_words(user: &Value) -> String {
    let text = |path: &str| user.pointer(path).and_then(Value::as_str).filter(|text| !text.is_empty());
    let who = text("/email").or(text("/name")).unwrap_or("a user without a name");
    match text("/role/name") {
        Some(role) => format!("{who}, role {role}"),
        None => format!("{who}, role not told"),
    }
}
