#![doc = include_str!("../README.md")]

mod answer;
mod data;
mod embed;
mod explain;
mod extract;
mod factor;
mod llm;
mod packed;
mod parallel;
mod pipeline;
mod prompt;
#[cfg(feature = "providers")]
mod provider;
mod reason;
mod retrieve;
mod stats;
#[cfg(feature = "testing")]
pub mod testing;
mod words;

pub use async_trait::async_trait;

pub use answer::{AnswerError, AnswerRequest, Answerer, Draft, OneCallAnswerer, PromptedAnswerer, StatisticalAnswerer};
pub use data::{
    AssignedFeature, Calibration, DataError, Exemplar, FORMAT_NAME, FORMAT_VERSION, Factor, FactorId, FactorSet,
    FactorStats, Feature, FeatureKey, History, Interaction, ItemId, Judgement, MemoryChange, MemoryItem, PathError,
    PathOrigin, PathStep, Polarity, PolarityCounts, Provenance, Query, ReasoningMemory, ReasoningPath, ResponseSpace,
    Span, Task, Totals, UserId, UserModel, limits,
};
#[cfg(feature = "response-log")]
pub use embed::LoggedEmbedder;
pub use embed::{EmbedError, Embedder, HashedEmbedder};
#[cfg(feature = "static-model")]
pub use embed::{StaticModel, StaticModelError};
pub use explain::{
    AnswerExplanation, Candidate, CitedStep, Effect, Evidence, ExemplarEffect, ExemplarSummary, ExplainOptions,
    Explanation, FactorEffect, Faithfulness, Measure, PastEvidence, Untried, UntriedReason,
};
pub use extract::{
    Dropped, ExtractError, Extraction, FeatureExtractor, LexicalExtractor, Observation, PromptedExtractor, Reading,
    ground,
};
pub use factor::{
    FactorError, FactorFit, FactorGroup, FactorModel, FitRequest, PromptedFactorModel, SimilarityFactorModel,
};
#[cfg(feature = "tokio")]
pub use llm::TokioTimer;
#[cfg(feature = "tower")]
pub use llm::TowerBackend;
#[cfg(feature = "tokens")]
pub use llm::count_tokens;
pub use llm::{
    Attempt, BackendError, BoxError, Budget, Capabilities, Completion, CompletionRequest, CostEstimate, FinishReason,
    Ledger, Limit, LlmBackend, Message, Parameters, Prices, Progress, ReplyForm, ReplySchema, Role, Stage, StageCost,
    StageUsage, Usage, UsageReport, backend_fn, estimate_tokens,
};
#[cfg(feature = "resilience")]
pub use llm::{DeadlinePassed, ManualTimer, Resilient, Sleep, ThreadTimer, Timer};
#[cfg(feature = "response-log")]
pub use llm::{LogError, LogMode, LogStats, LoggedBackend, MemoryLimits, ResponseLog, Sending};
pub use packed::{PackedError, PackedModel};
pub use pipeline::{
    Answer, ConfigError, Error, ItemOutcome, ItemReport, LearnReport, Learned, PathPolicy, Preset, RpmPipeline,
    RpmPipelineBuilder,
};
pub use prompt::{
    AskError, Items, Prompt, PromptSet, Repair, Reply, ReplyError, StageContext, Template, TemplateError, read_items,
    read_reply,
};
#[cfg(feature = "providers")]
pub use provider::{Anthropic, ApiKey, Gemini, OpenAiCompatible, OpenAiEmbedder, ProviderError};
pub use reason::{ComposedPathWriter, PathRequest, PathWriter, PromptedPathWriter, WriteError};
pub use retrieve::{
    Bm25Index, Bm25Retriever, Compared, DenseIndex, DenseRetriever, Fusion, HybridRetriever, IndexError, MaxSimIndex,
    MaxSimRetriever, OverlapRetriever, RetrievalRequest, RetrieveError, Retrieved, Retriever, Screening,
    SelectingRetriever, VectorError, top_k,
};
pub use stats::{
    Beliefs, ChiSquare, CountRow, DEFAULT_KAPPA, Estimate, FactorSummary, Interval, KAPPA_GRID, MAX_COUNT, MAX_LEVEL,
    MAX_LIFT, MIN_EXPECTED, MeanDifference, Moments, Reason, ResponseBelief, SMALLEST_CELL, Share, Support,
    SupportThresholds, Tier, Weighted, association, base_rate, benjamini_hochberg, calibrate, chi_square, choose_kappa,
    credible_interval, dirichlet_shares, fisher_exact, gate, lift, mean_difference, min_expected, posterior_mean,
    propensity, rank_sum, wilson,
};
