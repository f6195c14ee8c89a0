//! Methods by name, as a command line gives them.

use std::sync::Arc;

use async_trait::async_trait;

use crate::EvalError;
use rpm_core::data::{History, Task};

use super::average::Average;
use super::cot::Cot;
use super::few_shot_cot::FewShotCot;
use super::first_sentence::FirstSentence;
use super::knn::Knn;
use super::least_to_most::LeastToMost;
use super::majority::Majority;
use super::pag::Pag;
use super::rag::{Choice, Rag};
use super::self_consistency::SelfConsistency;
use super::spec::{Options, Spec};
use super::{Bench, Method, MethodError, PipelineMethod, Session, retrievers, rpm};

/// A method under its full name, with the options that every method has.
struct Named {
    spec: Spec,
    method: Box<dyn Method>,
    /// The latest interactions of the user that it knows, at least 1.
    own: usize,
}

#[async_trait]
impl Method for Named {
    fn name(&self) -> String {
        self.spec.to_string()
    }

    fn applies(&self, task: &Task) -> bool {
        self.method.applies(task)
    }

    fn asks_model(&self) -> bool {
        self.method.asks_model()
    }

    async fn learn(&self, history: &History, bench: &Bench<'_>) -> Result<Box<dyn Session>, MethodError> {
        let past = history.interactions();
        let kept = past.iter().skip(past.len().saturating_sub(self.own)).cloned();
        let shorter = History::new(bench.task, history.user().as_str(), kept);
        self.method.learn(&shorter.map_err(|error| MethodError::Other(error.into()))?, bench).await
    }
}

/// A description of a method in a few words, for tables; empty for a name that does not exist.
pub fn about(spec: &Spec) -> &'static str {
    match spec.name.as_str() {
        "global-majority" => "the most frequent response of all users",
        "majority" => "the user's most frequent response",
        "median" => "the user's median rating",
        "mean" => "the user's mean rating",
        "first-sentence" => "the first sentence of what is asked",
        "knn" => "the vote of the nearest past interactions, no model",
        "zero-shot" => "the model with the task alone",
        "cot" => "the model with the task alone, reasoning first",
        "self-consistency" => "the majority of several samples of reasoning",
        "rag-bm25" => "the model with the past texts most like the query, by BM25",
        "rag-dense" => "the model with the past texts most like the query, by embeddings",
        "rag-latest" => "the model with the latest past texts",
        "rag-random" => "the model with past texts at random",
        "few-shot-cot" => "the model with past texts and generic rationales",
        "least-to-most" => "the model with past texts, sub-questions first",
        "pag" => "the model with a written profile and past texts",
        "rpm" => "reasoning-level personalization with a model",
        "offline" => "the same statistics without a model",
        _ => "",
    }
}

/// The names there are, in the order of tables.
pub fn names() -> &'static [&'static str] {
    &[
        "global-majority",
        "majority",
        "median",
        "mean",
        "first-sentence",
        "knn",
        "zero-shot",
        "cot",
        "self-consistency",
        "rag-bm25",
        "rag-dense",
        "rag-latest",
        "rag-random",
        "few-shot-cot",
        "least-to-most",
        "pag",
        "rpm",
        "offline",
    ]
}

