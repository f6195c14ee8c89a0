//! How likely a model found the tokens of its reply, and what else it might have said.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A token with the probability that a model gave it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TokenLogprob {
    /// The token as it stands in the reply, with the space before it where it has one. A part of a word, mostly.
    pub token: String,
    /// The natural logarithm of its probability, at most 0.
    pub logprob: f64,
}

/// One place of a reply: the token that stands there, and the likeliest that could.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TokenChoices {
    /// The token that stands there.
    pub token: String,
    /// The likeliest tokens of that place, the likeliest first; mostly, but not always, with the one that stands there. Their
    /// probabilities sum to at most 1: the rest is what is not listed.
    pub likeliest: Vec<TokenLogprob>,
}

impl TokenLogprob {
    /// A token with the natural logarithm of its probability; what is above 0 is read as 0, and what is no number as the
    /// smallest probability there is.
    pub fn new(token: impl Into<String>, logprob: f64) -> Self {
        let logprob = if logprob.is_nan() { f64::MIN } else { logprob.clamp(f64::MIN, 0.0) };
        Self { token: token.into(), logprob }
    }
}

impl TokenChoices {
    /// The token that stands at a place, and the likeliest that could.
    pub fn new(token: impl Into<String>, likeliest: Vec<TokenLogprob>) -> Self {
        Self { token: token.into(), likeliest }
    }
}

impl fmt::Debug for TokenLogprob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenLogprob").field("logprob", &self.logprob).finish_non_exhaustive()
    }
}

impl fmt::Debug for TokenChoices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenChoices").field("likeliest", &self.likeliest.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logarithm_of_a_probability_is_a_number_that_can_be_written() {
        for (given, kept) in [(0.5, 0.0), (-1.5, -1.5), (f64::NEG_INFINITY, f64::MIN), (f64::NAN, f64::MIN)] {
            let token = TokenLogprob::new("A", given);
            assert_eq!(token.logprob.to_bits(), kept.to_bits());
            let read: TokenLogprob = serde_json::from_str(&serde_json::to_string(&token).unwrap()).unwrap();
            assert_eq!(read, token);
        }
    }

    #[test]
    fn debug_output_shows_no_text() {
        let place = TokenChoices::new("secret", vec![TokenLogprob::new("secret", -0.1)]);
        assert!(!format!("{place:?} {:?}", place.likeliest).contains("secret"));
    }
}
