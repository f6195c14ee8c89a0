//! The words of a profile in German.

use crate::profile::{MostPeople, Sureness, Sway, SwayEffect, Usual};

use super::{Wording, hundredths, is_none, tenths};

pub(super) struct German;

/// A number as it is written in German.
fn comma(number: &str) -> String {
    number.replace('.', ",")
}

impl Wording for German {
    fn tag(&self) -> &'static str {
        "de"
    }

    fn title(&self) -> &'static str {
        "Was wir über Sie wissen"
    }

    fn learned(&self, interactions: usize) -> String {
        match interactions {
            0 => "Sie haben noch nichts beantwortet.".to_owned(),
            1 => "Gelernt aus einer Ihrer Antworten.".to_owned(),
            n => format!("Gelernt aus {n} Ihrer Antworten."),
        }
    }

    fn usual(&self, usual: &Usual, _: &str) -> Option<String> {
        match usual {
            Usual::Mean { mean, min, max } => {
                let mean = comma(&format!("{mean:.1}"));
                Some(format!("Meist antworten Sie um {mean}, von {min} bis {max}."))
            }
            Usual::Shares { shares } => {
                let of = |(response, share): &(String, f64)| format!("„{response}“ {} %", hundredths(*share));
                Some(format!("Meist antworten Sie: {}.", shares.iter().map(of).collect::<Vec<_>>().join(", ")))
            }
            Usual::Nothing => None,
        }
    }

    fn sways_head(&self) -> &'static str {
        "Was für Sie einen Unterschied macht"
    }

    fn nothing_yet(&self) -> &'static str {
        "Noch nichts: Nichts kam oft genug vor."
    }

    fn effect(&self, sway: &Sway, _: &str) -> String {
        match &sway.effect {
            SwayEffect::Points { higher, .. } if is_none(*higher) => "Das ändert Ihre Antwort nicht.".to_owned(),
            SwayEffect::Points { higher, .. } => {
                let side = if *higher < 0.0 { "niedriger" } else { "höher" };
                format!("Damit antworten Sie um {} {side} als ohne.", comma(&tenths(*higher)))
            }
            SwayEffect::Share { response, with, usual, .. } => format!(
                "Damit antworten Sie „{response}“ in {} von 100 Fällen. Sonst sind es {}.",
                hundredths(*with),
                hundredths(*usual)
            ),
            SwayEffect::TakenUp { share, .. } => {
                format!("Sie greifen es in {} von 100 Fällen auf.", hundredths(*share))
            }
        }
    }

    fn seen(&self, seen: f64) -> String {
        match seen.round() {
            n if n <= 1.0 => "Es kam einmal vor.".to_owned(),
            n => format!("Es kam {n:.0}-mal vor."),
        }
    }

    fn sureness(&self, sureness: Sureness) -> &'static str {
        match sureness {
            Sureness::Sure => "Das ist recht sicher.",
            Sureness::Likely => "Das ist wahrscheinlich.",
            Sureness::Guess => "Das kann Zufall sein.",
        }
    }

    fn most_people(&self, most: &MostPeople) -> String {
        match most {
            MostPeople::Points { higher } if is_none(*higher) => "Die meisten würden gleich antworten.".to_owned(),
            MostPeople::Points { higher } => {
                let side = if *higher < 0.0 { "höher" } else { "niedriger" };
                format!("Die meisten würden um {} {side} antworten als Sie.", comma(&tenths(*higher)))
            }
            MostPeople::Share { response, most, .. } => {
                format!("Die meisten würden in {} von 100 Fällen „{response}“ antworten.", hundredths(*most))
            }
        }
    }

    fn examples_head(&self) -> &'static str {
        "Wo es vorkam"
    }

    fn rest_head(&self) -> &'static str {
        "Was nicht benutzt wird und was wir nicht wissen"
    }

    fn not_shown(&self, factors: usize) -> Option<String> {
        match factors {
            0 => None,
            1 => Some("Ein weiterer Punkt zählt ein wenig und ist nicht gezeigt.".to_owned()),
            n => Some(format!("{n} weitere Punkte zählen ein wenig und sind nicht gezeigt.")),
        }
    }

    fn without_factor(&self, interactions: usize, of: usize) -> Option<String> {
        let whole = interactions > 0;
        whole.then(|| format!("In {interactions} von {of} Antworten fand sich nichts, was öfter vorkommt."))
    }

    fn set_aside(&self, labels: &[String]) -> Option<String> {
        (!labels.is_empty()).then(|| format!("Auf Ihren Wunsch beiseitegelassen: {}.", labels.join(", ")))
    }

    fn sources(&self, people: Option<u64>) -> String {
        match people {
            Some(people) => {
                format!("Alles stammt aus Ihren Antworten und aus dem, was {people} andere Menschen gemeinsam haben.")
            }
            None => "Alles stammt aus Ihren Antworten und aus nichts anderem.".to_owned(),
        }
    }

    fn remedy(&self) -> &'static str {
        "Ist etwas falsch, so können Sie es beiseitelassen oder vergessen lassen."
    }

    fn picture_title(&self) -> &'static str {
        "Was einen Unterschied macht und wie sicher das ist"
    }

    fn ends(&self, taken_up: bool) -> [&'static str; 2] {
        if taken_up { ["nie", "immer"] } else { ["weniger", "mehr"] }
    }

    fn picture_note(&self) -> &'static str {
        "Jeder Punkt ist unsere beste Schätzung. Die Linie zeigt, wie weit sie danebenliegen kann. Ein voller Punkt ist sicher oder wahrscheinlich, ein leerer kann Zufall sein."
    }

    fn change(&self, sway: &Sway) -> String {
        match &sway.effect {
            SwayEffect::Points { higher, .. } => comma(&format!("{higher:+.1}")),
            SwayEffect::Share { with, usual, .. } => format!("{:+.0} %", 100.0 * (with - usual)),
            SwayEffect::TakenUp { share, .. } => format!("{} %", hundredths(*share)),
        }
    }

    fn row(&self, sway: &Sway) -> String {
        match &sway.effect {
            SwayEffect::Share { response, .. } => format!("{} \u{2192} {response}", sway.label),
            _ => sway.label.clone(),
        }
    }
}
