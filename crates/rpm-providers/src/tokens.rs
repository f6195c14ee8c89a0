//! The probabilities of a reply's tokens.

use serde::Deserialize;

use crate::reading::{List, Real, Record, Text};
use rpm_core::llm::{TokenChoices, TokenLogprob};

/// One place of a reply: the token that stands there, and the likeliest ones.
pub(crate) fn choices(chosen: TokenLogprob, mut likeliest: Vec<TokenLogprob>) -> TokenChoices {
    if likeliest.iter().all(|token| token.token != chosen.token) {
        likeliest.push(chosen.clone());
    }
    likeliest.sort_by(|a, b| b.logprob.total_cmp(&a.logprob));
    TokenChoices::new(chosen.token, likeliest)
}

/// The probabilities of tokens as `OpenAI` and many others write them.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Logprobs {
    content: List<Record<Place>>,
}

/// A token, and the likeliest ones in its place.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Place {
    token: Text,
    logprob: Real,
    top_logprobs: List<Record<Place>>,
}

impl Logprobs {
    /// The places of the reply, each with its likeliest tokens.
    pub(crate) fn choices(self) -> Vec<TokenChoices> {
        self.content.0.into_iter().filter_map(|place| place.0?.choices()).collect()
    }
}

impl Place {
    fn choices(mut self) -> Option<TokenChoices> {
        let listed = std::mem::take(&mut self.top_logprobs.0);
        let likeliest = listed.into_iter().filter_map(|token| token.0?.told()).collect();
        Some(choices(self.told()?, likeliest))
    }

    fn told(self) -> Option<TokenLogprob> {
        Some(TokenLogprob::new(self.token.0?, self.logprob.0?))
    }
}
