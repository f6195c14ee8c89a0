//! The search for removed text in the bytes that remain.

use std::collections::{BTreeSet, HashSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::data::{FeatureKey, MemoryItem};

use crate::pause::Pace;

use super::place::{Place, PlaceKind, PlaceState};
use super::search::Pieces;

/// Bytes of a run of removed text that the search knows, white space left out.
pub(super) const RUN: usize = 32;
/// Shorter pieces are not searched for: they say nothing of whose they are.
const LEAST: usize = 4;
/// The least length of a part of a text that stands between quotes.
const LEAST_PART: usize = 12;

/// Searches bytes for text that was removed: every run of 32 bytes of it, and short pieces as a whole. Text that
/// interactions which stay have as well is theirs, and not searched for.
#[derive(Default)]
pub(crate) struct Needles {
    runs: HashSet<u64>,
    pieces: Pieces,
}

/// The search of what remains for the removed text, place by place: what was searched, what was erased without a search, and what was
/// not reached, with what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Probe {
    /// Runs of 32 bytes and shorter pieces of removed text that were searched for. With 0 nothing was searched for, and the rest says
    /// nothing: nothing was removed, or all of it stands in interactions that stay.
    pub needles: usize,
    /// Bytes that were searched in all places.
    pub bytes: u64,
    /// How often a piece was found in all places. Zero, or the removal failed.
    pub found: usize,
    /// Each place, with what was done there. Empty in a receipt of a version that did not write them down.
    #[serde(default)]
    pub places: Vec<Place>,
}

impl Probe {
    /// A search for so many pieces, in no place yet.
    pub(crate) fn of(needles: usize) -> Self {
        Self { needles, ..Self::default() }
    }

    /// Enters a place.
    pub(crate) fn enter(&mut self, place: Place) {
        if let PlaceState::Searched { bytes, found } = place.state {
            self.bytes += bytes;
            self.found += found;
        }
        self.places.push(place);
    }

    /// Enters a place instead of those of its kind.
    pub(crate) fn replace(&mut self, place: Place) {
        self.places.retain(|other| other.kind != place.kind);
        self.enter(place);
    }

    /// The number of places that were searched and were not empty.
    pub fn searched(&self) -> usize {
        let searched = |place: &&Place| matches!(place.state, PlaceState::Searched { bytes: 1.., .. });
        self.places.iter().filter(searched).count()
    }

    /// The places of the crate's own where the removed text may be for all that is known: something was found there, or they were not
    /// reached. [Copies](PlaceKind::Copies) of the host's are not among them.
    pub fn open(&self) -> impl Iterator<Item = &Place> {
        self.places.iter().filter(|place| place.kind != PlaceKind::Copies && place.is_open())
    }

    /// True when the search bears the removal out: it looked for something, found nothing of it, and no place is
    /// [open](Self::open).
    pub fn bears_out(&self) -> bool {
        self.needles > 0 && self.found == 0 && self.searched() > 0 && self.open().next().is_none()
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { needles, bytes, found, places } = self;
        if *needles == 0 {
            f.write_str(
                "nothing was searched for: nothing was removed, or all of it stands in what stays; this proves no removal",
            )?;
        } else if *bytes == 0 {
            f.write_str("nothing was searched; this proves no removal")?;
        } else {
            write!(f, "{found} of {needles} pieces of the removed text found in the {bytes} bytes that were searched")?;
        }
        if places.is_empty() {
            f.write_str("\nwhich places were searched is not known: the receipt is of an earlier version")?;
        }
        places.iter().try_for_each(|place| write!(f, "\n- {place}"))
    }
}

