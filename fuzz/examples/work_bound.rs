//! Measures what every target costs: the longest stretch that no await interrupts, and the most memory beside the input's size.
//!
//! ```sh
//! cargo run --profile measured --manifest-path fuzz/Cargo.toml --example work_bound
//! ```
//!
//! It goes through the seeds, the corpora where there are any, and the worst inputs that are known at the size that the limits allow,
//! each of these in a process of its own. Prints a table, and ends with 1 where something is over the bound: 50 ms, or 16 times the
//! input and 64 MiB. A stretch is what the processor worked for its thread, since the machine may have other work; beside
//! it stands what passed by the clock. What is over 50 ms is measured again, twice, and the least counts.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use rpm_fuzz::seeds::{Size, worst};
use rpm_fuzz::steps::{self, Stretch};
use rpm_fuzz::{TARGETS, Target, files};

#[path = "../../tests/common/peak.rs"]
mod peak;

const MIB: u64 = 1 << 20;
const LONGEST: Duration = Duration::from_millis(50);

/// What one input cost.
#[derive(Debug, Clone)]
struct Cost {
    name: String,
    bytes: u64,
    longest: Stretch,
    rise: u64,
}

impl Cost {
    /// How much of its bound the memory takes; 1 is all.
    fn of_memory(&self) -> f64 {
        self.rise as f64 / (16 * self.bytes + 64 * MIB) as f64
    }

    fn is_over(&self) -> bool {
        self.longest.worked > LONGEST || self.of_memory() > 1.0
    }
}

fn measured((_, run): Target, name: &str, input: &[u8]) -> Cost {
    let _ = steps::longest();
    let ((), rise) = peak::rise_of(|| run(input));
    let rise = rise.map_or(0, |rise| rise.used);
    Cost { name: name.to_owned(), bytes: input.len() as u64, longest: steps::longest(), rise }
}

fn least(one: Stretch, other: Stretch) -> Stretch {
    Stretch { took: one.took.min(other.took), worked: one.worked.min(other.worked), of: one.of }
}

fn target(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|(known, _)| *known == name)
}

/// The files of a folder, by name; none where there is no such folder.
fn inputs(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    all.sort();
    all
}

/// One of the worst inputs, in this process, which ends afterwards.
fn alone(of: &str, name: &str) -> ExitCode {
    let (Some(target), Some((.., input))) =
        (target(of), worst(Size::Limit).into_iter().find(|(target, known, _)| *target == of && *known == name))
    else {
        return ExitCode::FAILURE;
    };
    // What is made once in a process is not this input's.
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(of);
    inputs(&seeds).iter().for_each(|seed| (target.1)(&fs::read(seed).unwrap_or_default()));
    let cost = measured(target, name, &input);
    let Stretch { took, worked, of } = cost.longest;
    let of = of.map_or_else(String::new, |of| format!("{}:{}", of.file(), of.line()));
    eprintln!("{name}: {worked:?} of {of}");
    println!("{} {} {} {}", cost.bytes, took.as_micros(), worked.as_micros(), cost.rise);
    files::removed();
    ExitCode::SUCCESS
}

/// The same in a process of its own; the least of three times where one is over the bound.
fn in_its_own(of: &str, name: &str) -> Cost {
    let once = || {
        let program = std::env::current_exe().expect("a program has a path");
        // Memory that is free again goes back at once, so that what was in use before hides nothing.
        let given_back = [("MALLOC_MMAP_THRESHOLD_", "65536"), ("MALLOC_TRIM_THRESHOLD_", "0")];
        let output = Command::new(program)
            .args([of, name])
            .envs(given_back)
            .stderr(Stdio::inherit())
            .output()
            .expect("it can be run");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut numbers =
            text.lines().last().unwrap_or_default().split(' ').map(|number| number.parse::<u64>().unwrap_or(u64::MAX));
        let mut next = || numbers.next().unwrap_or(u64::MAX);
        let bytes = next();
        let longest = Stretch { took: Duration::from_micros(next()), worked: Duration::from_micros(next()), of: None };
        Cost { name: name.to_owned(), bytes, longest, rise: next() }
    };
    let mut cost = once();
    for _ in 0..2 {
        if cost.longest.took > LONGEST {
            cost.longest = least(cost.longest, once().longest);
        }
    }
    cost
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [of, name] = &args[..] {
        return alone(of, name);
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut over = Vec::new();
    println!("| target | inputs | longest stretch | of input | most memory | of input |\n|---|---|---|---|---|---|");
    for target in TARGETS {
        let mut costs = Vec::new();
        for folder in ["seeds", "corpus"] {
            let paths = inputs(&root.join(folder).join(target.0));
            paths.iter().for_each(|path| (target.1)(&fs::read(path).unwrap_or_default()));
            for path in paths {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let input = fs::read(&path).unwrap_or_default();
                let mut cost = measured(target, &name, &input);
                for _ in 0..2 {
                    if cost.longest.took > LONGEST {
                        cost.longest = least(cost.longest, measured(target, &name, &input).longest);
                    }
                }
                costs.push(cost);
            }
        }
        for (_, name, _) in worst(Size::Limit).iter().filter(|(of, ..)| *of == target.0) {
            let cost = in_its_own(target.0, name);
            println!(
                "|   {name} | {} bytes | {:?} ({:?} by the clock) | | {:.1} MiB | |",
                cost.bytes,
                cost.longest.worked,
                cost.longest.took,
                cost.rise as f64 / MIB as f64
            );
            costs.push(cost);
        }
        let _ = std::io::stdout().flush();
        let (Some(slowest), Some(largest)) = (
            costs.iter().max_by_key(|cost| cost.longest.worked),
            costs.iter().max_by(|a, b| a.of_memory().total_cmp(&b.of_memory())),
        ) else {
            continue;
        };
        println!(
            "| {} | {} | {:.1} ms ({:.1} by the clock) | {} ({} bytes) | {:.1} MiB ({:.0} % of its bound) | {} ({} bytes) |",
            target.0,
            costs.len(),
            slowest.longest.worked.as_secs_f64() * 1e3,
            slowest.longest.took.as_secs_f64() * 1e3,
            slowest.name,
            slowest.bytes,
            largest.rise as f64 / MIB as f64,
            largest.of_memory() * 100.0,
            largest.name,
            largest.bytes,
        );
        over.extend(costs.into_iter().filter(Cost::is_over).map(|cost| (target.0, cost)));
    }
    files::removed();
    for (target, cost) in &over {
        eprintln!(
            "over the bound: {target}/{}: {:?}, {} MiB of {} bytes",
            cost.name,
            cost.longest,
            cost.rise / MIB,
            cost.bytes
        );
    }
    if over.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
