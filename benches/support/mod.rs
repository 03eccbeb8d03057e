//! What benchmarks share: the simulator as a process, and what a child process costs.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

/// CPU of this process, or of its children so far.
pub(crate) fn cpu(who: UsageWho) -> Duration {
    let usage = getrusage(who).unwrap();
    let span = |time: nix::sys::time::TimeVal| {
        Duration::new(u64::try_from(time.tv_sec()).unwrap(), u32::try_from(time.tv_usec()).unwrap() * 1_000)
    };
    span(usage.user_time()) + span(usage.system_time())
}

/// A simulated account over loopback, without latency or limit.
pub(crate) struct Sim {
    child: Child,
    /// What `--source-uri` takes.
    pub(crate) uri: String,
}

impl Sim {
    /// With more of `gorgias-sim`'s arguments.
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut child = Command::new(program("gorgias-sim"))
            .args(["--rate", "none", "--max-seconds", "3000"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("gorgias-sim is built: make build");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let uri = line.trim().strip_prefix("source-uri: ").expect("a source URI").to_owned();
        Self { child, uri }
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A binary in the folder `BIN`, as `make bench` says it, or else next to this one's.
pub(crate) fn program(name: &str) -> PathBuf {
    let own = || std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_owned();
    std::env::var_os("BIN").map_or_else(own, PathBuf::from).join(name)
}

/// What a child process cost.
pub(crate) struct Cost {
    /// Seconds, user and system.
    pub(crate) cpu: f64,
    /// Seconds.
    pub(crate) wall: f64,
    /// Peak resident memory in MiB.
    pub(crate) peak: f64,
    /// What it printed.
    pub(crate) stdout: String,
}

/// Runs a command to its end, which must be a good one.
pub(crate) fn cost(command: &mut Command) -> Cost {
    let (before, start) = (cpu(UsageWho::RUSAGE_CHILDREN), Instant::now());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The kernel keeps one peak for all children, so each child's own is read while it lives.
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0.0f64;
    while child.try_wait().unwrap().is_none() {
        if let Ok(text) = std::fs::read_to_string(&status) {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
            peak = peak.max(line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1024.0);
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    let wall = start.elapsed().as_secs_f64();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let cpu = (cpu(UsageWho::RUSAGE_CHILDREN) - before).as_secs_f64();
    Cost { cpu, wall, peak, stdout: String::from_utf8(output.stdout).unwrap() }
}
