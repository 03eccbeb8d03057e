//! Secrets of other systems, as help desks hold them in their settings, integrations and jobs. They are recognisable, so that
//! a test can look for them in all that a copier wrote: none of them may be anywhere.

/// Of a single sign-on provider: in the account setting `access`, and so in the account itself.
pub const SSO_CLIENT_SECRET: &str = "planted-sso-client-secret";
/// In the query of the address that an HTTP integration calls.
pub const HTTP_URL: &str = "planted-http-url-key";
/// In the headers of an HTTP integration.
pub const HTTP_HEADER: &str = "planted-http-header";
/// In the form of an HTTP integration.
pub const HTTP_FORM: &str = "planted-http-form";
/// What an HTTP integration signs with.
pub const HTTP_HMAC: &str = "planted-http-hmac";
/// OAuth 2 of an HTTP integration.
pub const HTTP_OAUTH2: &str = "planted-http-oauth2";
/// `meta.oauth` of an integration.
pub const META_OAUTH: &str = "planted-meta-oauth";
/// In `meta` of an integration, under a name with `token` in it.
pub const META_TOKEN: &str = "planted-meta-token";
/// In `meta` of an integration, under a name with `secret` in it.
pub const META_SECRET: &str = "planted-meta-secret";
/// In `meta` of an integration, under a name with `password` in it.
pub const META_PASSWORD: &str = "planted-meta-password";
/// In `meta` of an integration, under a name with `api_key` in it.
pub const META_API_KEY: &str = "planted-meta-api-key";
/// In the query of the address in the parameters of an export.
pub const JOB_URL: &str = "planted-job-url-signature";
/// In the query of the address in what an export came to.
pub const JOB_INFO: &str = "planted-job-info-signature";

/// All of them.
pub const ALL: [&str; 13] = [
    SSO_CLIENT_SECRET,
    HTTP_URL,
    HTTP_HEADER,
    HTTP_FORM,
    HTTP_HMAC,
    HTTP_OAUTH2,
    META_OAUTH,
    META_TOKEN,
    META_SECRET,
    META_PASSWORD,
    META_API_KEY,
    JOB_URL,
    JOB_INFO,
];
