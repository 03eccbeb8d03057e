//! The account behind a loopback socket, for the real binary and for people.
//!
//! HTTP/1.1 by hand: resets, cut bodies and silence must happen on the socket, which server libraries rightly prevent.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::account::Account;
use crate::options::Options;
use crate::time::Micros;
use crate::wire::{Reply, Request, Response};

/// Longest request head read; a longer one ends the connection.
const HEAD: usize = 64 * 1024;

/// A running server; ends when dropped.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    uri: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves on a free port of 127.0.0.1; every answer takes at least `latency`.
    pub fn start(account: Arc<Mutex<Account>>, latency: Duration) -> io::Result<Server> {
        Server::start_on(account, latency, 0)
    }

    /// The same on a given port; 0 is any.
    pub fn start_on(account: Arc<Mutex<Account>>, latency: Duration, port: u16) -> io::Result<Server> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", port))?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let (uri, clock) = {
            let account = account.lock().unwrap_or_else(PoisonError::into_inner);
            (source_uri(account.options(), addr), Clock::new(account.options()))
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("gorgias-sim".into()).spawn(move || {
            let served = runtime.block_on(async {
                tokio::select! {
                    result = accept(listener, account, latency, clock) => result,
                    _ = stopped => Ok(()),
                }
            });
            // Without a listener every client sees refused connections, which says it best.
            drop(served);
        })?;
        Ok(Server { addr, uri, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The source URI that leads here, credentials included.
    pub fn source_uri(&self) -> &str {
        &self.uri
    }

    /// Base URL of the server, without a path.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread may have ended by itself.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn source_uri(options: &Options, addr: SocketAddr) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let credentials = match &options.access_token {
        Some(token) => format!("access_token={}", encode(token)),
        None => format!("api_key={}&email={}", encode(&options.api_key), encode(&options.email)),
    };
    // Dots stay readable; nothing needs them encoded.
    let base = encode(&format!("http://{addr}")).replace("%2E", ".");
    format!("gorgias://{}?{}&base_url={base}", options.domain, credentials.replace("%2E", "."))
}

/// The wall clock, moved so that the end of the data is the moment of start.
#[derive(Debug, Clone, Copy)]
struct Clock {
    offset: Micros,
}

impl Clock {
    fn new(options: &Options) -> Clock {
        Clock { offset: if options.real_time { 0 } else { options.end - wall() } }
    }

    fn now(self) -> Micros {
        wall() + self.offset
    }
}

#[expect(clippy::disallowed_methods, reason = "a server lives in real time; the account is told it")]
fn wall() -> Micros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

async fn accept(
    listener: std::net::TcpListener,
    account: Arc<Mutex<Account>>,
    latency: Duration,
    clock: Clock,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, or a client gone before its turn: both pass.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let account = Arc::clone(&account);
        // A client that goes away ends its own connection and nothing else.
        tokio::spawn(async move { drop(connection(stream, account, latency, clock).await) });
    }
}

async fn connection(
    mut stream: TcpStream,
    account: Arc<Mutex<Account>>,
    latency: Duration,
    clock: Clock,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    while let Some(request) = read(&mut stream, &mut buffer).await? {
        // Before the answer is made, so that it shows the account at the moment it leaves.
        tokio::time::sleep(latency).await;
        let reply = account.lock().unwrap_or_else(PoisonError::into_inner).handle(&request, clock.now());
        let close = request.find("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        match reply {
            Reply::Respond(response) => {
                write(&mut stream, &response, response.body.len()).await?;
                if close {
                    break;
                }
            }
            Reply::CutBody(response) => {
                write(&mut stream, &response, response.body.len() / 2).await?;
                break;
            }
            Reply::Reset => {
                stream.set_zero_linger()?;
                return Ok(());
            }
            Reply::Hang => {
                // Only the client can end this.
                while stream.read(&mut [0; 512]).await? > 0 {}
                return Ok(());
            }
        }
    }
    stream.shutdown().await
}

/// Reads one request; none when the client is done.
async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<Request>> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if buffer.len() > HEAD || stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    buffer.drain(..end);
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (method, path) = (first.next().unwrap_or_default(), first.next().unwrap_or("/"));
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect();
    let request = Request { method: method.into(), path_and_query: path.into(), headers };
    // Bodies of refused methods are read so that the next request is found.
    let body = request.find("content-length").and_then(|text| text.parse().ok()).unwrap_or(0usize);
    while buffer.len() < body {
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
    buffer.drain(..body);
    Ok(Some(request))
}

/// Promises the whole body, writes `bytes` of it.
async fn write(stream: &mut TcpStream, response: &Response, bytes: usize) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {} {}\r\n", response.status, reason(response.status));
    for (name, value) in &response.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", response.body.len()));
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&response.body[..bytes]).await?;
    stream.flush().await
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Status",
    }
}
