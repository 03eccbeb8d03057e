//! What to type next, as lines that can be copied as they stand.

use std::path::Path;

use super::super::look::ask;

/// The lines of all steps.
pub(super) fn steps(env_file: &Path, scheme: &str, dest_uri: &str, folder: &Path, program: &Path) -> String {
    let source = source_line(env_file);
    let file = dest_uri.split_once(":///").map_or("", |(_, path)| path.split('?').next().unwrap_or_default());
    let sql = |table: &str| format!("SELECT channel, count(*) FROM {table} GROUP BY channel");
    let asked = match scheme {
        "sqlite" => ask(scheme, Some(&quoted(file)), &sql("\"gorgias.tickets\"")),
        "bigquery" => ask(scheme, None, &sql("gorgias.tickets")),
        _ => None,
    };
    let look = asked.unwrap_or_else(|| "ingestr report --output report.html".to_owned());
    let copy = "ingest --source-table '*' --dest-table gorgias";
    // cron turns % into a new line.
    let night = format!(
        "cd {} && {source} && {} {copy} --quiet --wait=30m",
        quoted(&folder.to_string_lossy()),
        quoted(&program.to_string_lossy())
    )
    .replace('%', "\\%");
    format!(
        "In each shell, first:\n\n    {source}\n\n\
         How long will it take?\n\n    ingestr plan --source-table '*' --dest-table gorgias\n\n\
         Copy all usual tables; later, the same line copies what changed:\n\n    \
         ingestr {copy}\n\n\
         Look at it:\n\n    {look}\n\n\
         Every night at 3:17, as a line for `crontab -e`:\n\n    17 3 * * * {night}\n"
    )
}

/// What puts the file's variables into the environment of a shell. A name without a slash would be looked up in PATH.
fn source_line(env_file: &Path) -> String {
    let name = env_file.to_string_lossy();
    let name = if name.contains('/') { name.into_owned() } else { format!("./{name}") };
    format!("set -a && . {} && set +a", quoted(&name))
}

/// A word of a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:=@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_with_odd_names_survive_the_shell_and_cron() {
        let text = steps(
            Path::new("my keys.env"),
            "sqlite",
            "sqlite:///shop.db",
            Path::new("/srv/50% off/it's"),
            Path::new("/opt/ingestr"),
        );
        let last = text.lines().last().unwrap_or_default();
        assert_eq!(
            last.trim(),
            "17 3 * * * cd '/srv/50\\% off/it'\\''s' && set -a && . './my keys.env' && set +a && /opt/ingestr ingest \
             --source-table '*' --dest-table gorgias --quiet --wait=30m"
        );
        assert!(text.contains("sqlite3 shop.db 'SELECT"), "{text}");
    }
}
