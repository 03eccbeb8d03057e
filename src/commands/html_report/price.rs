//! `--max-bytes`: what the report may cost where reading is paid by the byte.

use crate::error::Failure;
use crate::words::size;

/// Unless told otherwise.
const USUAL: Limit = Limit(10_000_000_000);

/// Units as `BigQuery` and people write them.
const UNITS: [(&str, u64); 9] = [
    ("TIB", 1 << 40),
    ("GIB", 1 << 30),
    ("MIB", 1 << 20),
    ("KIB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

/// How many bytes may be read at most; 0: none are, and what would be read is only told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit(pub(super) u64);

impl Limit {
    /// Reads what was typed.
    pub(super) fn read(typed: Option<&str>) -> Result<Self, Failure> {
        let Some(typed) = typed else { return Ok(USUAL) };
        if typed.contains("://") {
            return Err(Failure::usage("--max-bytes takes no URI").hint("URIs belong to --dest-uri"));
        }
        let text = typed.trim().to_ascii_uppercase();
        let unit = UNITS.iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?, *size)));
        let (number, size) = unit.unwrap_or((&text, 1));
        let number = number.trim_end();
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let bytes = number.parse::<u64>().ok().filter(|_| digits).and_then(|number| number.checked_mul(size));
        bytes.map(Self).ok_or_else(|| {
            Failure::usage(format!("--max-bytes: `{typed}` is no number of bytes"))
                .hint("type 10GB, 500MB or 2TiB; 0 only tells how many bytes would be read")
        })
    }

    /// What is said before anything is read, from what the destination tells of itself.
    ///
    /// # Errors
    /// When it is too much.
    pub(super) fn check(self, told: Option<u64>, place: &str) -> Result<String, Failure> {
        let Self(most) = self;
        match told {
            Some(bytes) if bytes > most || most == 0 => {
                let failure = Failure::usage(format!(
                    "the report would read {} in {place}, and --max-bytes allows {}",
                    size(bytes),
                    size(most)
                ));
                // In whole gigabytes, or megabytes, above it.
                let unit = if bytes < 1_000_000_000 { (1_000_000, "MB") } else { (1_000_000_000, "GB") };
                let enough = (bytes / unit.0).saturating_add(1);
                Err(failure.hint(format!(
                    "nothing was read for it; --max-bytes {enough}{} allows it, and is what you pay for at most",
                    unit.1
                )))
            }
            Some(bytes) => Ok(format!("the report reads {} in {place}", size(bytes))),
            None if most == 0 => {
                Err(Failure::usage(format!("{place} does not tell how many bytes the report would read"))
                    .hint("nothing was read for it; --max-bytes 10GB reads at most so many"))
            }
            None => Ok(format!(
                "{place} does not tell how many bytes the report reads; more than {} are refused there",
                size(most)
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_or_refused() {
        let read = |typed| Limit::read(Some(typed)).map(|limit| limit.0).map_err(|failure| failure.headline);
        for (typed, bytes) in [
            ("10GB", 10_000_000_000),
            ("500 mb", 500_000_000),
            ("2TiB", 2 << 40),
            ("1kb", 1_000),
            ("7B", 7),
            ("12345", 12_345),
            ("0", 0),
        ] {
            assert_eq!(read(typed), Ok(bytes), "{typed}");
        }
        for typed in ["", "GB", "-1GB", "1.5GB", "+1", "ten", "10G", "99999999999TB", "1 0GB"] {
            assert_eq!(read(typed), Err(format!("--max-bytes: `{typed}` is no number of bytes")));
        }
        assert_eq!(read("bigquery://p"), Err("--max-bytes takes no URI".into()));
        assert_eq!(Limit::read(None).expect("the usual one"), USUAL);
    }

    #[test]
    fn what_is_too_much_is_told_before() {
        let of =
            |told, most| Limit(most).check(told, "BigQuery project p").map_err(|failure| failure.headline);
        assert_eq!(
            of(Some(1_240_000_000), 10_000_000_000),
            Ok("the report reads 1.3 GB in BigQuery project p".into())
        );
        assert_eq!(of(Some(1_000), 1_000), Ok("the report reads 1 kB in BigQuery project p".into()));
        for (bytes, most) in [(10_000_000_001, 10_000_000_000), (1, 0), (0, 0)] {
            assert!(of(Some(bytes), most).is_err_and(|headline| headline.contains("--max-bytes allows")));
        }
        assert!(of(None, 5).is_ok_and(|said| said.contains("does not tell")));
        assert!(of(None, 0).is_err());
        let hint = Limit(0).check(Some(12_300_000_000), "there").expect_err("too much").hint;
        assert!(hint.expect("a hint").contains("--max-bytes 13GB allows it"));
    }
}
