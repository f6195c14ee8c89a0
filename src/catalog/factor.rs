//! One factor of a catalog with its terms.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::data::{FactorId, FeatureKey, is_odd, limits};
use crate::words::{Language, is_negation, is_stop_word, tokens};

use super::CatalogError;

/// The most terms of a factor.
const MOST_TERMS: usize = 256;
/// The weight of a key word of a description.
const OF_DESCRIPTION: f64 = 0.5;
/// The longest description in bytes.
const DESCRIPTION_BYTES: usize = 4_096;

/// A factor that many users of a task may have: a name, and the terms that tell that a text has it.
///
/// One without terms goes by its label and, by halves, the key words of its description; a pipeline with a model may
/// match the description itself.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "UncheckedFactor")]
pub struct CatalogFactor {
    id: FactorId,
    label: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    terms: Vec<CatalogTerm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    texts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    users: Option<u32>,
}

/// A factor as it stands in a file, or in a list that a host wrote.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UncheckedFactor {
    id: Option<FactorId>,
    label: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    terms: Vec<CatalogTerm>,
    texts: Option<u32>,
    users: Option<u32>,
}

impl From<UncheckedFactor> for CatalogFactor {
    fn from(read: UncheckedFactor) -> Self {
        let UncheckedFactor { id, label, description, terms, texts, users } = read;
        let mut factor = Self::new(label).with_terms(terms);
        (factor.description, factor.texts, factor.users) = (description, texts, users);
        match id {
            Some(id) => factor.with_id(id),
            None => factor,
        }
    }
}

/// A word or phrase that tells of a factor, and how much of the factor's presence it makes up.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "ReadTerm", into = "ReadTerm")]
pub struct CatalogTerm {
    term: String,
    weight: f64,
}

/// A term in a file: its text when it weighs 1.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum ReadTerm {
    Plain(String),
    Weighed { term: String, weight: f64 },
}

impl From<ReadTerm> for CatalogTerm {
    fn from(read: ReadTerm) -> Self {
        match read {
            ReadTerm::Plain(term) => Self::new(term, 1.0),
            ReadTerm::Weighed { term, weight } => Self::new(term, weight),
        }
    }
}

impl From<CatalogTerm> for ReadTerm {
    fn from(term: CatalogTerm) -> Self {
        let CatalogTerm { term, weight } = term;
        if weight < 1.0 { Self::Weighed { term, weight } } else { Self::Plain(term) }
    }
}

impl CatalogTerm {
    /// A term that makes up this share of its factor's presence, above 0 to 1; a catalog refuses any other.
    pub fn new(term: impl Into<String>, weight: f64) -> Self {
        Self { term: term.into(), weight }
    }

    /// The words.
    pub fn term(&self) -> &str {
        &self.term
    }

    /// The share of presence, above 0 to 1.
    pub fn weight(&self) -> f64 {
        self.weight
    }
}

impl<T: Into<String>> From<T> for CatalogTerm {
    /// A term that is enough by itself.
    fn from(term: T) -> Self {
        Self::new(term, 1.0)
    }
}

impl From<&str> for CatalogFactor {
    /// A factor that goes by its label alone.
    fn from(label: &str) -> Self {
        Self::new(label)
    }
}

impl CatalogFactor {
    /// A factor of this name, with an id that follows from the name. [`Catalog::of`](super::Catalog::of) checks it.
    pub fn new(label: impl Into<String>) -> Self {
        let label = label.into();
        let id = FactorId::of_catalog(FeatureKey::of(&label).as_str());
        Self { id, label, description: String::new(), terms: Vec::new(), texts: None, users: None }
    }

    /// Gives the terms that tell that a text has the factor, in place of any before; in a catalog they are in order of
    /// weight.
    #[must_use]
    pub fn with_terms<T: Into<CatalogTerm>>(mut self, terms: impl IntoIterator<Item = T>) -> Self {
        self.terms = terms.into_iter().map(Into::into).collect();
        self
    }

    /// Says what belongs to the factor, in a sentence.
    #[must_use]
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Gives it an id of the host's own, such as the one it has in the host's taxonomy.
    #[must_use]
    pub fn with_id(mut self, id: FactorId) -> Self {
        self.id = id;
        self
    }

    /// Says how many texts, and of how many users, were seen to have it.
    #[must_use]
    pub(super) fn counted(mut self, texts: u32, users: Option<u32>) -> Self {
        (self.texts, self.users) = (Some(texts), users);
        self
    }

    pub(super) fn relabelled(mut self, label: String) -> Self {
        self.label = label;
        self
    }

