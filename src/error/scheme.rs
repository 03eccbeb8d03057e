//! What a URI begins with, and what is wrong with one that begins with nothing ingestr knows.
//!
//! Messages show nothing of the URI but what looks like a scheme: a user may have pasted a key.

use super::Failure;

/// Quotation marks, typed or made by a word processor. None of them can stand at the start of a URI.
const QUOTES: [char; 9] =
    ['\'', '"', '`', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}', '\u{ab}', '\u{bb}'];

/// The kind that the URI given as `flag` is of. `of` tells what a kind begins with, and its form.
///
/// # Errors
/// A usage failure that says what is wrong.
pub fn kind_of<'k, T>(
    flag: &str,
    uri: &str,
    kinds: &'k [T],
    of: fn(&T) -> (&'static str, &'static str),
) -> Result<&'k T, Failure> {
    let uri = uri.trim();
    let scheme = uri.split_once(':').map_or("", |(scheme, _)| scheme);
    if let Some(found) = kinds.iter().find(|kind| of(kind).0 == scheme) {
        return Ok(found);
    }
    let forms: Vec<&str> = kinds.iter().map(|kind| of(kind).1).collect();
    let forms = forms.join(" or ");
    let Some(first) = uri.chars().next() else { return Err(empty(flag, &forms)) };
    if QUOTES.contains(&first) {
        return Err(Failure::usage(format!("{flag} begins with a quotation mark, which no URI has"))
            .hint("leave it out where the value is set: files of variables and web forms take quotes as a part of it"));
    }
    if first == '$' || first == '%' {
        return Err(Failure::usage(format!("{flag} is the name of a variable and not its value"))
            .hint("put it in double quotes, \"$NAME\", and in a crontab or a file of variables write the value itself"));
    }
    if first == '\u{feff}' {
        return Err(Failure::usage(format!("{flag} begins with a byte order mark, which cannot be seen"))
            .hint("save the file that it comes from as UTF-8 without a byte order mark (BOM)"));
    }
    if !first.is_ascii_graphic() {
        let code = u32::from(first);
        return Err(Failure::usage(format!(
            "{flag} begins with the character U+{code:04X}, which no URI has"
        ))
        .hint(
            "type its beginning anew: a character that cannot be seen may have come along when it was copied",
        ));
    }
    if let Some((name, _)) = kinds.iter().map(of).find(|(name, _)| name.eq_ignore_ascii_case(scheme)) {
        return Err(Failure::usage(format!("{flag}: `{scheme}` is written in small letters"))
            .hint(format!("let it begin with {name}:")));
    }
    Err(unknown(flag, scheme, &forms))
}

/// A URI that was given and is empty.
#[must_use]
pub fn empty(flag: &str, forms: &str) -> Failure {
    Failure::usage(format!("{flag} is empty")).hint(format!("is the variable set? Use {forms}"))
}

/// A scheme that is none of ours, shown only if it looks like one.
fn unknown(flag: &str, scheme: &str, forms: &str) -> Failure {
    let looks_fine = scheme.len() <= 20
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let headline = match scheme {
        "" => format!("{flag} has no scheme"),
        scheme if looks_fine => format!("{flag}: `{scheme}` is not a scheme ingestr knows"),
        _ => format!("{flag}: its scheme is not one ingestr knows"),
    };
    Failure::usage(headline).hint(format!("use {forms}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_and_no_value() {
        let known = [("gorgias", "gorgias://<domain>"), ("duckdb", "duckdb:///<file>")];
        let said = |uri: &str| {
            kind_of("--source-uri", uri, &known, |kind| *kind)
                .map(|kind| kind.0)
                .map_err(|failure| failure.headline)
        };
        assert_eq!(said(" gorgias://acme\n"), Ok("gorgias"));
        for (uri, told) in [
            ("", " is empty"),
            (" \t", " is empty"),
            ("'gorgias://SECRET'", " begins with a quotation mark, which no URI has"),
            ("\"gorgias://SECRET\"", " begins with a quotation mark, which no URI has"),
            ("“gorgias://SECRET”", " begins with a quotation mark, which no URI has"),
            ("\u{feff}gorgias://SECRET", " begins with a byte order mark, which cannot be seen"),
            ("\u{200b}gorgias://SECRET", " begins with the character U+200B, which no URI has"),
            ("$SECRET", " is the name of a variable and not its value"),
            ("GORGIAS://SECRET", ": `GORGIAS` is written in small letters"),
            ("Gorgias:SECRET", ": `Gorgias` is written in small letters"),
            ("mysql://SECRET", ": `mysql` is not a scheme ingestr knows"),
            ("SECRET", " has no scheme"),
            ("a SECRET:x", ": its scheme is not one ingestr knows"),
        ] {
            assert_eq!(said(uri), Err(format!("--source-uri{told}")), "{uri}");
        }
    }
}
