//! Queries, interactions, and the history of one user.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::text::{check, check_kept, fold};
use super::{DataError, ItemId, Task, UserId, limits};

/// A question: a text and, for tasks about choices, the options to choose among.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedQuery")]
pub struct Query {
    text: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    options: Vec<String>,
}

/// A query as it stands in a file.
#[derive(Deserialize)]
pub(super) struct UncheckedQuery {
    text: String,
    #[serde(default)]
    options: Vec<String>,
}

/// How a text is checked: the item, what of it, the text and its limit.
type Check = fn(&str, &'static str, &str, usize) -> Result<(), DataError>;

impl UncheckedQuery {
    /// Checks that of a past interaction, which `item` names in the error.
    pub(super) fn check_past(self, item: &str) -> Result<Query, DataError> {
        Query::checked(item, self.text, self.options, check_kept)
    }
}

impl TryFrom<UncheckedQuery> for Query {
    type Error = DataError;
    fn try_from(unchecked: UncheckedQuery) -> Result<Self, DataError> {
        Query::checked("query", unchecked.text, unchecked.options, check)
    }
}

impl Query {
    /// A query without options.
    ///
    /// # Errors
    /// [`DataError`] when the text is blank, over [`limits::QUERY_BYTES`](super::limits::QUERY_BYTES) or holds control
    /// characters.
    pub fn new(text: impl Into<String>) -> Result<Self, DataError> {
        Self::checked("query", text.into(), Vec::new(), check)
    }

    /// A query with the options of a [`ResponseSpace::Choices`](super::ResponseSpace::Choices) task.
    ///
    /// # Errors
    /// As [`new`](Self::new), for the text and each option, and [`DataError::BadOptions`] when two options read the
    /// same.
    pub fn with_options<S: Into<String>>(
        text: impl Into<String>,
        options: impl IntoIterator<Item = S>,
    ) -> Result<Self, DataError> {
        Self::checked("query", text.into(), options.into_iter().map(Into::into).collect(), check)
    }

    fn checked(item: &str, text: String, options: Vec<String>, check: Check) -> Result<Self, DataError> {
        check(item, "query text in bytes", &text, limits::QUERY_BYTES)?;
        if options.len() > limits::OPTIONS {
            let (what, size, limit) = ("number of options", options.len(), limits::OPTIONS);
            return Err(DataError::TooLarge { item: item.to_owned(), what, size, limit });
        }
        let mut seen = BTreeSet::new();
        for option in &options {
            check(item, "option in bytes", option, limits::RESPONSE_BYTES)?;
            if !seen.insert(fold(option)) {
                return Err(DataError::BadOptions {
                    item: item.to_owned(),
                    problem: "has two options that read the same",
                });
            }
        }
        Ok(Self { text, options })
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The options, in the order they are shown; empty unless the task is about choices.
    pub fn options(&self) -> &[String] {
        &self.options
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query").field("bytes", &self.text.len()).field("options", &self.options.len()).finish()
    }
}

/// One past query with the response the user gave. Its response is checked where the task is known: in [`History::new`]
/// and in a [`UserModel`](crate::UserModel).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedInteraction")]
pub struct Interaction {
    id: ItemId,
    query: Query,
    response: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<i64>,
}

/// An interaction as it stands in a file.
#[derive(Deserialize)]
struct UncheckedInteraction {
    id: ItemId,
    query: UncheckedQuery,
    response: String,
    #[serde(default)]
    time: Option<i64>,
}

impl TryFrom<UncheckedInteraction> for Interaction {
    type Error = DataError;
    fn try_from(unchecked: UncheckedInteraction) -> Result<Self, DataError> {
        let UncheckedInteraction { id, query, response, time } = unchecked;
        Self::read(id, query, response, time)
    }
}

impl Interaction {
    /// An interaction whose time is not known. Its response is checked against the task by [`History::new`].
    ///
    /// # Errors
    /// [`DataError::BadId`].
    pub fn new(id: impl Into<String>, query: Query, response: impl Into<String>) -> Result<Self, DataError> {
        Ok(Self { id: ItemId::new(id)?, query, response: response.into(), time: None })
    }

    /// The same interaction under another reading of its query and response.
    pub(crate) fn of(whole: &Self, query: Query, response: String) -> Self {
        Self { query, response, ..whole.clone() }
    }

    /// An interaction from its fields as they stand in a file.
    pub(super) fn read(
        id: ItemId,
        query: UncheckedQuery,
        response: String,
        time: Option<i64>,
    ) -> Result<Self, DataError> {
        let query = query.check_past(id.as_str())?;
        Ok(Self { id, query, response, time })
    }

    /// When the user responded, in any unit that grows with time, such as Unix seconds.
    #[must_use]
    pub fn at(mut self, time: i64) -> Self {
        self.time = Some(time);
        self
    }

    /// The id.
    pub fn id(&self) -> &ItemId {
        &self.id
    }

    /// The question.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// The user's response.
    pub fn response(&self) -> &str {
        &self.response
    }

    /// When, if known.
    pub fn time(&self) -> Option<i64> {
        self.time
    }
}

impl fmt::Debug for Interaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interaction")
            .field("id", &self.id)
            .field("query", &self.query)
            .field("time", &self.time)
            .finish()
    }
}

