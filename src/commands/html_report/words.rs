//! Numbers, durations and names as the page shows them.

/// What stands where there is nothing to show.
pub(super) const NOTHING: &str = "–";

/// Text as it may stand in HTML, also in an attribute.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A count with its thousands apart.
pub(super) fn count(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if number <= -0.5 { format!("-{out}") } else { out }
}

/// A duration in the unit that suits it.
pub(super) fn duration(seconds: f64) -> String {
    let (number, unit) = match seconds {
        s if s < 59.5 => return format!("{s:.0} s"),
        s if s < 3_570.0 => return format!("{:.0} min", s / 60.0),
        s if s < 2.0 * 86_400.0 => (s / 3_600.0, "h"),
        s => (s / 86_400.0, "days"),
    };
    let number = if number < 99.95 { trimmed(number) } else { count(number) };
    format!("{number} {unit}")
}

/// A share in percent.
pub(super) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// One digit behind the point, unless it is 0.
pub(super) fn trimmed(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

/// What a number has changed by, from the period before.
pub(super) fn change(now: f64, before: f64) -> Option<String> {
    if before <= 0.0 {
        return None;
    }
    let share = (now - before) / before * 100.0;
    Some(match share.round() {
        0.0 => "unchanged".into(),
        share if share > 0.0 => format!("+{} %", count(share)),
        share => format!("−{} %", count(-share)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(0.0), "0");
        assert_eq!(count(999.0), "999");
        assert_eq!(count(1_234_567.0), "1,234,567");
        assert_eq!(percent(0.666), "67 %");
        assert_eq!(trimmed(4.0), "4");
        assert_eq!(trimmed(4.25), "4.2");
    }

    #[test]
    fn durations_have_the_unit_that_suits_them() {
        let cases = [
            (0.0, "0 s"),
            (59.4, "59 s"),
            (59.6, "1 min"),
            (3_569.0, "59 min"),
            (3_600.0, "1 h"),
            (5_400.0, "1.5 h"),
            (2.0 * 86_400.0, "2 days"),
            (2_000.0 * 86_400.0, "2,000 days"),
        ];
        for (seconds, text) in cases {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn changes_are_told_where_there_was_something_before() {
        assert_eq!(change(226.0, 179.0).as_deref(), Some("+26 %"));
        assert_eq!(change(50.0, 100.0).as_deref(), Some("−50 %"));
        assert_eq!(change(100.1, 100.0).as_deref(), Some("unchanged"));
        assert_eq!(change(5.0, 0.0), None);
    }

    #[test]
    fn names_cannot_be_markup() {
        assert_eq!(escaped("<b \"x\" & 'y'>\n"), "&lt;b &quot;x&quot; &amp; &#39;y&#39;&gt; ");
    }
}
