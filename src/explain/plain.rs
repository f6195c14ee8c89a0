//! The reasons of an answer in a few plain sentences.

use crate::data::PathOrigin;
use crate::data::visible::line;
use crate::stats::{ResponseProbability, Tier};

use super::waterfall::cut;
use super::{CitedStep, Effect, Measure, Reasons, Waterfall, WaterfallUnit, WhatIf};

/// The most reasons named on each side.
const MOST: usize = 4;

impl Reasons {
    /// The answer and its reasons in two or three plain sentences, for people who want to know why and need no statistics: what is expected
    /// and what is usual, what raised and what lowered it, and how much is known of the user. [`Waterfall`] has the same as a sum;
    /// [`Display`](std::fmt::Display) has all numbers.
    ///
    /// It names factors, which may be the user's own words; it quotes no text of a query.
    pub fn in_words(&self) -> String {
        let mut sentences = vec![format!("{}: {}.", self.response_name, self.response)];
        match self.waterfall() {
            _ if self.by_model => sentences.extend(self.said()),
            Some(sum) => sentences.extend(self.moved(&sum)),
            None => sentences.extend(self.chosen()),
        }
        sentences.push(self.grounds());
        if let Some(of) = aside(self) {
            sentences.push(of);
        }
        line(&sentences.join(" "))
    }

    /// Of a response that a model gave: its own reasons, and what the statistics alone would decide.
    fn said(&self) -> Vec<String> {
        let reason = |step: &CitedStep| {
            let text = step.text.trim().trim_end_matches('.');
            format!("\u{201c}{}\u{201d}: {text}.", cut(&step.words, QUOTED))
        };
        let reasons = self.steps.iter().filter(|_| self.origin == PathOrigin::Model).take(MOST).map(reason);
        let alone = self.estimate.as_ref().map(|estimate| {
            let (alone, share) = (estimate.decision(), 100.0 * estimate.probability(&self.response));
            if alone == self.response {
                format!("The past answers alone say the same ({share:.0}%).")
            } else {
                format!("The past answers alone would say {alone}, and this with {share:.0}%.")
            }
        });
        std::iter::once("A model says so.".to_owned()).chain(reasons).chain(alone).collect()
    }

    fn moved(&self, sum: &Waterfall) -> Vec<String> {
        let (end, start) = (sum.figure(sum.end, false), sum.figure(sum.start, false));
        let whose = match self.usual() {
            "usually" => "usual is",
            _ => "for most people it is",
        };
        let (lead, up, down) = match sum.unit {
            WaterfallUnit::Points => (format!("About {end} is expected; {whose} {start}."), "Higher for", "Lower for"),
            WaterfallUnit::Probability => {
                (format!("It is {end} likely; {whose} {start}."), "More likely for", "Less likely for")
            }
        };
        let side = |words: &str, wanted: fn(f64) -> bool| {
            let is_shown = |added: f64| sum.figure(added, true) != sum.figure(0.0, true);
            let named = sum.steps.iter().filter(|step| step.source.is_some());
            let of = named.filter(|step| wanted(step.added) && is_shown(step.added));
            let named: Vec<String> =
                of.take(MOST).map(|step| format!("{} ({})", step.name, sum.figure(step.added, true))).collect();
            (!named.is_empty()).then(|| format!("{words}: {}.", named.join(", ")))
        };
        let sides = [side(up, |added| added > 0.0), side(down, |added| added < 0.0)];
        let nothing = sides.iter().all(Option::is_none).then(|| "Nothing in it speaks for more or less.".to_owned());
        let divided = self.divided(sum);
        [lead].into_iter().chain(sides.into_iter().flatten()).chain(nothing).chain(divided).collect()
    }

    /// That it may go two ways, where the response is not the point next to what is expected.
    fn divided(&self, sum: &Waterfall) -> Option<String> {
        let off = (sum.end - self.response.parse::<f64>().ok()?).abs();
        if sum.unit != WaterfallUnit::Points || off <= 0.5 {
            return None;
        }
        let mut likely: Vec<_> = self.estimate.as_ref()?.responses().iter().collect();
        // Stable: of equals the one that is first in the task.
        likely.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        let share = |it: &ResponseProbability| format!("{} ({:.0}%)", it.response, 100.0 * it.probability);
        let [first, second, ..] = likely.as_slice() else { return None };
        if first.probability > 0.5 {
            return Some(format!("{} is the likeliest.", share(first)));
        }
        Some(format!("It may go either way: {} and {} are the likeliest.", share(first), share(second)))
    }

