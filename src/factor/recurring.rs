//! Which groups of like-named features are factors: those that recur, each idea once.
//!
//! ```text
//! features, oldest first → Clusters (like names) → Recurring::see → in which items each cluster is
//! clusters in 3 items or more → same items: one idea → the most telling 40, or 80 of a long history
//!                             → same items as a group that was made before: part of it
//! ```
//!
//! Responses have no say in it, so that a test of a factor's association with them is an honest one. The result is a
//! function of the items: taking one in and taking it out again changes nothing.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::data::{FeatureKey, Query, Task};
use crate::words::Language;

use super::few::Few;
use super::grouping::{Clusters, stems};

/// The fewest items in which a factor is: what is seen once or twice has no statistics.
pub(crate) const LEAST_SEEN: usize = 3;
/// The largest share of the items in which a factor is: what is nearly always there tells nothing apart.
const MOST_COMMON: f64 = 0.8;
/// From this share of common items on (Jaccard) two clusters are one idea.
const SAME_ITEMS: f64 = 0.7;
/// The same for a phrase and a part of it: "human rights" and "rights".
const SAME_ITEMS_NESTED: f64 = 0.5;
/// The share of an idea's items that a cluster has which may name it.
const NAMES: f64 = 0.7;
/// One name in so many has a capital where nouns are written with capitals.
const CAPITALS: usize = 4;
/// The most factors that recur in a history of up to [`LONG`] items, and in a longer one; those made before come first.
const MOST: (usize, usize) = (40, 80);
const LONG: usize = 100;

/// In which items each cluster of like-named features is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recurring {
    items: usize,
    /// By cluster: the positions of its items, ascending.
    seen_in: Vec<Few>,
    /// By cluster: in how many items more it is written with a capital than without, where no clause begins with it.
    capitals: Vec<i32>,
    /// The clusters in [`LEAST_SEEN`] items or more.
    often: BTreeSet<usize>,
}

/// Clusters in the same items: one idea.
struct Idea {
    /// The cluster that is in the most items.
    first: usize,
    members: Vec<usize>,
    /// The items of all members.
    seen_in: Vec<u32>,
}

/// The clusters that recur, as they are told.
#[derive(Default)]
struct Told {
    ideas: Vec<Idea>,
    /// Clusters that are in the items of one that was made before, with that one.
    joined: Vec<(usize, usize)>,
}

/// What names nothing of one text because everyone is asked it, and what is a factor whatever was seen.
#[derive(Clone, Copy)]
pub(crate) struct Kept<'a> {
    /// The stems of the task's own words: its question and its names for queries and responses.
    pub(crate) asked: &'a BTreeSet<String>,
    /// The responses there are to choose from.
    pub(crate) responses: &'a BTreeSet<FeatureKey>,
    /// The first clusters, which a factor model or a catalog made: each is a factor as it is.
    pub(crate) fitted: usize,
    /// Those that the user's edits speak of.
    pub(crate) edited: &'a BTreeSet<usize>,
    /// True where a model named them, which may say something by words that are weak by themselves.
    pub(crate) by_model: bool,
}

/// The longest option that a factor could be called like, in bytes.
const LONGEST_OPTION: usize = 64;

/// The options of a query that a factor could be called like.
pub(crate) fn offered(query: &Query) -> impl Iterator<Item = FeatureKey> {
    query.options().iter().filter(|option| option.len() <= LONGEST_OPTION).map(|option| FeatureKey::of(option))
}

/// What a task asks of everyone, which names nothing of one text.
pub(crate) struct Asked {
    stems: BTreeSet<String>,
    responses: BTreeSet<FeatureKey>,
}

