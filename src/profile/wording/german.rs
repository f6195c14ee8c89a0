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
        "Was wir über Sie herausgefunden haben"
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
                Some(format!("Im Schnitt antworten Sie mit {mean}, auf einer Skala von {min} bis {max}."))
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

    fn unsure_head(&self) -> &'static str {
        "Was vielleicht einen Unterschied macht"
    }

    fn together(&self) -> &'static str {
        "Manches davon kommt oft zusammen vor und teilt sich die Wirkung. In einer einzelnen Antwort zählt jedes deshalb weniger."
    }

    fn nothing_yet(&self) -> &'static str {
        "Noch nichts: Nichts kam oft genug vor."
    }

    fn effect(&self, sway: &Sway, _: &str) -> String {
        match &sway.effect {
            SwayEffect::Points { higher, .. } if is_none(*higher) => "Das ändert Ihre Antwort bisher nicht.".to_owned(),
            SwayEffect::Points { with, without, .. } => {
                let [with, without] = [with, without].map(|mean| comma(&format!("{mean:.1}")));
                format!("Damit antworten Sie im Schnitt mit {with}, ohne mit {without}.")
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
            Sureness::Sure => "Da sind wir sicher.",
            Sureness::Likely => "Da sind wir ziemlich sicher.",
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

    fn examples_head(&self, shown: usize, seen: f64) -> String {
        match (shown, seen.round()) {
            (1, all) if all <= 1.0 => "Ein Beispiel".to_owned(),
            (shown, all) => format!("Beispiele ({shown} von {all:.0})"),
        }
    }

    fn responded(&self, response: &str, _: &str) -> String {
        format!("Ihre Antwort: {response}")
    }

    fn rest_head(&self) -> &'static str {
        "Was sonst noch zählt und woher das alles kommt"
    }

    fn others(&self, labels: &[String]) -> Option<String> {
        (!labels.is_empty()).then(|| format!("Auch das zählt, das meiste davon wenig: {}.", labels.join(", ")))
    }

    fn without_factor(&self, interactions: usize, of: usize) -> Option<String> {
        let whole = interactions > 0;
        whole.then(|| format!("In {interactions} von {of} Antworten fand sich nichts, was öfter vorkommt."))
    }

    fn set_aside(&self, labels: &[String]) -> Option<String> {
        (!labels.is_empty()).then(|| format!("Auf Ihren Wunsch nicht beachtet: {}.", labels.join(", ")))
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
        "Ist etwas falsch? Alles hier lässt sich abschalten (es bleibt, wird aber nicht benutzt) oder mit den Antworten dahinter löschen. Fragen Sie, wer Ihnen das zeigt."
    }

    fn picture_title(&self) -> &'static str {
        "Was einen Unterschied macht und wie sicher das ist"
    }

    fn ends(&self, effect: &SwayEffect) -> [&'static str; 2] {
        match effect {
            SwayEffect::Points { .. } => ["senkt", "hebt"],
            SwayEffect::Share { .. } => ["seltener", "öfter"],
            SwayEffect::TakenUp { .. } => ["nie", "immer"],
        }
    }

    fn picture_note(&self) -> &'static str {
        "Jeder Punkt ist unsere beste Schätzung; die Linie zeigt, wie weit sie danebenliegen kann. Voller Punkt: sicher. Punkt im Ring: ziemlich sicher. Leerer Ring: kann Zufall sein."
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