    /// Of free text: where it comes from.
    fn chosen(&self) -> Option<String> {
        let of = self.proposals.len();
        if of > 1 {
            return Some(format!("Chosen among {of} by what this person's earlier ones are like."));
        }
        let labels: Vec<&str> =
            self.steps.iter().filter_map(|step| step.factor.as_ref()).map(|factor| factor.label.as_str()).collect();
        (!labels.is_empty()).then(|| format!("This person takes up: {}.", labels.join(", ")))
    }

    fn grounds(&self) -> String {
        let (n, like) = (self.interactions, self.exemplars.len());
        let counted = |n: usize| if n == 1 { "1 past answer".to_owned() } else { format!("{n} past answers") };
        match self.support.tier {
            Tier::Generic if n == 0 => "Nothing is known of this person yet.".to_owned(),
            Tier::Generic => format!("Little is known of this person yet: {}.", counted(n)),
            _ if like == 0 => format!("It rests on {}, none of them much like this one.", counted(n)),
            _ => format!("It rests on {}, {like} of them like this one.", counted(n)),
        }
    }
}

fn aside(reasons: &Reasons) -> Option<String> {
    let mut labels: Vec<&str> = reasons.set_aside.iter().map(|aside| aside.factor.as_str()).collect();
    labels.dedup();
    (!labels.is_empty()).then(|| format!("Set aside at this person's wish: {}.", labels.join(", ")))
}

/// The most things told that an answer depended on, and the most signs of a text that are quoted.
const MOST_TOLD: usize = 5;
const QUOTED: usize = 60;

impl WhatIf {
    /// What the answer depended on in plain sentences: what it would be without each factor and each past interaction, the one that
    /// counts most first. What makes no difference to speak of is left out. [`Display`](std::fmt::Display) has all numbers.
    ///
    /// It names factors, which may be the user's own words, and quotes past interactions.
    pub fn in_words(&self) -> String {
        let quoted = |text: &str| format!("\u{201c}{}\u{201d}", cut(text, QUOTED));
        let factors = self.factors.iter().map(|it| (quoted(&it.factor.label), &it.effect));
        let exemplars = self.exemplars.iter().map(|it| (quoted(&it.query), &it.effect));
        let sentence = |(name, effect): (String, &Effect)| Some((effect.size, without(&name, effect, self.measure)?));
        let mut told: Vec<(f64, String)> = factors.chain(exemplars).filter_map(sentence).collect();
        told.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
        told.truncate(MOST_TOLD);
        if told.is_empty() {
            return line(&format!(
                "{}: {}. No single thing in it makes a difference.",
                self.response_name, self.response
            ));
        }
        let told: Vec<String> = told.into_iter().map(|(_, sentence)| sentence).collect();
        line(&format!("{}: {}. {}", self.response_name, self.response, told.join(" ")))
    }
}

/// What would be without a thing; `None` where that would be shown as no change. What a model answers, and free text, is the same or is
/// another; of what follows from the estimate, that moves too.
fn without(name: &str, effect: &Effect, measure: Measure) -> Option<String> {
    if effect.flips {
        return Some(format!("Without {name} it would be {}.", cut(&effect.response, QUOTED)));
    }
    if measure == Measure::Response {
        return None;
    }
    let told = match (effect.expected, effect.estimate) {
        (Some(points), _) if points.abs() >= 0.05 => {
            format!("the same, with {:.1} {} expected", points.abs(), if points > 0.0 { "less" } else { "more" })
        }
        (None, Some(share)) if share.abs() >= 0.005 => {
            let side = if share > 0.0 { "less" } else { "more" };
            format!("the same, {:.0}% {side} likely", 100.0 * share.abs())
        }
        _ => return None,
    };
    Some(format!("Without {name} it would be {told}."))
}
