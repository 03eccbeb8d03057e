//! Clients of S3 and Azure: what the URI says goes before the environment, and that before what the machine is told by its
//! cloud (roles of instances, containers and clusters). Profiles in `~/.aws` are not read.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};

use super::bucket::Bucket;
use crate::dest::access::{Get, S3Access, S3Key, endpoint};
use crate::uri::Base;

/// The parameters of S3, as DuckLake has them.
pub(super) const S3: &[&str] =
    &["format", "access_key_id", "secret_access_key", "session_token", "region", "endpoint_url"];
/// The parameters of Azure.
pub(super) const AZURE: &[&str] = &["format", "account_name", "account_key", "sas_token", "endpoint_url"];

/// How long a store is asked that does not answer.
const PATIENCE: Duration = Duration::from_secs(60);

fn retry() -> RetryConfig {
    RetryConfig { backoff: BackoffConfig::default(), max_retries: 6, retry_timeout: PATIENCE }
}

/// Files are compressed as they are, and some take long.
fn options(base: Option<&Base>) -> ClientOptions {
    ClientOptions::new()
        .with_allow_http(base.is_some_and(Base::is_plain))
        .with_connect_timeout(Duration::from_secs(10))
        .with_timeout_disabled()
        .with_read_timeout(PATIENCE)
}

/// A bucket of S3.
///
/// # Errors
/// What is wrong with it, without a value.
pub(super) fn s3(bucket: &str, prefix: String, get: Get<'_>, env: Get<'_>) -> Result<Bucket, String> {
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(fine) {
        return Err(
            "the URI names no bucket: a name has 3 to 63 small letters, digits, dots and hyphens".into()
        );
    }
    let access = S3Access::read(get, env)?;
    let secrets = access.secrets().cloned().collect();
    // In the place of what AmazonS3Builder::from_env takes: that would read an endpoint without TLS, too.
    let mut builder = AmazonS3Builder::new().with_bucket_name(bucket);
    for (variable, key) in [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", AmazonS3ConfigKey::WebIdentityTokenFile),
        ("AWS_ROLE_ARN", AmazonS3ConfigKey::RoleArn),
        ("AWS_ROLE_SESSION_NAME", AmazonS3ConfigKey::RoleSessionName),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", AmazonS3ConfigKey::ContainerCredentialsRelativeUri),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", AmazonS3ConfigKey::ContainerCredentialsFullUri),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", AmazonS3ConfigKey::ContainerAuthorizationTokenFile),
    ] {
        if let Some(value) = env(variable) {
            builder = builder.with_config(key, value);
        }
    }
    if let Some(S3Key { id, secret, token }) = access.key {
        builder = builder.with_access_key_id(id).with_secret_access_key(secret);
        if let Some(token) = token {
            builder = builder.with_token(token);
        }
    }
    if let Some(region) = access.region {
        builder = builder.with_region(region);
    }
    let base = access.endpoint;
    if let Some(base) = &base {
        // Whoever is not Amazon has seldom a name for each bucket.
        builder = builder.with_endpoint(&base.url).with_virtual_hosted_style_request(false);
    }
    let client = builder
        .with_client_options(options(base.as_ref()))
        .with_allow_http(base.as_ref().is_some_and(Base::is_plain))
        .with_retry(retry())
        .build()
        .map_err(|_| "the bucket cannot be spoken to with what URI and environment say".to_owned())?;
    let name = named("bucket", "s3", bucket, &prefix);
    Ok(Bucket { client: Arc::new(client), prefix, name, secrets })
}

/// A container of Azure.
///
/// # Errors
/// What is wrong with it, without a value.
pub(super) fn azure(container: &str, prefix: String, get: Get<'_>, env: Get<'_>) -> Result<Bucket, String> {
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !(3..=63).contains(&container.len()) || !container.bytes().all(fine) {
        return Err("the URI names no container: a name has 3 to 63 small letters, digits and hyphens".into());
    }
    let base = endpoint(get, env, &["AZURE_STORAGE_ENDPOINT"], "key")?;
    let Some(account) = get("account_name").or_else(|| env("AZURE_STORAGE_ACCOUNT_NAME")) else {
        return Err(
            "the storage account is missing: add account_name=…, or set AZURE_STORAGE_ACCOUNT_NAME".into()
        );
    };
    if get("account_key").is_some() && get("sas_token").is_some() {
        return Err(
            "the parameters account_key and sas_token are two ways to the same; give one of them".into()
        );
    }
    let mut builder = MicrosoftAzureBuilder::new().with_container_name(container).with_account(account);
    let mut secrets = Vec::new();
    let own = [("account_key", AzureConfigKey::AccessKey), ("sas_token", AzureConfigKey::SasKey)];
    let own: Vec<_> = own.into_iter().filter_map(|(name, key)| Some((key, get(name)?))).collect();
    let theirs = [
        ("AZURE_STORAGE_ACCOUNT_KEY", AzureConfigKey::AccessKey),
        ("AZURE_STORAGE_ACCESS_KEY", AzureConfigKey::AccessKey),
        ("AZURE_STORAGE_SAS_TOKEN", AzureConfigKey::SasKey),
        ("AZURE_STORAGE_SAS_KEY", AzureConfigKey::SasKey),
        ("AZURE_CLIENT_SECRET", AzureConfigKey::ClientSecret),
        ("AZURE_CLIENT_ID", AzureConfigKey::ClientId),
        ("AZURE_TENANT_ID", AzureConfigKey::AuthorityId),
        ("AZURE_FEDERATED_TOKEN_FILE", AzureConfigKey::FederatedTokenFile),
    ];
    let theirs = theirs.into_iter().filter_map(|(name, key)| Some((key, env(name)?)));
    let told = if own.is_empty() { theirs.collect() } else { own };
    for (key, value) in told {
        if matches!(key, AzureConfigKey::AccessKey | AzureConfigKey::SasKey | AzureConfigKey::ClientSecret) {
            // Of a token in a URL it is the signature that is secret, in both spellings.
            let signature = value.split(['&', '?']).find_map(|part| part.strip_prefix("sig="));
            secrets.extend(signature.map(ToOwned::to_owned));
            let plain =
                signature.and_then(|text| percent_encoding::percent_decode_str(text).decode_utf8().ok());
            secrets.extend(plain.map(std::borrow::Cow::into_owned));
            secrets.push(value.clone());
        }
        builder = builder.with_config(key, value);
    }
    if let Some(base) = &base {
        builder = builder.with_endpoint(base.url.clone());
    }
    let client = builder
        .with_client_options(options(base.as_ref()))
        .with_allow_http(base.as_ref().is_some_and(Base::is_plain))
        .with_retry(retry())
        .build()
        .map_err(|_| "the container cannot be spoken to with what URI and environment say".to_owned())?;
    let name = named("container", "az", container, &prefix);
    Ok(Bucket { client: Arc::new(client), prefix, name, secrets })
}

fn named(what: &str, scheme: &str, bucket: &str, prefix: &str) -> String {
    let prefix = if prefix.is_empty() { String::new() } else { format!("/{prefix}") };
    format!("{what} {scheme}://{bucket}{prefix}")
}
