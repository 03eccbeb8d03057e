//! What a `postgres://` URI says, and where the password comes from that it leaves out.
//!
//! As libpq has it: the URI, then `PGPASSWORD`, then `~/.pgpass`. What is unknown is refused by name, without values.

use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::tls::{Certificates, Verify};
use crate::uri::{ENCODE, at_home, has_stray_at, parameters};

/// How the URI is written.
pub(in crate::dest) const FORM: &str = "postgres://<user>[:<password>]@<host>[:<port>]/<database>";

/// Ours, then those of hosts, then those that go on to the client.
const KNOWN: &[&str] = &[
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "json",
    "tcp_user_timeout",
    "host",
    "hostaddr",
    "port",
    "user",
    "password",
    "dbname",
    "connect_timeout",
    "application_name",
    "options",
    "target_session_attrs",
    "load_balance_hosts",
    "channel_binding",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
];
const OURS: usize = 6;
/// Where those of hosts end.
const HOSTS: usize = 9;

/// What is no URI. Why it is none may quote it.
const NOT_ONE: &str = "is not a URI of PostgreSQL";

/// Longer than a slow network takes, shorter than somebody waits.
const CONNECT: Duration = Duration::from_secs(15);
/// When a server that says nothing more is given up.
const SILENCE: Duration = Duration::from_secs(120);

/// What a URI says.
#[derive(Debug, Clone)]
pub(super) struct PostgresUri {
    /// The way to each host, with the password for it; the next one is tried where nobody answers.
    pub(super) ways: Vec<Config>,
    /// How TLS is spoken; `None`: not at all.
    pub(super) certificates: Option<Certificates>,
    /// Whether new columns of JSON are `jsonb`.
    pub(super) binary_json: bool,
    /// How messages name the database.
    pub(super) place: String,
}

