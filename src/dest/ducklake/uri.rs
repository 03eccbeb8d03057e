//! What a `ducklake:` URI says: where the catalog is, where the data, and what opens them.
//!
//! Without another word the catalog is a DuckDB file. `ducklake:sqlite:…` and `ducklake:postgres:…` are followed by the URI of
//! that database, as in DuckDB itself. What is unknown is refused by name, without values.

use std::path::{Path, PathBuf};

use super::storage::{BUCKET, Bucket};
use crate::dest::local::path_of;
use crate::uri::{ENCODE, at_home, has_stray_at, parameters};

/// How the URI is written.
pub(in crate::dest) const FORM: &str = "ducklake:///<catalog file>?data_path=<folder>";

/// Ours.
const OWN: &[&str] = &[
    "data_path",
    "extensions",
    "access_key_id",
    "secret_access_key",
    "session_token",
    "region",
    "endpoint_url",
];
/// Those that go on to PostgreSQL's own client.
const SERVER: &[&str] = &[
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "connect_timeout",
    "application_name",
    "options",
    "target_session_attrs",
    "channel_binding",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
];

/// Where the catalog is.
#[derive(Clone)]
pub(super) enum Catalog {
    /// A DuckDB file: one process at a time.
    DuckDb(PathBuf),
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database.
    Postgres(Server),
}

/// A PostgreSQL database, as its own client is told of it.
#[derive(Clone)]
pub(super) struct Server {
    /// With whatever is secret.
    pub(super) uri: String,
    /// What must be in no message: the password, as it is and as it is written in a URI.
    pub(super) secrets: Vec<String>,
    /// How messages name it.
    pub(super) place: String,
}

impl Catalog {
    /// The file that it is, if it is one.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::DuckDb(path) | Self::Sqlite(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }

    /// How messages name it.
    pub(super) fn place(&self) -> String {
        match self {
            Self::DuckDb(path) | Self::Sqlite(path) => path.display().to_string(),
            Self::Postgres(server) => server.place.clone(),
        }
    }

    /// How DuckDB is told to attach it.
    pub(super) fn attached(&self, path: &Path) -> String {
        match self {
            Self::DuckDb(_) => format!("ducklake:{}", path.display()),
            Self::Sqlite(_) => format!("ducklake:sqlite:{}", path.display()),
            Self::Postgres(server) => format!("ducklake:postgres:{}", server.uri),
        }
    }
}

/// What a URI says.
#[derive(Clone)]
pub(super) struct LakeUri {
    pub(super) catalog: Catalog,
    /// Where the data is: a folder, absolute, or a bucket; `None`: where the catalog says.
    pub(super) data: Option<String>,
    /// What opens the bucket, where the data is in one.
    pub(super) bucket: Option<Bucket>,
    /// The folder with DuckDB's extensions; `None`: DuckDB has its own, and fetches them.
    pub(super) extensions: Option<PathBuf>,
}

impl LakeUri {
    /// Reads a URI. `env` is the environment.
    ///
    /// # Errors
    /// What is wrong with it, without a value.
    pub(super) fn parse(uri: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, String> {
        let (base, query) = uri.split_once('?').unwrap_or((uri, ""));
        let rest = base.strip_prefix("ducklake:").ok_or("is not a URI of DuckLake")?;
        if rest.starts_with("postgres") && has_stray_at(base, query) {
            return Err(format!("has more than one @; {ENCODE}"));
        }
        let (own, theirs) = split(query, rest.starts_with("postgres"));
        let found = parameters(&own, OWN)?;
        let get = |name: &str| found.iter().find(|(own, _)| *own == name).map(|(_, value)| value.clone());
        let catalog = match rest.split_once(':').map_or("", |(scheme, _)| scheme) {
            "sqlite" => Catalog::Sqlite(file("sqlite", rest)?),
            "duckdb" => Catalog::DuckDb(file("duckdb", rest)?),
            "postgres" | "postgresql" => Catalog::Postgres(server(rest, &theirs)?),
            _ if rest.starts_with("//") => Catalog::DuckDb(file("ducklake", base)?),
            _ => return Err("names a catalog that is none of DuckDB, SQLite and PostgreSQL".into()),
        };
        let data = get("data_path").map(|path| folder(&path)).transpose()?;
        if data.is_none() && matches!(catalog, Catalog::Postgres(_)) {
            return Err(
                "the parameter data_path is missing: a catalog on a server lies beside no data".into()
            );
        }
        let remote = data.as_deref().filter(|data| data.starts_with("s3://"));
        if remote.is_none()
            && let Some(name) = BUCKET.iter().find(|name| get(name).is_some())
        {
            return Err(format!("the parameter {name} is for a data_path that begins with s3://"));
        }
        let bucket = remote.map(|data| Bucket::new(data, &get, env)).transpose()?;
        let extensions = get("extensions").map(|path| PathBuf::from(at_home(&path).into_owned()));
        Ok(Self { catalog, data, bucket, extensions })
    }

    /// A text of DuckDB's without what is secret in it.
    pub(super) fn without_secrets(&self, text: &str) -> String {
        let mut text = text.to_owned();
        if let Catalog::Postgres(server) = &self.catalog {
            text = text.replace(&server.uri, "…");
            for secret in &server.secrets {
                text = text.replace(secret, "…");
            }
        }
        if let Some(bucket) = &self.bucket {
            for secret in bucket.secrets() {
                text = text.replace(secret, "…");
            }
        }
        text
    }
}

impl std::fmt::Debug for LakeUri {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LakeUri").field("catalog", &self.catalog.place()).finish_non_exhaustive()
    }
}

