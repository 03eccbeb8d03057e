//! `gorgias-sim`: a Gorgias account on this machine, to try things on without one.

use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Parser;
use gorgias_sim::{Account, Bucket, Cursors, DenyList, Fault, History, Options, Others, Server, fault_plan};

/// A simulated Gorgias account on 127.0.0.1.
///
/// Prints the source URI to copy as its first line and serves until it is interrupted. The same numbers and seed give
/// the same account, to the byte.
#[derive(Debug, Parser)]
#[command(name = "gorgias-sim", version)]
struct Args {
    /// How many tickets the account holds.
    #[arg(long, default_value_t = 300)]
    tickets: usize,
    /// How many customers.
    #[arg(long, default_value_t = 150)]
    customers: usize,
    /// How many messages, over all tickets.
    #[arg(long, default_value_t = 900)]
    messages: usize,
    /// How many satisfaction surveys; at most one per ticket.
    #[arg(long, default_value_t = 60)]
    surveys: usize,
    /// How many calls; half of them are recorded.
    #[arg(long, default_value_t = 240)]
    calls: usize,
    /// How many of the latest events to keep at most.
    #[arg(long, default_value_t = 200_000)]
    events: usize,
    /// What the account went through, such as `weeks,growth=8,season=0.5,gap=300-240,others=1000,import=40000-5000@200`:
    /// times in days before its end; an import of tickets and customers takes an hour, and its rows carry the dates of
    /// that hour (`@200`), one date (`@200same`) or older ones (`@200old`).
    #[arg(long, default_value = "", value_name = "HISTORY", value_parser = history)]
    history: History,
    /// Seed of the data, the changes and the faults.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Call budget as CALLS/SECONDS, or `none`.
    #[arg(long, default_value = "40/20", value_name = "CALLS/SECONDS", value_parser = rate)]
    rate: Rate,
    /// Calls per second that another client of the account makes; how many were refused is told at the end.
    #[arg(long, default_value_t = 0.0, value_name = "CALLS")]
    other_client: f64,
    /// Time before each answer, such as `300ms` or `1s`.
    #[arg(long, default_value = "0ms", value_parser = duration)]
    latency: Duration,
    /// Faults per request: `none`, `light`, `heavy`, or a list like `p429=0.01,p500=0.005,reset=0.01,cut=0.01`.
    ///
    /// Names: p429 p429bare p500 p502 p503 reset cut hang html expired forbidden nometa emptypage repeat wrongorder
    /// noheader badheader array emptylookup partiallookup lost emptynometa emptyend shortnometa p206 p203 p204
    /// emptycursor endlessempty endlesssame botcheck retryfraction retrydate retrylong notutf8 nan infinity control
    /// surrogate surrogatename nulname oversized bom.
    #[arg(long, default_value = "none", value_name = "PLAN", value_parser = plan)]
    faults: Plan,
    /// Random changes to the account per request; 0.5 is one every second request.
    #[arg(long, default_value_t = 0.0, value_name = "CHANGES")]
    churn: f64,
    /// Tickets whose messages_count is wrong.
    #[arg(long, default_value_t = 0)]
    count_lies: usize,
    /// People write at their hours and wait as people do, instead of rows that are as odd as rows can be.
    #[arg(long)]
    lifelike: bool,
    /// What cursors are like: `places` as recorded, `opaque`, `strict` or `forgetful` about those it did not hand out.
    #[arg(long, default_value = "places", value_name = "KIND", value_parser = cursors)]
    cursors: Cursors,
    /// Largest HTML body in bytes.
    #[arg(long, default_value_t = 200 * 1024, value_name = "BYTES")]
    max_body: usize,
    /// Port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The part of deletions and merges that no event tells of, 0 to 1.
    #[arg(long, default_value_t = 0.0, value_name = "PART")]
    events_missed: f64,
    /// Answer 403 on /events, as a role without that right sees it.
    #[arg(long)]
    deny_events: bool,
    /// Answer 403, naming the missing scope, or 404 on a list, such as `voice-calls=403`; several by commas.
    #[arg(long, value_name = "LIST=STATUS", value_delimiter = ',')]
    deny_list: Vec<DenyList>,
    /// The API key to accept.
    #[arg(long, default_value = "sim-key")]
    api_key: String,
    /// The user the key belongs to.
    #[arg(long, default_value = "agent@acme.example")]
    email: String,
    /// Subdomain of the account.
    #[arg(long, default_value = "acme")]
    domain: String,
    /// An OAuth access token to accept as well; the printed URI then carries it instead of the key.
    #[arg(long, value_name = "TOKEN")]
    oauth: Option<String>,
    /// End after so many seconds.
    #[arg(long, value_name = "N")]
    max_seconds: Option<u64>,
}

