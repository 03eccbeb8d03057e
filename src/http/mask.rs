//! What a server says, as it may be shown: without the credentials that it was sent, which a proxy may repeat.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};

use crate::words::printable;

/// In the place of what was sent.
const HIDDEN: &str = "[redacted]";
/// Characters of a credential that are hidden wherever they are, as one that was cut or wrapped is one still.
const PIECE: usize = 12;
/// What is shorter is in every other word.
const SHORTEST: usize = 4;

/// Hides the credentials of an account.
pub(crate) struct Mask {
    secrets: Vec<SecretString>,
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mask").finish_non_exhaustive()
    }
}

impl Mask {
    /// Hides what is in that value of the header `Authorization`: as it is, as a key or token by itself, and in the forms that
    /// addresses give it.
    pub(crate) fn of(authorization: &SecretString) -> Self {
        let value = authorization.expose_secret();
        let sent = value.split_once(' ').map_or(value, |(_, sent)| sent);
        let plain = STANDARD.decode(sent).ok().and_then(|plain| String::from_utf8(plain).ok());
        let key = plain.as_deref().and_then(|plain| plain.split_once(':')).map_or(sent, |(_, key)| key);
        let mut secrets: Vec<SecretString> = Vec::new();
        for secret in [sent, key] {
            let bare = secret.trim_end_matches('=');
            let encoded = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
            for form in [bare.to_owned(), bare.replace('+', "-").replace('/', "_"), encoded] {
                let known = secrets.iter().any(|known| known.expose_secret() == form);
                if form.chars().count() >= SHORTEST && !known {
                    secrets.push(form.into());
                }
            }
        }
        Self { secrets }
    }

    /// The text without them.
    pub(crate) fn hide(&self, text: &str) -> String {
        let mut hidden = vec![false; text.len()];
        for secret in &self.secrets {
            let secret = secret.expose_secret();
            let ends: Vec<usize> =
                secret.char_indices().map(|(at, _)| at).skip(1).chain([secret.len()]).collect();
            let length = ends.len().min(PIECE);
            let starts = std::iter::once(0).chain(ends.iter().copied());
            for (start, end) in starts.zip(&ends[length - 1..]) {
                for at in memmem::find_iter(text.as_bytes(), &secret.as_bytes()[start..*end]) {
                    hidden[at..at + end - start].fill(true);
                }
            }
        }
        let mut shown = String::with_capacity(text.len());
        let mut before = false;
        for (at, c) in text.char_indices() {
            match (hidden[at], before) {
                (false, _) => shown.push(c),
                (true, false) => shown.push_str(HIDDEN),
                (true, true) => {}
            }
            before = hidden[at];
        }
        shown
    }

    /// The text without them, in one line of at most so many characters.
    pub(crate) fn shown(&self, text: &str, most: usize) -> String {
        // What separates the parts of one that was wrapped must not keep them from being found: each is long enough by itself.
        printable(&self.hide(text), most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(email: &str, key: &str) -> (Mask, String) {
        let sent = STANDARD.encode(format!("{email}:{key}"));
        (Mask::of(&format!("Basic {sent}").into()), sent)
    }

    #[test]
    fn credentials_are_hidden_in_every_form_and_nothing_else_is() {
        let key = "4f1c9a7e+Kö/planted=";
        let (mask, sent) = mask("agent@acme.example", key);
        let encoded = utf8_percent_encode(key, NON_ALPHANUMERIC).to_string();
        let wrapped = format!("{}\n{}", &sent[..30], &sent[30..]);
        for secret in [
            key,
            &sent,
            &encoded,
            sent.trim_end_matches('='),
            &sent.replace('+', "-"),
            &key[..14],
            &sent[5..40],
            &wrapped,
        ] {
            let shown = mask.shown(&format!("no: ({secret}) for agent@acme.example"), 200);
            assert!(shown.starts_with("no: ([redacted]"), "{shown}");
            assert!(shown.ends_with(") for agent@acme.example"), "{shown}");
            assert!(!shown.contains(&sent[20..26]) && !shown.contains("planted"), "{shown}");
        }
        let bearer = Mask::of(&"Bearer abcd".to_owned().into());
        assert_eq!(bearer.hide("Bearer abcd, Bearer abce"), "Bearer [redacted], Bearer abce");
        assert_eq!(Mask::of(&"Basic x".to_owned().into()).hide("axe"), "axe");
        assert!(!format!("{mask:?}").contains("4f1c"));
    }

    #[test]
    fn a_credential_that_would_be_cut_is_hidden_first() {
        let (mask, sent) = mask("a@b.c", "4f1c9a7e-planted");
        assert_eq!(mask.shown(&format!("no {sent}"), 8), "no [reda…");
        assert_eq!(
            mask.shown("no: \u{1b}[31m evil\n\nline\u{202e}", 200),
            "no: \\u{1b}[31m evil line\\u{202e}"
        );
    }
}
