//! Names of destination tables: `schema.table`, with double quotes around a part that has a dot; for several tables a
//! schema, or a pattern.
//!
//! Names are taken as they are, any Unicode; quoting them for a database is its dialect's business.

use super::Endpoints;
use crate::error::Failure;
use crate::model::{LEDGER_PREFIX, is_of_ledger};
use crate::source::Resource;

/// Stands for the name of each table.
const TABLE: &str = "{table}";

/// Schema and table that are written to.
///
/// # Errors
/// When the name has empty parts, too many or, for a destination without a default schema, too few.
pub(super) fn dest_table(
    typed: Option<&str>,
    table: &Resource,
    ends: &Endpoints<'_>,
) -> Result<(String, String), Failure> {
    let example = format!("type --dest-table <schema>.{}", table.name);
    let typed = typed.unwrap_or(table.name);
    pattern(typed)?;
    let typed = typed.replace(TABLE, table.name);
    let typed = typed.as_str();
    let (schema, name) =
        table_name(typed, &example, ends.destination, ends.default_schema, ends.capabilities.projects)?;
    if is_of_ledger(&name) {
        return Err(Failure::usage(format!(
            "--dest-table: `{}`: names that begin with {LEDGER_PREFIX} are for tables that ingestr keeps for itself",
            typed.trim()
        ))
        .hint(example));
    }
    of_the_user(&schema, typed, ends)?;
    Ok((schema, name))
}

/// Refuses a schema that the destination keeps for itself.
fn of_the_user(schema: &str, typed: &str, ends: &Endpoints<'_>) -> Result<(), Failure> {
    let lower = schema.to_lowercase();
    let is = |name: &&str| match name.strip_suffix('*') {
        Some(begin) => lower.starts_with(begin),
        None => lower == **name,
    };
    if !ends.capabilities.system_schemas.iter().any(is) {
        return Ok(());
    }
    let typed = typed.trim();
    Err(Failure::usage(format!("--dest-table: `{typed}`: {} keeps that schema for itself", ends.destination))
        .hint("name a schema of your own, such as gorgias"))
}

/// Refuses braces that are around anything but `table`.
fn pattern(typed: &str) -> Result<(), Failure> {
    let plain = typed.replace(TABLE, "");
    let Some(open) = plain.find('{') else { return Ok(()) };
    let close = plain[open..].find('}').map_or(plain.len(), |length| open + length + 1);
    Err(Failure::usage(format!("--dest-table: `{}` is not known", &plain[open..close]))
        .hint("the name of each table takes the place of {table}: 'raw.gorgias_{table}'"))
}

