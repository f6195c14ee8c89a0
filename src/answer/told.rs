//! What a reply tells of the responses: by the probabilities of the tokens of a place, or by what was stated.

use crate::data::text::fold;
use crate::llm::TokenChoices;
use crate::stats::{ModelView, ViewError};

use super::reading::Allowed;

/// What models write for a space at the beginning of a token.
pub(super) const SPACES: [char; 3] = [' ', '\u{2581}', '\u{120}'];
/// Below this a logarithm of a probability is none: some servers write a large number for what they do not tell.
const NEVER: f64 = -60.0;
/// What is said of the point beside one that is stated, in parts of what is said of that.
const NEXT_POINT: f64 = 1.0 / 3.0;

/// The view that a place of a reply gives, where the response that stands there is among those whose probabilities are told. `of` tells
/// which response a token means.
pub(super) fn likely(place: &TokenChoices, responses: usize, of: impl Fn(&str) -> Option<usize>) -> Option<ModelView> {
    let chosen = of(&place.token)?;
    let told: Vec<(Option<usize>, f64)> = place
        .likeliest
        .iter()
        .filter(|token| token.logprob > NEVER)
        .map(|token| (of(&token.token), token.logprob.exp()))
        .collect();
    let mut shares = vec![0.0; responses];
    for (place, p) in &told {
        if let Some(share) = place.and_then(|place| shares.get_mut(place)) {
            *share += p;
        }
    }
    shares.get(chosen).filter(|share| **share > 0.0)?;
    // What is not listed is no likelier than the last that is, and all of it no likelier than what these leave.
    let (least, left) = told.iter().fold((1.0_f64, 1.0), |(least, left), (_, p)| (least.min(*p), left - p));
    let missing = shares.iter().filter(|share| **share <= 0.0).count().max(1) as f64;
    for share in shares.iter_mut().filter(|share| **share <= 0.0) {
        *share = (least / 2.0).min(left.max(0.0) / missing);
    }
    ModelView::new(shares).ok()
}

/// The view that the first token of the last value of a key gives in a reply in JSON, with the place of the response that the token says;
/// `None` where probabilities are not told, or responses begin alike.
pub(super) fn of_value(tokens: &[TokenChoices], key: &str, options: &[Allowed]) -> Option<(usize, ModelView)> {
    let text: String = tokens.iter().map(|choices| choices.token.as_str()).collect();
    let value = value_of(&text, key)?;
    let mut end = 0;
    let place = tokens.iter().find(|choices| {
        end += choices.token.len();
        value < end
    })?;
    let shown: Vec<String> = options.iter().map(|option| fold(option.shown())).collect();
    let of = |token: &str| begins(token, &shown);
    Some((of(&place.token)?, likely(place, options.len(), of)?))
}

/// Where the last value of a key begins, behind its quotation mark. The same word as a value, such as the name of a reason, is no key.
fn value_of(text: &str, key: &str) -> Option<usize> {
    let quoted = format!("\"{key}\"");
    text.rmatch_indices(&quoted).find_map(|(at, found)| {
        let rest = text.get(at + found.len()..)?.trim_start_matches(blank).strip_prefix(':')?;
        let value = rest.trim_start_matches(|c: char| blank(c) || c == '"');
        (!value.is_empty()).then(|| text.len() - value.len())
    })
}

/// The one response that begins with a token. One that others begin with as well, such as 1 of 1 to 10, is not told by it.
fn begins(token: &str, shown: &[String]) -> Option<usize> {
    let word = token.trim_matches(|c: char| blank(c) || c.is_ascii_punctuation());
    let word = fold(word);
    let meant = |shown: &String| !word.is_empty() && shown.starts_with(&word);
    let mut meant = shown.iter().enumerate().filter(|(_, shown)| meant(shown)).map(|(place, _)| place);
    meant.next().filter(|_| meant.next().is_none())
}

fn blank(c: char) -> bool {
    c.is_whitespace() || SPACES.contains(&c)
}

