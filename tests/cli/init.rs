//! `ingestr init`: typed on a terminal of the test's own, and scripted. The key shows nowhere, and stays in one file only.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};

use gorgias_sim::Fault;
use insta::assert_snapshot;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use super::desk::{Desk, PLANTED, Run};

/// The program on a terminal, and a person at it.
struct Typist {
    keyboard: File,
    /// The terminal stays one while the test holds it.
    terminal: File,
    child: Child,
    seen: String,
}

impl Typist {
    fn at(desk: &Desk, more: &[&str]) -> Self {
        let keyboard: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&keyboard).expect("a terminal of ours");
        unlockpt(&keyboard).expect("a terminal to open");
        let name = ptsname(&keyboard, Vec::new()).expect("its name").into_string().expect("text");
        let terminal = OpenOptions::new().read(true).write(true).open(name).expect("its other side");
        let side = || Stdio::from(terminal.try_clone().expect("once more"));
        let base_url = desk.base_url();
        let child = Command::new(env!("CARGO_BIN_EXE_ingestr"))
            .env_clear()
            .current_dir(desk.folder())
            .args(["init", "--base-url", &base_url])
            .args(more)
            .stdin(side())
            .stdout(side())
            .stderr(side())
            .spawn()
            .expect("the program starts");
        Self { keyboard: keyboard.into(), terminal, child, seen: String::new() }
    }

    /// Waits for a question that ends so, and answers it.
    fn asked(mut self, question: &str, answer: &str) -> Self {
        self.until(question);
        self.keyboard.write_all(format!("{answer}\n").as_bytes()).expect("a terminal that listens");
        self
    }

    fn until(&mut self, words: &str) {
        let from = self.seen.len();
        while !self.seen[from..].contains(words) {
            let mut some = [0; 4096];
            let read = self.keyboard.read(&mut some).expect("a terminal that shows something");
            self.seen.push_str(&String::from_utf8_lossy(&some[..read]));
        }
    }

    fn echoes(&self) -> bool {
        tcgetattr(&self.terminal).expect("its modes").local_modes.contains(LocalModes::ECHO)
    }

    /// What was on the screen, and the exit code.
    fn end(mut self) -> (String, Option<i32>) {
        let code = self.child.wait().expect("an end").code();
        assert!(self.echoes(), "what is typed shows once more");
        drop(self.terminal);
        let mut some = [0; 4096];
        // Nobody holds the other side: an error is the end.
        while let Ok(read @ 1..) = self.keyboard.read(&mut some) {
            self.seen.push_str(&String::from_utf8_lossy(&some[..read]));
        }
        assert!(!self.seen.contains(PLANTED), "the key shows:\n{}", self.seen);
        (self.seen.replace("\r\n", "\n"), code)
    }
}

/// A copy with what the file and the printed lines say, from the shell.
fn copies(desk: &Desk) {
    let line = "set -a && . ./gorgias.env && set +a && ingestr ingest --source-table tickets --dest-table gorgias.tickets";
    Run::in_shell(desk, line).finish().well();
    assert_eq!(desk.ask("helpdesk.duckdb", "SELECT count(*) FROM gorgias.tickets"), "60");
}

fn mode(desk: &Desk, file: &str) -> u32 {
    fs::metadata(desk.folder().join(file)).expect("the file").permissions().mode() & 0o777
}

#[test]
fn a_dialogue_from_the_domain_to_the_nightly_job() {
    let desk = Desk::new();
    let (screen, code) = Typist::at(&desk, &[])
        .asked("before .gorgias.com: ", "not a domain")
        .asked("before .gorgias.com: ", "https://acme.gorgias.com/app")
        .asked("owns the key: ", "nobody")
        .asked("owns the key: ", "agent@acme.example")
        .asked("(not shown): ", "wrong-key")
        .asked("[acme]: ", "")
        .asked("[agent@acme.example]: ", "")
        .asked("(not shown; Enter keeps it): ", PLANTED)
        .asked("duckdb]: ", "nonsense")
        .asked("duckdb]: ", "")
        .end();
    assert_eq!(code, Some(0), "{screen}");
    for words in [
        "this is no domain of a help desk",
        "this is no e-mail address",
        "refused the credentials",
        "ok    ticket_messages",
        "ok    destination  duckdb file helpdesk.duckdb can be written",
        "ingestr ingest --source-table '*' --dest-table gorgias\n",
        "ingestr report --output report.html\n",
        "17 3 * * * cd ",
    ] {
        assert!(screen.contains(words), "`{words}` is missing:\n{screen}");
    }
    assert_eq!(desk.files(), ["gorgias.env"]);
    assert_eq!(mode(&desk, "gorgias.env"), 0o600);
    copies(&desk);
}

