//! Failures of several tables that are one failure: a disk that is full is told once, not twenty times.

use crate::error::Failure;

/// Each failure once, in order; of those that differ by their table alone, one that names all of them.
pub(super) fn each_once<'a>(failures: impl Iterator<Item = &'a Failure>) -> Vec<Failure> {
    let mut told: Vec<(Vec<&str>, &Failure)> = Vec::new();
    for failure in failures {
        let (table, rest) = apart(failure);
        let same = told.iter_mut().find(|(_, other)| {
            let (first, theirs) = apart(other);
            theirs == rest && other.hint == failure.hint && first.is_some() == table.is_some()
        });
        match same {
            // Children fail with their table, in its words.
            Some((tables, _)) => {
                let new = table.filter(|table| !tables.contains(table));
                tables.extend(new);
            }
            None => told.push((table.into_iter().collect(), failure)),
        }
    }
    let one = |(tables, failure): (Vec<&str>, &Failure)| {
        let mut one = failure.clone();
        if tables.len() > 1 {
            one.headline = format!("tables {}: {}", tables.join(", "), apart(failure).1);
        }
        one
    };
    told.into_iter().map(one).collect()
}

/// The table that a headline begins with, and what it says of it.
fn apart(failure: &Failure) -> (Option<&str>, &str) {
    let named = failure.headline.strip_prefix("table ").and_then(|rest| rest.split_once(": "));
    match named {
        Some((table, what)) if !table.contains(' ') => (Some(table), what),
        _ => (None, &failure.headline),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn what_differs_by_its_table_alone_is_told_once() {
        let full = |table: &str, file: &str| {
            let headline = format!("table gorgias.{table}: no space left for {file}");
            Failure { causes: vec![format!("while {table}")], ..Failure::new(Kind::Destination, headline) }
        };
        let other = Failure::new(Kind::Source, "reading failed");
        let all = [full("a", "x"), full("a", "x"), other.clone(), full("b", "x"), full("c", "y"), other];
        let told: Vec<String> = each_once(all.iter()).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "error: tables gorgias.a, gorgias.b: no space left for x\n  cause: while a",
                "error: reading failed",
                "error: table gorgias.c: no space left for y\n  cause: while c",
            ]
        );
    }
}
