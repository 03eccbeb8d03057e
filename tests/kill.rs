//! `kill -9`, for real: the program over a socket, dead at random moments, and what its file holds after each.
//!
//! A seed decides the account, the changes and after how many requests and milliseconds each run dies; what it was
//! doing just then is up to the machine. The seed is printed; `INGESTR_KILL_SEED=17` replays it.

#![cfg(feature = "duckdb")]
#![allow(clippy::disallowed_methods, reason = "real programs live in real time")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use duckdb::types::Value;
use gorgias_sim::{Account, Change, DAY, Fault, Options, SECOND, Server};

use crate::support::duck::Duck;
use crate::support::memory::{Cell, Row};
use crate::support::world::{LISTS, assert_same, expected_row};

const KILLS: usize = 50;
/// Of these, in catch-ups at least.
const LATE_KILLS: usize = 20;
/// Longer than any run here; one that takes longer hangs.
const TOO_LONG: Duration = Duration::from_secs(60);
/// Rows of a message that were created before this may show how they were when they were last read.
const LOOKBACK: i64 = 3 * DAY;
/// Pages between two commits of 200 rows, those on their way, and the one that was asked for.
const LOST_PAGES: u64 = 2 + 4 + 1;

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap()
}

/// An account behind a socket, and a folder with a database.
struct Shop {
    account: Arc<Mutex<Account>>,
    server: Server,
    folder: tempfile::TempDir,
}

/// A run of the program.
struct Running {
    child: Child,
    said: File,
}

/// A run that is over, be it so or so.
struct Over {
    status: ExitStatus,
    said: String,
}

impl Shop {
    fn new(options: Options, latency: Duration) -> Self {
        // The program looks at the clock of the machine, so the account has to live in the present, too.
        let end = now();
        let options = Options {
            end,
            start: end - 60 * DAY,
            events: 0,
            max_body: 500,
            unlimited: true,
            real_time: true,
            ..options
        };
        let account = Arc::new(Mutex::new(Account::new(options)));
        let server = Server::start(Arc::clone(&account), latency).expect("a free port on loopback");
        Self { account, server, folder: tempfile::tempdir().expect("a folder") }
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().expect("no test panics while it holds the account")
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("shop.duckdb")
    }

    fn duck(&self) -> Duck {
        Duck::open(&self.file())
    }

