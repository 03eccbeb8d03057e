//! Datasets and tables as the API writes them.

use serde::Deserialize;

use super::schema::{Field, Mode, Partitioning, TableInfo, TableKind};
use crate::dest::TableSize;

#[derive(Deserialize)]
pub(super) struct DatasetBody {
    pub(super) location: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListPage {
    pub(super) next_page_token: Option<String>,
    #[serde(default)]
    pub(super) tables: Vec<Listed>,
    #[serde(default)]
    pub(super) datasets: Vec<Listed>,
}

#[derive(Deserialize)]
pub(super) struct Listed {
    #[serde(alias = "tableReference", alias = "datasetReference")]
    pub(super) reference: Reference,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reference {
    pub(super) table_id: Option<String>,
    pub(super) dataset_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TableBody {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    schema: SchemaBody,
    clustering: Option<ClusteringBody>,
    time_partitioning: Option<TimeBody>,
    range_partitioning: Option<FieldBody>,
    #[serde(default)]
    require_partition_filter: bool,
    streaming_buffer: Option<serde::de::IgnoredAny>,
    /// Milliseconds, as text.
    creation_time: Option<String>,
    /// Numbers, as text.
    num_rows: Option<String>,
    num_bytes: Option<String>,
}

#[derive(Deserialize, Default)]
struct SchemaBody {
    #[serde(default)]
    fields: Vec<SchemaField>,
}

#[derive(Deserialize)]
struct SchemaField {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    mode: String,
}

#[derive(Deserialize)]
struct ClusteringBody {
    #[serde(default)]
    fields: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TimeBody {
    #[serde(rename = "type")]
    unit: String,
    field: Option<String>,
    #[serde(default)]
    require_partition_filter: bool,
}

#[derive(Deserialize)]
struct FieldBody {
    field: String,
}

impl TableBody {
    pub(super) fn info(self) -> TableInfo {
        let by_time = self.time_partitioning.as_ref();
        let require =
            self.require_partition_filter || by_time.is_some_and(|time| time.require_partition_filter);
        let partitioning = match (self.time_partitioning, self.range_partitioning) {
            (Some(time), _) => Some(Partitioning::Time { unit: time.unit, column: time.field }),
            (None, Some(range)) => Some(Partitioning::Range { column: range.field }),
            (None, None) => None,
        };
        let number = |text: Option<String>| text?.parse().ok();
        let held = number(self.num_rows).zip(number(self.num_bytes));
        TableInfo {
            held: held.map(|(rows, bytes)| TableSize { rows, bytes }),
            kind: if self.kind == "TABLE" { TableKind::Table } else { TableKind::Other(self.kind) },
            fields: self.schema.fields.into_iter().map(SchemaField::field).collect(),
            clustering: self.clustering.map(|clustering| clustering.fields).unwrap_or_default(),
            partitioning,
            require_partition_filter: require,
            streaming_buffer: self.streaming_buffer.is_some(),
            made: self.creation_time.filter(|time| !time.is_empty()),
        }
    }
}

impl SchemaField {
    fn field(self) -> Field {
        let kind = match self.kind.to_ascii_uppercase().as_str() {
            "INTEGER" => "INT64".to_owned(),
            "FLOAT" => "FLOAT64".to_owned(),
            "BOOLEAN" => "BOOL".to_owned(),
            "RECORD" => "STRUCT".to_owned(),
            other => other.to_owned(),
        };
        let mode = match self.mode.to_ascii_uppercase().as_str() {
            "REQUIRED" => Mode::Required,
            "REPEATED" => Mode::Repeated,
            _ => Mode::Nullable,
        };
        Field { name: self.name, kind, mode }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_table_is_told_by_two_numbers() {
        let held = |body: &str| serde_json::from_str::<TableBody>(body).expect("a table").info().held;
        let both = r#"{"type": "TABLE", "numRows": "120000", "numBytes": "300000000"}"#;
        assert_eq!(held(both), Some(TableSize { rows: 120_000, bytes: 300_000_000 }));
        assert_eq!(held(r#"{"type": "TABLE", "numRows": "120000"}"#), None);
        assert_eq!(held(r#"{"type": "TABLE", "numRows": "many", "numBytes": "1"}"#), None);
    }
}
