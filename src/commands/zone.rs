//! `--tz`: a time zone by its name. The names are those of the program itself, so that they are the same on every machine.

use jiff::tz::TimeZoneDatabase;

use crate::error::Failure;
use crate::nearest::nearest;

/// The name as the database of time zones has it, in whatever case it was typed.
///
/// # Errors
/// When it has no such name: a hint says the nearest one.
pub(super) fn named(typed: &str) -> Result<String, Failure> {
    let known = TimeZoneDatabase::bundled();
    let names: Vec<String> = known.available().map(|name| name.as_str().to_owned()).collect();
    let typed = typed.trim();
    if let Some(name) = names.iter().find(|name| name.eq_ignore_ascii_case(typed)) {
        return Ok(name.clone());
    }
    let shown: String = typed.chars().filter(|c| !c.is_control()).take(40).collect();
    let failure = Failure::usage(format!("--tz: `{shown}` is not the name of a time zone"));
    Err(match meant(typed, &names) {
        Some(name) => failure.hint(format!("did you mean {name}?")),
        None => failure.hint("use an IANA name such as Europe/Paris"),
    })
}

/// By the name of the city alone, or by what is nearly the whole name.
fn meant<'a>(typed: &str, names: &'a [String]) -> Option<&'a str> {
    let city = typed.replace(' ', "_");
    let of_city =
        |name: &&String| name.rsplit_once('/').is_some_and(|(_, last)| last.eq_ignore_ascii_case(&city));
    let city = names.iter().find(of_city).map(String::as_str);
    // A word of three letters is near to too many.
    city.or_else(|| nearest(typed, names.iter().map(String::as_str).filter(|name| name.contains('/'))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_a_name_that_is_known() {
        for (typed, wanted) in [
            ("UTC", "UTC"),
            ("Europe/Paris", "Europe/Paris"),
            (" europe/paris ", "Europe/Paris"),
            ("America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
            ("Etc/GMT+5", "Etc/GMT+5"),
        ] {
            assert_eq!(named(typed).expect(typed), wanted);
        }
        for (typed, hint) in [
            ("Europe/Pariss", "did you mean Europe/Paris?"),
            ("Paris", "did you mean Europe/Paris?"),
            ("new york", "did you mean America/New_York?"),
            ("Foo/Bar", "use an IANA name such as Europe/Paris"),
            ("UTC'); drop", "use an IANA name such as Europe/Paris"),
            ("", "use an IANA name such as Europe/Paris"),
        ] {
            let failure = named(typed).expect_err(typed);
            assert_eq!(failure.hint.as_deref(), Some(hint), "{typed}");
        }
    }
}