/// Schemas and tables that several tables are written to.
///
/// # Errors
/// When what was typed is neither a schema nor a pattern, and for a destination without a default schema when nothing
/// was.
pub(super) fn dest_tables(
    typed: Option<&str>,
    tables: &[&'static Resource],
    ends: &Endpoints<'_>,
) -> Result<Vec<(String, String)>, Failure> {
    let typed = typed.map(str::trim).filter(|typed| !typed.is_empty());
    let Some(typed) = typed else {
        let schema = ends.default_schema.ok_or_else(|| {
            Failure::usage(format!("--dest-table is missing: {} has no schema of its own", ends.destination))
                .hint("type the schema for all tables, --dest-table <schema>")
        })?;
        return Ok(tables.iter().map(|table| (schema.to_owned(), table.name.to_owned())).collect());
    };
    pattern(typed)?;
    if typed.contains(TABLE) {
        return tables.iter().map(|table| dest_table(Some(typed), table, ends)).collect();
    }
    match parts(typed) {
        Ok(parts) if parts.len() == 1 => {
            of_the_user(&parts[0], typed, ends)?;
            Ok(tables.iter().map(|table| (parts[0].clone(), table.name.to_owned())).collect())
        }
        Ok(_) => Err(Failure::usage(format!(
            "--dest-table: `{typed}` is one table, and --source-table names {}",
            tables.len()
        ))
        .hint(format!("type a schema for all of them, or a pattern: '{typed}_{TABLE}'"))),
        Err(what) => Err(Failure::usage(format!("--dest-table: `{typed}` {what}"))
            .hint("type a schema for all tables, or a pattern such as 'raw.gorgias_{table}'")),
    }
}

/// Schema and table of a name as typed, for a destination that may have a default schema, and where a table may be named
/// with its project: that is part of the schema, `project.dataset`, then.
///
/// # Errors
/// When the name has empty parts, too many or, without a default schema, too few.
pub fn table_name(
    typed: &str,
    example: &str,
    destination: &str,
    default_schema: Option<&str>,
    projects: bool,
) -> Result<(String, String), Failure> {
    let typed = typed.trim();
    if typed.contains("://") {
        // Not shown: it may hold a key.
        return Err(Failure::usage("--dest-table takes the name of a table, not a URI")
            .hint("the URI belongs to --dest-uri"));
    }
    let refuse = |what: &str| Failure::usage(format!("--dest-table: `{typed}` {what}"));
    let parts = parts(typed).map_err(|what| refuse(what).hint(example))?;
    let parts = match <[String; 3]>::try_from(parts) {
        Ok([project, dataset, name]) if projects => return Ok((format!("{project}.{dataset}"), name)),
        Ok(parts) => parts.to_vec(),
        Err(parts) => parts,
    };
    match <[String; 2]>::try_from(parts) {
        Ok([schema, name]) => Ok((schema, name)),
        Err(parts) => match (<[String; 1]>::try_from(parts), default_schema) {
            (Ok([name]), Some(schema)) => Ok((schema.to_owned(), name)),
            (Ok(_), None) => Err(refuse("has no schema").hint(example)),
            (Err(parts), _) => {
                let form = if projects { "project.dataset.table" } else { "schema.table" };
                Err(refuse(&format!("has {} parts, {destination} takes {form}", parts.len()))
                    .hint("put a name that has a dot in double quotes: 'main.\"my.table\"'"))
            }
        },
    }
}

/// The parts between dots, without their quotes; `""` inside quotes is one quote.
fn parts(typed: &str) -> Result<Vec<String>, &'static str> {
    let mut parts = Vec::new();
    let mut rest = typed;
    loop {
        let (part, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_part(quoted)?,
            None => {
                let end = rest.find('.').unwrap_or(rest.len());
                (rest[..end].trim().to_owned(), &rest[end..])
            }
        };
        if part.is_empty() {
            return Err("has an empty part");
        }
        if part.chars().any(char::is_control) {
            return Err("has a control character");
        }
        parts.push(part);
        rest = match after.strip_prefix('.') {
            Some(next) => next,
            None if after.is_empty() => return Ok(parts),
            None => return Err("has something between a closing quote and the next dot"),
        };
    }
}

/// The text up to the closing quote, and what follows it.
fn quoted_part(quoted: &str) -> Result<(String, &str), &'static str> {
    let mut part = String::new();
    let mut rest = quoted;
    loop {
        let (text, after) = rest.split_once('"').ok_or("has no closing quote")?;
        part.push_str(text);
        match after.strip_prefix('"') {
            Some(next) => {
                part.push('"');
                rest = next;
            }
            None => return Ok((part, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_names() {
        let shown = |typed: &str| parts(typed).map_or_else(ToOwned::to_owned, |parts| parts.join(" | "));
        for (typed, wanted) in [
            ("gorgias.tickets", "gorgias | tickets"),
            ("tickets", "tickets"),
            ("a.b.c", "a | b | c"),
            ("größe.チケット", "größe | チケット"),
            ("my shop.my tickets", "my shop | my tickets"),
            (r#""my.schema"."my ""t""""#, r#"my.schema | my "t""#),
            (r#"a"b.c"#, r#"a"b | c"#),
            ("", "has an empty part"),
            (".", "has an empty part"),
            ("gorgias.", "has an empty part"),
            (".tickets", "has an empty part"),
            ("a..b", "has an empty part"),
            (r#""".b"#, "has an empty part"),
            ("a.b\0", "has a control character"),
            (r#"a."b"#, "has no closing quote"),
            (r#""a"b.c"#, "has something between a closing quote and the next dot"),
        ] {
            assert_eq!(shown(typed), wanted, "{typed}");
        }
    }
}
