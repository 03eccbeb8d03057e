//! Text made from declarations: `ingestr tables`, and the pages docs/cli.md and docs/tables.md that CI compares.
//!
//! Nothing is written twice: flags come from clap, tables from the source, exit codes from [`Kind`].

use std::fmt::Write as _;

use serde::Serialize;

use crate::cli::{command, env_names, parts};
use crate::error::Kind;
use crate::model::{DELETED_AT, MERGED_INTO};
use crate::source::{Answers, Changes, Choice, List, Removals, Resource};
use crate::words::count;

/// First line of each page, so that nobody edits it.
const MADE: &str = "<!-- Made by `ingestr docs`; change the source, not this file. -->\n";

/// The whole command line as Markdown.
#[must_use]
pub fn cli_markdown() -> String {
    let mut command = command();
    command.build();
    let mut page = format!("{MADE}\n# Command line\n");
    for sub in parts(&command) {
        let name = sub.get_bin_name().unwrap_or_else(|| sub.get_name());
        let positional: String = sub.get_positionals().map(|arg| format!(" {}", positional(arg))).collect();
        let flags = match sub.get_name() {
            "init" => " [flags]",
            "ingest" => " --source-uri <URI> --source-table <TABLES> --dest-uri <URI> [flags]",
            "plan" => " --source-uri <URI> --source-table <TABLES> --dest-uri <URI> [flags]",
            "check" => " [--source-uri <URI>] [--dest-uri <URI>] [flags]",
            "show" => " --dest-uri <URI> [flags]",
            "move" => " --dest-uri <URI> --from <ACCOUNT> --to <ACCOUNT>",
            "reset" => " --dest-uri <URI> --dest-table <TABLE>",
            _ => "",
        };
        push(&mut page, &format!("\n## `{name}{flags}{positional}`\n\n{}\n", about(sub)));
        if sub.get_name() == "plan" {
            push(&mut page, "\nIt takes all flags of `ingestr ingest`, and:\n");
        }
        let mut heading = "";
        for arg in sub
            .get_arguments()
            .filter(|arg| !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version"))
            // All others are those of `ingest`.
            .filter(|arg| sub.get_name() != "plan" || arg.get_id() == "json")
        {
            let under = arg.get_help_heading().unwrap_or_default();
            if under != heading && sub.get_name() != "plan" {
                heading = under;
                push(&mut page, &format!("\n### {heading}\n"));
            }
            push(&mut page, &argument(arg));
        }
        if sub.get_name() == "ingest" {
            page.push_str(ENVIRONMENT);
        }
    }
    page.push_str("\n## Exit codes\n\n| code | name | meaning |\n| --- | --- | --- |\n| 0 | success | all that was asked for is done |\n");
    for (kind, meaning) in Kind::ALL {
        push(&mut page, &format!("| {} | {} | {meaning} |\n", kind.exit_code(), kind.name()));
    }
    page
}

const ENVIRONMENT: &str = "\n### Environment\n\nA flag that is not typed is looked up in the variables above, the first \
                           of them first. An empty variable counts as not set. Switches take true or false, also when \
                           typed (`--yes=false`).\n";

fn push(page: &mut String, text: &str) {
    page.push_str(text);
}

fn about(command: &clap::Command) -> String {
    sentence(&command.get_about().map(ToString::to_string).unwrap_or_default())
}

/// clap takes the full stop off one-sentence help.
fn sentence(text: &str) -> String {
    if text.is_empty() || text.ends_with(['.', ']', ')']) { text.to_owned() } else { format!("{text}.") }
}

fn positional(arg: &clap::Arg) -> String {
    let name = arg.get_value_names().and_then(|names| names.first()).map_or("VALUE", |name| name.as_str());
    if arg.is_required_set() { format!("<{name}>") } else { format!("[{name}]") }
}

/// One flag: its form, its help, its values, default and variables.
fn argument(arg: &clap::Arg) -> String {
    let long = arg.get_long();
    let mut head = long.map_or_else(|| positional(arg), |long| format!("--{long}"));
    if let (Some(_), true, Some(names)) = (long, arg.get_action().takes_values(), arg.get_value_names()) {
        for name in names {
            let optional = arg.is_require_equals_set();
            let _ = if optional { write!(head, "[=<{name}>]") } else { write!(head, " <{name}>") };
        }
    }
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let mut text = format!("\n**`{head}`**\n");
    for paragraph in help.split("\n\n").filter(|paragraph| !paragraph.starts_with("[env: ")) {
        // Placeholders like <key> would be HTML.
        let _ = write!(text, "\n{}\n", sentence(&paragraph.replace('<', "\\<")));
    }
    let mut facts = Vec::new();
    let values = arg.get_possible_values();
    if !values.is_empty() && arg.get_action().takes_values() {
        for value in values.iter().filter(|value| !value.is_hide_set()) {
            let help = value.get_help().map(|help| format!(": {}", help.to_string().trim_end_matches('.')));
            facts.push(format!("`{}`{}", value.get_name(), help.unwrap_or_default()));
        }
    }
    let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if arg.get_action().takes_values() && !defaults.is_empty() {
        facts.push(format!("default: `{}`", defaults.join(", ")));
    }
    // What reads them says so in its help.
    let names = long.filter(|_| help.contains("[env: ")).map(env_names).unwrap_or_default();
    if !names.is_empty() {
        facts.push(format!("environment: `{}`", names.join("`, `")));
    }
    if !facts.is_empty() {
        let _ = write!(text, "\n- {}\n", facts.join("\n- "));
    }
    text
}

/// How a table's changes are found, in a few words.
fn incremental(table: &Resource) -> String {
    let how = match table.changes {
        Changes::ByUpdate => "only what changed is read".to_owned(),
        Changes::Recent { days: 0 } => "only what is new is read".to_owned(),
        Changes::Recent { days } => {
            format!("what was created in the last {} is read again", count(days.into(), "day"))
        }
        Changes::Full => "all of it is read in every run".to_owned(),
        Changes::WithParent => {
            let parent = table.embedded().map_or("another table", |(parent, _)| parent.name);
            format!("taken out of rows of {parent}, without a request")
        }
    };
    table.incremental_key.map(|key| format!("by {key}: {how}")).unwrap_or(how)
}

/// Requests of a run that finds nothing new.
fn cost(table: &Resource) -> String {
    match (table.list, table.changes) {
        (List::Whole { answers: Answers::Pages(_), parts: [_], .. }, _) => "1 for 100 rows".to_owned(),
        (List::Whole { answers: Answers::Pages(_), parts, .. }, _) => {
            format!("{}, and 1 more for 100 rows", parts.len())
        }
        (List::Whole { .. }, _) => "1".to_owned(),
        (List::In { .. }, _) => "none".to_owned(),
        (List::Keyset { .. }, Changes::Recent { days }) if days > 0 => {
            format!("1, and 1 more for 100 rows of {}", count(days.into(), "day"))
        }
        (List::Keyset { .. }, _) => "1".to_owned(),
    }
}

fn deletions(table: &Resource) -> &'static str {
    match table.removals {
        Removals::Never => "are not seen",
        Removals::Events(_) => "are found by events, and by a re-scan",
        Removals::Absence => "are found by reading all",
        Removals::WithParent => "go with the rows they are in",
    }
}

