//! What sways one person, in the words of their profile.

use rpm_core::pipeline::Prepared;
use rpm_core::profile::ProfileOptions;

use super::page::short;

/// The most factors that are told.
const FACTORS: usize = 3;
/// The longest label that is shown, in characters.
const LABEL: usize = 40;

/// The factors that say most of a person, a line each; empty where none recurs.
pub(super) fn sways(user: &Prepared) -> Vec<String> {
    let profile = user.profile_with(&ProfileOptions::default().factors(FACTORS).examples(0));
    profile.sways.iter().map(|sway| format!("{}: {}", short(&sway.label, LABEL), profile.told(sway))).collect()
}
