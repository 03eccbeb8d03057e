//! The mark that tells a table from another one that gets its name later: a comment on it, after what its owner says of it.
//!
//! DuckDB numbers tables anew each time that a file is opened. A comment goes with the table: it outlives a new name, a copy
//! of the file and `COPY FROM DATABASE`, though not `EXPORT DATABASE`.

use crate::dest::sql::dialect::Shape;
use crate::dest::sql::identity::Identity;
use crate::dest::sql::{Dialect, TableName};

const BEFORE: &str = "kept up to date by ingestr (table ";
const AFTER: &str = ")";
const BETWEEN: &str = "; ";

/// What its owner says of a table, and the mark's id, in a comment.
pub(in crate::dest) fn parts(comment: &str) -> (Option<&str>, Option<&str>) {
    let marked = comment.rsplit_once(BEFORE).and_then(|(own, rest)| Some((own, rest.strip_suffix(AFTER)?)));
    let Some((own, id)) = marked else { return (Some(comment), None) };
    (own.strip_suffix(BETWEEN).filter(|own| !own.is_empty()), Some(id))
}

/// Which table it is, by its comment.
pub(in crate::dest) fn read(comment: Option<&str>) -> Identity {
    let Some(comment) = comment else { return Identity::Unmarked };
    // Whoever writes a comment of their own over the mark has no other table.
    parts(comment).1.map_or(Identity::Untold, |id| Identity::Is(id.to_owned()))
}

/// The statement that marks a table.
pub(in crate::dest) fn write(shape: &Shape, id: &str) -> String {
    comment(shape.d, &shape.name, shape.comment.as_deref(), Some(id))
}

/// The statement that gives a table a comment: what its owner says of it, and its mark.
pub(in crate::dest) fn comment(
    d: &dyn Dialect,
    name: &TableName,
    own: Option<&str>,
    id: Option<&str>,
) -> String {
    let mark = id.map(|id| format!("{BEFORE}{id}{AFTER}"));
    let text = own.map(str::to_owned).into_iter().chain(mark).collect::<Vec<_>>().join(BETWEEN);
    format!("COMMENT ON TABLE {} IS {}", name.sql(d), d.text(&text))
}

/// The statement that describes a table which has that comment: its mark stays behind what is said of it.
pub(in crate::dest) fn describe(d: &dyn Dialect, name: &TableName, now: Option<&str>, text: &str) -> String {
    comment(d, name, Some(text), now.and_then(|now| parts(now).1))
}

#[cfg(test)]
mod tests {
    use super::super::dialect::DuckDialect;
    use super::*;

    #[test]
    fn a_mark_stands_behind_what_its_owner_says() {
        let name = TableName::new("c", "s", "t");
        let mut shape = Shape::found(&DuckDialect, name, Vec::new());
        shape.comment = Some("it's ours".into());
        let text = write(&shape, "7f");
        assert_eq!(
            text,
            r#"COMMENT ON TABLE "c"."s"."t" IS 'it''s ours; kept up to date by ingestr (table 7f)'"#
        );
        assert_eq!(read(Some("it's ours; kept up to date by ingestr (table 7f)")), Identity::Is("7f".into()));
        assert_eq!(read(Some("it's ours")), Identity::Untold);
        assert_eq!(
            parts("it's ours; kept up to date by ingestr (table 7f)"),
            (Some("it's ours"), Some("7f"))
        );
        assert_eq!(parts("kept up to date by ingestr (table 7f)"), (None, Some("7f")));
        assert_eq!(read(None), Identity::Unmarked);
    }
}
