//! Data as the text of a request. Pure: nothing here asks a model.
//!
//! Ids of the data never leave. A request has aliases instead, by place: `F1` for factors, `x1` for features.

use std::fmt::Write as _;

use crate::data::text::fold;
use crate::data::{AssignedFeature, Exemplar, Factor, FactorSet, FeatureKey, Query, ResponseSpace, Task};
use crate::stats::{Estimate, ResponseProbability};

use super::excerpt::excerpt;
use super::{Redaction, Values, frame, inline};

/// Known factors beyond this many are not shown to the extractor.
const KNOWN_FACTORS: usize = 40;
/// Feature names shown of one known factor.
const KNOWN_NAMES: usize = 3;
/// Responses shown of an estimate.
const LIKELIEST: usize = 3;
/// The longest quote shown of one feature, in characters.
const QUOTE_CHARS: usize = 200;

/// Returns the values of the task's placeholders, which every prompt has.
pub(crate) fn task_values(task: &Task) -> Values {
    Values::default()
        .set("instruction", task.instruction())
        .set("query_name", task.query_name_str())
        .set("response_name", task.response_name_str())
}

/// The factors of a user whose names a new query's features should reuse, the most frequent first; empty without any.
pub(crate) fn known_factors(factors: &FactorSet, redaction: Redaction<'_>) -> String {
    if factors.is_empty() {
        return String::new();
    }
    let mut text =
        "\nNames seen before in this person's history, by factor. Where a feature of the text means the same as \
                    one of these, give it that name, word for word; do not use a name that does not fit the text:"
            .to_owned();
    for factor in known_shown(factors) {
        let label = fold(factor.label());
        let names: Vec<String> = factor
            .features()
            .iter()
            .map(FeatureKey::as_str)
            .filter(|name| *name != label)
            .take(KNOWN_NAMES)
            .map(|name| inline(&redaction.apply(name)))
            .collect();
        let _ = write!(text, "\n- {}", inline(&redaction.apply(factor.label())));
        if !names.is_empty() {
            let _ = write!(text, ": {}", names.join(", "));
        }
    }
    text
}

/// The factors that are shown to the extractor, the most frequent first.
pub(crate) fn known_shown(factors: &FactorSet) -> Vec<&Factor> {
    let mut known: Vec<&Factor> = factors.iter().collect();
    known.sort_by(|a, b| b.stats().coverage.total_cmp(&a.stats().coverage).then_with(|| a.id().cmp(b.id())));
    known.truncate(KNOWN_FACTORS);
    known
}

/// One sentence that says which responses are allowed. Options of the query are the user's data, so they are not in it:
/// [`item`] lists them.
pub fn responses(task: &Task) -> String {
    let (query_name, name) = (task.query_name_str(), task.response_name_str());
    match task.space() {
        ResponseSpace::Scale { min, max } => format!("The {name} is an integer from {min} to {max}."),
        ResponseSpace::Labels { labels } => {
            let labels: Vec<String> = labels.iter().map(|label| inline(label)).collect();
            format!("The {name} is one of these labels, word for word: {}.", labels.join(", "))
        }
        ResponseSpace::Choices => format!("The {name} is one of the options of the {query_name}, word for word."),
        ResponseSpace::Text { max_chars } => format!("The {name} is one line of at most {max_chars} characters."),
    }
}

/// Returns the statistics' estimate for the query, the likeliest responses first; empty without an estimate. It begins
/// with the line break that sets it apart.
pub(crate) fn estimate(task: &Task, estimate: Option<&Estimate>, redaction: Redaction<'_>) -> String {
    let Some(estimate) = estimate else { return String::new() };
    let mut ranked: Vec<&ResponseProbability> = estimate.responses().iter().collect();
    // A stable sort: equal ones stay in the order of the task.
    ranked.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    let own = matches!(task.space(), ResponseSpace::Choices);
    let shown = |response: &str| if own { inline(&redaction.apply(response)) } else { inline(response) };
    let others: Vec<String> = ranked
        .iter()
        .filter(|one| one.response != estimate.decision())
        .take(LIKELIEST - 1)
        .map(|one| format!("{} {:.0}%", shown(&one.response), one.probability * 100.0))
        .collect();
    format!(
        "\n\nCounted over the whole history, this person's {} here is best guessed as {} ({:.0}%; {}). An example or two that \
         say otherwise are no reason to differ; a clear one in the new text is.",
        task.response_name_str(),
        shown(estimate.decision()),
        estimate.probability(estimate.decision()) * 100.0,
        others.join(", ")
    )
}

