//! From a model's factors to a partition of the groups, whatever the model left out or made up.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use crate::data::text::fold;

use crate::prompt::place;

use super::{FactorGroup, one_line};

pub(super) const LABEL_CHARS: usize = 60;
pub(super) const DESCRIPTION_CHARS: usize = 200;

/// A factor of the model's making, over groups by position.
#[derive(Debug)]
pub(super) struct Named {
    label: Option<String>,
    description: String,
    groups: Vec<usize>,
}

#[derive(Deserialize)]
pub(super) struct FoundFactor {
    #[serde(default)]
    label: String,
    #[serde(default)]
    description: String,
    groups: Vec<Value>,
}

/// How many of the groups it is shown a factor may take: four, or a third of them if that is more. Small models like to put
/// everything into one factor, which says nothing of anyone.
pub(super) fn most_groups(shown: usize) -> usize {
    (shown / 3).max(4)
}

/// What became of one reply.
pub(super) struct Placed {
    pub(super) factors: Vec<Named>,
    /// Ids that were not listed, or stood twice, or in a factor that took too many.
    pub(super) refused: usize,
    /// Groups that no factor took.
    pub(super) missing: Vec<usize>,
    /// True when a factor took too many.
    pub(super) overfull: bool,
}

/// The factors of one reply, and what of it cannot be used. A group is cited by its id or, as
/// models do that no schema holds, by its name.
pub(super) fn read_factors(found: Vec<FoundFactor>, asked: &[usize], groups: &[FactorGroup]) -> Placed {
    let by_name: BTreeMap<String, usize> =
        asked.iter().rev().filter_map(|i| Some((fold(&groups.get(*i)?.label), *i))).collect();
    let meant = |id: &str| match place('g', id).and_then(|place| asked.get(place)) {
        Some(group) => Some(*group),
        None => by_name.get(&fold(id)).copied(),
    };
    let (mut factors, mut refused, mut overfull, mut taken) = (Vec::new(), 0, false, BTreeSet::new());
    for factor in found {
        let mut groups = Vec::new();
        for id in &factor.groups {
            match id.as_str().and_then(meant) {
                Some(group) if taken.insert(group) => groups.push(group),
                _ => refused += 1,
            }
        }
        if groups.len() > most_groups(asked.len()) {
            overfull = true;
            refused += groups.len();
            for group in &groups {
                taken.remove(group);
            }
        } else if !groups.is_empty() {
            let description = one_line(&factor.description, DESCRIPTION_CHARS);
            factors.push(Named { label: usable_label(&factor.label), description, groups });
        }
    }
    let missing = asked.iter().copied().filter(|group| !taken.contains(group)).collect();
    Placed { factors, refused, missing, overfull }
}

/// The partition that the model's factors make of the groups, oldest first, and how many groups none of them took.
pub(super) fn assemble(groups: &[FactorGroup], mut named: Vec<Named>) -> (Vec<FactorGroup>, usize) {
    let taken: BTreeSet<usize> = named.iter().flat_map(|factor| factor.groups.iter().copied()).collect();
    let left: Vec<usize> = (0..groups.len()).filter(|i| !taken.contains(i)).collect();
    named.extend(left.iter().map(|i| Named { label: None, description: String::new(), groups: vec![*i] }));
    for factor in &mut named {
        factor.groups.sort_unstable();
    }
    named.sort_by(|a, b| a.groups.cmp(&b.groups));
    let mut merged: Vec<Named> = Vec::new();
    let mut by_label: BTreeMap<String, usize> = BTreeMap::new();
    for mut factor in named {
        let oldest = factor.groups.first().and_then(|i| groups.get(*i));
        let label = factor.label.take().or_else(|| oldest.map(|group| group.label.clone())).unwrap_or_default();
        if factor.description.is_empty() {
            factor.description = oldest.map(|group| group.description.clone()).unwrap_or_default();
        }
        let key = fold(&label);
        if let Some(same) = by_label.get(&key).and_then(|place| merged.get_mut(*place)) {
            same.groups.append(&mut factor.groups);
        } else {
            by_label.insert(key, merged.len());
            merged.push(Named { label: Some(label), ..factor });
        }
    }
    let factors = merged.into_iter().map(|mut factor| {
        factor.groups.sort_unstable();
        let features = factor.groups.iter().filter_map(|i| groups.get(*i)).flat_map(|g| g.features.iter().cloned());
        let features = features.collect();
        FactorGroup { label: factor.label.unwrap_or_default(), description: factor.description, features }
    });
    (factors.collect(), left.len())
}

/// The label, unless it is blank or repeats the request's own words: two factors of such a name would be merged.
fn usable_label(label: &str) -> Option<String> {
    const ECHOES: [&str; 11] = [
        "label",
        "factor",
        "group",
        "feature",
        "name",
        "string",
        "description",
        "other",
        "positive",
        "negative",
        "neutral",
    ];
    let label = one_line(label, LABEL_CHARS);
    let key = fold(label.trim_matches(['<', '>', '"', '.', '…']));
    let usable = key.chars().any(char::is_alphabetic) && !ECHOES.contains(&key.as_str()) && place('g', &key).is_none();
    usable.then_some(label)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::data::FeatureKey;

    fn group(name: &str) -> FactorGroup {
        FactorGroup { label: name.to_owned(), description: String::new(), features: vec![FeatureKey::of(name)] }
    }

    fn found(label: &str, groups: &[&str]) -> FoundFactor {
        let groups = groups.iter().map(|id| json!(id)).collect();
        FoundFactor { label: label.to_owned(), description: String::new(), groups }
    }

    #[test]
    fn unknown_and_repeated_groups_are_refused_and_the_rest_stays_whole() {
        let groups = [group("a a"), group("b b"), group("c c"), group("d d")];
        let reply = vec![found("late", &["g3", "g9", "x1"]), found("<label>", &["[G2]", "g3"])];
        let Placed { factors: named, refused, missing, .. } = read_factors(reply, &[0, 1, 2, 3], &groups);
        assert_eq!((refused, missing), (3, vec![0, 3]));
        let (factors, unplaced) = assemble(&groups, named);
        let labels: Vec<&str> = factors.iter().map(|factor| factor.label.as_str()).collect();
        assert_eq!((labels, unplaced), (vec!["a a", "b b", "late", "d d"], 2));
    }

    #[test]
    fn factors_of_one_name_are_one_factor_in_the_order_of_age() {
        let groups = [group("a a"), group("b b"), group("c c")];
        let named = |label: &str, of: &[usize]| Named {
            label: usable_label(label),
            description: String::new(),
            groups: of.to_vec(),
        };
        let (factors, unplaced) =
            assemble(&groups, vec![named("Pace ", &[2]), named("x y", &[1]), named("pace", &[0])]);
        assert_eq!(unplaced, 0);
        assert_eq!(factors[0].features, [FeatureKey::of("a a"), FeatureKey::of("c c")]);
        assert_eq!(factors[1].label, "x y");
    }
}
