//! Numbers as people read them. Whatever counts something in a message goes through here, so that one is never "1 rows".

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
    fn sizes_read_well() {
        let shown = [0, 999, 1_000, 1_000_001, 2_500_000_000, 3_000_000_000_000].map(size);
        assert_eq!(shown, ["0 bytes", "999 bytes", "1 kB", "1.1 MB", "2.5 GB", "3 TB"]);
    }
}
