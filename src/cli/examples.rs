//! What the help of each command ends with: commands that can be typed as they stand, once both ends are in the environment.

const INIT: &str = "\
Examples:
  ingestr init                                                    asks for everything
  ingestr init --dest-uri sqlite:///helpdesk.db                   asks for the rest
  ingestr init --domain mycompany --email me@shop.com < key.txt   in a script

The key is asked for and not shown. In a script it is read from INGESTR_API_KEY or from standard input.";

/// The examples of a command.
pub(super) fn of(command: &str) -> Option<&'static str> {
    Some(match command {
        "init" => INIT,
        "ingest" => {
            "\
Examples, with both ends in the environment:
  export SOURCE_URI='gorgias://mycompany?api_key=KEY&email=EMAIL' DESTINATION_URI=duckdb:///helpdesk.duckdb
  ingestr ingest --source-table '*' --dest-table gorgias             all usual tables; later runs read what changed
  ingestr ingest --source-table tickets --interval-start yesterday   tickets that changed since yesterday 00:00 UTC
  ingestr ingest --source-table tickets --sql-limit 100              a hundred rows, to try it out
  ingestr ingest --source-table '*' --dest-table gorgias --quiet     the nightly job: silent unless something is wrong"
        }
        "plan" => {
            "\
Examples:
  ingestr plan --source-table '*' --dest-table gorgias   how many rows and requests, and how long
  ingestr plan --source-table tickets --json             the same for a program"
        }
        "check" => {
            "\
Examples:
  ingestr check                                        both ends, from the environment
  ingestr check --dest-uri duckdb:///helpdesk.duckdb   the destination alone, unless SOURCE_URI is set"
        }
        "tables" => {
            "\
Examples:
  ingestr tables                  all tables
  ingestr tables tickets          one of them, with its columns
  ingestr tables tickets --json   the same for a program"
        }
        "models" => {
            "\
Examples:
  ingestr models --dest-uri duckdb:///helpdesk.duckdb > models.sql && duckdb helpdesk.duckdb < models.sql
  ingestr models --dialect postgres --tz Europe/Paris --with users,tags > models.sql && psql shop < models.sql"
        }
        "report" => {
            "\
Examples:
  ingestr report --dest-uri duckdb:///helpdesk.duckdb --output report.html
  ingestr report --since 12w --tz Europe/Paris --anonymous --output report.html"
        }
        "show" => {
            "\
Example:
  ingestr state show --dest-uri duckdb:///helpdesk.duckdb"
        }
        "reset" => {
            "\
Example:
  ingestr state reset --dest-uri duckdb:///helpdesk.duckdb --dest-table gorgias.tickets"
        }
        "move" => {
            "\
Example:
  ingestr state move --dest-uri duckdb:///helpdesk.duckdb --from oldname --to newname"
        }
        "completions" => {
            "\
Examples:
  ingestr completions bash > ~/.local/share/bash-completion/completions/ingestr
  ingestr completions zsh > ~/.zfunc/_ingestr
  ingestr completions fish > ~/.config/fish/completions/ingestr.fish"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{command, parts};

    /// Commands of the pages, each on a line of its own in a block of shell.
    #[test]
    fn the_pages_show_commands_that_are_understood() {
        let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
        let recipes = std::fs::read_dir(docs.join("recipes")).unwrap().map(|entry| entry.unwrap().path());
        let mut seen = 0;
        for page in recipes.chain([docs.join("install.md"), docs.join("first-copy.md")]) {
            let text = std::fs::read_to_string(&page).unwrap();
            for block in text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()) {
                for line in block.lines() {
                    let line = line.strip_prefix("exec ").unwrap_or(line);
                    let Some(words) = line.strip_prefix("ingestr ") else { continue };
                    let words = words.split(['|', '>', '&']).next().unwrap_or_default().replace('\'', "");
                    let argv = std::iter::once("ingestr").chain(words.split_whitespace());
                    if let Err(error) = command().try_get_matches_from(argv) {
                        assert!(!error.use_stderr(), "{}: {line}: {error}", page.display());
                    }
                    seen += 1;
                }
            }
        }
        assert!(seen > 15, "{seen} commands");
    }

    #[test]
    fn each_command_has_examples_that_it_understands() {
        let command = command();
        for part in parts(&command) {
            let Some(examples) = super::of(part.get_name()) else {
                assert!(["man", "version"].contains(&part.get_name()), "{} has no example", part.get_name());
                continue;
            };
            for line in examples.lines().filter_map(|line| line.strip_prefix("  ingestr ")) {
                let words = line.split("   ").next().unwrap_or_default();
                let words = words.split(['|', '>', '<']).next().unwrap_or_default().replace('\'', "");
                let argv = std::iter::once("ingestr").chain(words.split_whitespace());
                let parsed = command.clone().try_get_matches_from(argv);
                assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
            }
        }
    }
}
