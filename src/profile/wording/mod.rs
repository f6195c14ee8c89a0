//! The words of a profile, by language.

mod english;
mod german;

use crate::data::Language;

use super::{MostPeople, Sureness, Sway, SwayEffect, Usual};

use english::English;
use german::German;

/// The sentences of a profile in one language. They speak to the user, plainly; none has a figure that needs statistics to read.
pub(super) trait Wording: Sync {
    /// The language's tag (BCP 47).
    fn tag(&self) -> &'static str;
    fn title(&self) -> &'static str;
    /// How much was learned from.
    fn learned(&self, interactions: usize) -> String;
    fn usual(&self, usual: &Usual, response_name: &str) -> Option<String>;
    fn sways_head(&self) -> &'static str;
    fn unsure_head(&self) -> &'static str;
    fn nothing_yet(&self) -> &'static str;
    /// That factors come together.
    fn together(&self) -> &'static str;
    /// What goes with a factor, after its label.
    fn effect(&self, sway: &Sway, response_name: &str) -> String;
    fn seen(&self, seen: f64) -> String;
    fn sureness(&self, sureness: Sureness) -> &'static str;
    fn most_people(&self, most: &MostPeople) -> String;
    /// The head of so many examples of all.
    fn examples_head(&self, shown: usize, seen: f64) -> String;
    /// A response to an example.
    fn responded(&self, response: &str, response_name: &str) -> String;
    fn rest_head(&self) -> &'static str;
    fn others(&self, labels: &[String]) -> Option<String>;
    fn without_factor(&self, interactions: usize, of: usize) -> Option<String>;
    fn set_aside(&self, labels: &[String]) -> Option<String>;
    /// Where all of this comes from.
    fn sources(&self, people: Option<u64>) -> String;
    fn remedy(&self) -> &'static str;
    /// Of the picture: its title, the words at both ends, and how it is read.
    fn picture_title(&self) -> &'static str;
    fn ends(&self, effect: &SwayEffect) -> [&'static str; 2];
    fn picture_note(&self) -> &'static str;
    /// A change as the picture shows it.
    fn change(&self, sway: &Sway) -> String;
    /// The name of the row.
    fn row(&self, sway: &Sway) -> String;
}

/// The sentences of a language; English for one that has none.
pub(super) fn wording(language: Language) -> &'static dyn Wording {
    match language {
        Language::German => &German,
        _ => &English,
    }
}

/// A number without a sign, to one place.
fn tenths(value: f64) -> String {
    format!("{:.1}", value.abs())
}

/// Of a hundred.
fn hundredths(share: f64) -> String {
    format!("{:.0}", 100.0 * share)
}

/// True for a difference that would be shown as 0.
fn is_none(points: f64) -> bool {
    points.abs() < 0.05
}
