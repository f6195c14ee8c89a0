//! The kind of responses: points of a scale, labels, or free text.

use std::fmt;

use std::collections::BTreeMap;
use std::str::FromStr;

use rpm_core::data::{DataError, ResponseSpace, Task, fold, limits};

use super::numbers::{Numbers, ScaleEnds};

/// A kind of responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseKind {
    /// Whole or half points, as of ratings.
    Scale,
    /// One of a few fixed texts.
    Labels,
    /// Texts of the user's own.
    Text,
}

impl FromStr for ResponseKind {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "scale" => Ok(Self::Scale),
            "labels" => Ok(Self::Labels),
            "text" => Ok(Self::Text),
            _ => Err("scale, labels or text"),
        }
    }
}

/// Responses of few different texts are labels: at most so many, or a tenth of the rows.
const FEW_LABELS: usize = 20;
/// Labels are shown where they take at most so many bytes together.
const SHOWN: usize = 100;
/// The longest texts that a task of free text is for, in characters; the least that holds the data's.
const LONGEST: [usize; 5] = [300, 1_000, 2_000, 4_000, limits::RESPONSE_BYTES];

/// What responses are, with each response in the spelling of the task.
pub(super) struct Told {
    pub(super) kind: ResponseKind,
    pub(super) space: ResponseSpace,
    /// By response; `None` for what is not of the kind.
    pub(super) responses: Vec<Option<String>>,
    /// The kind with the reason for it, in words.
    pub(super) reason: String,
    /// What one step of a scale is in points: 1, or 0.5 where half points are taken twice.
    pub(super) step: f64,
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Told").field("responses", &self.responses.len()).finish_non_exhaustive()
    }
}

/// What is given of the responses, in place of being told from them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Given {
    pub(super) kind: Option<ResponseKind>,
    pub(super) scale: Option<ScaleEnds>,
}

/// Tells the kind, unless it is given, and reads all responses as of that kind. `rows` are theirs in the file, for what is wrong
/// with one.
///
/// # Errors
/// What is wrong with the responses, and what to do.
pub(super) fn tell(responses: &[&str], rows: &[usize], given: Given) -> Result<Told, String> {
    let numbers = Numbers::of(responses, rows);
    let spellings = spellings(responses);
    let (all, different) = (responses.len(), spellings.len());
    if let Some(ends) = given.scale {
        return match given.kind {
            None | Some(ResponseKind::Scale) => numbers.scale_from(ends),
            Some(_) => Err("--scale is for --kind scale: leave one of the two out".to_owned()),
        };
    }
    if different < 2 && given.kind != Some(ResponseKind::Text) {
        return Err(format!("all {all} responses are the same: there is nothing to tell users apart by"));
    }
    let few = different <= FEW_LABELS || different <= all / 10;
    let as_labels = different <= limits::OPTIONS && few && 2 * different <= all;
    match given.kind {
        Some(ResponseKind::Scale) => numbers.scale(),
        Some(ResponseKind::Labels) => labels(responses, &spellings),
        None if numbers.are_yes_and_no() => labels(responses, &spellings),
        None if numbers.nearly_all() => numbers.scale().or_else(|problem| {
            // Codes, which may be any whole numbers; decimals are no codes.
            if different <= FEW_LABELS && as_labels && numbers.are_codes() {
                labels(responses, &spellings)
            } else {
                Err(problem)
            }
        }),
        // Neither a scale nor labels to go by without being told so.
        None if numbers.most_are_points() => Err(numbers.told_of_others()),
        None if as_labels => labels(responses, &spellings),
        Some(ResponseKind::Text) | None => text(responses, different),
    }
}

/// By folded text, how often each spelling of it is there.
fn spellings<'r>(responses: &[&'r str]) -> BTreeMap<String, BTreeMap<&'r str, usize>> {
    let mut all: BTreeMap<String, BTreeMap<&str, usize>> = BTreeMap::new();
    for response in responses {
        *all.entry(fold(response)).or_default().entry(response).or_default() += 1;
    }
    all
}

fn labels(responses: &[&str], spellings: &BTreeMap<String, BTreeMap<&str, usize>>) -> Result<Told, String> {
    // The commonest spelling, the first in order of the alphabet among equals.
    let usual = |of: &BTreeMap<&str, usize>| {
        of.iter().rev().max_by_key(|(_, times)| **times).map(|(text, _)| (*text).to_owned()).unwrap_or_default()
    };
    let usual: BTreeMap<&str, String> = spellings.iter().map(|(folded, of)| (folded.as_str(), usual(of))).collect();
    let different = usual.len();
    let space = ResponseSpace::labels(usual.values().cloned()).map_err(|error| match error {
        DataError::BadSpace { .. } => {
            format!("{different} different responses are not from 2 to {} labels: pass --kind text", limits::OPTIONS)
        }
        _ => "a label is too long or holds a control character: pass --kind text".to_owned(),
    })?;
    let responses: Vec<Option<String>> =
        responses.iter().map(|response| usual.get(fold(response).as_str()).cloned()).collect();
    let rows = responses.len();
    let all = space.fixed_responses().unwrap_or_default().join(", ");
    let named = if all.len() <= SHOWN { format!(" ({all})") } else { String::new() };
    let reason =
        format!("one of {different} labels{named}, since {rows} responses are only {different} different ones");
    Ok(Told { kind: ResponseKind::Labels, space, responses, reason, step: 1.0 })
}