    /// Takes in the label, the terms and the counts of another.
    pub(super) fn take_in(&mut self, other: &Self) {
        self.terms = self.telling();
        let label = CatalogTerm::from(other.label.as_str());
        for term in std::iter::once(&label).chain(&other.telling()) {
            let known = self.terms.iter_mut().find(|own| FeatureKey::of(&own.term) == FeatureKey::of(&term.term));
            match known {
                Some(own) => own.weight = own.weight.max(term.weight),
                None => self.terms.push(term.clone()),
            }
        }
        // Texts that have both are not known, so the sum of the two would not be either.
        (self.texts, self.users) = (None, None);
    }

    /// The id, the same for all users and versions.
    pub fn id(&self) -> &FactorId {
        &self.id
    }

    /// A few words that name it.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What belongs to it, as it was given; may be empty.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// What belongs to it: the description, or else the terms.
    pub fn told(&self) -> String {
        if !self.description.is_empty() {
            return self.description.clone();
        }
        let terms: Vec<&str> = self.terms.iter().take(6).map(CatalogTerm::term).collect();
        if terms.is_empty() {
            format!("texts that say \"{}\"", self.label)
        } else {
            format!("texts with {}", terms.join(", "))
        }
    }

    /// The terms that tell of it besides the label, the heaviest first.
    pub fn terms(&self) -> &[CatalogTerm] {
        &self.terms
    }

    /// The terms, or else the key words of the description by halves.
    pub(super) fn telling(&self) -> Vec<CatalogTerm> {
        if !self.terms.is_empty() {
            return self.terms.clone();
        }
        let words: BTreeSet<String> = tokens(&self.description).into_iter().map(|token| token.word).collect();
        let german = words.iter().filter(|word| Language::is_german_sign(word)).count();
        let language = if german * 10 > words.len() { Language::German } else { Language::English };
        let says = |word: &String| {
            !is_stop_word(word)
                && !is_negation(word)
                && !language.is_light(word)
                && word.chars().filter(|c| c.is_alphabetic()).count() >= 3
        };
        words.into_iter().filter(says).take(MOST_TERMS).map(|word| CatalogTerm::new(word, OF_DESCRIPTION)).collect()
    }

    /// The number of different texts it was computed from that have it, where that is known.
    pub fn texts(&self) -> Option<u32> {
        self.texts
    }

    /// The number of users who have it in a text, where that is known.
    pub fn users(&self) -> Option<u32> {
        self.users
    }

    /// The normal form of the label: the key of the feature that a query with the factor gets.
    pub fn key(&self) -> FeatureKey {
        FeatureKey::of(&self.label)
    }

    /// Puts the terms in order, and refuses what is no factor of a catalog.
    pub(super) fn checked(mut self) -> Result<Self, CatalogError> {
        let problem = |problem| Err(CatalogError::BadFactor { factor: self.id.clone(), problem });
        let says = |text: &str| FeatureKey::of(text).as_str().chars().any(char::is_alphanumeric);
        if !says(&self.label) || self.label.len() > limits::ID_BYTES || self.label.chars().any(is_odd) {
            return problem("has a label that is blank, over 256 bytes or with a control character");
        }
        if self.description.len() > DESCRIPTION_BYTES || self.description.chars().any(is_odd) {
            return problem("has a description over 4,096 bytes or with a control character");
        }
        if self.terms.len() > MOST_TERMS {
            return problem("has more than 256 terms");
        }
        let mut seen = BTreeSet::new();
        for CatalogTerm { term, weight } in &self.terms {
            if !says(term) || term.len() > limits::ID_BYTES || term.chars().any(is_odd) {
                return problem("has a term that is blank, over 256 bytes or with a control character");
            }
            if !(*weight > 0.0 && *weight <= 1.0) {
                return problem("has a term whose weight is not above 0 up to 1");
            }
            if !seen.insert(FeatureKey::of(term)) {
                return problem("has a term twice");
            }
        }
        if is_own_id(self.id.as_str()) {
            return problem("has an id like those of factors that users have by themselves: f and eight digits");
        }
        self.terms.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.term.cmp(&b.term)));
        Ok(self)
    }
}

/// True for ids like those that are made of a user's features.
fn is_own_id(id: &str) -> bool {
    id.strip_prefix('f').is_some_and(|rest| rest.len() == 8 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
}

impl fmt::Debug for CatalogFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatalogFactor")
            .field("id", &self.id)
            .field("terms", &self.terms.len())
            .field("texts", &self.texts)
            .field("users", &self.users)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CatalogTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatalogTerm")
            .field("bytes", &self.term.len())
            .field("weight", &self.weight)
            .finish_non_exhaustive()
    }
}
