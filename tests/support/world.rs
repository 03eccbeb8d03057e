//! A simulated account, a destination, and runs from one to the other on a paused clock.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gorgias_sim::{Account, Options};
use ingestr::api::cli::{self, Command};
use ingestr::api::dest::Destination;
use ingestr::api::error::Failure;
use ingestr::api::http::room::MOST;
use ingestr::api::model::{LogicalType, Micros};
use ingestr::api::plan::{Endpoints, Plans};
use ingestr::api::report::{Ended, Event, Receipt, Reporter, Several, Summary};
use ingestr::api::run::{self, Job};
use ingestr::api::source::Source as _;
use ingestr::api::source::gorgias::{Gorgias, TABLES};
use serde_json::value::RawValue;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::children::OF_TICKETS;
use super::memory::{Cell, Crash, Memory, Row, Store};
pub use super::transport::Death;
use super::transport::{Clock, Garble, Garbled, SimTransport};

pub const URI: &str =
    "gorgias://acme?api_key=sim-key&email=agent%40acme.example&base_url=http%3A%2F%2F127.0.0.1%3A9";

pub struct World {
    pub account: Arc<Mutex<Account>>,
    pub memory: Memory,
    /// Takes the place of the memory.
    #[cfg(any(feature = "duckdb", feature = "sqlite"))]
    pub file: Option<super::file::File>,
    /// Takes the place of both.
    #[cfg(any(feature = "duckdb", feature = "postgres", feature = "bigquery"))]
    pub outside: Option<super::outside::Outside>,
    pub clock: Clock,
    pub latency: Duration,
    /// The part of it that differs from answer to answer, 0 to 1.
    pub jitter: f64,
    pub seed: u64,
    pub flush_rows: u64,
    /// Whether runs walk over everything again for what changes without a sign.
    pub rescans: bool,
    /// Instead of the usual bound of memory.
    pub flush_bytes: Option<u64>,
    /// Bytes that an answer may have, instead of the usual limit.
    pub body_limit: Option<usize>,
    /// Answers to requests for lists that contain one of these are too large, whatever their size.
    pub too_large: Vec<String>,
    /// Hears what happens.
    pub reporter: Arc<dyn Reporter>,
    /// What becomes of answers on their way.
    pub garble: Option<Garble>,
    /// Whether whoever copies tickets copies along what is taken out of them.
    pub children: bool,
    /// What can go wrong in each run of a life, in the place of what is drawn.
    pub faults: Option<&'static str>,
}

/// Tables of the tool and the lists of the API they come from.
/// The tables of [`LISTS`] in one command.
pub const FOUR: &str = "customers,tickets,ticket_messages,satisfaction_surveys";

pub const LISTS: [(&str, &str); 4] = [
    ("customers", "customers"),
    ("tickets", "tickets"),
    ("ticket_messages", "messages"),
    ("satisfaction_surveys", "satisfaction-surveys"),
];

/// Small tables, of which every run reads all, and their lists.
pub const SMALL: [(&str, &str); 4] =
    [("tags", "tags"), ("users", "users"), ("teams", "teams"), ("custom_fields", "custom-fields")];

/// Tables that are read by when their rows were created.
pub const FEEDS: [(&str, &str); 5] = [
    ("events", "events"),
    ("jobs", "jobs"),
    ("voice_calls", "phone/voice-calls"),
    ("voice_call_recordings", "phone/voice-call-recordings"),
    ("voice_call_events", "phone/voice-call-events"),
];

/// Hears everything, says nothing.
pub struct Silent;

