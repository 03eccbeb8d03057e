//! Bearer tokens, through Google's own `google-cloud-auth`: service accounts, users, workload identity, impersonation
//! and the metadata server. It keeps tokens and renews them in time.
//!
//! Application Default Credentials are looked up in the environment by that crate, as every Google client does; the
//! rest of the library reads no environment.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use google_cloud_auth::credentials::{
    self, CacheableResource, Credentials as Google, external_account, impersonated, service_account,
    user_account,
};
use secrecy::{ExposeSecret as _, SecretString};

use super::super::uri::Credentials;

/// For BigQuery and for staging buckets.
const SCOPES: [&str; 1] = ["https://www.googleapis.com/auth/cloud-platform"];

/// Headers that carry a token.
pub(super) type Secrets = Vec<(&'static str, SecretString)>;

/// No token.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub(super) struct AuthError {
    pub(super) message: String,
    /// What to do next.
    pub(super) hint: String,
    /// Whether it may pass: the token server or the metadata server was not reached.
    pub(super) passes: bool,
}

/// Where tokens come from.
pub(super) trait Tokens: Send + Sync + std::fmt::Debug {
    /// Headers for one request; none where nobody asks for credentials.
    fn headers(&self) -> BoxFuture<'_, Result<Secrets, AuthError>>;
    /// The last token was refused: the next one must be a new one.
    fn renew(&self);
}

/// An emulator's: none.
#[derive(Debug)]
pub(super) struct NoTokens;

impl Tokens for NoTokens {
    fn headers(&self) -> BoxFuture<'_, Result<Secrets, AuthError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn renew(&self) {}
}

/// Google's.
#[derive(Debug)]
pub(super) struct GoogleTokens {
    from: Credentials,
    /// Made when first needed: its background task needs a runtime.
    made: Mutex<Option<Google>>,
}

/// The source of tokens that a URI names. Reads nothing yet.
pub(super) fn tokens(credentials: &Credentials) -> Arc<dyn Tokens> {
    match credentials {
        Credentials::None => Arc::new(NoTokens),
        other => Arc::new(GoogleTokens { from: other.clone(), made: Mutex::new(None) }),
    }
}

impl GoogleTokens {
    fn made(&self) -> Result<Google, AuthError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(google) = &*made {
            return Ok(google.clone());
        }
        let google = build(&self.from)?;
        *made = Some(google.clone());
        Ok(google)
    }

    async fn fetch(&self) -> Result<Secrets, AuthError> {
        let google = self.made()?;
        let headers = match google.headers(http::Extensions::new()).await {
            Ok(CacheableResource::New { data, .. }) => data,
            // Only said to those who show the tag of an earlier answer, and we show none.
            Ok(CacheableResource::NotModified) => {
                return Err(refused(&self.from, "there was no token", true));
            }
            Err(error) => return Err(refused(&self.from, &innermost(&error), error.is_transient())),
        };
        let mut secrets = Secrets::new();
        for name in ["authorization", "x-goog-user-project"] {
            if let Some(value) = headers.get(name).and_then(|value| value.to_str().ok()) {
                secrets.push((name, value.to_owned().into()));
            }
        }
        Ok(secrets)
    }
}

