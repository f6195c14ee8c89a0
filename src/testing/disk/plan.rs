//! Which call of a disk fails, and how.

use std::io;

/// The kinds of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "they are the calls of `Disk` and `DiskFile`")]
pub enum Call {
    Open,
    Create,
    Remove,
    Rename,
    Link,
    Look,
    SyncFolder,
    Read,
    Write,
    SetLen,
    Sync,
    Lock,
}

/// The ways a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// An I/O error; nothing was done, but what a failed flush wrote by chance.
    Error,
    /// An I/O error of a call that did its work.
    ErrorAfterwards,
    /// There is no room: for calls that need some.
    NoRoom,
    /// A signal came before anything was done: for reads and writes.
    Interrupted,
    /// A part is done, and said to be: for reads and writes.
    Short,
    /// The process is killed before it.
    Killed,
    /// The process is killed in the middle of it: for writes.
    KilledWithin,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Error,
        Self::ErrorAfterwards,
        Self::NoRoom,
        Self::Interrupted,
        Self::Short,
        Self::Killed,
        Self::KilledWithin,
    ];

    /// True where such a call can fail so.
    pub fn fits(self, call: Call) -> bool {
        let (reads, writes) = (call == Call::Read, call == Call::Write);
        match self {
            Self::Error | Self::Killed => true,
            // A file that could not be opened is not open, and what could not be read is not known.
            Self::ErrorAfterwards => {
                matches!(
                    call,
                    Call::Remove
                        | Call::Rename
                        | Call::Link
                        | Call::SyncFolder
                        | Call::Write
                        | Call::SetLen
                        | Call::Create
                )
            }
            Self::NoRoom => matches!(call, Call::Open | Call::Create | Call::Link | Call::Write | Call::SetLen),
            Self::Interrupted | Self::Short => reads || writes,
            Self::KilledWithin => writes,
        }
    }
}

/// When a disk fails.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Plan {
    /// Never.
    #[default]
    Never,
    /// At the call of this number, the next one having 0, in this way where it can; and at all later ones that it fits, when it
    /// stays.
    At {
        /// The calls before it.
        call: u64,
        /// The way.
        fault: Fault,
        /// Until another plan is made.
        stays: bool,
    },
    /// At random: one call in so many, in one of these ways.
    Sometimes {
        /// On average.
        one_in: u64,
        /// The ways, of which one is drawn.
        faults: Vec<Fault>,
    },
}

impl Plan {
    /// The fault of this call, and the plan for those after it.
    pub(super) fn next(&mut self, call: Call, random: &mut Random) -> Option<Fault> {
        match self {
            Self::Never => None,
            Self::At { call: before @ 1.., .. } => {
                *before -= 1;
                None
            }
            Self::At { fault, stays, .. } => {
                let fault = *fault;
                if !*stays {
                    *self = Self::Never;
                }
                fault.fits(call).then_some(fault)
            }
            Self::Sometimes { one_in, faults } => {
                let drawn = (random.below(*one_in) == 0).then(|| random.below(faults.len() as u64))?;
                let fault = faults.get(usize::try_from(drawn).ok()?)?;
                fault.fits(call).then_some(*fault)
            }
        }
    }
}

/// What becomes of a call that is not refused at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Whole,
    /// This part of it in 256, and no more.
    Short {
        part: u8,
    },
    /// This part of it, and the end of the process.
    Torn {
        part: u8,
    },
    /// All of it, and an error; a flush keeps what chance keeps.
    Fail {
        kind: io::ErrorKind,
    },
}

/// A small generator (splitmix64): the same numbers from the same seed.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Begins.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next_number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below this one; 0 below 0.
    pub fn below(&mut self, most: u64) -> u64 {
        self.next_number().checked_rem(most).unwrap_or(0)
    }
}
