//! Tasks and the response spaces they allow.

use serde::{Deserialize, Serialize};

use super::text::{check, fold};
use super::{DataError, Decision, Query, limits};
use crate::words::Language;

/// A question that users are asked, and the responses open to it.
///
/// ```
/// use rpm_core::{ResponseSpace, Task};
///
/// let task = Task::new("How would this user rate the film?", ResponseSpace::scale(1, 5)?)?
///     .query_name("review")?
///     .response_name("rating")?;
/// assert_eq!(task.response_name_str(), "rating");
/// # Ok::<(), rpm_core::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedTask")]
pub struct Task {
    instruction: String,
    query_name: String,
    response_name: String,
    space: ResponseSpace,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<Decision>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) language: Option<Language>,
}

#[derive(Deserialize)]
struct UncheckedTask {
    instruction: String,
    query_name: String,
    response_name: String,
    #[serde(with = "UncheckedSpace")]
    space: ResponseSpace,
    #[serde(default)]
    decision: Option<Decision>,
    #[serde(default)]
    language: Option<Language>,
}

impl TryFrom<UncheckedTask> for Task {
    type Error = DataError;
    fn try_from(unchecked: UncheckedTask) -> Result<Self, DataError> {
        let mut task = Task::new(unchecked.instruction, unchecked.space)?
            .query_name(unchecked.query_name)?
            .response_name(unchecked.response_name)?;
        task.language = unchecked.language;
        match unchecked.decision {
            Some(decision) => task.deciding(decision),
            None => Ok(task),
        }
    }
}

/// The responses a task allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ResponseSpace {
    /// One of a fixed list of labels (tagging, LaMP-2).
    Labels {
        /// At least two different labels, in the order they are shown.
        labels: Vec<String>,
    },
    /// An integer from `min` to `max` (rating, LaMP-3).
    Scale {
        /// The lowest point.
        min: i64,
        /// The highest point.
        max: i64,
    },
    /// One of the options that come with the query (opinion questions, GOQA).
    Choices,
    /// Free text of at most `max_chars` characters (titles, LaMP-5).
    Text {
        /// The longest response in characters.
        max_chars: usize,
    },
}

#[derive(Deserialize)]
#[serde(remote = "ResponseSpace", tag = "kind", rename_all = "snake_case")]
enum UncheckedSpace {
    Labels { labels: Vec<String> },
    Scale { min: i64, max: i64 },
    Choices,
    Text { max_chars: usize },
}

checked_on_reading!(ResponseSpace, UncheckedSpace);

impl ResponseSpace {
    /// A fixed list of labels.
    ///
    /// # Errors
    /// [`DataError::BadSpace`] for fewer than two labels or two that read the same, and the checks every text passes.
    pub fn labels<S: Into<String>>(labels: impl IntoIterator<Item = S>) -> Result<Self, DataError> {
        let space = Self::Labels { labels: labels.into_iter().map(Into::into).collect() };
        space.check()?;
        Ok(space)
    }

    /// The integers from `min` to `max`.
    ///
    /// # Errors
    /// [`DataError::BadSpace`] unless `min < max` and there are at most
    /// [`limits::SCALE_POINTS`](super::limits::SCALE_POINTS) points.
    pub fn scale(min: i64, max: i64) -> Result<Self, DataError> {
        let space = Self::Scale { min, max };
        space.check()?;
        Ok(space)
    }

    /// Options that come with each query.
    pub fn choices() -> Self {
        Self::Choices
    }

    /// Free text of at most `max_chars` characters, such as a title.
    ///
    /// # Errors
    /// [`DataError::BadSpace`] unless `max_chars` is from 1 to 8,192.
    pub fn text(max_chars: usize) -> Result<Self, DataError> {
        let space = Self::Text { max_chars };
        space.check()?;
        Ok(space)
    }

    /// True for free text, where influence and polarity are judged instead of counted propensities.
    pub fn is_open_ended(&self) -> bool {
        matches!(self, Self::Text { .. })
    }

    /// The responses that are the same for every query, lowest or first first; `None` for choices and text.
    pub fn fixed_responses(&self) -> Option<Vec<String>> {
        match self {
            Self::Labels { labels } => Some(labels.clone()),
            Self::Scale { min, max } => Some((*min..=*max).map(|point| point.to_string()).collect()),
            Self::Choices | Self::Text { .. } => None,
        }
    }

