//! Gathers a profile from a user model and its statistics.

use std::collections::{BTreeMap, BTreeSet};

use crate::data::{Factor, FactorId, FactorSet, ReasoningMemory, ResponseSpace};
use crate::explain::{PastEvidence, past_evidence};
use crate::model::UserModel;
use crate::prompt::excerpt;
use crate::stats::{Beliefs, Contrast, FactorSummary};

use super::{Example, MostPeople, Profile, ProfileOptions, Sureness, Sway, SwayEffect, Usual};

/// False-discovery rates up to which a factor is sure, and likely.
const SURE: f64 = 0.05;
const LIKELY: f64 = 0.2;
/// Standard errors from which a difference to most people is likely.
const DISTINCT: f64 = 2.0;
/// About how many tokens of an example are quoted.
const QUOTED: u64 = 40;
/// How many interactions are looked at for each example, since texts repeat themselves.
const LOOKED_AT: usize = 4;
/// The most responses whose shares are told.
const MOST_SHARES: usize = 8;

/// What a profile is gathered from.
pub(crate) struct Known<'a> {
    pub(crate) model: &'a UserModel,
    pub(crate) beliefs: &'a Beliefs<'a>,
    /// The interactions as answers read them.
    pub(crate) memory: &'a ReasoningMemory,
    /// The people of the population.
    pub(crate) people: Option<u64>,
}

/// The profile of a user.
pub(crate) fn gather(known: &Known<'_>, options: &ProfileOptions) -> Profile {
    let (model, beliefs) = (known.model, known.beliefs);
    let (task, factors) = (model.task(), beliefs.factors());
    let shown = model.most_telling(beliefs, options.factors);
    let ids: Vec<FactorId> = shown.iter().map(|summary| summary.id.clone()).collect();
    let mut seen = past_evidence(factors, known.memory, &[], ids.iter(), options.examples.saturating_mul(LOOKED_AT));
    let sways: Vec<Sway> = shown
        .into_iter()
        .filter_map(|summary| {
            let seen = seen.remove(&summary.id).unwrap_or_default();
            let effect = effect(&summary, beliefs)?;
            let examples = examples(seen, known.memory, &effect, options.examples);
            Some(sway(summary, effect, examples))
        })
        .collect();
    Profile {
        user: model.user().clone(),
        instruction: task.instruction().to_owned(),
        response_name: task.response_name_str().to_owned(),
        language: model.language(),
        interactions: model.memory().len(),
        usual: usual(known),
        others: others(factors, &sways),
        sways,
        set_aside: model.set_aside().iter().map(|factor| factor.label().to_owned()).collect(),
        without_factor: without_factor(model),
        people: known.people,
        note: options.note.clone(),
    }
}

/// The labels of the factors that are not shown.
fn others(factors: &FactorSet, shown: &[Sway]) -> Vec<String> {
    let is_shown = |factor: &&Factor| shown.iter().any(|sway| sway.factor == *factor.id());
    let labels: BTreeSet<&str> = factors.iter().filter(|factor| !is_shown(factor)).map(Factor::label).collect();
    labels.into_iter().map(str::to_owned).collect()
}

/// Interactions with no factor, not even one that is set aside.
fn without_factor(model: &UserModel) -> usize {
    let none =
        |features: &[_]| [model.factors(), model.set_aside()].iter().all(|of| of.present_in(features).is_empty());
    model.memory().items().iter().filter(|item| none(item.features())).count()
}

fn usual(known: &Known<'_>) -> Usual {
    let totals = known.beliefs.factors().totals();
    let all: f64 = totals.by_response.values().sum();
    if all <= 0.0 {
        return Usual::Nothing;
    }
    match known.model.task().space() {
        ResponseSpace::Text { .. } => Usual::Nothing,
        ResponseSpace::Scale { min, max } => {
            let mean = mean(&totals.by_response).unwrap_or_default();
            Usual::Mean { mean, min: *min, max: *max }
        }
        _ => {
            let mut shares: Vec<(String, f64)> =
                totals.by_response.iter().map(|(response, count)| (response.clone(), count / all)).collect();
            shares.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            shares.truncate(MOST_SHARES);
            Usual::Shares { shares }
        }
    }
}

