//! Encrypted connections: what is verified, and who says who he is.

use super::{Access, Postgres, Server, told, wait};

/// Whether the connection is encrypted, and as whom the user has come; or why there is none.
fn met(server: &Server, host: &str, parameters: &str) -> Result<String, String> {
    let certificates = told("POSTGRES_OLDER_CERTIFICATES");
    let uri = format!("{}?{}", server.at("@localhost", host), parameters.replace("{}", &certificates));
    let postgres = Postgres::from_uri(&uri).expect("a URI");
    let rows = wait(async {
        let session = postgres.open("", Access::Read).await?;
        let sql = "SELECT ssl::text || ' ' || coalesce(client_dn, '') FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        let rows = session.strings(sql).await;
        session.end(rows).await
    });
    rows.map(|rows| rows.concat())
        .map_err(|error| format!("{error} ({})", error.hint.as_deref().unwrap_or_default()))
}

#[test]
#[ignore = "needs PostgreSQL of the system"]
fn what_is_verified_is_what_was_asked_for() {
    let server = Server::of("POSTGRES_OLDER_URI");
    let met = |host: &str, parameters: &str| met(&server, host, parameters);
    let (named, numbered) = ("@localhost", "@127.0.0.1");
    for (host, parameters, encrypted) in [
        (named, "sslmode=verify-full&sslrootcert={}/ca.crt", "true "),
        (numbered, "sslmode=verify-ca&sslrootcert={}/ca.crt", "true "),
        (numbered, "sslmode=require&sslrootcert={}/ca.crt", "true "),
        (numbered, "sslmode=require", "true "),
        (numbered, "sslmode=prefer", "true "),
        (numbered, "", "true "),
        (numbered, "sslmode=disable", "false "),
        (named, "sslmode=require&sslcert={}/client.crt&sslkey={}/client.key", "true /CN=ingestr"),
    ] {
        assert_eq!(met(host, parameters).as_deref(), Ok(encrypted), "{host} {parameters}");
    }
    for (host, parameters, why) in [
        (named, "sslmode=verify-full", "invalid peer certificate: UnknownIssuer"),
        (named, "sslmode=verify-ca&sslrootcert=system", "invalid peer certificate: UnknownIssuer"),
        (numbered, "sslmode=verify-full&sslrootcert={}/ca.crt", "not valid for name"),
        (named, "sslmode=verify-full&sslrootcert={}/client.crt", "invalid peer certificate"),
        (named, "sslmode=verify-full&sslrootcert={}/no.crt", "no.crt cannot be used"),
        (named, "sslmode=verify-full&sslrootcert={}/client.key", "client.key cannot be used"),
        (named, "sslcert={}/client.crt&sslkey={}/no.key", "no.key cannot be used"),
    ] {
        let told = met(host, parameters).expect_err(parameters);
        assert!(told.contains(why), "{parameters}: {told}");
    }
    let told = met(named, "sslmode=verify-full").expect_err("nobody knows the authority");
    assert!(
        told.contains("(sslmode in --dest-uri says what is verified, sslrootcert who is trusted)"),
        "{told}"
    );
}

/// Only who has the certificate that we were shown can say that the password was right.
#[test]
#[ignore = "needs PostgreSQL of the system"]
fn passwords_are_bound_to_the_connection() {
    let server = Server::of("POSTGRES_OLDER_URI");
    let guarded = |password: &str, parameters: &str| {
        let uri = server.at("ingestr@localhost", &format!("guarded:{password}@127.0.0.1"));
        let postgres = Postgres::from_uri(&format!("{uri}?{parameters}")).expect("a URI");
        wait(async { postgres.open("", Access::Read).await?.end(Ok(())).await })
            .map_err(|error| format!("{error} ({})", error.hint.as_deref().unwrap_or_default()))
    };
    for parameters in
        ["channel_binding=require", "sslmode=require&channel_binding=require", "channel_binding=disable", ""]
    {
        assert_eq!(guarded("r%40ght", parameters), Ok(()), "{parameters}");
    }
    let told = guarded("wrong", "channel_binding=require").expect_err("is not let in");
    assert!(told.contains("lets nobody in like that"), "{told}");
    let told =
        guarded("r%40ght", "sslmode=disable&channel_binding=require").expect_err("nothing to bind it to");
    assert!(
        told.contains("channel binding") && told.contains("(channel_binding=require in --dest-uri wants TLS"),
        "{told}"
    );
}
