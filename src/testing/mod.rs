//! Stands in for a model in a host's tests, and checks that a part of a host's own keeps its contract.
//!
//! [`ScriptedBackend`] answers every stage offline, from a script where a test gives one: with it an integration is tested without a key.
//!
//! # Conformance
//!
//! A backend ([`LlmBackend`](crate::LlmBackend)) is run against mock servers that answer as the real ones do, errors
//! included. Nothing but 127.0.0.1 is used.
//!
//! ```no_run
//! use rpm_core::testing::{OpenAiMock, backend_conformance};
//! # use rpm_core::{BackendError, Completion, CompletionRequest, LlmBackend, async_trait};
//! # struct MyBackend;
//! # impl MyBackend { fn new(_: &str, _: &str, _: &str, _: std::time::Duration) -> Self { Self } }
//! # #[async_trait]
//! # impl LlmBackend for MyBackend {
//! #     async fn complete(&self, _: &CompletionRequest) -> Result<Completion, BackendError> { Ok(Completion::new("")) }
//! # }
//!
//! # async fn checked() {
//! let make = |setup: &rpm_core::testing::Setup| {
//!     MyBackend::new(&setup.base_url, &setup.model, &setup.key, setup.timeout)
//! };
//! backend_conformance(make, &OpenAiMock).await.unwrap();
//! # }
//! ```
//!
//! A retriever ([`Retriever`](crate::Retriever)) ranks made-up memories, offline.
//!
//! ```
//! use rpm_core::retrieve::{Bm25Retriever, DenseRetriever};
//! use rpm_core::testing::{embedding_retriever_conformance, retriever_conformance};
//!
//! # pollster::block_on(async {
//! retriever_conformance(Bm25Retriever::default).await?;
//! embedding_retriever_conformance(DenseRetriever::new).await?;
//! # Ok::<(), rpm_core::testing::ConformanceError>(())
//! # }).unwrap();
//! ```
//!
//! A user model store ([`UserModelStore`](crate::store::UserModelStore)) is given made-up models, and versions of every kind.
//!
//! ```
//! use rpm_core::InMemoryStore;
//! use rpm_core::testing::user_model_store_conformance;
//!
//! # pollster::block_on(async {
//! user_model_store_conformance(InMemoryStore::new).await?;
//! # Ok::<(), rpm_core::testing::ConformanceError>(())
//! # }).unwrap();
//! ```

mod adapter;
mod anthropic;
mod checks;
mod conformance;
mod dialect;
#[doc(hidden)]
pub mod disk;
mod error;
mod gemini;
mod memories;
mod openai;
mod question;
mod recorded;
mod retrieval;
mod scripted;
mod server;
mod store;
mod stored_models;
mod tally;
mod vectors;
mod wait;

pub use adapter::Setup;
pub use anthropic::AnthropicMock;
pub use conformance::backend_conformance;
pub use dialect::{Asked, Ending, Expected, MockDialect, Recorded};
pub use error::ConformanceError;
pub use gemini::GeminiMock;
pub use openai::OpenAiMock;
pub use recorded::{NoReply, NotRecorded};
pub use retrieval::{embedding_retriever_conformance, retriever_conformance};
pub use scripted::ScriptedBackend;
pub use server::{Canned, MockServer, Sent};
pub use store::{durable_user_model_store_conformance, user_model_store_conformance};
