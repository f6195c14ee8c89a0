//! Groups feature names that say the same with other words or forms.
//!
//! ```text
//! features, oldest first → Clusters::see → the cluster of each: the same name, the likest leader, or a new one
//! ```
//!
//! The shape of a cluster depends on the features before it only, so one more at the end changes no cluster but its
//! own, and the same features in the same order give the same clusters.

use std::collections::{BTreeSet, HashMap};

use crate::data::FeatureKey;
use crate::pause::let_go;
use crate::words::{Language, each_word, tokens};

use super::few::Few;

/// The most leaders that are looked up for a word: one in more distinguishes too little. It keeps grouping linear in the
/// features.
const TOO_COMMON: usize = 64;

/// A feature name as the set of its stems in a language.
pub(crate) fn stems(key: &FeatureKey, language: Language) -> BTreeSet<String> {
    let words = tokens(key.as_str());
    let says = words.iter().filter(|token| !language.is_stop_word(&token.word));
    let content: BTreeSet<String> = says.map(|token| language.stem(&token.word)).collect();
    if content.is_empty() { words.into_iter().map(|token| token.word).collect() } else { content }
}

/// Features in clusters of like names, each led by its oldest one. Features, clusters and leaders are numbers, each from 0 on:
/// most names of a history are in one text, and what is kept of each is kept a hundred thousand times.
#[derive(Clone)]
pub(crate) struct Clusters {
    likeness: f64,
    language: Language,
    leaders: Leaders,
    /// By leader: its cluster.
    led: Vec<u32>,
    of: HashMap<FeatureKey, u32>,
    /// By feature.
    seen: Vec<Seen>,
    /// By cluster.
    made: Vec<Cluster>,
    /// By word of a name: the number of its stem; `None` for one that carries no meaning by itself.
    words: HashMap<Box<str>, Option<u32>>,
}

/// A feature name as the numbers of its stems, ascending.
#[derive(Debug, Clone)]
struct Stems {
    numbers: Vec<u32>,
    negated: bool,
}

/// A feature, its cluster, and the number of times it was seen.
#[derive(Clone)]
struct Seen {
    key: FeatureKey,
    cluster: u32,
    times: u32,
}

#[derive(Clone)]
struct Cluster {
    /// Its features, oldest first.
    members: Few,
    /// Its first leader.
    founder: u32,
    /// Whether one of its features may name it.
    named: bool,
}

