//! Rows in, batches out.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use bytes::Bytes;

use super::*;
use crate::model::{LogicalType, Naming};

fn rows(json: &str) -> Rows {
    Rows::parse(Bytes::copy_from_slice(json.as_bytes())).unwrap().0
}

fn documented() -> Vec<Column> {
    vec![
        Column::new("id", LogicalType::Int64),
        Column::new("subject", LogicalType::Text),
        Column::new("spam", LogicalType::Bool),
        Column::new("meta", LogicalType::Json),
        Column::new("created_datetime", LogicalType::Timestamp),
    ]
}

fn normalise(json: &str, shaping: &Shaping) -> (RecordBatch, Vec<Reject>) {
    let mut normaliser = Normaliser::new(&documented(), &["id"], &[], shaping);
    let rows = rows(json);
    normaliser.push(&rows, &vec![true; rows.len()], None).unwrap();
    (normaliser.take(true).unwrap(), normaliser.take_rejects())
}

fn strings(batch: &RecordBatch, name: &str) -> Vec<Option<String>> {
    batch.column_by_name(name).unwrap().as_string::<i32>().iter().map(|v| v.map(str::to_owned)).collect()
}

fn types(batch: &RecordBatch) -> Vec<String> {
    let schema = batch.schema();
    schema.fields().iter().map(|f| format!("{}:{}", f.name(), LogicalType::of(f).unwrap().name())).collect()
}

