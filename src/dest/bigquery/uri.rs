//! `bigquery://<project>[/<dataset>]` and what may stand beside it.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use secrecy::SecretString;

use crate::uri::Base;

/// The form, for hints.
pub(crate) const FORM: &str =
    "bigquery://<project>[/<dataset>][?credentials_path=<file>][&location=<location>]";

/// `load_method` is ingestr v1's choice between load jobs and the Storage Write API; here are only load jobs, so it
/// changes nothing.
const PARAMETERS: [&str; 6] =
    ["credentials_path", "credentials_base64", "location", "base_url", "storage_base_url", "load_method"];

const API: &str = "https://bigquery.googleapis.com";
const STORAGE: &str = "https://storage.googleapis.com";

/// A destination URI, taken apart and checked.
pub(crate) struct BigQueryUri {
    /// The project that owns the dataset and pays for the jobs.
    pub(crate) project: String,
    /// Dataset of a table that is named without one.
    pub(crate) dataset: Option<String>,
    /// Where a dataset is created and jobs run, as typed.
    pub(crate) location: Option<String>,
    pub(crate) credentials: Credentials,
    /// The API.
    pub(crate) base: Base,
    /// Cloud Storage, for `--staging-bucket`.
    pub(crate) storage: Base,
}

/// What proves who we are.
#[derive(Debug, Clone)]
pub(crate) enum Credentials {
    /// Application Default Credentials: what the environment has.
    Default,
    /// A file in one of Google's forms: service account, user, workload identity.
    File(String),
    /// The content of such a file.
    Json(SecretString),
    /// None: an emulator asks for none.
    None,
}

impl fmt::Debug for BigQueryUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BigQueryUri")
            .field("project", &self.project)
            .field("dataset", &self.dataset)
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// What is wrong with a destination URI. Never repeats a parameter's value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--dest-uri: {problem}")]
pub(crate) struct UriError {
    problem: String,
}

fn refuse<T>(problem: impl Into<String>) -> Result<T, UriError> {
    Err(UriError { problem: problem.into() })
}

impl BigQueryUri {
    /// # Errors
    /// When it is none, with what is wrong about it.
    pub(crate) fn parse(uri: &str) -> Result<Self, UriError> {
        let Some(rest) = uri.trim().strip_prefix("bigquery://") else {
            return refuse("it does not begin with bigquery://");
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (project, dataset) = place.split_once('/').unwrap_or((place, ""));
        check_project(project)?;
        let dataset = dataset.strip_suffix('/').unwrap_or(dataset);
        let dataset = (!dataset.is_empty()).then(|| dataset.to_owned());
        if let Some(dataset) = &dataset {
            check_dataset(dataset)?;
        }
        let parameters = crate::uri::parameters(query, &PARAMETERS).or_else(refuse)?;
        let get =
            |name: &str| parameters.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str());
        if get("load_method")
            .is_some_and(|method| !["load_job", "load_jobs", "storage_write"].contains(&method))
        {
            return refuse("load_method must be load_job; it may be left out");
        }
        let location = get("location").map(location).transpose()?;
        let base = match get("base_url") {
            Some(text) => crate::uri::base_url("base_url", text, "token").or_else(refuse)?,
            None => Base { url: API.to_owned(), loopback: false },
        };
        // Clients of Google's own take the base with its path, too.
        let base =
            Base { url: base.url.strip_suffix("/bigquery/v2").unwrap_or(&base.url).to_owned(), ..base };
        let storage = match get("storage_base_url") {
            Some(text) => crate::uri::base_url("storage_base_url", text, "token").or_else(refuse)?,
            None => Base { url: STORAGE.to_owned(), loopback: false },
        };
        let credentials = match (get("credentials_path"), get("credentials_base64")) {
            (Some(_), Some(_)) => {
                return refuse("it has both credentials_path and credentials_base64; give one of them");
            }
            (Some(path), None) => Credentials::File(crate::uri::at_home(path).into_owned()),
            (None, Some(text)) => Credentials::Json(decode(text)?),
            (None, None) if base.loopback => Credentials::None,
            (None, None) => Credentials::Default,
        };
        Ok(Self { project: project.to_owned(), dataset, location, credentials, base, storage })
    }
}

/// A project id: 6 to 30 lower-case letters, digits and hyphens, in a few old ones after a domain and a colon.
/// Checked loosely, as it goes into paths: what does not exist is BigQuery's to say.
fn check_project(project: &str) -> Result<(), UriError> {
    if project.is_empty() {
        return refuse("the project is missing: bigquery://<project>");
    }
    let fits = project.len() <= 100
        && project.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
        && !project.starts_with(['.', '-', ':']);
    if fits { Ok(()) } else { refuse("the project must be a project id such as my-project-123") }
}

fn check_dataset(dataset: &str) -> Result<(), UriError> {
    let fits =
        dataset.len() <= 1024 && dataset.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if fits {
        Ok(())
    } else {
        refuse("the dataset after the project has only letters, digits and underscores, at most 1024 of them")
    }
}

