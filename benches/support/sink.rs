//! A BigQuery that takes everything and does nothing with it: what is measured is the program, not the warehouse.
//!
//! It speaks as much of the API as a first load asks for, over TLS on a free loopback port, with a certificate that it
//! makes itself. Nothing exists in it, and every job is done at once. Load files are kept on disk until they are counted.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read, Seek as _, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use flate2::read::MultiGzDecoder;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value as Json, json};

/// The server, until the process ends.
pub(crate) struct Sink {
    /// What `--dest-uri` takes.
    pub(crate) uri: String,
    /// The certificate that a client has to trust.
    pub(crate) certificate: PathBuf,
    shared: Arc<Mutex<Shared>>,
    folder: tempfile::TempDir,
}

#[derive(Default)]
struct Shared {
    folder: PathBuf,
    /// Load files that are complete, and what they are loads of.
    files: Vec<(PathBuf, Json)>,
    /// Rows of queries, by job.
    answers: HashMap<String, Json>,
    sessions: HashMap<usize, (PathBuf, Json)>,
    commits: usize,
}

/// What came in.
#[derive(Default)]
pub(crate) struct Received {
    /// Rows in all load files of messages or tickets.
    pub(crate) rows: u64,
    /// MB that were sent.
    pub(crate) megabytes: f64,
    /// Transactions.
    pub(crate) commits: usize,
}

impl Sink {
    /// Starts it.
    pub(crate) fn start() -> Self {
        let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let certificate = folder.path().join("certificate.pem");
        std::fs::write(&certificate, pem(own.cert.der())).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("https://{}", listener.local_addr().unwrap());
        let shared = Shared { folder: folder.path().to_owned(), ..Shared::default() };
        let shared = Arc::new(Mutex::new(shared));
        let (state, config, url) = (Arc::clone(&shared), Arc::new(config), base.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (state, config, url) = (Arc::clone(&state), Arc::clone(&config), url.clone());
                std::thread::spawn(move || serve(stream.unwrap(), config, &state, &url));
            }
        });
        let encoded = base.replace(':', "%3A").replace('/', "%2F");
        let uri = format!("bigquery://bench/shop?base_url={encoded}&location=EU");
        Self { uri, certificate, shared, folder }
    }

    /// Counts what has come in since the last call, and forgets it.
    pub(crate) fn received(&self) -> Received {
        let (files, commits) = {
            let mut shared = self.shared.lock().unwrap();
            (std::mem::take(&mut shared.files), std::mem::take(&mut shared.commits))
        };
        let mut received = Received { commits, ..Received::default() };
        for (file, load) in files {
            received.megabytes += std::fs::metadata(&file).unwrap().len() as f64 / 1e6;
            if load["destinationTable"]["tableId"].as_str().unwrap().contains("_rows") {
                received.rows += rows(&file, load["sourceFormat"].as_str().unwrap());
            }
            std::fs::remove_file(file).unwrap();
        }
        let left = std::fs::read_dir(self.folder.path()).unwrap().count();
        assert_eq!(left, 1, "a load file was never completed");
        received
    }
}

fn pem(der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// Rows of a load file.
fn rows(file: &Path, format: &str) -> u64 {
    let open = || BufReader::with_capacity(1 << 20, File::open(file).unwrap());
    match format {
        "PARQUET" => {
            let reader = SerializedFileReader::new(File::open(file).unwrap()).unwrap();
            u64::try_from(reader.metadata().file_metadata().num_rows()).unwrap()
        }
        // In CSV, a quoted text may hold a line's end; a quote inside of one is doubled, and so changes nothing.
        _ => {
            let (mut text, mut block, mut quoted, mut rows) =
                (MultiGzDecoder::new(open()), vec![0; 1 << 20], false, 0);
            loop {
                let length = text.read(&mut block).unwrap();
                if length == 0 {
                    return rows;
                }
                for byte in &block[..length] {
                    quoted ^= *byte == b'"' && format == "CSV";
                    rows += u64::from(*byte == b'\n' && !quoted);
                }
            }
        }
    }
}

struct Request {
    method: String,
    path: String,
    range: String,
    body: Vec<u8>,
}

/// One connection: requests with a length, one after the other.
fn serve(stream: TcpStream, config: Arc<ServerConfig>, shared: &Mutex<Shared>, base: &str) {
    stream.set_nodelay(true).unwrap();
    let mut stream = BufReader::new(StreamOwned::new(ServerConnection::new(config).unwrap(), stream));
    while let Some(request) = read(&mut stream) {
        let (status, headers, body) = shared.lock().unwrap().answer(&request, base);
        let body = body.map_or(String::new(), |body| body.to_string());
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n",
            body.len()
        );
        let stream = stream.get_mut();
        if stream.write_all((head + &body).as_bytes()).and_then(|()| stream.flush()).is_err() {
            return;
        }
    }
}

/// `None`: the other side has gone.
fn read(stream: &mut BufReader<impl Read>) -> Option<Request> {
    let mut line = String::new();
    stream.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut range) = (0, String::new());
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap(),
            "content-range" => range = value.trim().to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Request { method, path, range, body })
}