    fn check(&self) -> Result<(), DataError> {
        match self {
            Self::Labels { labels } => {
                if labels.len() < 2 || labels.len() > limits::OPTIONS {
                    return Err(DataError::BadSpace { problem: "needs from 2 to 256 labels" });
                }
                for label in labels {
                    check("task", "label", label, limits::RESPONSE_BYTES)?;
                }
                if has_twins(labels) {
                    return Err(DataError::BadSpace { problem: "has two labels that read the same" });
                }
            }
            Self::Scale { min, max } => {
                let points = max.checked_sub(*min).map(|d| d.saturating_add(1));
                if !points.is_some_and(|p| (2..=limits::SCALE_POINTS).contains(&p)) {
                    return Err(DataError::BadSpace { problem: "needs min < max and at most 101 points" });
                }
            }
            Self::Choices => {}
            Self::Text { max_chars } => {
                if *max_chars == 0 || *max_chars > limits::RESPONSE_BYTES {
                    return Err(DataError::BadSpace { problem: "needs max_chars from 1 to 8192" });
                }
            }
        }
        Ok(())
    }
}

/// True when two entries differ only in case, width or white space.
fn has_twins(entries: &[String]) -> bool {
    let mut folded: Vec<String> = entries.iter().map(|entry| fold(entry)).collect();
    folded.sort_unstable();
    folded.windows(2).any(|pair| matches!(pair, [a, b] if a == b))
}

impl Task {
    /// A task from its instruction and its responses.
    ///
    /// # Errors
    /// [`DataError`] naming `task` when the instruction is blank, too long or holds control characters, or when the
    /// response space is not one.
    pub fn new(instruction: impl Into<String>, space: ResponseSpace) -> Result<Self, DataError> {
        let instruction = instruction.into();
        check("task", "instruction", &instruction, limits::INSTRUCTION_BYTES)?;
        space.check()?;
        let (query_name, response_name) = ("query".to_owned(), "response".to_owned());
        Ok(Self { instruction, query_name, response_name, space, decision: None, language: None })
    }

    /// Sets what a query is called in prompts, such as `review`. Default: `query`.
    ///
    /// # Errors
    /// [`DataError`] naming `task` when the name is blank, over 256 bytes or holds control characters.
    pub fn query_name(mut self, name: impl Into<String>) -> Result<Self, DataError> {
        let name = name.into();
        check("task", "query name", &name, limits::ID_BYTES)?;
        self.query_name = name;
        Ok(self)
    }

    /// Sets what a response is called in prompts, such as `rating`. Default: `response`.
    ///
    /// # Errors
    /// [`DataError`] naming `task` when the name is blank, over 256 bytes or holds control characters.
    pub fn response_name(mut self, name: impl Into<String>) -> Result<Self, DataError> {
        let name = name.into();
        check("task", "response name", &name, limits::ID_BYTES)?;
        self.response_name = name;
        Ok(self)
    }

    /// Sets how answers are decided from the probabilities of the responses. Without it, the estimate chooses for a scale what
    /// fits the user's own past, and the most probable response for all else.
    ///
    /// # Errors
    /// [`DataError::BadNumbers`] for a rule of scales in another task, a table of costs whose size is not that of the task's
    /// responses, one for choices, and any rule for free text.
    pub fn deciding(mut self, decision: Decision) -> Result<Self, DataError> {
        let responses = self.space.fixed_responses().map(|responses| responses.len());
        let scale = matches!(self.space, ResponseSpace::Scale { .. });
        let fits = match &decision {
            Decision::MostLikely => !self.space.is_open_ended(),
            Decision::Costs(costs) => responses.is_some_and(|responses| costs.is_of(responses)),
            _ => scale,
        };
        if !fits {
            return Err(DataError::BadNumbers { what: "decision rule", problem: "does not fit the task's responses" });
        }
        self.decision = Some(decision);
        Ok(self)
    }

    /// How answers are to be decided, if that was said.
    pub fn decision(&self) -> Option<&Decision> {
        self.decision.as_ref()
    }

    /// The question that users are asked.
    pub fn instruction(&self) -> &str {
        &self.instruction
    }

    /// The word for a query.
    pub fn query_name_str(&self) -> &str {
        &self.query_name
    }

    /// The word for a response.
    pub fn response_name_str(&self) -> &str {
        &self.response_name
    }

    /// The responses the task allows.
    pub fn space(&self) -> &ResponseSpace {
        &self.space
    }

    /// The responses open to this query in the order they are shown; empty for free text.
    pub fn responses(&self, query: &Query) -> Vec<String> {
        match &self.space {
            ResponseSpace::Choices => query.options().to_vec(),
            space => space.fixed_responses().unwrap_or_default(),
        }
    }

    /// Checks that the query fits the task; `item` names it in the error.
    ///
    /// # Errors
    /// [`DataError::MissingOptions`] when the task is about choices and the query gives fewer than two;
    /// [`DataError::BadOptions`] when options come with any other task.
    pub fn check_query(&self, item: &str, query: &Query) -> Result<(), DataError> {
        let found = query.options().len();
        match &self.space {
            ResponseSpace::Choices if found < 2 => Err(DataError::MissingOptions { item: item.to_owned(), found }),
            ResponseSpace::Choices => Ok(()),
            _ if found > 0 => Err(DataError::BadOptions {
                item: item.to_owned(),
                problem: "gives options, but the task's response space is fixed",
            }),
            _ => Ok(()),
        }
    }

