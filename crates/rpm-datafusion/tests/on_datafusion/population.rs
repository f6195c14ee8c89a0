//! `rpm_census`, `rpm_counts`, `rpm_merge`, and a population of them.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BinaryArray, RecordBatch, StringArray};
use datafusion::arrow::error::ArrowError;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use proptest::prelude::*;
use rpm_core::data::MemoryItem;
use rpm_core::stats::population::{Census, Counts, Population, PopulationError, USERS_SHARED};
use rpm_core::{History, Interaction, Query, ResponseSpace, RpmPipeline, Task, UserModel};
use rpm_datafusion::{BulkError, Fitting};

use crate::made::{file, model_rows, models, task, text, texts};
use crate::{session, wrong};

const USERS: usize = 60;

fn items(models: &[UserModel]) -> Vec<&[MemoryItem]> {
    models.iter().map(|model| model.memory().items()).collect()
}

/// The models in so many partitions of small batches.
fn split(models: &[UserModel], partitions: usize) -> Vec<Vec<RecordBatch>> {
    let size = models.len().div_ceil(partitions);
    models.chunks(size).map(|part| part.chunks(4).map(model_rows).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn sums_are_the_librarys_in_any_order_of_users_and_any_split(
        shuffled in Just(models(23)).prop_shuffle(),
        partitions in 1_usize..6,
        threads in 1_usize..4,
    ) {
        let models = models(23);
        let population = Arc::new(Population::learn(&task(), &items(&models), 5).unwrap());
        let census = Census::of_all(&task(), &items(&models)).unwrap().to_json();
        let counts = population.count_all(&items(&models)).unwrap().to_json();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        runtime.block_on(async {
            let context = session(threads, "models", split(&shuffled, partitions));
            context.register_udaf(rpm_datafusion::counts(population));
            for (function, expected) in [("rpm_census", census), ("rpm_counts", counts)] {
                assert_eq!(text(&context, &format!("SELECT {function}(model) FROM models")).await, expected);
                let parts = format!("SELECT {function}(model) AS part FROM models GROUP BY user");
                assert_eq!(text(&context, &format!("SELECT rpm_merge(part) FROM ({parts})")).await, expected);
            }
        });
    }
}

#[tokio::test]
async fn a_population_fitted_by_statements_is_that_of_the_library() {
    let models = models(USERS);
    let by_library = Population::learn(&task(), &items(&models), USERS_SHARED).unwrap();
    let context = session(2, "models", split(&models, 3));
    let all = context.sql("SELECT model FROM models").await.unwrap();
    let fitted = Fitting::new(&task(), all).run().await.unwrap();
    assert_eq!(fitted.to_json(), by_library.to_json());
}

#[tokio::test]
async fn a_census_of_a_part_is_of_the_same_users_in_any_order_and_all_are_counted() {
    let models = models(90);
    let mut reversed = models.clone();
    reversed.reverse();
    let mut fitted = Vec::new();
    for (models, partitions) in [(&models, 3), (&reversed, 1)] {
        let context = session(2, "models", split(models, partitions));
        let all = context.sql("SELECT model FROM models").await.unwrap();
        let population = Fitting::new(&task(), all.clone()).k(5).census_of(45).run().await.unwrap();
        assert_eq!(population.users(), 90);
        assert_ne!(population.to_json(), Fitting::new(&task(), all).k(5).run().await.unwrap().to_json());
        fitted.push(population.to_json());
    }
    assert_eq!(fitted[0], fitted[1]);
}

#[tokio::test]
async fn a_sample_is_of_as_many_as_asked_for_the_same_in_any_order_and_split() {
    let models = models(40);
    let mut reversed = models.clone();
    reversed.reverse();
    let mut samples = Vec::new();
    for (models, partitions) in [(&models, 4), (&reversed, 1)] {
        let context = session(2, "models", split(models, partitions));
        context.register_udaf(rpm_datafusion::sample(7));
        samples.push(text(&context, "SELECT rpm_sample(model) FROM models").await);
    }
    assert_eq!(samples[0], samples[1]);
    let drawn: Vec<String> = serde_json::from_str(&samples[0]).unwrap();
    assert_eq!(drawn.len(), 7);
    let files: Vec<String> = models.iter().map(file).collect();
    assert!(drawn.iter().all(|one| files.contains(one)));
    assert!(drawn.iter().any(|one| *one > files[20]) && drawn.iter().any(|one| *one < files[20]), "of all of them");
}

#[tokio::test]
async fn bytes_are_read_as_texts_are() {
    let models = models(3);
    let files: Vec<String> = models.iter().map(file).collect();
    let column: ArrayRef =
        Arc::new(files.iter().map(|file| Some(file.as_bytes())).chain([None]).collect::<BinaryArray>());
    let context = session(1, "models", vec![vec![RecordBatch::try_from_iter([("model", column)]).unwrap()]]);
    let census = Census::of_all(&task(), &items(&models)).unwrap();
    assert_eq!(text(&context, "SELECT rpm_census(model) FROM models").await, census.to_json());
}

#[tokio::test]
async fn nobody_has_an_empty_census_and_no_parts() {
    let models = models(1);
    let context = session(1, "models", split(&models, 1));
    let none = "SELECT rpm_census(model) FROM models WHERE user = ''";
    assert_eq!(text(&context, none).await, Census::new(&task()).unwrap().to_json());
    assert_eq!(texts(context.sql("SELECT rpm_merge(model) FROM models WHERE user = ''").await.unwrap()).await, [None]);
}

#[tokio::test]
async fn what_cannot_be_summed_is_refused_and_not_shown() {
    let other = Task::new("Is it any good?", ResponseSpace::scale(1, 10).unwrap()).unwrap();
    let history =
        History::new(&other, "zoe", [Interaction::new("a", Query::new("A secret word.").unwrap(), "9").unwrap()]);
    let stranger = RpmPipeline::offline(other).learn(&history.unwrap()).await.unwrap().model;
    let models = models(20);
    let population = Arc::new(Population::learn(&task(), &items(&models), 5).unwrap());
    let counts = population.count_all(&items(&models)).unwrap().to_json();
    let census = Census::of_all(&task(), &items(&models)).unwrap().to_json();
    let of = |parts: &[&str]| -> Vec<Vec<RecordBatch>> {
        let column: ArrayRef = Arc::new(parts.iter().map(|part| Some(*part)).collect::<StringArray>());
        vec![vec![RecordBatch::try_from_iter([("it", column)]).unwrap()]]
    };
    let census_cut = &census[..census.len() / 2];
    let cases: [(&str, &[&str], &str); 7] = [
        ("rpm_census", &[&file(&stranger)], "the model of the user zoe is of another task"),
        ("rpm_counts", &[&file(&stranger)], "the model of the user zoe is of another task"),
        ("rpm_census", &["a secret word"], "a model cannot be read, of 13 bytes: "),
        ("rpm_merge", &["a secret word"], "a part of 13 bytes is neither a census nor counts"),
        ("rpm_merge", &[census_cut], "not a census: "),
        ("rpm_merge", &[&counts[..counts.len() - 9]], "not counts: "),
        ("rpm_merge", &[&census, &counts], "the sums are of another kind: one is a census, one is counts"),
    ];
    for (function, parts, begins) in cases {
        let context = session(1, "parts", of(parts));
        context.register_udaf(rpm_datafusion::counts(Arc::clone(&population)));
        let said = wrong(&context, &format!("SELECT {function}(it) FROM parts")).await;
        assert!(said.starts_with(&format!("BulkError({begins}")), "{function}: {said}");
        assert!(!said.contains("secret"), "no text of a user: {said}");
    }
}

#[tokio::test]
async fn a_population_says_why_there_is_none() {
    let models = models(4);
    let context = session(1, "models", split(&models, 1));
    let frame = || async { context.sql("SELECT model FROM models").await.unwrap() };
    let of = |error: BulkError| match error {
        BulkError::Population(error) => error,
        other => panic!("{other:?}"),
    };
    let few = Fitting::new(&task(), frame().await).run().await.unwrap_err();
    assert_eq!(of(few), PopulationError::TooFew { users: 4, k: 10 });
    let text = Task::new("Write a title.", ResponseSpace::Text { max_chars: 80 }).unwrap();
    let free = Fitting::new(&text, frame().await).run().await.unwrap_err();
    assert_eq!(of(free), PopulationError::FreeText);
    let both = context.sql("SELECT user, model FROM models").await.unwrap();
    let wide = Fitting::new(&task(), both).k(2).run().await.unwrap_err();
    assert!(matches!(wide, BulkError::Result(_)), "{wide:?}");
}

#[tokio::test]
async fn a_reworded_question_does_not_part_models_from_their_population() {
    let models = models(12);
    let reworded = Task::new("What would they give the film?", ResponseSpace::scale(1, 5).unwrap()).unwrap();
    let context = session(1, "models", split(&models, 1));
    context.register_udaf(rpm_datafusion::census(&reworded).unwrap());
    let census = Census::of_all(&task(), &items(&models)).unwrap().to_json();
    assert_eq!(text(&context, "SELECT rpm_census(model) FROM models").await, census);
}

#[tokio::test]
async fn what_is_wrong_is_found_however_the_engine_wrapped_it() {
    let wrong = || DataFusionError::External(Box::new(BulkError::NoPart { bytes: 3 }));
    let shared = Arc::new(wrong());
    let cases = [
        wrong(),
        wrong().context("while merging"),
        DataFusionError::Shared(Arc::clone(&shared)),
        DataFusionError::External(Box::new(wrong())),
        DataFusionError::ArrowError(Box::new(ArrowError::ExternalError(Box::new(wrong()))), None),
        DataFusionError::Collection(vec![DataFusionError::Plan("another".to_owned()), wrong()]),
    ];
    for case in cases {
        assert!(matches!(BulkError::from(case), BulkError::NoPart { bytes: 3 }));
    }
    // What is not this crate's stays as it was.
    let other = BulkError::from(DataFusionError::Plan("no such table".to_owned()).context("while planning"));
    assert!(format!("{other:?}").contains("while planning"), "{other:?}");
    drop(shared);
}

#[tokio::test]
async fn sums_of_many_users_fit_into_the_memory_that_a_sum_takes() {
    let models = models(600);
    let population = Arc::new(Population::learn(&task(), &items(&models), 5).unwrap());
    let runtime = RuntimeEnvBuilder::new().with_memory_limit(96 << 20, 1.0).build_arc().unwrap();
    let context = SessionContext::new_with_config_rt(SessionConfig::new().with_target_partitions(2), runtime);
    let schema = model_rows(&models[..1]).schema();
    context.register_table("models", Arc::new(MemTable::try_new(schema, split(&models, 4)).unwrap())).unwrap();
    context.register_udaf(rpm_datafusion::counts(Arc::clone(&population)));
    // Of ten times as many users as there are.
    let many = "SELECT rpm_counts(model) FROM models CROSS JOIN generate_series(1, 10)";
    let counts = Counts::from_json(&text(&context, many).await).unwrap();
    assert_eq!(counts.users(), 6_000);
}
