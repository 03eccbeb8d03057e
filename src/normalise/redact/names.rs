//! Which names say that what they stand for is a secret.

/// What a name says of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tells {
    /// Nothing.
    Nothing,
    /// That it is a secret if it is a text or a number: `signature` is one, or an object with the text below an e-mail.
    IfPlain,
    /// That it is a secret, with all that lies in it.
    Secret,
}

/// Parts of names that say so wherever they are, in small letters and without what separates words.
const PARTS: [&str; 22] = [
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "passkey",
    "credential",
    "oauth",
    "authorization",
    "authorisation",
    "authentication",
    "bearer",
    "jwt",
    "cookie",
    "hmac",
    "apikey",
    "accesskey",
    "privatekey",
    "privkey",
    "signingkey",
    "certificate",
];

/// Words of names that say so.
const WORDS: [&str; 22] = [
    "pass", "pw", "pwd", "pswd", "auth", "authn", "authz", "cred", "creds", "sig", "session", "sessions",
    "cert", "certs", "pem", "private", "otp", "totp", "pin", "csrf", "sas", "headers",
];

/// What a name ends with that tells something about a secret, and not the secret.
const ABOUT: [&str; 21] = [
    "type",
    "types",
    "method",
    "methods",
    "url",
    "uri",
    "endpoint",
    "status",
    "datetime",
    "date",
    "at",
    "enabled",
    "required",
    "scope",
    "scopes",
    "provider",
    "expires",
    "expiry",
    "ttl",
    "count",
    "algorithm",
];

/// Keys that open nothing.
const OPEN: [&str; 12] =
    ["public", "primary", "foreign", "sort", "group", "partition", "hot", "mon", "tur", "don", "jo", "hoc"];

/// What a name tells, as in `access-key`, `Api_Key`, `privateKey` and `smtppass`.
pub(super) fn tells(name: &str) -> Tells {
    let words = words(name);
    let Some(last) = words.last().map(String::as_str) else { return Tells::Nothing };
    if words.len() > 1 && ABOUT.contains(&last) {
        return Tells::Nothing;
    }
    let whole = words.concat();
    let ends = |end: &str| whole.len() > end.len() && whole.ends_with(end);
    let key = whole.strip_suffix("keys").or_else(|| whole.strip_suffix("key")).unwrap_or_default();
    let before = words.len().checked_sub(2).map(|at| words[at].as_str());
    let is_key = !key.is_empty() && !OPEN.iter().any(|open| key == *open || before == Some(open));
    let secret = PARTS.iter().any(|part| whole.contains(part))
        || words.iter().any(|word| WORDS.contains(&word.as_str()))
        || is_key
        || ends("pass")
        || ends("pwd")
        || whole == "keys";
    match secret {
        true => Tells::Secret,
        false if words.iter().any(|word| ["signature", "signatures"].contains(&word.as_str())) => {
            Tells::IfPlain
        }
        false => Tells::Nothing,
    }
}

/// The words of a name in small letters, without digits at their ends.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        let next_is_small = letters.peek().is_some_and(|next| next.is_lowercase());
        let begins =
            letter.is_uppercase() && (before.is_lowercase() || (before.is_uppercase() && next_is_small));
        if begins || !letter.is_alphanumeric() {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
        before = letter;
    }
    let bare = |word: String| {
        let bare = word.trim_end_matches(|letter: char| letter.is_ascii_digit());
        (!bare.is_empty()).then(|| bare.to_owned())
    };
    words.into_iter().filter_map(bare).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known_however_they_are_spelled() {
        for name in [
            "token",
            "access_token",
            "Access-Token",
            "accessToken",
            "ACCESSTOKEN",
            "client_secret",
            "oauth2",
            "auth",
            "Auth0",
            "authorization",
            "HTTPAuthorization",
            "bearer",
            "jwt",
            "jwtAssertion",
            "pass",
            "smtp_pass",
            "smtppass",
            "passwd",
            "userPwd",
            "db.password",
            "credentials",
            "credential",
            "private_key",
            "privatekey",
            "private-key",
            "access-key",
            "accesskey",
            "AccessKeyId",
            "api_key",
            "Api_Key",
            "apikey",
            "x-api-key",
            "signingKey",
            "signing_key",
            "encryptionkey",
            "license key",
            "keys",
            "sig",
            "cookie",
            "set-cookie",
            "sessionId",
            "session",
            "cert",
            "ssl_cert",
            "pem",
            "ca.pem",
            "hmac_sha256",
            "extra_token",
            "SAS",
        ] {
            assert_eq!(tells(name), Tells::Secret, "{name}");
        }
        for name in ["signature", "request_signature", "Signature"] {
            assert_eq!(tells(name), Tells::IfPlain, "{name}");
        }
    }

    #[test]
    fn other_names_are_left_alone() {
        for name in [
            "",
            "-",
            "id",
            "client_id",
            "name",
            "type",
            "auth_type",
            "token_url",
            "token_expires_at",
            "oauth_scope",
            "author",
            "authors",
            "address",
            "passed",
            "compassion",
            "design",
            "assigned",
            "key",
            "public_key",
            "publicKey",
            "primary_key",
            "monkey",
            "hotkey",
            "turkey",
            "keyboard",
            "webhook_url",
            "status",
            "certainty",
            "business_hours_id",
            "shop_name",
            "import_state",
            "spin",
            "possession",
            "privateer",
        ] {
            assert_eq!(tells(name), Tells::Nothing, "{name}");
        }
    }
}