fn text(responses: &[&str], different: usize) -> Result<Told, String> {
    let longest = responses.iter().map(|response| response.chars().count()).max().unwrap_or_default();
    // From a list, so that one text more or less does not change the task.
    let most = LONGEST.into_iter().find(|most| longest <= *most).unwrap_or(limits::RESPONSE_BYTES);
    let space = ResponseSpace::text(most).map_err(|error| error.to_string())?;
    let responses: Vec<Option<String>> = responses.iter().map(|response| Some((*response).to_owned())).collect();
    let mut reason = format!("free text, since {different} of {} responses are different", responses.len());
    if 2 * different <= responses.len() {
        reason += ". They repeat: if users choose among options that come with a query, the verdict does not hold, and a table \
                   cannot say it; `rpm-eval run` reads such options from users.jsonl";
    }
    Ok(Told { kind: ResponseKind::Text, space, responses, reason, step: 1.0 })
}

/// The task, with a question that says nothing of the data unless it is given.
pub(super) fn task(space: ResponseSpace, question: Option<&str>) -> Result<Task, DataError> {
    let neutral = match &space {
        ResponseSpace::Scale { min, max } => format!("Which rating from {min} to {max} does this user give to this?"),
        ResponseSpace::Labels { .. } => "Which of the labels does this user give to this?".to_owned(),
        _ => "What does this user write in response to this?".to_owned(),
    };
    let name = if matches!(space, ResponseSpace::Scale { .. }) { "rating" } else { "response" };
    Task::new(question.map_or(neutral, str::to_owned), space)?.response_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tells(responses: &[&str], kind: Option<ResponseKind>) -> Result<Told, String> {
        let rows: Vec<usize> = (2..responses.len() + 2).collect();
        tell(responses, &rows, Given { kind, scale: None })
    }

    fn told(responses: &[&str]) -> Told {
        tells(responses, None).unwrap()
    }

    #[test]
    fn whole_numbers_are_a_scale_and_half_ones_are_taken_twice() {
        let whole = told(&["1", "5.0", "3", "3", "4"]);
        assert_eq!(whole.space, ResponseSpace::scale(1, 5).unwrap());
        assert_eq!(whole.responses[1].as_deref(), Some("5"));
        let half = told(&["0.5", "3,5", "5", "4"]);
        assert_eq!(half.space, ResponseSpace::scale(1, 10).unwrap());
        assert_eq!((half.responses[1].as_deref(), half.step.to_bits()), (Some("7"), 0.5_f64.to_bits()));
    }

    #[test]
    fn other_decimals_and_wide_ranges_say_what_to_do() {
        assert!(tells(&["3.7", "4.1", "2.0"], None).unwrap_err().contains("round them to whole or half points"));
        let wide: Vec<String> = (0..40).map(|n| (n * 100).to_string()).collect();
        let wide: Vec<&str> = wide.iter().map(String::as_str).collect();
        assert!(tells(&wide, None).unwrap_err().contains("such as 0 to 100"));
        let codes: Vec<&str> = ["101", "205", "909"].repeat(4);
        assert_eq!(told(&codes).kind, ResponseKind::Labels);
        assert!(tells(&["1.37", "2.37"].repeat(9), None).is_err());
        assert!(tells(&["same", "same"], None).unwrap_err().contains("are the same"));
    }

    #[test]
    fn a_few_words_among_numbers_are_no_points_and_few_texts_are_labels() {
        let mut responses = vec!["4"; 30];
        responses.extend(["2", "n/a"]);
        assert_eq!(told(&responses).responses.last(), Some(&None));
        let labels = told(&["Yes", "yes", "yes", "no", "no", "no"]);
        assert_eq!(labels.space, ResponseSpace::labels(["no", "yes"]).unwrap());
        assert_eq!(labels.responses[0].as_deref(), Some("yes"));
        assert_eq!(told(&["0", "1", "1", "0"]).kind, ResponseKind::Labels);
    }

    #[test]
    fn texts_that_differ_are_free_text_however_few_they_are() {
        let text = told(&["a tale", "a river", "the sea", "the sea"]);
        assert_eq!((text.kind, text.space), (ResponseKind::Text, ResponseSpace::text(300).unwrap()));
        let repeated: Vec<String> = (0..60).map(|n| format!("option {}", n % 25)).collect();
        let repeated: Vec<&str> = repeated.iter().map(String::as_str).collect();
        assert!(told(&repeated).reason.contains("the verdict does not hold"));
        assert_eq!(tells(&["a", "b", "c"], Some(ResponseKind::Labels)).unwrap().kind, ResponseKind::Labels);
        assert!(tells(&["a", "b"], Some(ResponseKind::Scale)).unwrap_err().contains("--kind labels"));
    }
}
