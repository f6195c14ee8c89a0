//! Made-up users for the checks of retrievers.

use std::collections::{BTreeMap, BTreeSet};

use crate::data::{
    AssignedFeature, Calibration, DataError, FactorSet, Feature, FeatureKey, Interaction, ItemId, MemoryItem, Query,
    ReasoningMemory, ResponseSpace, Span, Task,
};
use crate::stats::Beliefs;

/// A word that no memory has.
pub(super) const UNHEARD: &str = "zebrafish";

/// Text, response and time; the responses are those of [`task`].
type Row = (&'static str, &'static str, Option<i64>);

const ONE: [Row; 18] = [
    ("gripping plot, weak acting", "yes", None),
    ("gripping plot, weak acting", "no", Some(5)),
    ("gripping plot, weak acting", "abstain", Some(5)),
    ("gripping plot, weak acting", "yes", Some(40)),
    ("gripping plot, weak acting", "yes", Some(-3)),
    ("soft music under a long story", "no", Some(6)),
    ("a long, long, long story", "no", Some(7)),
    ("story without music", "yes", Some(8)),
    ("weak story, gripping acting", "yes", Some(9)),
    ("!?", "no", Some(10)),
    ("it is as it was", "abstain", Some(11)),
    ("Ｍｕｓｉｃ für Ärzte", "yes", Some(12)),
    ("музыка и сюжет", "no", Some(13)),
    ("acting", "yes", Some(14)),
    ("plot", "no", Some(15)),
    ("music plot acting story", "abstain", Some(16)),
    ("dull camera, dull light", "no", Some(i64::MAX)),
    ("light camera work", "yes", Some(i64::MIN)),
];

const OTHER: [Row; 5] = [
    ("plot, plot, plot", "no", Some(1)),
    ("gripping plot, weak acting", "abstain", Some(2)),
    ("camera and light", "yes", Some(3)),
    ("a story", "yes", None),
    ("music", "no", Some(4)),
];

/// A user's memory with two partitions of its features into factors.
pub(super) struct Person {
    pub(super) name: &'static str,
    rows: &'static [Row],
    task: Task,
    calibration: Calibration,
    /// Factors by the first letter of their features, and one factor of all; none without features.
    factors: Vec<FactorSet>,
}

impl Person {
    pub(super) fn all() -> Result<Vec<Self>, DataError> {
        let rows: [(&str, &[Row]); 4] = [
            ("a memory", &ONE),
            ("another user's memory", &OTHER),
            ("duplicate texts alone", ONE.get(..5).unwrap_or_default()),
            ("an empty memory", &[]),
        ];
        rows.into_iter().map(|(name, rows)| Self::new(name, rows)).collect()
    }

    fn new(name: &'static str, rows: &'static [Row]) -> Result<Self, DataError> {
        let task = Task::new("How does the user vote?", ResponseSpace::labels(["yes", "no", "abstain"])?)?;
        let mut person = Self { name, rows, task, calibration: Calibration::default(), factors: Vec::new() };
        let memory = person.memory()?;
        let keys = || memory.items().iter().flat_map(MemoryItem::features).map(Feature::key);
        let mut by_letter: BTreeMap<char, Vec<FeatureKey>> = BTreeMap::new();
        let mut distinct: Vec<FeatureKey> = keys().collect();
        distinct.sort();
        distinct.dedup();
        for key in &distinct {
            by_letter.entry(key.as_str().chars().next().unwrap_or(' ')).or_default().push(key.clone());
        }
        let groups = by_letter.into_iter().map(|(letter, keys)| (format!("on {letter}"), "", keys));
        let one = Some(("all", "", distinct)).filter(|(_, _, keys)| !keys.is_empty());
        for factors in [FactorSet::from_groups(groups)?, FactorSet::from_groups(one)?] {
            person.factors.push(factors.count(&person.task, memory.items()));
        }
        Ok(person)
    }

    /// A new memory.
    pub(super) fn memory(&self) -> Result<ReasoningMemory, DataError> {
        let items = self.rows.iter().enumerate().map(|(n, row)| item(&format!("i{n:03}"), row));
        Ok(ReasoningMemory::new(items.collect::<Result<Vec<_>, _>>()?))
    }