impl<'a> Kept<'a> {
    /// Tells the clusters that name what everyone is asked, or a response.
    pub(crate) fn echoes(self, clusters: &'a Clusters) -> impl Fn(usize) -> bool + 'a {
        let asked: BTreeSet<u32> = self.asked.iter().filter_map(|stem| clusters.number_of(stem)).collect();
        move |cluster: usize| {
            let says = clusters.stems_of(cluster).iter().any(|stem| !asked.contains(stem));
            !says || clusters.members_of(cluster).any(|key| self.responses.contains(key))
        }
    }
}

impl Asked {
    /// The words of a task, and its responses with those that were offered.
    pub(crate) fn of(task: &Task, language: Language, offered: impl IntoIterator<Item = FeatureKey>) -> Self {
        let own = format!("{} {} {}", task.instruction(), task.query_name_str(), task.response_name_str());
        let fixed = task.space().fixed_responses().unwrap_or_default();
        let responses = fixed.iter().map(|response| FeatureKey::of(response)).chain(offered).collect();
        Self { stems: stems(&FeatureKey::of(&own), language), responses }
    }

    /// These words kept from being factors, beside what is a factor whatever was seen.
    pub(crate) fn kept<'a>(&'a self, fitted: usize, edited: &'a BTreeSet<usize>) -> Kept<'a> {
        Kept { asked: &self.stems, responses: &self.responses, fitted, edited, by_model: false }
    }
}

impl Recurring {
    /// Takes in the clusters of an item behind all others, each with whether it is written with a capital,
    /// where that can be told.
    pub(crate) fn see(&mut self, of_item: impl IntoIterator<Item = (usize, Option<bool>)>) {
        let position = u32::try_from(self.items).unwrap_or(u32::MAX);
        self.items += 1;
        for (cluster, capital) in of_item {
            if cluster >= self.seen_in.len() {
                self.seen_in.resize_with(cluster + 1, Few::default);
                self.capitals.resize(cluster + 1, 0);
            }
            let Some(seen) = self.seen_in.get_mut(cluster) else { continue };
            if seen.as_slice().last() != Some(&position) {
                seen.push(position);
                if let Some(capitals) = self.capitals.get_mut(cluster) {
                    *capitals += capital.map_or(0, |capital| if capital { 1 } else { -1 });
                }
                if seen.as_slice().len() == LEAST_SEEN {
                    self.often.insert(cluster);
                }
            }
        }
    }

    /// The number of items that were taken in.
    pub(crate) fn items(&self) -> usize {
        self.items
    }

    /// By cluster: the cluster that leads the factor it is part of, itself or another; `None` for one that is no factor.
    pub(crate) fn leaders(&self, clusters: &Clusters, kept: Kept<'_>) -> Vec<Option<usize>> {
        let mut leaders: Vec<Option<usize>> = (0..clusters.len())
            .map(|cluster| (cluster < kept.fitted || kept.edited.contains(&cluster)).then_some(cluster))
            .collect();
        let fitted = (0..kept.fitted).filter(|cluster| self.of(*cluster).len() >= LEAST_SEEN).count();
        let most = if self.items > LONG { MOST.1 } else { MOST.0 };
        let most = most.saturating_sub(fitted);
        let Told { mut ideas, joined } = self.ideas(clusters, kept, most);
        for (cluster, fitted) in joined {
            if let Some(slot) = leaders.get_mut(cluster) {
                *slot = Some(fitted);
            }
        }
        // Stable: of equals the first stays first.
        ideas.sort_by(|a, b| self.worth(b.first).total_cmp(&self.worth(a.first)));
        let mut free = most;
        for idea in &ideas {
            let edited = idea.members.iter().any(|cluster| kept.edited.contains(cluster));
            if !edited && free == 0 {
                continue;
            }
            free -= usize::from(!edited);
            let leader = self.leader(clusters, idea);
            for member in &idea.members {
                if let Some(slot) = leaders.get_mut(*member) {
                    *slot = Some(leader);
                }
            }
        }
        leaders
    }

