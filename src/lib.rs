#![doc = include_str!("../README.md")]

pub mod answer;
pub mod data;
pub mod embed;
pub mod explain;
pub mod extract;
pub mod factor;
pub mod files;
pub mod llm;
pub mod packed;
mod parallel;
pub mod pipeline;
pub mod prompt;
pub mod reason;
pub mod retrieve;
pub mod revise;
pub mod stats;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod words;

pub use async_trait::async_trait;

pub use answer::{AnswerError, AnswerRequest, Answerer, Draft, OneCallAnswerer, PromptedAnswerer, StatisticalAnswerer};
pub use data::{
    AssignedFeature, Calibration, DataError, Decay, ESTABLISHED_AFTER, ESTABLISHED_COHESION, Edit, EditRecord,
    EditedStep, Exemplar, FORMAT_NAME, FORMAT_VERSION, Factor, FactorId, FactorSet, FactorStats, FactorStatus, Feature,
    FeatureKey, History, Interaction, ItemId, Judgement, MemoryChange, MemoryItem, PathError, PathOrigin, PathStep,
    Polarity, PolarityCounts, Provenance, Query, ReasoningMemory, ReasoningPath, ResponseSpace, Span, Task, Totals,
    UserId, UserModel, limits,
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
    Answer, ConfigError, Error, ItemOutcome, ItemReport, LearnReport, Learned, ObserveOutcome, ObserveReport,
    ObservedItem, PathPolicy, Preset, RpmPipeline, RpmPipelineBuilder, StoredAnswer, StoredError, StoredPipeline,
};
pub use prompt::{
    AskError, Items, Prompt, PromptSet, Repair, Reply, ReplyError, StageContext, Template, TemplateError, read_items,
    read_reply,
};
pub use reason::{ComposedPathWriter, PathRequest, PathWriter, PromptedPathWriter, WriteError};
pub use retrieve::{
    Bm25Index, Bm25Retriever, Compared, DenseIndex, DenseRetriever, Fusion, HybridRetriever, IndexError, MaxSimIndex,
    MaxSimRetriever, OverlapRetriever, RetrievalRequest, RetrieveError, Retrieved, Retriever, Screening,
    SelectingRetriever, VectorError, top_k,
};
pub use revise::{EditError, Forget, MERGE_LIKENESS, MERGE_P, PROPOSE_AFTER, Probe, Proposal, Receipt, SPLIT_P};
pub use stats::{
    Beliefs, ChiSquare, CountRow, DEFAULT_KAPPA, DRIFT_ALARM, Drift, Estimate, FactorSummary, Halves, Interval,
    KAPPA_GRID, LEAST_HALVED, MAX_COUNT, MAX_LEVEL, MAX_LIFT, MIN_EXPECTED, MeanDifference, Moments, RELIABILITY_BINS,
    Reason, Reliability, ReliabilityBin, ResponseBelief, SHORTEST_WINDOW, SMALLEST_CELL, SMALLEST_SCORED, Share,
    Support, SupportThresholds, Tier, Weighted, association, base_rate, benjamini_hochberg, calibrate,
    cautious_interval, chi_square, choose_kappa, credible_interval, dirichlet_shares, fisher_exact, gate, lift,
    lift_reliability, mean_difference, min_expected, plausible_kappa, posterior_mean, propensity, rank_sum,
    scale_stability, split_half_reliability, stability, wilson,
};
pub use store::{MemoryStore, StoreError, StoredModel, UserModelStore, Version};
