//! `--columns` and `--sql-exclude-columns`: their grammar, and how they fit the table's declaration.

use super::ColumnOverride;
use crate::cli::IngestArgs;
use crate::error::Failure;
use crate::model::LogicalType;
use crate::nearest::{nearest, nearest_few};
use crate::source::Resource;

/// Columns that are named when one was mistyped.
const NEAR: usize = 3;

/// What is asked of columns, checked against the table.
#[derive(Debug)]
pub(super) struct Columns {
    /// Types and names.
    pub(super) overrides: Vec<ColumnOverride>,
    /// Columns left out, in the source's names.
    pub(super) exclude: Vec<String>,
    table: &'static Resource,
}

impl Columns {
    /// Reads both flags.
    ///
    /// # Errors
    /// Bad grammar, unknown types, names that are used twice, and leaving out what identifies or dates a row.
    pub(super) fn from_args(
        args: &IngestArgs,
        table: &'static Resource,
        notes: &mut Vec<String>,
    ) -> Result<Self, Failure> {
        let mut columns = Self { overrides: overrides(args)?, exclude: Vec::new(), table };
        for name in args.sql_exclude_columns.iter().map(|name| name.trim()).filter(|name| !name.is_empty()) {
            let source = columns.source_of(name).to_owned();
            if !columns.excluded(&source) {
                columns.exclude.push(source);
            }
        }
        columns.check_overrides(notes)?;
        columns.check_exclude(notes);
        Ok(columns)
    }

    /// Whether the table declares that column of the source.
    pub(super) fn documented(&self, source: &str) -> bool {
        self.table.columns.iter().any(|(name, ..)| *name == source)
    }

    /// The type that a column of the source gets; `None` if there will be none of that name.
    pub(super) fn logical(&self, source: &str) -> Option<LogicalType> {
        let asked = self.overrides.iter().find(|o| o.source_name() == source).and_then(|o| o.logical);
        let own =
            self.table.columns.iter().find(|(name, ..)| *name == source).map(|(_, logical, _)| *logical);
        let derived = (Some(source) == self.table.incremental_key).then_some(LogicalType::Timestamp);
        own.or(derived).map(|own| asked.unwrap_or(own))
    }

    /// Refuses a column that no row can be expected to have: it is neither documented nor declared.
    pub(super) fn check_exists(&self, flag: &str, typed: &str) -> Result<(), Failure> {
        let source = self.source_of(typed);
        let declared = || self.overrides.iter().any(|wish| wish.source_name() == source);
        if Some(source) == self.table.incremental_key || self.documented(source) || declared() {
            return Ok(());
        }
        let near = nearest_few(source, self.table.columns.iter().map(|(name, ..)| *name), NEAR);
        let meant = match near.as_slice() {
            [] => String::new(),
            [one] => format!("did you mean `{one}`? "),
            [several @ .., last] => format!("did you mean `{}` or `{last}`? ", several.join("`, `")),
        };
        Err(Failure::usage(format!("--{flag}: {} has no column `{source}`", self.table.name)).hint(format!(
            "{meant}`ingestr tables` lists the columns; a field that is not documented has to be declared with --columns"
        )))
    }

    /// What a column of the source is called in the destination.
    pub(super) fn renamed<'a>(&'a self, source: &'a str) -> &'a str {
        self.overrides.iter().find(|o| o.source.as_deref() == Some(source)).map_or(source, |o| &o.name)
    }

    /// The column of the source that a typed name means: the destination's name, or the source's.
    pub(super) fn source_of<'a>(&'a self, typed: &'a str) -> &'a str {
        self.overrides.iter().find(|o| o.name == typed).map_or(typed, ColumnOverride::source_name)
    }

    /// Whether a column of the source is left out.
    pub(super) fn excluded(&self, source: &str) -> bool {
        self.exclude.iter().any(|name| name == source)
    }

    /// `did you mean …` for a name that is not documented; empty if nothing is near.
    pub(super) fn meant(&self, name: &str) -> String {
        nearest(name, self.table.columns.iter().map(|(name, ..)| *name))
            .map(|near| format!(" (did you mean `{near}`?)"))
            .unwrap_or_default()
    }

    fn check_overrides(&self, notes: &mut Vec<String>) -> Result<(), Failure> {
        for (index, this) in self.overrides.iter().enumerate() {
            let (name, source) = (&this.name, this.source_name());
            let before = &self.overrides[..index];
            if before.iter().any(|other| other.name == *name) {
                return Err(
                    Failure::usage(format!("--columns names `{name}` twice")).hint("name each column once")
                );
            }
            if before.iter().any(|other| other.source_name() == source) {
                return Err(Failure::usage(format!("--columns takes `{source}` twice"))
                    .hint("a column of the source can have one name in the destination"));
            }
            let moved = |name: &str| self.renamed(name) != name || self.excluded(name);
            if this.source.is_some() && self.documented(name) && name != source && !moved(name) {
                return Err(Failure::usage(format!(
                    "--columns: `{name}` is a column of {} already",
                    self.table.name
                ))
                .hint(format!(
                    "choose another name for `{source}`, or leave `{name}` out with --sql-exclude-columns"
                )));
            }
            if name.starts_with("_ingestr_") {
                return Err(Failure::usage(format!(
                    "--columns: names that begin with _ingestr_, as `{name}`, are ours"
                ))
                .hint("choose another name"));
            }
            if Some(source) == self.table.incremental_key
                && this.logical.is_some_and(|logical| logical != LogicalType::Timestamp)
            {
                return Err(Failure::usage(format!(
                    "--columns: `{source}` tells what changed and must be timestamptz"
                ))
                .hint("leave its type out"));
            }
            if !self.documented(source) {
                notes.push(format!(
                    "--columns: {} has no documented column `{source}`{}; used if a row has such a field",
                    self.table.name,
                    self.meant(source)
                ));
            }
        }
        Ok(())
    }