/// The parameters that are ours, and those of the server.
fn split(query: &str, server: bool) -> (String, String) {
    let theirs =
        |pair: &&str| server && SERVER.contains(&pair.split_once('=').map_or(*pair, |(name, _)| name));
    let (theirs, own): (Vec<&str>, Vec<&str>) =
        query.split('&').filter(|pair| !pair.is_empty()).partition(theirs);
    (own.join("&"), theirs.join("&"))
}

/// The catalog's file.
fn file(kind: &str, uri: &str) -> Result<PathBuf, String> {
    path_of(kind, uri).map_err(|error| error.message)
}

/// The server of a URI, and of the parameters that are its own.
fn server(base: &str, parameters: &str) -> Result<Server, String> {
    let wrong = || {
        format!(
            "names no PostgreSQL database: write ducklake:postgres://<user>@<host>/<database>?data_path=…; {ENCODE}"
        )
    };
    let url = url::Url::parse(base).map_err(|_| wrong())?;
    let host = url.host_str().unwrap_or("this machine");
    let database = url.path().trim_start_matches('/');
    // A password with a slash in it is taken for a port and a path.
    let stray = database.contains('@') || host.contains('@') || host.contains("%40");
    if stray || database.is_empty() || base.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Err(wrong());
    }
    let written: Vec<String> = url.password().into_iter().map(str::to_owned).collect();
    let plain = written.iter().filter_map(|text| {
        let text = percent_encoding::percent_decode_str(text).decode_utf8().ok()?;
        Some(text.into_owned())
    });
    let secrets: Vec<String> = plain.chain(written.clone()).filter(|secret| !secret.is_empty()).collect();
    let rest = base.split_once(':').map_or(base, |(_, rest)| rest);
    let query = if parameters.is_empty() { String::new() } else { format!("?{parameters}") };
    Ok(Server {
        uri: format!("postgresql:{rest}{query}"),
        secrets,
        place: format!("PostgreSQL database {database} on {host}"),
    })
}

