//! Numbers as people read them, and texts of others as a terminal may show them. Whatever counts something in a message goes
//! through here, so that one is never "1 rows".

/// Digits in groups of three, with a comma between them.
pub(crate) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A text of somebody else in one line, so that it looks like nothing but a text: what would move the cursor, change colours
/// or turn the direction of writing is spelled (`\u{1b}`), and what is longer than `most` characters is cut.
pub(crate) fn printable(text: &str, most: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(most));
    let mut length = 0;
    let mut space = false;
    for c in text.chars() {
        if length >= most {
            shown.push('…');
            break;
        }
        if c.is_whitespace() && (c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
            space = true;
            continue;
        }
        // What indents a line is none within one.
        if space && c == ' ' {
            continue;
        }
        if std::mem::take(&mut space) && !shown.is_empty() && !shown.ends_with(' ') {
            shown.push(' ');
            length += 1;
        }
        let turns = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        if c.is_control() || turns {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
        length += 1;
    }
    shown
}

/// `1 row`, `2 rows`.
pub(crate) fn count(value: u64, noun: &str) -> String {
    format!("{} {}", number(value), plural(value, noun))
}

/// The noun alone: `row`, `rows`.
pub(crate) fn plural(value: u64, noun: &str) -> String {
    if value == 1 { noun.to_owned() } else { format!("{noun}s") }
}

/// `512 bytes`, `1.2 GB`.
pub(crate) fn size(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..1_000 => return format!("{bytes} bytes"),
        1_000..1_000_000 => (1_000_u128, "kB"),
        1_000_000..1_000_000_000 => (1_000_000, "MB"),
        1_000_000_000..1_000_000_000_000 => (1_000_000_000, "GB"),
        _ => (1_000_000_000_000, "TB"),
    };
    // Rounded up: a limit is not told as kept when it is not.
    let tenths = (u128::from(bytes) * 10).div_ceil(unit);
    match tenths % 10 {
        0 => format!("{} {name}", tenths / 10),
        tenth => format!("{}.{tenth} {name}", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_what_they_count() {
        assert_eq!([0, 999, 1000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!((count(1, "page"), count(0, "row")), ("1 page".into(), "0 rows".into()));
        assert_eq!(count(1_200, "new column"), "1,200 new columns");
    }

    #[test]
    fn texts_of_others_are_one_line_and_nothing_but_text() {
        for (text, shown) in [
            ("as it is, ä 🚀", "as it is, ä 🚀"),
            ("a\n\n  b\tc\r\n", "a b c"),
            ("a  b", "a  b"),
            ("\u{1b}[31m\u{7}\u{9b}1m", "\\u{1b}[31m\\u{7}\\u{9b}1m"),
            ("\u{202e}a\u{2028}b\u{200f}", "\\u{202e}a b\\u{200f}"),
        ] {
            assert_eq!(printable(text, 100), shown);
        }
        assert_eq!((printable("äbc", 2), printable("äb", 2)), ("äb…".into(), "äb".into()));
    }

    #[test]
    fn sizes_read_well() {
        let shown = [0, 999, 1_000, 1_000_001, 2_500_000_000, 3_000_000_000_000].map(size);
        assert_eq!(shown, ["0 bytes", "999 bytes", "1 kB", "1.1 MB", "2.5 GB", "3 TB"]);
    }
}
