//! Command lines and environments, and what clap says about bad ones.

use super::*;

fn parsed(line: &[&str], env: &[(&str, &str)]) -> Result<Command, super::parse::Stop> {
    let argv = ["ingestr"].iter().chain(line).map(Into::into).collect();
    parse(argv, &|name| env.iter().find(|(there, _)| *there == name).map(|(_, value)| value.into()))
}

fn ingest(line: &[&str], env: &[(&str, &str)]) -> IngestArgs {
    match parsed(&[&["ingest"], line].concat(), env) {
        Ok(Command::Ingest(args)) => *args,
        other => panic!("{other:?}"),
    }
}

fn refused(line: &[&str], env: &[(&str, &str)]) -> String {
    let stop = parsed(&[&["ingest"], line].concat(), env).unwrap_err();
    assert_eq!((stop.stdout, stop.exit_code), (false, 2));
    stop.text
}

#[test]
fn the_declaration_is_sound() {
    command().debug_assert();
}

#[test]
fn typed_wins_over_prefixed_wins_over_plain() {
    let env = [("SOURCE_TABLE", "plain"), ("INGESTR_SOURCE_TABLE", "prefixed")];
    assert_eq!(ingest(&["--source-table", "typed"], &env).source_table, ["typed"]);
    assert_eq!(ingest(&[], &env).source_table, ["prefixed"]);
    assert_eq!(ingest(&[], &env[..1]).source_table, ["plain"]);
    let empty = [("SOURCE_TABLE", "plain"), ("INGESTR_SOURCE_TABLE", "")];
    assert_eq!(ingest(&[], &empty).source_table, ["plain"]);
    assert_eq!(ingest(&[], &[("SOURCE_TABLE", "")]).source_table.len(), 0);
}

#[test]
fn variables_have_ingestrs_names() {
    let env = [
        ("DESTINATION_URI", "duckdb:///x"),
        ("DESTINATION_TABLE", "a.b"),
        ("SKIP_CONFIRMATION", "1"),
        ("COLUMNS", "80"),
        ("PRIMARY_KEY", "a,b"),
        ("INTERVAL_START", "-7d"),
        ("STREAM", "true"),
        ("DEBUG", "*,-not_this"),
        ("FULL_REFRESH", "no"),
        ("PAGE_SIZE", "many"),
    ];
    let args = ingest(&[], &env);
    assert_eq!(args.dest_uri.as_ref().map(SecretUri::expose), Some("duckdb:///x"));
    assert_eq!(args.dest_table.as_deref(), Some("a.b"));
    assert_eq!((args.yes, args.debug, args.full_refresh, args.foreign.stream), (true, false, false, false));
    assert_eq!((args.columns.len(), args.primary_key), (0, vec!["a".into(), "b".into()]));
    assert_eq!(args.interval_start.as_deref(), Some("-7d"));
    assert_eq!(args.typed.len(), 0, "only what is typed is worth a note");
    assert_eq!(ingest(&[], &[("INGESTR_COLUMNS", "a:text")]).columns, ["a:text"]);
}

#[test]
fn switches_take_a_truth_value_as_in_ingestr() {
    let env = [("FULL_REFRESH", "true")];
    assert!(ingest(&[], &env).full_refresh);
    assert!(!ingest(&["--full-refresh=false"], &env).full_refresh);
    assert!(ingest(&["--full-refresh=true", "--debug", "--debug"], &[]).full_refresh);
}

#[test]
fn scripts_that_repeat_a_flag_get_the_last() {
    let args = ingest(
        &["--dest-table", "a", "--dest-table", "b", "--primary-key", "x", "--primary-key", "y,z"],
        &[],
    );
    assert_eq!((args.dest_table.as_deref(), args.primary_key.join(" ")), (Some("b"), "x y z".into()));
    assert_eq!(args.typed.into_iter().collect::<Vec<_>>(), ["dest-table", "primary-key"]);
}

#[test]
fn values_are_found_whatever_their_case() {
    let args =
        ingest(&["--schema-naming", "default", "--loader-file-format", "Parquet", "--progress", "JSON"], &[]);
    assert_eq!(args.schema_naming, Naming::Auto);
    assert_eq!(args.loader_file_format, Some(FileFormat::Parquet));
    assert_eq!(args.progress, ProgressStyle::Json);
}

#[test]
fn a_bad_variable_is_named() {
    insta::assert_snapshot!(refused(&[], &[("INGESTR_PROGRESS", "jsn")]), @r#"
    error: invalid value 'jsn' for '--progress <STYLE>'
      [possible values: interactive, log, json]

      tip: a similar value exists: 'json'

    For more information, try '--help'.

    The value comes from the environment variable INGESTR_PROGRESS.
    "#);
    insta::assert_snapshot!(refused(&[], &[("SQL_LIMIT", "x")]), @r#"
    error: invalid value 'x' for '--sql-limit <ROWS>': invalid digit found in string

    For more information, try '--help'.

    The value comes from the environment variable SQL_LIMIT.
    "#);
    insta::assert_snapshot!(refused(&[], &[("INGESTR_DEBUG", "x")]), @r#"
    error: INGESTR_DEBUG is `x`, which is neither true nor false
      hint: set it to true or false, or unset it
    "#);
}

#[test]
fn a_misplaced_uri_is_not_shown() {
    let uri = "gorgias://acme?api_key=KEY&email=me@shop.com";
    insta::assert_snapshot!(refused(&["--yes", uri], &[]), @r#"
    error: unexpected argument '[not shown]' found

    Usage: ingestr ingest [OPTIONS]

    For more information, try '--help'.
    "#);
    for line in
        [&[&*format!("--sorce-uri={uri}")][..], &["api_key=KEY"], &["--progress", uri], &["--yes=KEY://KEY"]]
    {
        let text = refused(line, &[("SOURCE_URI", uri)]);
        assert!(!text.contains("KEY"), "{text}");
    }
    let stop = parsed(&[uri], &[]).unwrap_err();
    assert!(!stop.text.contains("KEY") && !stop.ansi.contains("KEY"), "{}", stop.text);
}

#[test]
fn help_names_variables_and_exit_codes_and_is_asked_for() {
    let stop = parsed(&["ingest", "--help"], &[("SOURCE_URI", "planted")]).unwrap_err();
    assert_eq!((stop.stdout, stop.exit_code), (true, 0));
    for part in
        ["[env: INGESTR_SOURCE_URI, SOURCE_URI]", "2  usage: ", "Accepted, without effect on Gorgias:"]
    {
        assert!(stop.text.contains(part), "{part}");
    }
    assert!(!stop.text.contains("planted") && !stop.text.contains("--mask"));
    let none = parsed(&[], &[]).unwrap_err();
    assert_eq!((none.stdout, none.exit_code), (false, 2));
}

#[test]
fn other_commands() {
    assert!(
        matches!(parsed(&["tables", "gorgias://acme", "--json"], &[]), Ok(Command::Tables(args)) if args.json)
    );
    assert!(matches!(parsed(&["docs", "cli"], &[]), Ok(Command::Docs { page: DocsPage::Cli })));
    assert!(matches!(parsed(&["completions", "zsh"], &[]), Ok(Command::Completions { .. })));
    assert!(
        String::from_utf8(completions(clap_complete::Shell::Bash, &["tickets"]))
            .unwrap()
            .contains("--interval-start")
    );
    assert!(String::from_utf8(man().unwrap()).unwrap().contains("interval\\-start"));
}