/// A position as it is kept. There is memory for fewer than that many.
fn short(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

impl Clusters {
    pub(crate) fn new(likeness: f64, language: Language) -> Self {
        let (leaders, led, of) = (Leaders::default(), Vec::new(), HashMap::new());
        Self { likeness, language, leaders, led, of, seen: Vec::new(), made: Vec::new(), words: HashMap::new() }
    }

    /// Makes a cluster of features that belong together whatever their names. Each of them leads, and so does `label`.
    pub(crate) fn seed<'k>(&mut self, label: &str, keys: impl IntoIterator<Item = &'k FeatureKey>) -> usize {
        let stems = self.stems(&FeatureKey::of(label));
        let cluster = self.found(&stems);
        for key in keys {
            let stems = self.stems(key);
            self.lead(cluster, &stems);
            self.take_in(key, cluster, 0);
        }
        cluster
    }

    /// Counts a feature, and gives its cluster.
    pub(crate) fn see(&mut self, key: &FeatureKey) -> usize {
        if let Some(seen) = self.of.get(key).and_then(|feature| self.seen.get_mut(*feature as usize)) {
            seen.times += 1;
            return seen.cluster as usize;
        }
        let stems = self.stems(key);
        let near = self.leaders.nearest_to(&stems.numbers, stems.numbers.len(), stems.negated, self.likeness, Some);
        let near = near.and_then(|leader| self.led.get(leader)).map(|cluster| *cluster as usize);
        let cluster = near.unwrap_or_else(|| self.found(&stems));
        self.take_in(key, cluster, 1);
        cluster
    }

    /// The stems of a name, numbered. A word is stemmed once.
    fn stems(&mut self, key: &FeatureKey) -> Stems {
        let (words, leaders, mut scratch) = (&mut self.words, &mut self.leaders, String::new());
        let language = self.language;
        let mut numbers = Vec::with_capacity(3);
        each_word(key.as_str(), &mut scratch, |word| {
            let number = words.get(word).copied().unwrap_or_else(|| {
                let number = (!language.is_stop_word(word)).then(|| leaders.number(language.stem(word)));
                words.insert(word.into(), number);
                number
            });
            numbers.extend(number);
        });
        if numbers.is_empty() {
            each_word(key.as_str(), &mut scratch, |word| numbers.push(leaders.number(word.to_owned())));
        }
        numbers.sort_unstable();
        numbers.dedup();
        let negated = leaders.numbers.get("not").is_some_and(|not| numbers.contains(not));
        Stems { numbers, negated }
    }

    /// A new cluster, led by a name of these stems.
    fn found(&mut self, stems: &Stems) -> usize {
        let cluster = self.made.len();
        self.made.push(Cluster { members: Few::None, founder: short(self.led.len()), named: false });
        self.lead(cluster, stems);
        cluster
    }

    fn lead(&mut self, cluster: usize, stems: &Stems) {
        self.leaders.lead(&stems.numbers, stems.negated);
        self.led.push(short(cluster));
    }

    /// Puts a feature that is not there yet, or is in another cluster too, into a cluster.
    fn take_in(&mut self, key: &FeatureKey, cluster: usize, times: u32) {
        let feature = short(self.seen.len());
        self.of.insert(key.clone(), feature);
        self.seen.push(Seen { key: key.clone(), cluster: short(cluster), times });
        if let Some(of) = self.made.get_mut(cluster) {
            of.members.push(feature);
            of.named = of.named || is_name(key, self.language);
        }
    }

    /// Lets go of all names, of which a long history has a hundred thousand, with pauses.
    pub(crate) async fn let_go_in_steps(self) {
        let Self { of, seen, words, leaders, .. } = self;
        let_go(of).await;
        let_go(seen).await;
        let_go(words).await;
        let_go(leaders.numbers).await;
    }

    /// The language by whose stems names are compared.
    pub(crate) fn language(&self) -> Language {
        self.language
    }

    /// The number of clusters.
    pub(crate) fn len(&self) -> usize {
        self.made.len()
    }

    /// The cluster of a feature that was seen.
    pub(crate) fn cluster_of(&self, key: &FeatureKey) -> Option<usize> {
        self.seen_of(key).map(|seen| seen.cluster as usize)
    }

    fn seen_of(&self, key: &FeatureKey) -> Option<&Seen> {
        self.of.get(key).and_then(|feature| self.seen.get(*feature as usize))
    }

    /// Returns the number of times a feature was seen.
    pub(crate) fn times(&self, key: &FeatureKey) -> u32 {
        self.seen_of(key).map_or(0, |seen| seen.times)
    }

    /// The number of a stem, if any name has it.
    pub(crate) fn number_of(&self, stem: &str) -> Option<u32> {
        self.leaders.numbers.get(stem).copied()
    }

    /// True for a cluster of which a feature says something by itself.
    pub(crate) fn has_name(&self, cluster: usize) -> bool {
        self.made.get(cluster).is_some_and(|cluster| cluster.named)
    }

    /// The features of a cluster, oldest first.
    pub(crate) fn members_of(&self, cluster: usize) -> impl Iterator<Item = &FeatureKey> {
        let members = self.made.get(cluster).map(|cluster| cluster.members.as_slice()).unwrap_or_default();
        members.iter().filter_map(|feature| self.seen.get(*feature as usize)).map(|seen| &seen.key)
    }

    /// The numbers of the stems of the name that founded a cluster, ascending.
    pub(crate) fn stems_of(&self, cluster: usize) -> &[u32] {
        self.founder_of(cluster).map_or(&[], |(stems, _)| stems)
    }

    fn founder_of(&self, cluster: usize) -> Option<(&[u32], bool)> {
        self.leaders.get(self.made.get(cluster)?.founder as usize)
    }

    /// True when the name that founded one of two clusters is a part of the other's. A negated one is no part of one that
    /// is not.
    pub(crate) fn nested(&self, a: usize, b: usize) -> bool {
        let founder = |cluster: usize| self.founder_of(cluster).unwrap_or_default();
        let ((a, a_negated), (b, b_negated)) = (founder(a), founder(b));
        if a_negated != b_negated {
            return false;
        }
        let (part, whole) = if a.len() < b.len() { (a, b) } else { (b, a) };
        part.iter().all(|stem| whole.binary_search(stem).is_ok())
    }

    /// The name of a group of features, a sentence about it, and how alike they are: the share of their sightings whose
    /// name is like that one. It is the most frequent of those that say something.
    pub(crate) fn named<'k>(&self, features: impl IntoIterator<Item = &'k FeatureKey>) -> (String, String, f64) {
        let mut typical: Vec<(u32, &FeatureKey)> = features.into_iter().map(|key| (self.times(key), key)).collect();
        typical.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        let name = typical.iter().position(|(_, key)| is_name(key, self.language));
        if let Some(before) = name.and_then(|name| typical.get_mut(..=name)) {
            before.rotate_right(1);
        }
        let Some(((_, first), others)) = typical.split_first() else { return Default::default() };
        let label = first.as_str().to_owned();
        if others.is_empty() {
            let description = format!("features named \"{label}\"");
            return (label, description, 1.0);
        }
        let names = others.iter().filter(|(_, key)| is_name(key, self.language));
        let shown: Vec<&str> = names.take(4).map(|(_, key)| key.as_str()).collect();
        let alike = if shown.is_empty() { String::new() } else { format!(" and alike: {}", shown.join(", ")) };
        let description = format!("features named \"{label}\"{alike}");
        let mut leader = Leaders::default();
        leader.push(stems(first, self.language));
        let alike = |key: &FeatureKey| leader.nearest(&stems(key, self.language), self.likeness).is_some();
        let (mut all, mut near) = (0_u32, 0_u32);
        for (times, key) in typical {
            all += times;
            near += if alike(key) { times } else { 0 };
        }
        let cohesion = if all > 0 { f64::from(near) / f64::from(all) } else { 1.0 };
        (label, description, cohesion)
    }
}

