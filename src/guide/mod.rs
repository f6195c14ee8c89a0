//! The README, and the guides of the repository's `docs` folder as pages.
//!
//! The pages are the files themselves. A link in them is a reference whose definition stands at the file's end and leads to
//! the other file; `links.md` defines the same references first, and leads to the other page.
//!
#![doc = include_str!("links.md")]
#![doc = include_str!("../../README.md")]

#[doc = include_str!("links.md")]
#[doc = include_str!("../../docs/cookbook.md")]
pub mod cookbook {}

#[doc = include_str!("links.md")]
#[doc = include_str!("../../docs/method.md")]
pub mod method {}

#[doc = include_str!("links.md")]
#[doc = include_str!("../../docs/living.md")]
pub mod living {}

#[doc = include_str!("links.md")]
#[doc = include_str!("../../docs/others.md")]
pub mod others {}

#[doc = include_str!("links.md")]
#[doc = include_str!("../../docs/retrieval.md")]
pub mod retrieval {}

#[doc = include_str!("links.md")]
#[doc = include_str!("../../docs/llm.md")]
pub mod llm {}

#[doc = include_str!("links.md")]
#[doc = include_str!("../../docs/evaluation.md")]
pub mod evaluation {}

#[doc = include_str!("links.md")]
#[doc = include_str!("../../docs/user-model.md")]
pub mod user_model {}

#[doc = include_str!("links.md")]
#[doc = include_str!("../../docs/limits.md")]
pub mod limits {}

#[doc = include_str!("links.md")]
#[doc = include_str!("../../docs/architecture.md")]
pub mod architecture {}

#[doc = include_str!("links.md")]
#[doc = include_str!("../../docs/performance.md")]
pub mod performance {}

#[doc = include_str!("links.md")]
#[doc = include_str!("../../docs/fleet.md")]
pub mod fleet {}

#[doc = include_str!("links.md")]
#[doc = include_str!("../../docs/glossary.md")]
pub mod glossary {}

#[doc = include_str!("links.md")]
#[doc = include_str!("../../CONTRIBUTING.md")]
pub mod contributing {}

#[doc = include_str!("links.md")]
#[doc = include_str!("../../docs/telemetry.md")]
pub mod telemetry {}

#[doc = include_str!("links.md")]
#[doc = include_str!("../../docs/release.md")]
pub mod release {}

#[doc = include_str!("links.md")]
#[doc = include_str!("../../SECURITY.md")]
pub mod security {}

#[doc = include_str!("links.md")]
#[doc = "# Decisions\n\nWhy some things are as they are: the question, the choice, its cost.\n"]
#[doc = include_str!("../../docs/decisions/0001-features-carry-spans.md")]
#[doc = include_str!("../../docs/decisions/0002-counts-and-factor-ids.md")]
#[doc = include_str!("../../docs/decisions/0003-framing-user-text.md")]
#[doc = include_str!("../../docs/decisions/0004-own-template-filler.md")]
#[doc = include_str!("../../docs/decisions/0005-derived-beside-the-memory.md")]
#[doc = include_str!("../../docs/decisions/0006-paths-eager-or-on-first-use.md")]
#[doc = include_str!("../../docs/decisions/0007-reasons-before-the-response.md")]
#[doc = include_str!("../../docs/decisions/0008-own-opinion-words.md")]
#[doc = include_str!("../../docs/decisions/0009-estimate.md")]
#[doc = include_str!("../../docs/decisions/0010-one-query-per-extraction-request.md")]
#[doc = include_str!("../../docs/decisions/0011-joint-vote.md")]
#[doc = include_str!("../../docs/decisions/0012-a-name-for-each-group.md")]
#[doc = include_str!("../../docs/decisions/0013-an-index-that-is-exact-after-any-edit.md")]
#[doc = include_str!("../../docs/decisions/0014-vectors-without-approximation.md")]
#[doc = include_str!("../../docs/decisions/0015-what-overlap-weighs.md")]
#[doc = include_str!("../../docs/decisions/0016-fusion-and-selection.md")]
#[doc = include_str!("../../docs/decisions/0017-static-model.md")]
#[doc = include_str!("../../docs/decisions/0018-a-packed-file-beside-the-json.md")]
#[doc = include_str!("../../docs/decisions/0019-a-model-is-a-function.md")]
#[doc = include_str!("../../docs/decisions/0020-composed-paths-are-not-kept.md")]
#[doc = include_str!("../../docs/decisions/0021-stores-compare-versions.md")]
#[doc = include_str!("../../docs/decisions/0022-what-a-counterfactual-takes-away.md")]
#[doc = include_str!("../../docs/decisions/0023-the-harness-draws-users.md")]
#[doc = include_str!("../../docs/decisions/0024-a-workspace.md")]
#[doc = include_str!("../../docs/decisions/0026-threads.md")]
#[doc = include_str!("../../docs/decisions/0028-values-instead-of-caches.md")]
#[doc = include_str!("../../docs/decisions/0029-factors-recur.md")]
#[doc = include_str!("../../docs/decisions/0030-a-regression-on-factors.md")]
#[doc = include_str!("../../docs/decisions/0031-an-estimate-in-parts.md")]
#[doc = include_str!("../../docs/decisions/0032-catalog.md")]
#[doc = include_str!("../../docs/decisions/0033-what-follows-is-not-stored.md")]
#[doc = include_str!("../../docs/decisions/0034-what-is-muted-was-never-written.md")]
#[doc = include_str!("../../docs/decisions/0035-a-model-proposes-names.md")]
#[doc = include_str!("../../docs/decisions/0036-one-language-a-history.md")]
#[doc = include_str!("../../docs/decisions/0037-kinds-of-people.md")]
#[doc = include_str!("../../docs/decisions/0038-asked-told-taken-back.md")]
#[doc = include_str!("../../docs/decisions/0039-noise-on-responses.md")]
#[doc = include_str!("../../docs/decisions/0040-axes.md")]
#[doc = include_str!("../../docs/decisions/0041-fusing.md")]
#[doc = include_str!("../../docs/decisions/0042-one-call.md")]
#[doc = include_str!("../../docs/decisions/0043-for-people.md")]
#[doc = include_str!("../../docs/decisions/0044-ids-of-128-bits.md")]
#[doc = include_str!("../../docs/decisions/0045-what-was-begun-before-a-forget.md")]
#[doc = include_str!("../../docs/decisions/0046-one-file-many-names.md")]
#[doc = include_str!("../../docs/decisions/0047-users-in-postgres.md")]
#[doc = include_str!("../../docs/decisions/0048-the-queue.md")]
#[doc = include_str!("../../docs/decisions/0049-an-engine-that-exists.md")]
#[doc = include_str!("../../docs/decisions/0050-a-population-as-a-job.md")]
#[doc = include_str!("../../docs/decisions/0051-mcp.md")]
#[doc = include_str!("../../docs/decisions/0052-over-the-hosts-client.md")]
#[doc = include_str!("../../docs/decisions/0027-dependencies-that-stand-still.md")]
#[doc = include_str!("../../docs/decisions/0025-one-container.md")]
pub mod decisions {}

#[doc = include_str!("links.md")]
#[doc = "[breaking]: crate::guide::changelog\n\n"]
#[doc = include_str!("../../CHANGELOG.md")]
pub mod changelog {}
