//! From the names a model gave to groups to a partition of the groups, whatever it left out or made up.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::data::FeatureKey;
use crate::data::text::{fold, one_line};
use crate::prompt::{OwnWords, Reply, ReplyError, place, read_reply};

use super::FactorGroup;

pub(super) const LABEL_CHARS: usize = 60;
/// Groups whose names say what belongs to a factor.
const NAMES_SHOWN: usize = 6;

/// The factor's name of each group, by the group's id.
pub(super) type Names = Map<String, Value>;

#[derive(Deserialize)]
struct Wrapped {
    factors: Names,
}

/// The names in a reply; also bare, as models give them that no schema holds. Of one that was cut, the whole names.
pub(super) fn read_names(reply: &str) -> Result<Reply<Names>, ReplyError> {
    match read_reply::<Wrapped>(reply) {
        Ok(Reply { value, repairs }) => Ok(Reply { value: value.factors, repairs }),
        Err(error @ ReplyError::WrongShape { .. }) => match read_reply::<Names>(reply) {
            Ok(bare) if bare.value.keys().any(|id| place('g', id).is_some()) => Ok(bare),
            _ => Err(error),
        },
        Err(error) => Err(error),
    }
}

/// Returns the most groups a factor may take of those it is shown: four, or a third of them if that is more. Small
/// models like to put everything into one factor, which says nothing of anyone.
pub(super) fn most_groups(shown: usize) -> usize {
    (shown / 3).max(4)
}

/// A factor, over groups by position.
pub(super) struct Named {
    label: String,
    groups: Vec<usize>,
}

/// The result of one reply.
pub(super) struct Placed {
    pub(super) factors: Vec<Named>,
    /// Ids that were not listed, names that are none, and groups of a factor that took too many.
    pub(super) refused: usize,
    /// Groups that no factor took.
    pub(super) missing: Vec<usize>,
    /// True when a factor took too many.
    pub(super) overfull: bool,
}

/// The factors that the names of one reply make, and what of it cannot be used. A group is cited by its id or, as models
/// do that no schema holds, by its own name.
pub(super) fn read_factors(names: &Names, asked: &[usize], groups: &[FactorGroup], own: &OwnWords) -> Placed {
    let by_name: BTreeMap<String, usize> =
        asked.iter().rev().filter_map(|i| Some((fold(&groups.get(*i)?.label), *i))).collect();
    let meant = |id: &str| match place('g', id).and_then(|place| asked.get(place)) {
        Some(group) => Some(*group),
        None => by_name.get(&fold(id)).copied(),
    };
    let (mut label_of, mut refused) = (BTreeMap::new(), 0);
    for (id, name) in names {
        match (meant(id), name.as_str().and_then(usable_label)) {
            (Some(group), Some(label)) if !echoes(&label, groups.get(group), own) => {
                refused += usize::from(label_of.insert(group, label).is_some());
            }
            _ => refused += 1,
        }
    }
    refused += restore_strays(&mut label_of, asked, groups);
    let mut factors: Vec<Named> = Vec::new();
    let mut by_label: BTreeMap<String, usize> = BTreeMap::new();
    for (group, label) in label_of {
        let key = fold(&label);
        match by_label.get(&key).and_then(|place| factors.get_mut(*place)) {
            Some(factor) => factor.groups.push(group),
            None => {
                by_label.insert(key, factors.len());
                factors.push(Named { label, groups: vec![group] });
            }
        }
    }
    let most = most_groups(asked.len());
    let before = factors.len();
    factors.retain(|factor| {
        let fits = factor.groups.len() <= most;
        refused += if fits { 0 } else { factor.groups.len() };
        fits
    });
    let overfull = factors.len() < before;
    let taken: Vec<usize> = factors.iter().flat_map(|factor| factor.groups.iter().copied()).collect();
    let missing = asked.iter().copied().filter(|group| !taken.contains(group)).collect();
    Placed { factors, refused, missing, overfull }
}

/// True for a name that says what is asked for in place of what the group is of.
fn echoes(label: &str, group: Option<&FactorGroup>, own: &OwnWords) -> bool {
    let Some(group) = group else { return false };
    let names = group.features.iter().map(FeatureKey::as_str);
    own.are_all_of(label, &std::iter::once(group.label.as_str()).chain(names).collect::<Vec<_>>().join(" "))
}