    /// The clusters that recur and that no factor model made, put together where they are in the same items. What could be
    /// none of the `most` ideas that tell most apart, and no part of one, is left out: the work goes by these, not by all
    /// that recurs.
    fn ideas(&self, clusters: &Clusters, kept: Kept<'_>, most: usize) -> Told {
        let mut told = Told::default();
        let fitted = self.fitted_at(kept.fitted);
        // By idea: what it can tell apart, unless an edit keeps it anyway.
        let mut worths: Vec<f64> = Vec::new();
        // By item: the ideas that began with a cluster which is in it.
        let mut at: Vec<Vec<usize>> = vec![Vec::new(); self.items];
        let mut full = false;
        for cluster in self.candidates(clusters, kept) {
            let (seen, worth) = (self.of(cluster), self.worth(cluster));
            let edited = kept.edited.contains(&cluster);
            // The rarer, the less it is worth, except for what is very frequent: what is full once stays so.
            let rare = std::f64::consts::E * seen.len() as f64 <= self.items as f64 + 1.0;
            full = (full && rare) || worths.iter().filter(|other| **other >= worth).count() >= most;
            if full && !edited && self.is_apart(&told.ideas, seen.len()) {
                continue;
            }
            if let Some(fitted) = self.same_fitted(clusters, &fitted, kept.fitted, cluster) {
                told.joined.push((cluster, fitted));
                continue;
            }
            let same = self.same(clusters, &told.ideas, &at, cluster);
            if let Some(idea) = same.and_then(|idea| told.ideas.get_mut(idea)) {
                idea.take_in(cluster, seen);
                continue;
            }
            if full && !edited {
                continue;
            }
            for item in seen {
                if let Some(here) = at.get_mut(*item as usize) {
                    here.push(told.ideas.len());
                }
            }
            if !edited {
                worths.push(worth);
            }
            told.ideas.push(Idea { first: cluster, members: vec![cluster], seen_in: seen.to_vec() });
        }
        told
    }

    /// By item: the clusters among the first `fitted` that are in it.
    fn fitted_at(&self, fitted: usize) -> Vec<Vec<usize>> {
        let mut at = vec![Vec::new(); if fitted > 0 { self.items } else { 0 }];
        for (cluster, seen) in self.seen_in.iter().enumerate().take(fitted) {
            for item in seen.as_slice() {
                if let Some(here) = at.get_mut(*item as usize) {
                    here.push(cluster);
                }
            }
        }
        at
    }

    /// The cluster among the first `fitted` that a cluster is the same as, by the items they share; the likest, the first
    /// of equals.
    fn same_fitted(&self, clusters: &Clusters, at: &[Vec<usize>], fitted: usize, cluster: usize) -> Option<usize> {
        let mut shared = vec![0_u32; if at.is_empty() { 0 } else { fitted }];
        for other in self.of(cluster).iter().filter_map(|item| at.get(*item as usize)).flatten() {
            if let Some(count) = shared.get_mut(*other) {
                *count += 1;
            }
        }
        self.likest(clusters, cluster, shared.into_iter().enumerate())
    }

    /// True when a cluster in this many items shares too few with every idea to be the same: each began with one that is in
    /// more items than that allows.
    fn is_apart(&self, ideas: &[Idea], seen: usize) -> bool {
        // Ideas come with the most frequent first.
        ideas.last().is_some_and(|idea| (seen as f64) < SAME_ITEMS_NESTED * self.of(idea.first).len() as f64)
    }

    /// True when the texts are in a language that writes nouns with capitals, and do: a name has a noun then.
    fn has_capital_nouns(&self, clusters: &Clusters) -> bool {
        let named = || self.often.iter().filter(|cluster| clusters.has_name(**cluster));
        let nouns = named().filter(|cluster| self.is_noun(**cluster)).count();
        clusters.language() == Language::German && CAPITALS * nouns >= named().count()
    }

    /// True for what is written with a capital as often as not, or begins clauses only.
    fn is_noun(&self, cluster: usize) -> bool {
        self.capitals.get(cluster).is_none_or(|capitals| *capitals >= 0)
    }

    fn of(&self, cluster: usize) -> &[u32] {
        self.seen_in.get(cluster).map(Few::as_slice).unwrap_or_default()
    }

