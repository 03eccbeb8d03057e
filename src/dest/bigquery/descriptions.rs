//! What tables and columns mean, as BigQuery keeps it: in the table's resource, which is read and given back without a job.

use serde_json::{Map, Value};

use super::dialect::BigQueryDialect;
use super::{BigQuery, failed, table_ref};
use crate::dest::sql::Dialect;
use crate::dest::sql::columns::same;
use crate::dest::sql::descriptions::due;
use crate::dest::sql::engine::Said;
use crate::dest::{DestError, Target};
use crate::model::{Described, Description};

impl BigQuery {
    /// Writes what is not there yet. False: there is no such table.
    pub(super) async fn describe_table(
        &self,
        target: &Target,
        wanted: &[Description],
        described: &Described,
    ) -> Result<bool, DestError> {
        let name = self.table_of(target);
        let Some(api) = self.existing(&name).await? else { return Ok(false) };
        let table = table_ref(&name);
        let found = api.description(&table).await.map_err(|error| failed(&name, "read", error))?;
        let Some(mut body) = found else { return Ok(false) };
        let due = due(|name| BigQueryDialect.column(name), &said(&body), wanted, described);
        if due.is_empty() {
            return Ok(true);
        }
        due.into_iter().for_each(|description| put(&mut body, description));
        api.describe(&table, &body).await.map_err(|error| failed(&name, "described", error))?;
        Ok(true)
    }
}

fn text(of: &Value, member: &str) -> Option<String> {
    of.get(member)?.as_str().filter(|text| !text.is_empty()).map(ToOwned::to_owned)
}

fn said(body: &Value) -> Said {
    let fields = body["schema"]["fields"].as_array().into_iter().flatten();
    let fields = fields.map(|field| (text(field, "name"), text(field, "description")));
    std::iter::once((None, text(body, "description")))
        .chain(fields.filter(|(name, _)| name.is_some()))
        .collect()
}

fn put(body: &mut Value, description: Description) {
    let of: Option<&mut Map<String, Value>> = match &description.column {
        None => body.as_object_mut(),
        Some(column) => body
            .pointer_mut("/schema/fields")
            .and_then(Value::as_array_mut)
            .and_then(|fields| {
                fields.iter_mut().find(|field| field["name"].as_str().is_some_and(|name| same(name, column)))
            })
            .and_then(Value::as_object_mut),
    };
    if let Some(of) = of {
        of.insert("description".into(), description.text.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_go_where_the_table_resource_has_them_and_all_else_stays() {
        let mut body = serde_json::json!({
            "schema": {"fields": [
                {"name": "id", "type": "INTEGER", "mode": "REQUIRED"},
                {"name": "Name", "type": "STRING", "description": "Theirs."},
            ]}
        });
        let of = |column: Option<&str>, text: &str| Description {
            column: column.map(ToOwned::to_owned),
            text: text.to_owned(),
        };
        let wanted = [of(None, "Tags."), of(Some("id"), "Identifies it."), of(Some("name"), "Name.")];
        for description in due(|name| name.into(), &said(&body), &wanted, &Described::default()) {
            put(&mut body, description);
        }
        assert_eq!(
            body,
            serde_json::json!({
                "description": "Tags.",
                "schema": {"fields": [
                    {"name": "id", "type": "INTEGER", "mode": "REQUIRED", "description": "Identifies it."},
                    {"name": "Name", "type": "STRING", "description": "Theirs."},
                ]}
            })
        );
    }
}