/// Gives groups their own name back where they were given the name of another group that does not bear it: small models slip
/// by a line and name each group after the next one. Returns how many there were.
fn restore_strays(label_of: &mut BTreeMap<usize, String>, asked: &[usize], groups: &[FactorGroup]) -> usize {
    let mut owners: BTreeMap<String, usize> = BTreeMap::new();
    for (group, of) in asked.iter().filter_map(|i| Some((*i, groups.get(*i)?))) {
        owners.entry(fold(&of.label)).or_insert(group);
    }
    let strays: Vec<usize> = label_of
        .iter()
        .filter(|(group, label)| {
            let key = fold(label);
            let owner = owners.get(&key).filter(|owner| owner != group);
            owner.is_some_and(|owner| label_of.get(owner).is_none_or(|own| fold(own) != key))
        })
        .map(|(group, _)| *group)
        .collect();
    for group in &strays {
        if let Some(of) = groups.get(*group) {
            label_of.insert(*group, of.label.clone());
        }
    }
    strays.len()
}

/// The partition that the model's factors make of the groups, oldest first, and how many groups none of them took. Factors
/// of one name are one factor.
pub(super) fn assemble(groups: &[FactorGroup], mut named: Vec<Named>) -> (Vec<FactorGroup>, usize) {
    let taken: Vec<bool> =
        named.iter().flat_map(|factor| &factor.groups).fold(vec![false; groups.len()], |mut t, i| {
            if let Some(taken) = t.get_mut(*i) {
                *taken = true;
            }
            t
        });
    let left: Vec<usize> = taken.iter().enumerate().filter(|(_, taken)| !**taken).map(|(i, _)| i).collect();
    let alone = |i: &usize| Some(Named { label: groups.get(*i)?.label.clone(), groups: vec![*i] });
    named.extend(left.iter().filter_map(alone));
    named.sort_by(|a, b| a.groups.iter().min().cmp(&b.groups.iter().min()));
    let mut merged: Vec<Named> = Vec::new();
    let mut by_label: BTreeMap<String, usize> = BTreeMap::new();
    for mut factor in named {
        let key = fold(&factor.label);
        if let Some(same) = by_label.get(&key).and_then(|place| merged.get_mut(*place)) {
            same.groups.append(&mut factor.groups);
        } else {
            by_label.insert(key, merged.len());
            merged.push(factor);
        }
    }
    let factors = merged.into_iter().map(|mut factor| {
        factor.groups.sort_unstable();
        let own: Vec<&FactorGroup> = factor.groups.iter().filter_map(|i| groups.get(*i)).collect();
        FactorGroup {
            description: described(&own),
            label: factor.label,
            features: own.iter().flat_map(|group| group.features.iter().cloned()).collect(),
        }
    });
    (factors.collect(), left.len())
}

/// Returns a description of what belongs to a factor, in the names of its groups.
fn described(groups: &[&FactorGroup]) -> String {
    match groups {
        [alone] => alone.description.clone(),
        several => {
            let names: Vec<String> =
                several.iter().take(NAMES_SHOWN).map(|group| format!("\"{}\"", group.label)).collect();
            format!("features named {} and alike", names.join(", "))
        }
    }
}

