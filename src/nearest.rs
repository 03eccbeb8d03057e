//! "Did you mean": the known name nearest to a mistyped one.
//!
//! Edit distance alone would not find `ticket_messages` for `messages`, so a name that is a whole word of a known
//! one counts as near, too.

/// The candidate nearest to `typed`, or `None` if nothing is near enough to be meant. Upper and lower case are the
/// same; among equals the first wins.
pub fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed: Vec<char> = typed.trim().to_lowercase().chars().collect();
    if typed.is_empty() {
        return None;
    }
    candidates
        .into_iter()
        .filter_map(|candidate| cost(&typed, candidate).map(|cost| (cost, candidate)))
        .reduce(|best, next| if next.0 < best.0 { next } else { best })
        .map(|(_, candidate)| candidate)
}

/// The candidates nearest to `typed`, best first, at most so many: those of [`nearest`], and then those that have a whole
/// word in common with it (`id` for `ticket_id`), the ones that add fewest words of their own first.
pub fn nearest_few<'a>(
    typed: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    most: usize,
) -> Vec<&'a str> {
    let typed = typed.trim().to_lowercase();
    let letters: Vec<char> = typed.chars().collect();
    let words: Vec<&str> = typed.split('_').filter(|word| !word.is_empty()).collect();
    let mut near: Vec<((usize, usize), &str)> = Vec::new();
    for candidate in candidates {
        let lower = candidate.to_lowercase();
        let (same, other): (Vec<&str>, Vec<&str>) = lower.split('_').partition(|word| words.contains(word));
        match cost(&letters, candidate) {
            Some(cost) => near.push(((0, cost), candidate)),
            None if !same.is_empty() => {
                let lower: Vec<char> = lower.chars().collect();
                near.push(((1 + other.len(), distance(&letters, &lower)), candidate));
            }
            None => {}
        }
    }
    near.sort_by_key(|(rank, _)| *rank);
    near.into_iter().map(|(_, candidate)| candidate).take(most).collect()
}

/// How far apart they are; `None` if too far.
fn cost(typed: &[char], candidate: &str) -> Option<usize> {
    let candidate = candidate.to_lowercase();
    let whole: Vec<char> = candidate.chars().collect();
    let allowed = 1 + typed.len().max(whole.len()) / 4;
    let distance = distance(typed, &whole);
    if distance <= allowed {
        return Some(distance);
    }
    // A word of a longer name, itself at most one typo off: `message` for `ticket_messages`. Worse than a plain typo.
    let word = candidate.split(['_', '+']).any(|word| {
        let word: Vec<char> = word.chars().collect();
        word.len() > 2 && self::distance(typed, &word) <= 1
    });
    word.then_some(allowed + 1 + distance)
}

/// Edits (insert, delete, change, swap of neighbours) from one to the other.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, right) in b.iter().enumerate() {
            let changed = last[j] + usize::from(left != right);
            let mut best = changed.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *left == b[j - 1] && a[i - 1] == *right {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant_and_nothing_else() {
        let tables = ["customers", "tickets", "ticket_messages", "satisfaction_surveys"];
        for (typed, wanted) in [
            ("ticket", Some("tickets")),
            ("Tickets", Some("tickets")),
            ("tikcets", Some("tickets")),
            ("messages", Some("ticket_messages")),
            ("message", Some("ticket_messages")),
            ("surveys", Some("satisfaction_surveys")),
            ("satisfaction-surveys", Some("satisfaction_surveys")),
            ("costumers", Some("customers")),
            ("orders", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(nearest(typed, tables), wanted, "{typed}");
        }
    }

    #[test]
    fn the_nearest_few_share_a_word() {
        let columns =
            ["id", "external_id", "customer", "ticket_messages_count", "status", "updated_datetime"];
        for (typed, wanted) in [
            ("ticket_id", &["id", "external_id", "ticket_messages_count"][..]),
            ("statsu", &["status"]),
            ("updated_at", &["updated_datetime"]),
            ("sku", &[]),
            ("", &[]),
        ] {
            assert_eq!(nearest_few(typed, columns, 3), wanted, "{typed}");
        }
    }
}
