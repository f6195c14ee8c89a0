//! What learns the users whose factors are looked at.

use std::fmt;
use std::sync::Arc;

use rpm_core::answer::StatisticalAnswerer;
use rpm_core::catalog::Catalog;
use rpm_core::data::{Feature, Task};
use rpm_core::extract::PromptedExtractor;
use rpm_core::factor::PromptedFactorModel;
use rpm_core::llm::LlmBackend;
use rpm_core::pipeline::{ConfigError, RpmPipeline};

/// How the users are learned whose factors are looked at: without a model, unless one is given.
#[derive(Clone, Default)]
pub struct Learner {
    catalog: Option<Arc<Catalog>>,
    latest: Option<usize>,
    model: Option<ByModel>,
}

#[derive(Clone)]
struct ByModel {
    backend: Arc<dyn LlmBackend>,
    extractor: PromptedExtractor,
    naming: PromptedFactorModel,
}

impl fmt::Debug for Learner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Learner")
            .field("catalog", &self.catalog.is_some())
            .field("latest", &self.latest)
            .field("by_model", &self.model.is_some())
            .finish()
    }
}

impl Learner {
    /// Gives the pipeline a catalog.
    #[must_use]
    pub fn catalog(mut self, catalog: Arc<Catalog>) -> Self {
        self.catalog = Some(catalog);
        self
    }

    /// Looks at so many latest interactions of each user. Default: all.
    #[must_use]
    pub fn latest(mut self, interactions: usize) -> Self {
        self.latest = Some(interactions);
        self
    }

    /// Has a model find the features and name the factors. Test items are not asked then: each would be paid for.
    #[must_use]
    pub fn by_model(
        mut self,
        backend: Arc<dyn LlmBackend>,
        extractor: PromptedExtractor,
        naming: PromptedFactorModel,
    ) -> Self {
        self.model = Some(ByModel { backend, extractor, naming });
        self
    }

    /// Of so many interactions, those that are passed over.
    pub(super) fn passed_over(&self, interactions: usize) -> usize {
        interactions.saturating_sub(self.latest.unwrap_or(usize::MAX))
    }

    /// True when test items are asked as well.
    pub(super) fn asks_later(&self) -> bool {
        self.model.is_none()
    }

    /// True for a feature of a factor of the catalog.
    pub(super) fn is_of_catalog(&self, feature: &Feature) -> bool {
        self.catalog.as_deref().is_some_and(|catalog| catalog.named(&feature.key()).is_some())
    }

    pub(super) fn pipeline(&self, task: &Task) -> Result<RpmPipeline, ConfigError> {
        let mut builder = RpmPipeline::offline_builder(task.clone());
        if let Some(ByModel { backend, extractor, naming }) = self.model.clone() {
            builder = builder.backend(backend).extractor(extractor).factor_model(naming).answerer(StatisticalAnswerer);
        }
        if let Some(catalog) = &self.catalog {
            builder = builder.catalog(Arc::clone(catalog));
        }
        builder.build()
    }
}
