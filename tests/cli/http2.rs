//! HTTP/2, as the real API speaks it: the simulator knows only HTTP/1.1, so this is a server of its own before the same
//! account, with a certificate that the program is told to trust.

use std::net::TcpListener;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gorgias_sim::{Account, Options, Reply, Request};
use h2::server::SendResponse;
use tokio_rustls::TlsAcceptor;

use super::desk::{Desk, PLANTED, options};
use super::tls::self_signed;

const ROWS: usize = 3_000;
const LATENCY: Duration = Duration::from_millis(60);

/// What the server saw.
#[derive(Debug, Default)]
struct Seen {
    connections: AtomicUsize,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
}

struct Front {
    account: Arc<Mutex<Account>>,
    /// When its clock stood at this.
    began: (Instant, i64),
    seen: Seen,
    /// Requests after which a connection breaks, with those that are under way on it and without a farewell; the first one
    /// does at once.
    breaks_after: usize,
}

impl Front {
    async fn answer(&self, request: http::Request<h2::RecvStream>, mut respond: SendResponse<bytes::Bytes>) {
        let now = self.seen.under_way.fetch_add(1, SeqCst) + 1;
        self.seen.most_under_way.fetch_max(now, SeqCst);
        tokio::time::sleep(LATENCY).await;
        let path = request.uri().path_and_query().expect("a path").as_str();
        let key = request.headers()["authorization"].to_str().expect("text");
        let time = self.began.1 + i64::try_from(self.began.0.elapsed().as_micros()).expect("a short test");
        let reply = self
            .account
            .lock()
            .expect("nobody panics")
            .handle(&Request::get(path).header("authorization", key), time);
        self.seen.under_way.fetch_sub(1, SeqCst);
        let Reply::Respond(reply) = reply else { panic!("no faults were asked for") };
        let mut head = http::Response::builder().status(reply.status);
        for (name, value) in &reply.headers {
            head = head.header(name.to_lowercase(), value);
        }
        // The visitor may have gone, with the connection.
        if let Ok(mut body) = respond.send_response(head.body(()).expect("a head"), false) {
            let _ = body.send_data(reply.body, true);
        }
    }

    async fn serve(self: Arc<Self>, listener: tokio::net::TcpListener, acceptor: TlsAcceptor) {
        loop {
            let (stream, _) = listener.accept().await.expect("a visitor");
            if self.seen.connections.fetch_add(1, SeqCst) == 0 && self.breaks_after != usize::MAX {
                // Broken before it was secure.
                continue;
            }
            let (front, acceptor) = (Arc::clone(&self), acceptor.clone());
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await.expect("a visitor who trusts us");
                assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]), "HTTP/2 was not asked for");
                let mut connection = h2::server::handshake(stream).await.expect("HTTP/2");
                for _ in 0..front.breaks_after {
                    let Some(Ok((request, respond))) = connection.accept().await else { return };
                    let front = Arc::clone(&front);
                    tokio::spawn(async move { front.answer(request, respond).await });
                }
            });
        }
    }
}

/// Loads customers over such a server; what that showed, and the receipt.
fn load(breaks_after: usize) -> (Arc<Front>, serde_json::Value) {
    let (certificate, mut config) = self_signed();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];

    let options = Options { customers: ROWS, ..options() };
    let began = (Instant::now(), options.end);
    let account = Arc::new(Mutex::new(Account::new(options)));
    let front = Arc::new(Front { account, began, seen: Seen::default(), breaks_after });
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a socket");
    let port = listener.local_addr().expect("an address").port();
    let server =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a thread");
    let serving = Arc::clone(&front);
    server.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
        serving.serve(listener, TlsAcceptor::from(Arc::new(config))).await;
    });

    let desk = Desk::new();
    let trusted = desk.folder().join("trusted.pem");
    let certificate = STANDARD.encode(certificate);
    let pem = format!("-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n");
    std::fs::write(&trusted, pem).expect("a file");
    let uri = format!(
        "gorgias://acme?api_key={PLANTED}&email=agent@acme.example&base_url=https%3A%2F%2F127.0.0.1%3A{port}"
    );
    let run = desk.ingest("customers", &["--source-uri", &uri, "--progress", "json"]);
    let run = run.env("SSL_CERT_FILE", &trusted).finish().well();
    let count = desk.ask("shop.duckdb", "SELECT count(*) FROM main.customers");
    assert_eq!(count, ROWS.to_string());
    let whole: serde_json::Value = serde_json::from_str(run.stdout.trim()).expect("one object");
    let receipt = whole["totals"].clone();
    (front, receipt)
}

#[test]
fn requests_that_are_under_way_together_share_a_connection() {
    let (front, receipt) = load(usize::MAX);
    let seen = &front.seen;
    assert_eq!(seen.connections.load(SeqCst), 1);
    assert!(seen.most_under_way.load(SeqCst) >= 3, "{seen:?}");
    assert_eq!(receipt["retries"], 0, "{receipt}");
}

#[test]
fn a_connection_that_breaks_takes_no_rows_with_it() {
    let (front, receipt) = load(9);
    let seen = &front.seen;
    assert!((5..=13).contains(&seen.connections.load(SeqCst)), "{seen:?}");
    assert!(receipt["retries"].as_u64().expect("a number") > 0, "{receipt}");
}