fn location(text: &str) -> Result<String, UriError> {
    let fits = text.len() <= 40 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if fits { Ok(text.to_owned()) } else { refuse("location must be one such as EU, US or europe-west3") }
}

/// Takes both alphabets, with padding or without: tools differ.
fn decode(text: &str) -> Result<SecretString, UriError> {
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let text: String = text.chars().filter(|c| *c != ' ').collect();
    let bytes = GeneralPurpose::new(&STANDARD, lenient)
        .decode(&text)
        .or_else(|_| GeneralPurpose::new(&URL_SAFE, lenient).decode(&text));
    let Ok(bytes) = bytes else { return refuse("credentials_base64 is not base64") };
    match String::from_utf8(bytes) {
        Ok(json) if serde_json::from_str::<serde::de::IgnoredAny>(&json).is_ok() => Ok(json.into()),
        _ => refuse("credentials_base64 is not the base64 of a JSON file"),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn every_accepted_form() {
        for (uri, project, dataset, base) in [
            ("bigquery://my-project", "my-project", None, API),
            ("bigquery://my-project/", "my-project", None, API),
            ("bigquery://my-project/gorgias", "my-project", Some("gorgias"), API),
            ("bigquery://example.com:old/gorgias/?location=EU", "example.com:old", Some("gorgias"), API),
            ("bigquery://p?load_method=storage_write", "p", None, API),
            ("bigquery://p?base_url=http%3A%2F%2F127.0.0.1%3A81%2F", "p", None, "http://127.0.0.1:81"),
            (
                "bigquery://p/d?base_url=https://bigquery-x.p.googleapis.com/bigquery/v2/",
                "p",
                Some("d"),
                "https://bigquery-x.p.googleapis.com",
            ),
        ] {
            let parsed = BigQueryUri::parse(uri).unwrap();
            assert_eq!(
                (parsed.project.as_str(), parsed.dataset.as_deref(), parsed.base.url.as_str()),
                (project, dataset, base),
                "{uri}"
            );
        }
    }

    #[test]
    fn credentials_are_found_and_an_emulator_needs_none() {
        let parse = |query: &str| BigQueryUri::parse(&format!("bigquery://p?{query}")).unwrap().credentials;
        assert!(matches!(parse(""), Credentials::Default));
        assert!(matches!(parse("base_url=http://localhost:81"), Credentials::None));
        assert!(
            matches!(parse("credentials_path=/a/b%20c.json"), Credentials::File(path) if path == "/a/b c.json")
        );
        // {"a":"?>~"} in both alphabets, with padding and without.
        for text in ["eyJhIjoiPz5+In0=", "eyJhIjoiPz5-In0", "eyJhIjoiPz5%2BIn0%3D"] {
            let Credentials::Json(json) = parse(&format!("credentials_base64={text}")) else {
                panic!("{text}")
            };
            assert_eq!(json.expose_secret(), r#"{"a":"?>~"}"#);
        }
    }

    #[test]
    fn every_refused_form_says_what_is_wrong_and_no_secret() {
        for (uri, problem) in [
            ("bigquery:p", "it does not begin with bigquery://"),
            ("bigquery://", "the project is missing: bigquery://<project>"),
            ("bigquery:///d", "the project is missing: bigquery://<project>"),
            ("bigquery://SECRET@host", "the project must be a project id such as my-project-123"),
            (
                "bigquery://p/a/b",
                "the dataset after the project has only letters, digits and underscores, at most 1024 of them",
            ),
            (
                "bigquery://p/my-data",
                "the dataset after the project has only letters, digits and underscores, at most 1024 of them",
            ),
            (
                "bigquery://p?key=SECRET",
                "the parameter key is unknown; known are credentials_path, credentials_base64, location, base_url, storage_base_url, load_method",
            ),
            ("bigquery://p?location=", "the parameter location is empty"),
            ("bigquery://p?location=a&location=b", "the parameter location is given twice"),
            ("bigquery://p?location=a/b", "location must be one such as EU, US or europe-west3"),
            ("bigquery://p?load_method=SECRET", "load_method must be load_job; it may be left out"),
            ("bigquery://p?credentials_base64=SECRET!", "credentials_base64 is not base64"),
            (
                "bigquery://p?credentials_base64=U0VDUkVU",
                "credentials_base64 is not the base64 of a JSON file",
            ),
            (
                "bigquery://p?credentials_base64=e30&credentials_path=SECRET",
                "it has both credentials_path and credentials_base64; give one of them",
            ),
            (
                "bigquery://p?base_url=http://example.com",
                "base_url is plain http: the token would travel unencrypted; use https",
            ),
            (
                "bigquery://p?storage_base_url=http://10.0.0.1",
                "storage_base_url is plain http: the token would travel unencrypted; use https",
            ),
        ] {
            let error = BigQueryUri::parse(uri).unwrap_err().to_string();
            assert_eq!(error, format!("--dest-uri: {problem}"), "{uri}");
            assert!(!error.contains("SECRET"));
        }
    }
}