#[test]
fn the_shape_does_not_depend_on_which_rows_have_a_value() {
    let (batch, rejects) = normalise(r#"[{"id":1},{"id":2,"subject":"x"}]"#, &Shaping::default());
    assert_eq!(
        types(&batch),
        ["id:bigint", "subject:text", "spam:boolean", "meta:json", "created_datetime:timestamptz"]
    );
    assert_eq!(strings(&batch, "subject"), [None, Some("x".into())]);
    assert!(rejects.is_empty());
}

#[test]
fn nested_values_keep_their_exact_text() {
    let meta = r#"{"z": 90071992547409931, "a":[1.10, {"k":"\u00e9"}]}"#;
    let (batch, _) = normalise(
        &format!(r#"[{{"id":1,"meta":{meta}}},{{"id":2,"meta":"text"}},{{"id":3,"meta":null}}]"#),
        &Shaping::default(),
    );
    assert_eq!(strings(&batch, "meta"), [Some(meta.into()), Some("\"text\"".into()), None]);
}

/// DuckDB reads no value of a column of which one is not whole.
#[test]
fn json_with_half_of_a_pair_gets_a_whole_character_and_is_recorded() {
    let (batch, rejects) =
        normalise(r#"[{"id":7,"meta":{"a":"x\ud83d","b":"\ud83d\ude00"}}]"#, &Shaping::default());
    assert_eq!(strings(&batch, "meta"), [Some(r#"{"a":"x\ufffd","b":"\ud83d\ude00"}"#.into())]);
    let half = "half of a surrogate pair, replaced by U+FFFD";
    let came = r#"{"a":"x\ud83d","b":"\ud83d\ude00"}"#;
    assert_eq!(said(&rejects), [(Some("7"), Some("meta"), came, half)]);
    let shared = Shaping { new_columns: 0, ..Shaping::default() };
    let (batch, rejects) = normalise(r#"[{"id":7,"new":["\ud83d"]}]"#, &shared);
    assert_eq!(strings(&batch, "_ingestr_extra"), [Some(r#"{"new":["\ufffd"]}"#.into())]);
    assert_eq!(said(&rejects), [(Some("7"), Some("new"), r#"["\ud83d"]"#, half)]);
}

/// A postal code, a telephone number or a version loses digits as a number.
#[test]
fn a_text_that_looks_like_a_number_is_a_text_whatever_came_before() {
    for (values, stored) in [
        (r#"12345 "02134""#, ["12345", "02134"]),
        (r#""02134" 12345"#, ["02134", "12345"]),
        (r#"1.5 "1.10""#, ["1.5", "1.10"]),
        (r#"441715550100 "00441715550100""#, ["441715550100", "00441715550100"]),
        (r#"true "true""#, ["true", "true"]),
    ] {
        let (one, other) = values.split_once(' ').unwrap();
        let rows = format!(r#"[{{"id":1,"new":{one}}},{{"id":2,"new":{other}}}]"#);
        let (batch, rejects) = normalise(&rows, &Shaping::default());
        assert_eq!(strings(&batch, "new"), stored.map(|text| Some(text.to_owned())), "{values}");
        assert_eq!(rejects.len(), 0);
    }
}

#[test]
fn a_misfit_is_null_and_recorded_and_its_row_is_loaded() {
    let (batch, rejects) = normalise(
        r#"[{"id":7,"spam":"maybe","subject":12,"created_datetime":"soon"},{"id":"8","subject":"a\ud800"}]"#,
        &Shaping::default(),
    );
    assert_eq!(batch.column(0).as_primitive::<Int64Type>().values(), &[7, 8]);
    assert_eq!(strings(&batch, "subject"), [Some("12".into()), Some("a\u{fffd}".into())]);
    assert!(batch.column_by_name("spam").unwrap().is_null(0));
    let said: Vec<_> =
        rejects.iter().map(|r| (r.id.as_deref(), r.column.as_deref(), r.value.as_str(), r.reason)).collect();
    assert_eq!(
        said,
        [
            (Some("7"), Some("spam"), "\"maybe\"", "not a boolean"),
            (Some("7"), Some("created_datetime"), "\"soon\"", "not a datetime"),
            (Some("8"), Some("subject"), "\"a\\ud800\"", "half of a surrogate pair, replaced by U+FFFD"),
        ]
    );
}

#[test]
fn a_row_without_a_usable_key_is_rejected_whole() {
    let (batch, rejects) = normalise(
        r#"[{"id":1},{"subject":"x"},{"id":null},{"id":"abc","spam":true},5]"#,
        &Shaping::default(),
    );
    assert_eq!(batch.num_rows(), 1);
    let said: Vec<_> = rejects.iter().map(|r| (r.column.as_deref(), r.value.as_str(), r.reason)).collect();
    assert_eq!(
        said,
        [
            (None, r#"{"subject":"x"}"#, "a row without a key"),
            (None, r#"{"id":null}"#, "a row without a key"),
            (None, r#"{"id":"abc","spam":true}"#, "a row whose key is not of the key's type"),
            (None, "5", "a row that is no object"),
        ]
    );
}

fn said(rejects: &[Reject]) -> Vec<(Option<&str>, Option<&str>, &str, &str)> {
    rejects.iter().map(|r| (r.id.as_deref(), r.column.as_deref(), r.value.as_str(), r.reason)).collect()
}

#[test]
fn damage_is_recorded_and_its_row_is_loaded() {
    let (batch, rejects) = normalise(
        concat!(
            r#"[{"id":1,"subject":"a\x","spam":NaN,"meta":{"k":-Infinity,"l":1},"created_datetime":2026-01-01},"#,
            r#"{"id":2,"subject":"\ud800\x","new":NaN,"bad\ud800":{"k":1},"more":"b\x"},{"id":3,"new":1}]"#
        ),
        &Shaping::default(),
    );
    assert_eq!(batch.column(0).as_primitive::<Int64Type>().values(), &[1, 2, 3]);
    assert_eq!(strings(&batch, "subject"), [Some("a\u{fffd}".into()), Some("\u{fffd}\u{fffd}".into()), None]);
    assert_eq!(strings(&batch, "meta"), [Some(r#"{"k":null,"l":1}"#.into()), None, None]);
    assert_eq!(types(&batch)[5..], ["more:text", "new:bigint"]);
    let escape = "an escape that JSON does not have, replaced by U+FFFD";
    assert_eq!(
        said(&rejects),
        [
            (Some("1"), Some("subject"), r#""a\x""#, escape),
            (Some("1"), Some("spam"), "NaN", "not JSON"),
            (
                Some("1"),
                Some("meta"),
                r#"{"k":-Infinity,"l":1}"#,
                "a value in it is not JSON, replaced by null"
            ),
            (Some("1"), Some("created_datetime"), "2026-01-01", "not JSON"),
            (Some("2"), Some("subject"), r#""\ud800\x""#, escape),
            (Some("2"), Some("new"), "NaN", "not JSON"),
            (Some("2"), Some("more"), r#""b\x""#, escape),
            (
                Some("2"),
                Some("bad\u{fffd}"),
                r#""bad\ud800":{"k":1}"#,
                "a name that cannot be read; the value is in no column"
            ),
        ]
    );
}

#[test]
fn only_a_row_whose_key_cannot_be_read_is_rejected_for_damage() {
    let json = r#"[{"id":NaN,"subject":"a\x"},{"id":1},{"i\x":1,"id":"2\x"},{"i\x":3},NaN]"#;
    let (batch, rejects) = normalise(json, &Shaping::default());
    assert_eq!(batch.num_rows(), 1);
    assert_eq!(
        said(&rejects),
        [
            (None, None, r#"{"id":NaN,"subject":"a\x"}"#, "a row whose key cannot be read"),
            (None, None, r#"{"i\x":1,"id":"2\x"}"#, "a row whose key cannot be read"),
            (None, None, r#"{"i\x":3}"#, "a row without a key"),
            (None, None, "NaN", "a row that is no object"),
        ]
    );
    let mut normaliser =
        Normaliser::new(&[Column::new("id", LogicalType::Text)], &["id"], &[], &Shaping::default());
    normaliser.push(&rows(r#"[{"id":"a"},{"id":"b\x"},{"id":"c\ud800"}]"#), &[true; 3], None).unwrap();
    assert_eq!(normaliser.take(true).unwrap().num_rows(), 1, "keys with U+FFFD in them would meet");
    assert_eq!(normaliser.take_rejects().len(), 2);
}

#[test]
fn damage_where_nothing_is_wanted_is_none() {
    let json = r#"[{"id":1,"meta":NaN,"extra":"\x"}]"#;
    let shaping = Shaping { exclude: vec!["meta".into(), "extra".into()], ..Shaping::default() };
    assert!(normalise(json, &shaping).1.is_empty());
    let shaping = Shaping { contract: Contract::DiscardValue, ..Shaping::default() };
    let (_, rejects) = normalise(json, &shaping);
    assert_eq!(said(&rejects), [(Some("1"), Some("meta"), "NaN", "not JSON")]);
    let mut normaliser = Normaliser::new(
        &documented(),
        &["id"],
        &[],
        &Shaping { contract: Contract::Freeze, ..Shaping::default() },
    );
    // A name that cannot be read is not a new field.
    normaliser.push(&rows(r#"[{"id":1,"subj\xct":"a"}]"#), &[true], None).unwrap();
    assert_eq!(normaliser.take_rejects().len(), 1);
}

#[test]
fn the_last_of_equal_fields_is_stored() {
    let json = r#"[{"id":1,"subject":"a","subject":"b","id":2,"n":1,"n":"x"}]"#;
    let (batch, rejects) = normalise(json, &Shaping::default());
    assert_eq!(batch.column(0).as_primitive::<Int64Type>().values(), &[2]);
    assert_eq!(
        (strings(&batch, "subject"), strings(&batch, "n")),
        (vec![Some("b".into())], vec![Some("x".into())])
    );
    assert!(rejects.is_empty());
}

#[test]
fn zero_and_one_are_booleans_where_a_boolean_is_documented() {
    let json = r#"[{"id":1,"spam":1,"new":true},{"id":2,"spam":0,"new":1}]"#;
    let (batch, rejects) = normalise(json, &Shaping::default());
    let spam: Vec<_> = batch.column_by_name("spam").unwrap().as_boolean().iter().collect();
    assert_eq!(spam, [Some(true), Some(false)]);
    assert_eq!(strings(&batch, "new"), [Some("true".into()), Some("1".into())], "nobody said what it is");
    assert!(rejects.is_empty());
}

#[test]
fn json_that_is_nested_too_deep_is_null_and_recorded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let (fits, deep, text) = (nested(500), nested(501), format!("\"{}\"", "[".repeat(2_000)));
    let json = format!(
        r#"[{{"id":1,"meta":{fits}}},{{"id":2,"meta":{deep},"subject":{deep},"new":{deep}}},{{"id":3,"meta":{text}}},{{"id":4,"meta":{}}}]"#,
        nested(200_000)
    );
    let (batch, rejects) = normalise(&json, &Shaping::default());
    assert_eq!(strings(&batch, "meta"), [Some(fits), None, Some(text), None]);
    assert_eq!(strings(&batch, "subject")[1], Some(deep.clone()), "text is text, however deep");
    assert_eq!(
        said(&rejects)[..2],
        [
            (Some("2"), Some("meta"), deep.as_str(), "nested too deep"),
            (Some("2"), Some("new"), deep.as_str(), "nested too deep"),
        ]
    );
    assert_eq!(rejects.len(), 3);
}

#[test]
fn names_become_columns_that_can_be_typed() {
    let json = r#"[{"id":1,"":1,"\u0000":2,"a\u0001\tb":3,"  ":4,"\u0085":5}]"#;
    let names = |naming| {
        let (batch, _) = normalise(json, &Shaping { naming, ..Shaping::default() });
        batch.schema().fields()[5..].iter().map(|field| field.name().clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(Naming::Auto), ["field", "_", "a_b", "__b1c5b28d", "__56a07f80"]);
    assert_eq!(names(Naming::Direct), ["field", "_", "a__b", "  ", "__56a07f80"]);
}

#[test]
fn a_new_field_becomes_a_column_and_widens_without_loss() {
    let (batch, rejects) = normalise(
        r#"[{"id":1,"newField":null},{"id":2,"newField":5,"n":1,"s":"x"},{"id":3,"newField":2.5,"n":"a","s":{"k":1}},{"id":4,"newField":9007199254740993}]"#,
        &Shaping::default(),
    );
    assert_eq!(types(&batch)[5..], ["new_field:text", "n:text", "s:json"]);
    assert_eq!(
        strings(&batch, "new_field"),
        [None, Some("5.0".into()), Some("2.5".into()), Some("9007199254740993".into())]
    );
    assert_eq!(strings(&batch, "s"), [None, Some("\"x\"".into()), Some("{\"k\":1}".into()), None]);
    assert!(rejects.is_empty());
}

#[test]
fn a_new_field_that_only_differs_in_case_gets_a_name_of_its_own() {
    let (batch, _) = normalise(r#"[{"id":1,"Subject":"x","_ingestr_loaded_at":"y"}]"#, &Shaping::default());
    assert_eq!(types(&batch)[5..], ["subject_a07924ef:text", "_ingestr_loaded_at_1f91a9e8:text"]);
}

#[test]
fn contracts_decide_what_becomes_of_new_fields() {
    let json = r#"[{"id":1},{"id":2,"extra":null},{"id":3,"extra":1}]"#;
    let run = |contract| {
        let shaping = Shaping { contract, ..Shaping::default() };
        let mut normaliser = Normaliser::new(&documented(), &["id"], &[], &shaping);
        let rows = rows(json);
        let result = normaliser.push(&rows, &[true; 3], None);
        (
            result,
            normaliser.take(true).map(|batch| (batch.num_rows(), batch.num_columns())),
            normaliser.discarded(),
        )
    };
    assert_eq!(run(Contract::Evolve), (Ok(()), Some((3, 6)), 0));
    assert_eq!(run(Contract::Freeze).0, Err(Frozen { field: "extra".into() }));
    assert_eq!(run(Contract::DiscardRow), (Ok(()), Some((2, 5)), 1));
    assert_eq!(run(Contract::DiscardValue), (Ok(()), Some((3, 5)), 1));
}

#[test]
fn a_column_the_destination_has_is_no_new_field() {
    let shaping = Shaping { contract: Contract::Freeze, ..Shaping::default() };
    let existing = [Column::new("extra", LogicalType::Int64)];
    let mut normaliser = Normaliser::new(&documented(), &["id"], &existing, &shaping);
    let rows = rows(r#"[{"id":1,"extra":2}]"#);
    normaliser.push(&rows, &[true], None).unwrap();
    assert_eq!(types(&normaliser.take(true).unwrap())[5..], ["extra:bigint"]);
}

#[test]
fn columns_are_renamed_retyped_and_left_out() {
    let shaping = Shaping {
        overrides: vec![
            ColumnOverride { name: "topic".into(), logical: None, source: Some("subject".into()) },
            ColumnOverride { name: "spam".into(), logical: Some(LogicalType::Text), source: None },
        ],
        exclude: vec!["meta".into(), "secret".into()],
        trim_whitespace: true,
        ..Shaping::default()
    };
    let (batch, _) =
        normalise(r#"[{"id":1,"subject":"  a \n","spam":true,"meta":{},"secret":"x"}]"#, &shaping);
    assert_eq!(types(&batch), ["id:bigint", "topic:text", "spam:text", "created_datetime:timestamptz"]);
    assert_eq!(strings(&batch, "topic"), [Some("a".into())]);
    assert_eq!(strings(&batch, "spam"), [Some("true".into())]);
}

#[test]
fn a_derived_column_takes_the_place_of_the_field() {
    let mut documented = documented();
    documented.push(Column::new("updated_datetime", LogicalType::Timestamp));
    let mut normaliser = Normaliser::new(&documented, &["id"], &[], &Shaping::default());
    let rows = rows(r#"[{"id":1},{"id":2,"updated_datetime":"2020-01-01T00:00:00Z"},{"id":3}]"#);
    normaliser
        .push(
            &rows,
            &[true, true, false],
            Some(&("updated_datetime", vec![Some(Micros(5)), Some(Micros(6)), None])),
        )
        .unwrap();
    let batch = normaliser.take(true).unwrap();
    assert_eq!(batch.column(5).as_primitive::<TimestampMicrosecondType>().values(), &[5, 6]);
}

#[test]
fn batches_are_sealed_at_their_size_and_start_anew() {
    let mut normaliser = Normaliser::new(&documented(), &["id"], &[], &Shaping::default());
    let page: String = (0..100).map(|id| format!(r#"{{"id":{id}}}"#)).collect::<Vec<_>>().join(",");
    let rows = rows(&format!("[{page}]"));
    let mut sealed = 0;
    for _ in 0..21 {
        normaliser.push(&rows, &[true; 100], None).unwrap();
        sealed += normaliser.take(false).map_or(0, |batch| batch.num_rows());
    }
    assert_eq!(sealed, 2_100);
    assert!(normaliser.take(true).is_none());
}

#[test]
fn a_key_of_two_columns_is_checked_part_by_part() {
    let columns = ["ticket_id", "tag_id"].map(|name| Column::new(name, LogicalType::Int64));
    let mut normaliser = Normaliser::new(&columns, &["ticket_id", "tag_id"], &[], &Shaping::default());
    let page = rows(
        r#"[{"tag_id":2,"ticket_id":1},{"ticket_id":1},{"ticket_id":1,"tag_id":"x"},{"ticket_id":3,"tag_id":4,"n":NaN}]"#,
    );
    normaliser.push(&page, &[true; 4], None).unwrap();
    let rejects = normaliser.take_rejects();
    let reasons: Vec<_> = rejects.iter().map(|reject| (reject.id.as_deref(), reject.reason)).collect();
    assert_eq!(
        reasons,
        [
            (None, "a row without a key"),
            (None, "a row whose key is not of the key's type"),
            (Some("3,4"), "not JSON"),
        ]
    );
    assert_eq!(normaliser.take(true).map(|batch| batch.num_rows()), Some(2));
}

/// Fields whose names differ by little keep their columns, in whatever order they come, in this run and in the next.
#[test]
fn fields_keep_their_columns_in_any_order() {
    let push = |normaliser: &mut Normaliser, json: &str| {
        let rows = super::tests::rows(json);
        normaliser.push(&rows, &vec![true; rows.len()], None).expect("evolves");
    };
    let mut first = Normaliser::new(&documented(), &["id"], &[], &Shaping::default());
    push(&mut first, r#"[{"id":1,"plan":null,"Plan":"big","a b":1,"a.b":2}]"#);
    push(&mut first, r#"[{"id":2,"plan":"small","Plan":"big"}]"#);
    let names = first.take_named();
    let column = |field: &str| names.iter().find(|name| name.field == field).map(|name| name.column.as_str());
    assert_eq!(column("Plan"), Some("plan"));
    assert_eq!(column("a b"), Some("a_b"));
    assert_eq!(column("plan"), Some(&*format!("plan_{:08x}", crate::model::hash::fnv(b"plan"))));
    assert_eq!(first.take_named(), []);
    let existing: Vec<Column> =
        names.iter().map(|name| Column::new(&name.column, LogicalType::Text)).collect();
    for rows in [r#"[{"id":1,"plan":"small","Plan":null}]"#, r#"[{"id":1,"Plan":"big","plan":"small"}]"#] {
        let mut next =
            Normaliser::new(&documented(), &["id"], &existing, &Shaping::default()).remembering(&names);
        push(&mut next, rows);
        let batch = next.take(true).expect("a batch");
        let small = batch.column_by_name(column("plan").expect("has one")).expect("is there");
        assert_eq!(small.as_string::<i32>().value(0), "small");
        assert_eq!(next.take_named(), []);
    }
    // Nobody remembers an older table's: its column is the field's with that very name.
    let older = [Column::new("plan", LogicalType::Text)];
    let mut next = Normaliser::new(&documented(), &["id"], &older, &Shaping::default());
    push(&mut next, r#"[{"id":1,"Plan":"big","plan":"small"}]"#);
    let batch = next.take(true).expect("a batch");
    assert_eq!(batch.column_by_name("plan").expect("is there").as_string::<i32>().value(0), "small");
}

/// A column of somebody else's is not for a field that happens to be called so.
#[test]
fn a_name_that_is_another_columns_is_not_had() {
    let mut normaliser =
        Normaliser::new(&documented(), &["id"], &[], &Shaping::default()).sparing(&["Loud".to_owned()]);
    normaliser.push(&rows(r#"[{"id":1,"loud":"x"}]"#), &[true], None).expect("evolves");
    let column = format!("loud_{:08x}", crate::model::hash::fnv(b"loud"));
    assert_eq!(strings(&normaliser.take(true).expect("a batch"), &column), [Some("x".into())]);
}

/// What a field has that shares a column: its exact text, and a line of its own where it does not fit.
#[test]
fn fields_that_share_a_column_lose_nothing_to_one_another() {
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    let (batch, rejects) = normalise(
        &format!(r#"[{{"id":1,"b":1.50,"a":{{"z": 1}},"c":null}},{{"id":2,"b":{deep},"a":"x"}},{{"id":3}}]"#),
        &Shaping { new_columns: 0, ..Shaping::default() },
    );
    assert_eq!(
        strings(&batch, crate::model::EXTRA),
        [Some(r#"{"a":{"z": 1},"b":1.50}"#.into()), Some(r#"{"a":"x"}"#.into()), None]
    );
    let said: Vec<_> = rejects.iter().map(|r| (r.id.as_deref(), r.column.as_deref(), r.reason)).collect();
    assert_eq!(said, [(Some("2"), Some("b"), "nested too deep")]);
}

/// An integer that is no double stays what it is when a fraction comes after it, whatever came before.
#[test]
fn integers_beyond_doubles_are_text_where_fractions_come() {
    let (batch, rejects) = normalise(
        r#"[{"id":1,"w":5},{"id":2,"w":17841400000000001},{"id":3,"w":null},{"id":4,"w":0.5},{"id":5,"w":7}]"#,
        &Shaping::default(),
    );
    let wanted = ["5", "17841400000000001", "", "0.5", "7"];
    let wanted: Vec<_> = wanted.iter().map(|text| (!text.is_empty()).then(|| (*text).to_owned())).collect();
    assert_eq!(strings(&batch, "w"), wanted);
    assert!(rejects.is_empty(), "{rejects:?}");
    let (batch, _) = normalise(r#"[{"id":1,"w":5},{"id":2,"w":0.5}]"#, &Shaping::default());
    assert!(types(&batch).contains(&"w:double".to_owned()), "{:?}", types(&batch));
}

/// Rows without a value in a column of the user's key are not one row.
#[test]
fn rows_that_are_not_told_apart_are_rejected() {
    let keyed = Normaliser::new(&documented(), &["id"], &[], &Shaping::default());
    let mut keyed = keyed.told_apart_by(vec!["subject".into()]);
    keyed
        .push(&rows(r#"[{"id":1,"subject":"a"},{"id":2,"subject":null},{"id":3}]"#), &[true; 3], None)
        .unwrap();
    assert_eq!(keyed.take(true).unwrap().num_rows(), 1);
    let reason = "a row without a value in a column of --primary-key";
    let rejects = keyed.take_rejects();
    assert_eq!(
        said(&rejects),
        [(None, None, r#"{"id":2,"subject":null}"#, reason), (None, None, r#"{"id":3}"#, reason),]
    );
}
