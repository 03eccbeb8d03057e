//! Secrets in a text that is not called like one: addresses with who asks and what is asked, headers, `name=value`.

use super::names::{Tells, tells};

/// What a text comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It stays.
    Nothing,
    /// It is this, without what is secret.
    Without(String),
    /// All of it has to be hidden.
    Secret,
}

/// In the place of a value that is hidden.
pub(super) const HIDDEN: &str = "\"[redacted]\"";

/// In the place of the query of an address, and of what follows it.
pub(super) const QUERY: &str = "?[redacted]";

/// Looks through a text.
pub(super) fn look(text: &str) -> Found {
    let without = addresses(text);
    let rest = without.as_deref().unwrap_or(text);
    if is_credential(rest) || names_one(rest) {
        return Found::Secret;
    }
    without.map_or(Found::Nothing, Found::Without)
}

/// The text with the addresses in it as they may be shown; `None`: they may be shown as they are.
fn addresses(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut shown = String::new();
    // Up to where it is copied, and up to where it has been looked at.
    let (mut done, mut at) = (0, 0);
    let mut ends = Ends::of(text);
    while let Some(found) = memchr::memchr2(b':', b'?', &bytes[at..]).map(|found| at + found) {
        at = found + 1;
        if bytes[found] == b'?' {
            if asks(&bytes[at..]) {
                shown.push_str(&text[done..found]);
                shown.push_str(QUERY);
                (done, at) = (ends.after(at), ends.after(at));
            }
            continue;
        }
        if !bytes[at..].starts_with(b"//") {
            continue;
        }
        let (start, end) = (at + 2, ends.after(at + 2));
        let place = &text[start..end];
        let host = place.find(['/', '?', '#']).unwrap_or(place.len());
        if let Some(who) = place[..host].rfind('@') {
            shown.push_str(&text[done..start]);
            done = start + who + 1;
        }
        if let Some(query) = place.find(['?', '#']) {
            shown.push_str(&text[done..start + query]);
            shown.push_str(QUERY);
            done = end;
        }
        at = end;
    }
    if done == 0 {
        return None;
    }
    shown.push_str(&text[done..]);
    (shown != text).then_some(shown)
}

/// Whether what follows a question mark is a query: a name and `=`.
fn asks(rest: &[u8]) -> bool {
    let name =
        rest.iter().take(200).take_while(|byte| byte.is_ascii_alphanumeric() || b"_-.%[]$~".contains(byte));
    let name = name.count();
    name > 0 && rest.get(name) == Some(&b'=')
}

/// Where addresses end.
struct Ends<'a> {
    text: &'a str,
    /// Whether what is to be filled in may be closed, so that no text is looked through again and again.
    closed: bool,
}

impl<'a> Ends<'a> {
    fn of(text: &'a str) -> Self {
        Self { text, closed: true }
    }

    /// Where the address ends that `from` lies in: at a space or quote, which what is to be filled in (`{{ticket.id}}`) may have.
    fn after(&mut self, from: usize) -> usize {
        let mut at = from;
        while let Some(next) = self.text[at..].chars().next() {
            if self.closed && self.text[at..].starts_with("{{") {
                match self.text[at..].find("}}") {
                    Some(closed) => at += closed + 2,
                    None => self.closed = false,
                }
                continue;
            }
            if next.is_whitespace() || "\"'`<>\\".contains(next) {
                break;
            }
            at += next.len_utf8();
        }
        at
    }
}

/// Whether it is a credential by its form: that of a header, a key in a file, or a JSON web token.
fn is_credential(text: &str) -> bool {
    let mut words = text.split_whitespace();
    if text.contains("-----BEGIN ") || words.any(is_web_token) {
        return true;
    }
    let mut words = text.split_whitespace();
    let is = |word: &str, name: &str| word.trim_start_matches(['"', '\'']).eq_ignore_ascii_case(name);
    if let (Some(first), Some(code), None) = (words.next(), words.next(), words.next())
        && is(first, "basic")
        && code.len() >= 8
        && code.contains(|c: char| c.is_ascii_digit() || c.is_ascii_uppercase() || "+/=".contains(c))
    {
        return true;
    }
    let mut words = text.split_whitespace();
    words.any(|word| is(word, "bearer")) && words.next().is_some()
}

