//! What `--debug` shows of a statement: its template and its time. Whatever may be a value is a `?`; names of tables and
//! columns stay.

use tokio::time::Instant;

/// Whom statements are told to, as a target of `log`.
pub const TARGET: &str = "ingestr::statement";

/// The longest template that is shown, in characters.
const LONGEST: usize = 2_000;

/// How a database writes texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quotes {
    /// `'it''s'`; double quotes are those of names.
    Doubled,
    /// `'it\'s'` and `"it's"`; names are in backticks.
    #[cfg_attr(not(feature = "bigquery"), allow(dead_code, reason = "BigQuery's"))]
    Escaped,
}

/// Runs a statement, and tells it.
pub(crate) fn timed<T>(sql: &str, work: impl FnOnce() -> T) -> T {
    let began = begin();
    let done = work();
    end(sql, Quotes::Doubled, began);
    done
}

/// The time, if anybody is told.
pub(crate) fn begin() -> Option<Instant> {
    log::log_enabled!(target: TARGET, log::Level::Debug).then(Instant::now)
}

/// Tells a statement that was begun then.
pub(crate) fn end(sql: &str, quotes: Quotes, began: Option<Instant>) {
    if let Some(began) = began {
        let took = began.elapsed().as_secs_f64() * 1_000.0;
        log::debug!(target: TARGET, "{}: {took:.1} ms", template(sql, quotes));
    }
}

/// The statement with `?` in the place of each text and number, on one line. Lists of them are cut.
fn template(sql: &str, quotes: Quotes) -> String {
    let mut out = String::new();
    let mut rest = sql.chars().peekable();
    while let Some(c) = rest.next() {
        let name = match quotes {
            Quotes::Doubled => c == '"' || c == '`',
            Quotes::Escaped => c == '`',
        };
        let text = c == '\'' || (c == '"' && quotes == Quotes::Escaped);
        if text {
            skip(&mut rest, c, quotes);
            literal(&mut out);
        } else if name {
            out.push(c);
            // A quotation mark in a name is doubled, which ends one name and begins another: the same here.
            for inner in rest.by_ref() {
                out.push(inner);
                if inner == c {
                    break;
                }
            }
        } else if c.is_ascii_digit()
            && !out.ends_with(|before: char| before.is_alphanumeric() || before == '_')
        {
            while rest.next_if(|next| next.is_ascii_alphanumeric() || *next == '.').is_some() {}
            literal(&mut out);
        } else if c.is_whitespace() {
            if !out.ends_with(' ') {
                out.push(' ');
            }
        } else {
            out.push(c);
        }
    }
    match out.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &out[..end]),
        None => out.trim().to_owned(),
    }
}

/// Goes to the end of a text that began with this quotation mark.
fn skip(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, quote: char, quotes: Quotes) {
    while let Some(c) = rest.next() {
        if c == '\\' && quotes == Quotes::Escaped {
            rest.next();
        } else if c == quote && (quotes == Quotes::Escaped || rest.next_if_eq(&quote).is_none()) {
            return;
        }
    }
}

fn literal(out: &mut String) {
    if out.ends_with("?, …, ") {
        out.truncate(out.len() - 2);
    } else if out.ends_with("?, ") {
        out.push('…');
    } else {
        out.push('?');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_is_left() {
        for (sql, quotes, shown) in [
            (
                "DELETE FROM \"a 1\".t2 WHERE id = 12 AND x = 'it''s SECRET'",
                Quotes::Doubled,
                "DELETE FROM \"a 1\".t2 WHERE id = ? AND x = ?",
            ),
            ("SELECT 'SECRET\\' , 'SECRET'", Quotes::Doubled, "SELECT ? , ?"),
            ("SELECT 'it\\'s SECRET', \"SECRET\", `a'b`", Quotes::Escaped, "SELECT ?, …, `a'b`"),
            ("VALUES (1, 2.5e3, -3,\n  'x', NULL)", Quotes::Doubled, "VALUES (?, …, -?, …, NULL)"),
            (
                "SELECT * FROM _ingestr_runs LIMIT 0x1F",
                Quotes::Doubled,
                "SELECT * FROM _ingestr_runs LIMIT ?",
            ),
            ("SELECT 'SECRET", Quotes::Doubled, "SELECT ?"),
            ("SELECT \"a\"\"b'c\", 'SECRET'", Quotes::Doubled, "SELECT \"a\"\"b'c\", ?"),
        ] {
            assert_eq!(template(sql, quotes), shown, "{sql}");
        }
        assert_eq!(template(&"x ".repeat(3_000), Quotes::Doubled).chars().count(), LONGEST + 1);
    }
}
