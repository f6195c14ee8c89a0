//! The words of a profile in English.

use crate::profile::{MostPeople, Sureness, Sway, SwayEffect, Usual};

use super::{Wording, hundredths, is_none, tenths};

/// Also for languages that have no wording of their own.
pub(super) struct English;

fn times(seen: f64) -> String {
    match seen.round() {
        n if n <= 1.0 => "once".to_owned(),
        2.0 => "twice".to_owned(),
        n => format!("{n:.0} times"),
    }
}

impl Wording for English {
    fn tag(&self) -> &'static str {
        "en"
    }

    fn title(&self) -> &'static str {
        "What we have worked out about you"
    }

    fn learned(&self, interactions: usize) -> String {
        match interactions {
            0 => "You have not answered anything yet.".to_owned(),
            1 => "This was learned from one of your answers.".to_owned(),
            n => format!("This was learned from {n} of your answers."),
        }
    }

    fn usual(&self, usual: &Usual, response_name: &str) -> Option<String> {
        match usual {
            Usual::Mean { mean, min, max } => {
                Some(format!("On average your {response_name} is {mean:.1}, on a scale from {min} to {max}."))
            }
            Usual::Shares { shares } => {
                let of =
                    |(response, share): &(String, f64)| format!("\u{201c}{response}\u{201d} {}%", hundredths(*share));
                Some(format!("You usually answer: {}.", shares.iter().map(of).collect::<Vec<_>>().join(", ")))
            }
            Usual::Nothing => None,
        }
    }

    fn sways_head(&self) -> &'static str {
        "What makes a difference for you"
    }

    fn unsure_head(&self) -> &'static str {
        "What may make a difference: not sure yet"
    }

    fn together(&self) -> &'static str {
        "Some of these often come together, so one may get the credit of another. In a single answer each counts for less, since they share it."
    }

    fn nothing_yet(&self) -> &'static str {
        "Nothing yet: nothing came up often enough."
    }

    fn effect(&self, sway: &Sway, response_name: &str) -> String {
        match &sway.effect {
            SwayEffect::Points { higher, .. } if is_none(*higher) => {
                format!("It makes no difference to your {response_name} so far.")
            }
            SwayEffect::Points { with, without, .. } => {
                format!("With it, your {response_name} is {with:.1} on average. Without it, it is {without:.1}.")
            }
            SwayEffect::Share { response, with, usual, .. } => format!(
                "With it, you answer \u{201c}{response}\u{201d} {} times in 100. Usually it is {}.",
                hundredths(*with),
                hundredths(*usual)
            ),
            SwayEffect::TakenUp { share, .. } => {
                format!("You take it up {} times in 100.", hundredths(*share))
            }
        }
    }

    fn seen(&self, seen: f64) -> String {
        format!("It came up {}.", times(seen))
    }

    fn sureness(&self, sureness: Sureness) -> &'static str {
        match sureness {
            Sureness::Sure => "We are sure of this.",
            Sureness::Likely => "We are fairly sure.",
            Sureness::Guess => "It may be chance.",
        }
    }

    fn most_people(&self, most: &MostPeople) -> String {
        match most {
            MostPeople::Points { higher } if is_none(*higher) => "Most people would say the same.".to_owned(),
            MostPeople::Points { higher } => {
                let side = if *higher < 0.0 { "higher" } else { "lower" };
                format!("Most people would be {} {side} than you.", tenths(*higher))
            }
            MostPeople::Share { response, most, .. } => {
                format!("Most people would answer \u{201c}{response}\u{201d} {} times in 100.", hundredths(*most))
            }
        }
    }

    fn examples_head(&self, shown: usize, seen: f64) -> String {
        match (shown, seen.round()) {
            (1, all) if all <= 1.0 => "One example".to_owned(),
            (shown, all) => format!("Examples ({shown} of {all:.0})"),
        }
    }

    fn responded(&self, response: &str, response_name: &str) -> String {
        format!("Your {response_name}: {response}")
    }

    fn rest_head(&self) -> &'static str {
        "What else counts, and where all this comes from"
    }

    fn others(&self, labels: &[String]) -> Option<String> {
        (!labels.is_empty()).then(|| format!("These count too, most of them a little: {}.", labels.join(", ")))
    }

    fn without_factor(&self, interactions: usize, of: usize) -> Option<String> {
        let whole = interactions > 0;
        whole.then(|| format!("In {interactions} of your {of} answers, nothing was found that comes up more often."))
    }

    fn set_aside(&self, labels: &[String]) -> Option<String> {
        (!labels.is_empty()).then(|| format!("Ignored because you asked for it: {}.", labels.join(", ")))
    }

    fn sources(&self, people: Option<u64>) -> String {
        match people {
            Some(people) => {
                format!("It all comes from your answers, and from what {people} other people have in common.")
            }
            None => "It all comes from your answers, and from nothing else.".to_owned(),
        }
    }

    fn remedy(&self) -> &'static str {
        "Is something wrong? Each of these can be ignored (kept, but not used) or deleted with the answers behind it. Ask whoever showed you this."
    }

    fn picture_title(&self) -> &'static str {
        "What makes a difference, and how sure that is"
    }

    fn ends(&self, effect: &SwayEffect) -> [&'static str; 2] {
        match effect {
            SwayEffect::Points { .. } => ["lowers", "raises"],
            SwayEffect::Share { .. } => ["less often", "more often"],
            SwayEffect::TakenUp { .. } => ["never", "always"],
        }
    }

    fn picture_note(&self) -> &'static str {
        "Each dot is our best guess, and the line shows how far off it may be. Full dot: sure. Ringed dot: fairly sure. Empty ring: it may be chance."
    }

    fn change(&self, sway: &Sway) -> String {
        match &sway.effect {
            SwayEffect::Points { higher, .. } => format!("{higher:+.1}"),
            SwayEffect::Share { with, usual, .. } => format!("{:+.0}%", 100.0 * (with - usual)),
            SwayEffect::TakenUp { share, .. } => format!("{}%", hundredths(*share)),
        }
    }

    fn row(&self, sway: &Sway) -> String {
        match &sway.effect {
            SwayEffect::Share { response, .. } => format!("{} \u{2192} {response}", sway.label),
            _ => sway.label.clone(),
        }
    }
}
