//! What is in the files, character for character.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};

use super::Folder;
use crate::dest::conformance::{batch_of, commit, items, load};
use crate::dest::files::format::Format;
use crate::dest::{Destination as _, Target};
use crate::model::{Column, LogicalType, Strategy};

fn hostile() -> RecordBatch {
    let column = |name: &str, logical, array: ArrayRef| (Column::new(name, logical), array);
    let texts = |values: [Option<&str>; 3]| Arc::new(StringArray::from(values.to_vec())) as ArrayRef;
    batch_of(vec![
        column(
            "id",
            LogicalType::Int64,
            Arc::new(Int64Array::from(vec![1, 9_007_199_254_740_993, i64::MIN])),
        ),
        column("name", LogicalType::Text, texts([Some("say \"hi\", it's\r\nme"), Some(""), None])),
        column("a,\"b\"", LogicalType::Text, texts([Some(" x "), Some("größe\u{0}"), Some("plain text")])),
        column(
            "changed_at",
            LogicalType::Timestamp,
            Arc::new(
                TimestampMicrosecondArray::from(vec![Some(1_718_798_400_123_456), None, Some(0)])
                    .with_timezone("UTC"),
            ),
        ),
        column(
            "extra",
            LogicalType::Json,
            texts([Some("{\"b\": 1,\n \"a\":\"x\\u0000\\ud800\"}"), Some("[1.10,9007199254740993]"), None]),
        ),
        column(
            "rate",
            LogicalType::Float64,
            Arc::new(Float64Array::from(vec![Some(0.1), Some(1e300), None])),
        ),
        column("open", LogicalType::Bool, Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]))),
    ])
}

async fn written(format: Format) -> String {
    let folder = Folder::new();
    let mut target = items(Strategy::Replace);
    target.loaded_at = None;
    let files = folder.files(format);
    load(&files, &target, vec![hostile()], commit("r1", "p", true)).await.expect("goes through");
    let path = folder.path(&format!("shop/items.{}", format.name()));
    std::fs::read_to_string(path).expect("a text")
}

#[tokio::test]
async fn csv_is_as_its_readers_expect() {
    insta::assert_snapshot!(written(Format::Csv).await.replace('\r', "<CR>").replace('\0', "<NUL>"), @r#"
    id,name,changed_at,extra,"a,""b""",rate,open
    1,"say ""hi"", it's<CR>
    me",2024-06-19 12:00:00.123456+00:00,"{""b"": 1,
     ""a"":""x\u0000\ud800""}"," x ",0.1,true
    9007199254740993,"",,"[1.10,9007199254740993]",größe<NUL>,1e300,false
    -9223372036854775808,,1970-01-01 00:00:00.000000+00:00,,plain text,,
    "#);
}

#[tokio::test]
async fn lines_are_json_with_the_text_of_json() {
    let text = written(Format::Jsonl).await;
    for line in text.lines() {
        serde_json::from_str::<serde_json::Value>(&line.replace("\\ud800", "")).expect("JSON");
    }
    insta::assert_snapshot!(text, @r#"
    {"id":1,"name":"say \"hi\", it's\r\nme","changed_at":"2024-06-19 12:00:00.123456+00:00","extra":{"b": 1,  "a":"x\u0000\ud800"},"a,\"b\"":" x ","rate":0.1,"open":true}
    {"id":9007199254740993,"name":"","changed_at":null,"extra":[1.10,9007199254740993],"a,\"b\"":"größe\u0000","rate":1e300,"open":false}
    {"id":-9223372036854775808,"name":null,"changed_at":"1970-01-01 00:00:00.000000+00:00","extra":null,"a,\"b\"":"plain text","rate":null,"open":null}
    "#);
}

#[tokio::test]
async fn parquet_knows_what_its_columns_are() {
    let folder = Folder::new();
    let files = folder.files(Format::Parquet);
    let target = items(Strategy::Replace);
    load(&files, &target, vec![hostile()], commit("r1", "p", true)).await.expect("goes through");
    let file = std::fs::File::open(folder.path("shop/items.parquet")).expect("a file");
    let reader = parquet::file::serialized_reader::SerializedFileReader::new(file).expect("a file of rows");
    let meta = parquet::file::reader::FileReader::metadata(&reader);
    let types: Vec<String> = meta
        .file_metadata()
        .schema_descr()
        .columns()
        .iter()
        .map(|column| format!("{} {} {:?}", column.name(), column.physical_type(), column.logical_type_ref()))
        .collect();
    insta::assert_snapshot!(types.join("\n"), @r#"
    id INT64 None
    name BYTE_ARRAY Some(String)
    changed_at INT64 Some(Timestamp { is_adjusted_to_u_t_c: true, unit: MICROS })
    extra BYTE_ARRAY Some(Json)
    a,"b" BYTE_ARRAY Some(String)
    rate DOUBLE None
    open BOOLEAN None
    _ingestr_loaded_at INT64 Some(Timestamp { is_adjusted_to_u_t_c: true, unit: MICROS })
    "#);
    let chunk = meta.row_group(0).column(0);
    assert!(format!("{:?}", chunk.compression()).starts_with("ZSTD"));
    assert!(chunk.statistics().is_some());
}

/// Another format takes the place of the one before.
#[tokio::test]
async fn a_table_has_one_format() {
    let folder = Folder::new();
    let target = items(Strategy::Replace);
    for format in Format::ALL {
        let done = load(&folder.files(format), &target, vec![hostile()], commit("r1", "p", true)).await;
        done.expect("goes through");
        let tables: Vec<String> =
            folder.all().into_iter().filter(|path| !path.contains("_ingestr")).collect();
        assert_eq!(tables, [format!("shop/items.{}", format.name())]);
    }
    let appending = Target { strategy: Strategy::Append, ..target.clone() };
    load(&folder.files(Format::Jsonl), &appending, vec![hostile()], commit("r2", "p", true))
        .await
        .expect("goes");
    let found = folder.files(Format::Jsonl).inspect(&appending).await.expect("a look");
    assert!(found.state.is_some() && found.columns.is_some());
    let error = folder.files(Format::Csv).inspect(&appending).await.expect_err("is of another format");
    assert_eq!(error.message, "table shop.items is jsonl, and nothing in csv can be appended to it");
    // What is there in the old format goes when the new one is there, and what others have put beside it stays.
    std::fs::write(folder.path("shop/items/mine-20261130.jsonl"), "theirs").expect("a file");
    folder.files(Format::Csv).inspect(&target).await.expect("may replace it");
    load(&folder.files(Format::Csv), &target, vec![hostile()], commit("r3", "p", true)).await.expect("goes");
    let tables: Vec<String> = folder.all().into_iter().filter(|path| !path.contains("_ingestr")).collect();
    assert_eq!(tables, ["shop/items.csv", "shop/items/mine-20261130.jsonl"]);
}
