//! The bucket that the data lies in, and what opens it: what the URI says, else the environment, as other tools that
//! speak to S3 read it, else whatever DuckDB's own chain of credentials finds.

use crate::dest::access::{Get, S3Access, S3Key};
use crate::dest::duckdb::dialect::DuckDialect;
use crate::dest::sql::Dialect as _;

/// The parameters that are about buckets.
pub(super) const BUCKET: [&str; 5] =
    ["access_key_id", "secret_access_key", "session_token", "region", "endpoint_url"];

/// A bucket.
#[derive(Clone)]
pub(super) struct Bucket {
    /// The bucket and the folder in it, as a URL.
    pub(super) url: String,
    access: S3Access,
}

impl Bucket {
    /// The bucket of that URL. `get` gives parameters, `env` the environment.
    ///
    /// # Errors
    /// What is wrong with them, without a value.
    pub(super) fn new(url: &str, get: Get<'_>, env: Get<'_>) -> Result<Self, String> {
        Ok(Self { url: url.to_owned(), access: S3Access::read(get, env)? })
    }

    /// What must be in no message.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &String> {
        self.access.secrets()
    }

    /// Whether DuckDB has to find the credentials by itself, for which it needs another extension.
    pub(super) fn is_looked_for(&self) -> bool {
        self.access.key.is_none()
    }

    /// The statement that tells DuckDB of it. Holds secrets.
    pub(super) fn statement(&self) -> String {
        let d = &DuckDialect;
        let mut parts = vec!["TYPE s3".to_owned(), format!("SCOPE {}", d.text(&self.url))];
        let S3Access { key, region, endpoint } = &self.access;
        match key {
            Some(S3Key { id, secret, token }) => {
                parts.push(format!("KEY_ID {}, SECRET {}", d.text(id), d.text(secret)));
                parts.extend(token.iter().map(|token| format!("SESSION_TOKEN {}", d.text(token))));
            }
            None => parts.push("PROVIDER credential_chain".into()),
        }
        parts.extend(region.iter().map(|region| format!("REGION {}", d.text(region))));
        if let Some(base) = endpoint {
            let host = base.url.split_once("://").map_or(base.url.as_str(), |(_, host)| host);
            let tls = !base.is_plain();
            // Whoever is not Amazon has seldom a name for each bucket.
            parts.push(format!("ENDPOINT {}, USE_SSL {tls}, URL_STYLE 'path'", d.text(host)));
        }
        format!("CREATE OR REPLACE TEMPORARY SECRET _ingestr_bucket ({})", parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(params: &[(&str, &str)], environment: &[(&str, &str)]) -> Result<String, String> {
        let find = |from: &[(&str, &str)], name: &str| {
            from.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let (get, env) = (|name: &str| find(params, name), |name: &str| find(environment, name));
        Bucket::new("s3://shop/lake/", &get, &env).map(|bucket| bucket.statement())
    }

    #[test]
    fn what_the_uri_says_goes_before_the_environment() {
        let own = [
            ("access_key_id", "id"),
            ("secret_access_key", "it's"),
            ("endpoint_url", "http://127.0.0.1:9000"),
        ];
        let theirs = [
            ("AWS_ACCESS_KEY_ID", "other"),
            ("AWS_SECRET_ACCESS_KEY", "word"),
            ("AWS_SESSION_TOKEN", "token"),
            ("AWS_REGION", "eu-central-1"),
        ];
        let elsewhere = [("AWS_DEFAULT_REGION", "garage"), ("AWS_ENDPOINT", "https://store.example.com")];
        let all = [
            statement(&own, &theirs),
            statement(&[], &theirs),
            statement(&[], &[]),
            statement(&[], &elsewhere),
        ];
        let all = all.map(|one| one.expect("can be read")).join("\n");
        insta::assert_snapshot!(all, @r"
        CREATE OR REPLACE TEMPORARY SECRET _ingestr_bucket (TYPE s3, SCOPE 's3://shop/lake/', KEY_ID 'id', SECRET 'it''s', REGION 'eu-central-1', ENDPOINT '127.0.0.1:9000', USE_SSL false, URL_STYLE 'path')
        CREATE OR REPLACE TEMPORARY SECRET _ingestr_bucket (TYPE s3, SCOPE 's3://shop/lake/', KEY_ID 'other', SECRET 'word', SESSION_TOKEN 'token', REGION 'eu-central-1')
        CREATE OR REPLACE TEMPORARY SECRET _ingestr_bucket (TYPE s3, SCOPE 's3://shop/lake/', PROVIDER credential_chain)
        CREATE OR REPLACE TEMPORARY SECRET _ingestr_bucket (TYPE s3, SCOPE 's3://shop/lake/', PROVIDER credential_chain, REGION 'garage', ENDPOINT 'store.example.com', USE_SSL true, URL_STYLE 'path')
        ");
    }

    #[test]
    fn keys_travel_encrypted() {
        for (name, from_uri) in [("endpoint_url", true), ("AWS_ENDPOINT_URL_S3", false)] {
            let told = [(name, "http://store.example.com")];
            let error = if from_uri { statement(&told, &[]) } else { statement(&[], &told) };
            let error = error.expect_err("is plain");
            assert!(error.contains("plain http: the access key would travel unencrypted"), "{error}");
        }
        assert!(statement(&[("endpoint_url", "https://store.example.com")], &[]).is_ok());
    }
}