type Answer = (u16, String, Option<Json>);

impl Shared {
    fn answer(&mut self, request: &Request, base: &str) -> Answer {
        let path = request.path.split('?').next().unwrap();
        let ok = |body: Json| (200, String::new(), Some(body));
        match request.method.as_str() {
            "POST" if path.starts_with("/upload/") => {
                let opening: Json = serde_json::from_slice(&request.body).unwrap();
                let id = self.sessions.len() + 1;
                let file = self.folder.join(format!("{id}.load"));
                File::create(&file).unwrap();
                self.sessions.insert(id, (file, opening));
                (200, format!("location: {base}/session/{id}\r\n"), None)
            }
            "PUT" => self.chunk(request, path.rsplit('/').next().unwrap().parse().unwrap()),
            "POST" if path.ends_with("/jobs") => {
                let body: Json = serde_json::from_slice(&request.body).unwrap();
                let id = body["jobReference"]["jobId"].as_str().unwrap();
                let sql = body["configuration"]["query"]["query"].as_str().unwrap();
                self.commits += usize::from(sql.contains("BEGIN TRANSACTION"));
                self.answers.insert(id.to_owned(), answer(sql));
                ok(done(&body["jobReference"]))
            }
            "GET" if path.contains("/queries/") => {
                ok(self.answers.remove(path.rsplit('/').next().unwrap()).unwrap())
            }
            "GET" if path.contains("/tables/") => {
                let message = "Not found: Table";
                let error = json!({"code": 404, "message": message, "errors": [{"reason": "notFound", "message": message}]});
                (404, String::new(), Some(json!({"error": error})))
            }
            "POST" if path.ends_with(":testIamPermissions") => {
                ok(serde_json::from_slice(&request.body).unwrap())
            }
            "GET" if path.ends_with("/tables") => ok(json!({"tables": []})),
            "GET" if path.contains("/datasets/") => ok(json!({"location": "EU"})),
            "DELETE" => (204, String::new(), None),
            method => panic!("the sink has no {method} {path}"),
        }
    }

    fn chunk(&mut self, request: &Request, session: usize) -> Answer {
        let (file, opening) = &self.sessions[&session];
        let mut open = File::options().append(true).open(file).unwrap();
        let at = open.seek(SeekFrom::End(0)).unwrap();
        let (place, total) = request.range.strip_prefix("bytes ").unwrap().split_once('/').unwrap();
        if let Some((from, _)) = place.split_once('-') {
            assert_eq!(from.parse::<u64>().unwrap(), at, "a chunk begins where the last one ended");
        }
        open.write_all(&request.body).unwrap();
        let length = at + request.body.len() as u64;
        if total == "*" {
            return (308, format!("range: bytes=0-{}\r\n", length - 1), None);
        }
        assert_eq!(total.parse::<u64>().unwrap(), length, "the last chunk makes the file complete");
        let load = opening["configuration"]["load"].clone();
        self.files.push((file.clone(), load));
        (200, String::new(), Some(done(&opening["jobReference"])))
    }
}

fn done(reference: &Json) -> Json {
    json!({"jobReference": reference, "status": {"state": "DONE"}, "statistics": {}})
}

/// The rows of a query: a lease as it was just written, counts of a commit, or none.
fn answer(sql: &str) -> Json {
    let columns: &[(&str, &str)] = if sql.contains("SELECT dest_table, run_id, process") {
        &[
            ("dest_table", "STRING"),
            ("run_id", "STRING"),
            ("process", "STRING"),
            ("since", "TIMESTAMP"),
            ("until", "TIMESTAMP"),
        ]
    } else if sql.contains("BEGIN TRANSACTION") {
        &[("i", "INTEGER"), ("u", "INTEGER"), ("s", "INTEGER"), ("d", "INTEGER"), ("r", "INTEGER")]
    } else {
        &[("x", "STRING")]
    };
    let fields: Vec<Json> = columns.iter().map(|(name, kind)| json!({"name": name, "type": kind})).collect();
    let cell = |(name, kind): &(&str, &str)| match *kind {
        "STRING" => json!({"v": literal(sql, name)}),
        "TIMESTAMP" => {
            let at: jiff::Timestamp = literal(sql, name).parse().unwrap();
            json!({"v": at.as_microsecond().to_string()})
        }
        _ => json!({"v": "0"}),
    };
    let rows: Vec<Json> = if sql.contains("MERGE ") || sql.contains("BEGIN TRANSACTION") {
        vec![json!({"f": columns.iter().map(cell).collect::<Vec<_>>()})]
    } else {
        Vec::new()
    };
    json!({"jobComplete": true, "schema": {"fields": fields}, "totalRows": rows.len().to_string(), "rows": rows})
}

/// The literal that a lease is written with under this name.
fn literal(sql: &str, name: &str) -> String {
    let (before, _) = sql.split_once(&format!("' AS `{name}`")).unwrap();
    before.rsplit('\'').next().unwrap().to_owned()
}
