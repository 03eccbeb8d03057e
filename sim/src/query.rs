//! Query strings, read as strictly as the API reads them: what it does not know it refuses.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::json::escape;

/// What Python's `quote_plus` leaves alone.
const SAFE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'.').remove(b'-').remove(b'~');

/// Decoded parameters in the order sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(pub(crate) Vec<(String, String)>);

/// A refusal: field and message.
pub(crate) type Refusal = (String, String);

impl Query {
    pub(crate) fn parse(text: &str) -> Query {
        let decode =
            |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Query(
            pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(name, value)| (decode(name), decode(value)))
                .collect(),
        )
    }

    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a repeated key; `types[]` counts as `types`.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let matches = |n: &str| n == name || n.strip_suffix("[]") == Some(name);
        self.0.iter().filter(|(n, _)| matches(n)).map(|(_, value)| value.as_str()).collect()
    }

    /// Encoded again, the way answers echo it.
    pub(crate) fn echo(&self, first: Option<&str>) -> String {
        let mut pairs: Vec<&(String, String)> = self.0.iter().collect();
        pairs.sort_by_key(|(name, _)| Some(name.as_str()) != first);
        let encode = |text: &str| utf8_percent_encode(text, SAFE).to_string().replace("%20", "+");
        let parts: Vec<String> = pairs.iter().map(|(n, v)| format!("{}={}", encode(n), encode(v))).collect();
        parts.join("&")
    }

    pub(crate) fn int(&self, name: &str) -> Result<Option<i64>, Refusal> {
        self.one(name).map(|text| text.parse().map_err(|_| refusal(name, "Not a valid integer."))).transpose()
    }

    pub(crate) fn bool(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.one(name) {
            None => Ok(None),
            Some("true" | "True" | "1") => Ok(Some(true)),
            Some("false" | "False" | "0") => Ok(Some(false)),
            Some(_) => Err(refusal(name, "Not a valid boolean.")),
        }
    }

    pub(crate) fn ints(&self, name: &str) -> Result<Vec<i64>, Refusal> {
        let parse = |text: &&str| text.parse().map_err(|_| refusal(name, "Not a valid integer."));
        self.all(name).iter().map(parse).collect()
    }

    /// 1 to 100, 30 when absent.
    pub(crate) fn limit(&self) -> Result<usize, Refusal> {
        match self.int("limit")? {
            None => Ok(30),
            Some(n) if n < 1 => Err(refusal("limit", "Must be at least 1.")),
            Some(n) if n > 100 => Err(refusal("limit", "Must be at most 100")),
            Some(n) => Ok(usize::try_from(n).unwrap_or(30)),
        }
    }
}

pub(crate) fn refusal(field: &str, message: &str) -> Refusal {
    (field.into(), message.into())
}

/// The error envelope with one field.
pub(crate) fn refusal_body(message: &str, (field, text): &Refusal) -> String {
    let (field, text) = (escape(field, false), escape(text, false));
    format!(r#"{{"error":{{"msg":"{message}","data":{{"{field}":["{text}"]}}}}}}"#)
}
