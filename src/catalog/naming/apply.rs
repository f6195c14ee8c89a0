//! From what a model proposed to the next version: merges, then splits, then names, each as far as the evidence goes.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::index::jaccard;
use crate::catalog::{Catalog, CatalogChange, CatalogError, CatalogFactor, CatalogTerm, Moved};
use crate::data::{FactorId, FeatureKey, Task};

use super::ask::{Part, Proposed, ProposedSplit};
use super::evidence::Evidence;
use super::label::Words;
use super::{Proposal, Refused, RefusedFor};

/// From this share of common texts on (Jaccard) two factors may be one and may not be two.
const SAME_TEXTS: f64 = 0.5;
/// The fewest texts that a part of a split factor is in.
const PART_TEXTS: usize = 3;

/// A factor as it is so far.
struct Now {
    factor: CatalogFactor,
    /// The places of the texts that have it; empty without texts.
    texts: Vec<usize>,
}

/// A pass over a catalog under way.
pub(super) struct Applied<'a> {
    catalog: &'a Catalog,
    words: Words,
    evidence: &'a Evidence,
    now: BTreeMap<FactorId, Now>,
    /// Factors that were merged or split.
    moved: BTreeSet<FactorId>,
    pub(super) changes: Vec<CatalogChange>,
    pub(super) described: usize,
    pub(super) kept: Vec<FactorId>,
    pub(super) refused: Vec<Refused>,
}

