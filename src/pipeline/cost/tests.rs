//! The cost of presets for a user with many reviews.

use std::path::Path;

use pollster::block_on;
use serde_json::Value;

use super::*;
use crate::data::{Interaction, ResponseSpace, Task};
use crate::llm::{Prices, backend_fn};
use crate::pipeline::Preset;

/// One user with the reviews of several, 185 of them, and some queries that are not among them.
fn many_reviews(folder: &Path) -> (Task, History, Vec<Query>) {
    let space = ResponseSpace::scale(1, 5).unwrap();
    let task = Task::new("What score will this user give to the product, given the review they wrote?", space).unwrap();
    let task = task.query_name("review").unwrap().response_name("rating").unwrap();
    let lines = std::fs::read_to_string(folder.join("rating/users.jsonl")).unwrap();
    let users: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (mut past, mut new) = (Vec::new(), Vec::new());
    for user in &users {
        let text = |item: &Value| Query::new(item["query"].as_str().unwrap()).unwrap();
        for item in user["history"].as_array().unwrap() {
            let id = item["id"].as_str().unwrap();
            past.push(Interaction::new(id, text(item), item["response"].as_str().unwrap()).unwrap());
        }
        new.push(text(&user["test"][0]));
        if past.len() >= 185 {
            break;
        }
    }
    past.truncate(185);
    (task.clone(), History::new(&task, "many", past).unwrap(), new)
}

fn cost_of(preset: Preset, task: &Task, history: &History, queries: &[Query]) -> (CostEstimate, Vec<CostEstimate>) {
    let unused = backend_fn(|_| async { unreachable!("an estimate asks nothing") });
    let budget = Budget::default().prices(Prices::per_million(0.15, 0.60));
    let builder = RpmPipeline::builder(task.clone()).preset(preset).budget(budget);
    let pipeline = builder.backend(unused).build().unwrap();
    let learning = block_on(pipeline.cost_of_learning(history)).unwrap();
    // A user model as the stand-in leads to.
    let model = block_on(pipeline.dry().0.learn(history)).unwrap().model;
    let prepared = block_on(pipeline.open(model)).unwrap();
    let queries = queries.iter().map(|query| block_on(pipeline.cost_of_answer(&prepared, query)).unwrap());
    (learning, queries.collect())
}

/// The price list is that of GPT-4o mini: 0.15 and 0.60 US dollars per million tokens.
#[test]
fn a_user_of_185_reviews_costs_what_the_presets_promise() {
    let Some(folder) = std::env::var_os("RPM_DATA") else {
        println!("not measured on real reviews: RPM_DATA names no folder of data sets");
        return;
    };
    let (task, history, queries) = many_reviews(Path::new(&folder));
    let exact = if cfg!(feature = "tokens") { "exact" } else { "by the rule" };
    println!("prompts counted {exact}; {} reviews, {} queries", history.interactions().len(), queries.len());
    for (preset, build, per_query) in [
        (Preset::Paper, 0.058, 0.0037),
        (Preset::Balanced, 0.02, 0.0012),
        (Preset::Frugal, 0.006, 0.0006),
        (Preset::Fused, 0.0001, 0.0002),
    ] {
        let (learning, asked) = cost_of(preset, &task, &history, &queries);
        let mean = asked.iter().map(|cost| cost.total().money_expected).sum::<f64>() / asked.len() as f64;
        let most = asked.iter().map(|cost| cost.total().money_expected).fold(0.0, f64::max);
        println!("\n{preset:?}: build {:.4}, query mean {mean:.5}, dearest {most:.5}", learning.total().money_expected);
        println!("{learning}\nfirst query:\n{}", asked[0]);
        assert!(learning.total().money_expected <= build, "{preset:?}");
        assert!(mean <= per_query, "{preset:?}");
    }
}
