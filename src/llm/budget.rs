//! The most that an operation may use, and what tokens cost.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{CompletionRequest, Stage, Usage};

/// The prices of tokens, in any currency per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Prices {
    /// Of the prompt.
    pub input: f64,
    /// Of the prompt's tokens that the provider serves from its cache.
    pub cached: f64,
    /// Of the reply.
    pub output: f64,
}

impl Prices {
    /// Prices per million tokens; cached ones cost as much as others.
    pub fn per_million(input: f64, output: f64) -> Self {
        Self { input, cached: input, output }
    }

    /// The price of cached tokens per million.
    #[must_use]
    pub fn cached(mut self, cached: f64) -> Self {
        self.cached = cached;
        self
    }

    /// Checks that they are prices.
    ///
    /// # Errors
    /// [`BudgetError`] for one that is negative or not finite.
    pub fn check(&self) -> Result<(), BudgetError> {
        let named = [
            ("the price of input tokens", self.input),
            ("the price of cached tokens", self.cached),
            ("the price of output tokens", self.output),
        ];
        match named.into_iter().find(|(_, price)| !price.is_finite() || *price < 0.0) {
            Some((what, _)) => Err(BudgetError { what }),
            None => Ok(()),
        }
    }

    /// Returns the cost of these tokens.
    pub fn of(&self, used: &Usage) -> f64 {
        let cached = used.cached_tokens.min(used.input_tokens);
        let fresh = used.input_tokens - cached;
        (fresh as f64 * self.input + cached as f64 * self.cached + used.output_tokens as f64 * self.output) / 1e6
    }
}

/// The most that one operation may use, retries included. Hard: an attempt that could exceed it is not made.
///
/// Tokens and money are reserved before an attempt (its prompt as
/// [`CompletionRequest::input_tokens`] counts it and its
/// `max_tokens`) and settled by what the provider reports after it. Time counts from the operation's start; after it no
/// attempt begins. The default has no limit.
///
/// ```
/// use rpm_core::llm::Prices;
/// use rpm_core::Budget;
///
/// let budget = Budget::default().calls(500).money(0.05).prices(Prices::per_million(0.15, 0.60));
/// # let _ = budget;
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Budget {
    calls: Option<u64>,
    tokens: Option<u64>,
    money: Option<f64>,
    time: Option<Duration>,
    prices: Prices,
    by_stage: BTreeMap<Stage, Prices>,
}

/// Money that cannot be counted: a price that is negative or not finite, or a limit that is negative or no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} cannot be: give a finite number from 0 on")]
#[non_exhaustive]
pub struct BudgetError {
    /// The amount in question.
    pub what: &'static str,
}

/// The quantity that a budget limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BudgetLimit {
    /// Attempts.
    Calls,
    /// Tokens of prompts and replies.
    Tokens,
    /// Money.
    Money,
    /// Time since the operation's start.
    Time,
}

impl BudgetLimit {
    /// Its name in reports and spans.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Tokens => "tokens",
            Self::Money => "money",
            Self::Time => "time",
        }
    }
}

impl fmt::Display for BudgetLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Budget {
    /// The most attempts.
    #[must_use]
    pub fn calls(mut self, calls: u64) -> Self {
        self.calls = Some(calls);
        self
    }

    /// The most tokens, of prompts and replies together.
    #[must_use]
    pub fn tokens(mut self, tokens: u64) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// The most money, in the currency of the [`prices`](Self::prices).
    #[must_use]
    pub fn money(mut self, money: f64) -> Self {
        self.money = Some(money);
        self
    }

    /// The longest time. What was done by then stands, and the operation goes on to its end without the model. `Resilient`
    /// gives up what is under way at that moment, pauses and waits too, and the ready-made providers wait no longer for an
    /// answer. A host's own backend sees it as [`CompletionRequest::time_left`].
    #[must_use]
    pub fn time(mut self, time: Duration) -> Self {
        self.time = Some(time);
        self
    }

    /// Sets the prices of tokens. Default: 0.
    #[must_use]
    pub fn prices(mut self, prices: Prices) -> Self {
        self.prices = prices;
        self
    }

    /// Sets the prices of one stage's tokens, where another model does it.
    #[must_use]
    pub fn prices_for(mut self, stage: Stage, prices: Prices) -> Self {
        self.by_stage.insert(stage, prices);
        self
    }

    /// The end of an operation that starts now.
    pub(super) fn until(&self) -> Option<Instant> {
        self.time.and_then(|time| Instant::now().checked_add(time))
    }

    /// Returns the most that an attempt may use.
    pub(super) fn most(&self, request: &CompletionRequest) -> Spent {
        let used = Usage {
            input_tokens: request.input_tokens(),
            output_tokens: u64::from(request.max_tokens),
            cached_tokens: 0,
        };
        self.spent(request.stage, &used)
    }

    /// Returns the cost of these tokens of one stage.
    pub(crate) fn price(&self, stage: Stage, used: &Usage) -> f64 {
        self.by_stage.get(&stage).unwrap_or(&self.prices).of(used)
    }

    pub(super) fn spent(&self, stage: Stage, used: &Usage) -> Spent {
        let tokens = used.input_tokens.saturating_add(used.output_tokens);
        Spent { calls: 1, tokens, money: self.price(stage, used) }
    }

    /// Checks that its money can be counted, as a pipeline's builder does.
    ///
    /// # Errors
    /// [`BudgetError`] for a price that is negative or not finite, and for an amount of money that is negative or no number.
    pub fn check(&self) -> Result<(), BudgetError> {
        self.prices.check()?;
        self.by_stage.values().try_for_each(Prices::check)?;
        match self.money {
            Some(most) if most.is_nan() || most < 0.0 => Err(BudgetError { what: "the most money" }),
            _ => Ok(()),
        }
    }

    /// The first limit that this would exceed. Money that cannot be counted is over every limit.
    pub(super) fn exceeded(&self, sum: &Spent) -> Option<BudgetLimit> {
        if self.calls.is_some_and(|most| sum.calls > most) {
            Some(BudgetLimit::Calls)
        } else if self.tokens.is_some_and(|most| sum.tokens > most) {
            Some(BudgetLimit::Tokens)
        } else if self.check().is_err() || self.money.is_some_and(|most| is_over(sum.money, most)) {
            Some(BudgetLimit::Money)
        } else {
            None
        }
    }
}

/// True unless so much is within the limit, give or take what rounding does.
fn is_over(spent: f64, most: f64) -> bool {
    spent.partial_cmp(&(most * (1.0 + 1e-12))).is_none_or(Ordering::is_gt)
}

/// An amount of everything a budget limits.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Spent {
    pub(super) calls: u64,
    pub(super) tokens: u64,
    pub(super) money: f64,
}

impl Spent {
    pub(super) fn and(&self, other: &Self) -> Self {
        Self {
            calls: self.calls.saturating_add(other.calls),
            tokens: self.tokens.saturating_add(other.tokens),
            money: self.money + other.money,
        }
    }

    pub(super) fn less(&self, other: &Self) -> Self {
        Self {
            calls: self.calls.saturating_sub(other.calls),
            tokens: self.tokens.saturating_sub(other.tokens),
            money: (self.money - other.money).max(0.0),
        }
    }
}
