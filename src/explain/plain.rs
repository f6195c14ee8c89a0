//! The reasons of an answer in a few plain sentences.

use crate::data::visible::line;
use crate::stats::{ResponseProbability, Tier};

use super::{Effect, Reasons, Waterfall, WaterfallUnit, WhatIf};

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
            Some(sum) => sentences.extend(self.moved(&sum)),
            None => sentences.extend(self.chosen()),
        }
        sentences.push(self.grounds());
        if let Some(of) = aside(self) {
            sentences.push(of);
        }
        line(&sentences.join(" "))
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

/// The most things told that an answer depended on.
const MOST_TOLD: usize = 5;

impl WhatIf {
    /// What the answer depended on in plain sentences: what it would be without each factor and each past interaction, the one that
    /// counts most first. What makes no difference to speak of is left out. [`Display`](std::fmt::Display) has all numbers.
    ///
    /// It names factors, which may be the user's own words, and past interactions by their ids.
    pub fn in_words(&self) -> String {
        let factors = self.factors.iter().map(|it| (format!("\u{201c}{}\u{201d}", it.factor.label), &it.effect));
        let exemplars = self.exemplars.iter().map(|it| (format!("past answer {}", it.item), &it.effect));
        let mut told: Vec<(f64, String)> = factors
            .chain(exemplars)
            .filter_map(|(name, effect)| Some((effect.size, without(&name, effect)?)))
            .collect();
        told.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
        told.truncate(MOST_TOLD);
        let told = match told.is_empty() {
            true => format!("{}: {}. No single thing in it makes a difference.", self.response_name, self.response),
            false => {
                let told: Vec<String> = told.into_iter().map(|(_, sentence)| sentence).collect();
                format!("{}: {}. {}", self.response_name, self.response, told.join(" "))
            }
        };
        line(&told)
    }
}

/// What would be without a thing; `None` where that would be shown as no change.
fn without(name: &str, effect: &Effect) -> Option<String> {
    if effect.flips {
        return Some(format!("Without {name} it would be {}.", effect.response));
    }
    let (by, unit) = match (effect.expected, effect.estimate) {
        (Some(points), _) => (format!("{:.1}", points.abs()), ("lower", "higher", points)),
        (None, Some(share)) => (format!("{:.0}%", 100.0 * share.abs()), ("less likely", "more likely", share)),
        (None, None) => return None,
    };
    let (less, more, change) = unit;
    let is_nothing = by.chars().all(|sign| !matches!(sign, '1'..='9'));
    (!is_nothing).then(|| format!("Without {name} it would be {by} {}.", if change > 0.0 { less } else { more }))
}
