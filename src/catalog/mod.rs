//! The factors that many users of one task share: written by the host, computed from texts, or both.
//!
//! ```text
//! names, terms, descriptions ── Catalog::of, from_json ──┐
//!                                                        ├─ joined ─ Catalog ─ assign(text) → factors with spans
//! texts of a task ───────────── CatalogBuilder::build ───┘      │
//!                                                               └─ renamed, merged, split, without → the next version
//! a model, where there is one ── CatalogNamer: names, sentences, merges and splits that hold ───────────┘
//! pipeline:  query → extractor → features ∪ { a feature for each factor assigned } → the user's factors
//! ```
//!
//! A [`Catalog`] holds names and terms and no text of anyone. A pipeline that is
//! [given one](crate::RpmPipelineBuilder::catalog) has each of its factors that occurs in a history among the user's factors,
//! however seldom it was seen, under one id for all users; what recurs for one user alone is a factor beside them.
//!
//! ```
//! use rpm_core::catalog::{Catalog, CatalogFactor};
//!
//! let films = Catalog::of([
//!     CatalogFactor::new("car chase").with_terms(["pursuit", "getaway car"]),
//!     CatalogFactor::new("slow pace").with_terms(["slow", "unhurried"]),
//!     CatalogFactor::new("practical stunts"),
//! ])?;
//! let text = "An unhurried drama that ends in two car chases.";
//! let found = films.assign(text);
//! assert_eq!(found.iter().map(|found| found.factor.label()).collect::<Vec<_>>(), ["car chase", "slow pace"]);
//! assert_eq!(&text[found[0].span().start..found[0].span().end], "car chases");
//! # Ok::<(), rpm_core::catalog::CatalogError>(())
//! ```
//!
//! # Contract
//! - **Presence.** A factor is in a text when its label stands there, or terms of it do whose weights sum to 1 or more. A
//!   term that a host gives weighs 1 unless it says otherwise. Of a factor without terms the key words of its description
//!   weigh one half each. Words are compared by their stems, those of a term in order and within a clause; a term under a
//!   negation does not count, a term counts once, and a word of the text for one term of a factor.
//! - **Order.** The same factors make the same catalog, the same bytes and the same digest, in whatever order they were
//!   given; the same texts make the same catalog in any order and on any number of threads.
//! - **Versions.** A catalog is not changed in place. Each change gives the next version, which remembers where the ids of
//!   the one before went, so that [a user model can follow](crate::UserModel::move_to) with its edits.
//! - **Nobody's text.** A computed catalog has a term only when enough different texts have it, and enough users where the
//!   texts say whose they are.
//! - However a catalog is read, it passes the checks of [`Catalog::of`] or is refused with an error that names the factor.
//!
//! Guide: [the method](crate::guide::method).

mod build;
mod change;
mod contents;
mod error;
mod factor;
mod file;
mod index;
mod naming;
#[cfg(test)]
mod tests;

pub use build::CatalogBuilder;
pub use change::{CatalogChange, Moved};
pub use contents::Catalog;
pub use error::CatalogError;
pub use factor::{CatalogFactor, CatalogTerm};
pub use file::{FORMAT_NAME, FORMAT_VERSION};
pub use index::Assigned;
pub use naming::{CatalogNamer, NamedCatalog, NamingError, Proposal, Refused, RefusedFor, Unanswered};
