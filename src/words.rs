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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_what_they_count() {
        assert_eq!([0, 999, 1000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!((count(1, "page"), count(0, "row")), ("1 page".into(), "0 rows".into()));
        assert_eq!(count(1_200, "new column"), "1,200 new columns");
    }
}
