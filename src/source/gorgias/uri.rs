//! `gorgias://<domain>?api_key=<api-key>&email=<email>` and what may stand beside it.

use std::fmt;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::SecretString;

use crate::http::limit::Share;
use crate::secret::SecretUri;
use crate::source::Login;
use crate::uri::Base;

/// A source URI, taken apart and checked.
pub(crate) struct GorgiasUri {
    /// The account: the one DNS label before `.gorgias.com`, lower case.
    pub(crate) domain: String,
    /// The API; its paths begin with /api, which is not part of it.
    pub(crate) base: Base,
    pub(crate) credentials: Credentials,
    /// How much of the account's budget is ours.
    pub(crate) budget: Share,
}

/// What proves who we are.
pub(crate) enum Credentials {
    /// HTTP Basic: the e-mail of the user who owns the key, and the key.
    Key { email: String, api_key: SecretString },
    /// OAuth2.
    Bearer(SecretString),
}

impl fmt::Debug for GorgiasUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GorgiasUri")
            .field("domain", &self.domain)
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// What is wrong with a source URI. Never repeats a parameter's value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--source-uri: {problem}")]
pub struct UriError {
    problem: String,
}

/// The form, for hints.
pub const FORM: &str = "gorgias://<domain>?api_key=<api-key>&email=<email>";

const PARAMETERS: [&str; 5] = ["api_key", "email", "access_token", "base_url", "budget"];

fn refuse<T>(problem: impl Into<String>) -> Result<T, UriError> {
    Err(UriError { problem: problem.into() })
}

impl GorgiasUri {
    pub(crate) fn parse(uri: &str) -> Result<Self, UriError> {
        let Some(rest) = uri.trim().strip_prefix("gorgias://") else {
            return refuse("it does not begin with gorgias://");
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let domain = domain(place.strip_suffix('/').unwrap_or(place))?;
        let parameters = crate::uri::parameters(query, &PARAMETERS).or_else(refuse)?;
        let get =
            |name: &str| parameters.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str());
        let credentials = match (get("access_token"), get("api_key"), get("email")) {
            (Some(_), Some(_), _) => return refuse("it has both api_key and access_token; give one of them"),
            (Some(token), None, _) => Credentials::Bearer(token.to_owned().into()),
            (None, Some(api_key), Some(email)) => {
                Credentials::Key { email: email.to_owned(), api_key: api_key.to_owned().into() }
            }
            (None, None, None) => return refuse("the parameters api_key and email are missing"),
            (None, None, Some(_)) => return refuse("the parameter api_key is missing"),
            (None, Some(_), None) => {
                return refuse(
                    "the parameter email is missing: it is the address of the user who owns the key",
                );
            }
        };
        let base = match get("base_url") {
            Some(base) => base_url(base)?,
            None => Base { url: format!("https://{domain}.gorgias.com"), loopback: false },
        };
        let budget = match get("budget") {
            Some(text) => text.parse().or_else(|error| refuse(format!("budget: {error}")))?,
            None => Share::WHOLE,
        };
        Ok(Self { domain, base, credentials, budget })
    }
}

/// One DNS label, or the same with `.gorgias.com`: anything else could send the key to another host.
pub(crate) fn domain(place: &str) -> Result<String, UriError> {
    let lower = place.to_ascii_lowercase();
    let label = lower.strip_suffix(".gorgias.com").unwrap_or(&lower);
    if label.is_empty() {
        return refuse(
            "the domain is missing: it is the part before .gorgias.com in the address of the help desk",
        );
    }
    let fits = label.len() <= 63
        && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-');
    if !fits {
        return refuse("the domain must be a single name such as mycompany or mycompany.gorgias.com");
    }
    Ok(label.to_owned())
}