#[test]
fn a_file_that_is_there_is_replaced_only_by_a_yes() {
    let desk = Desk::new();
    fs::write(desk.folder().join("gorgias.env"), "mine").expect("a file");
    let usual =
        ["--domain", "acme", "--email", "agent@acme.example", "--dest-uri", "duckdb:///helpdesk.duckdb"];
    let (screen, code) = Typist::at(&desk, &usual)
        .asked("[no]: ", "")
        .asked("instead?: ", "other.env")
        .asked("(not shown): ", PLANTED)
        .end();
    assert_eq!(code, Some(0), "{screen}");
    assert_eq!(fs::read_to_string(desk.folder().join("gorgias.env")).expect("text"), "mine");
    assert_eq!(mode(&desk, "other.env"), 0o600);
    let (screen, code) =
        Typist::at(&desk, &usual).asked("[no]: ", "yes").asked("(not shown): ", PLANTED).end();
    assert_eq!(code, Some(0), "{screen}");
    assert_eq!(mode(&desk, "gorgias.env"), 0o600);
    assert_eq!(desk.files(), ["gorgias.env", "other.env"]);
    copies(&desk);
}

#[test]
fn who_breaks_it_off_finds_the_terminal_as_it_was_and_no_file() {
    for signal in ["INT", "TERM", "HUP"] {
        let desk = Desk::new();
        let mut typist =
            Typist::at(&desk, &[]).asked("gorgias.com: ", "acme").asked("the key: ", "agent@acme.example");
        typist.until("(not shown): ");
        assert!(!typist.echoes(), "a key must not show");
        let kill = format!("kill -{signal} {}", typist.child.id());
        assert!(Command::new("/bin/sh").args(["-c", &kill]).status().expect("a shell").success());
        let (screen, code) = typist.end();
        assert!(code == Some(6) && screen.ends_with("\nerror: stopped; nothing was written\n"), "{screen}");
        assert!(desk.files().is_empty(), "{:?}", desk.files());
    }
}

#[test]
fn a_script_gives_all_of_it_or_is_told_how() {
    let desk = Desk::new();
    let base_url = desk.base_url();
    let usual =
        ["init", "--domain", "acme.gorgias.com", "--email", "agent@acme.example", "--base-url", &base_url];
    assert_snapshot!(desk.ingestr(["init"]).finish().shown(), @r"
    error: ingestr init asks on a terminal, and there is none
      hint: type --domain and --email, and give the key in INGESTR_API_KEY or on standard input: ingestr init --domain mycompany --email me@shop.com < key.txt
    exit code 2
    ");
    assert_snapshot!(desk.ingestr(usual).finish().shown(), @r"
    error: ingestr init asks on a terminal, and there is none
      hint: type --domain and --email, and give the key in INGESTR_API_KEY or on standard input: ingestr init --domain mycompany --email me@shop.com < key.txt
    exit code 2
    ");
    assert_snapshot!(desk.ingestr(usual).env("INGESTR_API_KEY", "another").finish().shown(), @r#"
    error: Gorgias account acme refused the credentials
      cause: GET /api/account: HTTP 401 "Unauthorized."
      hint: check api_key and email in --source-uri: the key is shown under Settings > Account > REST API, and the e-mail must be that of the user who owns it (an access_token may have expired)
    exit code 3
    "#);
    // Known before the account is asked.
    let served = desk.account().served();
    let nowhere = [&usual[..], &["--dest-uri", "foo://x"]].concat();
    let nowhere = desk.ingestr(nowhere).env("INGESTR_API_KEY", PLANTED).finish();
    assert_eq!((nowhere.code(), desk.account().served()), (Some(2), served), "{}", nowhere.shown());
    assert!(nowhere.stderr.starts_with("error: "), "{}", nowhere.stderr);
    desk.account().faults().on("/api/messages", 0, Fault::Forbidden);
    let denied = desk.ingestr(usual).env("INGESTR_API_KEY", PLANTED).finish();
    assert_eq!(denied.code(), Some(3), "{}", denied.shown());
    assert!(desk.files().is_empty(), "{:?}", desk.files());

    let desk = Desk::new();
    let typed =
        format!("ingestr init --domain acme --email agent@acme.example --base-url {} < key", desk.base_url());
    fs::write(desk.folder().join("key"), format!("{PLANTED}\n")).expect("a file");
    let done = Run::in_shell(&desk, &format!("umask 0; {typed}")).finish().well();
    assert!(done.stderr.contains("ok    destination"), "{}", done.shown());
    assert_eq!(mode(&desk, "gorgias.env"), 0o600);
    copies(&desk);
    assert_snapshot!(Run::in_shell(&desk, &typed).finish().shown(), @r"
    error: gorgias.env exists; nothing was written
      hint: name another file with --env-file, or remove this one
    exit code 2
    ");
}