    /// Starts `ingestr ingest` of a table into `shop.duckdb`.
    fn start(&self, table: &str, more: &[&str]) -> Running {
        let said = tempfile::tempfile().expect("a file");
        let child = Command::new(env!("CARGO_BIN_EXE_ingestr"))
            .env_clear()
            .env("SOURCE_URI", self.server.source_uri())
            .current_dir(self.folder.path())
            .args(["ingest", "--source-table", table, "--dest-uri", "duckdb:///shop.duckdb"])
            .args(["--flush-records", "200"])
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said.try_clone().expect("a file"))
            .spawn()
            .expect("the program starts");
        Running { child, said }
    }

    /// Runs to the end, which must be a good one.
    fn run(&self, table: &str, more: &[&str]) -> Over {
        let over = self.start(table, more).finish();
        assert_eq!(over.status.code(), Some(0), "{table} {more:?}: {}", over.said);
        over
    }

    /// Kills a run after so many requests and some time; unless it is done before.
    fn kill(&self, mut running: Running, requests: u64, then: Duration) -> Over {
        let goal = self.account().served() + requests;
        let began = Instant::now();
        while running.child.try_wait().unwrap().is_none() && self.account().served() < goal {
            assert!(began.elapsed() < TOO_LONG, "it hangs: {}", running.said());
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(then);
        running.child.kill().expect("a process that was started");
        running.finish()
    }

    /// Starts a run that has made a commit and then gets no answer to a request any more.
    fn start_and_stall(&self, table: &str, more: &[&str]) -> Running {
        self.account().faults().nth(7, Fault::Hang);
        let goal = self.account().served() + 8;
        let mut running = self.start(table, more);
        running.until("committed ");
        let began = Instant::now();
        while self.account().served() < goal {
            assert!(began.elapsed() < TOO_LONG, "it asks for nothing: {}", running.said());
            std::thread::sleep(Duration::from_millis(5));
        }
        running
    }

    /// The queries of the requests to a list since the n-th request ever.
    fn queries(&self, since: u64) -> Vec<String> {
        let account = self.account();
        let since = usize::try_from(since).unwrap();
        account.requests()[since..].iter().map(|request| request.query.clone()).collect()
    }

    /// Whether a table's last run has left something for the next.
    fn left(&self, table: &str) -> bool {
        let state = state(&self.duck(), table);
        let some = |list: &serde_json::Value| list.as_array().is_some_and(|list| !list.is_empty());
        some(&state["counts"]["queue"])
            || some(&state["sweep"]["absent"])
            || some(&state["events"]["pending"])
            || !state["sweep"]["cut"].is_null()
    }

    /// Compares a table with the account, row for row and field for field.
    fn assert_equal(&self, table: &str, context: &str) {
        let (_, list) = LISTS.into_iter().find(|(name, _)| *name == table).unwrap();
        let derived = table == "ticket_messages";
        let wanted: BTreeMap<i64, Row> = {
            let account = self.account();
            let rows = account.expected(list);
            rows.into_iter().map(|(id, json)| (id, expected_row(table, &json, derived))).collect()
        };
        let mut stored = self.duck().rows(table, table);
        if derived {
            let horizon = Cell::Instant(now() - LOOKBACK + 3_600 * SECOND);
            for (id, row) in &mut stored {
                if let Some(there) = wanted.get(id).filter(|there| there["created_datetime"] < horizon) {
                    row.clone_from(there);
                }
            }
        }
        assert_same(table, &wanted, &stored, context);
    }
}

impl Running {
    fn said(&mut self) -> String {
        let mut said = String::new();
        self.said.rewind().expect("a file");
        self.said.read_to_string(&mut said).expect("text");
        said
    }

