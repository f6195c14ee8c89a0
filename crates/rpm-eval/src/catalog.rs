//! A catalog of a data set's texts.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;

use rpm_core::RpmPipeline;
use rpm_core::catalog::{Catalog, CatalogBuilder, CatalogError, CatalogNamer, Moved, Proposal};
use rpm_core::data::{Interaction, Task};
use rpm_core::llm::LlmBackend;

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
    /// What a model made of the names, where one was asked.
    pub naming: Option<SetNaming>,
    /// The catalog.
    #[serde(skip)]
    pub catalog: Catalog,
}

/// A factor of a catalog, with the number of texts that have it.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CatalogLabel {
    /// The label.
    pub label: String,
    /// Texts.
    pub texts: u32,
}

/// A model's naming pass over a catalog, in numbers.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SetNaming {
    /// Calls, those answered from a log left out.
    pub calls: u64,
    /// Tokens sent.
    pub input_tokens: u64,
    /// Tokens received.
    pub output_tokens: u64,
    /// Seconds that the pass took.
    pub seconds: f64,
    /// Names before and after, of those that changed.
    pub renamed: Vec<(String, String)>,
    /// Factors with another description.
    pub described: usize,
    /// Factors that were merged or split.
    pub moved: usize,
    /// Factors without a usable reply.
    pub unanswered: usize,
    /// What was refused: kind and reason, with how often.
    pub refused: BTreeMap<String, usize>,
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
        let built = Self {
            name: set.name.clone(),
            texts: histories.iter().map(Vec::len).sum(),
            factors: 0,
            bytes: 0,
            seconds,
            assign_p50_us: 0.0,
            coverage: 0.0,
            labels: Vec::new(),
            naming: None,
            catalog,
        };
        Ok(built.tried(set))
    }

    /// With what is to be said of its catalog, which is tried on the test queries.
    fn tried(mut self, set: &Dataset) -> Self {
        let (mut times, mut with) = (Vec::new(), 0_usize);
        for item in set.users.iter().flat_map(|user| &user.tests) {
            let started = Instant::now();
            let found = self.catalog.assign(item.query.text());
            times.push(started.elapsed());
            with += usize::from(!found.is_empty());
        }
        let label = |factor: &rpm_core::catalog::CatalogFactor| {
            let texts = factor.texts().unwrap_or_default();
            CatalogLabel { label: factor.label().to_owned(), texts }
        };
        self.labels = self.catalog.factors().iter().map(label).collect();
        self.labels.sort_by(|a, b| b.texts.cmp(&a.texts).then_with(|| a.label.cmp(&b.label)));
        (self.factors, self.bytes) = (self.catalog.factors().len(), self.catalog.to_json().len());
        self.assign_p50_us = median(&mut times).as_secs_f64() * 1e6;
        self.coverage = with as f64 / times.len().max(1) as f64;
        self
    }

    /// Has a model name the factors, in one pass over the catalog that is judged by the texts it was built from.
    ///
    /// # Errors
    /// [`EvalError::Naming`] when the model gave no reply.
    pub async fn named(mut self, set: &Dataset, backend: impl LlmBackend + 'static) -> Result<Self, EvalError> {
        let unnamed = |source| EvalError::Naming { set: self.name.clone(), source };
        let builder = RpmPipeline::builder(set.task.clone()).backend(backend);
        let pipeline = builder.build().map_err(|error| unnamed(error.into()))?;
        let texts = set.users.iter().flat_map(|user| &user.history).map(|interaction| interaction.query().text());
        let namer = CatalogNamer::default().texts(texts);
        let started = Instant::now();
        let named = pipeline.name_catalog(&self.catalog, &namer).await.map_err(|error| unnamed(Box::new(error)))?;
        let seconds = started.elapsed().as_secs_f64();
        let mut renamed = Vec::new();
        for factor in named.catalog.factors() {
            let before = self.catalog.get(factor.id()).filter(|before| before.label() != factor.label());
            renamed.extend(before.map(|before| (before.label().to_owned(), factor.label().to_owned())));
        }
        let mut refused: BTreeMap<String, usize> = BTreeMap::new();
        for one in &named.refused {
            let kind = match one.proposal {
                Proposal::Name => "name",
                Proposal::Description => "description",
                Proposal::Merge(_) => "merge",
                _ => "split",
            };
            *refused.entry(format!("{kind}: {:?}", one.reason)).or_default() += 1;
        }
        let total = named.usage.total();
        self.naming = Some(SetNaming {
            calls: total.calls,
            input_tokens: total.input_tokens,
            output_tokens: total.output_tokens,
            seconds,
            moved: named.changes.iter().filter(|change| change.moved != Moved::Renamed).count(),
            renamed,
            described: named.described,
            unanswered: named.unanswered.len(),
            refused,
        });
        self.catalog = named.catalog;
        Ok(self.tried(set))
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
        ) + &self.naming.as_ref().map(SetNaming::to_markdown).unwrap_or_default()
    }
}

impl SetNaming {
    fn to_markdown(&self) -> String {
        let Self { calls, input_tokens, output_tokens, seconds, described, moved, unanswered, .. } = self;
        let renamed: Vec<String> = self.renamed.iter().map(|(from, to)| format!("{from} → {to}")).collect();
        let refused: Vec<String> = self.refused.iter().map(|(why, times)| format!("{why} ({times})")).collect();
        format!(
            "Named by a model: {calls} calls, {input_tokens} tokens sent and {output_tokens} received, {seconds:.0} s; \
             {described} described, {moved} merged or split, {unanswered} unanswered\n\n{}\n\nRefused: {}\n\n",
            renamed.join(" · "),
            if refused.is_empty() { "nothing".to_owned() } else { refused.join(", ") },
        )
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

impl fmt::Debug for CatalogLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatalogLabel")
            .field("bytes", &self.label.len())
            .field("texts", &self.texts)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SetNaming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetNaming")
            .field("calls", &self.calls)
            .field("renamed", &self.renamed.len())
            .field("described", &self.described)
            .field("moved", &self.moved)
            .field("unanswered", &self.unanswered)
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}
