//! What all processes on a store may spend on calls together: so many and so much a day, and so many a second.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_postgres::types::Type;

use rpm_core::llm::{BudgetError, BudgetLimit, Capabilities, Endpoint, Prices, Usage};
use rpm_core::store::StoreError;
use rpm_core::{BackendError, Budget, Completion, CompletionRequest, LlmBackend};

use super::error::failed;
use super::{PostgresStore, Value, statements};

/// A limit on calls and on money that all processes on a [`PostgresStore`] share; made by [`PostgresStore::allowance`].
///
/// It is hard: a call's most (its prompt as [`CompletionRequest::input_tokens`] counts it, and its `max_tokens`) is entered before the call,
/// and settled by what the provider reports after it. What was entered for a call that failed, or whose process ended, stays entered:
/// the provider may charge for it. A day is one of UTC.
///
/// A rate spaces calls out: each books its place, and waits for it. The default has no limit.
///
/// ```no_run
/// # async fn example(store: rpm_stores::PostgresStore, provider: std::sync::Arc<dyn rpm_core::LlmBackend>)
/// # -> Result<(), Box<dyn std::error::Error>> {
/// use rpm_core::llm::Prices;
///
/// let allowance = store.allowance("provider").calls_a_day(200_000).calls_a_second(20.0);
/// let backend = allowance.money_a_day(50.0, Prices::per_million(0.15, 0.60))?.wrap(provider);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Allowance {
    store: PostgresStore,
    name: String,
    calls: Option<i64>,
    /// In millionths.
    money: Option<i64>,
    prices: Prices,
    /// Between two calls.
    apart: Option<Duration>,
}

/// What was spent of an [`Allowance`] on one day.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct Spent {
    /// Calls, failed ones too.
    pub calls: u64,
    /// Money, in the currency of the prices, with what is entered for calls under way.
    pub money: f64,
}

/// A backend within an [`Allowance`]; made by [`Allowance::wrap`].
///
/// Put it around what talks to the provider, inside retries and inside [`Replies`](super::Replies), so that every attempt
/// counts and no reply that was paid for does. Past the limit of a day a call is [`BackendError::Budget`]; where the database cannot be
/// asked, [`BackendError::Transient`], and nothing is sent.
#[derive(Clone)]
#[must_use = "a backend does nothing until it is asked"]
pub struct Allowed {
    allowance: Allowance,
    backend: Arc<dyn LlmBackend>,
}

/// A call that was entered.
struct Entered {
    /// What for, in millionths.
    most: i64,
    /// On which day.
    day: String,
}

impl PostgresStore {
    /// An allowance of this name, which those of the same name in all processes share. Each says its limits.
    pub fn allowance(&self, name: impl Into<String>) -> Allowance {
        let (store, name, prices) = (self.clone(), name.into(), Prices::default());
        Allowance { store, name, calls: None, money: None, prices, apart: None }
    }
}

impl Allowance {
    /// The most calls a day.
    #[must_use]
    pub fn calls_a_day(mut self, calls: u64) -> Self {
        self.calls = Some(i64::try_from(calls).unwrap_or(i64::MAX));
        self
    }

    /// The most money a day, in the currency of the prices. Counted in millionths, rounded up.
    ///
    /// # Errors
    /// [`BudgetError`] for a limit or a price that is negative or not finite.
    pub fn money_a_day(mut self, money: f64, prices: Prices) -> Result<Self, BudgetError> {
        Budget::default().money(money).prices(prices).check()?;
        self.money = Some(millionths(money));
        self.prices = prices;
        Ok(self)
    }

    /// The most calls a second, evenly spaced: 0.5 is one every two seconds. What is not above zero is no limit. The runtime's
    /// time driver must be on, as it is under `#[tokio::main]`.
    #[must_use]
    pub fn calls_a_second(mut self, calls: f64) -> Self {
        self.apart = Duration::try_from_secs_f64(1.0 / calls).ok().filter(|apart| !apart.is_zero());
        self
    }

    /// What was spent today.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn spent_today(&self) -> Result<Spent, StoreError> {
        let values: [Value<'_>; 1] = [(&self.name, Type::TEXT)];
        let Some(row) = self.store.inner.one(statements::SPENT, &values).await? else { return Ok(Spent::default()) };
        let [calls, money]: [i64; 2] = [row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?];
        Ok(Spent { calls: u64::try_from(calls).unwrap_or_default(), money: money as f64 / 1e6 })
    }

