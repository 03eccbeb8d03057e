//! The tokens of JSON, for text that need not be JSON: where each one ends, and how deep brackets lie in one another.

/// What may stand between the tokens of JSON.
pub(super) const SPACES: &[u8] = b" \t\r\n";

/// What a piece of JSON is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// `[` or `{`, and the bracket that closes it.
    Open(u8),
    Close(u8),
    Comma,
    Colon,
    /// A string with its quotes.
    Text,
    /// A number, a word, or something that should have been one.
    Bare,
}

/// The token at the beginning of `rest`, which is no white space, and its length in bytes; `None` if a string has no end.
pub(super) fn token(rest: &[u8]) -> Option<(Token, usize)> {
    Some(match rest.first()? {
        b'[' => (Token::Open(b']'), 1),
        b'{' => (Token::Open(b'}'), 1),
        close @ (b']' | b'}') => (Token::Close(*close), 1),
        b',' => (Token::Comma, 1),
        b':' => (Token::Colon, 1),
        b'"' => {
            let mut at = 1;
            loop {
                at += memchr::memchr2(b'"', b'\\', rest.get(at..)?)?;
                if rest[at] == b'"' {
                    break (Token::Text, at + 1);
                }
                at += 2;
            }
        }
        _ => {
            let len = rest.iter().position(|byte| b"[]{},\"".contains(byte)).unwrap_or(rest.len());
            let last = rest[..len].iter().rposition(|byte| !SPACES.contains(byte));
            (Token::Bare, last.map_or(len, |last| last + 1))
        }
    })
}

/// How deep the objects and lists of a JSON column may lie within one another. BigQuery takes no more, and few programs
/// read more.
const DEEPEST: usize = 500;

/// Whether a JSON value is too deep for a column in which it lies within so many others.
pub(super) fn too_deep(json: &str, within: usize) -> bool {
    let bytes = json.as_bytes();
    let deepest = DEEPEST.saturating_sub(within);
    // Most values are shorter than so many brackets in pairs.
    if bytes.len() <= 2 * deepest || memchr::memchr2_iter(b'{', b'[', bytes).count() <= deepest {
        return false;
    }
    let (mut depth, mut at) = (0usize, 0);
    while let Some((token, len)) = token(bytes.get(at..).unwrap_or_default()) {
        match token {
            Token::Open(_) => depth += 1,
            Token::Close(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > deepest {
            return true;
        }
        at += len;
    }
    false
}