impl Tokens for GoogleTokens {
    fn headers(&self) -> BoxFuture<'_, Result<Secrets, AuthError>> {
        Box::pin(self.fetch())
    }

    fn renew(&self) {
        // The crate has no way to throw one token away; what it was made from makes it anew.
        *self.made.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn build(from: &Credentials) -> Result<Google, AuthError> {
    let json = match from {
        Credentials::None | Credentials::Default => {
            let built = credentials::Builder::default().with_scopes(SCOPES).build();
            return built.map_err(|error| refused(from, &shown(&error), false));
        }
        Credentials::Json(json) => json.clone(),
        Credentials::File(path) => SecretString::from(std::fs::read_to_string(path).map_err(|error| {
            AuthError {
                message: format!("the credentials file {path} cannot be read: {error}"),
                hint:
                    "credentials_path in --dest-uri names a JSON file, relative to where the command is run"
                        .into(),
                passes: false,
            }
        })?),
    };
    let bad = |what: &str| refused(from, what, false);
    let value: serde_json::Value =
        serde_json::from_str(json.expose_secret()).map_err(|_| bad("they are not JSON"))?;
    let kind = value.get("type").and_then(|kind| kind.as_str()).unwrap_or_default();
    let built = match kind {
        "service_account" => {
            let scopes = service_account::AccessSpecifier::from_scopes(SCOPES);
            service_account::Builder::new(value).with_access_specifier(scopes).build()
        }
        "authorized_user" => user_account::Builder::new(value).with_scopes(SCOPES).build(),
        "external_account" => external_account::Builder::new(value).with_scopes(SCOPES).build(),
        "impersonated_service_account" => impersonated::Builder::new(value).with_scopes(SCOPES).build(),
        _ => {
            return Err(bad(
                "their type is none of service_account, authorized_user, external_account, impersonated_service_account",
            ));
        }
    };
    built.map_err(|error| bad(&shown(&error)))
}

/// The crate's word for what is wrong with credentials, without its causes: a parser's may quote the file.
fn shown(error: &google_cloud_auth::build_errors::Error) -> String {
    let what = if error.is_loading() {
        "their file cannot be opened"
    } else if error.is_missing_field() {
        return error.to_string();
    } else if error.is_parsing() {
        "they lack a field, or a field is not what it should be"
    } else if error.is_unknown_type() {
        "their type is unknown"
    } else {
        "they are not supported"
    };
    what.to_owned()
}

/// What the token server said, or why it was not reached: the last cause, cut short.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string().chars().take(200).collect()
}

fn refused(from: &Credentials, what: &str, passes: bool) -> AuthError {
    let (name, hint) = match from {
        Credentials::Default | Credentials::None => (
            "Application Default Credentials",
            "run `gcloud auth application-default login`, set GOOGLE_APPLICATION_CREDENTIALS to a key file, or add credentials_path=<file> to --dest-uri",
        ),
        Credentials::File(_) => (
            "the credentials in credentials_path",
            "use the JSON key file of a service account that exists and whose key is active",
        ),
        Credentials::Json(_) => (
            "the credentials in credentials_base64",
            "use the base64 of the JSON key file of a service account, e.g. from `base64 -w0 key.json`",
        ),
    };
    AuthError { message: format!("{name} give no token: {what}"), hint: hint.into(), passes }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn fails(credentials: Credentials) -> String {
        let error = tokens(&credentials).headers().await.unwrap_err();
        assert!(!error.to_string().contains("SECRET") && !error.hint.contains("SECRET"), "{error}");
        error.to_string()
    }

    #[tokio::test]
    async fn credentials_that_are_none_are_refused_without_showing_them() {
        let json = |text: &str| Credentials::Json(text.to_owned().into());
        let begin = "the credentials in credentials_base64 give no token:";
        for (text, problem) in [
            ("SECRET", "they are not JSON"),
            (
                r#"{"type":"SECRET"}"#,
                "their type is none of service_account, authorized_user, external_account, impersonated_service_account",
            ),
            (
                r#"{"type":"service_account","private_key":5,"x":"SECRET"}"#,
                "they lack a field, or a field is not what it should be",
            ),
            (
                r#"{"type":"authorized_user","refresh_token":"SECRET"}"#,
                "they lack a field, or a field is not what it should be",
            ),
        ] {
            assert_eq!(fails(json(text)).await, format!("{begin} {problem}"), "{text}");
        }
        let missing = fails(Credentials::File("no/such/file.json".into())).await;
        assert!(
            missing.starts_with("the credentials file no/such/file.json cannot be read: No such file"),
            "{missing}"
        );
    }

    #[tokio::test]
    async fn a_key_that_is_no_key_is_refused_without_showing_it() {
        let account = r#"{"type":"service_account","client_email":"a@b.c","private_key_id":"1","private_key":"-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----\n","project_id":"p"}"#;
        let error = fails(Credentials::Json(account.to_owned().into())).await;
        assert!(error.starts_with("the credentials in credentials_base64 give no token: "), "{error}");
    }

    #[tokio::test]
    async fn an_emulator_gets_no_token() {
        assert!(tokens(&Credentials::None).headers().await.unwrap().is_empty());
    }

    #[test]
    fn debug_shows_no_secret() {
        let credentials = Credentials::Json(r#"{"private_key":"SECRET"}"#.to_owned().into());
        assert!(!format!("{:?}", tokens(&credentials)).contains("SECRET"));
    }
}
