//! Several tables in one command: which, where to, and what is refused.

use super::warehouse::WAREHOUSE;
use super::*;

fn plans(line: &[&str], ends: &Endpoints) -> Result<Plans, String> {
    plans_for(line, NOW, ends)
}

/// `table → schema.table`, and the notes of all of them.
fn shown(line: &[&str], ends: &Endpoints) -> (Vec<String>, Vec<String>) {
    let plans = plans(line, ends).unwrap();
    let places = plans.tables.iter();
    let places = places.map(|plan| format!("{} → {}.{}", plan.table.name, plan.schema, plan.dest_table));
    (places.collect(), plans.notes)
}

#[test]
fn a_list_or_all_of_them_into_a_schema_or_by_a_pattern() {
    let three = ["--source-table", "tickets, ticket_messages ,customers"];
    let with = |more: &[&str]| shown(&[&three[..], more].concat(), &DUCKDB);
    let plain =
        ["tickets → main.tickets", "ticket_messages → main.ticket_messages", "customers → main.customers"];
    assert_eq!(with(&[]).0, plain);
    assert_eq!(with(&["--dest-table", " "]).0, plain);
    assert_eq!(with(&["--dest-table", "gorgias"]).0, plain.map(|place| place.replace("main", "gorgias")));
    assert_eq!(with(&["--dest-table", r#""my.shop""#]).0[0], "tickets → my.shop.tickets");
    assert_eq!(
        with(&["--dest-table", "raw.gorgias_{table}"]).0[1],
        "ticket_messages → raw.gorgias_ticket_messages"
    );
    assert_eq!(with(&["--dest-table", "g_{table}"]).0[0], "tickets → main.g_tickets");
    assert_eq!(with(&["--dest-table", "{table}.raw"]).0[2], "customers → customers.raw");
    let all = shown(&["--source-table", "*", "--dest-table", "gorgias"], &WAREHOUSE).0;
    assert_eq!(all.len(), 4);
    assert_eq!(all[3], "satisfaction_surveys → gorgias.satisfaction_surveys");
}

#[test]
fn one_table_means_what_it_always_meant() {
    for (line, wanted) in [
        (&["--dest-table", "gorgias"][..], "tickets → main.gorgias"),
        (&["--dest-table", "gorgias.t"], "tickets → gorgias.t"),
        (&["--source-table", "tickets,tickets", "--dest-table", "gorgias.t"], "tickets → gorgias.t"),
        (&["--dest-table", "raw.gorgias_{table}"], "tickets → raw.gorgias_tickets"),
    ] {
        assert_eq!(shown(line, &DUCKDB), (vec![wanted.to_owned()], vec![]), "{line:?}");
    }
    assert_eq!(
        notes("--source-table tickets,tickets"),
        "--source-table names tickets 2 times; it is copied once"
    );
}

#[test]
fn notes_are_said_once_unless_they_are_about_one_table() {
    let line =
        "--source-table customers,ticket_messages,customers --page-size 5 --lookback 7d --sql-limit 10";
    let plans = plans(&line.split(' ').collect::<Vec<_>>(), &DUCKDB).unwrap();
    assert_eq!(
        plans.notes,
        [
            "--source-table names customers 2 times; it is copied once",
            "--sql-limit 10 is for each of the 2 tables",
            "--sql-limit 10: the next run does not start where this one ends",
            "--page-size has no effect: Gorgias pages are always 100 rows",
        ]
    );
    let own: Vec<_> = plans.tables.iter().map(|plan| plan.notes.join(" | ")).collect();
    assert_eq!(own, ["--lookback has no effect: the list of customers shows every change", ""]);
}

/// `error | hint`, on one line.
fn refused(line: &[&str], ends: &Endpoints) -> String {
    match plans(line, ends) {
        Ok(plans) => panic!("{line:?} gives plans: {plans:?}"),
        Err(text) => text.replace("\n  hint: ", " | ").trim_start_matches("error: ").to_owned(),
    }
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_to_type_instead() {
    let all = "customers, tickets, ticket_messages, satisfaction_surveys";
    for (line, wanted) in [
        (
            &["--source-table", "tickets,"][..],
            format!("--source-table: `tickets,` has an empty name | put one comma between two tables; they are {all}"),
        ),
        (
            &["--source-table", "tickets,customer"],
            format!("Gorgias has no table `customer` | did you mean `customers`? Tables are {all}"),
        ),
        (
            &["--source-table", "*", "--dest-table", "gorgias.tickets"],
            "--dest-table: `gorgias.tickets` is one table, and --source-table names 4 | type a schema for all of them, or a pattern: 'gorgias.tickets_{table}'".into(),
        ),
        (
            &["--source-table", "*", "--dest-table", "raw.{tabel}"],
            "--dest-table: `{tabel}` is not known | the name of each table takes the place of {table}: 'raw.gorgias_{table}'".into(),
        ),
        (
            &["--source-table", "*", "--dest-table", "a."],
            "--dest-table: `a.` has an empty part | type a schema for all tables, or a pattern such as 'raw.gorgias_{table}'".into(),
        ),
        (
            &["--source-table", "*", "--dest-table", "a.b.{table}"],
            "--dest-table: `a.b.customers` has 3 parts, DuckDB takes schema.table | put a name that has a dot in double quotes: 'main.\"my.table\"'".into(),
        ),
    ] {
        assert_eq!(refused(line, &DUCKDB), wanted);
    }
    assert_eq!(
        refused(&["--source-table", "*"], &WAREHOUSE),
        "--dest-table is missing: Warehouse has no schema of its own | type the schema for all tables, --dest-table <schema>"
    );
}

/// Tables that differ.
static UNLIKE: [Resource; 2] = [
    table("tickets", Changes::ByUpdate),
    Resource {
        columns: &[
            ("id", LogicalType::Int64, ""),
            ("body", LogicalType::Text, ""),
            ("ticket_id", LogicalType::Int64, ""),
        ],
        ..table("messages", Changes::Recent { days: 3 })
    },
];

#[test]
fn a_flag_for_one_of_several_tables_is_refused_by_name() {
    let unlike = Endpoints { tables: &UNLIKE, ..WAREHOUSE };
    fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
        [&["--source-table", "*", "--dest-table", "g"], more].concat()
    }
    for (more, wanted) in [
        (
            &["--primary-key", "ticket_id"][..],
            "--primary-key: tickets has no column `ticket_id`, which messages has | copy messages with a command of its own",
        ),
        (
            &["--columns", "text:text:body"],
            "--columns: tickets has no column `body`, which messages has | copy messages with a command of its own",
        ),
        (
            &["--columns", "k::ticket_id", "--primary-key", "k"],
            "--columns: tickets has no column `ticket_id`, which messages has | copy messages with a command of its own",
        ),
        (
            &["--partition-by", "opened_datetime"],
            "--partition-by: messages has no column `opened_datetime` | `ingestr tables` lists the columns; a field that is not documented has to be declared with --columns, or copy messages with a command of its own",
        ),
    ] {
        assert_eq!(refused(&with(more), &unlike), wanted);
    }
    for fine in [
        &["--primary-key", "id"][..],
        &["--columns", "updated_datetime:timestamptz"],
        &["--columns", "x:text"],
    ] {
        plans(&with(fine), &unlike).unwrap();
    }
}
