//! What goes wrong, and what is said then.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::*;
use crate::dest::DestErrorKind;
use crate::dest::conformance::{batch, commit, counts, items, load};
use crate::dest::{Counts, Undone};
use crate::model::Strategy;

async fn loaded(uri: &str) -> Result<Counts, DestError> {
    let postgres = Postgres::from_uri(uri).expect("a URI");
    load(&postgres, &items(Strategy::Merge), vec![batch(&[(1, "SECRET", 10)])], commit("r1", "p", true)).await
}

async fn looked(uri: &str) -> Result<Inspection, DestError> {
    Postgres::from_uri(uri).expect("a URI").inspect(&items(Strategy::Merge)).await
}

fn told(server: &Server, error: &DestError) -> String {
    let text = format!("{:?}: {} ({})", error.kind, error, error.hint.as_deref().unwrap_or("no hint"));
    text.replace(&server.name, "shop")
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn who_is_not_let_in_is_told_why() {
    let server = Server::new();
    let mut all = Vec::new();
    for (from, to) in [
        ("ingestr@localhost", "guarded:wr%40ng@127.0.0.1"),
        ("ingestr@localhost", "guarded@127.0.0.1"),
        (&*server.name, "nowhere"),
    ] {
        let error = looked(&server.at(from, to)).await.expect_err("is not let in");
        all.push(told(&server, &error));
    }
    let good = server.at("ingestr@localhost", "guarded:r%40ght@127.0.0.1");
    let error = looked(&good).await.expect_err("may not make a schema");
    all.push(told(&server, &error));
    insta::assert_snapshot!(all.join("\n"), @r#"
    Permission: PostgreSQL database shop on 127.0.0.1 lets nobody in like that: password authentication failed for user "guarded" (check user and password: they come from --dest-uri, PGPASSWORD or ~/.pgpass; in a URI, write %40 for an @ in them)
    Other: cannot reach the PostgreSQL database shop on 127.0.0.1: invalid configuration: password missing (it comes from --dest-uri, PGPASSWORD or ~/.pgpass, which nobody else may be able to read)
    Other: PostgreSQL database nowhere on localhost is not there: database "nowhere" does not exist (create the database, or name another one in --dest-uri)
    Permission: no permission to write the PostgreSQL database shop on 127.0.0.1: its user lacks CREATE on database shop for the schema shop (GRANT it, or name another user in --dest-uri)
    "#);
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("has one").port();
    let error = looked(&format!("postgres://me@127.0.0.1:{port}/shop")).await.expect_err("nobody is there");
    let message = told(&server, &error);
    assert!(message.contains("cannot reach the PostgreSQL database shop on 127.0.0.1: error connecting to server: Connection refused"), "{message}");
    // The next one is there.
    let several = server.at("@localhost", &format!("@127.0.0.1:{port},localhost"));
    looked(&several).await.expect("the second is there");
    let error = looked(&format!("{}?sslmode=require", server.at("", ""))).await.expect_err("has no TLS");
    assert!(error.message.ends_with("server does not support TLS"), "{error}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_socket_is_a_way_too() {
    let server = Server::new();
    let folder = super::told("POSTGRES_SOCKET").replace('/', "%2F");
    // Whatever is asked of hosts: nobody listens in on a socket.
    for parameters in ["", "?sslmode=require", "?sslmode=verify-full"] {
        let uri = format!("{}{parameters}", server.at("localhost", &folder));
        loaded(&uri).await.unwrap_or_else(|error| panic!("{parameters}: {error}"));
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn rights_that_are_lacking_are_named_before_the_run() {
    let server = Server::new();
    let role = format!("role_{}", server.name);
    let uri = server.at("ingestr@", &format!("{role}@"));
    server.sql(&format!("CREATE ROLE {role} LOGIN"));
    let lacks = async || {
        looked(&uri).await.map(|_| ()).map_err(|error| {
            assert_eq!(error.kind, DestErrorKind::Permission, "{error}");
            error.message.rsplit_once("lacks ").map(|(_, right)| right.to_owned()).unwrap_or(error.message)
        })
    };
    assert_eq!(lacks().await, Err("USAGE on schema shop".into()));
    server.sql(&format!("GRANT USAGE ON SCHEMA shop TO {role}"));
    assert_eq!(lacks().await, Err("CREATE on schema shop".into()));
    loaded(&server.at("", "")).await.expect("its owner may");
    assert_eq!(lacks().await, Err("CREATE on schema shop".into()));
    server.sql(&format!("GRANT CREATE ON SCHEMA shop TO {role}"));
    let missing = lacks().await.expect_err("is another's");
    assert!(missing.starts_with("SELECT on table shop."), "{missing}");
    server.sql(&format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA shop TO {role}"));
    assert_eq!(lacks().await, Ok(()));
    // Without being its owner; nor is a table that nobody has marked.
    loaded(&uri).await.expect("may write");
    server.sql(&format!(
        "DROP TABLE items; CREATE TABLE items (id bigint, name text, changed_at timestamptz, extra json, _ingestr_loaded_at timestamptz); \
         GRANT SELECT, INSERT, UPDATE, DELETE ON items TO {role}"
    ));
    loaded(&uri).await.expect("may write");
    assert!(looked(&uri).await.expect("may look").state.is_some());
    server.sql(&format!(
        "ALTER TABLE items DROP COLUMN extra; REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC",
        server.name
    ));
    assert_eq!(
        lacks().await.map_err(|right| right.replace(&server.name, "shop")),
        Err("TEMPORARY on database shop".into())
    );
    server.sql(&format!("GRANT TEMPORARY ON DATABASE {} TO PUBLIC", server.name));
    assert_eq!(lacks().await, Err("ownership of table shop.items".into()));
    server.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn failures_are_told_without_values() {
    let raising = |code: &str| {
        format!(
            "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no room for SECRET' USING ERRCODE = '{code}'; END $$; \
             CREATE TRIGGER stops BEFORE INSERT ON items EXECUTE FUNCTION stop()"
        )
    };
    let made = "CREATE TABLE items (id bigint, name text";
    let slow = "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(9); RETURN NEW; END $$; \
         CREATE TRIGGER waits BEFORE INSERT ON items EXECUTE FUNCTION wait()";
    let mut all = Vec::new();
    for (sql, setting) in [
        (format!("{made}, CHECK (name <> 'SECRET'))"), ""),
        (
            format!(
                "{made}, much text NOT NULL DEFAULT 'x', UNIQUE (much)); INSERT INTO items VALUES (7, '')"
            ),
            "",
        ),
        (format!("{made}); {}", raising("53100")), ""),
        (format!("{made}); {}", raising("22023")), ""),
        (format!("{made}); {}", raising("P0001")), ""),
        (format!("{made}); {slow}"), "statement_timeout = '500ms'"),
        (String::new(), "default_transaction_read_only = on"),
    ] {
        let server = Server::new();
        server.sql(&sql);
        if !setting.is_empty() {
            server.of_server(&format!("ALTER DATABASE {} SET {setting}", server.name));
        }
        let uri = server.at("", "");
        let error = loaded(&uri).await.expect_err(&sql);
        all.push(told(&server, &error));
        assert!(!all.concat().contains("SECRET"), "{all:?}");
    }
    let server = Server::new();
    server.of_server(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", server.name));
    all.push(told(&server, &looked(&server.at("", "")).await.expect_err("cannot be written")));
    insta::assert_snapshot!(all.join("\n"), @r#"
    Shape: cannot write the PostgreSQL database shop on localhost: rows do not meet constraint items_name_check of table shop.items (load into another table, or drop the constraint)
    Shape: cannot write the PostgreSQL database shop on localhost: rows do not meet constraint items_much_key of table shop.items (load into another table, or drop the constraint)
    Full: no space left on the server of the PostgreSQL database shop on localhost (free some space there, and run the command again)
    Other: cannot write the PostgreSQL database shop on localhost: a value is not taken (SQLSTATE 22023) (no hint)
    Shape: cannot write the PostgreSQL database shop on localhost: a trigger or function shop.stop() of the database refused it (SQLSTATE P0001) (look at the triggers of the table (\d+ <table> in psql), or load into another table)
    Other: cannot write the PostgreSQL database shop on localhost: canceling statement due to statement timeout (raise statement_timeout for this user (ALTER ROLE … SET statement_timeout), or make commits smaller with --flush-records)
    Permission: the PostgreSQL database shop on localhost is read-only: cannot execute CREATE TABLE in a read-only transaction (it may be a replica: name the primary server in --dest-uri, or both with target_session_attrs=read-write)
    Permission: the PostgreSQL database shop on localhost is read-only (it may be a replica: name the primary server in --dest-uri, or both with target_session_attrs=read-write)
    "#);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn who_meets_a_lock_tries_again() {
    let server = Server::new();
    loaded(&server.at("", "")).await.expect("goes through");
    let other = server.postgres().open("shop", Access::Read).await.expect("is there");
    other.batch("read", "LOCK TABLE shop.items IN ACCESS EXCLUSIVE MODE").await.expect("can be locked");
    let mut rows = server.postgres().begin((&items(Strategy::Merge)).into());
    rows.stage(0, batch(&[(2, "b", 10)])).await.expect("can be staged");
    let Err(Undone::Held { error, again }) = rows.commit(commit("r2", "p", true)).await else {
        panic!("another one holds it");
    };
    assert!(error.message.ends_with("is in use by another program, which holds a lock"), "{error}");
    other.end(Ok(())).await.expect("ends");
    let done = again.load.commit(again.commit).await.expect("goes through");
    assert_eq!(done, [counts(1, 0, 0, 0)]);
}

/// A way to a server that breaks when a COMMIT comes by: once, before it has arrived or before its answer has.
fn frail(port: u16, arrives: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let own = listener.local_addr().expect("has one").port();
    let whole: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(true)));
    let serve = move |mut client: TcpStream| {
        let mut server = TcpStream::connect(("127.0.0.1", port)).expect("is there");
        let (mut back, mut to_client) =
            (server.try_clone().expect("a socket"), client.try_clone().expect("a socket"));
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut back, &mut to_client);
            let _ = to_client.shutdown(Shutdown::Both);
        });
        let mut buffer = [0; 65_536];
        while let Ok(read @ 1..) = client.read(&mut buffer) {
            if buffer[..read].windows(7).any(|bytes| bytes == b"COMMIT\0")
                && whole.swap(false, Ordering::Relaxed)
            {
                let _ = client.shutdown(Shutdown::Both);
                if arrives {
                    let _ = server.write_all(&buffer[..read]);
                    // Its answer comes once it is done.
                    let _ = server.set_read_timeout(Some(Duration::from_secs(5)));
                    let _ = server.peek(&mut [0]);
                }
                break;
            }
            if server.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = server.shutdown(Shutdown::Both);
    };
    std::thread::spawn(move || {
        listener.incoming().flatten().for_each(|client| drop(std::thread::spawn(move || serve(client))));
    });
    own
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_connection_that_is_lost_in_a_commit_leaves_no_doubt_that_the_next_run_does_not_end() {
    let server = Server::new();
    let target = items(Strategy::Merge);
    let uri = server.at("", "");
    let port =
        uri.rsplit_once(':').and_then(|(_, rest)| rest.split('/').next()?.parse().ok()).expect("a port");
    let through =
        |arrives| uri.replace(&format!("localhost:{port}"), &format!("127.0.0.1:{}", frail(port, arrives)));
    let error = loaded(&through(false)).await.expect_err("has not arrived");
    assert_eq!(error.kind, DestErrorKind::Unknown, "{error}");
    assert!(error.message.ends_with("while committing: it may or may not have been written"), "{error}");
    assert_eq!(looked(&uri).await.expect("can be asked").state, None);
    let done = loaded(&through(true)).await.expect("is found out");
    assert_eq!(done, counts(1, 0, 0, 0));
    let found = server.postgres().inspect(&target).await.expect("can be asked");
    assert_eq!(found.state, Some(commit("r1", "p", true).state));
}