impl PostgresUri {
    /// Reads a URI. `env` is the environment.
    ///
    /// # Errors
    /// What is wrong with it, without a value.
    pub(super) fn parse(uri: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, String> {
        // The driver that ingestr's documentation names says nothing of the place.
        let uri = &*uri.replacen("+psycopg2://", "://", 1);
        let (base, query) = uri.split_once('?').unwrap_or((uri, ""));
        if has_stray_at(base, query) {
            return Err(format!("has more than one @; {ENCODE}"));
        }
        let found = parameters(query, KNOWN)?;
        let get =
            |name: &str| found.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
        let hosts: Config = with_parameters(base, &found, &KNOWN[OURS..HOSTS])?;
        let mut config: Config = with_parameters(&without_hosts(base)?, &found, &KNOWN[HOSTS..])?;
        if config.get_application_name().is_none() {
            config.application_name("ingestr");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        config.tcp_user_timeout(match get("tcp_user_timeout").map(str::parse) {
            None => SILENCE,
            Some(Ok(milliseconds)) => Duration::from_millis(milliseconds),
            Some(Err(_)) => return Err("the parameter tcp_user_timeout is a number of milliseconds".into()),
        });
        if get("keepalives_idle").is_none() {
            config.keepalives_idle(SILENCE / 2);
        }
        if let (None, Some(user)) = (config.get_user(), env("PGUSER").or_else(|| env("USER"))) {
            config.user(user);
        }
        let binary_json = match get("json") {
            None | Some("json") => false,
            Some("jsonb") => true,
            Some(_) => return Err("the parameter json is json or jsonb".into()),
        };
        let certificates = certificates(&get)?;
        config.ssl_mode(match (&certificates, get("sslmode")) {
            (None, _) => SslMode::Disable,
            (Some(_), None | Some("prefer")) => SslMode::Prefer,
            _ => SslMode::Require,
        });
        if let (None, Some(password)) = (config.get_password(), env("PGPASSWORD")) {
            config.password(password);
        }
        let ways = ways(&hosts, &config, env)?;
        let place = place(&ways);
        Ok(Self { ways, certificates, binary_json, place })
    }
}

/// A URI without its hosts.
fn without_hosts(base: &str) -> Result<String, String> {
    let (scheme, rest) = base.split_once("://").ok_or(NOT_ONE)?;
    let (user, rest) = rest.split_once('@').map_or(("", rest), |(user, rest)| (user, rest));
    let at = if user.is_empty() { "" } else { "@" };
    let path = rest.find('/').map_or("", |at| &rest[at..]);
    Ok(format!("{scheme}://{user}{at}{path}"))
}

/// What the client makes of a URI and of those parameters.
fn with_parameters(base: &str, found: &[(&str, String)], wanted: &[&str]) -> Result<Config, String> {
    let mut pairs = Vec::new();
    for (name, value) in found.iter().filter(|(name, _)| wanted.contains(name)) {
        // Several hosts are several parameters there, and one name is another.
        let values: Vec<&str> = if *name == "host" { value.split(',').collect() } else { vec![value] };
        let known = if *name == "keepalives_count" { "keepalives_retries" } else { name };
        let pair = |value: &str| format!("{known}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
        let own = values.into_iter().map(pair).collect::<Vec<_>>().join("&");
        let read: Result<Config, _> = format!("postgresql://?{own}").parse();
        read.map_err(|_| format!("the parameter {name} is {}", taken(name)))?;
        pairs.push(own);
    }
    format!("{base}?{}", pairs.join("&")).parse().map_err(|_| format!("{NOT_ONE}; {ENCODE}"))
}

/// What values a parameter has.
fn taken(name: &str) -> &'static str {
    match name {
        "target_session_attrs" => "any, read-write or read-only",
        "load_balance_hosts" => "disable or random",
        "channel_binding" => "disable, prefer or require",
        "hostaddr" => "an address, or several with commas",
        "port" => "a number, or several with commas",
        "connect_timeout" | "keepalives_idle" | "keepalives_interval" => "a number of seconds",
        "keepalives" => "0 or 1",
        "keepalives_count" => "a number",
        _ => "not taken as it is",
    }
}

/// The way to each host: what is said for all, and what is its own. Each is sent its own password, and no other's.
fn ways(hosts: &Config, all: &Config, env: &dyn Fn(&str) -> Option<String>) -> Result<Vec<Config>, String> {
    let (names, addresses, ports) = (hosts.get_hosts(), hosts.get_hostaddrs(), hosts.get_ports());
    let count = names.len().max(addresses.len()).max(1);
    if !names.is_empty() && !addresses.is_empty() && names.len() != addresses.len() {
        return Err("the parameter hostaddr names an address for each host".into());
    }
    if ports.len() > 1 && ports.len() != count {
        return Err("the parameter port names one port, or one for each host".into());
    }
    let way = |at: usize| {
        let mut own = all.clone();
        match (names.get(at), addresses.get(at)) {
            (Some(Host::Tcp(name)), address) => {
                if name.contains('@') {
                    return Err(format!("names a host with an @ in it; {ENCODE}"));
                }
                own.host(name);
                if let Some(address) = address {
                    own.hostaddr(*address);
                }
            }
            // Nobody listens in on a socket, and no server speaks TLS there: as libpq does, whatever sslmode is.
            #[cfg(unix)]
            (Some(Host::Unix(path)), _) => {
                own.host_path(path).ssl_mode(SslMode::Disable);
            }
            (None, Some(address)) => {
                own.host(address.to_string());
            }
            (None, None) => {
                own.host("localhost");
            }
        }
        own.port(ports.get(at).or(ports.first()).copied().unwrap_or(5432));
        if let (None, Some(password)) = (own.get_password(), from_file(&own, env)) {
            own.password(password);
        }
        Ok(own)
    };
    (0..count).map(way).collect()
}

/// How TLS is spoken: <https://www.postgresql.org/docs/current/libpq-ssl.html>.
fn certificates<'a>(get: &dyn Fn(&str) -> Option<&'a str>) -> Result<Option<Certificates>, String> {
    let path = |name: &str| get(name).map(|path| PathBuf::from(at_home(path).into_owned()));
    let roots = path("sslrootcert").filter(|path| path.as_os_str() != "system");
    let verify = match get("sslmode") {
        Some("disable") => return Ok(None),
        // Whoever names an authority means it to be asked.
        Some("require") if roots.is_some() => Verify::Chain,
        None | Some("prefer" | "require") => Verify::Nothing,
        Some("verify-ca") => Verify::Chain,
        Some("verify-full") => Verify::Full,
        Some(_) => {
            return Err("the parameter sslmode is disable, prefer, require, verify-ca or verify-full".into());
        }
    };
    let own = match (path("sslcert"), path("sslkey")) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some((certificate, key)),
        _ => return Err("the parameters sslcert and sslkey go together".into()),
    };
    Ok(Some(Certificates { verify, roots, own }))
}

