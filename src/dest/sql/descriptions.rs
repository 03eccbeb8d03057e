//! What tables and columns mean, in the database's catalogue: written once, and when this program says it otherwise. What
//! somebody else has written there stays.

use std::borrow::Cow;

use super::TableName;
use super::columns::same;
use super::engine::{Engine, Said};
use crate::dest::{DestError, Target};
use crate::model::{Described, Description};

/// Writes what is not there yet. False: one of the tables, which lie in one schema, is not there.
///
/// # Errors
/// When it cannot be read or written.
pub(crate) async fn write<E: Engine>(
    engine: &E,
    tables: &[(Target, Vec<Description>)],
    described: &Described,
) -> Result<bool, DestError> {
    let d = engine.dialect();
    for (target, wanted) in tables {
        let name = engine.table(&target.table);
        let Some(said) = engine.descriptions(&name).await? else { return Ok(false) };
        put(engine, &name, due(|name| d.column(name), &said, wanted, described)).await?;
    }
    Ok(true)
}

/// Writes into the catalogue what a table and its columns are to be described as.
///
/// # Errors
/// When it cannot be written.
pub(crate) async fn put<E: Engine>(
    engine: &E,
    name: &TableName,
    descriptions: Vec<Description>,
) -> Result<(), DestError> {
    let d = engine.dialect();
    for Description { column, text } in descriptions {
        let statement = match column {
            None => engine.comment_on_table(name, &text).await?,
            Some(column) => {
                format!("COMMENT ON COLUMN {}.{} IS {}", name.sql(d), d.quote(&column), d.text(&text))
            }
        };
        engine.execute(&statement).await?;
    }
    Ok(())
}

/// Of the wanted descriptions those that are to be written, with columns as the table spells them. One that was written
/// before and is gone was taken away by somebody.
pub(crate) fn due(
    spelled: impl Fn(&str) -> Cow<'_, str>,
    said: &Said,
    wanted: &[Description],
    described: &Described,
) -> Vec<Description> {
    let mut due = Vec::new();
    for description in wanted {
        let found = said.iter().find(|(column, _)| match (column, &description.column) {
            (Some(one), Some(other)) => same(one, &spelled(other)),
            (one, other) => one.is_none() && other.is_none(),
        });
        let Some((column, text)) = found else { continue };
        let ours = match text {
            None => !described.knows(description),
            Some(text) => {
                let is = Description { text: text.clone(), ..description.clone() };
                is != *description && described.knows(&is)
            }
        };
        if ours {
            due.push(Description { column: column.clone(), text: description.text.clone() });
        }
    }
    due
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(column: Option<&str>, text: &str) -> Description {
        Description { column: column.map(ToOwned::to_owned), text: text.to_owned() }
    }

    #[test]
    fn only_what_is_missing_or_was_ours_is_written() {
        let said: Said = [
            (None, None),
            (Some("ID"), None),
            (Some("name"), Some("What they call it.")),
            (Some("old"), Some("As it was said before.")),
            (Some("same"), Some("Same.")),
            (Some("taken"), None),
        ]
        .map(|(column, text)| (column.map(str::to_owned), text.map(str::to_owned)))
        .into();
        let mut described = Described::default();
        described.note(&of(Some("old"), "As it was said before."));
        described.note(&of(Some("taken"), "Taken away."));
        let wanted = [
            of(None, "Tags."),
            of(Some("id"), "Identifies it."),
            of(Some("name"), "Name."),
            of(Some("old"), "As it is said now."),
            of(Some("same"), "Same."),
            of(Some("taken"), "Taken away."),
            of(Some("absent"), "Not there."),
        ];
        assert_eq!(
            due(|name| name.into(), &said, &wanted, &described),
            [of(None, "Tags."), of(Some("ID"), "Identifies it."), of(Some("old"), "As it is said now.")]
        );
    }
}