    /// A backend that asks `backend` within this allowance.
    pub fn wrap(self, backend: impl LlmBackend + 'static) -> Allowed {
        Allowed { allowance: self, backend: Arc::new(backend) }
    }

    /// Enters a call and its most; nothing where it would exceed a limit.
    async fn enter(&self, request: &CompletionRequest) -> Result<Option<Entered>, StoreError> {
        let output_tokens = u64::from(request.max_tokens);
        let most = self.millionths_of(Usage { input_tokens: request.input_tokens(), output_tokens, cached_tokens: 0 });
        let values: [Value<'_>; 4] =
            [(&self.name, Type::TEXT), (&most, Type::INT8), (&self.calls, Type::INT8), (&self.money, Type::INT8)];
        let entered = self.store.inner.one(statements::SPEND, &values).await?;
        entered.map(|row| Ok(Entered { most, day: row.try_get(0).map_err(failed)? })).transpose()
    }

    /// Which limit it is that a call would exceed.
    async fn exceeded(&self) -> Result<BudgetLimit, StoreError> {
        let spent = self.spent_today().await?;
        let calls = self.calls.is_some_and(|most| spent.calls >= most.unsigned_abs());
        Ok(if calls { BudgetLimit::Calls } else { BudgetLimit::Money })
    }

    /// Enters what a call took in the place of its most.
    async fn settle(&self, entered: &Entered, used: Usage) -> Result<(), StoreError> {
        let more = self.millionths_of(used).saturating_sub(entered.most);
        let values: [Value<'_>; 3] = [(&self.name, Type::TEXT), (&more, Type::INT8), (&entered.day, Type::TEXT)];
        self.store.inner.one(statements::SETTLE, &values).await.map(|_| ())
    }

    /// How long to wait for the place that is booked; none is where that would be too long.
    async fn booked(&self, apart: Duration, longest: Option<Duration>) -> Result<Option<Duration>, StoreError> {
        let (seconds, longest) = (apart.as_secs_f64(), longest.map(|longest| longest.as_secs_f64()));
        let values: [Value<'_>; 3] = [(&self.name, Type::TEXT), (&seconds, Type::FLOAT8), (&longest, Type::FLOAT8)];
        let Some(row) = self.store.inner.one(statements::BOOK, &values).await? else { return Ok(None) };
        let wait: f64 = row.try_get(0).map_err(failed)?;
        Ok(Some(Duration::try_from_secs_f64(wait).unwrap_or_default()))
    }

    fn millionths_of(&self, used: Usage) -> i64 {
        millionths(self.prices.of(&used))
    }
}

/// Money in whole millionths, rounded up; from 0 to all that can be counted.
#[expect(clippy::cast_possible_truncation, reason = "a float that is cast stays within the bounds of the integer")]
fn millionths(money: f64) -> i64 {
    (money * 1e6).ceil() as i64
}

#[async_trait]
impl LlmBackend for Allowed {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        let allowance = &self.allowance;
        // Before it is entered: what is not sent is not charged.
        if let Some(apart) = allowance.apart {
            let wait = allowance.booked(apart, request.time_left()).await.map_err(BackendError::transient)?;
            let wait = wait.ok_or(BackendError::Budget { limit: BudgetLimit::Time })?;
            if !wait.is_zero() {
                allowance.store.inner.connections.sleep(wait).await;
            }
        }
        let Some(entered) = allowance.enter(request).await.map_err(BackendError::transient)? else {
            let limit = allowance.exceeded().await.map_err(BackendError::transient)?;
            return Err(BackendError::Budget { limit });
        };
        let completion = self.backend.complete(request).await?;
        if let Some(used) = completion.usage {
            // Where it cannot be entered, the most stays.
            let _ = allowance.settle(&entered, used).await;
        }
        Ok(completion)
    }

    fn capabilities(&self) -> Capabilities {
        self.backend.capabilities()
    }

    fn model(&self) -> &str {
        self.backend.model()
    }

    fn meters(&self) -> bool {
        self.backend.meters()
    }

    fn endpoint(&self) -> Endpoint<'_> {
        self.backend.endpoint()
    }

    fn name(&self) -> &str {
        self.backend.name()
    }
}

impl fmt::Debug for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Allowed")
            .field("backend", &self.backend.name())
            .field("allowance", &self.allowance)
            .finish_non_exhaustive()
    }
}
