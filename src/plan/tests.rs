//! Plans as data, refusals and notes word for word.

use super::*;
use crate::dest::{Capabilities, FlushDefaults};
use crate::model::{Contract, LogicalType, Naming};
use crate::source::{Changes, Counted, List, Removals};

mod several;
mod warehouse;

const NOW: Micros = Micros(1_763_812_443_000_000);

const fn table(name: &'static str, changes: Changes) -> Resource {
    Resource {
        about: "A row.",
        incremental_key: Some("updated_datetime"),
        columns: &[
            ("id", LogicalType::Int64, ""),
            ("status", LogicalType::Text, ""),
            ("opened_datetime", LogicalType::Timestamp, ""),
            ("updated_datetime", LogicalType::Timestamp, ""),
        ],
        ..Resource::of(
            name,
            List::Keyset { path: "/list", order: crate::source::Order::Asked },
            changes,
            Removals::Events(&[]),
        )
    }
}

const TICKETS: Resource = table("tickets", Changes::ByUpdate);

static TABLES: [Resource; 4] = [
    table("customers", Changes::ByUpdate),
    TICKETS,
    Resource {
        counted: Some(Counted { by: &TICKETS, field: "messages", column: "ticket_id" }),
        ..table("ticket_messages", Changes::Recent { days: 7 })
    },
    table("satisfaction_surveys", Changes::Recent { days: 90 }),
];

const DUCKDB: Endpoints<'static> = Endpoints {
    source: "Gorgias",
    tables: &TABLES,
    destination: "DuckDB",
    default_schema: Some("main"),
    capabilities: Capabilities::DATABASE,
};

/// The arguments of a command line, after the three that must be there. A later one wins, and tables are tickets unless
/// it names others.
fn args(line: &[&str]) -> IngestArgs {
    let uri = "gorgias://acme?api_key=KEY&email=me@shop.com";
    let must = ["ingestr", "ingest", "--source-uri", uri, "--dest-uri", "duckdb:///x.db"];
    let tickets = ["--source-table", "tickets"];
    let unnamed = !line.contains(&"--source-table");
    let argv = must.iter().chain(tickets.iter().filter(|_| unnamed)).chain(line).map(Into::into).collect();
    match crate::cli::parse(argv, &|_| None) {
        Ok(crate::cli::Command::Ingest(args)) => *args,
        other => panic!("{other:?}"),
    }
}

fn plan_for(line: &[&str], ends: &Endpoints<'_>) -> Result<Plan, String> {
    let now = NOW;
    plans_for(line, now, ends).map(|mut plans| {
        assert_eq!((plans.tables.len(), plans.notes.len()), (1, 0));
        plans.tables.remove(0)
    })
}

fn plans_for(line: &[&str], now: Micros, ends: &Endpoints) -> Result<Plans, String> {
    Plans::from_args(&args(line), now, ends).map_err(|failure| {
        assert_eq!(failure.kind.exit_code(), 2);
        failure.to_string()
    })
}

fn plan(line: &[&str]) -> Result<Plan, String> {
    plan_for(line, &DUCKDB)
}

/// `error | hint`, on one line.
fn refusal(line: &[&str], ends: &Endpoints<'_>) -> String {
    match plan_for(line, ends) {
        Ok(plan) => panic!("{line:?} gives a plan: {plan:?}"),
        Err(text) => text.replace("\n  hint: ", " | ").trim_start_matches("error: ").to_owned(),
    }
}

/// The notes; `line` is one command line in words.
fn notes(line: &str) -> String {
    plan(&line.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>()).unwrap().notes.join(" | ")
}

#[test]
fn the_documented_command() {
    let plan = plan(&[
        "--interval-start",
        "2024-01-01",
        "--dest-table",
        "dest.customers",
        "--source-table",
        "customers",
    ]);
    let plan = plan.unwrap();
    assert_eq!((plan.table.name, &*plan.schema, &*plan.dest_table), ("customers", "dest", "customers"));
    assert_eq!(
        (plan.strategy, plan.key, plan.incremental_key),
        (Strategy::Merge, vec!["id".into()], Some("updated_datetime".into()))
    );
    assert_eq!(plan.window, Window { start: Some(Micros(1_704_067_200_000_000)), end: None });
    assert_eq!(
        plan.flush,
        Flush { rows: 50_000, bytes: 32 << 20, interval: Duration::from_secs(30), pace: None }
    );
    assert_eq!(
        plan.shaping,
        Shaping {
            overrides: vec![],
            exclude: vec![],
            trim_whitespace: false,
            contract: Contract::Evolve,
            naming: Naming::Auto,
            new_columns: 200,
        }
    );
    assert_eq!((plan.limit, plan.load_timestamp, plan.notes), (None, true, Vec::<String>::new()));
}

