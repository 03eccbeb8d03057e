//! What users read: words of this project's own kitchen stay out of it, and nothing is "1 rows".
//!
//! Looked through are the texts in the code, as they stand between quotes, and the pages; the help of each command is one
//! of these (docs/cli.md), and receipts are in both.

use super::{before_tests, files, is_test};

/// Phrases that say nothing to somebody who has never seen the code.
const PHRASES: [&str; 7] = [
    "keeps it true",
    "keeps true",
    "keeps the copy true",
    "stays true",
    "covered since",
    "kept aside",
    "not in recorded lists",
];

/// The same as whole words.
const WORDS: [&str; 8] = ["room", "rooms", "life", "lives", "desk", "desks", "swept", "aside"];

/// What is counted, in the form for more than one.
const COUNTED: [&str; 27] = [
    "rows",
    "tickets",
    "messages",
    "requests",
    "tables",
    "pages",
    "columns",
    "runs",
    "values",
    "days",
    "fields",
    "surveys",
    "customers",
    "events",
    "calls",
    "files",
    "statements",
    "commits",
    "parts",
    "attempts",
    "warnings",
    "accounts",
    "walks",
    "commands",
    "minutes",
    "hours",
    "seconds",
];

/// Texts in which a number stands before such a word and cannot be 1, or does not count it.
const NEVER_ONE: [&str; 15] = [
    "(gave up after {attempts} attempts",
    "{source} pages are always",
    "{source} tables have declared",
    "after {} commits, a run makes one",
    "--cluster-by: {} columns are too many",
    "has {} parts, {destination}",
    "stopped before {} of {all} tables",
    "none of the {all} tables",
    "{} of {all} tables {} not complete",
    "{rows} rows that the table has are not there",
    "the table has {} rows",
    "{} pages from {newest} to {oldest}",
    "{} of about {pages} pages were",
    "takes {} runs; more",
    "{} rows/s",
];

/// The texts of a file: what stands between quotes, outside of comments.
fn texts(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = code.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '/' if rest.peek() == Some(&'/') => while rest.next_if(|c| *c != '\n').is_some() {},
            // A character, or the name of a lifetime.
            '\'' => {
                let inner = rest.next();
                if inner == Some('\\') {
                    rest.next();
                }
                rest.next_if(|c| *c == '\'');
            }
            '"' => {
                let mut text = String::new();
                while let Some(c) = rest.next().filter(|c| *c != '"') {
                    if c == '\\' {
                        match rest.next() {
                            // The text goes on where the next line does.
                            Some('\n') => while rest.next_if(|c| c.is_whitespace()).is_some() {},
                            Some('n') => text.push('\n'),
                            other => text.extend(other),
                        }
                    } else {
                        text.push(c);
                    }
                }
                found.push(text);
            }
            _ => {}
        }
    }
    found
}

/// The first of the words in a text that stands there by itself, and is not in "help desk".
fn slang(text: &str) -> Option<&'static str> {
    let lower = text.to_lowercase();
    if let Some(phrase) = PHRASES.iter().find(|phrase| lower.contains(**phrase)) {
        return Some(phrase);
    }
    // What stands in a text by its name in the code is not read by anybody.
    let lower: String =
        lower.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest)).collect();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let at = words.iter().enumerate().find_map(|(at, word)| {
        let of_a_help_desk = word.starts_with("desk") && at > 0 && words[at - 1] == "help";
        (!of_a_help_desk).then(|| WORDS.iter().find(|slang| *slang == word)).flatten()
    });
    at.copied()
}

/// A number that may be 1 before a word for more.
fn one_of_many(text: &str) -> bool {
    let counts = |rest: &str| {
        let rest = rest.strip_prefix("new ").or(rest.strip_prefix("more ")).unwrap_or(rest);
        let word = rest.split(|c: char| !c.is_ascii_lowercase()).next().unwrap_or_default();
        COUNTED.contains(&word)
    };
    let after = |sign: &str| text.match_indices(sign).map(|(at, _)| &text[at + sign.len()..]).any(counts);
    after("} ") && !NEVER_ONE.iter().any(|known| text.contains(known))
}

/// The same for what is written out.
fn ones(text: &str) -> bool {
    text.match_indices("1 ").any(|(at, _)| {
        let alone = !text[..at].ends_with(|c: char| c.is_ascii_digit() || ".,-".contains(c));
        let word = text[at + 2..].split(|c: char| !c.is_ascii_lowercase()).next().unwrap_or_default();
        alone && COUNTED.contains(&word)
    })
}

#[test]
fn users_read_plain_words_and_numbers_that_agree() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (path, text) in files() {
        let code = path.starts_with("src/") && path.ends_with(".rs") && !is_test(&path);
        let page = path == "README.md" || path == "CHANGELOG.md" || path.starts_with("docs/");
        let package = path.starts_with("packaging/");
        if code {
            for text in texts(before_tests(&text)).into_iter().filter(|text| text.contains(' ')) {
                seen += 1;
                wrong.extend(slang(&text).map(|word| format!("{path}: `{word}` in {text:?}")));
                if one_of_many(&text) {
                    wrong.push(format!("{path}: {text:?} may count one; use words::count"));
                }
            }
        } else if page || package {
            for (number, line) in text.lines().enumerate() {
                let place = format!("{path}:{}", number + 1);
                wrong.extend(slang(line).map(|word| format!("{place}: `{word}` in {line:?}")));
                if ones(line) {
                    wrong.push(format!("{place}: one of many in {line:?}"));
                }
            }
        }
    }
    assert!(seen > 1_000, "only {seen} texts were found");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn texts_are_found_between_quotes() {
    let code = r#"let x = '"'; // "no text"
        let y = ("one {n} rows", 'a', b"two \
                 lines"); fn f<'a>(_: &'a str) {}"#;
    assert_eq!(texts(code), ["one {n} rows", "two lines"]);
    assert!(one_of_many("read {n} rows") && one_of_many("{} new columns") && !one_of_many("{n} of the rows"));
    assert!(ones("it had 1 rows") && !ones("it had 11 rows") && !ones("1 row"));
    assert_eq!(
        (slang("a help desk"), slang("what the desk has"), slang("a Room")),
        (None, Some("desk"), Some("room"))
    );
}
