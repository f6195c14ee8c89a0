//! A catalog of a data set's texts.

use std::time::{Duration, Instant};

use serde::Serialize;

use rpm_core::catalog::{Catalog, CatalogBuilder, CatalogError};
use rpm_core::data::{Interaction, Task};

use crate::EvalError;
use crate::dataset::Dataset;

/// The catalog that the histories' texts of all users make. No response and no test item goes in, so it may serve any of
/// them; whoever asks for no user's texts to be known beforehand leaves that user out of the data set.
///
/// # Errors
/// [`CatalogError`].
pub fn of_histories(task: &Task, histories: &[Vec<Interaction>], topics: usize) -> Result<Catalog, CatalogError> {
    let texts = histories.iter().flatten().map(|interaction| interaction.query().text());
    CatalogBuilder::default().task(task).topics(topics).texts(texts).build()
}

/// A catalog of a data set in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SetCatalog {
    /// The data set.
    pub name: String,
    /// Texts of the histories.
    pub texts: usize,
    /// Factors of the catalog.
    pub factors: usize,
    /// Bytes of its file.
    pub bytes: usize,
    /// Seconds that building took.
    pub seconds: f64,
    /// The median time to find the factors of a test query, in microseconds.
    pub assign_p50_us: f64,
    /// The share of test queries with a factor.
    pub coverage: f64,
    /// The factors, those in the most texts first.
    pub labels: Vec<CatalogLabel>,
    /// The catalog.
    #[serde(skip)]
    pub catalog: Catalog,
}

/// A factor of a catalog, with the number of texts that have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CatalogLabel {
    /// The label.
    pub label: String,
    /// Texts.
    pub texts: u32,
}

impl SetCatalog {
    /// Builds the catalog of a data set, and tries it on the test queries.
    ///
    /// # Errors
    /// [`EvalError::Catalog`].
    pub fn of(set: &Dataset, topics: usize) -> Result<Self, EvalError> {
        let histories: Vec<Vec<Interaction>> = set.users.iter().map(|user| user.history.clone()).collect();
        let started = Instant::now();
        let catalog = of_histories(&set.task, &histories, topics)
            .map_err(|source| EvalError::Catalog { set: set.name.clone(), source })?;
        let seconds = started.elapsed().as_secs_f64();
        let (mut times, mut with) = (Vec::new(), 0_usize);
        for item in set.users.iter().flat_map(|user| &user.tests) {
            let started = Instant::now();
            let found = catalog.assign(item.query.text());
            times.push(started.elapsed());
            with += usize::from(!found.is_empty());
        }
        let label = |factor: &rpm_core::catalog::CatalogFactor| {
            let texts = factor.texts().unwrap_or_default();
            CatalogLabel { label: factor.label().to_owned(), texts }
        };
        let mut labels: Vec<CatalogLabel> = catalog.factors().iter().map(label).collect();
        labels.sort_by(|a, b| b.texts.cmp(&a.texts).then_with(|| a.label.cmp(&b.label)));
        Ok(Self {
            name: set.name.clone(),
            texts: histories.iter().map(Vec::len).sum(),
            factors: catalog.factors().len(),
            bytes: catalog.to_json().len(),
            seconds,
            assign_p50_us: median(&mut times).as_secs_f64() * 1e6,
            coverage: with as f64 / times.len().max(1) as f64,
            labels,
            catalog,
        })
    }

    /// The numbers and the labels as Markdown.
    pub fn to_markdown(&self) -> String {
        let Self { name, texts, factors, bytes, seconds, assign_p50_us, coverage, labels, .. } = self;
        let list: Vec<String> = labels.iter().map(|label| format!("{} ({})", label.label, label.texts)).collect();
        format!(
            "## {name}\n\n{factors} factors of {texts} texts in {seconds:.2} s, {bytes} bytes; found in {:.0} % of the test \
             queries, in {assign_p50_us:.1} µs each (median)\n\n{}\n\n",
            100.0 * coverage,
            list.join(" · "),
        )
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