#[test]
fn a_plan_shows_no_secret() {
    assert!(!format!("{:?} {:?}", args(&[]), plan(&[]).unwrap()).contains("KEY"));
}

#[test]
fn what_must_be_given_is_named_at_once() {
    let said = |args: &IngestArgs| uris(args).unwrap_err().to_string();
    assert_eq!(
        said(&IngestArgs::default()),
        "error: --source-uri, --source-table, --dest-uri are missing\n  \
         hint: type --source-uri 'gorgias://mycompany?api_key=<key>&email=<email>' (or set INGESTR_SOURCE_URI or \
         SOURCE_URI), --source-table tickets (or set INGESTR_SOURCE_TABLE or SOURCE_TABLE), \
         --dest-uri duckdb:///gorgias.duckdb (or set INGESTR_DESTINATION_URI or DESTINATION_URI)"
    );
    assert_eq!(
        said(&args(&["--dest-uri", " "])),
        "error: --dest-uri is empty\n  \
         hint: is the variable set? Otherwise type --dest-uri duckdb:///gorgias.duckdb (or set INGESTR_DESTINATION_URI or DESTINATION_URI)"
    );
}

#[test]
fn what_cannot_be_done_is_refused_with_what_to_type_instead() {
    let day = "--interval-end";
    for (line, wanted) in [
        (
            &["--source-table", "ticket"][..],
            "Gorgias has no table `ticket` | did you mean `tickets`? Tables are customers, tickets, ticket_messages, satisfaction_surveys",
        ),
        (
            &["--source-table", "orders"],
            "Gorgias has no table `orders` | tables are customers, tickets, ticket_messages, satisfaction_surveys",
        ),
        (
            &["--source-table", "query:SELECT 1"],
            "--source-table: Gorgias cannot be asked in SQL | tables are customers, tickets, ticket_messages, satisfaction_surveys; query the copy in the destination",
        ),
        (
            &["--dest-table", "a.b.c"],
            "--dest-table: `a.b.c` has 3 parts, DuckDB takes schema.table | put a name that has a dot in double quotes: 'main.\"my.table\"'",
        ),
        (
            &["--dest-table", "a."],
            "--dest-table: `a.` has an empty part | type --dest-table <schema>.tickets",
        ),
        (
            &["--dest-table", "a._Ingestr_columns"],
            "--dest-table: `a._Ingestr_columns`: names that begin with _ingestr_ are for tables that ingestr keeps for itself | type --dest-table <schema>.tickets",
        ),
        (
            &["--interval-start", "last week"],
            "--interval-start: `last week` is not a time: this form is not known | write 2024-01-31, 2024-01-31T10:00:00 or 2024-01-31 10:00:00, with a fraction (.123456) and a zone (Z, +02, +0200 or +02:00) if you like; without a zone it is UTC; or today, yesterday, -7d or 7 days ago",
        ),
        (
            &[day, "2024-02-30"],
            "--interval-end: `2024-02-30` is not a time: there is no such day | write 2024-01-31, 2024-01-31T10:00:00 or 2024-01-31 10:00:00, with a fraction (.123456) and a zone (Z, +02, +0200 or +02:00) if you like; without a zone it is UTC; or today, yesterday, -7d or 7 days ago",
        ),
        (
            &["--interval-start", "2024-01-02", day, "2024-01-01"],
            "--interval-start (2024-01-02T00:00:00Z) is after --interval-end (2024-01-01T00:00:00Z) | the start must be before the end; both belong to the interval",
        ),
        (
            &["--interval-start", "2024-01-01", day, "2024-01-01"],
            "--interval-start (2024-01-01T00:00:00Z) is the same as --interval-end (2024-01-01T00:00:00Z) | a date alone means 00:00:00; for the whole day type --interval-end 2024-01-01T23:59:59.999999Z",
        ),
        (
            &["--incremental-strategy", "truncate+insert"],
            "--incremental-strategy: `truncate+insert` does not exist here | type --incremental-strategy replace, which shows the old rows until the new ones are complete",
        ),
        (
            &["--incremental-strategy", "marge"],
            "--incremental-strategy: there is no strategy `marge` | did you mean `merge`? DuckDB can do merge, replace, append, delete+insert, scd2 and none (the source's own, merge)",
        ),
        (
            &["--incremental-strategy", "upsert"],
            "--incremental-strategy: there is no strategy `upsert` | DuckDB can do merge, replace, append, delete+insert, scd2 and none (the source's own, merge)",
        ),
        (
            &["--incremental-strategy", "scd2", "--full-refresh"],
            "--full-refresh would erase the history that scd2 keeps | leave --full-refresh out; if the history may go, drop the table first, then run without it",
        ),
        (
            &["--incremental-strategy", "delete+insert", "--sql-limit", "5"],
            "--sql-limit would leave the interval with fewer rows than it had, as delete+insert replaces them | leave --sql-limit out, or type --incremental-strategy merge without --full-refresh",
        ),
        (
            &["--sql-limit", "-1"],
            "--sql-limit: -1 is less than no rows | type a number of rows, or leave --sql-limit out to copy all",
        ),
        (
            &["--flush-records", "0"],
            "--flush-records: `0` is not a number of rows | type a whole number from 1 up",
        ),
        (
            &["--flush-interval", "0s"],
            "--flush-interval: `0s` is not a duration | write a number and a unit (ms, s, m, h), e.g. 30s, 2m or 1m30s",
        ),
        (
            &["--sql-exclude-columns", "status,id"],
            "--sql-exclude-columns: `id` identifies the rows of tickets | take `id` off the list",
        ),
        (
            &["--sql-exclude-columns", "updated_datetime"],
            "--sql-exclude-columns: `updated_datetime` tells which of two versions of a row of tickets is newer | take `updated_datetime` off the list",
        ),
        (
            &["--mask", "email:hash"],
            "--mask is not available yet: values inside JSON columns would stay as they are | leave personal columns out with --sql-exclude-columns, or mask in SQL after the copy",
        ),
        (
            &["--incremental-predicate", "t.id > 5"],
            "--incremental-predicate is not supported: rows outside the condition would be written twice | leave it out; rows are merged by key alone",
        ),
        (
            &["--yield-limit", "2"],
            "--yield-limit is not supported | type --sql-limit with a number of rows instead; a page has 100",
        ),
        (
            &["--stream"],
            "--stream is not supported: Gorgias sends no stream of changes | run the command again and again, e.g. from cron; each run copies what changed",
        ),
        (
            &["--no-inference"],
            "--no-inference needs --columns | leave it out: the columns of Gorgias tables are declared, see `ingestr tables`",
        ),
    ] {
        assert_eq!(refusal(line, &DUCKDB), wanted);
    }
}

