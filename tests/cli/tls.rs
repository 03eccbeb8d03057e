//! A host that cannot prove who it is: nothing is sent to it, the key least of all.

use std::io::Read as _;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use insta::assert_snapshot;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::desk::Desk;

/// A certificate for `127.0.0.1` that signed itself, and a server that shows it.
pub(super) fn self_signed() -> (CertificateDer<'static>, ServerConfig) {
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
    let certificate = own.cert.der().clone();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .expect("a key that fits");
    (certificate, config)
}

/// A server whose certificate nobody signed; and what it could read of the first connection.
fn impostor() -> (u16, Receiver<Vec<u8>>) {
    let (_, config) = self_signed();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (tell, heard) = channel();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a visitor");
        let connection = ServerConnection::new(Arc::new(config)).expect("a connection");
        let mut read = Vec::new();
        // The visitor hangs up; what matters is what came before.
        let _ = StreamOwned::new(connection, stream).take(10_000).read_to_end(&mut read);
        tell.send(read).expect("somebody listens");
    });
    (port, heard)
}

#[test]
fn a_certificate_that_nobody_signed() {
    let desk = Desk::new();
    let (port, heard) = impostor();
    let uri = format!(
        "gorgias://acme?api_key=planted-key-4f1c9a7e&email=agent@acme.example&base_url=https%3A%2F%2F127.0.0.1%3A{port}"
    );
    assert_snapshot!(desk.ingest("tickets", &["--source-uri", &uri]).finish().shown(), @r"
    tickets: Gorgias account acme → main.tickets in duckdb file shop.duckdb; everything; merge by id
    failed after TIME: tickets → main.tickets in duckdb file shop.duckdb
      read        0  rows in 0 pages
      requests    1  none repeated
      next start  from the beginning
    error: there is no secure connection to Gorgias account acme
      cause: GET /api/tickets?limit=100&order_by=created_datetime%3Adesc: no secure connection: invalid peer certificate: UnknownIssuer
      hint: check the clock of this machine and the certificates of a proxy in between
    exit code 4
    ");
    assert_eq!(heard.recv().expect("a word"), b"", "something was sent to a host nobody trusts");
    assert!(desk.files().is_empty(), "{:?}", desk.files());
}
