//! The scripts of docs/recipes, as they stand there: run where that is possible, and else checked by the tool that reads them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::desk::{Desk, PLANTED};

/// The blocks of a page in this language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/recipes").join(page);
    let text = fs::read_to_string(path).expect("the page");
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().expect("its end").to_owned()).collect()
}

/// A file with all folders above it.
fn put(path: PathBuf, text: &str, mode: u32) -> PathBuf {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(&path, text).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode");
    path
}

/// The program where `make install` puts it.
fn installed(home: &Path) {
    let folder = home.join(".local/bin");
    fs::create_dir_all(&folder).expect("a folder");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_ingestr"), folder.join("ingestr")).expect("a link");
}

/// What `ingestr init` makes of the account.
fn env_file(desk: &Desk, home: &Path) {
    let base_url = desk.base_url();
    let file = home.join("helpdesk/gorgias.env");
    fs::create_dir_all(home.join("helpdesk")).expect("a folder");
    let typed =
        ["init", "--domain", "acme", "--email", "agent@acme.example", "--base-url", &base_url, "--env-file"];
    let typed = typed.into_iter().chain([file.to_str().expect("text")]);
    desk.ingestr(typed).env("INGESTR_API_KEY", PLANTED).finish().well();
}

/// The crontab's line, with as little around it as cron gives.
#[test]
fn cron() {
    let desk = Desk::new();
    let home = desk.folder().join("home");
    installed(&home);
    let script = blocks("cron.md", "sh").into_iter().find(|block| block.starts_with("#!/bin/sh"));
    put(home.join("helpdesk/nightly.sh"), &script.expect("the script"), 0o700);
    env_file(&desk, &home);
    let crontab = blocks("cron.md", "text").concat();
    let line = crontab.lines().find(|line| line.starts_with("17 3 ")).expect("the line");
    let command = line.splitn(6, ' ').nth(5).expect("its command");
    let night = || {
        let mut cron = Command::new("/bin/sh");
        cron.env_clear().env("HOME", &home).env("PATH", "/usr/bin:/bin").env("SHELL", "/bin/sh");
        let done = cron.current_dir(&home).args(["-c", command]).output().expect("a shell");
        (done.status.code(), String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned())
    };
    for _ in 0..2 {
        assert_eq!(night(), (Some(0), String::new()), "a mail for nothing");
    }
    assert_eq!(desk.ask("home/helpdesk/helpdesk.duckdb", "SELECT count(*) FROM gorgias.tickets"), "60");
    desk.account().set_api_key("another");
    let (code, mail) = night();
    assert!(code == Some(3) && mail.contains("refused the credentials") && !mail.contains(PLANTED), "{mail}");
}

#[test]
#[ignore = "needs systemd-analyze"]
fn systemd() {
    let desk = Desk::new();
    let home = desk.folder().join("home");
    installed(&home);
    let units = blocks("systemd.md", "ini");
    let folder = desk.folder().to_str().expect("text");
    for (unit, name) in units.iter().zip(["helpdesk.service", "helpdesk.timer"]) {
        // Whose home it is, is the manager's to know.
        let unit = unit.replace("%h", &format!("{folder}/home"));
        put(desk.folder().join(name), &unit, 0o600);
    }
    env_file(&desk, &home);
    let mut verify = Command::new("systemd-analyze");
    verify.current_dir(desk.folder()).args(["verify", "./helpdesk.service", "./helpdesk.timer"]);
    let done = verify.output().expect("systemd-analyze");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && !said.contains("helpdesk"), "{said}");
}

#[test]
#[ignore = "needs python3"]
fn airflow_and_dagster() {
    let desk = Desk::new();
    let scripts = blocks("orchestrators.md", "python");
    assert_eq!(scripts.len(), 2);
    for (number, script) in scripts.iter().enumerate() {
        let file = put(desk.folder().join(format!("recipe{number}.py")), script, 0o600);
        let done = Command::new("python3").args(["-m", "py_compile"]).arg(&file).output().expect("python3");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

/// The second workflow of the page is the step that is another than in the first.
#[test]
#[ignore = "needs actionlint"]
fn github_actions() {
    let desk = Desk::new();
    let pages = blocks("github-actions.md", "yaml");
    let [whole, step] = pages.as_slice() else { panic!("two blocks are expected") };
    let before = whole.find("      - run: ingestr").expect("the step that copies");
    let other = format!("{}{step}", &whole[..before]);
    let files = [whole.as_str(), &other].into_iter().enumerate();
    let files: Vec<PathBuf> =
        files.map(|(n, text)| put(desk.folder().join(format!("{n}.yml")), text, 0o600)).collect();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/actionlint");
    let done = Command::new(script).args(&files).output().expect("the script");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Scripts of the other pages are at least scripts.
#[test]
fn a_shell_understands_every_script() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/recipes");
    let mut seen = 0;
    for page in fs::read_dir(folder).expect("the recipes") {
        let name = page.expect("a page").file_name().into_string().expect("text");
        for script in blocks(&name, "sh") {
            let done = Command::new("/bin/sh").args(["-n", "-c", &script]).output().expect("a shell");
            assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
            seen += 1;
        }
    }
    assert!(seen > 10, "only {seen} scripts were found");
}
