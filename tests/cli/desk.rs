//! A user's desk: a folder to work in, a simulated account, and the program to run.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gorgias_sim::{Account, Options, Server};

/// The key of every account here. No run may show it; [`Run::finish`] checks that.
pub(super) const PLANTED: &str = "planted-key-4f1c9a7e";

pub(super) struct Desk {
    pub(super) account: Arc<Mutex<Account>>,
    server: Server,
    folder: tempfile::TempDir,
    _filters: insta::internals::SettingsBindDropGuard,
}

/// A small account without a request budget.
pub(super) fn options() -> Options {
    Options {
        customers: 30,
        tickets: 60,
        messages: 150,
        surveys: 20,
        events: 0,
        max_body: 2_000,
        api_key: PLANTED.into(),
        unlimited: true,
        ..Options::default()
    }
}

impl Desk {
    pub(super) fn new() -> Self {
        Self::with(options(), Duration::ZERO)
    }

    pub(super) fn with(options: Options, latency: Duration) -> Self {
        let account = Arc::new(Mutex::new(Account::new(options)));
        let server = Server::start(Arc::clone(&account), latency).expect("a free port on loopback");
        let folder = tempfile::tempdir().expect("a folder");
        let filters = filters(folder.path());
        Self { account, server, folder, _filters: filters }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn uri(&self) -> &str {
        self.server.source_uri()
    }

    pub(super) fn base_url(&self) -> String {
        self.server.base_url()
    }

    pub(super) fn account(&self) -> std::sync::MutexGuard<'_, Account> {
        self.account.lock().expect("no test panics while it holds the account")
    }

    /// `ingestr ARGUMENTS` and nothing else.
    pub(super) fn ingestr<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ingestr"));
        command.env_clear().current_dir(self.folder()).args(arguments);
        Run(command)
    }

    /// `ingestr ingest` of a table of this account into `shop.duckdb`, and further arguments.
    pub(super) fn ingest(&self, table: &str, more: &[&str]) -> Run {
        let usual = ["ingest", "--source-table", table, "--dest-uri", "duckdb:///shop.duckdb"];
        self.ingestr(usual.into_iter().chain(more.iter().copied())).env("SOURCE_URI", self.uri())
    }

    /// Every file and folder on the desk.
    pub(super) fn files(&self) -> Vec<String> {
        fn below(folder: &Path, found: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(folder).expect("a folder that can be read") {
                let path = entry.expect("an entry that can be read").path();
                if path.is_dir() {
                    below(&path, found);
                }
                found.push(path);
            }
        }
        let mut found = Vec::new();
        below(self.folder(), &mut found);
        let inside = |path: &PathBuf| path.strip_prefix(self.folder()).expect("below").display().to_string();
        let mut names: Vec<String> = found.iter().map(inside).collect();
        names.sort();
        names
    }

    /// The one value that the question has in a database file on the desk.
    pub(super) fn ask(&self, file: &str, question: &str) -> String {
        let config = duckdb::Config::default().access_mode(duckdb::AccessMode::ReadOnly).expect("a mode");
        let database =
            duckdb::Connection::open_with_flags(self.folder().join(file), config).expect("a database");
        let question = format!("SELECT COLUMNS(*)::VARCHAR FROM ({question})");
        database.query_row(&question, [], |row| row.get(0)).expect("an answer")
    }
}

/// What differs from run to run: ports, folders, times and speeds.
fn filters(folder: &Path) -> insta::internals::SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    for (pattern, shown) in [
        (folder.to_str().expect("a plain name"), "FOLDER"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
        (r"\b(done in|failed after|interrupted after|stopped at --sql-limit after) [^:\n]+:", "$1 TIME:"),
        // How many lines of progress there are depends on the machine.
        (r"(?m)^\d{4}-\S+Z \w+: .* rows/s.*\n", ""),
        (r"(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", "NOW "),
        (r"\d{4}-\S+ \S+ UTC  (\w[\w ]*), in [^,]+,", "NOW UTC  $1, in TIME,"),
        (r"cursor=[^:\s]+", "cursor=CURSOR"),
        (r"in \d+ s\)", "in TIME)"),
        (r"in use by \S+ \(process \d+\)", "in use by PROGRAM"),
    ] {
        settings.add_filter(pattern, shown);
    }
    settings.bind_to_scope()
}

/// A program about to run.
pub(super) struct Run(Command);

impl Run {
    pub(super) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    /// Through a shell, as printed in a document.
    pub(super) fn in_shell(desk: &Desk, line: &str) -> Self {
        let folder = Path::new(env!("CARGO_BIN_EXE_ingestr")).parent().expect("a folder");
        let mut command = Command::new("/bin/sh");
        command.env_clear().env("PATH", folder).current_dir(desk.folder()).args(["-c", line]);
        Self(command)
    }

    /// Starts it, and hears what it says.
    pub(super) fn start(mut self) -> Running {
        self.0.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.0.spawn().expect("the program starts");
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        Running { child, stderr, heard: String::new() }
    }

    /// Runs it to its end.
    pub(super) fn finish(self) -> Done {
        self.start().finish()
    }
}

/// A program that runs.
pub(super) struct Running {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    heard: String,
}

impl Running {
    /// Waits for a line on standard error that contains `words`.
    pub(super) fn until(mut self, words: &str) -> Self {
        loop {
            let before = self.heard.len();
            let read = self.stderr.read_line(&mut self.heard).expect("text");
            assert!(read > 0, "it ended without saying `{words}`:\n{}", self.heard);
            if self.heard[before..].contains(words) {
                return self;
            }
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, by its name without SIG.
    pub(super) fn signal(self, name: &str) -> Self {
        self.signals(&[name])
    }

    /// Sends one right after the other.
    pub(super) fn signals(self, names: &[&str]) -> Self {
        // The shell's own `kill`: not every machine has one as a program.
        let kill = names.iter().map(|name| format!("kill -{name} {}", self.child.id()));
        let kill = kill.collect::<Vec<_>>().join("; ");
        assert!(Command::new("/bin/sh").args(["-c", &kill]).status().expect("a shell").success());
        self
    }

    pub(super) fn finish(mut self) -> Done {
        // What standard output gets is a line at most, so it cannot fill its pipe while the other one is read.
        self.stderr.read_to_string(&mut self.heard).expect("text");
        let mut stdout = String::new();
        self.child.stdout.take().expect("a pipe").read_to_string(&mut stdout).expect("text");
        let status = self.child.wait().expect("an end");
        let done = Done { stdout, stderr: self.heard, status };
        for secret in [PLANTED, &basic(PLANTED)] {
            assert!(!done.shown().contains(secret), "the key is shown:\n{}", done.shown());
        }
        done
    }
}

/// The key as it stands in the header of a request.
pub(super) fn basic(key: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(format!("{}:{key}", options().email))
}

/// A program that ran.
pub(super) struct Done {
    pub(super) stdout: String,
    pub(super) stderr: String,
    status: ExitStatus,
}

impl Done {
    /// Its exit code; a signal that killed it has none.
    pub(super) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// All that a user sees.
    pub(super) fn shown(&self) -> String {
        let code = self.code().map_or_else(|| self.status.to_string(), |code| format!("exit code {code}"));
        match self.stdout.as_str() {
            "" => format!("{}{code}", self.stderr),
            stdout => format!("{}--- stdout\n{stdout}{code}", self.stderr),
        }
    }

    /// The same, after a run that must succeed.
    pub(super) fn well(self) -> Self {
        assert_eq!(self.code(), Some(0), "{}", self.shown());
        self
    }
}
