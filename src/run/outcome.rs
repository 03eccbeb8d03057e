//! What several runs amount to: one failure for the exit code and the last line.

use super::failure::not_before;
use crate::error::{Failure, Kind};
use crate::report::Ended;

/// Why the command is not a success; `None` if every table is complete.
///
/// Failures that are all of one kind give the command that kind. A single cause that every table met is told as it is.
#[must_use]
pub fn outcome(ends: &[Ended]) -> Option<Failure> {
    let failures: Vec<&Failure> = ends.iter().filter_map(|end| end.failure.as_ref()).collect();
    let first = *failures.first()?;
    if let [only] = ends {
        return only.failure.clone();
    }
    let names: Vec<&str> =
        ends.iter().filter(|end| end.failure.is_some()).map(|end| end.table.as_str()).collect();
    let (tables, all) = (names.join(", "), ends.len());
    let verb = |one, more| if names.len() == 1 { one } else { more };
    if failures.iter().all(|failure| failure.kind == Kind::Interrupted) {
        return Some(
            Failure::new(
                Kind::Interrupted,
                format!(
                    "stopped before {} of {all} tables {} complete: {tables}",
                    names.len(),
                    verb("was", "were")
                ),
            )
            .hint("run the same command again; it goes on from what is stored"),
        );
    }
    let alike = names.len() == all && failures.iter().all(|failure| failure.kind == first.kind);
    if alike && failures.iter().all(|failure| failure.headline == first.headline) {
        return Some(first.clone());
    }
    if alike && first.kind == Kind::Usage {
        let failure = Failure::usage(format!("none of the {all} tables can be copied as typed"));
        return Some(failure.hint("each table says above what can be done"));
    }
    let (kind, headline) = match alike {
        true => (first.kind, format!("none of the {all} tables is complete")),
        false => (
            Kind::Partial,
            format!("{} of {all} tables {} not complete: {tables}", names.len(), verb("is", "are")),
        ),
    };
    let failure = Failure::new(kind, headline);
    // What one of them has to wait for, all of them have: it is one account.
    Some(match failures.iter().filter_map(|failure| failure.not_before).max() {
        Some(until) => not_before(failure, until),
        None => failure.hint(match &first.hint {
            Some(hint) if alike && failures.iter().all(|failure| failure.hint.as_ref() == Some(hint)) => hint,
            _ => "each table says above what to do; the same command goes on from what is stored",
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Micros;

    /// `name` and what became of it.
    fn ended(ends: &[(&str, Option<(Kind, &str)>)]) -> Option<(u8, String)> {
        let ends: Vec<Ended> = ends
            .iter()
            .map(|(table, failure)| Ended {
                table: (*table).into(),
                receipt: None,
                failure: failure.map(|(kind, headline)| Failure::new(kind, headline)),
            })
            .collect();
        outcome(&ends).map(|failure| (failure.kind.exit_code(), failure.headline))
    }

    #[test]
    fn one_that_has_to_wait_says_so_for_all() {
        let ended = |seconds: Option<i64>| Ended {
            table: "a".into(),
            receipt: None,
            failure: Some(Failure {
                not_before: seconds.map(|seconds| Micros(seconds * 1_000_000)),
                ..Failure::new(Kind::Source, format!("{seconds:?}"))
            }),
        };
        let whole = outcome(&[ended(Some(3)), ended(None), ended(Some(4))]).unwrap();
        assert_eq!(whole.not_before, Some(Micros(4_000_000)));
        let hint = "come back after 1970-01-01 00:00:04 UTC and run the same command again; it goes on from what is stored";
        assert_eq!(whole.hint.as_deref(), Some(hint));
    }

    #[test]
    fn what_all_of_them_advise_is_the_advice() {
        let ended = |hint: &str| Ended {
            table: "a".into(),
            receipt: None,
            failure: Some(Failure::new(Kind::Source, hint).hint(format!("run it with {hint}"))),
        };
        let said = outcome(&[ended("1"), ended("2")]).unwrap().hint.unwrap();
        assert_eq!(said, "each table says above what to do; the same command goes on from what is stored");
        let mut ends = [ended("--confirm-deletions"), ended("--confirm-deletions")];
        ends[1].failure.as_mut().unwrap().headline = "another".into();
        assert_eq!(outcome(&ends).unwrap().hint.as_deref(), Some("run it with --confirm-deletions"));
    }

    #[test]
    fn the_exit_code_says_whether_all_failed_alike() {
        let (refused, gone) = (Some((Kind::Authentication, "refused")), Some((Kind::Source, "gone")));
        let stopped = Some((Kind::Interrupted, "stopped"));
        let said = |code, text: &str| Some((code, text.to_owned()));
        assert_eq!(ended(&[("a", None), ("b", None)]), None);
        assert_eq!(ended(&[("a", refused), ("b", refused)]), said(3, "refused"));
        assert_eq!(
            ended(&[("a", Some((Kind::Source, "x"))), ("b", gone)]),
            said(4, "none of the 2 tables is complete")
        );
        let (theirs, too) = (Some((Kind::Usage, "theirs")), Some((Kind::Usage, "theirs, too")));
        assert_eq!(
            ended(&[("a", theirs), ("b", too)]),
            said(2, "none of the 2 tables can be copied as typed")
        );
        assert_eq!(ended(&[("a", refused), ("b", None)]), said(7, "1 of 2 tables is not complete: a"));
        assert_eq!(ended(&[("a", refused), ("b", gone)]), said(7, "2 of 2 tables are not complete: a, b"));
        assert_eq!(
            ended(&[("a", stopped), ("b", None), ("c", stopped)]),
            said(6, "stopped before 2 of 3 tables were complete: a, c")
        );
        assert_eq!(ended(&[("a", stopped)]), said(6, "stopped"));
        assert_eq!(ended(&[("a", stopped), ("b", gone)]), said(7, "2 of 2 tables are not complete: a, b"));
    }
}