/// True for a name that says something: it has a word of three letters or more that is neither light nor weak, and neither
/// begins nor ends with a light one.
fn is_name(key: &FeatureKey, language: Language) -> bool {
    let words = tokens(key.as_str());
    let light = |word: &str| language.is_light(word) || language.is_weak(word);
    let says = |word: &str| !light(word) && word.chars().filter(|c| c.is_alphabetic()).count() >= 3;
    let mut ends = [words.first(), words.last()].into_iter().flatten();
    ends.all(|token| token.word == "not" || !language.is_light(&token.word))
        && words.iter().any(|token| token.word != "not" && says(&token.word))
}

/// Share of common stems of two names (Jaccard), from 0 to 1; 0 when only one of them is negated.
pub(crate) fn likeness(a: &BTreeSet<String>, b: &BTreeSet<String>) -> f64 {
    let common = a.intersection(b).count();
    if is_negated(a) == is_negated(b) { common as f64 / (a.len() + b.len() - common).max(1) as f64 } else { 0.0 }
}

/// Leaders found so far, with an index from stem to leader. Stems are numbered: comparing names compares numbers.
#[derive(Clone, Default)]
pub(super) struct Leaders {
    numbers: HashMap<String, u32>,
    /// The numbers of the stems of all leaders, one after the other; of each ascending.
    stems: Vec<u32>,
    /// By leader.
    ends: Vec<End>,
    /// By stem: the leaders that have it, ascending, up to one more than are looked up.
    by_stem: Vec<Few>,
}

