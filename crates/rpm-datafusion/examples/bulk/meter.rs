//! What each step takes: wall time, processor time of this process and of the executors that it started, and the most memory of this one.

use std::fs;
use std::future::Future;
use std::time::Instant;

/// The parts of a second that the system counts processor time in.
const TICKS: f64 = 100.0;

/// Tells what steps take.
pub(crate) struct Meter {
    users: usize,
    place: String,
}

impl Meter {
    pub(crate) fn new(users: usize) -> Self {
        Self { users, place: "here".to_owned() }
    }

    pub(crate) fn users(&self) -> usize {
        self.users
    }

    /// Where the next steps are.
    pub(crate) fn place(&mut self, place: &str) {
        place.clone_into(&mut self.place);
    }

    /// Does a step, and tells what it took.
    pub(crate) async fn step<T, E>(&self, name: &str, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        // Takes back the highest use so far, where the system can.
        let _ = fs::write("/proc/self/clear_refs", "5");
        let (own, theirs, began) = (own(), executors(), Instant::now());
        let done = work.await;
        let (wall, own, theirs) = (began.elapsed().as_secs_f64(), self::own() - own, executors() - theirs);
        let each = 1e3 * (own + theirs) / self.users as f64;
        println!(
            "| {name} | {} | {wall:.2} s | {own:.2} s CPU | {theirs:.2} s of executors | {each:.3} ms/user | {} MB |",
            self.place,
            peak() >> 20
        );
        done
    }
}

/// The most resident bytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap_or_default() << 10
}

/// A process's parent, and its processor time in seconds.
fn state(process: &str) -> Option<(u32, f64)> {
    let line = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // Names may have spaces, and end with a parenthesis.
    let (_, rest) = line.rsplit_once(") ")?;
    let fields: Vec<f64> = rest.split(' ').skip(1).filter_map(|field| field.parse().ok()).collect();
    let parent = rest.split(' ').nth(1)?.parse().ok()?;
    Some((parent, (fields.get(10)? + fields.get(11)?) / TICKS))
}

fn own() -> f64 {
    state("self").map_or(0.0, |(_, seconds)| seconds)
}

/// The processor time of the processes that this one started and that run. One that was killed is no longer in it.
fn executors() -> f64 {
    let running = fs::read_dir("/proc").into_iter().flatten().flatten();
    let states = running.filter_map(|entry| state(entry.file_name().to_str()?));
    states.filter(|(parent, _)| *parent == std::process::id()).map(|(_, seconds)| seconds).sum()
}