#[test]
fn a_uri_in_the_wrong_place_is_not_shown() {
    for (flag, wanted) in [
        (
            "--source-table",
            "--source-table takes the name of a table, not a URI | the URI belongs to --source-uri",
        ),
        ("--dest-table", "--dest-table takes the name of a table, not a URI | the URI belongs to --dest-uri"),
    ] {
        assert_eq!(refusal(&[flag, "gorgias://acme?api_key=KEY"], &DUCKDB), wanted);
    }
}

#[test]
fn columns_are_checked_against_the_table() {
    const FORM: &str =
        "write name:type, name:type:source or name::source, e.g. total:double or opened_at::opened_datetime";
    let types = "types are bigint, double, boolean, text, timestamptz, json; cast others in SQL";
    for (columns, wanted) in [
        ("status", format!("--columns: `status` has no type | {FORM}")),
        ("status:", format!("--columns: `status:` has no type | {FORM}")),
        (":text", format!("--columns: `:text` has no name | {FORM}")),
        ("a:text:", "--columns: `a:text:` has no source after the second colon | write name:type:source or name::source".into()),
        ("a:text:b:c", "--columns: `a:text:b:c` has no source after the second colon | write name:type:source or name::source".into()),
        ("status:date", format!("--columns: `status:date` asks for the type `date`, which does not exist here | {types}")),
        ("a:text, b:decimal(10,2)", format!("--columns: `b:decimal(10,2)` asks for the type `decimal(10,2)`, which does not exist here | {types}")),
        ("status:text,status:json", "--columns names `status` twice | name each column once".into()),
        ("a::status,b::status", "--columns takes `status` twice | a column of the source can have one name in the destination".into()),
        ("opened_datetime::status", "--columns: `opened_datetime` is a column of tickets already | choose another name for `status`, or leave `opened_datetime` out with --sql-exclude-columns".into()),
        ("_ingestr_loaded_at:text", "--columns: names that begin with _ingestr_, as `_ingestr_loaded_at`, are ours | choose another name".into()),
        ("updated_datetime:text", "--columns: `updated_datetime` tells what changed and must be timestamptz | leave its type out".into()),
    ] {
        assert_eq!(refusal(&["--columns", columns], &DUCKDB), wanted);
    }
}