impl Needles {
    /// The pieces to search for, of items that went and features that no item has any more. `own` is text that is not
    /// the user's, such as the task's instruction.
    /// With pauses.
    pub(crate) async fn in_steps(
        gone: &[MemoryItem],
        lost: &BTreeSet<FeatureKey>,
        left: &[MemoryItem],
        own: &[&str],
    ) -> Self {
        let (mut needles, mut pieces) = (Self::default(), BTreeSet::new());
        let mut pace = Pace::default();
        for text in gone.iter().flat_map(texts).chain(lost.iter().map(|key| key.as_str().to_owned())) {
            pace.step(text.len()).await;
            let text = bare(&text);
            let parts = text.split(EDGE);
            let least = if parts.clone().count() > 1 { LEAST_PART } else { LEAST };
            for part in parts {
                match part.len() {
                    RUN.. => needles.runs.extend(Runs::of(part.as_bytes())),
                    long if long >= least => drop(pieces.insert(part.to_lowercase())),
                    _ => {}
                }
            }
        }
        let known =
            || left.iter().flat_map(texts).chain(own.iter().map(|text| (*text).to_owned())).map(|text| bare(&text));
        for text in known() {
            pace.step(text.len()).await;
            for run in Runs::of(text.as_bytes()) {
                needles.runs.remove(&run);
            }
        }
        needles.pieces = Pieces::of(pieces).without_in_steps(known()).await;
        needles
    }

    #[cfg(test)]
    fn new(gone: &[MemoryItem], lost: &BTreeSet<FeatureKey>, left: &[MemoryItem], own: &[&str]) -> Self {
        crate::pause::at_once(Self::in_steps(gone, lost, left, own))
    }

    pub(crate) fn len(&self) -> usize {
        self.runs.len() + self.pieces.len()
    }

    /// In how many places of a text in its bare form one is.
    pub(super) fn found_in_bare(&self, text: &str) -> usize {
        let mut found = Runs::of(text.as_bytes()).filter(|run| self.runs.contains(run)).count();
        self.pieces.each_in(&text.to_lowercase(), |_| found += 1);
        found
    }
}

/// Stands where JSON has a quote or a text has one: nothing is searched for across it, since what is beyond may not be
/// text.
pub(super) const EDGE: char = '\u{1}';

/// A text without white space, with an edge for what JSON escapes.
fn bare(text: &str) -> String {
    let edged = |c: char| match c {
        '"' | '\\' => Some(EDGE),
        c => (!c.is_control() && !c.is_whitespace()).then_some(c),
    };
    text.chars().filter_map(edged).collect()
}

/// Everything of an interaction that is the user's text.
fn texts(item: &MemoryItem) -> Vec<String> {
    let mut texts = vec![item.query().text().to_owned(), item.response().to_owned()];
    texts.extend(item.query().options().iter().cloned());
    texts.extend(item.features().iter().map(|feature| feature.name().to_owned()));
    texts.extend(item.path().into_iter().flat_map(crate::data::ReasoningPath::steps).map(|step| step.text.clone()));
    texts
}

/// The hash of each run of bytes, rolled from one to the next.
struct Runs<'b> {
    bytes: &'b [u8],
    next: usize,
    hash: u64,
}

const BASE: u64 = 0x0100_0000_01b3;
/// BASE to the power of the run's length.
const TURN: u64 = BASE.wrapping_pow(32);

impl<'b> Runs<'b> {
    fn of(bytes: &'b [u8]) -> Self {
        Self { bytes, next: 0, hash: 0 }
    }
}