impl Reporter for Silent {
    fn event(&self, _: &str, _: &Event<'_>) {}

    fn failed(&self, _: &Failure) {}

    fn begins(&self, _: &Several<'_>) {}

    fn ends(&self, _: &Summary<'_>) {}
}

impl World {
    pub fn new(options: Options) -> Self {
        let clock = Clock { base: options.end, start: Instant::now() };
        let seed = options.seed;
        let account = Arc::new(Mutex::new(Account::new(options)));
        Self {
            account,
            memory: Memory::default(),
            #[cfg(any(feature = "duckdb", feature = "sqlite"))]
            file: None,
            #[cfg(any(feature = "duckdb", feature = "postgres", feature = "bigquery"))]
            outside: None,
            clock,
            latency: Duration::from_millis(100),
            jitter: 0.0,
            seed,
            flush_rows: 500,
            rescans: true,
            flush_bytes: None,
            body_limit: None,
            too_large: Vec::new(),
            reporter: Arc::new(Silent),
            garble: None,
            children: false,
            faults: None,
        }
    }

    pub fn account(&self) -> std::sync::MutexGuard<'_, Account> {
        self.account.lock().unwrap()
    }

    /// Copies a table with these flags into the destination in memory.
    pub async fn ingest(&self, table: &str, flags: &[&str]) -> Result<Receipt, Failure> {
        self.ingest_into(self.dest(), table, flags, None).await.expect("nobody died")
    }

    /// The same, but the process may die on the way; then there is no result.
    pub async fn ingest_until(
        &self,
        table: &str,
        flags: &[&str],
        death: Option<Death>,
    ) -> Option<Result<Receipt, Failure>> {
        self.ingest_into(self.dest(), table, flags, death).await
    }

    /// Where everything is copied to.
    pub fn dest(&self) -> &dyn Destination {
        #[cfg(any(feature = "duckdb", feature = "postgres", feature = "bigquery"))]
        if let Some(outside) = &self.outside {
            return outside;
        }
        #[cfg(any(feature = "duckdb", feature = "sqlite"))]
        if let Some(file) = &self.file {
            return file;
        }
        &self.memory
    }

    /// Whether the destination takes changes of several tables at once; the emulator of BigQuery does not.
    pub fn takes_several(&self) -> bool {
        #[cfg(any(feature = "duckdb", feature = "postgres", feature = "bigquery"))]
        if let Some(outside) = &self.outside {
            return outside.can.several;
        }
        true
    }

    /// Whether a connection to the destination can be cut in the middle of a commit.
    pub fn can_be_cut(&self) -> bool {
        #[cfg(any(feature = "duckdb", feature = "postgres", feature = "bigquery"))]
        if let Some(outside) = &self.outside {
            return outside.can.cuts;
        }
        false
    }

    /// Whether one run leaves the destination equal, whatever was left half done before it: where nobody corrects rows, those that
    /// went while they were staged stay until the next replacement.
    pub fn corrects(&self) -> bool {
        self.dest().capabilities().corrections
    }

    /// Which commit shall fail, and how.
    pub fn crash(&self, crash: Option<(u64, Crash)>) {
        #[cfg(any(feature = "duckdb", feature = "postgres", feature = "bigquery"))]
        if let Some(outside) = &self.outside {
            outside.crash(crash);
        }
        #[cfg(any(feature = "duckdb", feature = "sqlite"))]
        if let Some(file) = &self.file {
            file.crash(crash);
        }
        self.memory.0.lock().unwrap().crash = crash;
    }

    /// A table is dropped by somebody else, or all there is removed.
    pub fn vanish(&self, table: Option<&str>) {
        #[cfg(any(feature = "duckdb", feature = "postgres", feature = "bigquery"))]
        if let Some(outside) = &self.outside {
            outside.vanish(table);
        }
        #[cfg(any(feature = "duckdb", feature = "sqlite"))]
        if let Some(file) = &self.file {
            match table {
                Some(table) => file.run(&format!("DROP TABLE IF EXISTS main.\"{table}\"")),
                None => file.remove(),
            }
        }
        let mut store = self.memory.store();
        match table {
            Some(table) => _ = store.tables.remove(&("main".into(), table.into())),
            None => *store = Store::default(),
        }
    }

    /// Which table is dropped, and before which commit from now.
    pub fn vanish_at(&self, vanishes: Option<(u64, &str)>) {
        #[cfg(any(feature = "duckdb", feature = "postgres", feature = "bigquery"))]
        if let Some(outside) = &self.outside {
            outside.vanish_at(vanishes.map(|(commits, table)| (commits, table.into())));
        }
        #[cfg(any(feature = "duckdb", feature = "sqlite"))]
        if let Some(file) = &self.file {
            file.vanish_at(vanishes.map(|(commits, table)| (commits, table.into())));
        }
        let place = |table: &str| ("main".into(), table.into());
        self.memory.store().vanishes = vanishes.map(|(commits, table)| (commits, place(table)));
    }

    /// What the destination holds of a table: its rows, without those that are gone, and since when it is covered.
    pub async fn held(
        &self,
        table: &str,
        covered_since: Option<Micros>,
    ) -> (BTreeMap<i64, Row>, Option<Micros>) {
        #[cfg(any(feature = "duckdb", feature = "postgres", feature = "bigquery"))]
        if let Some(outside) = &self.outside {
            return (outside.held(table), covered_since);
        }
        #[cfg(any(feature = "duckdb", feature = "sqlite"))]
        if let Some(file) = &self.file {
            return (file.rows(table), covered_since);
        }
        let held = self.memory.table(&format!("main.{table}"));
        let rows = held.rows.into_iter().filter(|(id, _)| !held.gone.contains_key(id)).collect();
        (rows, held.state.and_then(|state| state.covered_since).or(covered_since))
    }

    /// All rows of a table, as texts of these columns; `NULL` for nothing.
    pub async fn texts(&self, table: &str, columns: &[&str]) -> Vec<Vec<String>> {
        #[cfg(any(feature = "duckdb", feature = "postgres", feature = "bigquery"))]
        if let Some(outside) = &self.outside {
            return outside.texts(table, columns);
        }
        #[cfg(any(feature = "duckdb", feature = "sqlite"))]
        if let Some(file) = &self.file {
            return file.texts_of_columns(table, columns);
        }
        let text = |row: &Row, column: &&str| row.get(*column).unwrap_or(&Cell::Null).text();
        let texts = |row: &Row| columns.iter().map(|column| text(row, column)).collect();
        self.memory.table(&format!("main.{table}")).all.iter().map(texts).collect()
    }

    pub async fn ingest_into(
        &self,
        dest: &dyn Destination,
        table: &str,
        flags: &[&str],
        death: Option<Death>,
    ) -> Option<Result<Receipt, Failure>> {
        let mut ends = match self.ingest_all_into(dest, table, flags, death).await? {
            Ok(ends) => ends,
            Err(failure) => return Some(Err(failure)),
        };
        assert_eq!(ends.len(), 1, "one table");
        let Ended { receipt, failure, .. } = ends.remove(0);
        Some(failure.map_or_else(|| Ok(receipt.expect("a receipt")), Err))
    }

    /// A way to the account that takes no time and breaks nothing.
    pub fn transport(&self) -> SimTransport {
        SimTransport {
            account: Arc::clone(&self.account),
            clock: self.clock,
            latency: Duration::ZERO,
            jitter: 0.0,
            rng: Mutex::new(fastrand::Rng::with_seed(1)),
            death: None,
            sent: AtomicU64::new(0),
            body_limit: usize::MAX,
            too_large: Vec::new(),
            wake: Arc::default(),
            bell: Arc::new(Notify::new()),
        }
    }

    /// Copies several tables in one command; how each ended, or why there was no run.
    pub async fn ingest_all(
        &self,
        tables: &str,
        flags: &[&str],
        death: Option<Death>,
    ) -> Option<Result<Vec<Ended>, Failure>> {
        self.ingest_all_into(self.dest(), tables, flags, death).await
    }

    /// The tables of a command, with those that come out of them if that can be.
    fn with_children(&self, tables: &str, flags: &[&str]) -> String {
        let of_tickets = self.children && tables.split(',').any(|table| table == "tickets");
        // Rows of a window are replaced by one of these.
        let window = flags.contains(&"--full-refresh") && flags.contains(&"--interval-start");
        if of_tickets && !window && !flags.contains(&"delete+insert") {
            format!("{tables},{}", OF_TICKETS.join(","))
        } else {
            tables.to_owned()
        }
    }

    /// How tables ended that are nobody's children: these end as their parents do.
    fn without_children(&self, mut ends: Vec<Ended>) -> Vec<Ended> {
        if self.children {
            let failed = ends.iter().any(|end| end.table == "tickets" && end.failure.is_some());
            for child in ends.extract_if(.., |end| OF_TICKETS.contains(&end.table.as_str())) {
                assert!(failed || child.failure.is_none(), "{}: {:?}", child.table, child.failure);
            }
        }
        ends
    }

    async fn ingest_all_into(
        &self,
        dest: &dyn Destination,
        tables: &str,
        flags: &[&str],
        death: Option<Death>,
    ) -> Option<Result<Vec<Ended>, Failure>> {
        let (named, tables) = (tables, self.with_children(tables, flags));
        let flush = self.flush_rows.to_string();
        let argv =
            ["ingestr", "ingest", "--source-uri", URI, "--dest-uri", "memory://", "--source-table", &tables];
        // Re-scans repair whatever else was missed, so a test of everything else has to go without them.
        let rescan = if self.rescans { "1d" } else { "0" };
        let argv = argv.into_iter().chain(["--flush-records", flush.as_str(), "--rescan", rescan]);
        let argv = argv.chain(flags.iter().copied());
        let Command::Ingest(args) =
            cli::parse(argv.map(Into::into).collect(), &|_| None).expect("flags make sense")
        else {
            panic!("not ingest")
        };
        let now = Micros(self.clock.now());
        let ends = Endpoints {
            source: "Gorgias",
            tables: &TABLES,
            destination: "memory",
            default_schema: dest.default_schema(),
            capabilities: dest.capabilities(),
        };
        let mut plans = match Plans::from_args(&args, now, &ends) {
            Ok(plans) => plans,
            Err(failure) => return Some(Err(failure)),
        };
        for plan in &mut plans.tables {
            plan.flush.bytes = self.flush_bytes.unwrap_or(plan.flush.bytes);
        }
        let (bell, wake) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let transport = SimTransport {
            account: Arc::clone(&self.account),
            clock: self.clock,
            latency: self.latency,
            jitter: self.jitter,
            rng: Mutex::new(fastrand::Rng::with_seed(self.seed ^ self.requests())),
            death,
            sent: AtomicU64::new(0),
            bell: Arc::clone(&bell),
            body_limit: self.body_limit.unwrap_or(MOST),
            too_large: self.too_large.clone(),
            wake: Arc::clone(&wake),
        };
        let transport = Garbled { transport, garble: self.garble.clone() };
        let source = Gorgias::with_transport(URI, Arc::new(transport), self.seed).unwrap();
        if let Some(share) = plans.tables.first().and_then(|plan| plan.budget) {
            source.keep_to(share);
        }
        let (_keep, stop) = watch::channel(false);
        let reporter = || Arc::clone(&self.reporter);
        let job = |plan| Job { plan, source: &source, dest, reporter: reporter(), stop: stop.clone() };
        let jobs: Vec<Job<'_>> = plans.tables.iter().map(job).collect();
        let mut run = std::pin::pin!(run::all(&jobs));
        tokio::select! {
            ends = &mut run => return Some(Ok(self.without_children(ends))),
            () = bell.notified() => {}
        }
        if let Some(Death::Sleep { time, .. }) = death {
            self.pass(time).await;
            // Another run finds a lease that has lapsed. Whether it succeeds is not the question here. Who adds rows does so in every run.
            let flags = if flags.contains(&"append") { flags } else { &[] };
            let _ = Box::pin(self.ingest_all_into(dest, named, flags, None)).await;
            wake.notify_one();
            return Some(Ok(self.without_children(run.await)));
        }
        // There is no process that could be seen to be dead: the dead one's lease goes with it.
        self.memory.store().leases.clear();
        #[cfg(any(feature = "duckdb", feature = "postgres", feature = "bigquery"))]
        if let Some(outside) = &self.outside {
            outside.forget_leases();
        }
        #[cfg(any(feature = "duckdb", feature = "sqlite"))]
        if let Some(file) = &self.file {
            file.forget_leases();
        }
        None
    }

    /// Lets time pass.
    pub async fn pass(&self, time: Duration) {
        tokio::time::advance(time).await;
    }

    /// Requests sent so far.
    pub fn requests(&self) -> u64 {
        self.account().served()
    }

    /// What the list of a table would show now, as it should be stored.
    pub fn expected(&self, table: &str) -> BTreeMap<i64, Row> {
        let (_, list) = LISTS.into_iter().chain(SMALL).chain(FEEDS).find(|(name, _)| *name == table).unwrap();
        let derived = matches!(table, "ticket_messages" | "satisfaction_surveys");
        self.account()
            .expected(list)
            .into_iter()
            .map(|(id, json)| (id, expected_row(table, &json, derived)))
            .collect()
    }

    /// Compares the destination with the account, row for row and field for field.
    pub fn assert_equal(&self, table: &str, context: &str) {
        let held = self.memory.table(&format!("main.{table}"));
        let stored = held.rows.into_iter().filter(|(id, _)| !held.gone.contains_key(id)).collect();
        assert_same(table, &self.expected(table), &stored, context);
    }
}

/// Says which rows and fields differ rather than printing both tables.
pub fn assert_same(table: &str, wanted: &BTreeMap<i64, Row>, stored: &BTreeMap<i64, Row>, context: &str) {
    let missing: Vec<_> = wanted.keys().filter(|id| !stored.contains_key(id)).take(5).collect();
    let surplus: Vec<_> = stored.keys().filter(|id| !wanted.contains_key(id)).take(5).collect();
    let different: Vec<String> = wanted
        .iter()
        .filter_map(|(id, wanted)| Some((id, wanted, stored.get(id)?)))
        .flat_map(|(id, wanted, stored)| {
            wanted.iter().filter_map(move |(name, cell)| {
                let there = stored.get(name).unwrap_or(&Cell::Null);
                (there != cell).then(|| format!("{id}.{name}: wanted {cell:?}, stored {there:?}"))
            })
        })
        .take(5)
        .collect();
    assert!(
        missing.is_empty() && surplus.is_empty() && different.is_empty(),
        "{context}: {table}: {} wanted, {} stored; missing {missing:?}, surplus {surplus:?}, different {different:#?}",
        wanted.len(),
        stored.len(),
    );
}

/// Columns that repeat what lies in JSON: table, column, field, member.
const FLAT: [(&str, &str, &str, &str); 7] = [
    ("tickets", "customer_id", "customer", "id"),
    ("tickets", "assignee_user_id", "assignee_user", "id"),
    ("tickets", "assignee_team_id", "assignee_team", "id"),
    ("tickets", "tag_names", "tags", "name"),
    ("ticket_messages", "sender_id", "sender", "id"),
    ("ticket_messages", "receiver_id", "receiver", "id"),
    ("ticket_messages", "source_type", "source", "type"),
];

/// Those of a table.
#[cfg(feature = "duckdb")]
pub fn flat_columns(table: &str) -> impl Iterator<Item = &'static str> {
    FLAT.into_iter().filter(move |flat| flat.0 == table).map(|(_, column, ..)| column)
}

/// A row of the API as it should be stored, by rules written down a second time: nothing of the tool is used.
pub fn expected_row(table: &str, json: &str, derived: bool) -> Row {
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(json).unwrap();
    let spec = TABLES.iter().find(|spec| spec.name == table).unwrap();
    let mut row: Row = spec
        .columns
        .iter()
        .map(|(name, logical, _)| {
            let raw = fields.get(*name).map_or("null", |raw| raw.get());
            ((*name).to_owned(), expected_cell(*logical, raw))
        })
        .collect();
    for (column, field, member) in
        FLAT.into_iter().filter(|flat| flat.0 == table).map(|(_, c, f, m)| (c, f, m))
    {
        let raw = fields.get(field).map_or("null", |raw| raw.get());
        let value: serde_json::Value = serde_json::from_str(raw).unwrap();
        let cell = match &value {
            serde_json::Value::Array(list) => {
                let names: Vec<&serde_json::Value> = list.iter().map(|element| &element[member]).collect();
                Cell::Json(serde_json::to_string(&names).unwrap())
            }
            value if value[member].is_string() => Cell::Text(value[member].as_str().unwrap().to_owned()),
            value => value[member].as_i64().map_or(Cell::Null, Cell::Int),
        };
        row.insert(column.into(), cell);
    }
    if derived {
        let newest =
            row.iter().filter(|(name, _)| name.ends_with("_datetime")).map(|(_, cell)| cell.clone()).max();
        row.insert("updated_datetime".into(), newest.unwrap_or(Cell::Null));
    }
    row
}

fn expected_cell(logical: LogicalType, raw: &str) -> Cell {
    let value: serde_json::Value = serde_json::from_str(raw).unwrap();
    if value.is_null() {
        return Cell::Null;
    }
    match logical {
        LogicalType::Json => Cell::Json(raw.to_owned()),
        LogicalType::Bool => Cell::Bool(value.as_bool().unwrap()),
        LogicalType::Int64 => Cell::Int(value.as_i64().unwrap()),
        LogicalType::Float64 => Cell::Float(value.as_f64().unwrap().to_bits()),
        LogicalType::Text => Cell::Text(value.as_str().unwrap().to_owned()),
        LogicalType::Timestamp => {
            let text = value.as_str().unwrap();
            Cell::Instant(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
        }
    }
}
