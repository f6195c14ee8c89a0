//! Made-up user models, for the checks of stores.

use super::error::ConformanceError;
use crate::data::{
    Calibration, DataError, FactorSet, FeatureKey, History, Interaction, ItemId, MemoryItem, PathOrigin, PathStep,
    Query, ReasoningMemory, ReasoningPath, ResponseSpace, Task, UserId,
};
use crate::model::{Provenance, UserModel};
use crate::pipeline::RpmPipeline;

/// More bytes than this are in a large model.
pub(super) const LARGE: usize = 1_000_000;

/// Ids that a store might take for each other, or for something else than an id.
pub(super) const ODD_IDS: [&str; 20] = [
    "user",
    "User",
    "USER",
    "user ",
    " user",
    "user/1",
    "user\\1",
    "../user",
    "user%2F1",
    "user:1",
    "'; DROP TABLE --",
    "*",
    "u_er",
    "e\u{301}",
    "\u{e9}",
    "\u{1F3B5}",
    "ᾖ",
    "\u{202e}user",
    "user\u{a0}",
    ".",
];

/// One learned user, to be given any id.
pub(super) struct Models {
    task: Task,
    learned: UserModel,
    path: (ItemId, ReasoningPath),
}

impl Models {
    pub(super) async fn new() -> Result<Self, ConformanceError> {
        let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5)?)?;
        let films = [
            ("A slow, quiet drama \u{2014} \"na\u{ef}ve\" \\ and\ttabbed.", "5"),
            ("A loud chase through the city. \u{1F3B5}", "2"),
            ("A slow film about a quiet town.\nIt rains.", "4"),
            ("Slow days at the harbour.", "5"),
            ("A loud fight on a train.", "1"),
        ];
        let interaction = |(n, (text, rating)): (i64, (&str, &str))| -> Result<Interaction, DataError> {
            Ok(Interaction::new(format!("i{n}"), Query::new(text)?, rating)?.at(n))
        };
        let interactions = (0..).zip(films).map(interaction).collect::<Result<Vec<_>, _>>()?;
        let history = History::new(&task, "made-up", interactions)?;
        let learned = RpmPipeline::offline(task.clone()).learn(&history).await;
        let learned = learned.map_err(|_| DataError::EmptyHistory)?.model;
        let path = Self::path(&learned).ok_or(DataError::EmptyHistory)?;
        Ok(Self { task, learned, path })
    }

    /// A path that a model could have written.
    fn path(model: &UserModel) -> Option<(ItemId, ReasoningPath)> {
        let item = model.memory().items().iter().find(|item| !item.features().is_empty())?;
        let factor_of = |place: usize| {
            let key = item.features().get(place)?.key();
            model.factors().factor_of(&key).map(|factor| factor.id().clone())
        };
        let step = PathStep { feature: 0, factor: factor_of(0), text: "It suits.".to_owned() };
        let path = ReasoningPath::new(vec![step], item.response(), PathOrigin::Model, item.features(), factor_of);
        Some((item.id().clone(), path.ok()?))
    }

    /// The user's model under another id.
    pub(super) fn of(&self, user: &str) -> Result<UserModel, DataError> {
        let of = &self.learned;
        let (factors, memory) = (of.factors().clone(), of.memory().clone());
        let (calibration, provenance) = (of.calibration().clone(), of.provenance().clone());
        UserModel::new(UserId::new(user)?, self.task.clone(), factors, memory, calibration, provenance)
    }

    /// A model of a length that does not fit in a page, a pipe or a packet.
    pub(super) fn large(&self, user: &str) -> Result<UserModel, DataError> {
        let text = "A long film; ".repeat(4_500);
        let mut items = vec![];
        for n in 0..20 {
            let interaction = Interaction::new(format!("i{n}"), Query::new(format!("{n}. {text}"))?, "3")?;
            items.push(MemoryItem::new(interaction, Vec::new())?);
        }
        let factors =
            FactorSet::from_groups(Vec::<(String, String, Vec<FeatureKey>)>::new())?.count(&self.task, &items);
        let first = items.first().map(|item| item.id().clone()).ok_or(DataError::EmptyHistory)?;
        let mut model = UserModel::new(
            UserId::new(user)?,
            self.task.clone(),
            factors,
            ReasoningMemory::new(items),
            Calibration::default(),
            Provenance::default(),
        )?;
        model.adopt_paths([(first, Self::bare_path()?)])?;
        Ok(model)
    }

    /// The model, one revision on.
    pub(super) fn changed(&self, model: &UserModel) -> Result<UserModel, DataError> {
        let mut changed = model.clone();
        let path =
            if model.factors().is_empty() { (self.path.0.clone(), Self::bare_path()?) } else { self.path.clone() };
        changed.adopt_paths([path])?;
        Ok(changed)
    }

    /// The path of an item without features.
    fn bare_path() -> Result<ReasoningPath, DataError> {
        ReasoningPath::new(Vec::new(), "3", PathOrigin::Statistics, &[], |_| None).map_err(|_| DataError::EmptyHistory)
    }
}