/// The same for what a person types or copies out of the browser: `https://acme.gorgias.com/app/tickets`, too.
pub(crate) fn domain_as_typed(typed: &str) -> Result<String, UriError> {
    let typed = typed.trim();
    let rest = ["https://", "http://"].iter().find_map(|scheme| {
        let start = typed.get(..scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then(|| &typed[scheme.len()..])
    });
    let place = rest.unwrap_or(typed);
    domain(place.split(['/', '?', '#']).next().unwrap_or(place))
}

/// The URI of a login.
pub(crate) fn uri_of(login: &Login<'_>) -> SecretUri {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let Login { account, email, key, base_url } = login;
    let base = base_url.map(|url| format!("&base_url={}", encoded(url))).unwrap_or_default();
    SecretUri::new(format!("gorgias://{account}?api_key={}&email={}{base}", encoded(key), encoded(email)))
}

/// The API's paths begin with /api; a base that ends so too is taken to mean the same.
fn base_url(text: &str) -> Result<Base, UriError> {
    let base = crate::uri::base_url("base_url", text, "key").or_else(refuse)?;
    let url = base.url.strip_suffix("/api").unwrap_or(&base.url).to_owned();
    Ok(Base { url, ..base })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn every_accepted_form() {
        for (uri, domain, base) in [
            ("gorgias://acme?api_key=k&email=a@b.c", "acme", "https://acme.gorgias.com"),
            ("gorgias://Acme.gorgias.com?api_key=k&email=a@b.c", "acme", "https://acme.gorgias.com"),
            ("gorgias://my-shop-2/?email=a@b.c&api_key=k", "my-shop-2", "https://my-shop-2.gorgias.com"),
            ("gorgias://acme?access_token=t", "acme", "https://acme.gorgias.com"),
            (
                "gorgias://acme?access_token=t&base_url=http%3A%2F%2F127.0.0.1%3A81%2F",
                "acme",
                "http://127.0.0.1:81",
            ),
            (
                "gorgias://acme?access_token=t&base_url=http://localhost:81/api/",
                "acme",
                "http://localhost:81",
            ),
            ("gorgias://acme?access_token=t&base_url=http://[::1]:81", "acme", "http://[::1]:81"),
            (
                "gorgias://acme?access_token=t&base_url=https://proxy.example.com/gorgias",
                "acme",
                "https://proxy.example.com/gorgias",
            ),
        ] {
            let parsed = GorgiasUri::parse(uri).unwrap();
            assert_eq!((parsed.domain.as_str(), parsed.base.url.as_str()), (domain, base), "{uri}");
        }
    }

    #[test]
    fn keys_and_addresses_keep_their_characters() {
        let parsed = GorgiasUri::parse("gorgias://acme?api_key=a%2Bb+c%3D&email=me+x%40shop.com").unwrap();
        let Credentials::Key { email, api_key } = parsed.credentials else { panic!("a key was given") };
        assert_eq!((email.as_str(), api_key.expose_secret()), ("me+x@shop.com", "a+b+c="));
    }

    #[test]
    fn a_help_desk_may_be_named_as_the_browser_shows_it() {
        for typed in [
            "acme",
            " Acme ",
            "acme.gorgias.com",
            "https://acme.gorgias.com/app",
            "HTTPS://acme.gorgias.com?x#y",
        ] {
            assert_eq!(domain_as_typed(typed).as_deref(), Ok("acme"), "{typed}");
        }
        for typed in [
            "",
            "https://",
            "https://me@acme.gorgias.com",
            "https://acme.example.com/app",
            "a b",
            "é.gorgias.com",
        ] {
            assert!(domain_as_typed(typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn the_uri_of_a_login_says_what_was_typed() {
        let login = Login {
            account: "acme",
            email: "me+x@shop.com",
            key: "a'&%# =",
            base_url: Some("http://[::1]:81"),
        };
        let uri = uri_of(&login);
        assert!(!uri.expose().contains('\''), "it stands between quotes in a file");
        let parsed = GorgiasUri::parse(uri.expose()).unwrap();
        assert_eq!((parsed.domain.as_str(), parsed.base.url.as_str()), ("acme", "http://[::1]:81"));
        let Credentials::Key { email, api_key } = parsed.credentials else { panic!("a key was given") };
        assert_eq!((email.as_str(), api_key.expose_secret()), ("me+x@shop.com", "a'&%# ="));
    }

    #[test]
    fn a_budget_may_be_written_with_or_without_its_sign() {
        for (budget, shown) in
            [("", "100%"), ("&budget=70%", "70%"), ("&budget=70%25", "70%"), ("&budget=5", "5%")]
        {
            let parsed = GorgiasUri::parse(&format!("gorgias://acme?access_token=x{budget}")).unwrap();
            assert_eq!(parsed.budget.to_string(), shown, "{budget}");
        }
    }

    #[test]
    fn every_refused_form_says_what_is_wrong_and_no_secret() {
        for (uri, problem) in [
            ("gorgias:acme", "it does not begin with gorgias://"),
            (
                "gorgias://?api_key=SECRET&email=a",
                "the domain is missing: it is the part before .gorgias.com in the address of the help desk",
            ),
            (
                "gorgias://.gorgias.com?api_key=SECRET&email=a",
                "the domain is missing: it is the part before .gorgias.com in the address of the help desk",
            ),
            ("gorgias://acme", "the parameters api_key and email are missing"),
            (
                "gorgias://acme?api_key=SECRET",
                "the parameter email is missing: it is the address of the user who owns the key",
            ),
            ("gorgias://acme?email=a", "the parameter api_key is missing"),
            ("gorgias://ACME?API_KEY=SECRET&EMAIL=a", "the parameter api_key is written in small letters"),
            ("gorgias://acme?api_key=SECRET&email=a\"", "the parameter email ends with a quotation mark"),
            ("gorgias://acme?email=a&api_key=", "the parameter api_key is empty"),
            ("gorgias://acme?email=&api_key=SECRET", "the parameter email is empty"),
            (
                "gorgias://acme?apikey=SECRET&email=a",
                "the parameter apikey is unknown; known are api_key, email, access_token, base_url, budget",
            ),
            (
                "gorgias://acme?SECRET%%%=1&email=a",
                "a parameter is unknown; known are api_key, email, access_token, base_url, budget",
            ),
            (
                "gorgias://acme?api_key=a&SECRET&email=a",
                "a parameter has no value: an & that belongs to a value is written %26; known are api_key, email, access_token, \
                 base_url, budget",
            ),
            (
                "gorgias://acme?api_key=a&SECRET==&email=a",
                "a parameter has no value: an & that belongs to a value is written %26; known are api_key, email, access_token, \
                 base_url, budget",
            ),
            ("gorgias://acme?api_key=SECRET&api_key=x&email=a", "the parameter api_key is given twice"),
            (
                "gorgias://acme?api_key=SECRET%0A&email=a",
                "the parameter api_key has control characters in it",
            ),
            (
                "gorgias://acme?api_key=SECRET&email=a&access_token=SECRET",
                "it has both api_key and access_token; give one of them",
            ),
            (
                "gorgias://acme?access_token=SECRET&base_url=http://example.com",
                "base_url is plain http: the key would travel unencrypted; use https",
            ),
            (
                "gorgias://acme?access_token=SECRET&base_url=http://127.0.0.1.evil.com",
                "base_url is plain http: the key would travel unencrypted; use https",
            ),
            (
                "gorgias://acme?access_token=SECRET&base_url=ftp://127.0.0.1",
                "base_url must begin with https://",
            ),
            (
                "gorgias://acme?access_token=SECRET&base_url=https://u:SECRET@h",
                "base_url must be scheme, host, port and path only",
            ),
            (
                "gorgias://acme?access_token=SECRET&budget=SECRET",
                "budget: it must be whole percent from 1% to 100%, such as 70%",
            ),
            (
                "gorgias://acme?access_token=SECRET&base_url=nothing",
                "base_url is not a URL, such as https://proxy.example.com",
            ),
        ] {
            let error = GorgiasUri::parse(uri).unwrap_err().to_string();
            assert_eq!(error, format!("--source-uri: {problem}"), "{uri}");
            assert!(!error.contains("SECRET"));
        }
    }

    #[test]
    fn a_domain_that_could_be_another_host_is_refused() {
        for domain in [
            "evil.com",
            "evil.com/",
            "acme.gorgias.com.evil.com",
            "user@evil.com",
            "acme:81",
            "a/b",
            "a#",
            "a\\b",
            "-a",
            "a-",
            "acme.gorgias.com:443",
            "ac me",
            "acmé",
            "%61cme",
            "a.b.gorgias.com",
            "a%2eevil",
            &"a".repeat(64),
        ] {
            let uri = format!("gorgias://{domain}?api_key=SECRET&email=a");
            let error = GorgiasUri::parse(&uri).unwrap_err().to_string();
            assert_eq!(
                error,
                "--source-uri: the domain must be a single name such as mycompany or mycompany.gorgias.com",
                "{uri}"
            );
        }
    }
}
