//! What the URI says: which folder or bucket, and which format.
//!
//! `parquet:`, `csv:` and `jsonl:` are folders of this machine in that format; of `file:`, `s3:` and `az:` the format is a
//! parameter.
//! Problems are worded without the values of parameters: some of them are secrets.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use super::bucket::Bucket;
use super::clients::{AZURE, S3, azure, s3};
use super::format::Format;
use crate::uri::{at_home, parameters};

/// How the URI of a folder is written.
pub(in crate::dest) const FORM: &str = "parquet:///<folder>, csv:///<folder>, jsonl:///<folder>";
/// How that of a bucket is written.
pub(in crate::dest) const S3_FORM: &str = "s3://<bucket>[/<prefix>]";
/// How that of a container is written.
pub(in crate::dest) const AZURE_FORM: &str = "az://<container>[/<prefix>]";

/// A destination URI, taken apart and checked.
#[derive(Debug)]
pub(super) enum FilesUri {
    /// A folder of this machine.
    Disk(PathBuf, Format),
    /// A bucket or a container.
    Bucket(Bucket, Format),
}

impl FilesUri {
    /// `env` gives the environment.
    ///
    /// # Errors
    /// What is wrong with it, without a value.
    pub(super) fn parse(uri: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, String> {
        let (scheme, rest) = uri.trim().split_once("://").ok_or("the URI has no :// in it")?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let known = match scheme {
            "s3" => S3,
            "az" => AZURE,
            _ => &["format"],
        };
        let found = parameters(query, known)?;
        let get = |name: &str| found.iter().find(|(own, _)| *own == name).map(|(_, value)| value.clone());
        let format = format(scheme, get("format").as_deref())?;
        if !matches!(scheme, "s3" | "az") {
            return Ok(Self::Disk(folder(place)?, format));
        }
        let (name, prefix) = place.split_once('/').unwrap_or((place, ""));
        let prefix = prefix_of(prefix)?;
        let bucket = if scheme == "s3" { s3 } else { azure };
        Ok(Self::Bucket(bucket(name, prefix, &get, env)?, format))
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

/// The folder in a bucket.
fn prefix_of(typed: &str) -> Result<String, String> {
    let prefix = percent_decode_str(typed.trim_matches('/'))
        .decode_utf8()
        .map_err(|_| "the prefix is not UTF-8 after percent-decoding".to_owned())?;
    let wrong =
        |part: &str| part.is_empty() || part == "." || part == ".." || part.contains(char::is_control);
    if !prefix.is_empty() && prefix.split('/').any(wrong) {
        return Err("the prefix after the bucket is no path".into());
    }
    Ok(prefix.into_owned())
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
        let parsed =
            FilesUri::parse(uri, &|name| (name == "AZURE_STORAGE_ACCOUNT_NAME").then(|| "shop".into()))?;
        Ok(match parsed {
            FilesUri::Disk(path, format) => format!("{} {}", path.display(), format.name()),
            FilesUri::Bucket(bucket, format) => format!("{} {}", bucket.name, format.name()),
        })
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
            ("s3://shop", "bucket s3://shop parquet"),
            ("s3://shop/a/%C3%B6/?format=csv&region=eu-central-1", "bucket s3://shop/a/ö csv"),
            (
                "s3://shop?endpoint_url=http://127.0.0.1:9000&access_key_id=id&secret_access_key=s",
                "bucket s3://shop parquet",
            ),
            ("az://shop/a?account_name=x&account_key=c2VjcmV0", "container az://shop/a parquet"),
            ("az://shop", "container az://shop parquet"),
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
            ("s3://", "the URI names no bucket"),
            ("s3://ab/x", "the URI names no bucket: a name has 3 to 63 small letters"),
            ("s3://Shop", "the URI names no bucket"),
            ("s3://shop/a//b", "the prefix after the bucket is no path"),
            (
                "s3://shop?access_key_id=SECRET",
                "the parameters access_key_id and secret_access_key go together",
            ),
            ("s3://shop?session_token=SECRET", "the parameter session_token is for access_key_id"),
            ("s3://shop?format=SECRET", "the parameter format is none of"),
            ("s3://shop?endpoint_url=http://SECRET.example.com", "the parameter endpoint_url is plain http"),
            (
                "s3://shop?account_key=SECRET",
                "the parameter account_key is unknown; known are format, access_key_id",
            ),
            ("az://a_b", "the URI names no container"),
            (
                "az://shop?account_key=SECRET&sas_token=SECRET",
                "the parameters account_key and sas_token are two ways",
            ),
        ] {
            let told = shown(uri).expect_err(uri);
            assert!(told.starts_with(wrong) && !told.contains("SECRET"), "{uri}: {told}");
        }
    }
}
