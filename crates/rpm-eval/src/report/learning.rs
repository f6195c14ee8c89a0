//! What a user's own interactions are worth, and what others add: the methods of a run that differ in how many own interactions
//! they know, and in whether others teach them.

use std::collections::BTreeMap;

use crate::compare::Resamples;
use crate::method::{KEPT, Spec, TAUGHT};
use crate::metric::Metric;
use rpm_core::data::Task;

use super::answers::{Answers, LEVEL};
use super::{Learning, LearningLine};

/// The options of a method that are about its own interactions, and about others.
const OWN: &str = "own";
const OTHERS: [&str; 2] = ["others", "shared"];

/// A method with its answers, by how many own interactions it knows; `None` for all.
struct Family<'a, 'r> {
    method: String,
    members: Vec<(Option<usize>, &'a Answers<'r>)>,
}

/// The measure over own interactions, by metric that decides; nothing where no method was run with several numbers of them.
pub(super) fn of(answers: &[Answers<'_>], metrics: &[Metric], task: &Task, resamples: &Resamples) -> Vec<Learning> {
    let families = families(answers);
    let mut steps: Vec<Option<usize>> =
        families.iter().flat_map(|family| family.members.iter().map(|(own, _)| *own)).collect();
    // All come last.
    steps.sort_by_key(|own| own.unwrap_or(usize::MAX));
    steps.dedup();
    let line = |metric: Metric, family: &Family<'_, '_>| {
        let point = |step: &Option<usize>| {
            let (_, answers) = family.members.iter().find(|(own, _)| own == step)?;
            Some(answers.replicates(metric, task, resamples)?.measured(LEVEL))
        };
        LearningLine { method: family.method.clone(), points: steps.iter().map(point).collect() }
    };
    let learning = |metric: &Metric| Learning {
        metric: metric.name().to_owned(),
        steps: steps.clone(),
        lines: families.iter().map(|family| line(*metric, family)).collect(),
    };
    if families.is_empty() { Vec::new() } else { metrics.iter().map(learning).collect() }
}

/// The methods that were run with several numbers of own interactions, in the run's order.
fn families<'a, 'r>(answers: &'a [Answers<'r>]) -> Vec<Family<'a, 'r>> {
    let mut families: Vec<Family<'a, 'r>> = Vec::new();
    for answers in answers {
        let Some((method, own)) = without_own(answers.method) else { continue };
        match families.iter_mut().find(|family| family.method == method) {
            Some(family) => family.members.push((own, answers)),
            None => families.push(Family { method, members: vec![(own, answers)] }),
        }
    }
    families.retain(|family| family.members.len() > 1);
    families
}

/// The method without the number of own interactions, and the number; `None` of that is all.
fn without_own(method: &str) -> Option<(String, Option<usize>)> {
    let mut spec: Spec = method.parse().ok()?;
    let own = match spec.options.remove(OWN).as_deref() {
        None | Some("all") => None,
        Some(own) => Some(own.parse().ok()?),
    };
    Some((spec.to_string(), own))
}

/// A method that learns from others, and its place; the same method alone, and its place; and how many own interactions both know.
pub(super) struct Pair<'a, 'r> {
    pub(super) alone: &'a Answers<'r>,
    pub(super) with: &'a Answers<'r>,
    pub(super) own: Option<usize>,
}

/// Each method that learns from others with the same method alone, by rising number of own interactions.
pub(super) fn pairs<'a, 'r>(answers: &'a [Answers<'r>]) -> Vec<Pair<'a, 'r>> {
    let alone = |with: &Answers<'r>| {
        let mut spec: Spec = with.method.parse().ok()?;
        spec.options.remove(OTHERS[0]).filter(|whom| whom != "0")?;
        // How many share what others teach is nothing where they teach nothing.
        let plain = |spec: &Spec| {
            let mut spec = spec.clone();
            spec.options.remove(OTHERS[1]);
            spec
        };
        let named = |name: String| answers.iter().find(|it| it.method == name);
        let found = named(spec.to_string()).or_else(|| named(plain(&spec).to_string()))?;
        Some((found, without_own(found.method)?.1))
    };
    let mut pairs: Vec<Pair<'a, 'r>> =
        answers.iter().filter_map(|with| alone(with).map(|(alone, own)| Pair { alone, with, own })).collect();
    pairs.sort_by_key(|pair| pair.own.unwrap_or(usize::MAX));
    pairs
}

/// The share of a method's answers that others had taught something for.
pub(super) fn taught(answers: &Answers<'_>) -> f64 {
    let taught: u64 = answers.learned.iter().filter_map(|it| it.counts.get(TAUGHT)).sum();
    taught as f64 / answers.all().count().max(1) as f64
}

/// The share of a method's users of whose answers with others most are mostly kept from others.
pub(super) fn kept(answers: &Answers<'_>) -> f64 {
    let of = |counts: &BTreeMap<String, u64>, name: &str| counts.get(name).copied().unwrap_or_default();
    let kept = answers.learned.iter().filter(|it| 2 * of(&it.counts, KEPT) > of(&it.counts, TAUGHT)).count();
    kept as f64 / answers.learned.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(names: &[&'static str]) -> Vec<Answers<'static>> {
        names.iter().map(|method| Answers { method, by_user: Vec::new(), learned: Vec::new() }).collect()
    }

    #[test]
    fn a_method_with_others_is_beside_itself_alone_whoever_share_what_they_teach() {
        let answers = answers(&[
            "offline",
            "offline:others=10",
            "offline:others=10:shared=3",
            "offline:others=10:own=3",
            "offline:own=3",
            "offline:others=0",
            "rpm:others=set",
            "majority",
        ]);
        let found: Vec<_> =
            pairs(&answers).iter().map(|pair| (pair.alone.method, pair.with.method, pair.own)).collect();
        let expected = [
            ("offline:own=3", "offline:others=10:own=3", Some(3)),
            ("offline", "offline:others=10", None),
            ("offline", "offline:others=10:shared=3", None),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn all_own_interactions_are_one_step_however_they_are_named() {
        assert_eq!(without_own("offline:own=all"), Some(("offline".to_owned(), None)));
        assert_eq!(without_own("offline:k=2:own=0"), Some(("offline:k=2".to_owned(), Some(0))));
        assert_eq!(without_own("offline"), Some(("offline".to_owned(), None)));
    }
}