    /// Waits until it has said something.
    fn until(&mut self, words: &str) {
        let began = Instant::now();
        while !self.said().contains(words) {
            assert!(began.elapsed() < TOO_LONG, "it never says {words}: {}", self.said());
            assert_eq!(self.child.try_wait().unwrap(), None, "it never said {words}: {}", self.said());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn finish(mut self) -> Over {
        let status = self.child.wait().expect("an end");
        Over { status, said: self.said() }
    }
}

impl Over {
    fn was_killed(&self) -> bool {
        assert!(self.status.signal() == Some(9) || self.status.success(), "{}: {}", self.status, self.said);
        self.status.signal() == Some(9)
    }
}

/// What the walks of a backfill have read, by creation, as the state has it. Rows at either end of a walk may be missing:
/// several share a time.
struct Walked {
    /// Last value of the walk from the newest end, and of the one from the oldest.
    ends: (i64, i64),
    /// First and last value of the walks from the middle, newest first.
    middle: Vec<(i64, i64)>,
}

impl Walked {
    fn of(walks: &[serde_json::Value]) -> Option<Self> {
        let [newest, middle @ .., oldest] = walks else { return None };
        let at = |walk: &serde_json::Value, end: &str| walk[end].as_i64();
        let middle = middle.iter().map(|walk| at(walk, "first").zip(at(walk, "last"))).collect::<Option<_>>();
        Some(Self {
            ends: (at(newest, "last")?, at(oldest, "last")?),
            middle: middle.expect("they began somewhere"),
        })
    }

    fn passed(&self, created: i64) -> bool {
        created > self.ends.0
            || created < self.ends.1
            || self.middle.iter().any(|(first, last)| (last + 1..*first).contains(&created))
    }

    /// Whether it lies in a stretch between two walks that neither has come to.
    fn ahead(&self, created: i64) -> bool {
        let lasts = std::iter::once(self.ends.0).chain(self.middle.iter().map(|(_, last)| *last));
        let firsts = self.middle.iter().map(|(first, _)| *first).chain([self.ends.1]);
        lasts.zip(firsts).any(|(from, to)| created < from && created > to)
    }
}

/// What a file says about a table between two runs.
#[derive(Default)]
struct Stand {
    rows: i64,
    /// What an unfinished backfill has read, if it has begun to walk from both ends.
    walked: Option<Walked>,
    /// Whether a walk is unfinished that has come beyond its first page.
    unfinished: bool,
    /// Whether a first load is complete.
    loaded: bool,
}

/// Where reading a table stands, as the file has it.
fn state(duck: &Duck, table: &str) -> serde_json::Value {
    let state = duck
        .ask(&format!(
            "SELECT source FROM main._ingestr_state WHERE dest_table = '{table}' AND coalesce(rows_in, '') = ''"
        ))
        .concat();
    let [Value::Text(state)] = state.as_slice() else { panic!("{table}: not one state, but {state:?}") };
    serde_json::from_str(state).unwrap()
}

/// Opens the file after a death: whole commits are in it, or nothing of them.
fn stand(shop: &Shop, table: &str, before: &Stand, first_created: &BTreeMap<i64, i64>) -> Stand {
    if !shop.file().exists() {
        return Stand::default();
    }
    let duck = shop.duck();
    if !duck.has(table) {
        assert_eq!(before.rows, 0, "{table} is gone");
        return Stand::default();
    }
    let rows = duck.number(&format!("SELECT count(*) FROM main.{table}"));
    let ids = duck.number(&format!("SELECT count(DISTINCT id) FROM main.{table}"));
    assert_eq!(rows, ids, "{table} has rows twice");
    assert!(rows >= before.rows, "{table} had {} rows, now {rows}", before.rows);
    let state = state(&duck, table);
    let walks = state["unfinished"]["walks"].as_array().map_or(&[][..], Vec::as_slice);
    let backfill = state["unfinished"]["kind"] == "backfill";
    let walked = Walked::of(walks).filter(|_| backfill);
    if let Some(walked) = &walked {
        // Rows and progress must agree. Rows made since the beginning are left out: catch-ups bring those.
        let held = duck.ask(&format!("SELECT id FROM main.{table}")).concat();
        let held: BTreeSet<i64> = held
            .into_iter()
            .filter_map(|id| if let Value::BigInt(id) = id { Some(id) } else { None })
            .collect();
        let there = shop.account().ids(LISTS.into_iter().find(|(name, _)| *name == table).unwrap().1);
        for (id, created) in first_created.iter().filter(|(id, _)| there.binary_search(id).is_ok()) {
            assert!(
                held.contains(id) || !walked.passed(*created),
                "{table}: the state says that {id} was read, but it is missing"
            );
            assert!(
                !held.contains(id) || !walked.ahead(*created),
                "{table}: {id} is there, but the state does not know it"
            );
        }
    }
    // Walks that have met are done; the run after that begins with the catch-up.
    let goes_on = |walk: &serde_json::Value| !walk["cursor"].is_null() && walk["done"] == false;
    let unfinished = walks.iter().any(goes_on);
    Stand { rows, walked, unfinished, loaded: !state["watermark"].is_null() }
}

/// When each row of a list was created.
fn created(shop: &Shop, list: &str) -> BTreeMap<i64, i64> {
    let rows = shop.account().expected(list);
    let at = |json: &str| {
        let row: serde_json::Value = serde_json::from_str(json).unwrap();
        gorgias_sim::parse(row["created_datetime"].as_str().unwrap()).unwrap()
    };
    rows.into_iter().map(|(id, json)| (id, at(&json))).collect()
}

#[test]
fn whenever_it_is_killed_the_next_run_goes_on_and_ends_right() {
    let seed = std::env::var("INGESTR_KILL_SEED").map_or(1, |seed| seed.parse().expect("a number"));
    eprintln!("seed {seed}; replay it with INGESTR_KILL_SEED={seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let size =
        Options { seed, tickets: 1_500, messages: 3_500, customers: 300, surveys: 0, ..Options::default() };
    let shop = Shop::new(size, Duration::from_millis(6));
    let (mut kills, mut late) = (0, 0);
    for (table, list) in [("tickets", "tickets"), ("ticket_messages", "messages")] {
        kills += backfill(&shop, table, list, &mut rng);
    }
    eprintln!("{kills} kills in first loads");
    let mut stands = BTreeMap::from([("tickets", Stand::default()), ("ticket_messages", Stand::default())]);
    while kills + late < KILLS || late < LATE_KILLS {
        shop.account().set_churn(if rng.bool() { 0.0 } else { 0.5 });
        for _ in 0..rng.usize(1..40) {
            shop.account().random_change(&mut rng, now());
        }
        let table = *rng.choice(stands.keys().collect::<Vec<_>>()).unwrap();
        let over = shop.kill(shop.start(table, &[]), rng.u64(0..25), Duration::from_millis(rng.u64(0..40)));
        late += usize::from(over.was_killed());
        let stand = stand(&shop, table, &stands[table], &BTreeMap::new());
        stands.insert(table, stand);
    }
    // Peace, except that one ticket changes where everybody sees it: so each run looks at all there is.
    shop.account().set_churn(0.0);
    let ticket = shop.account().ids("tickets")[0];
    shop.account().apply(Change::UpdateTicket { ticket }, now()).expect("a ticket");
    for table in ["tickets", "ticket_messages"] {
        // What shows no sign is found once a period has passed, as far as the cap on a run goes; the rest by the next ones.
        std::thread::sleep(Duration::from_millis(1_100));
        let mut runs = 0;
        while runs == 0 || shop.left(table) {
            runs += 1;
            assert!(runs <= 5, "{table}: never done");
            let over = shop.run(table, &["--rescan", "1s"]);
            eprintln!("{table}, at last:\n{}", over.said);
        }
        shop.assert_equal(table, &format!("seed {seed}"));
    }
    let left: Vec<_> =
        std::fs::read_dir(shop.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["shop.duckdb"], "leftovers");
}

/// A first load that dies again and again until it is complete; how often it died.
fn backfill(shop: &Shop, table: &str, list: &str, rng: &mut fastrand::Rng) -> usize {
    let first_created = created(shop, list);
    let pages = first_created.len().div_ceil(100) as u64;
    let (mut kills, mut requests) = (0, 0);
    let mut before = Stand::default();
    loop {
        let served = shop.account().served();
        let running = shop.start(table, &[]);
        let over = shop.kill(running, rng.u64(1..16), Duration::from_millis(rng.u64(0..40)));
        let queries = shop.queries(served);
        if let (true, Some(first)) = (before.unfinished, queries.first()) {
            assert!(first.contains("cursor="), "{table}: begins again with {first} after {kills} kills");
        }
        requests += queries.len() as u64;
        kills += usize::from(over.was_killed());
        let after = stand(shop, table, &before, &first_created);
        if after.loaded {
            break;
        }
        if let (Some(now), Some(then)) = (&after.walked, &before.walked) {
            let ends = (now.ends, then.ends);
            assert!(ends.0.0 <= ends.1.0 && ends.0.1 >= ends.1.1, "{table}: a walk has gone back");
        }
        before = after;
        for _ in 0..rng.usize(0..15) {
            shop.account().random_change(rng, now());
        }
    }
    // Each death may cost what was not committed; that is all it may cost. The end has a catch-up, sweep and events.
    let most = pages + kills as u64 * LOST_PAGES + 2 * pages + 60;
    assert!(requests <= most, "{table}: {requests} requests for {pages} pages and {kills} deaths");
    kills
}

#[test]
fn a_replacement_that_is_killed_shows_the_old_rows_and_goes_on() {
    let size = Options { tickets: 1_200, messages: 1_200, customers: 100, surveys: 0, ..Options::default() };
    let shop = Shop::new(size, Duration::ZERO);
    shop.run("tickets", &[]);
    for flags in [&["--full-refresh"] as &[&str], &["--incremental-strategy", "replace"]] {
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..300 {
            shop.account().random_change(&mut rng, now());
        }
        let before = shop.duck().rows("tickets", "tickets");
        for _ in 0..2 {
            let running = shop.start_and_stall("tickets", flags);
            assert!(shop.kill(running, 0, Duration::ZERO).was_killed());
            assert_same(
                "tickets",
                &before,
                &shop.duck().rows("tickets", "tickets"),
                "old rows while it is not done",
            );
        }
        let served = shop.account().served();
        shop.run("tickets", flags);
        let queries = shop.queries(served);
        assert!(queries[0].contains("cursor="), "{flags:?} begins again with {}", queries[0]);
        // Two deaths after a commit of two pages each, and the page on which the walks meet.
        let rest = queries.iter().take_while(|query| query.contains("created_datetime")).count();
        let pages = shop.account().count("tickets").div_ceil(100);
        assert!(rest <= pages - 2 * 2 + 1, "{flags:?}: {rest} requests for what was left of {pages} pages");
        shop.assert_equal("tickets", &format!("{flags:?}"));
        let tables = shop.duck().number(
            "SELECT count(*) FROM information_schema.tables WHERE NOT starts_with(table_name, '_ingestr_')",
        );
        assert_eq!(tables, 1, "{flags:?} leaves tables behind");
    }
}

#[test]
fn two_runs_at_once_and_one_after_a_death() {
    let size = Options { tickets: 1_500, messages: 1_500, customers: 100, surveys: 0, ..Options::default() };
    let shop = Shop::new(size, Duration::ZERO);
    let mut first = shop.start_and_stall("tickets", &[]);

    let second = shop.start("tickets", &[]).finish();
    assert_eq!(second.status.code(), Some(5), "{}", second.said);
    assert!(second.said.contains("table main.tickets is being loaded by another run"), "{}", second.said);
    assert!(second.said.contains(&format!(", process {})", first.child.id())), "{}", second.said);
    assert!(second.said.contains("--wait"), "{}", second.said);
    assert_eq!(first.child.try_wait().unwrap(), None, "the first run goes on");

    // The one that waits gets its turn when the first is dead, and finishes what that one began.
    let mut waiting = shop.start("tickets", &["--wait"]);
    waiting.until("; waiting as long as it takes");
    assert_eq!(first.child.try_wait().unwrap(), None, "the first run goes on");
    first.child.kill().unwrap();
    assert_eq!(first.finish().status.signal(), Some(9));
    let waited = waiting.finish();
    assert!(waited.status.success(), "{}", waited.said);
    assert!(waited.said.contains("the rest of what an earlier run began"), "{}", waited.said);
    shop.assert_equal("tickets", "after waiting");

    // A dead run's lease blocks nobody on this machine.
    let mut dead = shop.start_and_stall("ticket_messages", &[]);
    dead.child.kill().unwrap();
    assert_eq!(dead.finish().status.signal(), Some(9));
    let began = Instant::now();
    let after = shop.run("ticket_messages", &[]);
    assert!(after.said.contains("the rest of what an earlier run began"), "{}", after.said);
    assert!(began.elapsed() < Duration::from_secs(30));
    shop.assert_equal("ticket_messages", "after a death");
}

/// A run that has made a commit of several, and has a few pages still to come.
fn start_and_see_a_commit(shop: &Shop) -> Running {
    let mut running = shop.start("tickets", &[]);
    running.until("committed ");
    running
}

/// It writes nothing more, and says why; whoever runs next ends right.
fn ends_with(shop: &Shop, over: &Over, words: &[&str]) {
    assert_eq!(over.status.code(), Some(5), "{}", over.said);
    assert!(words.iter().any(|words| over.said.contains(words)), "{}", over.said);
    assert!(over.said.contains("run the same command again"), "{}", over.said);
    shop.run("tickets", &[]);
    shop.assert_equal("tickets", "afterwards");
}

/// So many tickets change where everybody sees it.
fn update(shop: &Shop, tickets: usize) {
    let ids = shop.account().ids("tickets");
    for ticket in ids.into_iter().take(tickets) {
        shop.account().apply(Change::UpdateTicket { ticket }, now()).expect("a ticket");
    }
}

/// An answer. On a machine that is busy with other things, a statement in between takes its time.
const SLOW: Duration = Duration::from_millis(250);

#[test]
fn a_file_that_goes_while_it_is_written_ends_the_run() {
    let size = Options { tickets: 1_500, messages: 1_500, customers: 100, surveys: 0, ..Options::default() };
    let shop = Shop::new(size, SLOW);
    let running = start_and_see_a_commit(&shop);
    std::fs::remove_file(shop.file()).expect("a file");
    let over = running.finish();
    ends_with(&shop, &over, &["the lease of this run is gone", "is not what this run stored last"]);

    // An older copy takes its place.
    let copy = shop.folder.path().join("copy.duckdb");
    std::fs::copy(shop.file(), &copy).expect("a copy");
    update(&shop, 800);
    let running = start_and_see_a_commit(&shop);
    std::fs::rename(copy, shop.file()).expect("the copy");
    let over = running.finish();
    ends_with(&shop, &over, &["the lease of this run is gone", "is not what this run stored last"]);

    // A table goes, and another one comes.
    for (sql, how) in [
        ("DROP TABLE main.tickets", "was dropped"),
        ("CREATE OR REPLACE TABLE main.tickets AS FROM main.tickets LIMIT 10", "was replaced by another one"),
        ("DELETE FROM main.tickets", "was emptied"),
    ] {
        update(&shop, 800);
        let running = start_and_see_a_commit(&shop);
        change(&shop, sql);
        let over = running.finish();
        assert!(over.said.contains(&format!("table main.tickets {how} while this run")), "{}", over.said);
        let again = shop.run("tickets", &[]);
        assert!(again.said.contains(&format!("{how} since the last run")), "{}", again.said);
        shop.assert_equal("tickets", sql);
    }
}

/// Somebody else's statement, between two commits.
fn change(shop: &Shop, sql: &str) {
    let began = Instant::now();
    loop {
        match duckdb::Connection::open(shop.file()).and_then(|file| file.execute_batch(sql)) {
            Ok(()) => return,
            Err(error) => assert!(began.elapsed() < TOO_LONG, "{sql}: {error}"),
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What a process is told by `kill`.
fn signal(running: &Running, name: &str) {
    let pid = running.child.id().to_string();
    assert!(Command::new("kill").args([name, &pid]).status().expect("there is a kill").success());
}

#[test]
fn a_run_that_sleeps_past_its_lease_writes_nothing_over_the_one_that_took_over() {
    let size = Options { tickets: 1_500, messages: 1_500, customers: 100, surveys: 0, ..Options::default() };
    let shop = Shop::new(size, SLOW);
    let sleeping = start_and_see_a_commit(&shop);
    signal(&sleeping, "-STOP");
    let second = shop.start("tickets", &[]).finish();
    assert_eq!(second.status.code(), Some(5), "{}", second.said);
    // As if five minutes had passed.
    change(&shop, "UPDATE main._ingestr_leases SET until = since");
    shop.run("tickets", &[]);
    let before = shop.duck().rows("tickets", "tickets");
    signal(&sleeping, "-CONT");
    let over = sleeping.finish();
    assert_eq!(over.status.code(), Some(5), "{}", over.said);
    assert_same("tickets", &before, &shop.duck().rows("tickets", "tickets"), "the second run's");
    ends_with(&shop, &over, &["the lease of this run is gone", "is not what this run stored last"]);
}
