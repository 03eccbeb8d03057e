//! What opens a bucket: what the URI says goes before the environment, as other tools that speak to clouds read it.

use crate::uri::{Base, base_url};

/// Gives a parameter of the URI, or a variable of the environment.
pub(super) type Get<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What opens a bucket of S3.
#[derive(Clone)]
pub(super) struct S3Access {
    /// `None`: whoever opens it looks for one by itself.
    pub(super) key: Option<S3Key>,
    pub(super) region: Option<String>,
    /// `None`: Amazon's.
    pub(super) endpoint: Option<Base>,
}

/// An access key.
#[derive(Clone)]
pub(super) struct S3Key {
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) token: Option<String>,
}

impl S3Access {
    /// # Errors
    /// What is wrong with it, without a value.
    pub(super) fn read(get: Get<'_>, env: Get<'_>) -> Result<Self, String> {
        let variables = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];
        let endpoint = endpoint(get, env, &variables, "access key")?;
        let key = match (get("access_key_id"), get("secret_access_key"), get("session_token")) {
            (Some(id), Some(secret), token) => Some(S3Key { id, secret, token }),
            (None, None, Some(_)) => return Err("the parameter session_token is for access_key_id".into()),
            (None, None, None) => env("AWS_ACCESS_KEY_ID")
                .zip(env("AWS_SECRET_ACCESS_KEY"))
                .map(|(id, secret)| S3Key { id, secret, token: env("AWS_SESSION_TOKEN") }),
            _ => return Err("the parameters access_key_id and secret_access_key go together".into()),
        };
        let region = get("region").or_else(|| env("AWS_REGION")).or_else(|| env("AWS_DEFAULT_REGION"));
        Ok(Self { key, region, endpoint })
    }

    /// What must be in no message.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &String> {
        self.key.iter().flat_map(|key| std::iter::once(&key.secret).chain(&key.token))
    }
}

/// The endpoint that is asked instead of the cloud's own. `secret`: what goes along.
///
/// # Errors
/// What is wrong with it, without a value.
pub(super) fn endpoint(
    get: Get<'_>,
    env: Get<'_>,
    variables: &[&'static str],
    secret: &str,
) -> Result<Option<Base>, String> {
    let told = get("endpoint_url").map(|url| ("the parameter endpoint_url", url));
    let told = told.or_else(|| variables.iter().find_map(|name| Some((*name, env(name)?))));
    told.map(|(name, url)| base_url(name, &url, secret)).transpose()
}