impl Iterator for Runs<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        loop {
            let byte = *self.bytes.get(self.next)?;
            self.hash = self.hash.wrapping_mul(BASE).wrapping_add(u64::from(byte) + 1);
            if let Some(old) = self.next.checked_sub(RUN).and_then(|place| self.bytes.get(place)) {
                self.hash = self.hash.wrapping_sub((u64::from(*old) + 1).wrapping_mul(TURN));
            }
            self.next += 1;
            if self.next >= RUN {
                return Some(self.hash);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::{Interaction, Query};
    use crate::model::search::Search;

    fn item(id: &str, text: &str, response: &str) -> MemoryItem {
        MemoryItem::new(Interaction::new(id, Query::new(text).unwrap(), response).unwrap(), Vec::new()).unwrap()
    }

    fn found_in(needles: &Needles, bytes: &[u8]) -> usize {
        let mut search = Search::new(needles);
        search.read(bytes);
        search.end().1
    }

    const SECRET: &str = "The clinic in Harrow said \"come back\" on Tuesday.\nI cried.";

    #[test]
    fn removed_text_is_found_raw_in_json_and_in_excerpts() {
        let needles = Needles::new(&[item("a", SECRET, "Harrow again")], &BTreeSet::new(), &[], &[]);
        assert!(found_in(&needles, SECRET.as_bytes()) > 0);
        assert!(found_in(&needles, serde_json::to_string(SECRET).unwrap().as_bytes()) > 0);
        assert!(found_in(&needles, format!("[…] {} […]", &SECRET[..30]).as_bytes()) > 0);
        assert!(found_in(&needles, SECRET.replace(' ', "\n  ").as_bytes()) > 0, "wrapped otherwise");
        assert_eq!(found_in(&needles, b"{\"response\": \"Harrow again\"}"), 1);
        assert_eq!(found_in(&needles, b"The clinic in Harlow said that nobody ever came back on a Monday"), 0);
    }

    #[test]
    fn what_another_text_says_too_is_not_searched_for_even_where_no_piece_is_short() {
        let long = |number: u8| format!("Film {number}: a slow and quiet drama, a slow and quiet drama.");
        let (gone, stays) = (item("a", &long(1), "5"), item("b", &long(2), "5"));
        let needles = Needles::new(&[gone], &BTreeSet::new(), &[stays], &[]);
        assert_eq!(found_in(&needles, long(2).as_bytes()), 0);
        assert!(found_in(&needles, long(1).as_bytes()) > 0);
    }

    #[test]
    fn what_the_task_says_is_not_the_users() {
        let gone = item("a", "Which of the films did you like?", "x");
        let lost = BTreeSet::from([FeatureKey::of("which of the")]);
        let instruction = "Which of the options does this person choose?";
        let file = serde_json::json!({ "instruction": instruction }).to_string();
        let among =
            |own: &[&str]| found_in(&Needles::new(std::slice::from_ref(&gone), &lost, &[], own), file.as_bytes());
        assert_eq!((among(&[]), among(&[instruction])), (1, 0));
    }

    #[test]
    fn the_names_of_fields_are_not_taken_for_text() {
        let long = "Towards a world without weapons of any kind whatever";
        let (gone, stays) = (item("a", &format!("Compliance: {long}"), "x"), item("b", long, "x"));
        let needles = Needles::new(&[gone], &BTreeSet::new(), &[stays], &[]);
        assert!(needles.len() > 0);
        // The field ends as the removed text goes on: "…ce: Towards".
        let log = serde_json::json!({ "essence": long }).to_string();
        assert_eq!(
            found_in(&needles, log.as_bytes()) + found_in(&needles, serde_json::json!(log).to_string().as_bytes()),
            0
        );
    }

    #[test]
    fn what_interactions_that_stay_have_as_well_is_not_searched_for() {
        let stays = item("b", &format!("I wrote: {SECRET}"), "harrow AGAIN, twice");
        let needles = Needles::new(&[item("a", SECRET, "Harrow again")], &BTreeSet::new(), &[stays], &[]);
        assert_eq!(needles.len(), 0);
    }

    proptest! {
        #[test]
        fn the_same_is_found_however_the_bytes_are_cut(
            before in "[a-z\"\\\\é \n]{0,60}", secret in "[a-zäé ]{12,60}", after in "[a-z\"é]{0,60}",
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let needles = Needles::new(&[item("a", &format!("{secret}."), "Harrow again")], &BTreeSet::new(), &[], &[]);
            let bytes = format!("{before}\"{secret}.\"{after}").into_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).chain([0, bytes.len()]).collect();
            cuts.sort_unstable();
            let mut search = Search::new(&needles);
            cuts.windows(2).for_each(|cut| search.read(&bytes[cut[0]..cut[1]]));
            let (searched, found) = search.end();
            prop_assert_eq!((searched, found), (bytes.len() as u64, found_in(&needles, &bytes)));
            prop_assert!(found > 0);
        }

        #[test]
        fn a_run_has_the_same_hash_wherever_it_stands(before in "[a-z]{0,40}", run in "[a-z]{32}", after in "[a-z]{0,40}") {
            let text = format!("{before}{run}{after}");
            let all: Vec<u64> = Runs::of(text.as_bytes()).collect();
            prop_assert_eq!(all.len(), text.len() - 31);
            prop_assert_eq!(all[before.len()], Runs::of(run.as_bytes()).next().unwrap());
        }
    }
}
