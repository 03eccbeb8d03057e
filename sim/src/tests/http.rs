//! The loopback skin: real sockets, real resets, bodies really cut.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::account;
use crate::{Account, Fault, Server};

fn start() -> (Arc<Mutex<Account>>, Server) {
    let account = Arc::new(Mutex::new(account()));
    let server = Server::start(Arc::clone(&account), Duration::ZERO).unwrap();
    (account, server)
}

fn send(stream: &mut TcpStream, account: &Mutex<Account>, path: &str, close: bool) {
    let (name, value) = account.lock().unwrap().credentials().remove(0);
    let connection = if close { "close" } else { "keep-alive" };
    write!(stream, "GET {path} HTTP/1.1\r\nHost: sim\r\n{name}: {value}\r\nConnection: {connection}\r\n\r\n")
        .unwrap();
}

/// Body bytes promised and received.
fn lengths(answer: &[u8]) -> (usize, usize) {
    let text = String::from_utf8_lossy(answer);
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    let promised = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    (promised.parse().unwrap(), answer.len() - head.len() - 4)
}

fn ask(server: &Server, account: &Mutex<Account>, path: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server.addr())?;
    stream.set_read_timeout(Some(Duration::from_millis(500)))?;
    send(&mut stream, account, path, true);
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

#[test]
fn answers_are_whole_and_connections_are_kept() {
    let (account, server) = start();
    let answer = ask(&server, &account, "/api/tickets?limit=100").unwrap();
    let (promised, got) = lengths(&answer);
    assert!(promised == got && got > 100_000, "{promised} {got}");
    let mut stream = TcpStream::connect(server.addr()).unwrap();
    // Two requests on one connection.
    send(&mut stream, &account, "/api/account", false);
    send(&mut stream, &account, "/api/account", true);
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2);
    assert!(server.source_uri().starts_with("gorgias://acme?api_key="), "{}", server.source_uri());
}

#[test]
fn faults_happen_on_the_socket() {
    let (account, server) = start();
    account.lock().unwrap().faults().next(Fault::CutBody);
    let (promised, got) = lengths(&ask(&server, &account, "/api/tickets").unwrap());
    assert_eq!(got, promised / 2);
    account.lock().unwrap().faults().next(Fault::Reset);
    let error = ask(&server, &account, "/api/tickets").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    account.lock().unwrap().faults().next(Fault::Hang);
    let error = ask(&server, &account, "/api/tickets").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    assert!(ask(&server, &account, "/api/tickets").is_ok(), "the server goes on");
}
