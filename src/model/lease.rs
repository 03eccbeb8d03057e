//! Who holds a target, and whether they are still alive: one run at a time writes to a table.
//!
//! A lease expires by itself, so a machine that vanished blocks nobody for long. On the same machine a dead holder is
//! seen at once: a run after `kill -9` must not wait for an expiry.

use std::fs;
use std::time::Duration;

use super::Micros;

/// The right to write to a target: one run at a time. Stored in `_ingestr_leases` beside the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The run that holds it.
    pub run: String,
    /// The process that runs it, as [`this_process`] tells it; lets the same machine see that it is dead.
    pub process: String,
    /// Since when it is held.
    pub since: Micros,
    /// When it lapses unless it is renewed.
    pub until: Micros,
}

/// What a run wants of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It has none yet.
    Take,
    /// It has one, and wants it for longer. One that is not there any more is lost, whoever has it now: others may have
    /// written to the table meanwhile.
    Renew,
}

/// How long a lease holds without being renewed.
pub const TERM: Duration = Duration::from_secs(5 * 60);

/// How often it is renewed when no commit does it.
pub const RENEWAL: Duration = Duration::from_secs(60);

/// This process, as a lease names it: machine since its start, pid, and the process's start, since pids come again.
#[must_use]
pub fn this_process() -> String {
    describe(std::process::id()).unwrap_or_else(|| format!("unknown/{}", std::process::id()))
}

fn describe(pid: u32) -> Option<String> {
    Some(format!("{}/{pid}/{}", machine()?, started(pid)?))
}

/// The kernel's boot id and the namespace that pids count in: two containers on one machine share only the first.
fn machine() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{}+{}", boot.trim(), namespace.display()))
}

/// When a process was started, in the kernel's ticks; `None` if there is no such process, or only its remains.
fn started(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything; the state and 18 more fields follow, then the start.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    (state != "Z" && state != "X").then(|| fields.nth(18).map(str::to_owned)).flatten()
}

/// Whether a lease still counts at that time.
#[must_use]
pub fn live(lease: &Lease, now: Micros) -> bool {
    lease.until > now && !known_dead(&lease.process)
}

/// Whether the process ran on this machine and does so no more.
fn known_dead(process: &str) -> bool {
    let mut parts = process.rsplitn(3, '/');
    let (_, Some(pid), Some(place)) = (parts.next(), parts.next(), parts.next()) else { return false };
    let Ok(pid) = pid.parse() else { return false };
    machine().is_some_and(|here| here == place) && describe(pid).is_none_or(|alive| alive != process)
}

/// Who holds it, for messages: since when, to the second, as nobody looks for a process by its microsecond, and its pid.
#[must_use]
pub fn told(lease: &Lease) -> String {
    let since = Micros(lease.since.0 - lease.since.0.rem_euclid(1_000_000));
    format!("started {since}{}", pid(lease).map_or(String::new(), |pid| format!(", process {pid}")))
}

/// The pid in a lease, for messages.
#[must_use]
pub fn pid(lease: &Lease) -> Option<&str> {
    lease.process.rsplit('/').nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(process: String) -> Lease {
        Lease { run: "r".into(), process, since: Micros(0), until: Micros(100) }
    }

    #[test]
    fn a_lease_ends_with_its_term() {
        let lease = lease(this_process());
        assert!(live(&lease, Micros(99)));
        assert!(!live(&lease, Micros(100)));
    }

    #[test]
    fn a_dead_holder_on_this_machine_is_seen_at_once() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let dead = this_process().replace(&format!("/{}/", std::process::id()), &format!("/{}/", child.id()));
        assert!(!live(&lease(dead), Micros(1)));
    }

    #[test]
    fn a_holder_elsewhere_is_taken_at_its_word() {
        assert!(live(&lease("other-boot+pid:[1]/4/7".into()), Micros(1)));
        assert!(live(&lease("unknown/4".into()), Micros(1)));
        assert_eq!(pid(&lease("other-boot+pid:[1]/4/7".into())), Some("4"));
    }
}