/// The data's folder, absolute, so that it is the same one wherever a run is started; or its bucket. Both end with a slash.
fn folder(path: &str) -> Result<String, String> {
    if let Some(bucket) = path.strip_prefix("s3://") {
        let bucket = bucket.trim_end_matches('/');
        return if bucket.is_empty() {
            Err("the parameter data_path names no bucket".into())
        } else {
            Ok(format!("s3://{bucket}/"))
        };
    }
    if path.contains("://") {
        return Err("the parameter data_path is a folder, or begins with s3://".into());
    }
    let path = path.trim_end_matches('/');
    let path = at_home(if path.is_empty() { "/" } else { path });
    let absolute =
        std::path::absolute(path.as_ref()).map_err(|_| "the parameter data_path names no folder")?;
    Ok(format!("{}/", absolute.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(uri: &str) -> Result<LakeUri, String> {
        LakeUri::parse(uri, &|_| None)
    }

    #[test]
    fn catalogs_are_files_or_databases() {
        let read = |uri: &str| {
            let lake = parse(uri).expect(uri);
            let path = lake.catalog.file().unwrap_or(Path::new(""));
            format!("{} {:?} {}", lake.catalog.place(), lake.data.as_deref(), lake.catalog.attached(path))
        };
        let all = [
            "ducklake:///shop.ducklake",
            "ducklake:////data/shop.ducklake?data_path=/data/shop/",
            "ducklake:duckdb:////data/it's%20mine.db?data_path=s3://bucket/a/b",
            "ducklake:sqlite:////data/shop.db?data_path=/data",
            "ducklake:postgres://me:p%40ss@db.example.com:6432/shop?sslmode=verify-full&data_path=/d&sslrootcert=/ca.crt",
            "ducklake:postgresql://db/shop?data_path=/d&channel_binding=require",
        ]
        .map(read);
        insta::assert_snapshot!(all.join("\n"), @r#"
        shop.ducklake None ducklake:shop.ducklake
        /data/shop.ducklake Some("/data/shop/") ducklake:/data/shop.ducklake
        /data/it's mine.db Some("s3://bucket/a/b/") ducklake:/data/it's mine.db
        /data/shop.db Some("/data/") ducklake:sqlite:/data/shop.db
        PostgreSQL database shop on db.example.com Some("/d/") ducklake:postgres:postgresql://me:p%40ss@db.example.com:6432/shop?sslmode=verify-full&sslrootcert=/ca.crt
        PostgreSQL database shop on db Some("/d/") ducklake:postgres:postgresql://db/shop?channel_binding=require
        "#);
    }

    #[test]
    fn what_is_wrong_is_named_without_its_value() {
        for (uri, wrong) in [
            ("ducklake:mysql://SECRET/x?data_path=/d", "names a catalog that is none of DuckDB, SQLite and"),
            ("ducklake:shop.ducklake", "names a catalog that is none of"),
            ("ducklake:///?data_path=/d", "the ducklake URI names no file"),
            ("ducklake:postgres://me:SECRET@db/shop", "the parameter data_path is missing"),
            ("ducklake:postgres://me:SECRET@db?data_path=/d", "names no PostgreSQL database"),
            (
                "ducklake:postgres://me:pass@SECRET@db/x?data_path=/d",
                "has more than one @; in a user or a password",
            ),
            ("ducklake:postgres://me:1?SECRET=x@db/x?data_path=/d", "has more than one @;"),
            ("ducklake:postgres://me:1/SECRET@db/x?data_path=/d", "names no PostgreSQL database"),
            ("ducklake:postgres://me@SECRET%40db/x?data_path=/d", "names no PostgreSQL database"),
            ("ducklake:postgres://me:SEC RET@db/x?data_path=/d", "names no PostgreSQL database"),
            (
                "ducklake:///x?data_path=gs://SECRET",
                "the parameter data_path is a folder, or begins with s3://",
            ),
            ("ducklake:///x?data_path=s3://", "the parameter data_path names no bucket"),
            ("ducklake:///x?sslmode=SECRET", "the parameter sslmode is unknown; known are data_path,"),
            (
                "ducklake:///x?data_path=/d&region=SECRET",
                "the parameter region is for a data_path that begins",
            ),
            ("ducklake:///x?data_path=s3://b&access_key_id=SECRET", "the parameters access_key_id and"),
            (
                "ducklake:///x?data_path=s3://b&session_token=SECRET",
                "the parameter session_token is for access_key_id",
            ),
            (
                "ducklake:///x?data_path=s3://b&endpoint_url=http://SECRET.example.com",
                "the parameter endpoint_url is plain http",
            ),
        ] {
            let told = parse(uri).expect_err(uri);
            assert!(told.starts_with(wrong) && !told.contains("SECRET"), "{uri}: {told}");
        }
    }

    #[test]
    fn secrets_are_in_no_text() {
        let lake = parse(
            "ducklake:postgres://me:SE%40CRET@db/shop?data_path=s3://b&access_key_id=me&secret_access_key=KEY",
        );
        let lake = lake.expect("a URI");
        let told = lake.without_secrets("postgresql://me:SE%40CRET@db/shop and SE@CRET and KEY: refused");
        assert_eq!(told, "… and … and …: refused");
        assert!(!format!("{lake:?}").contains("CRET"));
    }
}
