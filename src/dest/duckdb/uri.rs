//! `duckdb:` URIs to paths.
//!
//! Three slashes are relative to the working directory and four are absolute, as in ingestr; two are taken as
//! relative too, because `duckdb://shop.duckdb` can mean nothing else.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use crate::dest::{DestError, DestErrorKind};

const FORMS: &str = "use duckdb:///relative.duckdb or duckdb:////absolute/path.duckdb";

/// The file a URI names, as it was written: relative paths stay relative.
pub(super) fn path_of(uri: &str) -> Result<PathBuf, DestError> {
    let rest = uri.strip_prefix("duckdb://").ok_or_else(|| bad(format!("not a duckdb URI: {uri}"), FORMS))?;
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    if let Some(name) = query.split(['=', '&']).next().filter(|name| !name.is_empty()) {
        return Err(bad(
            format!("the duckdb URI has a parameter `{name}`; it takes none"),
            "leave out everything from the question mark on; a question mark in a file name is written %3F",
        ));
    }
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = percent_decode_str(path)
        .decode_utf8()
        .map_err(|_| bad(format!("the path in {uri} is not UTF-8 after percent-decoding"), FORMS))?;
    if path.is_empty() {
        return Err(bad("the duckdb URI names no file".into(), FORMS));
    }
    if path == ":memory:" {
        return Err(bad("a database in memory would be gone when the run ends".into(), FORMS));
    }
    if path.contains('\0') || path.ends_with('/') || path.ends_with("/..") || path == "." || path == ".." {
        return Err(bad(format!("{uri} does not name a file"), FORMS));
    }
    Ok(PathBuf::from(path.as_ref()))
}

fn bad(message: String, hint: &str) -> DestError {
    DestError { kind: DestErrorKind::Other, message, hint: Some(hint.into()), source: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_after_three_slashes_and_absolute_after_four() {
        for (uri, path) in [
            ("duckdb:///gorgias.duckdb", "gorgias.duckdb"),
            ("duckdb:///data/gorgias.duckdb", "data/gorgias.duckdb"),
            ("duckdb:////data/gorgias.duckdb", "/data/gorgias.duckdb"),
            ("duckdb://gorgias.duckdb", "gorgias.duckdb"),
            ("duckdb:///../up.db", "../up.db"),
            ("duckdb:///with%20space%3F.duckdb", "with space?.duckdb"),
            ("duckdb:///gr%C3%B6%C3%9Fe.duckdb", "größe.duckdb"),
            ("duckdb:///größe.duckdb", "größe.duckdb"),
            ("duckdb:///it's#1.duckdb", "it's#1.duckdb"),
            ("duckdb:///plain.duckdb?", "plain.duckdb"),
        ] {
            assert_eq!(path_of(uri).expect(uri), PathBuf::from(path), "{uri}");
        }
    }

    #[test]
    fn what_names_no_file_is_refused_with_the_reason() {
        for (uri, message) in [
            ("duckdb:gorgias.duckdb", "not a duckdb URI: duckdb:gorgias.duckdb"),
            ("postgres:///x", "not a duckdb URI: postgres:///x"),
            ("duckdb://", "the duckdb URI names no file"),
            ("duckdb:///", "the duckdb URI names no file"),
            ("duckdb:////", "duckdb://// does not name a file"),
            ("duckdb:///folder/", "duckdb:///folder/ does not name a file"),
            ("duckdb:///:memory:", "a database in memory would be gone when the run ends"),
            ("duckdb://:memory:", "a database in memory would be gone when the run ends"),
            ("duckdb:///x.duckdb?threads=4", "the duckdb URI has a parameter `threads`; it takes none"),
            ("duckdb:///%FF.duckdb", "the path in duckdb:///%FF.duckdb is not UTF-8 after percent-decoding"),
            ("duckdb:///a%00b", "duckdb:///a%00b does not name a file"),
        ] {
            assert_eq!(path_of(uri).expect_err(uri).to_string(), message, "{uri}");
        }
    }
}