    /// The clusters that may be factors: the most frequent first, then those of the most words, then the oldest.
    fn candidates(&self, clusters: &Clusters, kept: Kept<'_>) -> Vec<usize> {
        let most = MOST_COMMON * self.items as f64;
        let echo = kept.echoes(clusters);
        let nouns_only = self.has_capital_nouns(clusters);
        let usable = |cluster: &usize| {
            let named = (kept.by_model || clusters.has_name(*cluster)) && (!nouns_only || self.is_noun(*cluster));
            (named && self.of(*cluster).len() as f64 <= most && !echo(*cluster)).then_some(*cluster)
        };
        let rank = |cluster: usize| (self.of(cluster).len(), clusters.stems_of(cluster).len(), Reverse(cluster));
        let ranked = self.often.range(kept.fitted..).filter_map(usable).map(rank);
        let mut candidates: Vec<(usize, usize, Reverse<usize>)> = ranked.collect();
        candidates.sort_unstable_by(|a, b| b.cmp(a));
        candidates.into_iter().map(|(_, _, Reverse(cluster))| cluster).collect()
    }

    /// The idea that a cluster is the same as, by the items they share; the likest, the first of equals.
    fn same(&self, clusters: &Clusters, ideas: &[Idea], at: &[Vec<usize>], cluster: usize) -> Option<usize> {
        let seen = self.of(cluster);
        // Ideas come with the most frequent first.
        let from =
            ideas.partition_point(|idea| (seen.len() as f64) < SAME_ITEMS_NESTED * self.of(idea.first).len() as f64);
        let mut shared = vec![0_u32; ideas.len() - from];
        for here in seen.iter().filter_map(|item| at.get(*item as usize)) {
            for idea in here.iter().rev().map_while(|idea| idea.checked_sub(from)) {
                if let Some(count) = shared.get_mut(idea) {
                    *count += 1;
                }
            }
        }
        let firsts = ideas.iter().skip(from).map(|idea| idea.first).zip(shared);
        let first = self.likest(clusters, cluster, firsts)?;
        ideas.iter().position(|idea| idea.first == first)
    }

    /// Of clusters with the number of items that they share with this one, the one that is the same: the likest, the first
    /// of equals.
    fn likest(&self, clusters: &Clusters, cluster: usize, others: impl Iterator<Item = (usize, u32)>) -> Option<usize> {
        let mut best: Option<(f64, usize)> = None;
        for (other, shared) in others.filter(|(_, shared)| *shared > 0) {
            let all = (self.of(cluster).len() + self.of(other).len()) as f64 - f64::from(shared);
            let jaccard = f64::from(shared) / all.max(1.0);
            let least = if clusters.nested(other, cluster) { SAME_ITEMS_NESTED } else { SAME_ITEMS };
            if jaccard >= least && best.is_none_or(|(most, _)| jaccard > most) {
                best = Some((jaccard, other));
            }
        }
        best.map(|(_, other)| other)
    }

    /// How much the idea that begins with a cluster can tell apart: its items, times the logarithm of how rare it is.
    fn worth(&self, cluster: usize) -> f64 {
        let seen = self.of(cluster).len() as f64;
        seen * ((self.items as f64 + 1.0) / seen).ln()
    }

    /// The cluster that names an idea: of those in most of its items the one of the most words, then the most frequent.
    fn leader(&self, clusters: &Clusters, idea: &Idea) -> usize {
        let least = NAMES * idea.seen_in.len() as f64;
        let names = idea.members.iter().copied().filter(|cluster| self.of(*cluster).len() as f64 >= least);
        let rank = |cluster: &usize| (clusters.stems_of(*cluster).len(), self.of(*cluster).len(), Reverse(*cluster));
        names.max_by_key(rank).unwrap_or(idea.first)
    }
}

impl Idea {
    fn take_in(&mut self, cluster: usize, seen: &[u32]) {
        self.members.push(cluster);
        self.seen_in.extend_from_slice(seen);
        self.seen_in.sort_unstable();
        self.seen_in.dedup();
    }
}