/// The view of a model that said these, one after another: shares of what was said, beside half of one for what could have been. On a
/// scale a third of what is said of a point is said of the next one, and so on: who says 1 would rather say 2 than 5.
pub(super) fn counted(responses: usize, said: &[usize], near: bool) -> Result<ModelView, ViewError> {
    let mut shares = vec![0.5 / responses.max(1) as f64; responses];
    for said in said {
        let says = |place: usize| match place.abs_diff(*said) {
            0 => 1.0,
            _ if !near => 0.0,
            off => NEXT_POINT.powi(i32::try_from(off).unwrap_or(i32::MAX)),
        };
        let all: f64 = (0..responses).map(says).sum();
        for (place, share) in shares.iter_mut().enumerate() {
            *share += says(place) / all.max(1.0);
        }
    }
    ModelView::new(shares)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::TokenLogprob;

    fn reply(tokens: &[&str]) -> Vec<TokenChoices> {
        let place = |token: &&str| TokenChoices::new(*token, vec![TokenLogprob::new(*token, -0.1)]);
        tokens.iter().map(place).collect()
    }

    fn most(tokens: &[TokenChoices], options: &[&str]) -> Option<usize> {
        let allowed: Vec<Allowed> = options.iter().map(|option| Allowed::new(option, option)).collect();
        let (said, view) = of_value(tokens, "answer", &allowed)?;
        let most = view.shares().iter().copied().fold(0.0, f64::max);
        assert_eq!(view.shares().iter().position(|share| *share >= most), Some(said));
        Some(said)
    }

    #[test]
    fn the_value_of_a_key_is_found_however_its_tokens_are_cut() {
        let votes = ["yes", "no", "abstain"];
        for (tokens, place) in [
            (vec!["{\"", "answer", "\":\"", "no", "\",", "\"reasons\""], Some(1)),
            (vec!["{", "\n \"", "answer", "\"", ":", " \"", "abst", "ain", "\"}"], Some(2)),
            (vec!["{\"answer\":", " \"No", "\"}"], Some(1)),
            (vec!["{\"answer", "\":", "\u{120}\"", "YES\"}"], Some(0)),
            (vec!["{\"response\":\"", "no", "\"}"], None),
            (vec!["{\"answer\":\"", "no", "\"} rather {\"answer\":\"", "yes", "\"}"], Some(0)),
            (vec!["{\"answer\":\"", "no", "\",\"reasons\":[{\"name\":\"answer\",\"why\":\"yes\"}]}"], Some(1)),
            (vec!["{\"answer\":\""], None),
            (vec![], None),
        ] {
            assert_eq!(most(&reply(&tokens), &votes), place, "{tokens:?}");
        }
        assert_eq!(most(&reply(&["{\"answer\": ", "4", "}"]), &["1", "2", "3", "4", "5"]), Some(3));
    }

    #[test]
    fn a_token_that_several_responses_begin_with_tells_none_of_them() {
        let agree = ["strongly agree", "agree", "strongly disagree"];
        assert_eq!(most(&reply(&["{\"answer\":\"", "strongly", " agree"]), &agree), None);
        assert_eq!(most(&reply(&["{\"answer\":\"", "agree", "\"}"]), &agree), Some(1));
        assert_eq!(most(&reply(&["{\"answer\":\"", "not", "\"}"]), &["not ironic", "ironic"]), Some(0));
        assert_eq!(most(&reply(&["{\"answer\":\"", "no", "\"}"]), &["no", "not sure"]), None);
        let ten: Vec<String> = (1..=10).map(|point| point.to_string()).collect();
        let ten: Vec<&str> = ten.iter().map(String::as_str).collect();
        assert_eq!(most(&reply(&["{\"answer\":\"", "1", "0\"}"]), &ten), None);
        assert_eq!(most(&reply(&["{\"answer\":\"", "7", "\"}"]), &ten), Some(6));
    }
}
