//! What keeps the code small and in order, as a test like any other: sizes, openings, places, generated pages.

use std::fs;
use std::path::{Path, PathBuf};

mod layers;
mod words;

/// Lines of a source file before its tests.
const FILE: usize = 400;
/// Lines of any file, tests and all: no exception goes beyond this.
const HARD: usize = 600;
/// Lines of a function, tests apart: a table of cases may be long.
const FUNCTION: usize = 70;

/// Files over [`FILE`], with the lines they have. The list may only shrink: lower a number when the file has shrunk,
/// take the line out when it fits.
const LONG_FILES: [(&str, usize); 0] = [];

/// Functions over [`FUNCTION`], as `file: name`, with the lines they have. The list may only shrink.
const LONG_FUNCTIONS: [(&str, usize); 0] = [];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files of the project that are text, with their paths from its root.
fn files() -> Vec<(String, String)> {
    const NOT_OURS: [&str; 4] = [".git", ".duckdb", "target", "tmp"];
    let mut folders: Vec<PathBuf> = vec![root().to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if NOT_OURS.contains(&name.as_str()) || name.starts_with(".venv") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                found.push((path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

fn sources() -> impl Iterator<Item = (String, String)> {
    files().into_iter().filter(|(path, _)| path.ends_with(".rs"))
}

/// Whether all of the file is tests.
fn is_test(path: &str) -> bool {
    let within = ["/tests/", "/tests.rs", "/conformance/", "/conformance.rs"];
    path.starts_with("tests/") || within.iter().any(|part| path.contains(part))
}

/// The file as far as its tests, which come last.
fn before_tests(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

/// Compares what is too long with the list of exceptions.
fn ratchet(limit: usize, measured: &[(String, usize)], exceptions: &[(&str, usize)]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, lines) in measured {
        let allowed = exceptions.iter().find(|(exception, _)| exception == name).map(|(_, lines)| *lines);
        match allowed {
            None if *lines > limit => wrong.push(format!("{name}: {lines} lines, {limit} are enough")),
            Some(allowed) if *lines > allowed => {
                wrong.push(format!("{name}: {lines} lines, it was to shrink from {allowed}"));
            }
            Some(_) if *lines <= limit => {
                wrong.push(format!("{name}: {lines} lines, so it needs no exception any more"));
            }
            Some(allowed) if *lines < allowed => {
                wrong.push(format!("{name}: lower its exception from {allowed} to {lines}"));
            }
            _ => {}
        }
    }
    for (name, _) in exceptions.iter().filter(|(name, _)| measured.iter().all(|(other, _)| other != name)) {
        wrong.push(format!("{name}: there is no such thing, so it needs no exception"));
    }
    wrong
}

#[test]
fn no_file_is_too_long() {
    let measured: Vec<(String, usize)> = sources()
        .filter(|(path, _)| !is_test(path))
        .map(|(path, text)| (path, before_tests(&text).lines().count()))
        .collect();
    let mut wrong = ratchet(FILE, &measured, &LONG_FILES);
    for (path, text) in sources() {
        let lines = text.lines().count();
        if lines > HARD && (is_test(&path) || before_tests(&text).lines().count() > FILE) {
            wrong.push(format!("{path}: {lines} lines, more than {HARD} are never right"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Functions of a formatted file: name, and lines from `fn` to the brace that closes it.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function(line.trim_start()) else { continue };
        let indent = &line[..line.len() - line.trim_start().len()];
        let closes = |line: &&str| {
            line.strip_prefix(indent)
                .is_some_and(|rest| rest == "}" || (rest.starts_with(')') && rest.ends_with(';')))
        };
        let whole = line.ends_with('}') || line.ends_with(';');
        let length = if whole { Some(0) } else { lines[start..].iter().position(closes) };
        found.extend(length.map(|length| (name.to_owned(), length + 1)));
    }
    found
}

/// The name of the function that a line begins.
fn function(line: &str) -> Option<&str> {
    let mut rest = line;
    if let Some(after) = rest.strip_prefix("pub(") {
        rest = after.split_once(") ")?.1;
    }
    for word in ["pub ", "const ", "async ", "unsafe "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    rest.strip_prefix("fn ")?.split(['(', '<']).next()
}

#[test]
fn no_function_is_too_long() {
    let measured: Vec<(String, usize)> = sources()
        .filter(|(path, _)| !is_test(path))
        .flat_map(|(path, text)| {
            let functions = functions(before_tests(&text));
            functions.into_iter().map(move |(name, lines)| (format!("{path}: {name}"), lines))
        })
        .collect();
    assert!(measured.len() > 500, "only {} functions were found", measured.len());
    let mut longest: Vec<(String, usize)> = Vec::new();
    for (name, lines) in measured {
        match longest.iter_mut().find(|(other, _)| *other == name) {
            Some((_, most)) => *most = lines.max(*most),
            None => longest.push((name, lines)),
        }
    }
    let wrong = ratchet(FUNCTION, &longest, &LONG_FUNCTIONS);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn functions_are_measured_from_fn_to_brace() {
    let text = "impl X {\n    pub(super) async fn a<T>(\n        x: T,\n    ) {\n        one();\n    }\n\n    fn b() {}\n}\n\nfn c() {\n}\n";
    let found = functions(text);
    assert_eq!(found.first(), Some(&("a".to_owned(), 5)));
    assert_eq!(found.last(), Some(&("c".to_owned(), 2)));
}

#[test]
fn every_file_opens_with_what_lives_in_it() {
    let wrong: Vec<String> =
        sources().filter(|(_, text)| !text.starts_with("//! ")).map(|(path, _)| path).collect();
    assert!(wrong.is_empty(), "these do not begin with `//!`: {wrong:?}");
}

#[test]
fn no_path_of_somebodys_machine_is_written_down() {
    // In pieces, or this file would hold them.
    let machines = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    for (path, text) in files() {
        for machine in machines {
            assert!(!text.contains(machine), "{path} holds {machine}");
        }
    }
}

#[test]
fn no_file_is_forgotten() {
    let sources: Vec<(String, String)> = sources().collect();
    for (path, _) in &sources {
        let Some(below) =
            ["src/", "sim/src/", "tests/"].iter().find_map(|top| path.strip_prefix(top).map(|_| *top))
        else {
            continue;
        };
        let path = path.as_str();
        let inner = &path[below.len()..];
        if ["lib.rs", "main.rs"].contains(&inner) {
            continue;
        }
        // `a/b.rs` is named in `a.rs` or `a/mod.rs`; `a/mod.rs` and `a.rs` are named in the root.
        let stem = inner.trim_end_matches(".rs").trim_end_matches("/mod");
        let (parents, name) = match stem.rsplit_once('/') {
            Some((folder, name)) => {
                (vec![format!("{below}{folder}.rs"), format!("{below}{folder}/mod.rs")], name)
            }
            None => (vec![format!("{below}lib.rs"), format!("{below}main.rs")], stem),
        };
        let named = sources.iter().filter(|(other, _)| parents.contains(other)).any(|(_, text)| {
            text.lines().any(|line| {
                ["", "pub ", "pub(crate) ", "pub(super) "]
                    .iter()
                    .any(|public| line == format!("{public}mod {name};"))
            })
        });
        assert!(named, "{path} is in no `mod` line of {parents:?}, so it is not compiled");
    }
}

#[test]
fn only_main_and_the_report_print() {
    for (path, text) in sources().filter(|(path, _)| path.starts_with("src/") && !is_test(path)) {
        if path == "src/main.rs" || path.starts_with("src/report") {
            continue;
        }
        for word in ["println!", "print!(", "io::stdout()", "io::stderr()", "dbg!("] {
            assert!(!before_tests(&text).contains(word), "{path} has {word}");
        }
    }
}

#[test]
fn main_is_short() {
    let text = fs::read_to_string(root().join("src/main.rs")).unwrap();
    assert!(
        text.lines().count() <= 60,
        "src/main.rs parses, runs, prints and exits; the rest belongs elsewhere"
    );
}

#[test]
fn generated_pages_are_up_to_date() {
    for (page, wanted) in [
        ("docs/cli.md", ingestr::api::docs::cli_markdown()),
        ("docs/tables.md", ingestr::api::docs::tables_markdown(&ingestr::api::source::gorgias::TABLES)),
    ] {
        let found = fs::read_to_string(root().join(page)).unwrap_or_default();
        assert!(found == wanted, "{page} is out of date: run `make docs`");
    }
}

#[test]
fn the_readme_has_the_exit_codes_and_tables_of_the_program() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for (kind, meaning) in ingestr::api::error::Kind::ALL {
        let row = format!("| {} | {} | {meaning} |", kind.exit_code(), kind.name());
        assert!(readme.contains(&row), "README.md lacks: {row}");
    }
    // The others are in docs/tables.md, which is made of the same records.
    for table in ingestr::api::source::gorgias::TABLES
        .iter()
        .filter(|table| table.choice == ingestr::api::source::Choice::Usual)
    {
        assert!(
            readme.contains(&format!("| `{}` |", table.name)),
            "README.md lacks the table {}",
            table.name
        );
    }
}

#[test]
fn links_between_pages_lead_somewhere() {
    for (path, text) in files().into_iter().filter(|(path, _)| path.ends_with(".md")) {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            if target.is_empty() || link.contains("://") {
                continue;
            }
            let there = root().join(&path).parent().unwrap().join(target);
            assert!(there.exists(), "{path} links to {link}, which is not there");
        }
    }
}

/// A promise is worth what its test is: a name that was changed would prove nothing.
#[test]
fn tests_that_are_named_as_proof_exist() {
    let page = fs::read_to_string(root().join("docs/guarantees.md")).unwrap();
    let code: Vec<(String, String)> = sources().collect();
    let mut named = 0;
    for name in page.split('`').skip(1).step_by(2) {
        if name.starts_with("tests/") && name.ends_with(".rs") {
            assert!(code.iter().any(|(path, _)| path == name), "{name} is not there");
        } else if name.matches('_').count() > 2
            && !name.starts_with('_')
            && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
        {
            let there = |text: &str| text.contains(&format!("fn {name}("));
            assert!(code.iter().any(|(_, text)| there(text)), "no test is called {name}");
        } else {
            continue;
        }
        named += 1;
    }
    assert!(named > 20, "only {named} proofs are named");
}
