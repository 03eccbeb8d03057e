//! What is hidden, and what is not.

use bytes::Bytes;

use super::*;

const COLUMNS: &[Documented] = &[
    ("id", LogicalType::Int64, ""),
    ("name", LogicalType::Text, ""),
    ("data", LogicalType::Json, ""),
    ("other", LogicalType::Json, ""),
];

const ANYWHERE: Secret = Secret::Anywhere(&["data"]);

fn hidden(secrets: &[Secret], row: &str) -> Vec<(String, String)> {
    let (mut rows, _) = Rows::parse(Bytes::from(format!("[{row}]"))).unwrap();
    rows.hide(secrets, COLUMNS);
    let row = rows.row(0);
    row.fields().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn one(secret: Secret, value: &str) -> String {
    hidden(&[secret], &format!(r#"{{"id":1,"data":{value}}}"#)).remove(1).1
}

#[test]
fn what_is_hidden_is_the_value_and_nothing_around_it() {
    let below = Secret::Below(&["data", "providers", "*", "client_secret"]);
    assert_eq!(
        one(
            below,
            r#"{ "providers": {"a":{"client_secret":"x\"y", "n":1.50}, "b":{"client_secret":null}},"z":9007199254740993}"#
        ),
        r#"{ "providers": {"a":{"client_secret":"[redacted]", "n":1.50}, "b":{"client_secret":null}},"z":9007199254740993}"#
    );
    assert_eq!(one(below, r#"{"providers":[]}"#), r#"{"providers":[]}"#);
    assert_eq!(
        one(Secret::Below(&["data", "headers"]), r#"{"headers":{"A":"x","B":["y",{"c":2}]},"url":"u"}"#),
        r#"{"headers":{"A":"[redacted]","B":["[redacted]",{"c":"[redacted]"}]},"url":"u"}"#
    );
    assert_eq!(
        one(
            Secret::Anywhere(&["data"]),
            r#"[{"Access_Token":"x","deep":{"my_secret_key":{"k":1}},"name":"n"}]"#
        ),
        r#"[{"Access_Token":"[redacted]","deep":{"my_secret_key":{"k":"[redacted]"}},"name":"n"}]"#
    );
    assert_eq!(one(Secret::Field("data"), r#"{"a":1}"#), "null");
    assert_eq!(one(Secret::Field("other"), r#"{"a":1}"#), r#"{"a":1}"#);
}

#[test]
fn an_address_keeps_where_it_leads() {
    let secret = Secret::Address(&["data", "url"]);
    for (from, to) in [
        ("https://a.example/x?key=1", "https://a.example/x?[redacted]"),
        ("https://u:p@a.example/x#t", "https://a.example/x?[redacted]"),
        ("https://a.example/x@y", "https://a.example/x@y"),
        ("a.example", "a.example"),
    ] {
        assert_eq!(one(secret, &format!(r#"{{"url":"{from}"}}"#)), format!(r#"{{"url":"{to}"}}"#));
    }
    assert_eq!(one(secret, r#"{"url":7}"#), r#"{"url":"[redacted]"}"#);
}

#[test]
fn what_cannot_be_read_is_hidden_whole() {
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    assert!(!one(Secret::Anywhere(&["data"]), &format!(r#"{{"token":{deep}}}"#)).contains('1'));
    // A value that is no JSON, and the row around it, would show in a reject.
    let body = "[{\"id\":1,\"data\":{\"token\":\"se\tcret\"}},{\"id\":NaN}]";
    let (mut rows, _) = Rows::parse(Bytes::from(body)).unwrap();
    rows.hide(&[Secret::Anywhere(&["data"])], COLUMNS);
    for row in rows.iter() {
        assert!(row.is_object());
        assert!(
            row.fields().all(|(_, value)| !value.contains("cret\"")),
            "{:?}",
            row.fields().collect::<Vec<_>>()
        );
        assert!(row.damages().all(|damage| damage.text == "[redacted]"));
        assert_eq!(row.received().as_deref(), Some("[redacted]"));
    }
}

#[test]
fn whatever_is_called_like_a_secret_is_one() {
    for (data, shown) in [
        (r#"{"private_key":"x","n":1.50}"#, r#"{"private_key":"[redacted]","n":1.50}"#),
        (
            r#"{"access-key":7,"credentials":{"user":"u","pass":"x"}}"#,
            r#"{"access-key":"[redacted]","credentials":{"user":"[redacted]","pass":"[redacted]"}}"#,
        ),
        (
            r#"[{"auth":["x",[{"a":"x"}]]},{ "\u006awt" : "x" }]"#,
            r#"[{"auth":["[redacted]",[{"a":"[redacted]"}]]},{ "\u006awt" : "[redacted]" }]"#,
        ),
        // Whether it is set, and whether something is on, is no secret.
        (
            r#"{"token":null,"has_password":true,"secret":"","id":3,"type":"x"}"#,
            r#"{"token":null,"has_password":true,"secret":"","id":3,"type":"x"}"#,
        ),
        (
            r#"{"signature":{"text":"Kind regards"},"x":{"signature":"x"}}"#,
            r#"{"signature":{"text":"Kind regards"},"x":{"signature":"[redacted]"}}"#,
        ),
        (
            r#"{"webhook_url":"https://u:p@a.example/x?sig=x"}"#,
            r#"{"webhook_url":"https://a.example/x?[redacted]"}"#,
        ),
        (r#"{"url":"https://a.example/x","name":"Shop"}"#, r#"{"url":"https://a.example/x","name":"Shop"}"#),
        (
            r#"{"sent":[{"value":"x","name":"X-Api-Key"},{"name":"Accept","value":"y"}]}"#,
            r#"{"sent":[{"value":"[redacted]","name":"X-Api-Key"},{"name":"Accept","value":"y"}]}"#,
        ),
        (
            r#"{"a":{"key":"x"},"b":[{"key":"color","value":"red"},{"key":"token","value":["x"]}]}"#,
            r#"{"a":{"key":"[redacted]"},"b":[{"key":"color","value":"red"},{"key":"token","value":"[redacted]"}]}"#,
        ),
        (
            r#"{"raw":"{\"access_token\":\"x\",\"id\":1}"}"#,
            r#"{"raw":"{\"access_token\":\"[redacted]\",\"id\":1}"}"#,
        ),
        (r#"{"a":"\ud800","b":"Bearer x"}"#, r#"{"a":"[redacted]","b":"[redacted]"}"#),
        // A text in the place of an object.
        (r#""{\"pass\":\"x\"}""#, r#""{\"pass\":\"[redacted]\"}""#),
        (r#""whatever it is""#, r#""[redacted]""#),
        (r#""""#, r#""""#),
    ] {
        assert_eq!(one(ANYWHERE, data), shown);
        assert_eq!(one(ANYWHERE, shown), shown, "once is enough");
    }
}

#[test]
fn texts_that_hold_json_are_looked_into_as_deep_as_anybody_writes() {
    let mut value = r#"{"token":"SEE"}"#.to_owned();
    for depth in 0..40 {
        let data = format!(r#"{{"n":{value}}}"#);
        let shown = one(ANYWHERE, &data);
        assert!(!shown.contains("SEE"), "{depth}: {shown}");
        assert_eq!(shown.contains("token"), depth < 5, "what lies deeper is hidden whole: {shown}");
        value = if depth < 8 { quoted(&value) } else { format!(r#"{{"m":{value}}}"#) };
    }
}

#[test]
fn undocumented_fields_are_hidden_by_their_names_and_looked_into() {
    let row = r#"{"id":1,"name":"token: x","extra_token":"x","Creds":{"a":[1,null]},"more":{"pwd":"x"},"link":"https://a.example?x=y","note":"n"}"#;
    let fields = hidden(&[ANYWHERE], row);
    let shown: Vec<&str> = fields.iter().map(|(_, value)| value.as_str()).collect();
    let none = r#""[redacted]""#;
    assert_eq!(
        shown,
        [
            "1",
            r#""token: x""#,
            none,
            r#"{"a":["[redacted]",null]}"#,
            r#"{"pwd":"[redacted]"}"#,
            r#""https://a.example?[redacted]""#,
            r#""n""#
        ]
    );
    // What is not of its documented type would lie among the rejects.
    let fields = hidden(&[ANYWHERE], r#"{"id":1,"name":{"token":"x"}}"#);
    assert_eq!(fields[1].1, r#"{"token":"[redacted]"}"#);
}

#[test]
fn the_time_it_takes_grows_as_the_value_does() {
    let deep = |part: &str, end: &str| format!("{}1{}", part.repeat(30_000), end.repeat(30_000));
    let flat = |part: &str| format!("[{}1]", format!("{part},").repeat(20_000));
    for data in [
        deep("[", "]"),
        deep(r#"{"value":"x","a":"#, r#","name":"token"}"#),
        flat(r#"{"key":"x"}"#),
        flat(r#""a://b?c=d""#),
        flat(r#"{"token":"x"}"#),
    ] {
        let start = tokio::time::Instant::now();
        assert!(free::hide(&data).is_none_or(|shown| !shown.contains(r#""x""#)));
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    }
}
