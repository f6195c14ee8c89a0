//! Four settings between the paper's method and one request for an answer.

use crate::answer::{FusedAnswerer, OneCallAnswerer, PromptedAnswerer};
use crate::extract::{LexicalExtractor, PromptedExtractor};
use crate::factor::{PromptedFactorModel, SimilarityFactorModel};
use crate::reason::{ComposedPathWriter, PromptedPathWriter};
use crate::stats::Fusion;

use super::{PathPolicy, RpmPipelineBuilder};

/// A pipeline's thrift with a model: four points between the paper's method and one request for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum Preset {
    /// As in the paper: each interaction in a request of its own, a path for each written while learning, three whole
    /// exemplars. The builder's defaults.
    #[default]
    Paper,
    /// The paper's method in fewer requests; learning costs about a third: four interactions in a request and at most
    /// four features of each, paths of two steps written when an interaction first serves as an exemplar, factors and
    /// exemplars cut to what matters for the query. Keep the paths that answers bring
    /// ([`UserModel::adopt_paths`](crate::UserModel::adopt_paths)), or they are paid for again.
    ///
    /// Small models (about 1.5 billion parameters) mix up several texts in one request. What they leave without a
    /// feature is asked for again by itself, which costs more than asking so at once: give them
    /// [`PromptedExtractor::items_per_request`]`(1)` after the preset.
    Balanced,
    /// Learning asks nothing; a query is one request. Features for retrieval, grouping and statistics are read off the
    /// words, paths are composed from the statistics, and the model answers with its reasons at once. The response is that of the
    /// estimate and the model's view together: see [`OneCallAnswerer`], and give it a [`Fusion`](crate::stats::Fusion) once how far
    /// the model is trusted is known. On open-ended tasks nothing is judged, so factors have no influence.
    Frugal,
    /// Learning asks nothing; a query is one request for one token. The model says how likely it finds each response, of the text alone, and
    /// that is put together with the estimate: see [`FusedAnswerer`]. Give it a [`Fusion`](crate::stats::Fusion) once how far the model is
    /// trusted is known.
    Fused,
}

impl Preset {
    /// The extractor of [`Balanced`](Self::Balanced), to change one setting of it.
    pub fn balanced_extractor() -> PromptedExtractor {
        PromptedExtractor::default().items_per_request(4).max_features(4)
    }

    /// The answerer of [`Frugal`](Self::Frugal), to change one setting of it.
    pub fn frugal_answerer() -> OneCallAnswerer {
        OneCallAnswerer::default().fusion(Fusion::default())
    }

    /// The answerer of [`Balanced`](Self::Balanced), to change one setting of it.
    pub fn balanced_answerer() -> PromptedAnswerer {
        PromptedAnswerer::default().max_steps(2).factor_tokens(350).example_tokens(120)
    }
}

impl RpmPipelineBuilder {
    /// Exchanges the extractor, the factor model, the path writer, the answerer, the number of exemplars and the policy
    /// of paths for those of a preset. What is set after it stands.
    pub fn preset(self, preset: Preset) -> Self {
        match preset {
            Preset::Paper => self
                .extractor(PromptedExtractor::default())
                .factor_model(PromptedFactorModel::default().merging_rare())
                .path_writer(PromptedPathWriter::default())
                .answerer(PromptedAnswerer::default())
                .exemplars(3)
                .paths(PathPolicy::Eager),
            Preset::Balanced => self
                .extractor(Preset::balanced_extractor())
                .factor_model(PromptedFactorModel::default())
                .path_writer(PromptedPathWriter::default().max_steps(2))
                .answerer(Preset::balanced_answerer())
                .exemplars(3)
                .paths(PathPolicy::OnFirstUse),
            Preset::Frugal => self
                .extractor(LexicalExtractor::default())
                .factor_model(SimilarityFactorModel::default())
                .path_writer(ComposedPathWriter::default())
                .answerer(Preset::frugal_answerer())
                .exemplars(3)
                .paths(PathPolicy::OnFirstUse),
            Preset::Fused => self
                .extractor(LexicalExtractor::default())
                .factor_model(SimilarityFactorModel::default())
                .path_writer(ComposedPathWriter::default())
                .answerer(FusedAnswerer::default())
                .exemplars(3)
                .paths(PathPolicy::OnFirstUse),
        }
    }
}