/// A query with its options and features. A feature's alias is its place; with factors shown, each says its own.
pub fn item(
    task: &Task,
    query: &Query,
    features: &[AssignedFeature],
    shown: &[&Factor],
    redaction: Redaction<'_>,
) -> String {
    let mut text = question(task, query, redaction);
    text.push_str(&feature_lines(query, features, shown, !shown.is_empty(), redaction));
    text
}

/// The features of a query; `mark_unknown` marks those of no known factor.
fn feature_lines(
    query: &Query,
    features: &[AssignedFeature],
    shown: &[&Factor],
    mark_unknown: bool,
    redaction: Redaction<'_>,
) -> String {
    let mut text = String::new();
    if !features.is_empty() {
        text.push_str("\nFeatures:");
    }
    // A quote that begins or ends inside of what the hook takes out is not in what it leaves of the query.
    let whole = redaction.is_some().then(|| redaction.apply(query.text()));
    for (place, assigned) in features.iter().enumerate() {
        let name = inline(&redaction.apply(assigned.feature.name()));
        let _ = write!(text, "\nx{} {name}", place + 1);
        let alias = assigned.factor.as_ref().and_then(|id| shown.iter().position(|factor| factor.id() == id));
        match alias {
            Some(place) => {
                let _ = write!(text, " (F{})", place + 1);
            }
            None if mark_unknown && assigned.factor.is_none() => text.push_str(" (no known factor)"),
            None => {}
        }
        // The hook sees the quote whole: it may not know half of what it looks for.
        let quote = redaction.apply(assigned.feature.context(query));
        if !quote.trim().is_empty() && whole.as_ref().is_none_or(|whole| whole.contains(&quote)) {
            let quote: String = quote.chars().take(QUOTE_CHARS).collect();
            let _ = write!(text, ", seen in {}", inline(&quote));
        }
    }
    text
}

fn question(task: &Task, query: &Query, redaction: Redaction<'_>) -> String {
    asked(task, query, &redaction.apply(query.text()), redaction)
}

/// A query under a text that may be shorter than its own.
fn asked(task: &Task, query: &Query, shown: &str, redaction: Redaction<'_>) -> String {
    let mut text = frame(shown);
    if matches!(task.space(), ResponseSpace::Choices) {
        text.push_str("\nOptions:");
        for option in query.options() {
            let _ = write!(text, "\n{}", frame(&redaction.apply(option)));
        }
    }
    text
}

/// The way past interactions are shown.
#[derive(Debug)]
pub(crate) struct ExampleStyle<'a> {
    /// The factors that are shown with them.
    pub(crate) factors: &'a [&'a Factor],
    /// With the features of each.
    pub(crate) features: bool,
    /// With the path of each that has one.
    pub(crate) paths: bool,
    /// About how many tokens of each text; `None` for all of it.
    pub(crate) tokens: Option<u64>,
}

/// A past text as far as it is shown: the sentences with its features, those of shown factors first. The hook sees all of
/// the text, so that nothing it looks for is cut in two.
fn past_text(
    query: &Query,
    features: &[AssignedFeature],
    style: &ExampleStyle<'_>,
    redaction: Redaction<'_>,
) -> String {
    let text = redaction.apply(query.text());
    let Some(most) = style.tokens else { return text };
    let rank = |feature: &&AssignedFeature| {
        let place = feature.factor.as_ref().and_then(|id| style.factors.iter().position(|f| f.id() == id));
        place.unwrap_or(usize::MAX)
    };
    let mut ranked: Vec<&AssignedFeature> = features.iter().collect();
    ranked.sort_by_key(rank);
    let passages: Vec<String> = ranked.into_iter().map(|f| redaction.apply(f.feature.context(query))).collect();
    excerpt(&text, &passages, most)
}

