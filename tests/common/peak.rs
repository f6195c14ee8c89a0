//! The most memory that a piece of work took, as the system counts it; tests that measure it have a binary of their own, since it
//! is counted for the whole process.
#![allow(dead_code, unreachable_pub)]

use std::fs;
use std::sync::{Mutex, PoisonError};

/// One measurement at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// How much more memory than before was in use at most, and how much was reserved, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Rise {
    pub used: u64,
    pub reserved: u64,
}

/// Does the work and gives its rise; `None` where the system does not tell, as outside of Linux.
pub fn rise_of<T>(work: impl FnOnce() -> T) -> (T, Option<Rise>) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // Takes back the highest use so far; without it, earlier work hides later.
    let reset = fs::write("/proc/self/clear_refs", "5").is_ok();
    let (used, reserved) = (told("VmRSS:"), told("VmPeak:"));
    let done = work();
    let rise = || {
        Some(Rise { used: told("VmHWM:")?.saturating_sub(used?), reserved: told("VmPeak:")?.saturating_sub(reserved?) })
    };
    (done, reset.then(rise).flatten())
}

fn told(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
}
