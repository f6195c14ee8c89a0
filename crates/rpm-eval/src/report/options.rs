//! The choices of a report beyond its figures.

use rpm_core::llm::Prices;

/// The choices of a report beyond its figures: the bases of comparisons, and prices.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ReportOptions {
    /// Methods that all others are compared with. Empty: the first there is of zero-shot, majority and first-sentence,
    /// or else the first method.
    pub bases: Vec<String>,
    /// The prices of the model's tokens.
    pub prices: Option<Prices>,
}

impl ReportOptions {
    /// Compares all methods with this one too.
    #[must_use]
    pub fn base(mut self, method: impl Into<String>) -> Self {
        self.bases.push(method.into());
        self
    }

    /// Adds the cost of answers, at these prices.
    #[must_use]
    pub fn prices(mut self, prices: Prices) -> Self {
        self.prices = Some(prices);
        self
    }
}