/// Examples of different words, at most so many: those whose responses go best with the effect, of equals the latest.
fn examples(mut seen: Vec<PastEvidence>, memory: &ReasoningMemory, effect: &SwayEffect, most: usize) -> Vec<Example> {
    let off = |past: &PastEvidence| match effect {
        SwayEffect::Points { with, .. } => past.response.parse::<f64>().map_or(f64::MAX, |point| (point - with).abs()),
        SwayEffect::Share { response, with, usual, .. } => {
            f64::from(u8::from((past.response == *response) != (with >= usual)))
        }
        SwayEffect::TakenUp { .. } => 0.0,
    };
    // Stable, and they come the latest first.
    seen.sort_by(|a, b| off(a).total_cmp(&off(b)));
    let mut kept: Vec<Example> = Vec::new();
    for past in seen {
        let example = example(past, memory);
        if kept.len() < most && kept.iter().all(|other| other.words != example.words) {
            kept.push(example);
        }
    }
    kept
}

/// An example with the sentence that the words stand in.
fn example(past: PastEvidence, memory: &ReasoningMemory) -> Example {
    let text = memory.get(&past.item).map(|item| item.query().text());
    let words = text.map(|text| excerpt(text, std::slice::from_ref(&past.words), QUOTED));
    let seen = past.words;
    Example { item: past.item, words: words.unwrap_or_else(|| seen.clone()), seen, response: past.response }
}

/// A factor as the user is shown it.
fn sway(summary: FactorSummary, effect: SwayEffect, examples: Vec<Example>) -> Sway {
    let distinct = summary.contrast.as_ref().is_some_and(|contrast| contrast.deviates >= DISTINCT);
    let taken_up = matches!(effect, SwayEffect::TakenUp { low, .. } if low > 0.5);
    let sureness = match summary.q {
        q if q <= SURE => Sureness::Sure,
        q if q <= LIKELY || distinct || taken_up => Sureness::Likely,
        _ => Sureness::Guess,
    };
    let most_people = summary.contrast.as_ref().and_then(|contrast| most_people(contrast, &effect));
    Sway { factor: summary.id, label: summary.label, seen: summary.coverage, effect, sureness, most_people, examples }
}

/// What goes with a factor; `None` for one of which nothing can be told.
fn effect(summary: &FactorSummary, beliefs: &Beliefs<'_>) -> Option<SwayEffect> {
    if let Some(influence) = &summary.influence {
        let (low, high) = (influence.interval.low, influence.interval.high);
        return Some(SwayEffect::TakenUp { share: influence.share, low, high });
    }
    if let Some(difference) = &summary.difference {
        let (low, high) = (difference.interval.low, difference.interval.high);
        let with = mean(&beliefs.factors().get(&summary.id)?.stats().by_response)?;
        let higher = difference.difference;
        return Some(SwayEffect::Points { with, without: with - higher, higher, low, high });
    }
    // The first of equals, which has the higher lift.
    let most = summary.responses.iter().rev().max_by(|a, b| {
        let change = |belief: &crate::stats::ResponseBelief| (belief.propensity - belief.base).abs();
        change(a).total_cmp(&change(b))
    })?;
    Some(SwayEffect::Share {
        response: most.response.clone(),
        with: most.propensity,
        usual: most.base,
        low: most.interval.low,
        high: most.interval.high,
    })
}

/// The mean of responses that are numbers.
fn mean(by_response: &BTreeMap<String, f64>) -> Option<f64> {
    let value = |(response, count): (&String, &f64)| response.parse::<f64>().ok().map(|value| value * count);
    let all: f64 = by_response.values().sum();
    (all > 0.0).then(|| by_response.iter().filter_map(value).sum::<f64>() / all)
}

fn most_people(contrast: &Contrast, effect: &SwayEffect) -> Option<MostPeople> {
    match effect {
        SwayEffect::Share { response, .. } => {
            let of = contrast.of(response)?;
            Some(MostPeople::Share { response: of.response.clone(), own: of.own, most: of.most })
        }
        _ => Some(MostPeople::Points { higher: contrast.higher? }),
    }
}
