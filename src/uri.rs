//! What the URIs of both ends have in common: parameters, and base URLs of APIs elsewhere.
//!
//! Problems are worded without the value they are about: it may be a secret, or lie next to one.

use std::net::IpAddr;

/// Scheme, host, port and path of an API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base {
    /// No slash at the end.
    pub(crate) url: String,
    /// Whether it is on this machine.
    pub(crate) loopback: bool,
}

impl Base {
    /// Whether requests to it are not encrypted.
    pub(crate) fn is_plain(&self) -> bool {
        self.url.starts_with("http://")
    }
}

/// A path that begins with `~/`, from the home folder, as a shell has it: inside of a URI no shell expands it.
#[cfg(any(
    feature = "duckdb",
    feature = "sqlite",
    feature = "postgres",
    feature = "bigquery",
    feature = "files"
))]
#[allow(
    clippy::disallowed_methods,
    reason = "what the user typed means this, and no plan or receipt depends on it"
)]
pub(crate) fn at_home(path: &str) -> std::borrow::Cow<'_, str> {
    let rest = path.strip_prefix("~/").filter(|rest| !rest.is_empty());
    match rest.zip(std::env::home_dir().filter(|home| !home.as_os_str().is_empty())) {
        Some((rest, home)) => home.join(rest).to_string_lossy().into_owned().into(),
        None => path.into(),
    }
}

/// What to do about a user or a password that ends too early.
#[cfg(any(feature = "duckdb", feature = "postgres"))]
pub(crate) const ENCODE: &str =
    "in a user or a password, write %40 for @, %2F for /, %3A for : and %3F for ?";

/// Whether a URI, cut at its first question mark, has an `@` beside the one that ends its user and password: what lies between
/// the two may be a part of the password, which nobody may take for the name of a host, of a database or of a parameter.
#[cfg(any(feature = "duckdb", feature = "postgres"))]
pub(crate) fn has_stray_at(base: &str, query: &str) -> bool {
    let authority = base.split_once("://").map_or(base, |(_, rest)| rest);
    let cut_off = !authority.contains(['/', '@']) && query.contains('@');
    base.matches('@').count() > 1 || cut_off
}

/// Reads a query string whose parameters are all `known`, none empty and none given twice.
///
/// `+` stays what it is: neither a key nor an address has spaces, but addresses do have plus signs.
pub(crate) fn parameters(
    query: &str,
    known: &'static [&'static str],
) -> Result<Vec<(&'static str, String)>, String> {
    let mut found: Vec<(&'static str, String)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(name) = known.iter().find(|known| **known == name) else {
            if let Some(known) = known.iter().find(|known| known.eq_ignore_ascii_case(name)) {
                return Err(format!("the parameter {known} is written in small letters"));
            }
            // Not shown: the rest of a key that has an & in it, with or without the signs that Base64 ends with.
            if value.bytes().all(|byte| byte == b'=') {
                return Err(format!(
                    "a parameter has no value: an & that belongs to a value is written %26; known are {}",
                    known.join(", ")
                ));
            }
            let shown = if name.len() <= 30
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
            {
                format!("the parameter {name}")
            } else {
                "a parameter".to_owned()
            };
            return Err(format!("{shown} is unknown; known are {}", known.join(", ")));
        };
        if found.iter().any(|(other, _)| other == name) {
            return Err(format!("the parameter {name} is given twice"));
        }
        match percent_encoding::percent_decode_str(value).decode_utf8() {
            Ok(value) if value.chars().any(char::is_control) => {
                return Err(format!("the parameter {name} has control characters in it"));
            }
            Ok(value) if value.ends_with(['\'', '"']) => {
                return Err(format!("the parameter {name} ends with a quotation mark"));
            }
            Ok(value) => found.push((name, value.into_owned())),
            Err(_) => {
                return Err(format!("the parameter {name} is not UTF-8 once its percent signs are decoded"));
            }
        }
    }
    match found.iter().find(|(_, value)| value.is_empty()) {
        Some((name, _)) => Err(format!("the parameter {name} is empty")),
        None => Ok(found),
    }
}

/// Reads the value of the parameter `name`, a URL. `secret` goes along with every request, so plain http is only for
/// this machine.
pub(crate) fn base_url(name: &str, text: &str, secret: &str) -> Result<Base, String> {
    let Ok(url) = url::Url::parse(text) else {
        return Err(format!("{name} is not a URL, such as https://proxy.example.com"));
    };
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(url::Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => return Err(format!("{name} has no host")),
    };
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        "http" => {
            return Err(format!("{name} is plain http: the {secret} would travel unencrypted; use https"));
        }
        _ => return Err(format!("{name} must begin with https://")),
    }
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err(format!("{name} must be scheme, host, port and path only"));
    }
    Ok(Base { url: url.as_str().trim_end_matches('/').to_owned(), loopback })
}
