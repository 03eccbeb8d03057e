//! The real network against servers that send too much, on loopback.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use secrecy::SecretString;

use super::super::room::{MOST, MOST_OF_REFUSAL};
use super::*;

/// A server that answers each request with what `answer` writes, until the visitor has gone; and a client of it.
fn serve(answer: impl Fn(&mut TcpStream) -> io::Result<()> + Send + 'static) -> (Wire, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for visitor in listener.incoming() {
            let mut visitor = visitor.unwrap();
            let mut head = [0; 4096];
            let mut read = 0;
            while !head[..read].windows(4).any(|end| end == b"\r\n\r\n") {
                match visitor.read(&mut head[read..]).unwrap() {
                    0 => break,
                    more => read += more,
                }
            }
            // The visitor leaves when it has had enough.
            let _ = answer(&mut visitor);
        }
    });
    let base = Base { url: url.clone(), loopback: true };
    (Wire::new(&base, "x-limit", None).unwrap(), url)
}

async fn get(wire: &Wire, url: &str) -> Result<Response, TransportError> {
    let authorization = SecretString::from("Basic x");
    wire.get(Request { url: format!("{url}/api/tickets"), authorization }).await
}

fn endless(visitor: &mut TcpStream, head: &str) -> io::Result<()> {
    write!(visitor, "{head}\r\n\r\n")?;
    let piece = vec![b' '; 1 << 20];
    loop {
        visitor.write_all(&piece)?;
    }
}

#[tokio::test]
async fn a_body_without_an_end_is_too_large_and_not_kept() {
    let (wire, url) = serve(|visitor| endless(visitor, "HTTP/1.1 200 OK"));
    let error = get(&wire, &url).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::TooLarge);
    assert_eq!(error.to_string(), "the answer is larger than 64 MiB");
    let (wire, url) = serve(|visitor| endless(visitor, "HTTP/1.1 200 OK\r\ncontent-length: 99999999999"));
    assert_eq!(get(&wire, &url).await.unwrap_err().kind, TransportErrorKind::TooLarge);
}

/// The status is what counts; of the rest there is enough for the API's own words.
#[tokio::test]
async fn of_a_refusal_no_more_than_its_beginning_is_read() {
    let (wire, url) = serve(|visitor| endless(visitor, "HTTP/1.1 503 Busy\r\nretry-after: 7"));
    let response = get(&wire, &url).await.unwrap();
    assert_eq!((response.status, response.retry_after.as_deref()), (503, Some("7")));
    assert!(response.body.len() <= MOST_OF_REFUSAL);
}

#[tokio::test]
async fn a_body_of_just_the_limit_arrives_whole() {
    let (wire, url) = serve(|visitor| {
        write!(visitor, "HTTP/1.1 200 OK\r\ncontent-length: {MOST}\r\n\r\n")?;
        visitor.write_all(&vec![b'x'; MOST])
    });
    assert_eq!(get(&wire, &url).await.unwrap().body.len(), MOST);
}

#[tokio::test]
async fn headers_without_an_end_are_a_broken_answer() {
    let (wire, url) = serve(|visitor| {
        write!(visitor, "HTTP/1.1 200 OK\r\n")?;
        for n in 0..u64::MAX {
            write!(visitor, "x-{n}: {}\r\n", "y".repeat(100))?;
        }
        Ok(())
    });
    assert_eq!(get(&wire, &url).await.unwrap_err().kind, TransportErrorKind::Broken);
    let (wire, url) = serve(|visitor| {
        write!(visitor, "HTTP/1.1 200 OK\r\nx-long: ")?;
        loop {
            visitor.write_all(&[b'y'; 4096])?;
        }
    });
    assert_eq!(get(&wire, &url).await.unwrap_err().kind, TransportErrorKind::Broken);
}

#[tokio::test]
async fn an_encoding_that_was_not_asked_for_is_named() {
    let (wire, url) = serve(|visitor| {
        write!(visitor, "HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 2\r\n\r\n{{}}")
    });
    let error = get(&wire, &url).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Broken);
    assert_eq!(error.to_string(), "the answer has the Content-Encoding `br`, which was not asked for");
}