/// Past interactions as examples; empty without any.
pub(crate) fn exemplars(
    task: &Task,
    exemplars: &[Exemplar],
    style: &ExampleStyle<'_>,
    redaction: Redaction<'_>,
) -> String {
    let shown = style.factors;
    if exemplars.is_empty() {
        return String::new();
    }
    let (query_name, name) = (task.query_name_str(), task.response_name_str());
    let mut text = format!("\nPast examples of this person, each with the {name} the person gave:\n");
    for (place, exemplar) in exemplars.iter().enumerate() {
        let past = &exemplar.item;
        let features: Vec<AssignedFeature> = past
            .features()
            .iter()
            .map(|feature| {
                let key = feature.key();
                let factor = shown.iter().find(|factor| factor.features().contains(&key));
                AssignedFeature { feature: feature.clone(), factor: factor.map(|factor| factor.id().clone()) }
            })
            .collect();
        // What is not shown here may have a factor all the same, so nothing is said of it.
        let listed = if style.features { features.as_slice() } else { &[] };
        let lines = feature_lines(past.query(), listed, shown, false, redaction);
        let said = asked(task, past.query(), &past_text(past.query(), &features, style, redaction), redaction);
        let _ = writeln!(text, "Example {} ({query_name}):\n{said}{lines}", place + 1);
        if let Some(path) = past.path().filter(|_| style.paths) {
            text.push_str("Reasoning:\n");
            for step in path.steps() {
                let _ = writeln!(text, "- x{}: {}", step.feature + 1, inline(&redaction.apply(&step.text)));
            }
        }
        let _ = writeln!(text, "{name}: {}", inline(&redaction.apply(past.response())));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::factors;
    use super::*;
    use crate::data::{Calibration, Feature, Interaction, MemoryItem, Span};
    use crate::stats::Beliefs;

    fn task() -> Task {
        let space = ResponseSpace::scale(1, 5).unwrap();
        Task::new("Rate it", space).unwrap().query_name("review").unwrap().response_name("rating").unwrap()
    }

    fn past(id: &str, text: &str, names: &[&str], response: &str) -> MemoryItem {
        let query = Query::new(text).unwrap();
        let span = Span { start: 0, end: 4 };
        let features = names.iter().map(|name| Feature::new(&query, *name, span).unwrap()).collect();
        MemoryItem::new(Interaction::new(id, query, response).unwrap(), features).unwrap()
    }

    fn fitted(items: &[MemoryItem]) -> FactorSet {
        let groups = [("pace", ["slow pacing", "drags"]), ("acting", ["warm acting", "fine cast"])];
        let groups = groups.map(|(label, keys)| (label, "", keys.map(FeatureKey::of)));
        FactorSet::from_groups(groups).unwrap().count(&task(), items)
    }

    #[test]
    fn aliases_follow_the_order_given() {
        let items = [past("a", "slow film", &["slow pacing"], "2"), past("b", "warm film", &["warm acting"], "5")];
        let (task, set, calibration) = (task(), fitted(&items), Calibration::default());
        let beliefs = Beliefs::new(&task, &set, &calibration);
        let pace = set.factor_of(&FeatureKey::of("drags")).unwrap();
        let acting = set.factor_of(&FeatureKey::of("fine cast")).unwrap();
        let shown = [acting, pace];
        let lines = factors(&beliefs, &shown, None, Redaction::default());
        assert!(lines.starts_with("F1 \"acting\": n=1 of 2; 5 in "), "{lines}");
        assert!(lines.contains("\nF2 \"pace\": n=1 of 2; 2 in "), "{lines}");

        let query = items[0].query();
        let features = [
            AssignedFeature { feature: items[0].features()[0].clone(), factor: Some(pace.id().clone()) },
            AssignedFeature::unknown(Feature::new(query, "odd", Span { start: 0, end: 4 }).unwrap()),
        ];
        let text = item(&task, query, &features, &shown, Redaction::default());
        assert_eq!(
            text,
            "| slow film\nFeatures:\nx1 \"slow pacing\" (F2), seen in \"slow\"\nx2 \"odd\" (no known factor), seen in \"slow\""
        );
        let style = ExampleStyle { factors: &[pace], features: true, paths: true, tokens: None };
        let past = exemplars(&task, &[Exemplar::new(items[1].clone(), 1.0, 1.0)], &style, Redaction::default());
        assert!(past.contains("x1 \"warm acting\", seen in \"warm\"\nrating: \"5\""), "{past}");
    }

    #[test]
    fn known_names_are_listed_without_ids() {
        let set = fitted(&[past("a", "slow film", &["slow pacing"], "2")]);
        let text = known_factors(&set, Redaction::default());
        assert!(text.contains("\n- \"pace\": \"drags\", \"slow pacing\"\n- \"acting\""), "{text}");
        assert!(set.iter().all(|factor| !text.contains(factor.id().as_str())));
        let none = FactorSet::from_groups(Vec::<(&str, &str, Vec<FeatureKey>)>::new()).unwrap();
        assert_eq!(known_factors(&none, Redaction::default()), "");
    }
}