fn scope(table: &Resource) -> &'static str {
    table.scope.unwrap_or("not documented")
}

/// The tables as Markdown.
#[must_use]
pub fn tables_markdown(tables: &[Resource]) -> String {
    let mut page = format!(
        "{MADE}\n# Tables\n\n| table | a row is | key | incremental | `'*'` | requests when nothing is new | deletions | right |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n"
    );
    for table in tables {
        let (name, about) = (table.name, cell(table.about));
        let _ = writeln!(
            page,
            "| [{name}](#{name}) | {about} | {} | {} | {} | {} | {} | {} |",
            table.key.join(", "),
            incremental(table),
            if table.choice.by_star() { "yes" } else { "no" },
            cost(table),
            deletions(table),
            scope(table)
        );
    }
    page.push_str(COLUMNS);
    let which = |choice| {
        let those = tables.iter().filter(|table| table.choice == choice).map(|table| table.name);
        those.collect::<Vec<_>>().join(", ")
    };
    if !which(Choice::Named).is_empty() {
        let _ = writeln!(
            page,
            "\n`--source-table '*'` means {}, and of {} those that the account has and the credentials may read: a line \
         of the receipt tells of the others. `'*,events'` adds one of {}; `'**'` means all.",
            which(Choice::Usual),
            which(Choice::Offered),
            which(Choice::Named)
        );
    }
    let tracked: Vec<&str> = tables
        .iter()
        .filter(|table| table.deletions() && table.embedded().is_none())
        .map(|table| table.name)
        .collect();
    if !tracked.is_empty() {
        let _ = write!(
            page,
            "\nEach row also carries `{DELETED_AT}` (timestamptz, NULL as long as the row is there) and, where that can be known, \
             `{MERGED_INTO}` (bigint, the row it was merged into). Rows that are deleted at the source are found in {}: they \
             stay, with the time. `--deletes hard` removes them instead, but not those that were marked before; `--deletes \
             ignore` leaves them as they are.\n",
            tracked.join(", ")
        );
    }
    if tables.iter().any(|table| table.embedded().is_some()) {
        page.push_str(
            "\nRows that are taken out of rows of another table are always those of its rows: one that left its parent is \
             removed, whatever `--deletes` says, and when the parent is gone they go as it does. A table that is named \
             without its parent brings it along; one that is added to an older copy is made from the rows there, \
             without a request.\n",
        );
    }
    not_copied(&mut page, tables);
    for table in tables {
        let _ = write!(
            page,
            "\n## {}\n\n{}\n\n| column | type | meaning |\n| --- | --- | --- |\n",
            table.name, table.about
        );
        for (name, logical, about) in table.columns {
            let _ = writeln!(page, "| {name} | {} | {} |", logical.name(), cell(about));
        }
    }
    page
}