    fn check_exclude(&self, notes: &mut Vec<String>) {
        for name in self.exclude.iter().filter(|name| !self.documented(name)) {
            notes.push(format!(
                "--sql-exclude-columns: {} has no documented column `{name}`{}; used if a row has such a field",
                self.table.name,
                self.meant(name)
            ));
        }
    }
}

/// `--columns`, for whatever table.
pub(super) fn overrides(args: &IngestArgs) -> Result<Vec<ColumnOverride>, Failure> {
    args.columns.iter().flat_map(|list| split(list)).map(|entry| parse(entry.trim())).collect()
}

/// The entries between commas that are not inside parentheses; empty ones are left out.
fn split(list: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    list.split(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .filter(|entry| !entry.trim().is_empty())
    .collect()
}

/// One `name:type`, `name:type:source` or `name::source`.
fn parse(entry: &str) -> Result<ColumnOverride, Failure> {
    let refuse = |what: &str| {
        Failure::usage(format!("--columns: `{entry}` {what}"))
            .hint("write name:type, name:type:source or name::source, e.g. total:double or opened_at::opened_datetime")
    };
    let mut parts = entry.splitn(3, ':').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty()).ok_or_else(|| refuse("has no name"))?;
    let kind = parts.next().ok_or_else(|| refuse("has no type"))?;
    let source = parts.next();
    if source.is_some_and(|source| source.is_empty() || source.contains(':')) {
        return Err(
            refuse("has no source after the second colon").hint("write name:type:source or name::source")
        );
    }
    if kind.is_empty() && source.is_none() {
        return Err(refuse("has no type"));
    }
    let logical =
        if kind.is_empty() { None } else { Some(logical(kind).ok_or_else(|| no_type(entry, kind))?) };
    let source = source.filter(|source| *source != name).map(ToOwned::to_owned);
    Ok(ColumnOverride { name: name.to_owned(), logical, source })
}

fn no_type(entry: &str, kind: &str) -> Failure {
    Failure::usage(format!("--columns: `{entry}` asks for the type `{kind}`, which does not exist here"))
        .hint("types are bigint, double, boolean, text, timestamptz, json; cast others in SQL")
}

/// The type of that name, by any of its usual names; a length or precision after it is taken and means nothing.
fn logical(kind: &str) -> Option<LogicalType> {
    let kind = kind.to_lowercase();
    let (base, sized) = match kind.split_once('(') {
        Some((base, size)) => {
            let digits = size.strip_suffix(')')?.trim();
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            (base.trim(), true)
        }
        None => (kind.as_str(), false),
    };
    match base {
        "varchar" | "char" | "string" | "text" => Some(LogicalType::Text),
        "timestamp" | "timestamptz" | "datetime" => Some(LogicalType::Timestamp),
        _ if sized => None,
        "bigint" | "int" | "integer" | "smallint" | "tinyint" | "long" | "int64" | "int32" | "int16"
        | "int8" | "int4" | "int2" => Some(LogicalType::Int64),
        "double" | "double precision" | "float" | "float64" | "float32" | "float8" | "float4" | "real" => {
            Some(LogicalType::Float64)
        }
        "bool" | "boolean" => Some(LogicalType::Bool),
        "uuid" => Some(LogicalType::Text),
        "timestamp_tz" | "timestamp with time zone" => Some(LogicalType::Timestamp),
        "json" | "jsonb" => Some(LogicalType::Json),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_by_all_their_names() {
        for (kinds, wanted) in [
            ("bigint int integer smallint int64 BIGINT", Some(LogicalType::Int64)),
            ("double float float64 real", Some(LogicalType::Float64)),
            ("bool boolean", Some(LogicalType::Bool)),
            ("text string varchar varchar(255) uuid", Some(LogicalType::Text)),
            ("timestamp timestamptz datetime timestamp(6)", Some(LogicalType::Timestamp)),
            ("json jsonb", Some(LogicalType::Json)),
            (
                "date time decimal numeric decimal(10,2) binary array varchar() varchar(x) int(4) varchar(1",
                None,
            ),
        ] {
            for kind in kinds.split(' ') {
                assert_eq!(logical(kind), wanted, "{kind}");
            }
        }
    }

    #[test]
    fn commas_inside_parentheses_do_not_separate() {
        assert_eq!(split("a:decimal(10,2), b:text,,c::d"), ["a:decimal(10,2)", " b:text", "c::d"]);
        assert_eq!(split(""), [""; 0]);
    }
}