/// The method of a name and its options.
///
/// | Method | Description | Options |
/// |---|---|---|
/// | `global-majority`, `majority` | the most frequent response of all users, of the user | |
/// | `median`, `mean` | the user's average rating; scales only | |
/// | `first-sentence` | of what is asked; free text only | |
/// | `knn` | the vote of the nearest past interactions | `k=5`, `retriever=bm25-query`, `weighted=off`, `take=vote` |
/// | `zero-shot` | the model with the task alone | |
/// | `cot` | the same after reasoning step by step | |
/// | `self-consistency` | the majority of several such samples | `n=5`, `k=0` examples |
/// | `rag-bm25`, `rag-dense`, `rag-latest`, `rag-random` | the model with past interactions | `k=3` |
/// | `few-shot-cot` | the same, each with a rationale written by the model | `k=3` |
/// | `least-to-most` | sub-questions first, with past interactions | `k=3` |
/// | `pag` | a written profile of the user, with past interactions | `k=3` |
/// | `rpm` | the crate's pipeline | `preset=balanced` (`viewed=8`, `viewers=16` of `fused`), `k`, `tier=full`, `paths=model`, `estimate=off`, … |
/// | `offline` | the same without a model | `k`, `retriever`, `noise=0`, `catalog=0` factors, `others=0` folds or `set`, `shared=10` users, `epsilon=none` noise, `asked=0` questions or `drawn=0` in place of the history |
///
/// Every method that looks at the user has `own=all`: how many of the user's latest interactions it knows. With `own=0` it knows
/// none; of methods that answer by nothing else there is none such.
///
/// # Errors
/// [`EvalError::Method`] for a name or an option that does not exist, with those that do.
pub fn named(spec: &Spec) -> Result<Arc<dyn Method>, EvalError> {
    let mut options = Options::new(spec);
    let looks = !matches!(spec.name.as_str(), "zero-shot" | "cot" | "global-majority" | "first-sentence");
    let own = match if looks { options.text("own", "all") } else { "all" } {
        "all" => usize::MAX,
        own => own.parse().map_err(|_| spec.wrong("own is a number of interactions, or all"))?,
    };
    if own == 0 && !matches!(spec.name.as_str(), "rpm" | "offline") {
        return Err(spec.wrong(
            "it has nothing to go by without interactions of the user: give own=1 or more, or ask offline or rpm",
        ));
    }
    let method: Box<dyn Method> = match spec.name.as_str() {
        "global-majority" => Box::new(Majority::All),
        "majority" => Box::new(Majority::Own),
        "median" => Box::new(Average::Median),
        "mean" => Box::new(Average::Mean),
        "first-sentence" => Box::new(FirstSentence),
        "knn" => Box::new(Knn::read(&mut options)?),
        "zero-shot" => Box::new(PipelineMethod::zero_shot()),
        "cot" => Box::new(Cot),
        "self-consistency" => Box::new(SelfConsistency::read(&mut options)?),
        "few-shot-cot" => Box::new(FewShotCot::new(options.number("k", 3)?)),
        "least-to-most" => Box::new(LeastToMost::new(options.number("k", 3)?)),
        "pag" => Box::new(Pag::new(options.number("k", 3)?)),
        "rag-bm25" => Box::new(Rag::new(Choice::Retrieved(retrievers::bm25_queries()), options.number("k", 3)?)),
        "rag-dense" => Box::new(Rag::new(Choice::Retrieved(retrievers::dense_queries()), options.number("k", 3)?)),
        "rag-latest" => Box::new(Rag::new(Choice::Latest, options.number("k", 3)?)),
        "rag-random" => Box::new(Rag::new(Choice::Random, options.number("k", 3)?)),
        "rpm" => Box::new(rpm::prompted(&mut options)?.blank(own == 0)),
        "offline" => Box::new(rpm::offline(&mut options)?.blank(own == 0)),
        _ => return Err(spec.wrong(format!("there is no such method; there are {}", names().join(", ")))),
    };
    options.end()?;
    Ok(Arc::new(Named { spec: spec.clone(), method, own: own.max(1) }))
}

/// The offline pipeline with these options, as the pipeline that it is.
///
/// # Errors
/// As [`named`].
pub(crate) fn offline(spec: &Spec) -> Result<PipelineMethod, EvalError> {
    let mut options = Options::new(spec);
    let method = rpm::offline(&mut options)?;
    options.end()?;
    Ok(method)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_has_one_spelling_whatever_the_order_of_its_options() {
        let spec: Spec = "rpm:tier=pairs:estimate=on:k=2".parse().unwrap();
        assert_eq!(spec.to_string(), "rpm:estimate=on:k=2:tier=pairs");
        assert_eq!(spec.to_string().parse::<Spec>().unwrap(), spec);
        assert_eq!(named(&spec).unwrap().name(), spec.to_string());
    }

    #[test]
    fn unknown_names_options_and_values_are_refused_with_those_that_exist() {
        for (text, told) in [
            ("magic", "cot, self-consistency, rag-bm25"),
            ("majority:k=3", "it has own"),
            ("zero-shot:own=3", "it has none"),
            ("majority:own=0", "give own=1 or more, or ask offline or rpm"),
            ("knn:own=few", "own is a number of interactions, or all"),
            ("offline:others=1", "others is a number of folds, 2 or more"),
            ("offline:others=10:shared=1", "shared is at least 2 users"),
            ("rag-bm25:k=many", "k must be a number"),
            ("rpm:tier=best", "tier is one of full, pairs, factors"),
            ("offline:tier=pairs", "tier has no say in an answer without a model"),
            ("offline:gate=off", "gate has no say in an answer without a model"),
            ("rpm:k=1:k=2", "twice"),
            ("rpm:k", "an option is written"),
            ("", "it has no name"),
        ] {
            let error = text.parse::<Spec>().and_then(|spec| named(&spec).map(|_| ())).unwrap_err();
            assert!(error.to_string().contains(told), "{text}: {error}");
        }
    }

    #[test]
    fn every_name_is_a_method() {
        for name in names() {
            assert!(!about(&name.parse().unwrap()).is_empty(), "{name}");
            assert_eq!(named(&name.parse().unwrap()).unwrap().name(), *name);
        }
    }
}
