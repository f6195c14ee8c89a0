//! Reasoning-level personalization of black-box LLMs: learns from a user's past queries and responses what in a query
//! sways that user, which way and how surely, and answers a new query the way that user would, with the reasons.
//!
//! ```
//! use rpm_core::{Personalizer, ResponseSpace, Task};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5)?)?;
//! # #[cfg(feature = "blocking")] {
//! let films = Personalizer::offline(task).blocking();
//! films.record("ana", "A quiet drama in natural light.", 5)?;
//! films.record("ana", "Loud action and huge explosions.", 1)?;
//! films.record("ana", "A quiet walk along a river.", 5)?;
//! let told = films.answer("ana", "A quiet film about a lighthouse.")?;
//! assert_eq!(told.response, "5");
//! println!("{told}"); // in plain words, with what it is made of
//! # }
//! # Ok(())
//! # }
//! ```
//!
//! That runs without a model. For a pipeline that asks one, implement [`LlmBackend`], hand it to
//! [`RpmPipeline::builder`], and what it builds to [`Personalizer::new`].
//!
//! # Where things are
//!
//! The root has what a host types every day. Everything else is in a module with a page of its own:
//!
//! | to … | see | in |
//! |---|---|---|
//! | record, answer, show a profile, ignore, forget, by user id | [`Personalizer`] | [`personalizer`] |
//! | show a user what is known of them | [`Prepared::profile`] | [`profile`] |
//! | state the task and bring a user's history | [`Task`], [`History`] | [`data`] |
//! | learn, open, answer, take in, forget | [`RpmPipeline`], [`Prepared`]; by user id [`StoredPipeline`] | [`pipeline`] |
//! | give the reasons of an answer, or test them | [`Answer::reasons`], [`RpmPipeline::explain`] | [`explain`] |
//! | read what was learned, with intervals | [`Beliefs`](stats::Beliefs) | [`stats`] |
//! | change a user model, pack it into a file | [`UserModel::edit`], [`Forget`] | [`model`] |
//! | keep user models | [`InMemoryStore`], [`UserModelStore`](store::UserModelStore) | [`store`] |
//! | connect a language model, log and limit what it costs | [`LlmBackend`], [`Budget`] | [`llm`] |
//! | word the requests anew | [`PromptSet`](prompt::PromptSet) | [`prompt`] |
//! | write a stage of one's own | [`StageContext`](context::StageContext) | [`context`] |
//! | find features in a query | [`FeatureExtractor`] | [`extract`] |
//! | group features into factors | [`FactorModel`] | [`factor`] |
//! | learn from other users, ask a newcomer | [`Population`](stats::population::Population), [`Prepared::next_question`] | [`stats::population`], [guide](guide::others) |
//! | share factors between the users of a task | [`Catalog`](catalog::Catalog) | [`catalog`] |
//! | write how a past response came about | [`PathWriter`] | [`reason`] |
//! | find the past interactions that matter | [`Retriever`] | [`retrieve`] |
//! | turn text into vectors | [`Embedder`](embed::Embedder) | [`embed`] |
//! | answer in another way | [`Answerer`] | [`answer`] |
//! | tell what is wrong with a binary file, or write one | [`DamagedFile`](container::DamagedFile) | [`container`] |
#![cfg_attr(
    feature = "testing",
    doc = "| test without a model; check that a part of one's own keeps its contract | [`ScriptedBackend`](testing::ScriptedBackend), [`backend_conformance`](testing::backend_conformance) | [`testing`] |"
)]
#![cfg_attr(
    not(feature = "testing"),
    doc = "| test without a model; check that a part of one's own keeps its contract | feature `testing` | `testing` |"
)]
//!
//! Ready-made backends are in [rpm-providers](https://docs.rs/rpm-providers), stores that last in
//! [rpm-stores](https://docs.rs/rpm-stores), and the evaluation harness in [rpm-eval](https://docs.rs/rpm-eval). How it works,
//! and how to use it well, stands in the [guide].
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod answer;
pub mod catalog;
pub mod container;
pub mod context;
pub mod data;
pub mod embed;
pub mod explain;
pub mod extract;
pub mod factor;
pub mod files;
#[cfg(doc)]
pub mod guide;
pub mod llm;
mod markup;
pub mod model;
mod operation;
mod parallel;
mod pause;
pub mod personalizer;
pub mod pipeline;
pub mod profile;
pub mod prompt;
pub mod reason;
pub mod retrieve;
pub mod stats;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod words;

pub use async_trait::async_trait;

pub use answer::Answerer;
pub use data::{
    DataError, Edit, Factor, FactorId, Feature, History, Interaction, ItemId, Query, ReasoningPath, ResponseSpace,
    Task, UserId,
};
pub use explain::Reasons;
pub use extract::FeatureExtractor;
pub use factor::FactorModel;
pub use llm::{BackendError, Budget, Completion, CompletionRequest, LlmBackend, backend_fn};
pub use model::{Forget, UserModel};
pub use personalizer::Personalizer;
pub use pipeline::{
    Answer, ConfigError, Error, Prepared, Preset, RpmPipeline, RpmPipelineBuilder, StoredError, StoredPipeline,
};
pub use reason::PathWriter;
pub use retrieve::Retriever;
pub use stats::Tier;
pub use store::InMemoryStore;
