//! Where each file has its place: `<schema>/<table>.<format>` is a table that was replaced, `<schema>/<table>/` holds what
//! was appended, and `<schema>/_ingestr/<table>/` what is remembered of it.

use super::format::Format;
use crate::dest::sql::columns::shape;
use crate::dest::{DestError, Target};

/// The folder of what is remembered, in each schema.
pub(super) const METADATA: &str = "_ingestr";
/// A part of a path; what is added to it must fit as well, and file systems have 255 bytes.
const LONGEST: usize = 180;

/// A table, as paths have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TablePath {
    schema: String,
    table: String,
}

impl TablePath {
    pub(super) fn new(schema: &str, table: &str) -> Self {
        Self { schema: escaped(schema), table: escaped(table) }
    }

    pub(super) fn of(target: &Target) -> Self {
        Self::new(&target.schema, &target.table)
    }

    /// # Errors
    /// When a name is longer than a file system allows.
    pub(super) fn check(&self) -> Result<(), DestError> {
        match [&self.schema, &self.table].into_iter().find(|name| name.len() > LONGEST) {
            Some(name) => Err(shape(format!(
                "{name}: a name of a file or folder has at most {LONGEST} bytes here, and this one has {}",
                name.len()
            ))),
            None => Ok(()),
        }
    }

    /// The folder of the schema.
    pub(super) fn schema(&self) -> &str {
        &self.schema
    }

    /// The file of a table that is replaced, by its name in the schema's folder.
    pub(super) fn file(&self, format: Format) -> String {
        format!("{}.{}", self.table, format.name())
    }

    /// A path in the schema's folder.
    pub(super) fn beside(&self, name: &str) -> String {
        format!("{}/{name}", self.schema)
    }

    /// The folder of what is appended.
    pub(super) fn appended(&self) -> String {
        format!("{}/{}", self.schema, self.table)
    }

    /// A path among what is remembered of the table.
    pub(super) fn metadata(&self, name: &str) -> String {
        format!("{}/{METADATA}/{}/{name}", self.schema, self.table)
    }
}

/// The folder of the manifests of a schema, by the name of its folder.
pub(super) fn metadata_folder(schema: &str) -> String {
    format!("{schema}/{METADATA}")
}

/// One of the files of a run: `<run>-<number>`. Runs have their start in their name, so their order is that of time.
pub(super) fn numbered(run: &str, nth: u64) -> String {
    format!("{run}-{nth:06}")
}

/// The run and the number in a name that [`numbered`] made, whatever it ends with and whichever folders are before it.
pub(super) fn number_of(path: &str) -> Option<(&str, u64)> {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let (run, number) = stem.rsplit_once('-')?;
    let digits = number.len() >= 6 && number.bytes().all(|byte| byte.is_ascii_digit());
    Some((run, number.parse().ok().filter(|_| digits)?))
}

/// Whether that is the id of a run of ingestr, in full: when it began, and eight digits of what it wrote. Whatever has another name
/// is not ours to remove.
pub(super) fn is_run(id: &str) -> bool {
    let fits = |form: &&str| {
        let fits = |(byte, form): (u8, u8)| match form {
            b'0' => byte.is_ascii_digit(),
            b'x' => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            _ => byte == form,
        };
        id.len() == form.len() && id.bytes().zip(form.bytes()).all(fits)
    };
    ["00000000T000000.000000Z-xxxxxxxx", "00000000T000000Z-xxxxxxxx"].iter().any(fits)
}

/// A name as a part of a path: what file systems and stores take for something else stands as in a URL, and so does what
/// would be taken for something of ours.
fn escaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let last = name.chars().count().saturating_sub(1);
    for (at, c) in name.chars().enumerate() {
        let edge = at == 0 || at == last;
        let special = c.is_control() || "/\\:*?\"<>|%#[]{}^`~".contains(c);
        let ours = at == 0 && name.eq_ignore_ascii_case(METADATA);
        if special || ours || (edge && matches!(c, '.' | ' ')) {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                out.push_str(&format!("%{byte:02X}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// The name that a part of a path stands for.
pub(super) fn unescaped(part: &str) -> String {
    percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parts_of_paths() {
        for (name, part) in [
            ("tickets", "tickets"),
            ("größe チケット", "größe チケット"),
            ("it's 100%", "it's 100%25"),
            ("a/b\\c:d", "a%2Fb%5Cc%3Ad"),
            ("..", "%2E%2E"),
            (".hidden", "%2Ehidden"),
            ("a.b", "a.b"),
            (" x ", "%20x%20"),
            ("_ingestr", "%5Fingestr"),
            ("_ingestr_x", "_ingestr_x"),
            ("\0", "%00"),
        ] {
            assert_eq!(escaped(name), part);
            assert_eq!(unescaped(part), name);
        }
    }

    #[test]
    fn ids_of_runs_are_known_from_other_names() {
        for id in ["20261122T094025.123456Z-4f2a90c1", "20261122T094025Z-4f2a90c1"] {
            assert!(is_run(id), "{id}");
            for other in [format!("backup-{id}"), format!("{id}-2"), id.to_uppercase(), id.replace('T', " ")]
            {
                assert!(!is_run(&other), "{other}");
            }
        }
        for other in ["", "backup", "20261130", "20261122T094025", "20261122T094025.123Z-4f2a90c1"] {
            assert!(!is_run(other), "{other}");
        }
    }

    #[test]
    fn numbered_names_are_read_back() {
        let name = numbered("20261122T094025.123456Z-4f2a90c1", 12);
        assert_eq!(number_of(&format!("{name}.parquet")), Some(("20261122T094025.123456Z-4f2a90c1", 12)));
        assert_eq!(
            number_of(&format!("main/1.2/{name}.csv")),
            Some(("20261122T094025.123456Z-4f2a90c1", 12))
        );
        for other in ["mine.csv", "2026-01-01.csv", "a-b.csv", "r-12.csv"] {
            assert_eq!(number_of(other), None, "{other}");
        }
    }
}
