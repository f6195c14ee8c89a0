//! How an operation's time grows with its input: by ratios, since machines differ and are shared, and without the time in which this
//! thread could have run and did not, where the system counts that.
#![allow(dead_code, unreachable_pub)]

use std::time::{Duration, Instant};

/// Times are compared from here on: below it the clock and the machine's other work say more than the input.
const LEAST: Duration = Duration::from_millis(1);
/// The least of so many runs is taken, or of as many as this time holds.
const RUNS: usize = 4;
const ENOUGH: Duration = Duration::from_millis(300);

/// How long this thread has waited for a processor so far; 0 where that is not counted.
fn waiting() -> Duration {
    let counted = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(counted.split(' ').nth(1).and_then(|nanos| nanos.parse().ok()).unwrap_or_default())
}

/// Runs something over inputs of one, two, four and eight times `unit`. Eight times the input may take 24 times as long, which in
/// proportion takes 8 times and quadratic work 64 times.
pub fn assert_in_proportion<T>(what: &str, unit: usize, make: impl Fn(usize) -> T, run: impl Fn(&mut T)) {
    let times = [1, 2, 4, 8].map(|times| {
        let (began, mut least) = (Instant::now(), Duration::MAX);
        for _ in 0..RUNS {
            let mut input = make(unit * times);
            let (from, waited) = (Instant::now(), waiting());
            run(&mut input);
            least = least.min(from.elapsed().saturating_sub(waiting().saturating_sub(waited)));
            if began.elapsed() > ENOUGH {
                break;
            }
        }
        least.max(LEAST)
    });
    assert!(times[3] < 24 * times[0], "{what}: 1, 2, 4 and 8 times {unit} took {times:?}");
}
