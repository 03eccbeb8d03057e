//! What an account looks like: sizes, credentials, budget, and the switches for behaviour no source settles.

use std::str::FromStr;
use std::time::Duration;

use crate::history::History;
use crate::specs::SPECS;
use crate::time::{DAY, Micros};

/// The leaky bucket: `capacity` calls may stand in it, and it drains `capacity / window`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Calls the bucket holds.
    pub capacity: u32,
    /// Time in which a full bucket drains.
    pub window: Duration,
}

impl Default for Bucket {
    /// The limit of an API key: 40 calls per 20 seconds.
    fn default() -> Bucket {
        Bucket { capacity: 40, window: Duration::from_secs(20) }
    }
}

/// How cursors look, and what becomes of those that the API did not hand out itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cursors {
    /// As recorded: the place of a row, readable, and any place will do.
    #[default]
    Places,
    /// Nobody can read them.
    Opaque,
    /// Places, but one that names no row is refused.
    Strict,
    /// Places, but one that names no row is taken for none.
    Forgetful,
}

/// How a list is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// 403: the credentials lack a scope, which the answer names.
    Forbidden,
    /// 404: the account has no such thing.
    Missing,
}

/// A list that cannot be read, with the rows below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DenyList {
    /// The name of the endpoint.
    pub list: &'static str,
    /// How.
    pub how: Denial,
}

impl DenyList {
    /// `list` is the path of the endpoint, or, of calls, its last part; none: there is no such list.
    pub fn of(list: &str, how: Denial) -> Option<DenyList> {
        let lists = SPECS.iter().map(|spec| spec.table).chain(["account", "account/settings"]);
        let named = |full: &&str| *full == list || full.strip_prefix("phone/") == Some(list);
        lists.into_iter().find(named).map(|list| DenyList { list, how })
    }
}

impl FromStr for DenyList {
    type Err = String;

    /// Reads `voice-calls=403`.
    fn from_str(text: &str) -> Result<DenyList, String> {
        let (list, status) = text.split_once('=').ok_or("write it like voice-calls=403")?;
        let how = match status {
            "403" => Denial::Forbidden,
            "404" => Denial::Missing,
            _ => return Err(format!("`{status}` is not 403 or 404")),
        };
        DenyList::of(list, how).ok_or_else(|| format!("there is no list `{list}`"))
    }
}

/// A whole account; the same options are the same account, byte for byte.
#[derive(Debug, Clone)]
pub struct Options {
    /// Seed of everything random.
    pub seed: u64,
    /// Customers.
    pub customers: usize,
    /// Tickets.
    pub tickets: usize,
    /// Messages over all tickets.
    pub messages: usize,
    /// Satisfaction surveys; at most one per ticket.
    pub surveys: usize,
    /// Calls; half of them are recorded.
    pub calls: usize,
    /// Keep at most so many of the latest events; the API itself keeps twelve months.
    pub events: usize,
    /// Earliest creation time, except of back-dated imports.
    pub start: Micros,
    /// Latest creation time: the "now" of the data.
    pub end: Micros,
    /// What it went through between the two, and what came beside the rows above.
    pub history: History,
    /// Subdomain of the account.
    pub domain: String,
    /// User that owns the API key.
    pub email: String,
    /// API key.
    pub api_key: String,
    /// OAuth access token accepted besides the key.
    pub access_token: Option<String>,
    /// Call budget.
    pub bucket: Bucket,
    /// No call budget at all; the header then shows a huge limit.
    pub unlimited: bool,
    /// Calls per second that another client of the account makes, one after another; they can be refused.
    pub other_client_rate: f64,
    /// Largest HTML body in bytes, for a few rows.
    pub max_body: usize,
    /// False: `/events` answers 403.
    pub role_can_read_events: bool,
    /// Lists that cannot be read.
    pub deny_lists: Vec<DenyList>,
    /// What cursors are like.
    pub cursors: Cursors,
    /// Lists of calls, which take no order, come the other way round: calls and recordings oldest first, their events newest
    /// first.
    pub calls_turned: bool,
    /// Tickets whose `messages_count` is wrong.
    pub count_lies: usize,
    /// True: people write at their hours and wait as people do, agents answer from the help desk, scores depend on waiting.
    /// False: rows as odd as rows can be, spread evenly.
    pub lifelike: bool,
    /// True: customers and tags inside tickets and messages show the present name without any bump, as the recordings
    /// suggest. False: they keep the name they had when the row was written.
    pub live_embeds: bool,
    /// True: `ticket-merged` carries `{"target_ticket_id": N}`; nobody has published its real form.
    pub merge_event_names_target: bool,
    /// False: nor does `customer-merged` say who was merged away, which the recordings show it does.
    pub merge_event_names_source: bool,
    /// True: `GET /customers/N` of a merged customer answers 301 to the survivor. False: 404.
    pub merged_customer_moves: bool,
    /// The part of deletions and merges that no event tells of, 0 to 1.
    pub events_missed: f64,
    /// True: a customer merge also moves the survivor's `updated_datetime`.
    pub merge_bumps_customer: bool,
    /// False: random changes are only those that a list or the events show.
    pub silent_changes: bool,
    /// True: every request gets the HTML 404 of an unknown subdomain.
    pub unknown_tenant: bool,
    /// The loopback skin uses the wall clock as it is, instead of mapping `end` to the moment it starts.
    pub real_time: bool,
}

impl Options {
    /// Whether a path below `/api/` is denied, for which list, and how.
    pub(crate) fn denied(&self, path: &str) -> Option<(&'static str, Denial)> {
        let within = |denied: &&DenyList| {
            let rest = path.strip_prefix(denied.list);
            // The settings are another list than the account.
            rest.is_some_and(|rest| rest.is_empty() || (rest.starts_with('/') && denied.list != "account"))
        };
        self.deny_lists.iter().find(within).map(|denied| (denied.list, denied.how))
    }
}

impl Default for Options {
    fn default() -> Options {
        // 2026-08-26T18:00:00Z, the day of the recordings.
        let end = 1_787_767_200_000_000;
        Options {
            seed: 1,
            customers: 150,
            tickets: 300,
            messages: 900,
            surveys: 60,
            calls: 240,
            events: 200_000,
            start: end - 400 * DAY,
            end,
            history: History::default(),
            domain: "acme".into(),
            email: "agent@acme.example".into(),
            api_key: "sim-key".into(),
            access_token: None,
            bucket: Bucket::default(),
            unlimited: false,
            other_client_rate: 0.0,
            max_body: 200 * 1024,
            role_can_read_events: true,
            deny_lists: Vec::new(),
            cursors: Cursors::default(),
            calls_turned: false,
            count_lies: 0,
            lifelike: false,
            live_embeds: false,
            merge_event_names_target: false,
            merge_event_names_source: true,
            merged_customer_moves: false,
            events_missed: 0.0,
            merge_bumps_customer: false,
            silent_changes: true,
            unknown_tenant: false,
            real_time: false,
        }
    }
}