    /// No statistics, and those of each partition.
    pub(super) fn beliefs(&self) -> Vec<Option<Beliefs<'_>>> {
        let each = self.factors.iter().map(|factors| Some(Beliefs::new(&self.task, factors, &self.calibration)));
        std::iter::once(None).chain(each).collect()
    }
}

fn item(id: &str, (text, response, time): &Row) -> Result<MemoryItem, DataError> {
    let query = Query::new(*text)?;
    let features = words(&query)?;
    let interaction = Interaction::new(id, query, *response)?;
    let interaction = match time {
        Some(time) => interaction.at(*time),
        None => interaction,
    };
    MemoryItem::new(interaction, features)
}

/// A change of the first person's memory, to be made after those before it.
pub(super) struct Step {
    pub(super) name: &'static str,
    /// The ids of what goes, with some that are not there.
    pub(super) gone: BTreeSet<ItemId>,
    pub(super) new: Vec<MemoryItem>,
}

impl Step {
    pub(super) fn all() -> Result<Vec<Self>, DataError> {
        // Behind all others, before them and between them; and with an id that is there, which goes at the same time.
        let last: Row = ("gripping light, zebras", "yes", Some(i64::MAX));
        let between: [(&str, Row); 4] = [
            ("a", ("gripping zebras", "no", None)),
            ("p", ("plot, zebras and zebras", "yes", Some(5))),
            ("q", ("!?", "abstain", Some(9))),
            ("i007", ("soft plot", "no", Some(12))),
        ];
        let items = |rows: &[(&str, Row)]| rows.iter().map(|(id, row)| item(id, row)).collect::<Result<Vec<_>, _>>();
        let every = (0..ONE.len()).map(|n| format!("i{n:03}")).chain(["a", "p", "q", "z"].map(str::to_owned));
        let steps = [
            ("an item comes last", vec![], items(&[("z", last)])?),
            ("items come between others", vec!["i007".to_owned()], items(&between)?),
            ("items go", ["i000", "i002", "i003", "p", "i017"].map(str::to_owned).to_vec(), vec![]),
            ("nothing changes", vec!["nobody".to_owned()], vec![]),
            ("all go", every.collect(), vec![]),
            ("items come into an empty memory", vec![], items(&between)?),
        ];
        let step = |(name, gone, new): (_, Vec<String>, _)| {
            Ok(Self { name, gone: gone.into_iter().map(ItemId::new).collect::<Result<_, _>>()?, new })
        };
        steps.into_iter().map(step).collect()
    }
}

/// Every run of letters is a feature; without words there are none.
fn words(query: &Query) -> Result<Vec<Feature>, DataError> {
    let mut features = Vec::new();
    let (text, mut start) = (query.text(), 0);
    for word in text.split(|c: char| !c.is_alphabetic()) {
        if !word.is_empty() {
            features.push(Feature::new(query, word, Span { start, end: start + word.len() })?);
        }
        let next = start + word.len();
        start = next + text.get(next..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    }
    Ok(features)
}

/// A query with its features.
pub(super) struct Asked {
    pub(super) name: &'static str,
    pub(super) query: Query,
    pub(super) features: Vec<AssignedFeature>,
}

impl Asked {
    pub(super) fn new(name: &'static str, text: &str) -> Result<Self, DataError> {
        let query = Query::new(text)?;
        let features = words(&query)?.into_iter().map(AssignedFeature::unknown).collect();
        Ok(Self { name, query, features })
    }

    pub(super) fn all() -> Result<Vec<Self>, DataError> {
        let bare = Self { features: Vec::new(), ..Self::new("a query without features", "gripping plot")? };
        Ok(vec![
            Self::new("a query that is a past one", SAME)?,
            Self::new("a query of several words", "music, story and a weak plot, plot or Story, by zebrafish")?,
            Self::new("a query of no known word", "qqq jjj")?,
            bare,
        ])
    }
}

/// The text of an item of every memory but the empty one.
pub(super) const SAME: &str = "gripping plot, weak acting";