    /// Finds the response that `text` states, in its canonical spelling: case, width, white space and quotes around it
    /// do not matter (free text keeps all but its white space), and a scale point may be written with a zero fraction
    /// (`4.0`). `None` when it states none.
    pub fn parse_response(&self, query: &Query, text: &str) -> Option<String> {
        let bare = text.trim().trim_matches(['"', '\'', '`', '“', '”', '‘', '’']).trim();
        match &self.space {
            ResponseSpace::Scale { min, max } => {
                let point = bare.parse::<i64>().ok().or_else(|| whole(bare))?;
                (*min..=*max).contains(&point).then(|| point.to_string())
            }
            ResponseSpace::Text { max_chars } => {
                let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
                let fits = !fold(&line).is_empty()
                    && line.chars().count() <= *max_chars
                    && line.len() <= limits::RESPONSE_BYTES
                    && !line.chars().any(char::is_control);
                fits.then_some(line)
            }
            ResponseSpace::Labels { .. } | ResponseSpace::Choices => {
                let mut responses = self.responses(query);
                let folded: Vec<String> = responses.iter().map(|response| fold(response)).collect();
                let like = |wanted: &str| folded.iter().position(|response| response == wanted);
                let place = responses.iter().position(|response| response == text);
                let place = place.or_else(|| like(&fold(text))).or_else(|| like(&fold(bare)))?;
                Some(responses.swap_remove(place))
            }
        }
    }

    /// Like [`parse_response`](Self::parse_response) with an error that names `item`.
    ///
    /// # Errors
    /// [`DataError::OutOfSpace`].
    pub fn check_response(&self, item: &str, query: &Query, text: &str) -> Result<String, DataError> {
        if text.len() > limits::RESPONSE_BYTES {
            let (what, size, limit) = ("response in bytes", text.len(), limits::RESPONSE_BYTES);
            return Err(DataError::TooLarge { item: item.to_owned(), what, size, limit });
        }
        self.parse_response(query, text).ok_or_else(|| DataError::OutOfSpace {
            item: item.to_owned(),
            expected: match &self.space {
                ResponseSpace::Labels { .. } => "one of the task's labels".to_owned(),
                ResponseSpace::Scale { min, max } => format!("a whole number from {min} to {max}"),
                ResponseSpace::Choices => "one of the query's options".to_owned(),
                ResponseSpace::Text { max_chars } => format!("a text of at most {max_chars} characters"),
            },
        })
    }
}

/// Reads `4.0` as 4, and nothing else as a whole number.
fn whole(text: &str) -> Option<i64> {
    let (digits, fraction) = text.split_once('.')?;
    (!fraction.is_empty() && fraction.bytes().all(|b| b == b'0')).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale() -> Task {
        Task::new("Rate it", ResponseSpace::scale(1, 5).unwrap()).unwrap()
    }

    #[test]
    fn a_scale_point_is_read_in_every_honest_spelling_and_no_other() {
        let query = Query::new("x").unwrap();
        for text in ["4", " 4 ", "\"4\"", "4.0", "+4"] {
            assert_eq!(scale().parse_response(&query, text).as_deref(), Some("4"), "{text}");
        }
        for text in ["6", "0", "4.5", "four", "", "4 stars", "NaN", "99999999999999999999"] {
            assert_eq!(scale().parse_response(&query, text), None, "{text}");
        }
    }

    #[test]
    fn a_label_keeps_the_spelling_of_the_task() {
        let task = Task::new("Tag it", ResponseSpace::labels(["Sci-Fi", "drama"]).unwrap()).unwrap();
        let query = Query::new("x").unwrap();
        assert_eq!(task.parse_response(&query, "sci-fi").as_deref(), Some("Sci-Fi"));
        assert_eq!(task.parse_response(&query, "comedy"), None);
    }

    #[test]
    fn spaces_that_cannot_be_are_refused() {
        assert!(ResponseSpace::scale(5, 5).is_err());
        assert!(ResponseSpace::scale(i64::MIN, i64::MAX).is_err());
        assert!(ResponseSpace::labels(["a"]).is_err());
        assert!(ResponseSpace::labels(["a", "A "]).is_err());
        assert!(ResponseSpace::text(0).is_err());
    }

    #[test]
    fn a_task_read_from_a_file_passes_the_same_checks() {
        let bad =
            r#"{"instruction":"x","query_name":"q","response_name":"r","space":{"kind":"scale","min":3,"max":1}}"#;
        assert!(serde_json::from_str::<Task>(bad).is_err());
    }
}
