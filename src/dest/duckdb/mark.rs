//! The mark that tells a table from another one that gets its name later: a comment on it, after what its owner says of it.
//!
//! DuckDB numbers tables anew each time that a file is opened. A comment goes with the table: it outlives a new name, a copy
//! of the file and `COPY FROM DATABASE`, though not `EXPORT DATABASE`.

use crate::dest::sql::dialect::Shape;
use crate::dest::sql::identity::Identity;

const BEFORE: &str = "kept up to date by ingestr (table ";
const AFTER: &str = ")";

/// Which table it is, by its comment.
pub(in crate::dest) fn read(comment: Option<&str>) -> Identity {
    let Some(comment) = comment else { return Identity::Unmarked };
    let rest = comment.rsplit_once(BEFORE).and_then(|(_, rest)| rest.strip_suffix(AFTER));
    // Whoever writes a comment of their own over the mark has no other table.
    rest.map_or(Identity::Untold, |id| Identity::Is(id.to_owned()))
}

/// The statement that marks a table.
pub(in crate::dest) fn write(shape: &Shape, id: &str) -> String {
    let mark = format!("{BEFORE}{id}{AFTER}");
    let own = shape.comment.as_deref().map(|text| format!("{text}; {mark}"));
    comment(shape, &own.unwrap_or(mark))
}

/// The statement that gives a table a comment.
pub(in crate::dest) fn comment(shape: &Shape, text: &str) -> String {
    format!("COMMENT ON TABLE {} IS {}", shape.sql(), shape.d.text(text))
}

#[cfg(test)]
mod tests {
    use super::super::dialect::DuckDialect;
    use super::*;
    use crate::dest::sql::TableName;

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
        assert_eq!(read(None), Identity::Unmarked);
    }
}