/// The database without its user.
fn place(ways: &[Config]) -> String {
    let host = |host: &Host| match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    };
    let hosts: Vec<String> = ways.iter().flat_map(Config::get_hosts).map(host).collect();
    let name = ways.first().and_then(|way| way.get_dbname().or(way.get_user())).unwrap_or_default();
    format!("PostgreSQL database {name} on {}", hosts.join(","))
}

/// The password of a host from the file for it, unless others could read it: as libpq does.
fn from_file(config: &Config, env: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let path = env("PGPASSFILE")
        .map_or_else(|| at_home("~/.pgpass").into_owned(), |path| at_home(&path).into_owned());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if std::fs::metadata(&path).ok()?.permissions().mode() & 0o077 != 0 {
            return None;
        }
    }
    let host = match config.get_hosts().first()? {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(_) => "localhost".into(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432).to_string();
    let user = config.get_user()?;
    let database = config.get_dbname().unwrap_or(user);
    let text = std::fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| password_in(line, &[&host, &port, database, user]))
}

/// The password of a line `host:port:database:user:password` for these; `*` is any, a backslash goes before `:` and itself.
fn password_in(line: &str, wanted: &[&str; 4]) -> Option<String> {
    let mut fields = vec![String::new()];
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            ':' if fields.len() <= wanted.len() => fields.push(String::new()),
            '\\' => fields.last_mut()?.extend(chars.next()),
            c => fields.last_mut()?.push(c),
        }
    }
    let (password, place) = fields.split_last()?;
    let fits = |(field, wanted): (&String, &&str)| field == "*" || field == wanted;
    let all = !line.starts_with('#') && place.len() == wanted.len();
    (all && place.iter().zip(wanted).all(fits)).then(|| password.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(uri: &str) -> Result<PostgresUri, String> {
        PostgresUri::parse(uri, &|_| None)
    }

    #[test]
    fn uris_are_read_as_libpq_does() {
        let read = |uri: &str| {
            let PostgresUri { ways, place, .. } = parse(uri).expect(uri);
            let way = |way: &Config| {
                let password = way.get_password().map(|text| String::from_utf8_lossy(text).into_owned());
                let (ports, mode) = (way.get_ports(), way.get_ssl_mode());
                format!("{ports:?} {:?} {:?} {password:?} {mode:?}", way.get_hostaddrs(), way.get_user())
            };
            format!("{place} {}", ways.iter().map(way).collect::<Vec<_>>().join(", "))
        };
        let all = [
            "postgres://me@db.example.com/shop",
            "postgresql+psycopg2://me@db.example.com/shop",
            "postgresql://me%40shop:p%40ss%2Fw%3Ard%25@db:6432/shop?sslmode=require",
            "postgres://me@one:1,two:2/shop?target_session_attrs=read-write&sslmode=verify-full",
            "postgres://me@%2Fvar%2Frun%2Fpostgresql/shop",
            "postgres:///shop?host=/tmp&user=me&password=x+y&sslmode=disable",
            "postgres://[::1]:5/shop?user=me",
            "postgres://me@/shop?host=one,%2Ftmp&port=7&sslmode=verify-full",
            "postgres://me@one,two/shop?hostaddr=10.0.0.1,10.0.0.2",
            "postgres:///shop?hostaddr=10.0.0.1&user=me%40shop",
        ]
        .map(read);
        insta::assert_snapshot!(all.join("\n"), @r#"
        PostgreSQL database shop on db.example.com [5432] [] Some("me") None Prefer
        PostgreSQL database shop on db.example.com [5432] [] Some("me") None Prefer
        PostgreSQL database shop on db [6432] [] Some("me@shop") Some("p@ss/w:rd%") Require
        PostgreSQL database shop on one,two [1] [] Some("me") None Require, [2] [] Some("me") None Require
        PostgreSQL database shop on /var/run/postgresql [5432] [] Some("me") None Disable
        PostgreSQL database shop on /tmp [5432] [] Some("me") Some("x+y") Disable
        PostgreSQL database shop on ::1 [5] [] Some("me") None Prefer
        PostgreSQL database shop on one,/tmp [7] [] Some("me") None Require, [7] [] Some("me") None Disable
        PostgreSQL database shop on one,two [5432] [10.0.0.1] Some("me") None Prefer, [5432] [10.0.0.2] Some("me") None Prefer
        PostgreSQL database shop on 10.0.0.1 [5432] [] Some("me@shop") None Prefer
        "#);
    }

    #[test]
    fn what_is_wrong_is_named_without_its_value() {
        for (uri, wrong) in [
            (
                "postgres://me:SE:CRET@db:SECRET/db",
                "is not a URI of PostgreSQL; in a user or a password, write",
            ),
            ("postgres://me:pass@SECRET@db/shop", "has more than one @; in a user or a password, write %40"),
            ("postgres://me:pass@SEC/RET@db/shop", "has more than one @;"),
            ("postgres://me:pass?SECRET=x@db/shop", "has more than one @;"),
            (
                "postgres://me@SECRET%40db/shop",
                "names a host with an @ in it; in a user or a password, write",
            ),
            ("postgres://db/shop?sslmode=SECRET", "the parameter sslmode is disable, prefer"),
            ("postgres://db/shop?sslmod=SECRET", "the parameter sslmod is unknown; known are sslmode,"),
            ("postgres://db/shop?json=SECRET", "the parameter json is json or jsonb"),
            ("postgres://db/shop?sslcert=SECRET", "the parameters sslcert and sslkey go together"),
            ("postgres://db:SECRET/shop", "is not a URI of PostgreSQL"),
            (
                "postgres://db/shop?target_session_attrs=SECRET",
                "the parameter target_session_attrs is any, read-write or read-only",
            ),
            (
                "postgres://db/shop?connect_timeout=SECRET",
                "the parameter connect_timeout is a number of seconds",
            ),
            ("postgres://db/shop?tcp_user_timeout=SECRET", "the parameter tcp_user_timeout is a number of"),
            ("postgres://db/shop?keepalives_count=SECRET", "the parameter keepalives_count is a number"),
            ("postgres://db/shop?channel_binding=SECRET", "the parameter channel_binding is disable, prefer"),
            ("postgres://db/shop?hostaddr=SECRET", "the parameter hostaddr is an address"),
            (
                "postgres://db/shop?hostaddr=10.0.0.1,10.0.0.2",
                "the parameter hostaddr names an address for each",
            ),
            ("postgres://one,two,three/shop?port=1,2", "the parameter port names one port, or one for each"),
        ] {
            let told = parse(uri).expect_err(uri);
            assert!(told.starts_with(wrong) && !told.contains("SECRET"), "{uri}: {told}");
        }
        let shown = format!("{:?}", parse("postgres://me:SECRET@db/shop").expect("a URI"));
        assert!(!shown.contains("SECRET"), "{shown}");
    }

    #[test]
    fn passwords_come_from_the_environment_or_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pass");
        let lines = "# a comment\nother:*:*:*:no\ndb:5432:sh\\:op:me:p\\\\a:s\\:s\n*:*:*:*:any\n";
        std::fs::write(&path, lines).expect("can be written");
        let file = path.to_str().expect("is text").to_owned();
        let read = |uri: &str, own: Option<&str>| {
            let env = |name: &str| match name {
                "PGPASSFILE" => Some(file.clone()),
                "PGPASSWORD" => own.map(str::to_owned),
                _ => None,
            };
            let uri = PostgresUri::parse(uri, &env).expect("a URI");
            let own = |way: &Config| Some(String::from_utf8_lossy(way.get_password()?).into_owned());
            uri.ways.iter().map(|way| own(way).unwrap_or_default()).collect::<Vec<_>>().join(" ")
        };
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(read("postgres://me@db/x", None), "", "anybody can read it");
            let own = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(&path, own).expect("can be changed");
        }
        assert_eq!(read("postgres://me@db/sh%3Aop", None), "p\\a:s:s");
        assert_eq!(read("postgres://you@db/shop", None), "any");
        assert_eq!(read("postgres://you@db/shop", Some("env")), "env");
        // Each host is sent its own.
        assert_eq!(read("postgres://me@other,db:5432,db:7/sh%3Aop", None), "no p\\a:s:s any");
        assert_eq!(read("postgres://me@other,db/sh%3Aop", Some("env")), "env env");
        assert_eq!(read("postgres://you:uri@db/shop", Some("env")), "uri");
    }
}
