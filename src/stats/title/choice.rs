//! The choice among titles that were proposed for a text, by how much of the title that the user would give each is expected to have.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::{MILLION, TitleBoosts, TitleModel, tokens};

/// A response that was proposed for free text.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ProposedResponse {
    /// The response.
    pub response: String,
    /// The overlap with the response that the user would give, as it is expected of the user's habits and of what the proposals have in
    /// common: ROUGE-1 F, from 0 to 1. It ranks the proposals of one answer; those of two answers are not to be compared.
    pub overlap: f64,
    /// True where a model proposed it; the other is made of the query's own words.
    pub by_model: bool,
}

impl fmt::Debug for ProposedResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProposedResponse")
            .field("overlap", &self.overlap)
            .field("by_model", &self.by_model)
            .finish_non_exhaustive()
    }
}

/// The chance of a word that is not in the text to be in its title.
const NOT_IN_TEXT: f64 = 0.01;

impl TitleModel {
    /// The expected overlap of each proposal with the title that the user would give, as ROUGE-1 F from 0 to 1.
    ///
    /// ```text
    /// F(c) = 2 min(L, Σ_t p(t)) / (|c| + L)       logit p(t) = ½ logit u(t) + ½ logit r(t)
    /// ```
    ///
    /// over the tokens t of c, where L is the length of the user's titles, u the chance by which the user takes a token of the text into a
    /// title, and r the share of the proposals that have it: where several say the same, it is likelier. The two are pooled alike.
    pub(crate) fn overlaps(&self, query: &str, boosts: &TitleBoosts, proposals: &[String]) -> Vec<f64> {
        let chances = self.chances(query, boosts);
        let sets: Vec<BTreeSet<String>> = proposals.iter().map(|title| tokens(title).into_iter().collect()).collect();
        let mut having: BTreeMap<&str, f64> = BTreeMap::new();
        for token in sets.iter().flatten() {
            *having.entry(token).or_default() += 1.0;
        }
        let all = proposals.len() as f64;
        let p = |token: &String| {
            let own = chances.get(token).copied().unwrap_or(NOT_IN_TEXT);
            let said = (having.get(token.as_str()).copied().unwrap_or_default() + 0.5) / (all + 1.0);
            let odds = f64::midpoint(logit(own), logit(said)).exp();
            odds / (1.0 + odds)
        };
        let len = self.expected_len();
        let overlap = |(title, set): (&String, &BTreeSet<String>)| {
            let words = tokens(title).len() as f64;
            2.0 * set.iter().map(p).sum::<f64>().min(len) / (words + len)
        };
        proposals.iter().zip(&sets).map(overlap).collect()
    }
}

fn logit(p: f64) -> f64 {
    let p = p.clamp(1.0 / MILLION, 1.0 - 1.0 / MILLION);
    (p / (1.0 - p)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_proposals_the_one_with_the_words_that_a_user_takes_and_others_say_is_expected_to_overlap_most() {
        let text = "We show a parser. The parser reads slow notes about boats and is fast.";
        let pairs = [
            ("A parser for maps. It is fast.", "A parser for maps"),
            ("A parser for oars. It is new.", "A parser for oars"),
        ];
        let model = TitleModel::fit(pairs);
        let proposals = ["A parser for slow notes", "Notes about everything else there is", "A parser for boats"]
            .map(str::to_owned);
        let overlaps = model.overlaps(text, &TitleBoosts::default(), &proposals);
        assert!(overlaps[0] > overlaps[1] && overlaps[2] > overlaps[1], "{overlaps:?}");
        assert!(overlaps.iter().all(|overlap| (0.0..=1.0).contains(overlap)));
        // What all say is no title of its own accord: one cannot have more words of the title than it has.
        let same = vec!["a b c d e f g h i j k l m n o p".to_owned(); 5];
        assert!(model.overlaps(text, &TitleBoosts::default(), &same).iter().all(|overlap| *overlap <= 1.0));
        assert!(model.overlaps("", &TitleBoosts::default(), &[]).is_empty());
    }
}