const COLUMNS: &str = "\nAll documented columns exist from the first load, whether a row has a value or not. A field that is not \
     documented becomes a new column (see `--schema-contract`), or, once the table has got 200 of these (see `--max-new-columns`), \
     a part of the JSON object in its column `_ingestr_extra`. Each row carries `_ingestr_loaded_at`.\n\
     \nThe column of an undocumented field has the type of its first values, and becomes wider when others come: \
     whole numbers and fractions become `double`, all else becomes `text`, or `json` where one is an object or a list. \
     A `double` holds whole numbers exactly up to 9007199254740992 (2^53): where a fraction comes into a column of whole \
     numbers, larger ones are rounded, those that are stored already, too, and nothing of it is in `_ingestr_rejects`. \
     `--columns field:text` keeps each number as it was sent. Documented columns keep their types. This is so in every database.\n";

/// What is replaced in rows of tables that hold credentials of other systems.
fn not_copied(page: &mut String, tables: &[Resource]) {
    let with: Vec<&str> =
        tables.iter().filter(|table| !table.secrets.is_empty()).map(|table| table.name).collect();
    if with.is_empty() {
        return;
    }
    let _ = write!(
        page,
        "\n## Credentials of other systems\n\nIn {}, `[redacted]` takes the place of what may be a credential, before anything else \
         sees the row. Nobody has written down what these tables hold, so this goes by names and by form, and rather \
         hides too much:\n\n{CREDENTIALS}",
        with.join(", ")
    );
}

const CREDENTIALS: &str = "\
- In JSON columns, and in fields that are not documented: the value of whatever has one of these in its name, in any \
spelling (`private_key`, `access-key`, `apiKey`), with all values in it: token, secret, password, passwd, passphrase, passcode, \
passkey, credential, oauth, authorization, authentication, bearer, jwt, cookie, hmac, certificate; as a word of its own auth, \
pass, pw, pwd, cred, sig, session, cert, pem, private, otp, totp, pin, csrf, sas, headers; a name that ends in key, keys, pass or pwd (not \
`public_key` and the like); signature, unless it is an object, which is a signature below e-mails. Names stay, and so do null, \
true, false and empty texts. A name that ends in a word such as type, url, status, expires, at or scope \
(`token_url`, `auth_type`) tells about a credential, and its value stays.
- The same where name and value are members of one object: `{\"name\": \"X-Api-Key\", \"value\": …}`; and a member `key` \
without a `value` beside it.
- In texts: user and password of an address are left out, and what follows its `?` or `#` is replaced, in whole addresses and in relative ones that \
have a name and `=` there; scheme, host and path stay. A text that is or holds a header (`Bearer …`, `Basic …`), a key in PEM \
form, a JSON web token, or `name=value` or `name: value` with such a name, is replaced as a whole.
- A text that holds JSON is looked into in the same way, four times one in the other; what lies deeper is replaced.
- A text in the place of an object (`integrations.http` and `meta`, `jobs.info`, `meta` and `params`, `account.meta`, \
`account_settings.data`) is replaced as a whole, unless it holds JSON.
- Of HTTP integrations all values in `headers`, `form`, `oauth2` and `hmac_secret`. `account` comes without `settings`.