/// The name, unless it is blank or repeats the request's own words: groups of such a name would be one factor.
fn usable_label(label: &str) -> Option<String> {
    const ECHOES: [&str; 12] = [
        "label",
        "factor",
        "factor name",
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
    // The request shows a group's further names in brackets, which some models take for part of the name.
    let label = one_line(label.split(" (also").next().unwrap_or_default(), LABEL_CHARS);
    let key = fold(label.trim_matches(['<', '>', '"', '.', '…']));
    let usable = key.chars().any(char::is_alphabetic) && !ECHOES.contains(&key.as_str()) && place('g', &key).is_none();
    usable.then_some(label)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::llm::Message;

    fn group(name: &str) -> FactorGroup {
        FactorGroup { label: name.to_owned(), description: String::new(), features: vec![FeatureKey::of(name)] }
    }

    fn own() -> OwnWords {
        OwnWords::of(&[Message::system("Sort the groups, each seen in so many rows, by direction.")])
    }

    fn names(value: Value) -> Names {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn unknown_groups_and_names_that_are_none_are_refused_and_the_rest_stays_whole() {
        let groups = ["a a", "b b", "c c", "d d", "e e"].map(group);
        let reply =
            names(json!({ "[G2]": "late", "g3": "Late ", "g4": "<name>", "g9": "late", "x1": 3, "E e": "end" }));
        let placed = read_factors(&reply, &[0, 1, 2, 3, 4], &groups, &own());
        assert_eq!((placed.refused, placed.missing, placed.overfull), (3, vec![0, 3], false));
        let (factors, unplaced) = assemble(&groups, placed.factors);
        let labels: Vec<&str> = factors.iter().map(|factor| factor.label.as_str()).collect();
        assert_eq!((labels, unplaced), (vec!["a a", "late", "d d", "end"], 2));
        assert_eq!(factors[1].description, "features named \"b b\", \"c c\" and alike");
    }

    #[test]
    fn a_group_named_after_another_one_that_is_called_otherwise_keeps_its_own_name() {
        let groups = ["slow pace", "loud music", "warm cast", "thin plot"].map(group);
        // Each is named after the next one; the last two are the same indeed.
        let slipped = names(json!({ "g1": "loud music", "g2": "warm cast", "g3": "thin plot", "g4": "thin plot" }));
        let placed = read_factors(&slipped, &[0, 1, 2, 3], &groups, &own());
        let labels: Vec<(&str, &[usize])> =
            placed.factors.iter().map(|it| (it.label.as_str(), it.groups.as_slice())).collect();
        assert_eq!(labels, [("slow pace", &[0][..]), ("loud music", &[1]), ("thin plot", &[2, 3])]);
        assert_eq!((placed.refused, placed.missing.len()), (2, 0));
    }

    #[test]
    fn the_further_names_of_a_group_are_no_part_of_its_factors_name() {
        assert_eq!(usable_label("human rights (also: rights)").as_deref(), Some("human rights"));
        assert_eq!(usable_label(" (also: rights)"), None);
    }

    #[test]
    fn a_name_of_the_requests_own_words_is_refused_unless_the_group_has_them() {
        let groups = ["slow pace", "good direction"].map(group);
        let echo = names(json!({ "g1": "seen in 2 of 40", "g2": "direction" }));
        let placed = read_factors(&echo, &[0, 1], &groups, &own());
        let labels: Vec<&str> = placed.factors.iter().map(|it| it.label.as_str()).collect();
        assert_eq!((labels, placed.refused, placed.missing), (vec!["direction"], 1, vec![0]));
    }

    #[test]
    fn a_name_for_nearly_all_groups_is_refused() {
        let groups = ["a", "b", "c", "d", "e"].map(group);
        let all = names(json!({ "g1": "style", "g2": "style", "g3": "Style", "g4": "style", "g5": "style" }));
        let placed = read_factors(&all, &[0, 1, 2, 3, 4], &groups, &own());
        assert!(placed.overfull && placed.factors.is_empty());
        assert_eq!((placed.refused, placed.missing.len()), (5, 5));
    }

    #[test]
    fn factors_of_one_name_are_one_factor_in_the_order_of_age() {
        let groups = ["a a", "b b", "c c"].map(group);
        let named = |label: &str, of: &[usize]| Named { label: label.to_owned(), groups: of.to_vec() };
        let (factors, unplaced) =
            assemble(&groups, vec![named("Pace ", &[2]), named("x y", &[1]), named("pace", &[0])]);
        assert_eq!(unplaced, 0);
        assert_eq!(factors[0].features, [FeatureKey::of("a a"), FeatureKey::of("c c")]);
        assert_eq!(factors[1].label, "x y");
    }

    #[test]
    fn names_are_read_wrapped_bare_and_cut() {
        let read = |reply: &str| read_names(reply).map(|reply| reply.value.len());
        assert_eq!(read(r#"{"factors":{"g1":"a","g2":"b"}}"#), Ok(2));
        assert_eq!(read(r#"{"g1":"a","g2":"b"}"#), Ok(2));
        assert_eq!(read(r#"{"factors":{"g1":"a","g2":"b o"#), Ok(1), "half a name is none");
        assert!(read(r#"{"name":"a"}"#).is_err());
        assert!(read(r#"{"factors":["g1"]}"#).is_err());
    }
}
