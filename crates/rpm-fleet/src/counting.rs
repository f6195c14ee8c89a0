//! How far a refresh of the population is: what is counted of a page of models, what follows on the last page, and how it is kept.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use rpm_core::data::MemoryItem;
use rpm_core::stats::population::{Census, Counts, Population, PopulationError};
use rpm_core::{ResponseSpace, UserId, UserModel};

use crate::refresh::Refresh;

/// How often all users are counted, as `Population::learn` does.
const PASSES: u8 = 2;

/// A model that is counted.
pub(crate) struct Held(pub(crate) Arc<UserModel>);

impl AsRef<[MemoryItem]> for Held {
    fn as_ref(&self) -> &[MemoryItem] {
        self.0.memory().items()
    }
}

/// What is being counted, with what was counted so far. Each goes over all users once.
pub(crate) enum Stage {
    /// The census of the users that were drawn.
    Census { drawn: Drawn, census: Census },
    /// The users of them that the population is begun with.
    Begin { drawn: Drawn, census: Census, seen: usize, some: Vec<Held> },
    /// All users under a population.
    Count { pass: u8, population: Box<Population>, counts: Box<Counts> },
}

/// What follows on the last page.
pub(crate) enum Next {
    Stage(Stage),
    Made(Box<Population>),
}

/// The users that were drawn: those whose ids have a place up to this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Drawn(pub(crate) u64);

impl Drawn {
    /// A place that says nothing of the id, the same in all processes: FNV-1a, with its bits mixed as splitmix64 does.
    pub(crate) fn place(user: &UserId) -> u64 {
        let digest = |sum: u64, byte: u8| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let mut sum = user.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, digest);
        sum = (sum ^ (sum >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        sum = (sum ^ (sum >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        sum ^ (sum >> 31)
    }

    fn has(self, user: &UserId) -> bool {
        Self::place(user) <= self.0
    }
}

/// What is kept. Sums and populations are their own files.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// What it is of: what was counted otherwise is not gone on with.
    of: Of,
    drawn: Option<Drawn>,
    census: Option<String>,
    population: Option<String>,
    counts: Option<String>,
}

#[derive(Serialize, Deserialize, PartialEq)]
struct Of {
    space: ResponseSpace,
    k: usize,
    most_drawn: usize,
}

impl Of {
    fn new(refresh: &Refresh) -> Self {
        Self { space: refresh.task.space().clone(), k: refresh.k, most_drawn: refresh.census_of }
    }
}

impl Stage {
    pub(crate) fn first(refresh: &Refresh, drawn: Drawn) -> Result<Self, PopulationError> {
        Ok(Self::Census { drawn, census: Census::new(&refresh.task)? })
    }

    /// The word for it.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Census { .. } => "census",
            Self::Begin { .. } => "begin",
            Self::Count { pass: 1, .. } => "first",
            Self::Count { .. } => "second",
        }
    }

    /// True where the model of this user is needed.
    pub(crate) fn needs(&self, user: &UserId) -> bool {
        match self {
            Self::Census { drawn, .. } | Self::Begin { drawn, .. } => drawn.has(user),
            Self::Count { .. } => true,
        }
    }

    /// True where it can be kept between two pages: models are not.
    pub(crate) fn can_be_kept(&self) -> bool {
        !matches!(self, Self::Begin { seen: 1.., .. })
    }

    /// With a page of models counted.
    pub(crate) fn counted(mut self, refresh: &Refresh, models: Vec<Held>) -> Result<Self, PopulationError> {
        match &mut self {
            Self::Census { census, .. } => census.merge(&Census::of_all(&refresh.task, &models)?)?,
            Self::Begin { census, seen, some, .. } => {
                let every = Population::looks_at_every(census.users(), refresh.k);
                for model in models.into_iter().filter(|model| !model.as_ref().is_empty()) {
                    if seen.is_multiple_of(every) {
                        some.push(model);
                    }
                    *seen += 1;
                }
            }
            Self::Count { population, counts, .. } => counts.merge(&population.count_all(&models)?)?,
        }
        Ok(self)
    }

    /// What follows when all users were counted.
    pub(crate) fn ended(self, refresh: &Refresh) -> Result<Next, PopulationError> {
        let (pass, population) = match self {
            Self::Census { drawn, census } => {
                return Ok(Next::Stage(Self::Begin { drawn, census, seen: 0, some: Vec::new() }));
            }
            Self::Begin { census, some, .. } => (1, Population::begin(&census, &some, refresh.k)?),
            Self::Count { pass, population, counts } => (pass + 1, population.fitted(&counts)?),
        };
        if pass > PASSES {
            return Ok(Next::Made(Box::new(population)));
        }
        let counts = Box::new(population.nobody());
        Ok(Next::Stage(Self::Count { pass, population: Box::new(population), counts }))
    }

    /// As it is kept.
    pub(crate) fn written(&self, refresh: &Refresh) -> Vec<u8> {
        let mut kept = Kept { of: Of::new(refresh), drawn: None, census: None, population: None, counts: None };
        match self {
            Self::Census { drawn, census } | Self::Begin { drawn, census, .. } => {
                (kept.drawn, kept.census) = (Some(*drawn), Some(census.to_json()));
            }
            Self::Count { population, counts, .. } => {
                (kept.population, kept.counts) = (Some(population.to_json()), Some(counts.to_json()));
            }
        }
        // Texts and numbers: it cannot fail.
        serde_json::to_vec(&kept).unwrap_or_default()
    }

    /// What was kept; nothing where it is of another refresh than this, or cannot be read: then it is begun anew.
    pub(crate) fn read(word: &str, kept: &[u8], refresh: &Refresh) -> Option<Self> {
        let kept: Kept = serde_json::from_slice(kept).ok().filter(|kept: &Kept| kept.of == Of::new(refresh))?;
        let census = || Some((kept.drawn?, Census::from_json(kept.census.as_deref()?).ok()?));
        let count = |pass| {
            let population = Population::from_json(kept.population.as_deref()?).ok()?;
            let counts = Counts::from_json(kept.counts.as_deref()?).ok()?;
            Some(Self::Count { pass, population: Box::new(population), counts: Box::new(counts) })
        };
        match word {
            "census" => census().map(|(drawn, census)| Self::Census { drawn, census }),
            "begin" => census().map(|(drawn, census)| Self::Begin { drawn, census, seen: 0, some: Vec::new() }),
            "first" => count(1),
            "second" => count(2),
            _ => None,
        }
    }
}
