//! What the URI says: which folder or bucket, and which format.
//!
//! `parquet:`, `csv:` and `jsonl:` are folders of this machine in that format; `file:` is one whose format is a parameter.
//! Problems are worded without the values of parameters: some of them are secrets.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use super::format::Format;
use crate::uri::{at_home, parameters};

/// How the URI of a folder is written.
pub(in crate::dest) const FORM: &str = "parquet:///<folder>, csv:///<folder>, jsonl:///<folder>";

/// A destination URI, taken apart and checked.
#[derive(Debug)]
pub(super) enum FilesUri {
    /// A folder of this machine.
    Disk(PathBuf, Format),
}

impl FilesUri {
    /// # Errors
    /// What is wrong with it, without a value.
    pub(super) fn parse(uri: &str) -> Result<Self, String> {
        let (scheme, rest) = uri.trim().split_once("://").ok_or("the URI has no :// in it")?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let found = parameters(query, &["format"])?;
        let get = |name: &str| found.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_str());
        let format = format(scheme, get("format"))?;
        Ok(Self::Disk(folder(place)?, format))
    }
}

/// The format that is asked for by scheme or parameter.
fn format(scheme: &str, typed: Option<&str>) -> Result<Format, String> {
    let named = typed
        .map(|typed| {
            Format::parse(&typed.to_lowercase()).ok_or_else(|| {
                let all = Format::ALL.map(Format::name);
                format!("the parameter format is none of {}", all.join(", "))
            })
        })
        .transpose()?;
    match (Format::parse(scheme), named) {
        (Some(own), Some(other)) if own != other => {
            Err(format!("the URI says {} and format={}", own.name(), other.name()))
        }
        (own, named) => Ok(own.or(named).unwrap_or(Format::ALL[0])),
    }
}

/// The folder, as it was written: relative paths stay relative.
fn folder(place: &str) -> Result<PathBuf, String> {
    let path = place.strip_prefix('/').unwrap_or(place);
    let path = percent_decode_str(path)
        .decode_utf8()
        .map_err(|_| "the path is not UTF-8 after percent-decoding".to_owned())?;
    let path = at_home(&path);
    let trimmed = path.trim_end_matches('/');
    let path = if trimmed.is_empty() { &*path } else { trimmed };
    if path.is_empty() || path.contains('\0') {
        return Err("the URI names no folder".into());
    }
    let ending = path.rsplit_once('.').and_then(|(stem, ending)| Some((stem, Format::parse(ending)?)));
    if let Some((_, format)) = ending.filter(|(stem, _)| !stem.is_empty() && !stem.ends_with('/')) {
        return Err(format!(
            "the URI names a file, and each table gets a file of its own: name the folder that they go to, as in \
             {}:///out, and the table with --dest-table",
            format.name()
        ));
    }
    Ok(PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(uri: &str) -> Result<String, String> {
        FilesUri::parse(uri)
            .map(|FilesUri::Disk(path, format)| format!("{} {}", path.display(), format.name()))
    }

    #[test]
    fn folders_are_relative_after_three_slashes_and_absolute_after_four() {
        for (uri, wanted) in [
            ("parquet:///out", "out parquet"),
            ("csv:////data/out/", "/data/out csv"),
            ("jsonl://out", "out jsonl"),
            ("file:///out", "out parquet"),
            ("file:///out?format=csv", "out csv"),
            ("file:///out?format=JSONL", "out jsonl"),
            ("csv:///out?format=csv", "out csv"),
            ("parquet:///with%20space/%C3%B6", "with space/ö parquet"),
            ("parquet:////", "/ parquet"),
            ("parquet:///.", ". parquet"),
            ("csv:///.csv", ".csv csv"),
        ] {
            assert_eq!(shown(uri).as_deref(), Ok(wanted), "{uri}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_without_its_value() {
        for (uri, wrong) in [
            ("csv:out", "the URI has no :// in it"),
            ("csv:///", "the URI names no folder"),
            ("file:///out?format=SECRET", "the parameter format is none of parquet, csv, jsonl"),
            ("csv:///out?format=jsonl", "the URI says csv and format=jsonl"),
            ("csv:///out?x=SECRET", "the parameter x is unknown; known are format"),
            ("csv:///tickets.csv", "the URI names a file, and each table gets a file of its own"),
            ("parquet:///a%FF", "the path is not UTF-8 after percent-decoding"),
        ] {
            let told = shown(uri).expect_err(uri);
            assert!(told.starts_with(wrong) && !told.contains("SECRET"), "{uri}: {told}");
        }
    }
}