impl<'a> Applied<'a> {
    pub(super) fn new(catalog: &'a Catalog, task: &Task, evidence: &'a Evidence) -> Self {
        let texts = evidence.of(catalog.factors());
        let now = |(factor, texts): (&CatalogFactor, Vec<usize>)| {
            (factor.id().clone(), Now { factor: factor.clone(), texts })
        };
        Self {
            catalog,
            words: Words::of(catalog, task, evidence),
            evidence,
            now: catalog.factors().iter().zip(texts).map(now).collect(),
            moved: BTreeSet::new(),
            changes: Vec::new(),
            described: 0,
            kept: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// The next version; the same catalog where nothing was changed.
    pub(super) fn catalog(&self) -> Result<Catalog, CatalogError> {
        if self.changes.is_empty() && self.described == 0 {
            return Ok(self.catalog.clone());
        }
        let mut changes = self.catalog.changes().to_vec();
        changes.extend(self.changes.iter().cloned());
        let factors = self.now.values().map(|now| now.factor.clone()).collect();
        Catalog::new(self.version(), factors, changes)
    }

    fn version(&self) -> u32 {
        self.catalog.version().saturating_add(1)
    }

    fn enter(&mut self, factor: &FactorId, moved: Moved) {
        self.changes.push(CatalogChange { version: self.version(), factor: factor.clone(), moved });
    }

    pub(super) fn refuse(&mut self, factor: &FactorId, proposal: Proposal, reason: RefusedFor) {
        self.refused.push(Refused { factor: factor.clone(), proposal, reason });
    }

    /// Makes one of two factors, under the one that is in more texts.
    pub(super) fn merge(&mut self, one: &FactorId, other: &FactorId) {
        match self.merged(one, other) {
            Ok((from, into, now)) => {
                self.now.remove(&from);
                self.now.insert(into.clone(), now);
                self.moved.insert(from.clone());
                self.enter(&from, Moved::Into(vec![into]));
            }
            Err(reason) => self.refuse(one, Proposal::Merge(other.clone()), reason),
        }
    }

    fn merged(&self, one: &FactorId, other: &FactorId) -> Result<(FactorId, FactorId, Now), RefusedFor> {
        if one == other {
            return Err(RefusedFor::Unknown);
        }
        if self.evidence.is_empty() {
            return Err(RefusedFor::NoTexts);
        }
        let (a, b) = (self.now.get(one).ok_or(RefusedFor::Changed)?, self.now.get(other).ok_or(RefusedFor::Changed)?);
        if jaccard(&a.texts, &b.texts) < SAME_TEXTS {
            return Err(RefusedFor::Apart);
        }
        let (into, from) = if b.texts.len() > a.texts.len() { (b, a) } else { (a, b) };
        let mut factor = into.factor.clone();
        factor.take_in(&from.factor);
        let now = self.counted(factor)?;
        Ok((from.factor.id().clone(), into.factor.id().clone(), now))
    }

    /// A factor with the number of texts that have it.
    fn counted(&self, factor: CatalogFactor) -> Result<Now, RefusedFor> {
        let factor = factor.checked().map_err(|_| RefusedFor::Unfit)?;
        let texts = self.evidence.of_one(&factor);
        let count = u32::try_from(texts.len()).unwrap_or(u32::MAX);
        Ok(Now { factor: factor.counted(count, None), texts })
    }

    /// Makes several of one factor; the first part keeps the id.
    pub(super) fn split(&mut self, factor: &FactorId, split: &ProposedSplit) {
        match self.parts(factor, &split.parts) {
            Ok(parts) => {
                let ids: Vec<FactorId> = parts.iter().map(|part| part.factor.id().clone()).collect();
                self.now.remove(factor);
                self.now.extend(parts.into_iter().map(|part| (part.factor.id().clone(), part)));
                self.moved.insert(factor.clone());
                self.enter(factor, Moved::Into(ids));
            }
            Err(reason) => self.refuse(factor, Proposal::Split, reason),
        }
    }

    /// The parts as factors, where all of them stand.
    fn parts(&self, id: &FactorId, parts: &[Part]) -> Result<Vec<Now>, RefusedFor> {
        if self.evidence.is_empty() {
            return Err(RefusedFor::NoTexts);
        }
        let known = self.now.get(id).filter(|_| !self.is_moved(id)).ok_or(RefusedFor::Changed)?;
        let mut left: BTreeMap<FeatureKey, &CatalogTerm> =
            known.factor.terms().iter().map(|term| (FeatureKey::of(term.term()), term)).collect();
        let mut made: Vec<Now> = Vec::new();
        for part in parts {
            let taken = |term: &String| left.remove(&FeatureKey::of(term)).cloned().ok_or(RefusedFor::NotADivision);
            let terms: Vec<CatalogTerm> = part.terms.iter().map(taken).collect::<Result<_, _>>()?;
            if terms.is_empty() {
                return Err(RefusedFor::NotADivision);
            }
            // Its own first term stands for a label until its name is checked against its own terms.
            let first = terms.first().map(|term| term.term().to_owned()).unwrap_or_default();
            let bare = CatalogFactor::new(first).with_id(id.clone()).with_terms(terms.clone());
            let label = self.words.name(&bare, &part.name, &part.about)?;
            let factor = CatalogFactor::new(label).with_terms(terms);
            let keeps = made.is_empty();
            let twice = made.iter().any(|part| part.factor.key() == factor.key());
            if twice || self.is_name_taken(&factor.key(), id) || (!keeps && self.is_id_taken(factor.id())) {
                return Err(RefusedFor::Taken);
            }
            made.push(self.counted(if keeps { factor.with_id(id.clone()) } else { factor })?);
        }
        if parts.len() < 2 || !left.is_empty() {
            return Err(RefusedFor::NotADivision);
        }
        apart(&made)?;
        Ok(made)
    }

    fn is_moved(&self, id: &FactorId) -> bool {
        self.moved.contains(id) || self.changes.iter().any(|change| became(change, id))
    }

    fn is_id_taken(&self, id: &FactorId) -> bool {
        self.catalog.has_known(id) || self.now.contains_key(id)
    }

    /// True for the name of another factor, of the catalog as it was or as it is.
    fn is_name_taken(&self, key: &FeatureKey, own: &FactorId) -> bool {
        let before = self.catalog.named(key).is_some_and(|factor| factor.id() != own);
        before || self.now.values().any(|now| now.factor.id() != own && now.factor.key() == *key)
    }

    /// Gives factors their new names and descriptions.
    pub(super) fn name(&mut self, said: &[(FactorId, Proposed)]) {
        let mut named: Vec<(FactorId, CatalogFactor)> = Vec::new();
        for (id, proposed) in said {
            // Of one that was merged or split, the name was for what it was.
            let Some(now) = self.now.get(id).filter(|_| !self.is_split(id)) else { continue };
            let factor = now.factor.clone();
            match self.candidate(&factor, proposed) {
                Ok(candidate) if candidate.label() == factor.label() => self.kept.push(id.clone()),
                Ok(candidate) => named.push((id.clone(), candidate)),
                Err(reason) => self.refuse(id, Proposal::Name, reason),
            }
        }
        let mut times: BTreeMap<FeatureKey, usize> = BTreeMap::new();
        for (_, candidate) in &named {
            *times.entry(candidate.key()).or_default() += 1;
        }
        let (once, twice): (Vec<_>, Vec<_>) = named.into_iter().partition(|(_, c)| times.get(&c.key()) == Some(&1));
        for (id, _) in &twice {
            self.refuse(id, Proposal::Name, RefusedFor::Taken);
        }
        self.rename(once);
        for (id, proposed) in said.iter().filter(|(_, proposed)| !proposed.about.trim().is_empty()) {
            self.describe(id, &proposed.about);
        }
    }

    fn is_split(&self, id: &FactorId) -> bool {
        let of = |change: &CatalogChange| change.factor == *id && matches!(change.moved, Moved::Into(_));
        self.changes.iter().any(of)
    }

    /// The factor under its proposed name, as far as words can tell.
    fn candidate(&self, factor: &CatalogFactor, proposed: &Proposed) -> Result<CatalogFactor, RefusedFor> {
        if FeatureKey::of(&proposed.name) == factor.key() {
            return Ok(factor.clone());
        }
        let label = self.words.name(factor, &proposed.name, &proposed.about)?;
        let key = FeatureKey::of(&label);
        if key == factor.key() {
            return Ok(factor.clone());
        }
        if self.is_name_taken(&key, factor.id()) {
            return Err(RefusedFor::Taken);
        }
        factor.clone().relabelled(label).checked().map_err(|_| RefusedFor::Unfit)
    }

    /// Takes the names under which factors are in the texts that they were in.
    fn rename(&mut self, named: Vec<(FactorId, CatalogFactor)>) {
        let candidates: Vec<CatalogFactor> = named.iter().map(|(_, candidate)| candidate.clone()).collect();
        let found = self.evidence.of(&candidates);
        for ((id, candidate), texts) in named.into_iter().zip(found) {
            let Some(now) = self.now.get_mut(&id) else { continue };
            let stays = texts == now.texts || jaccard(&texts, &now.texts) >= SAME_TEXTS;
            if self.evidence.is_empty() || stays {
                *now = Now { factor: candidate, texts };
                self.enter(&id, Moved::Renamed);
            } else {
                self.refuse(&id, Proposal::Name, RefusedFor::OtherTexts);
            }
        }
    }

    fn describe(&mut self, id: &FactorId, about: &str) {
        if self.is_split(id) {
            return;
        }
        let Some(now) = self.now.get_mut(id) else { return };
        let described = Words::description(&now.factor, about)
            .and_then(|about| now.factor.clone().with_description(about).checked().map_err(|_| RefusedFor::Unfit));
        match described {
            Ok(factor) => {
                self.described += usize::from(factor.description() != now.factor.description());
                now.factor = factor;
            }
            Err(reason) => self.refuse(id, Proposal::Description, reason),
        }
    }
}

fn became(change: &CatalogChange, id: &FactorId) -> bool {
    matches!(&change.moved, Moved::Into(parts) if parts.contains(id))
}

/// Refuses parts that too few texts have, or the same.
fn apart(parts: &[Now]) -> Result<(), RefusedFor> {
    if parts.iter().any(|part| part.texts.len() < PART_TEXTS) {
        return Err(RefusedFor::TooFewTexts);
    }
    let same = |(place, part): (usize, &Now)| {
        parts.iter().skip(place + 1).any(|other| jaccard(&part.texts, &other.texts) >= SAME_TEXTS)
    };
    if parts.iter().enumerate().any(same) { Err(RefusedFor::NotApart) } else { Ok(()) }
}
