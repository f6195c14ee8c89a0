//! rpm-core in SQL: what is done for many users at once, as aggregate functions of [Apache DataFusion](datafusion).
//!
//! Users are learned, and a population is fitted, from whatever DataFusion reads: Parquet, CSV, JSON, tables of a host's own, a
//! [store of models](stored::models). The state of each function is what rpm-core merges in any order to the same bytes, so a statement gives the same on
//! one thread, on all cores, and on the machines of a Ballista cluster, to which the feature `codec` sends the functions.
//!
//! | function | of | gives |
//! |---|---|---|
//! | [`rpm_learn`](learn)`(user, id, query, response [, time [, options]])` | a user's interactions: `GROUP BY user` | the user's model |
//! | [`rpm_try_learn`](try_learn) of the same | the same | the same, and NULL for a user who cannot be learned |
//! | [`rpm_why_not`](why_not) of the same | the same | why a user cannot be learned, and NULL for others |
//! | [`rpm_census`](census)`(model)` | models | their [`Census`](rpm_core::stats::population::Census) |
//! | [`rpm_sample`](sample)`(model)` | models | some of them, the same in whatever order they come |
//! | [`rpm_counts`](counts)`(model)` | models | their [`Counts`](rpm_core::stats::population::Counts) under a population |
//! | [`rpm_merge`](merge)`(part)` | censuses, or counts, of different users | the same of all of them |
//!
//! Each gives the file that rpm-core writes, as `LargeUtf8`, and reads files as text or as bytes. A row whose first column is NULL is left out.
//! [`Fitting`] goes through the statements of a population, and [`stored::save_new`] saves models.
//!
//! ```
//! use datafusion::prelude::SessionContext;
//! use rpm_core::{ResponseSpace, Task};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5)?)?;
//! let context = SessionContext::new();
//! context.register_udaf(rpm_datafusion::learn(&task));
//!
//! let models = context.sql("
//!     SELECT user, rpm_learn(user, id, query, response) AS model
//!     FROM (VALUES ('ana', '1', 'A slow, quiet drama.', '5'),
//!                  ('ana', '2', 'A loud chase through the city.', '2'),
//!                  ('ben', '1', 'A loud sequel.', '4')) AS rated (user, id, query, response)
//!     GROUP BY user").await?;
//! assert_eq!(models.count().await?, 2);
//! # Ok(())
//! # }
//! # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "codec")]
pub mod codec;
mod column;
mod drawn;
mod error;
mod fit;
mod function;
mod learned;
pub mod stored;
mod sums;

pub use error::BulkError;
pub use fit::Fitting;
pub use function::{census, counts, learn, merge, sample, try_learn, why_not};
