//! Pages in, rows out, and what becomes of values that are no JSON.

#![allow(clippy::print_stdout, reason = "random tests print their seed")]

use super::*;

fn parse(text: &str) -> Result<(Rows, Meta), NotRows> {
    Rows::parse(Bytes::copy_from_slice(text.as_bytes()))
}

#[test]
fn values_keep_their_exact_text() {
    let (rows, meta) = parse(
        r#"{"data":[{"id":1,"meta": {"b":12345678901234567890, "a":[ ]} },{"id":2,"\u006eame":"x\"y"}],"object":"list","uri":"/api/x?","meta":{"prev_cursor":null,"next_cursor":"abc"}}"#,
    )
    .unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows.row(0).get("meta"), Some(r#"{"b":12345678901234567890, "a":[ ]}"#));
    assert_eq!(rows.row(1).get("name"), Some(r#""x\"y""#));
    assert_eq!(rows.row(0).get("name"), None);
    assert_eq!(meta.next_cursor.as_deref(), Some("abc"));
    let tells_next = |text: &str| parse(text).unwrap().1.tells_next;
    assert!(tells_next(r#"{"data":[],"meta":{"next_cursor":null}}"#));
    assert!(!tells_next(r#"{"data":[],"meta":{"prev_cursor":null}}"#));
    assert!(!tells_next(r#"{"data":[]}"#));
}

#[test]
fn both_envelopes_and_the_bare_array_are_read() {
    for text in [
        r#"{"object":"list","uri":"u","data":[{"id":1}],"meta":{"prev_cursor":null,"next_cursor":null,"total_resources":null}}"#,
        r#"{"data":[{"id":1}],"object":"list","uri":"u","meta":{"prev_cursor":null,"next_cursor":null}}"#,
        r#"{"data":[{"id":1}],"meta":null}"#,
        r#"{"data":[{"id":1}]}"#,
        r#"[{"id":1}]"#,
    ] {
        let (rows, meta) = parse(text).unwrap();
        assert_eq!((rows.len(), meta.next_cursor), (1, None), "{text}");
    }
}

#[test]
fn rows_that_are_no_objects_have_no_fields_and_keep_their_text() {
    let (rows, _) = parse(r#"{"data":[null,1,-1,1.5,"x",true,[1,{"a":2}],{},NaN]}"#).unwrap();
    assert!(rows.iter().all(|row| row.fields().count() == 0));
    let texts: Vec<_> = rows.iter().map(|row| row.received()).collect();
    let texts: Vec<_> = texts.iter().map(|text| text.as_deref().unwrap_or("-")).collect();
    assert_eq!(texts, ["null", "1", "-1", "1.5", "\"x\"", "true", "[1,{\"a\":2}]", "-", "NaN"]);
    let objects: Vec<_> = rows.iter().map(Row::is_object).collect();
    assert_eq!(objects.iter().filter(|is| **is).count(), 1);
}

#[test]
fn what_is_not_a_list_answer_is_refused_and_says_where() {
    let message = |text: &str| parse(text).unwrap_err().to_string();
    assert_eq!(
        message("<html>Bad gateway</html>"),
        "the answer is not the JSON that was asked for (it is not JSON, at byte 1 of 24)"
    );
    assert_eq!(
        message("{\"data\":[{\"id\":1},\n{\"id\":"),
        "the answer is not the JSON that was asked for (it ends too early, at byte 25 of 25)"
    );
    assert_eq!(
        message(r#"{"error":{"msg":"no"}}"#),
        "the answer is not the JSON that was asked for (it has no list of rows, at byte 0 of 22)"
    );
    assert_eq!(
        message(r#"{"data":[]} {}"#),
        "the answer is not the JSON that was asked for (it is not JSON, at byte 13 of 14)"
    );
    assert!(message("").contains("it ends too early"));
    assert!(message(r#"{"data":{"id":1}}"#).contains("another shape"));
    for (text, wanted) in [
        ("\u{feff}", "it ends too early"),
        ("\u{feff}\u{feff}[]", "it is not JSON"),
        (r#"[{"id":NaN"#, "it ends too early"),
        (r#"[{"id":NaN}] x"#, "it is not JSON"),
        (r#"[{"id":NaN}]]"#, "it is not JSON"),
        ("[{\"id\":NaN}]\0", "it is not JSON"),
        (r#"{"data":[{"id":NaN}],"data":[]}"#, "it is not JSON"),
        (r#"{"data":[],"data":[]}"#, "another shape"),
        (r#"{"data":NaN}"#, "it is not JSON"),
        (r#"{"uri":NaN}"#, "it has no list of rows"),
        // What lies between values has to be right.
        (r#"[{"id":1,}]"#, "it is not JSON"),
        (r#"[{"id":1},]"#, "it is not JSON"),
        (r#"[{"id":1 "a":2}]"#, "it is not JSON"),
        (r#"[{"id" 1}]"#, "it is not JSON"),
        (r#"[{"a":"x"y","id":1}]"#, "it is not JSON"),
        (r#"[{id:1}]"#, "it is not JSON"),
        (r#"[{"a":[1},"id":1]]"#, "it is not JSON"),
    ] {
        assert!(message(text).contains(wanted), "{text}: {}", message(text));
    }
    let cut = Rows::parse(Bytes::from_static(b"[{\"id\":\"\xc3")).unwrap_err().to_string();
    assert!(cut.contains("it ends too early, at byte 8 of 9"), "{cut}");
    let cut = Rows::parse(Bytes::from_static(b"[{\"id\":\"\xff\",\"a\":\"\xc3")).unwrap_err().to_string();
    assert!(cut.contains("it ends too early"), "{cut}");
}

/// The list would end too early, or go on at a place that nobody named.
#[test]
fn where_the_list_goes_on_is_never_guessed() {
    for meta in [
        r#""meta":NaN"#,
        r#""meta":{"next_cursor":NaN}"#,
        r#""meta":{"next_cursor":"a\x"}"#,
        r#""meta":{"next_cursor":"a\ud800"}"#,
        r#""meta":{"next_cursor":5}"#,
        r#""meta":{"next_cursor":"a","next_cursor":null}"#,
        r#""meta":{"next_cursor":"a"},"meta":{"next_cursor":null}"#,
        r#""meta":{"next_cursor":"a","total":NaN}"#,
        r#""meta":"#,
        r#""meta":[1]"#,
        r#""met\xa":{"next_cursor":"a"}"#,
        r#""\ud800":1,"meta":{"next_cursor":"a"}"#,
        "\"meta\":{\"next_cursor\":\"a\tb\"}",
    ] {
        for row in [r#"{"id":1}"#, r#"{"id":NaN}"#] {
            let text = format!(r#"{{"data":[{row}],{meta}}}"#);
            assert!(parse(&text).is_err(), "{text}");
        }
    }
    assert!(Rows::parse(Bytes::from_static(b"{\"data\":[],\"meta\":{\"next_cursor\":\"\xff\"}}")).is_err());
    let (_, meta) =
        parse(r#"{"uri":NaN,"data":[{"id":1,"a":NaN}],"m\u0065ta":{"next_cursor":"a"}}"#).unwrap();
    assert_eq!(meta.next_cursor.as_deref(), Some("a"));
}

/// The value as handed out, and the damage.
fn damaged(value: &[u8]) -> (String, Option<(String, &'static str)>) {
    let body = [b"[{\"id\":1,\"a\":", value, b",\"b\":\"\\u00e9\"},{\"id\":2}]"].concat();
    let (rows, _) = Rows::parse(body.into()).unwrap();
    assert_eq!(rows.len(), 2);
    let row = rows.row(0);
    assert_eq!(
        (row.get("id"), row.get("b")),
        (Some("1"), Some("\"\\u00e9\"")),
        "the others are as they were"
    );
    assert_eq!((rows.row(1).get("id"), rows.row(1).received()), (Some("2"), None));
    let damages: Vec<_> = row.damages().collect();
    assert!(damages.iter().all(|damage| (damage.field, damage.name) == (Some(1), "a")) && damages.len() < 2);
    let damage = damages.into_iter().next().map(|damage| (damage.text.into_owned(), damage.reason));
    assert!(serde_json::from_str::<&serde_json::value::RawValue>(row.get("a").unwrap()).is_ok());
    (row.get("a").unwrap().to_owned(), damage)
}

#[test]
fn a_value_that_is_no_json_damages_nothing_else() {
    const WORD: &str = "not JSON";
    for word in [
        "NaN",
        "Infinity",
        "-Infinity",
        "undefined",
        "None",
        "True",
        "01",
        "-01",
        "+1",
        ".5",
        "1.",
        "0x1F",
        "1e",
        "-",
        "1 2",
        "2026-08-26T18:36:51Z",
        "'text'",
        "nulll",
        "\u{1}",
        "é",
        "1\u{c}",
    ] {
        assert_eq!(damaged(word.as_bytes()), ("null".into(), Some((word.into(), WORD))), "{word}");
    }
    assert_eq!(damaged(b""), ("null".into(), Some((String::new(), WORD))));
    assert_eq!(damaged(b"1\xff"), ("null".into(), Some(("1\u{fffd}".into(), WORD))));
    let bytes = "bytes that are not UTF-8, replaced by U+FFFD";
    let control = "a control character that is not escaped, taken as it is";
    let escape = "an escape that JSON does not have, replaced by U+FFFD";
    for (value, handed, shown, reason) in [
        (&b"\"a\xffb\""[..], "\"a\u{fffd}b\"", "\"a\u{fffd}b\"", bytes),
        (b"\"\xe2\x82,\\n\"", "\"\u{fffd},\\n\"", "\"\u{fffd},\\n\"", bytes),
        (b"\"a\tb\"", "\"a\\u0009b\"", "\"a\tb\"", control),
        (b"\"a\0\"", "\"a\\u0000\"", "\"a\0\"", control),
        (b"\"a\x1a\"", "\"a\\u001a\"", "\"a\x1a\"", control),
        (b"\"a\n\xff\"", "\"a\\u000a\u{fffd}\"", "\"a\n\u{fffd}\"", bytes),
        (b"\"\\x41,\\\"\"", "\"\u{fffd}41,\\\"\"", "\"\\x41,\\\"\"", escape),
        (b"\"\\u12G4\"", "\"\u{fffd}12G4\"", "\"\\u12G4\"", escape),
        (b"\"\\u00\"", "\"\u{fffd}00\"", "\"\\u00\"", escape),
        (
            b"[1, NaN,{\"k\": +1}]",
            "[1, null,{\"k\": null}]",
            "[1, NaN,{\"k\": +1}]",
            "a value in it is not JSON, replaced by null",
        ),
        (b"{\"k\":\"\xff\"}", "{\"k\":\"\u{fffd}\"}", "{\"k\":\"\u{fffd}\"}", bytes),
        (b"{\"k\" 1}", "null", "{\"k\" 1}", WORD),
        (b"[1,]", "null", "[1,]", WORD),
        (b"{k:1}", "null", "{k:1}", WORD),
        (b"[\"x\"y\"\"]", "null", "[\"x\"y\"\"]", WORD),
    ] {
        assert_eq!(damaged(value), (handed.into(), Some((shown.into(), reason))), "{shown}");
    }
    // As JSON allows it, so it is handed on; what becomes of it, decides who reads it.
    for value in [r#""\ud800""#, r#""\u0000""#, "1e999", "-0", "\"\u{7f}\""] {
        assert_eq!(damaged(value.as_bytes()), (value.into(), None));
    }
}

#[test]
fn a_name_that_cannot_be_read_costs_its_value() {
    let body = b"[{\"id\":1,\"a\\ud83d\":[2],\"b\xff\":3,\"c\\x\":NaN,\"\":4,\"d\te\":5,\"\\u0000\":6}]";
    let (rows, _) = Rows::parse(Bytes::from_static(body)).unwrap();
    let row = rows.row(0);
    let fields: Vec<_> = row.fields().collect();
    assert_eq!(fields, [("id", "1"), ("", "4"), ("d\te", "5"), ("\0", "6")]);
    let damages: Vec<_> = row.damages().map(|d| (d.field, d.name.to_owned(), d.text.into_owned())).collect();
    assert_eq!(
        damages,
        [
            (None, "a\u{fffd}".to_owned(), "\"a\\ud83d\":[2]".to_owned()),
            (None, "b\u{fffd}".to_owned(), "\"b\u{fffd}\":3".to_owned()),
            (None, "c\u{fffd}".to_owned(), "\"c\\x\":NaN".to_owned()),
        ]
    );
}

#[test]
fn of_equal_keys_the_last_one_counts() {
    for (text, wanted) in [
        (r#"[{"id":1,"a":1,"id":2}]"#, [("id", "2"), ("a", "1")]),
        (r#"[{"id":1,"a":1,"\u0069d":2}]"#, [("id", "2"), ("a", "1")]),
        (r#"[{"id":1,"a":NaN,"a":2}]"#, [("id", "1"), ("a", "2")]),
        (r#"[{"id":1,"a":2,"a":NaN}]"#, [("id", "1"), ("a", "null")]),
        (r#"[{"id":1,"a":{"k":1,"k":2}}]"#, [("id", "1"), ("a", r#"{"k":1,"k":2}"#)]),
    ] {
        let (rows, _) = parse(text).unwrap();
        assert_eq!(rows.row(0).fields().collect::<Vec<_>>(), wanted, "{text}");
        assert_eq!(rows.row(0).damages().count(), usize::from(wanted[1].1 == "null"), "{text}");
    }
    let (rows, _) = parse(r#"[{"id":1,"a":2},{"id":3,"a":4},{"a":5,"a":6},{"a":7,"a":8}]"#).unwrap();
    let last: Vec<_> = rows.iter().map(|row| row.get("a").unwrap()).collect();
    assert_eq!(last, ["2", "4", "6", "8"]);
}

#[test]
fn a_byte_order_mark_is_skipped() {
    for text in ["\u{feff}[{\"id\":1,\"a\":\"é\"}]", "\u{feff} [{\"id\":1,\"a\":\"é\",\"b\":NaN}]"] {
        let (rows, _) = parse(text).unwrap();
        assert_eq!((rows.row(0).get("id"), rows.row(0).get("a")), (Some("1"), Some("\"é\"")));
    }
}

/// A page like those of the API, and the same as a list of rows.
fn page(rng: &mut fastrand::Rng, rows: usize) -> (String, Vec<String>) {
    let rows: Vec<String> = (1..=rows)
        .map(|id| {
            let text: String = (0..rng.usize(0..12)).map(|_| rng.choice(WORDS).unwrap()).collect();
            format!(
                r#"{{"id":{id},"subject":"{text}","spam":{},"score":{},"customer":{{"id":{},"name":"{text}","tags":[{{"k":null}},[]]}},"s\u006eooze":null}}"#,
                rng.bool(),
                rng.f64() * 1e6 - 5e5,
                rng.u32(..),
            )
        })
        .collect();
    let list = rows.join(if rng.bool() { "," } else { ", \n" });
    let text = match rng.u8(0..3) {
        0 => format!("[{list}]"),
        1 => format!(
            r#"{{"data":[{list}],"object":"list","uri":"/api/x?limit=2","meta":{{"next_cursor":"abc","prev_cursor":null}}}}"#
        ),
        _ => format!(r#"{{"meta":{{"next_cursor":null}},"object":"list","data":[{list}]}}"#),
    };
    (text, rows)
}

const WORDS: [&str; 12] =
    ["Hello ", "é", "日本", r"\n", r#"\""#, r"\\", "{", "]", ",", r"\ud83d\ude00", r"\u0041", ":"];

fn seed() -> u64 {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    seed
}

#[test]
fn a_page_that_was_cut_is_never_a_page() {
    let mut rng = fastrand::Rng::with_seed(seed());
    for _ in 0..40 {
        let (page, _) = page(&mut rng, 3);
        for cut in 0..page.len() {
            let error = Rows::parse(Bytes::copy_from_slice(&page.as_bytes()[..cut])).unwrap_err();
            assert_eq!(error.what, CUT, "at {cut} of {page}");
        }
        // With damage before the cut it is not serde_json that says so.
        let page = page.replacen("\"spam\":", "\"spam\":x", 1).replacen("Hello", "H\t\\xllo", 1);
        assert!(parse(&page).is_ok(), "{page}");
        for cut in 0..page.len() {
            let error = Rows::parse(Bytes::copy_from_slice(&page.as_bytes()[..cut])).unwrap_err();
            assert_eq!(error.what, CUT, "at {cut} of {page}");
        }
    }
}

#[test]
fn any_bytes_are_pages_or_refused() {
    let mut rng = fastrand::Rng::with_seed(seed());
    for _ in 0..4_000 {
        let mut bytes = page(&mut rng, 2).0.into_bytes();
        for _ in 0..rng.usize(1..4) {
            if bytes.is_empty() {
                break;
            }
            let (at, byte) = (rng.usize(0..bytes.len()), rng.u8(..));
            match rng.u8(0..4) {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, *rng.choice(b"\"\\{}[],:\0 \x1a").unwrap()),
                2 => drop(bytes.remove(at)),
                _ => bytes.truncate(at),
            }
        }
        let Ok((rows, _)) = Rows::parse(bytes.into()) else { continue };
        for row in rows.iter() {
            for (_, value) in row.fields() {
                assert!(serde_json::from_str::<&serde_json::value::RawValue>(value).is_ok(), "{value}");
            }
            let damages: Vec<_> = row.damages().collect();
            assert!(
                damages.iter().all(|damage| damage.field.is_none_or(|field| field < row.fields().count()))
            );
            assert!(damages.is_empty() || row.received().is_some());
        }
    }
}

#[test]
fn one_damaged_value_leaves_all_others_as_they_were() {
    let mut rng = fastrand::Rng::with_seed(seed());
    for _ in 0..1_000 {
        let (page, texts) = page(&mut rng, 4);
        let hurt = rng.usize(0..4);
        let junk: Vec<u8> = match rng.u8(0..4) {
            0 => rng.choice([&b"NaN"[..], b"-Infinity", b"01", b"", b"\xff\xfe", b"\0"]).unwrap().to_vec(),
            1 => [b"\"", &vec![rng.u8(0..0x20); rng.usize(1..5)][..], b"\""].concat(),
            2 => [b"\"a", &vec![rng.u8(0x80..); rng.usize(1..5)][..], b"\""].concat(),
            _ => [&[b'['; 300][..], b"x", &[b']'; 300][..]].concat(),
        };
        let at = page.find(&texts[hurt]).unwrap() + texts[hurt].find("\"spam\":").unwrap() + 7;
        let end = at + page[at..].find(',').unwrap();
        let body = [&page.as_bytes()[..at], &junk[..], &page.as_bytes()[end..]].concat();
        let (whole, meta) = parse(&page).unwrap();
        let (rows, same) = Rows::parse(body.into()).unwrap();
        assert_eq!((rows.len(), meta), (4, same));
        for (index, (row, before)) in rows.iter().zip(whole.iter()).enumerate() {
            assert_eq!(row.damages().count(), usize::from(index == hurt), "{junk:?}");
            let kept = row.fields().zip(before.fields()).filter(|(a, b)| a == b).count();
            assert_eq!(kept, 6 - usize::from(index == hurt));
        }
    }
}

/// Bodies on which a scan that goes back, or a parser that calls itself, would not come to an end.
#[test]
fn hostile_bodies_are_read_in_one_go() {
    const MANY: usize = 300_000;
    let x = |part: &str| part.repeat(MANY);
    for body in [
        x("["),
        x("[\""),
        x("{\"a\":"),
        format!("[{}", x("NaN,")),
        format!("[{{\"a\":\"{}", x("\\")),
        format!("[{{\"a\":{}", x(" ")),
        format!("[{{\"a\":{}{}}}]", x("["), x("]")),
        format!("[{{\"a\":{}x{}}}]", x("["), x("]")),
        format!("[{}x{}]", x("["), x("]")),
        format!("[{{\"a\":{}}}]", x("1 ")),
        format!("[{{\"a\":[{}]}}]", x("\"\t\" ")),
        format!("[{{{}\"b\":1}}]", x("\"a\":NaN,")),
        format!("[{{{}\"b\":1}}]", x("\"a\\ud800\":1,")),
        format!("[{}{{}}]", x("{\"a\":1,\"a\":2},")),
        format!("[{}1]", x("1,")),
    ] {
        let _ = parse(&body);
    }
    let deep = format!("[{{\"id\":1,\"a\":{}NaN{}}}]", x("["), x("]"));
    let (rows, _) = parse(&deep).unwrap();
    assert_eq!(rows.row(0).get("a").map(str::len), Some(2 * MANY + 4));
    let keys: String = (0..MANY).map(|key| format!("\"{key}\":NaN,")).collect();
    let (rows, _) = parse(&format!("[{{{keys}\"id\":1}}]")).unwrap();
    assert_eq!(rows.row(0).damages().count(), MANY);
}
