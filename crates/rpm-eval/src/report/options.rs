//! The choices of a report beyond its figures.

use rpm_core::llm::Prices;

/// The choices of a report beyond its figures: the bases of comparisons, prices, and what of single users is shown.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ReportOptions {
    /// Methods that all others are compared with. Empty: the first there is of zero-shot, majority and first-sentence,
    /// or else the first method.
    pub bases: Vec<String>,
    /// The prices of the model's tokens.
    pub prices: Option<Prices>,
    /// Quotes what users were asked and responded, and what models replied. Without it no text of a user is in a report.
    pub texts: bool,
    /// A page for each user.
    pub user_pages: bool,
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

    /// Quotes users' texts in cases and pages of users. The report is then to be treated as the data is.
    #[must_use]
    pub fn texts(mut self) -> Self {
        self.texts = true;
        self
    }

    /// Adds a page for each user.
    #[must_use]
    pub fn user_pages(mut self) -> Self {
        self.user_pages = true;
        self
    }
}