#[derive(Debug, Clone)]
struct Rate(Option<Bucket>);

#[derive(Debug, Clone)]
struct Plan(Vec<(Fault, f64)>);

fn rate(text: &str) -> Result<Rate, String> {
    if text == "none" {
        return Ok(Rate(None));
    }
    let parsed = text.split_once('/').and_then(|(calls, seconds)| {
        let capacity: u32 = calls.parse().ok().filter(|n| *n > 0)?;
        let window: u64 = seconds.trim_end_matches('s').parse().ok().filter(|n| *n > 0)?;
        Some(Bucket { capacity, window: Duration::from_secs(window) })
    });
    parsed.map(|bucket| Rate(Some(bucket))).ok_or_else(|| "write it like 40/20, or none".into())
}

fn duration(text: &str) -> Result<Duration, String> {
    let (digits, unit) = match text.strip_suffix("ms") {
        Some(digits) => (digits, 0.001),
        None => (text.strip_suffix('s').unwrap_or(text), 1.0),
    };
    let seconds: f64 = digits.parse().map_err(|_| "write it like 300ms or 1s".to_owned())?;
    Duration::try_from_secs_f64(seconds * unit).map_err(|error| error.to_string())
}

fn cursors(text: &str) -> Result<Cursors, String> {
    Ok(match text {
        "places" => Cursors::Places,
        "opaque" => Cursors::Opaque,
        "strict" => Cursors::Strict,
        "forgetful" => Cursors::Forgetful,
        _ => return Err("it is places, opaque, strict or forgetful".into()),
    })
}

fn history(text: &str) -> Result<History, String> {
    gorgias_sim::history(text, Options::default().end)
}

fn plan(text: &str) -> Result<Plan, String> {
    fault_plan(text).map(Plan)
}

fn options(args: &Args) -> Options {
    Options {
        seed: args.seed,
        customers: args.customers,
        tickets: args.tickets,
        messages: args.messages,
        surveys: args.surveys,
        calls: args.calls,
        events: args.events,
        history: args.history.clone(),
        domain: args.domain.clone(),
        email: args.email.clone(),
        api_key: args.api_key.clone(),
        access_token: args.oauth.clone(),
        bucket: args.rate.0.unwrap_or_default(),
        unlimited: args.rate.0.is_none(),
        other_client_rate: args.other_client,
        max_body: args.max_body,
        role_can_read_events: !args.deny_events,
        deny_lists: args.deny_list.clone(),
        events_missed: args.events_missed,
        count_lies: args.count_lies,
        lifelike: args.lifelike,
        cursors: args.cursors,
        ..Options::default()
    }
}

fn main() -> std::io::Result<()> {
    let args = Args::parse();
    let mut account = Account::new(options(&args));
    account.set_churn(args.churn);
    account.faults().plan(args.seed, args.faults.0.clone());
    let note = format!(
        "gorgias-sim: {} tickets, {} messages, {} customers, {} surveys, {} events; seed {}",
        account.count("tickets"),
        account.count("messages"),
        account.count("customers"),
        account.count("satisfaction-surveys"),
        account.count("events"),
        args.seed
    );
    let account = Arc::new(Mutex::new(account));
    let server = Server::start_on(Arc::clone(&account), args.latency, args.port)?;
    writeln!(std::io::stdout(), "source-uri: {}", server.source_uri())?;
    std::io::stdout().flush()?;
    writeln!(std::io::stderr(), "{note}\nlistening on {}; stop with Ctrl-C", server.base_url())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(until_stopped(args.max_seconds))?;
    if args.other_client > 0.0 {
        let Others { made, refused } = account.lock().unwrap_or_else(PoisonError::into_inner).other_client();
        writeln!(std::io::stderr(), "other client: {made} calls, {refused} refused")?;
    }
    Ok(())
}

async fn until_stopped(max_seconds: Option<u64>) -> std::io::Result<()> {
    let limit = async {
        match max_seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        result = terminated() => result,
        () = limit => Ok(()),
    }
}

#[cfg(unix)]
async fn terminated() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    signal(SignalKind::terminate())?.recv().await;
    Ok(())
}

#[cfg(not(unix))]
async fn terminated() -> std::io::Result<()> {
    std::future::pending().await
}