#[test]
fn columns_are_typed_and_renamed() {
    let given = plan(&[
        "--columns",
        "ticket_id:text:id,changed::updated_datetime",
        "--columns",
        "status:VARCHAR(20)",
    ])
    .unwrap();
    let entry = |name: &str, logical, source: Option<&str>| ColumnOverride {
        name: name.into(),
        logical,
        source: source.map(Into::into),
    };
    assert_eq!(
        given.shaping.overrides,
        [
            entry("ticket_id", Some(LogicalType::Text), Some("id")),
            entry("changed", None, Some("updated_datetime")),
            entry("status", Some(LogicalType::Text), None),
        ]
    );
    assert_eq!((given.key, given.incremental_key), (vec!["ticket_id".into()], Some("changed".into())));
    assert_eq!(given.notes, Vec::<String>::new());
    let excluded = ["--columns", "state::status", "--sql-exclude-columns", "state,opened_datetime,status"];
    assert_eq!(plan(&excluded).unwrap().shaping.exclude, ["status", "opened_datetime"]);
    // The key may be named either way, and swapped names are no clash.
    let swapped = plan(&["--columns", "id::status,status::id", "--primary-key", "status"]).unwrap();
    assert_eq!((swapped.key, swapped.notes), (vec!["status".into()], Vec::<String>::new()));
}

#[test]
fn others_are_waited_for_as_long_as_is_wanted() {
    let minutes = |minutes: u64| Some(Duration::from_secs(minutes * 60));
    for (typed, program, run) in [
        (&[] as &[&str], minutes(10), minutes(0)),
        (&["--wait"], None, None),
        (&["--wait=true"], None, None),
        (&["--wait=false"], minutes(10), minutes(0)),
        (&["--wait="], minutes(10), minutes(0)),
        (&["--wait=30m"], minutes(30), minutes(30)),
        (&["--wait=0s"], minutes(0), minutes(0)),
        (&["--wait", "--wait=1h"], minutes(60), minutes(60)),
    ] {
        assert_eq!(plan(typed).unwrap().patience, Patience { program, run }, "{typed:?}");
    }
    let failure = plan(&["--wait=soon"]).unwrap_err();
    assert!(failure.contains("--wait: `soon` is not a duration"), "{failure}");
}

#[test]
fn what_is_odd_is_noted() {
    for (line, wanted) in [
        (
            "--interval-end 2024-01-31",
            "--interval-end 2024-01-31 leaves that day out, as a date alone means 00:00:00; for the whole day type --interval-end 2024-01-31T23:59:59.999999Z",
        ),
        ("--interval-end 2024-01-31T00:00:00", ""),
        (
            "--interval-start 2031-01-01",
            "--interval-start 2031-01-01T00:00:00Z is in the future: nothing has changed since",
        ),
        ("--sql-limit 0", ""),
        ("--sql-limit 50", "--sql-limit 50: the next run does not start where this one ends"),
        (
            "--full-refresh --sql-limit 50",
            "--sql-limit 50: the table will hold no more than that | --sql-limit 50: the next run does not start where this one ends",
        ),
        (
            "--full-refresh --incremental-strategy append",
            "--full-refresh replaces the whole table; append is for runs without it",
        ),
        ("--full-refresh --incremental-strategy merge", ""),
        (
            "--full-refresh --interval-start 2024-01-01",
            "--full-refresh with an interval replaces only the rows of the interval; all others stay",
        ),
        (
            "--incremental-strategy replace --interval-start 2024-01-01",
            "--incremental-strategy replace with an interval: the table will hold the rows of the interval and no others; to replace only those rows type --incremental-strategy delete+insert",
        ),
        (
            "--incremental-key opened_datetime",
            "--incremental-key opened_datetime has no effect: changes of tickets are found by updated_datetime",
        ),
        ("--incremental-key updated_datetime --primary-key id --yes", ""),
        (
            "--primary-key status",
            "--primary-key status: rows of tickets are told apart by id otherwise; rows that share the new key become one",
        ),
        (
            "--columns foo:bigint --primary-key id,foo",
            "--columns: tickets has no documented column `foo`; used if a row has such a field | --primary-key id,foo: rows of tickets are told apart by id otherwise; rows that share the new key become one",
        ),
        (
            "--sql-exclude-columns foo,statuss",
            "--sql-exclude-columns: tickets has no documented column `foo`; used if a row has such a field | --sql-exclude-columns: tickets has no documented column `statuss` (did you mean `status`?); used if a row has such a field",
        ),
        (
            "--columns foo:bigint",
            "--columns: tickets has no documented column `foo`; used if a row has such a field",
        ),
        ("--page-size 500", "--page-size has no effect: Gorgias pages are always 100 rows"),
        (
            "--extract-parallelism 5",
            "--extract-parallelism has no effect: reading is paced by the request budget of the Gorgias account",
        ),
        (
            "--pipelines-dir /tmp",
            "--pipelines-dir has no effect: progress is kept in the destination, next to the data",
        ),
        (
            "--loader-file-format PARQUET --loader-file-size x",
            "--loader-file-format has no effect: DuckDB is not loaded through files | --loader-file-size has no effect: DuckDB is not loaded through files",
        ),
        (
            "--partition-by status --cluster-by id",
            "--partition-by has no effect: DuckDB has no partitions | --cluster-by has no effect: DuckDB has no clusters",
        ),
        (
            "--staging-bucket gs://b --staging-dataset s",
            "--staging-bucket has no effect: DuckDB needs no bucket | --staging-dataset has no effect: DuckDB needs no staging dataset",
        ),
        (
            "--sql-backend x --metrics-addr :1",
            "--sql-backend has no effect: it is for SQL sources | --metrics-addr has no effect: there is no metrics server; use --metrics-file or --progress json",
        ),
        (
            "--no-inference --columns status:text",
            "--no-inference has no effect: Gorgias tables have declared columns; to keep other fields out type --schema-contract discard_value",
        ),
    ] {
        assert_eq!(notes(line), wanted, "{line}");
    }
}

