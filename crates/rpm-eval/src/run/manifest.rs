//! The manifest of a run: the settings and data that decide its records.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::dataset::{Dataset, Limits, people};
use rpm_core::data::{Interaction, hex};
use rpm_core::prompt::PromptSet;

/// The settings and data of a run. A run with the same manifest and the same replies gives the same records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Manifest {
    /// The format of this file and of the records.
    pub format: u32,
    /// The crate's version.
    pub crate_version: String,
    /// The model that was asked, with all that shapes its replies; `None` in a run without one.
    pub model: Option<String>,
    /// The model that learned, where it was another.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub learner: Option<String>,
    /// The fingerprint of the crate's prompts.
    pub prompts: String,
    /// The seed of random choices.
    pub seed: u64,
    /// The most that each operation might use, if that was limited.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub per_operation: Option<String>,
    /// The data sets by name.
    pub sets: BTreeMap<String, SetManifest>,
    /// The methods, in the order they were asked for.
    pub methods: Vec<String>,
}

/// Which data a run used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SetManifest {
    /// SHA-256 of the files' bytes, in hexadecimal.
    pub sha256: String,
    /// SHA-256 of what was read of them and used: the task, each user's history and test items.
    pub content: String,
    /// The part of it that was used.
    pub limits: Limits,
    /// SHA-256 of the files of the users who teach these, where they are of another set.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub teachers: Option<String>,
    /// Users, after the limits.
    pub users: usize,
    /// Test items, after the limits.
    pub items: usize,
}

impl Manifest {
    /// The format that is written.
    pub const FORMAT: u32 = 1;

    pub(super) fn new(seed: u64, model: Option<String>, learner: Option<String>) -> Self {
        Self {
            format: Self::FORMAT,
            crate_version: env!("CARGO_PKG_VERSION").to_owned(),
            model,
            learner,
            prompts: PromptSet::default().fingerprint(),
            seed,
            per_operation: None,
            sets: BTreeMap::new(),
            methods: Vec::new(),
        }
    }

    pub(super) fn enter(&mut self, set: &Dataset) {
        let entry = SetManifest {
            sha256: set.sha256.clone(),
            content: content(set),
            limits: set.limits,
            teachers: set.teachers.as_ref().map(|teachers| teachers.sha256.clone()),
            users: set.users.len(),
            items: set.items(),
        };
        self.sets.insert(set.name.clone(), entry);
    }

    /// The first thing in which an earlier run in the same folder differs so that its records cannot stand beside this
    /// one's. More sets and more methods are no difference.
    pub(super) fn differs_from(&self, earlier: &Self) -> Option<&'static str> {
        let shared = |name: &String, set: &SetManifest| earlier.sets.get(name).is_some_and(|other| other != set);
        [
            ("format", self.format != earlier.format),
            ("crate version", self.crate_version != earlier.crate_version),
            // A run without a model may stand beside any.
            ("model", self.model.is_some() && earlier.model.is_some() && self.model != earlier.model),
            ("learning model", self.learner != earlier.learner),
            ("wording of prompts", self.prompts != earlier.prompts),
            ("seed", self.seed != earlier.seed),
            ("budget of an operation", self.per_operation != earlier.per_operation),
            ("data set, or part of it", self.sets.iter().any(|(name, set)| shared(name, set))),
        ]
        .into_iter()
        .find_map(|(field, differs)| differs.then_some(field))
    }

    /// The manifest of the folder after this run.
    pub(super) fn and_earlier(mut self, earlier: Self) -> Self {
        let mut methods = earlier.methods;
        methods.extend(self.methods.iter().filter(|name| !methods.contains(name)).cloned().collect::<Vec<_>>());
        for (name, set) in earlier.sets {
            self.sets.entry(name).or_insert(set);
        }
        Self { methods, model: self.model.or(earlier.model), ..self }
    }
}

/// A hash of all that a method or a score can depend on.
fn content(set: &Dataset) -> String {
    let mut hash = Sha256::new();
    let mut enter = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    enter(&serde_json::to_string(&set.task).unwrap_or_default());
    let enter_history = |history: &[Interaction], enter: &mut dyn FnMut(&str)| {
        for past in history {
            enter(past.id().as_str());
            enter(&serde_json::to_string(past.query()).unwrap_or_default());
            enter(past.response());
            enter(&past.time().map(|time| time.to_string()).unwrap_or_default());
        }
    };
    for (user, person) in set.users.iter().zip(people(&set.users)) {
        enter(user.id.as_str());
        enter(&person.to_string());
        enter_history(&user.history, &mut enter);
        for item in &user.tests {
            enter(&item.id);
            enter(&serde_json::to_string(&item.query).unwrap_or_default());
            enter(&item.gold);
            enter(&format!("{:?} {:?} {:?}", item.shares, item.seen, item.time));
        }
    }
    for history in set.teachers.iter().flat_map(|teachers| &teachers.histories) {
        enter("teacher");
        enter_history(history, &mut enter);
    }
    hex(&hash.finalize())
}