Documented columns that are no JSON (`name`, `description`) are copied as they are, and so is a credential that nothing shows \
to be one, such as the path of an address. All other tables are copied as they are: actions of `macros` and the code of \
`rules` may call other systems with credentials in them. What an older version has stored stays until \
`--full-refresh` reads the table anew.
";

/// Text that cannot end a cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// The tables for a terminal.
#[must_use]
pub fn tables_text(tables: &[Resource]) -> String {
    let mut text = String::new();
    for table in tables {
        if !text.is_empty() {
            text.push('\n');
        }
        let _ = writeln!(text, "{}  {}", table.name, table.about);
        let _ = writeln!(text, "  key          {}", table.key.join(", "));
        let _ = writeln!(text, "  incremental  {}", incremental(table));
        let _ = writeln!(text, "  deletions    {}", deletions(table));
        let _ = writeln!(text, "  requests     {}, when nothing is new", cost(table));
        let _ = writeln!(text, "  right        {}", scope(table));
        let _ = writeln!(
            text,
            "  by '*'       {}",
            if table.choice.by_star() { "yes" } else { "no, by name only" }
        );
        let width = table.columns.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or_default();
        for (name, logical, about) in table.columns {
            let line = format!("    {name:<width$}  {:<11}  {about}", logical.name());
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }
    text
}

#[derive(Serialize)]
struct TableJson<'a> {
    name: &'a str,
    about: &'a str,
    key: &'a [&'a str],
    incremental_key: Option<&'a str>,
    incremental: &'static str,
    lookback_days: Option<u32>,
    deletions: bool,
    default: bool,
    scope: Option<&'a str>,
    columns: Vec<ColumnJson<'a>>,
}

#[derive(Serialize)]
struct ColumnJson<'a> {
    name: &'a str,
    r#type: &'static str,
    about: &'a str,
}