/// All interactions of one user, checked against a task and in canonical order: by time, then by id; those without a
/// time first. The order they are handed over in does not matter.
///
/// ```
/// use rpm_core::{History, Interaction, Query, ResponseSpace, Task};
///
/// let task = Task::new("Rate the film", ResponseSpace::scale(1, 5)?)?;
/// let history = History::new(&task, "ana", [
///     Interaction::new("b", Query::new("A loud sequel.")?, "2")?.at(20),
///     Interaction::new("a", Query::new("A quiet drama.")?, "5")?.at(10),
/// ])?;
/// assert_eq!(history.interactions()[0].id().as_str(), "a");
/// # Ok::<(), rpm_core::DataError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct History {
    user: UserId,
    interactions: Vec<Interaction>,
}

impl History {
    /// Checks and orders a user's interactions.
    ///
    /// # Errors
    /// [`DataError`] naming the first interaction that is a duplicate, has no options where the task needs them or has
    /// a response outside the task's space; [`DataError::EmptyHistory`] for none.
    pub fn new(
        task: &Task,
        user: impl Into<String>,
        interactions: impl IntoIterator<Item = Interaction>,
    ) -> Result<Self, DataError> {
        let user = UserId::new(user)?;
        let mut interactions: Vec<Interaction> = interactions.into_iter().collect();
        if interactions.is_empty() {
            return Err(DataError::EmptyHistory);
        }
        if interactions.len() > limits::INTERACTIONS {
            let (what, size, limit) = ("number of interactions", interactions.len(), limits::INTERACTIONS);
            return Err(DataError::TooLarge { item: "history".to_owned(), what, size, limit });
        }
        let mut ids = BTreeSet::new();
        for interaction in &mut interactions {
            if !ids.insert(interaction.id.clone()) {
                return Err(DataError::DuplicateId { item: interaction.id.clone() });
            }
            let id = interaction.id.as_str();
            task.check_query(id, &interaction.query)?;
            interaction.response = task.check_response(id, &interaction.query, &interaction.response)?;
        }
        interactions.sort_by(|a, b| (a.time, &a.id).cmp(&(b.time, &b.id)));
        Ok(Self { user, interactions })
    }

    /// Whose history it is.
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// The interactions in canonical order.
    pub fn interactions(&self) -> &[Interaction] {
        &self.interactions
    }

    /// The number of interactions; never 0.
    #[expect(clippy::len_without_is_empty, reason = "a history is never empty")]
    pub fn len(&self) -> usize {
        self.interactions.len()
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("user", &self.user).field("interactions", &self.interactions.len()).finish()
    }
}
