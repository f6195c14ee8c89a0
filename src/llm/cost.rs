//! The requests and the cost of an operation, estimated before anything is asked.

use std::collections::BTreeMap;
use std::fmt;

use super::{Budget, CompletionRequest, Stage, Usage};

/// The requests and the cost of an operation, estimated before anything is asked: see
/// [`RpmPipeline::cost_of_learning`](crate::RpmPipeline::cost_of_learning). Retries and requests that ask again for
/// what a reply lacked come on top.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CostEstimate(BTreeMap<Stage, StageCost>);

/// The requests and the cost of one stage.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct StageCost {
    /// Requests.
    pub calls: u64,
    /// Tokens of their prompts.
    pub input_tokens: u64,
    /// Tokens of the replies of a terse model.
    pub output_low: u64,
    /// Tokens of the replies to expect.
    pub output_expected: u64,
    /// The most tokens that the replies may have: every one as long as its request allows.
    pub output_most: u64,
    /// Money with the replies of a terse model, by the budget's prices; 0 without prices.
    pub money_low: f64,
    /// Money to expect.
    pub money_expected: f64,
    /// The most money.
    pub money_most: f64,
}

impl StageCost {
    fn add(&mut self, other: &Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_low = self.output_low.saturating_add(other.output_low);
        self.output_expected = self.output_expected.saturating_add(other.output_expected);
        self.output_most = self.output_most.saturating_add(other.output_most);
        self.money_low += other.money_low;
        self.money_expected += other.money_expected;
        self.money_most += other.money_most;
    }
}

impl CostEstimate {
    /// Returns the requests and the cost of one stage.
    pub fn stage(&self, stage: Stage) -> StageCost {
        self.0.get(&stage).copied().unwrap_or_default()
    }

    /// The stages that would ask, in the order of the flow.
    pub fn iter(&self) -> impl Iterator<Item = (Stage, &StageCost)> {
        self.0.iter().map(|(&stage, cost)| (stage, cost))
    }

    /// The sum over all stages.
    pub fn total(&self) -> StageCost {
        let mut total = StageCost::default();
        for cost in self.0.values() {
            total.add(cost);
        }
        total
    }

    /// Adds a request whose reply has `low` to `expected` tokens, and at most what it allows.
    pub(crate) fn enter(&mut self, request: &CompletionRequest, low: u64, expected: u64, budget: &Budget) {
        let most = u64::from(request.max_tokens);
        let (low, expected) = (low.min(most), expected.min(most));
        let input_tokens = request.input_tokens();
        let money =
            |output_tokens| budget.price(request.stage, &Usage { input_tokens, output_tokens, cached_tokens: 0 });
        self.0.entry(request.stage).or_default().add(&StageCost {
            calls: 1,
            input_tokens,
            output_low: low,
            output_expected: expected,
            output_most: most,
            money_low: money(low),
            money_expected: money(expected),
            money_most: money(most),
        });
    }
}

impl fmt::Display for CostEstimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<12}{:>8}{:>12}{:>12}{:>12}{:>12}",
            "stage", "calls", "tokens in", "out, low", "expected", "most"
        )?;
        write!(f, "{:>12}{:>12}{:>12}", "money, low", "expected", "most")?;
        let rows = self.iter().map(|(stage, cost)| (stage.as_str(), *cost));
        for (name, c) in rows.chain(std::iter::once(("total", self.total()))) {
            write!(f, "\n{name:<12}{:>8}{:>12}", c.calls, c.input_tokens)?;
            write!(f, "{:>12}{:>12}{:>12}", c.output_low, c.output_expected, c.output_most)?;
            write!(f, "{:>12.6}{:>12.6}{:>12.6}", c.money_low, c.money_expected, c.money_most)?;
        }
        Ok(())
    }
}