fn is_web_token(word: &str) -> bool {
    word.contains("eyJ") && word.bytes().filter(|byte| *byte == b'.').count() >= 2
}

/// Whether something in it is called like a secret: `password=x`, `Authorization: x`, `'token': 'x'`.
fn names_one(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut from = 0;
    for at in memchr::memchr2_iter(b'=', b':', bytes) {
        let before = &text[from..at];
        from = at + 1;
        let before = before.trim_end_matches(|c: char| c.is_whitespace() || "\"'\\".contains(c));
        let name = before.rfind(|c: char| !(c.is_alphanumeric() || "_-.".contains(c)));
        let name =
            name.map_or(before, |end| before[end..].trim_start_matches(|c: char| !c.is_alphanumeric()));
        // No name is that long.
        let tells = name.len() <= 200 && tells(name) != Tells::Nothing;
        let is_key = bytes[at] == b'=' && name.eq_ignore_ascii_case("key");
        if (tells || is_key) && !text[from..].trim().is_empty() {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_keep_where_they_lead() {
        for (text, shown) in [
            ("https://a.example/x?sig=s&b=2", "https://a.example/x?[redacted]"),
            ("https://a.example/x?secret", "https://a.example/x?[redacted]"),
            ("https://a.example/#access_token=t", "https://a.example/?[redacted]"),
            ("postgres://me:p@w@db:5432/shop", "postgres://db:5432/shop"),
            (
                "see https://u:p@a.example/x?k=1, then \"http://b.example?q=2\" and c",
                "see https://a.example/x?[redacted] then \"http://b.example?[redacted]\" and c",
            ),
            ("/files/1.csv?sig=s", "/files/1.csv?[redacted]"),
            ("a.example/1.csv?X-Amz-Signature=s", "a.example/1.csv?[redacted]"),
            (
                "https://a.example/{{ ticket.id }}?a={{ b }}&k=s x",
                "https://a.example/{{ ticket.id }}?[redacted] x",
            ),
            ("https://a.example/{{ x?k=s", "https://a.example/{{ x?[redacted]"),
        ] {
            assert_eq!(look(text), Found::Without(shown.into()), "{text}");
            assert_eq!(look(shown), Found::Nothing, "once is enough: {text}");
        }
    }

    #[test]
    fn credentials_hide_the_text_around_them() {
        for text in [
            "Bearer abc",
            "X: bearer abc",
            "Basic bWU6cGFzcw==",
            "-----BEGIN RSA PRIVATE KEY-----\nabc",
            "x eyJhbGciOi.eyJzdWIi.c2ln",
            "password=abc",
            "Server=db;Uid=me;Pwd=abc;",
            "Authorization: Token abc",
            "{'access_token': 'abc'}",
            "{\\\"api_key\\\": \\\"abc\\\"}",
            "key=abc",
            "failed: invalid token: abc",
        ] {
            assert_eq!(look(text), Found::Secret, "{text}");
        }
    }

    #[test]
    fn other_texts_stay() {
        for text in [
            "",
            "Basic plan",
            "basic subscription",
            "basic",
            "the bearer",
            "https://a.example/x/y",
            "Is that so? yes = no",
            "12:30:00",
            "author: Jane",
            "a password",
            "password:",
            "{{ticket.customer.email}}",
            "color: #fff",
            "[redacted]",
            "🚀?🚀=1",
        ] {
            assert_eq!(look(text), Found::Nothing, "{text}");
        }
    }

    #[test]
    fn long_texts_take_no_longer_than_they_are_long() {
        for part in ["{{", "://", "?a=", "a:", ": ", "?", "{{}}", "eyJ."] {
            let text = part.repeat(50_000);
            let start = tokio::time::Instant::now();
            look(&text);
            assert!(start.elapsed().as_secs() < 20, "{part}: {:?}", start.elapsed());
        }
    }
}