/// Where the stems of a leader end, and whether it is negated.
#[derive(Clone)]
struct End {
    at: u32,
    negated: bool,
}

impl Leaders {
    pub(super) fn push(&mut self, stems: BTreeSet<String>) {
        let negated = is_negated(&stems);
        let mut numbers: Vec<u32> = stems.into_iter().map(|stem| self.number(stem)).collect();
        numbers.sort_unstable();
        self.lead(&numbers, negated);
    }

    /// The number of a stem, which is new if it has none.
    fn number(&mut self, stem: String) -> u32 {
        let next = short(self.by_stem.len());
        let number = *self.numbers.entry(stem).or_insert(next);
        if number == next {
            self.by_stem.push(Few::None);
        }
        number
    }

    /// Takes in a leader by the numbers of its stems, ascending.
    fn lead(&mut self, numbers: &[u32], negated: bool) {
        let leader = short(self.ends.len());
        for number in numbers {
            if let Some(of) = self.by_stem.get_mut(*number as usize)
                && of.as_slice().len() <= TOO_COMMON
            {
                of.push(leader);
            }
        }
        self.stems.extend_from_slice(numbers);
        self.ends.push(End { at: short(self.stems.len()), negated });
    }

    /// The numbers of the stems of a leader, ascending, and whether it is negated.
    fn get(&self, leader: usize) -> Option<(&[u32], bool)> {
        let End { at, negated } = self.ends.get(leader)?;
        let begin = leader.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| end.at);
        Some((self.stems.get(begin as usize..*at as usize)?, *negated))
    }

    /// The leader most like these stems (Jaccard), the oldest of equals, if it is at least `least` alike. Negated names
    /// are like negated names only.
    pub(super) fn nearest(&self, stems: &BTreeSet<String>, least: f64) -> Option<usize> {
        self.nearest_by(stems, least, Some)
    }

    /// Returns the lowest rank among the leaders most like these stems, of those that have a rank; `None` when none is
    /// at least `least` alike.
    pub(super) fn nearest_by<R: Ord>(
        &self,
        stems: &BTreeSet<String>,
        least: f64,
        rank: impl Fn(usize) -> Option<R>,
    ) -> Option<R> {
        let mut known: Vec<u32> = stems.iter().filter_map(|stem| self.numbers.get(stem).copied()).collect();
        known.sort_unstable();
        self.nearest_to(&known, stems.len(), is_negated(stems), least, rank)
    }

    /// The same for a name of so many stems, by the numbers of those that are known, ascending.
    fn nearest_to<R: Ord>(
        &self,
        known: &[u32],
        stems: usize,
        negated: bool,
        least: f64,
        rank: impl Fn(usize) -> Option<R>,
    ) -> Option<R> {
        let lists = known.iter().filter_map(|number| self.by_stem.get(*number as usize));
        let lists = lists.map(Few::as_slice).filter(|of| of.len() <= TOO_COMMON);
        let mut near: Vec<u32> = lists.flatten().copied().collect();
        near.sort_unstable();
        near.dedup();
        let mut best: Option<(f64, R)> = None;
        for leader in near.into_iter().map(|leader| leader as usize) {
            let Some((theirs, theirs_negated)) = self.get(leader) else { continue };
            if theirs_negated != negated {
                continue;
            }
            let common = theirs.iter().filter(|number| known.binary_search(number).is_ok()).count();
            let likeness = common as f64 / (theirs.len() + stems - common).max(1) as f64;
            if likeness < least || best.as_ref().is_some_and(|(score, _)| likeness < *score) {
                continue;
            }
            let Some(rank) = rank(leader) else { continue };
            if best.as_ref().is_none_or(|(score, other)| likeness > *score || rank < *other) {
                best = Some((likeness, rank));
            }
        }
        best.map(|(_, rank)| rank)
    }
}

fn is_negated(stems: &BTreeSet<String>) -> bool {
    stems.contains("not")
}
