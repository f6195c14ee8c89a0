//! Computes a catalog from the texts of a task.
//!
//! ```text
//! texts, sorted, each once → phrases that enough texts have → those in the same texts: one term
//!   → TF-IDF → topics (non-negative factorization) → factors: terms by weight, named by the heaviest → those of different texts
//! ```
//!
//! Nothing is drawn at random and every sum has an order, so the same texts make the same catalog.

mod factorize;
mod phrases;
#[cfg(test)]
mod tests;
mod topics;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::data::{Query, Task, UserId, fold};
use crate::words::{stem, tokens};

use super::{Catalog, CatalogError};

/// Computes a [`Catalog`] from the texts of a task, without a model.
///
/// Texts go in with or without the user they are of; what a response was never does. A text counts once, however often it
/// comes.
///
/// ```
/// use rpm_core::catalog::CatalogBuilder;
///
/// let scenes = ["a car chase", "a long car chase", "natural light", "snow in natural light", "rain"];
/// let catalog = CatalogBuilder::default().least_texts(2).texts(scenes).build()?;
/// let labels: Vec<&str> = catalog.factors().iter().map(|factor| factor.label()).collect();
/// assert_eq!(labels, ["car chase", "natural light"]);
/// # Ok::<(), rpm_core::catalog::CatalogError>(())
/// ```
#[derive(Clone)]
pub struct CatalogBuilder {
    /// In order, so that the order in which they came does not show: by text, the users who are known to have it.
    texts: BTreeMap<String, BTreeSet<UserId>>,
    /// Some text came without a user.
    anonymous: bool,
    topics: usize,
    least_texts: usize,
    least_users: usize,
    /// The stems of the task's own words.
    asked: BTreeSet<String>,
    responses: BTreeSet<String>,
}

impl Default for CatalogBuilder {
    fn default() -> Self {
        let (asked, responses) = (BTreeSet::new(), BTreeSet::new());
        let (texts, anonymous) = (BTreeMap::new(), false);
        Self { texts, anonymous, topics: 30, least_texts: 5, least_users: 10, asked, responses }
    }
}

impl CatalogBuilder {
    /// Says what users are asked, so that no factor is named by the question's own words or by a response.
    #[must_use]
    pub fn task(mut self, task: &Task) -> Self {
        for text in [task.instruction(), task.query_name_str(), task.response_name_str()] {
            self.asked.extend(tokens(text).iter().map(|token| stem(&token.word)));
        }
        self.responses.extend(task.space().fixed_responses().unwrap_or_default().iter().map(|text| fold(text)));
        self
    }

    /// The most factors, from 1 to 200. Default: 30.
    #[must_use]
    pub fn topics(mut self, topics: usize) -> Self {
        self.topics = topics.clamp(1, 200);
        self
    }

    /// The fewest different texts that a term is in; at least 2. Default: 5.
    #[must_use]
    pub fn least_texts(mut self, texts: usize) -> Self {
        self.least_texts = texts.max(2);
        self
    }

    /// The fewest users who have a term in a text, where every text came with one; at least 2. Default: 10.
    #[must_use]
    pub fn least_users(mut self, users: usize) -> Self {
        self.least_users = users.max(2);
        self
    }

    /// Adds texts of nobody in particular.
    #[must_use]
    pub fn texts<T: Into<String>>(mut self, texts: impl IntoIterator<Item = T>) -> Self {
        for text in texts {
            self.anonymous = true;
            self.texts.entry(text.into()).or_default();
        }
        self
    }

    /// Adds texts of a user. The catalog keeps how many users have a factor, not who.
    #[must_use]
    pub fn texts_of<'q>(mut self, user: &UserId, texts: impl IntoIterator<Item = &'q Query>) -> Self {
        for query in texts {
            self.texts.entry(query.text().to_owned()).or_default().insert(user.clone());
        }
        self
    }

    /// Computes the catalog; an empty one of texts that share nothing.
    ///
    /// # Errors
    /// [`CatalogError`] when the factors that were found are no catalog.
    pub fn build(&self) -> Result<Catalog, CatalogError> {
        let phrases = phrases::Phrases::of(self);
        Catalog::of(topics::factors(self, &phrases)?)
    }

    /// The number of users who have one of these texts, where that is known.
    fn users<'t>(&self, of: impl Iterator<Item = &'t BTreeSet<UserId>>) -> Option<usize> {
        (!self.anonymous).then(|| of.flatten().collect::<BTreeSet<_>>().len())
    }
}

impl Catalog {
    /// Computes a catalog from texts, with the settings of [`CatalogBuilder::default`].
    ///
    /// # Errors
    /// As for [`CatalogBuilder::build`].
    pub fn build<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Result<Self, CatalogError> {
        CatalogBuilder::default().texts(texts).build()
    }
}

impl fmt::Debug for CatalogBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatalogBuilder")
            .field("texts", &self.texts.len())
            .field("topics", &self.topics)
            .field("least_texts", &self.least_texts)
            .field("least_users", &self.least_users)
            .finish_non_exhaustive()
    }
}