/// The tables as one JSON array, ending in a newline.
///
/// # Errors
/// None in practice: all of it is text and numbers.
pub fn tables_json(tables: &[Resource]) -> Result<String, serde_json::Error> {
    let tables: Vec<TableJson<'_>> = tables
        .iter()
        .map(|table| TableJson {
            name: table.name,
            about: table.about,
            key: table.key,
            incremental_key: table.incremental_key,
            incremental: match table.changes {
                Changes::ByUpdate => "updated",
                Changes::Recent { .. } => "lookback",
                Changes::Full => "full",
                Changes::WithParent => "child",
            },
            lookback_days: match table.changes {
                Changes::ByUpdate | Changes::Full | Changes::WithParent => None,
                Changes::Recent { days } => Some(days),
            },
            deletions: table.deletions(),
            default: table.choice.by_star(),
            scope: table.scope,
            columns: table
                .columns
                .iter()
                .map(|(name, logical, about)| ColumnJson { name, r#type: logical.name(), about })
                .collect(),
        })
        .collect();
    serde_json::to_string_pretty(&tables).map(|json| json + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::LogicalType;
    use crate::source::Order;

    const TICKETS: Resource = Resource {
        about: "One conversation.",
        incremental_key: Some("updated_datetime"),
        scope: Some("tickets:read"),
        columns: &[("id", LogicalType::Int64, "Its id."), ("meta", LogicalType::Json, "A | B.")],
        ..Resource::of(
            "tickets",
            List::Keyset { path: "/tickets", order: Order::Asked },
            Changes::ByUpdate,
            Removals::Events(&[]),
        )
    };

    const TABLES: [Resource; 2] = [
        TICKETS,
        Resource {
            name: "satisfaction_surveys",
            about: "One survey.",
            changes: Changes::Recent { days: 30 },
            removals: Removals::Never,
            columns: &[("id", LogicalType::Int64, "")],
            ..TICKETS
        },
    ];

    #[test]
    fn tables_as_text() {
        insta::assert_snapshot!(tables_text(&TABLES), @r"
        tickets  One conversation.
          key          id
          incremental  by updated_datetime: only what changed is read
          deletions    are found by events, and by a re-scan
          requests     1, when nothing is new
          right        tickets:read
          by '*'       yes
            id    bigint       Its id.
            meta  json         A | B.

        satisfaction_surveys  One survey.
          key          id
          incremental  by updated_datetime: what was created in the last 30 days is read again
          deletions    are not seen
          requests     1, and 1 more for 100 rows of 30 days, when nothing is new
          right        tickets:read
          by '*'       yes
            id  bigint
        ");
    }

    #[test]
    fn tables_as_markdown() {
        insta::assert_snapshot!(tables_markdown(&TABLES), @r"
        <!-- Made by `ingestr docs`; change the source, not this file. -->

        # Tables

        | table | a row is | key | incremental | `'*'` | requests when nothing is new | deletions | right |
        | --- | --- | --- | --- | --- | --- | --- | --- |
        | [tickets](#tickets) | One conversation. | id | by updated_datetime: only what changed is read | yes | 1 | are found by events, and by a re-scan | tickets:read |
        | [satisfaction_surveys](#satisfaction_surveys) | One survey. | id | by updated_datetime: what was created in the last 30 days is read again | yes | 1, and 1 more for 100 rows of 30 days | are not seen | tickets:read |

        All documented columns exist from the first load, whether a row has a value or not. A field that is not documented becomes a new column (see `--schema-contract`), or, once the table has got 200 of these (see `--max-new-columns`), a part of the JSON object in its column `_ingestr_extra`. Each row carries `_ingestr_loaded_at`.

        The column of an undocumented field has the type of its first values, and becomes wider when others come: whole numbers and fractions become `double`, all else becomes `text`, or `json` where one is an object or a list. A `double` holds whole numbers exactly up to 9007199254740992 (2^53): where a fraction comes into a column of whole numbers, larger ones are rounded, those that are stored already, too, and nothing of it is in `_ingestr_rejects`. `--columns field:text` keeps each number as it was sent. Documented columns keep their types. This is so in every database.

        Each row also carries `_ingestr_deleted_at` (timestamptz, NULL as long as the row is there) and, where that can be known, `_ingestr_merged_into` (bigint, the row it was merged into). Rows that are deleted at the source are found in tickets: they stay, with the time. `--deletes hard` removes them instead, but not those that were marked before; `--deletes ignore` leaves them as they are.

        ## tickets

        One conversation.

        | column | type | meaning |
        | --- | --- | --- |
        | id | bigint | Its id. |
        | meta | json | A \| B. |

        ## satisfaction_surveys

        One survey.

        | column | type | meaning |
        | --- | --- | --- |
        | id | bigint |  |
        ");
    }

    #[test]
    fn tables_as_json() {
        insta::assert_snapshot!(tables_json(&TABLES[1..]).unwrap(), @r#"
        [
          {
            "name": "satisfaction_surveys",
            "about": "One survey.",
            "key": [
              "id"
            ],
            "incremental_key": "updated_datetime",
            "incremental": "lookback",
            "lookback_days": 30,
            "deletions": false,
            "default": true,
            "scope": "tickets:read",
            "columns": [
              {
                "name": "id",
                "type": "bigint",
                "about": ""
              }
            ]
          }
        ]
        "#);
    }

    #[test]
    fn the_cli_page_names_every_flag_with_its_variables() {
        let page = cli_markdown();
        for name in [
            "--interval-start <TIME>",
            "`INGESTR_SOURCE_URI`, `SOURCE_URI`",
            "default: `evolve`",
            "`discard_row`",
        ] {
            assert!(page.contains(name), "{name}");
        }
        assert!(!page.contains("--mask") && !page.contains("[env:"));
        assert!(page.contains("| 2 | usage |"));
    }
}
