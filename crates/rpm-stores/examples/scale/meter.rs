//! What each step takes: wall time, processor time of this process and of the database's, and the most memory.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The parts of a second that the system counts processor time in.
const TICKS: f64 = 100.0;

/// The steps so far, each summed over its calls.
pub(crate) struct Meter {
    steps: Vec<Step>,
    /// The database server's process.
    server: Option<u32>,
}

#[derive(Clone, Default)]
struct Step {
    name: &'static str,
    wall: Duration,
    own: f64,
    server: f64,
    /// Resident bytes at most, while it ran.
    peak: u64,
    /// The wall time of each call.
    calls: Vec<Duration>,
}

impl Meter {
    pub(crate) fn new(server: Option<u32>) -> Self {
        Self { steps: Vec::new(), server }
    }

    /// Does a part of a step.
    pub(crate) fn step<T>(&mut self, name: &'static str, work: impl FnOnce() -> T) -> T {
        // Takes back the highest use so far, where the system can.
        let _ = fs::write("/proc/self/clear_refs", "5");
        let (own, server, began) = (own_seconds(), self.server_seconds(), Instant::now());
        let done = work();
        let wall = began.elapsed();
        let (own, server) = (own_seconds() - own, self.server_seconds() - server);
        let number = self.steps.iter().position(|step| step.name == name).unwrap_or(self.steps.len());
        if number == self.steps.len() {
            self.steps.push(Step { name, ..Step::default() });
        }
        if let Some(step) = self.steps.get_mut(number) {
            step.wall += wall;
            step.own += own;
            step.server += server;
            step.peak = step.peak.max(memory("VmHWM:"));
            step.calls.push(wall);
        }
        done
    }

    /// A row for each step since the last table, of so many users.
    pub(crate) fn table(&mut self, users: usize) -> String {
        let head =
            "| step | wall s | CPU s | server CPU s | users/s wall | users/s core | ms CPU/user | slowing | peak MB |";
        let mut rows = vec![head.to_owned(), "|---|---|---|---|---|---|---|---|---|".to_owned()];
        rows.extend(std::mem::take(&mut self.steps).iter().map(|step| step.row(users)));
        rows.join("\n")
    }

    /// Seconds that the server and all processes that it started have had.
    fn server_seconds(&self) -> f64 {
        let Some(server) = self.server else { return 0.0 };
        let ended = times(server).map_or(0.0, |times| times.iter().sum());
        let running = fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers = running.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let theirs = numbers.filter(|number| parent(*number) == Some(server));
        let now: f64 = theirs.filter_map(times).map(|[user, system, ..]| user + system).sum();
        (ended + now) / TICKS
    }
}

impl Step {
    fn row(&self, users: usize) -> String {
        let (wall, cpu) = (self.wall.as_secs_f64(), self.own + self.server);
        // Below a tenth of a second, ticks say more than the work.
        let rate = |seconds: f64| if seconds < 0.1 { "-".to_owned() } else { format!("{:.0}", users as f64 / seconds) };
        format!(
            "| {} | {wall:.2} | {:.2} | {:.2} | {} | {} | {:.3} | {} | {} |",
            self.name,
            self.own,
            self.server,
            rate(wall),
            rate(cpu),
            1e3 * cpu / users as f64,
            self.slowing().map_or("-".to_owned(), |slowing| format!("{slowing:.2}")),
            self.peak >> 20
        )
    }

    /// The mean wall time of the last quarter of its calls over that of the first.
    fn slowing(&self) -> Option<f64> {
        let quarter = self.calls.len() / 4;
        let sum = |calls: &mut dyn Iterator<Item = &Duration>| calls.take(quarter).sum::<Duration>().as_secs_f64();
        (quarter > 0).then(|| sum(&mut self.calls.iter().rev()) / sum(&mut self.calls.iter()).max(1e-9))
    }
}

/// Resident bytes, now (`VmRSS:`) or at most (`VmHWM:`).
pub(crate) fn memory(of: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(of)).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap_or_default() << 10
}

/// Fields of a process's line of state from the fourth on; names may have spaces, and end with a parenthesis.
fn state(process: &str) -> Option<Vec<i64>> {
    let line = fs::read_to_string(PathBuf::from("/proc").join(process).join("stat")).ok()?;
    let (_, rest) = line.rsplit_once(") ")?;
    Some(rest.split(' ').skip(1).filter_map(|field| field.parse().ok()).collect())
}

fn parent(process: u32) -> Option<u32> {
    state(&process.to_string())?.first().and_then(|parent| u32::try_from(*parent).ok())
}

/// User and system time, and those of children that ended and were waited for, in ticks.
fn times(process: u32) -> Option<[f64; 4]> {
    let fields = state(&process.to_string())?;
    Some([10, 11, 12, 13].map(|place| fields.get(place).copied().unwrap_or_default() as f64))
}

fn own_seconds() -> f64 {
    let fields = state("self").unwrap_or_default();
    [10, 11].into_iter().filter_map(|place| fields.get(place)).sum::<i64>() as f64 / TICKS
}
