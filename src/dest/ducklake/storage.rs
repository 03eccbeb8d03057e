//! The bucket that the data lies in, and what opens it: what the URI says, else the environment, as other tools that
//! speak to S3 read it, else whatever DuckDB's own chain of credentials finds.

use crate::dest::duckdb::dialect::DuckDialect;
use crate::dest::sql::Dialect as _;
use crate::uri::base_url;

/// The parameters that are about buckets.
pub(super) const BUCKET: [&str; 5] =
    ["access_key_id", "secret_access_key", "session_token", "region", "endpoint_url"];

/// A bucket.
#[derive(Clone)]
pub(super) struct Bucket {
    /// The bucket and the folder in it, as a URL.
    pub(super) url: String,
    key: Option<Key>,
    region: Option<String>,
    /// Host and port, and whether it is spoken to with TLS; `None`: Amazon's.
    endpoint: Option<(String, bool)>,
}

/// An access key.
#[derive(Clone)]
struct Key {
    id: String,
    secret: String,
    token: Option<String>,
}

impl Bucket {
    /// The bucket of that URL. `get` gives parameters, `env` the environment.
    ///
    /// # Errors
    /// What is wrong with them, without a value.
    pub(super) fn new(
        url: &str,
        get: &dyn Fn(&str) -> Option<String>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let key = match (get("access_key_id"), get("secret_access_key")) {
            (Some(id), Some(secret)) => Some(Key { id, secret, token: get("session_token") }),
            (None, None) => env("AWS_ACCESS_KEY_ID")
                .zip(env("AWS_SECRET_ACCESS_KEY"))
                .map(|(id, secret)| Key { id, secret, token: env("AWS_SESSION_TOKEN") }),
            _ => return Err("the parameters access_key_id and secret_access_key go together".into()),
        };
        let region = get("region").or_else(|| env("AWS_REGION")).or_else(|| env("AWS_DEFAULT_REGION"));
        let told = get("endpoint_url").map(|url| ("the parameter endpoint_url", url));
        let from = |name: &'static str| env(name).map(|url| (name, url));
        let told = told.or_else(|| from("AWS_ENDPOINT_URL_S3")).or_else(|| from("AWS_ENDPOINT_URL"));
        let endpoint = told.map(|(name, url)| endpoint(name, &url)).transpose()?;
        Ok(Self { url: url.to_owned(), key, region, endpoint })
    }

    /// What must be in no message.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &String> {
        self.key.iter().flat_map(|key| std::iter::once(&key.secret).chain(&key.token))
    }

    /// Whether DuckDB has to find the credentials by itself, for which it needs another extension.
    pub(super) fn is_looked_for(&self) -> bool {
        self.key.is_none()
    }

    /// The statement that tells DuckDB of it. Holds secrets.
    pub(super) fn statement(&self) -> String {
        let d = &DuckDialect;
        let mut parts = vec!["TYPE s3".to_owned(), format!("SCOPE {}", d.text(&self.url))];
        match &self.key {
            Some(Key { id, secret, token }) => {
                parts.push(format!("KEY_ID {}, SECRET {}", d.text(id), d.text(secret)));
                parts.extend(token.iter().map(|token| format!("SESSION_TOKEN {}", d.text(token))));
            }
            None => parts.push("PROVIDER credential_chain".into()),
        }
        parts.extend(self.region.iter().map(|region| format!("REGION {}", d.text(region))));
        if let Some((host, tls)) = &self.endpoint {
            // Whoever is not Amazon has seldom a name for each bucket.
            parts.push(format!("ENDPOINT {}, USE_SSL {tls}, URL_STYLE 'path'", d.text(host)));
        }
        format!("CREATE OR REPLACE TEMPORARY SECRET _ingestr_bucket ({})", parts.join(", "))
    }
}

/// Host and port of an endpoint, and whether it is spoken to with TLS.
fn endpoint(name: &str, url: &str) -> Result<(String, bool), String> {
    let base = base_url(name, url, "access key")?;
    let tls = !base.is_plain();
    let host = base.url.split_once("://").map_or(base.url.as_str(), |(_, host)| host);
    Ok((host.to_owned(), tls))
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
        let all = [statement(&own, &theirs), statement(&[], &theirs), statement(&[], &[])];
        let all = all.map(|one| one.expect("can be read")).join("\n");
        insta::assert_snapshot!(all, @r"
        CREATE OR REPLACE TEMPORARY SECRET _ingestr_bucket (TYPE s3, SCOPE 's3://shop/lake/', KEY_ID 'id', SECRET 'it''s', REGION 'eu-central-1', ENDPOINT '127.0.0.1:9000', USE_SSL false, URL_STYLE 'path')
        CREATE OR REPLACE TEMPORARY SECRET _ingestr_bucket (TYPE s3, SCOPE 's3://shop/lake/', KEY_ID 'other', SECRET 'word', SESSION_TOKEN 'token', REGION 'eu-central-1')
        CREATE OR REPLACE TEMPORARY SECRET _ingestr_bucket (TYPE s3, SCOPE 's3://shop/lake/', PROVIDER credential_chain)
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
