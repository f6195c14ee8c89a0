//! The same statements on a cluster give the same bytes, whichever executors do the work, and whichever are killed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[path = "common/cluster.rs"]
mod cluster;
#[allow(dead_code)]
#[path = "common/made.rs"]
mod made;

use datafusion::prelude::{ParquetReadOptions, SessionContext};
use rpm_core::data::MemoryItem;
use rpm_core::stats::population::{Census, Population, USERS_SHARED};
use rpm_datafusion::Fitting;

use cluster::{Cluster, executor_if_told};
use made::{Folder, file, interactions, models, name, rows, task, text, texts, write_models, write_parquet};

const USERS: usize = 120;
const FILES: usize = 8;
const AN_EXECUTOR: [&str; 3] = ["executors_do_as_they_are_told", "--exact", "--nocapture"];

/// Not a test of its own: what each executor's process does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn executors_do_as_they_are_told() {
    executor_if_told().await;
}

async fn with_tables(context: SessionContext, folder: &Folder) -> SessionContext {
    for table in ["ratings", "models"] {
        let path = folder.0.join(table);
        context.register_parquet(table, path.to_str().unwrap(), ParquetReadOptions::default()).await.unwrap();
    }
    context.register_udaf(rpm_datafusion::learn(&task()));
    context.register_udaf(rpm_datafusion::census(&task()).unwrap());
    context.register_udaf(rpm_datafusion::merge());
    context
}

/// A folder with tables of interactions and of models.
fn tables(name_of: &str) -> Folder {
    let folder = Folder::new(name_of);
    let all: Vec<_> =
        (0..USERS).flat_map(|user| interactions(user).into_iter().map(move |one| (name(user), one))).collect();
    let ratings: Vec<_> = all.chunks(all.len().div_ceil(FILES)).map(rows).collect();
    write_parquet(&folder.0.join("ratings"), &ratings);
    write_models(&folder.0.join("models"), &models(USERS), FILES);
    folder
}

fn learned_here() -> (Vec<String>, String, String) {
    let models = models(USERS);
    let items: Vec<&[MemoryItem]> = models.iter().map(|model| model.memory().items()).collect();
    let census = Census::of_all(&task(), &items).unwrap();
    let population = Population::learn(&task(), &items, USERS_SHARED).unwrap();
    (models.iter().map(file).collect(), census.to_json(), population.to_json())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_executor_and_two_give_the_bytes_of_the_library() {
    let folder = tables("executors");
    let (models, census, population) = learned_here();
    for executors in [1, 2] {
        let cluster = Cluster::start(&folder.0, executors, FILES, &AN_EXECUTOR).await;
        let context = with_tables(cluster.session(), &folder).await;
        assert_eq!(text(&context, "SELECT rpm_census(model) FROM models").await, census, "{executors}");

        let learned = "SELECT rpm_learn(user, id, query, response, time) AS model FROM ratings GROUP BY user";
        let mut there = texts(context.sql(learned).await.unwrap()).await;
        there.sort_unstable();
        assert_eq!(there, models.iter().cloned().map(Some).collect::<Vec<_>>(), "{executors}");

        // From interactions to the census in one statement, and by the parts of each model.
        let at_once = format!("SELECT rpm_census(model) FROM ({learned})");
        assert_eq!(text(&context, &at_once).await, census);
        let parts = "SELECT rpm_merge(part) FROM (SELECT rpm_census(model) AS part FROM models GROUP BY user)";
        assert_eq!(text(&context, parts).await, census);

        let all = context.sql("SELECT model FROM models").await.unwrap();
        let fitted = Fitting::new(&task(), all).run().await.unwrap();
        assert_eq!(fitted.to_json(), population, "{executors}");
        // Every executor had a part in it.
        assert!(cluster.files().iter().all(|files| *files > 0), "{:?}", cluster.files());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_executor_killed_at_work_changes_nothing() {
    let folder = tables("killed");
    let (_, census, _) = learned_here();
    let mut cluster = Cluster::start(&folder.0, 2, FILES, &AN_EXECUTOR).await;
    let context = with_tables(cluster.session(), &folder).await;
    let learned = "SELECT rpm_learn(user, id, query, response, time) AS model FROM ratings GROUP BY user";
    let at_once = format!("SELECT rpm_census(model) FROM ({learned})");
    let asked = tokio::spawn(async move { text(&context, &at_once).await });
    cluster.kill_at_work(1).await;
    assert!(!asked.is_finished(), "it was killed too late");
    assert_eq!(asked.await.unwrap(), census);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_row_comes_back_from_an_executor() {
    let folder = tables("wrong");
    let cluster = Cluster::start(&folder.0, 1, FILES, &AN_EXECUTOR).await;
    let context = with_tables(cluster.session(), &folder).await;
    let frame =
        context.sql("SELECT rpm_learn(user, id, query, 'nine', time) FROM ratings GROUP BY user").await.unwrap();
    let said = frame.collect().await.unwrap_err().to_string();
    assert!(said.contains("the user u0") && said.contains("cannot be learned"), "{said}");
    assert!(!said.contains("nine") && !said.contains("drama"), "no text of a user: {said}");
}
