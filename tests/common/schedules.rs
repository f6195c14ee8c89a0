//! The sum of many schedules of faults on a disk.
#![allow(dead_code, unreachable_pub)]

use std::collections::BTreeMap;
use std::fmt;

use rpm_core::testing::disk::FailingDisk;

/// What is wrong after schedules: acknowledged writes that are lost, what is read as another, files not to be opened or used, and what was
/// erased and is back.
pub const WRONGS: [&str; 4] = ["lost", "wrong", "not to be opened or used", "erased and back"];

/// What became of many schedules.
#[derive(Default)]
pub struct Sum {
    schedules: u64,
    faults: u64,
    wrongs: [u32; 4],
    /// By kind, the first schedule that shows it.
    first: BTreeMap<[bool; 4], String>,
}

impl Sum {
    /// Adds a schedule with what is wrong after it, in the order of [`WRONGS`].
    pub fn add(&mut self, disk: &FailingDisk, wrongs: [u32; 4], name: &str) {
        self.schedules += 1;
        self.faults += disk.faults();
        for (all, one) in self.wrongs.iter_mut().zip(wrongs) {
            *all += one;
        }
        let kinds = wrongs.map(|count| count > 0);
        if kinds.contains(&true) {
            self.first.entry(kinds).or_insert_with(|| name.to_owned());
        }
    }

    /// Prints the sum. There was a fault in each schedule, and nothing is wrong after any.
    pub fn assert_clean(&self) {
        eprintln!("{self}");
        assert!(self.schedules > 0 && self.faults >= self.schedules);
        assert!(self.first.is_empty(), "{self}");
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} schedules, {} faults:", self.schedules, self.faults)?;
        for (count, what) in self.wrongs.iter().zip(WRONGS) {
            write!(f, " {count} {what},")?;
        }
        write!(f, " first {:?}", self.first)
    }
}
