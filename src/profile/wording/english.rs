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
        "What we know about you"
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
                Some(format!("Your usual {response_name} is {mean:.1}, from {min} to {max}."))
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

    fn nothing_yet(&self) -> &'static str {
        "Nothing yet: nothing came up often enough."
    }

    fn effect(&self, sway: &Sway, response_name: &str) -> String {
        match &sway.effect {
            SwayEffect::Points { higher, .. } if is_none(*higher) => {
                format!("It makes no difference to your {response_name}.")
            }
            SwayEffect::Points { higher, .. } => {
                let side = if *higher < 0.0 { "lower" } else { "higher" };
                format!("With it, your {response_name} is {} {side} than without.", tenths(*higher))
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
            Sureness::Sure => "This is quite sure.",
            Sureness::Likely => "This is likely.",
            Sureness::Guess => "This may be chance.",
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

    fn examples_head(&self) -> &'static str {
        "Where it came up"
    }

    fn rest_head(&self) -> &'static str {
        "What is not used, and what is not known"
    }

    fn not_shown(&self, factors: usize) -> Option<String> {
        match factors {
            0 => None,
            1 => Some("One more thing counts a little and is not shown.".to_owned()),
            n => Some(format!("{n} more things count a little and are not shown.")),
        }
    }

    fn without_factor(&self, interactions: usize, of: usize) -> Option<String> {
        let whole = interactions > 0;
        whole.then(|| format!("In {interactions} of your {of} answers, nothing was found that comes up more often."))
    }

    fn set_aside(&self, labels: &[String]) -> Option<String> {
        (!labels.is_empty()).then(|| format!("Set aside because you asked for it: {}.", labels.join(", ")))
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
        "If something is wrong, you can have it set aside or forgotten."
    }

    fn picture_title(&self) -> &'static str {
        "What makes a difference, and how sure that is"
    }

    fn ends(&self, taken_up: bool) -> [&'static str; 2] {
        if taken_up { ["never", "always"] } else { ["less", "more"] }
    }

    fn picture_note(&self) -> &'static str {
        "Each dot is our best guess. The line shows how far off it may be. A full dot is sure or likely, an empty one may be chance."
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