#[test]
fn full_refresh_replaces_the_table_or_the_interval() {
    for (line, wanted) in [
        (&["--full-refresh"][..], Strategy::Replace),
        (&["--full-refresh", "--interval-end", "2024-01-01T00:00:00"], Strategy::DeleteInsert),
        (&["--incremental-strategy", "NONE"], Strategy::Merge),
        (&["--incremental-strategy", "scd2"], Strategy::Scd2),
        (&["--full-refresh=false"], Strategy::Merge),
    ] {
        assert_eq!(plan(line).unwrap().strategy, wanted, "{line:?}");
    }
}

#[test]
fn names_of_tables() {
    for (typed, wanted) in [
        (&[][..], ("main", "tickets")),
        (&["--dest-table", "t"], ("main", "t")),
        (&["--dest-table", "gorgias.tickets"], ("gorgias", "tickets")),
        (&["--dest-table", "\"a.b\".チケット"], ("a.b", "チケット")),
    ] {
        let plan = plan(typed).unwrap();
        assert_eq!((&*plan.schema, &*plan.dest_table), wanted);
    }
}

#[test]
fn finer_ends_keep_to_whole_microseconds_inside() {
    let plan = plan(&[
        "--interval-start",
        "1970-01-01T00:00:00.0000011",
        "--interval-end",
        "1970-01-01T00:00:00.0000039",
    ]);
    assert_eq!(plan.unwrap().window, Window { start: Some(Micros(2)), end: Some(Micros(3)) });
}

#[test]
fn a_list_is_re_scanned_once_a_day_unless_told_otherwise() {
    let rescan = |line: &[&str]| plan(line).unwrap().rescan.map(|period| period.as_secs());
    for (line, seconds) in [
        (&[] as &[&str], Some(86_400)),
        (&["--rescan", "7d"], Some(604_800)),
        (&["--rescan", " 12h "], Some(43_200)),
        (&["--rescan", ""], Some(86_400)),
        (&["--rescan", "0"], None),
        (&["--rescan", "0d"], None),
        // Its list is not, but what is remembered of its rows is compared with the stored ones so often.
        (&["--source-table", "satisfaction_surveys"], Some(86_400)),
        (&["--incremental-strategy", "append"], None),
    ] {
        assert_eq!(rescan(line), seconds, "{line:?}");
    }
    assert_eq!(
        refusal(&["--rescan", "1ms"], &DUCKDB),
        "--rescan: a re-scan more often than once a second is not possible | write a number and a unit (s, m, h, d), e.g. 7d or 12h, at most 366d, or 0 for never"
    );
    assert_eq!(
        refusal(&["--rescan", "weekly"], &DUCKDB),
        "--rescan: `weekly` is not a duration | write a number and a unit (s, m, h, d), e.g. 7d or 12h, at most 366d, or 0 for never"
    );
    assert_eq!(
        notes("--rescan 7d --incremental-strategy append"),
        "--rescan has no effect: with append nothing is looked for beside the list"
    );
    assert_eq!(
        notes("--rescan 7d --source-table satisfaction_surveys"),
        "--rescan has no effect: the list of satisfaction_surveys is never re-scanned"
    );
}
