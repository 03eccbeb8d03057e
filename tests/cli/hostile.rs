//! Servers that answer with more than any program should take: a body without an end, and a few MB that unpack to GBs.
//! The run ends with a named error, and its memory stays small.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::desk::{Desk, Done, PLANTED};

/// A server on loopback that answers every request so; its port.
fn serve(answer: impl Fn(&mut TcpStream) -> io::Result<()> + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let answer = std::sync::Arc::new(answer);
    std::thread::spawn(move || {
        for visitor in listener.incoming() {
            let (answer, mut visitor) = (std::sync::Arc::clone(&answer), visitor.expect("a visitor"));
            std::thread::spawn(move || {
                let (mut head, mut read) = ([0; 8192], 0);
                while !head[..read].windows(4).any(|end| end == b"\r\n\r\n") {
                    match visitor.read(&mut head[read..]) {
                        Ok(more) if more > 0 => read += more,
                        _ => return,
                    }
                }
                // The visitor leaves when it has had enough.
                let _ = answer(&mut visitor);
            });
        }
    });
    port
}

/// Copies tables from there; what came of it, and the most memory it had, in MiB.
fn copy(port: u16, tables: &str) -> (Done, u64) {
    let desk = Desk::new();
    let uri = format!(
        "gorgias://acme?api_key={PLANTED}&email=agent@acme.example&base_url=http%3A%2F%2F127.0.0.1%3A{port}"
    );
    let running = desk.ingest(tables, &["--source-uri", &uri]).start();
    let status = format!("/proc/{}/status", running.pid());
    let watcher = std::thread::spawn(move || {
        let mut most = 0;
        // What is left of a process that has ended has no memory.
        while let Some(now) = std::fs::read_to_string(&status).ok().and_then(|text| peak(&text)) {
            most = most.max(now);
            std::thread::sleep(Duration::from_millis(3));
        }
        most
    });
    let done = running.finish();
    (done, watcher.join().expect("a number") / 1024)
}

/// Most memory so far, in KiB.
fn peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Several requests of a command at once, so that none has room for itself alone.
fn ends_soon_and_small(port: u16) {
    for tables in ["tickets", "*"] {
        let start = Instant::now();
        let (done, most) = copy(port, tables);
        let shown = done.shown();
        assert_eq!(done.code(), Some(4), "{shown}");
        assert!(shown.contains("too large"), "{shown}");
        assert!(most > 30, "it was measured: {most} MiB");
        assert!(most < 320, "{tables}: {most} MiB\n{shown}");
        assert!(start.elapsed() < Duration::from_secs(60), "{tables}: {:?}", start.elapsed());
        eprintln!("{tables}: {most} MiB, {:?}", start.elapsed());
    }
}

#[test]
fn a_body_without_an_end() {
    ends_soon_and_small(serve(|visitor| {
        write!(visitor, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{{\"data\":[")?;
        let piece = "{\"id\":1},".repeat(100_000);
        loop {
            visitor.write_all(piece.as_bytes())?;
        }
    }));
}

#[test]
fn two_megabytes_that_unpack_to_gigabytes() {
    // After a flush, the same blanks are the same bytes again: they refer to the blanks before them.
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    let piece = vec![b' '; 8 << 20];
    let mut lengths = Vec::new();
    for _ in 0..3 {
        gzip.write_all(&piece).expect("memory");
        gzip.flush().expect("memory");
        lengths.push(gzip.get_ref().len());
    }
    let again = gzip.get_ref()[lengths[1]..lengths[2]].to_vec();
    let times = (2 << 20) / again.len();
    assert!(times * piece.len() > 1 << 30, "{times} times 8 MiB");
    let packed = [&gzip.get_ref()[..lengths[1]], &again.repeat(times)].concat();
    ends_soon_and_small(serve(move |visitor| {
        let length = packed.len();
        write!(visitor, "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {length}\r\n\r\n")?;
        visitor.write_all(&packed)
    }));
}
