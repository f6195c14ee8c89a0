//! A population under noise: whatever the noise leaves of it, a user is answered no worse than alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use pollster::block_on;
use rpm_core::stats::population::{Noise, Population};
use rpm_core::{History, Interaction, Query, ResponseSpace, RpmPipeline, Task, UserModel};

const SUBJECTS: [&str; 6] = ["harbour", "lamp", "ferry", "bread", "tower", "dance"];

fn task(scale: bool) -> Task {
    let space = if scale { ResponseSpace::scale(1, 5) } else { ResponseSpace::labels(["1", "3", "5"]) };
    Task::new("How would this person rate the film?", space.unwrap()).unwrap()
}

/// People who like fog and no rain, and people of whom the reverse is true.
fn said(kind: usize, number: usize) -> (Query, &'static str) {
    let fog = number.is_multiple_of(2);
    let text = format!("A {} in the {}.", SUBJECTS[number % 6], if fog { "fog" } else { "rain" });
    (Query::new(text).unwrap(), if fog == (kind == 0) { "5" } else { "1" })
}

fn learned(task: &Task, user: usize, kind: usize, n: usize) -> UserModel {
    let of = |number: usize| {
        let (query, response) = said(kind, number);
        Interaction::new(format!("i{number}"), query, response).unwrap()
    };
    let history = History::new(task, format!("user {user}"), (0..n).map(of)).unwrap();
    block_on(RpmPipeline::offline(task.clone()).learn(&history)).unwrap().model
}

/// The mean log-probability of what the user would say, and how many of six answers are that.
fn likely(pipeline: &RpmPipeline, model: &UserModel, kind: usize) -> (f64, usize) {
    let of = |number: usize| {
        let (query, response) = said(kind, number);
        let answer = block_on(async {
            pipeline.personalize(&pipeline.open(model.clone()).await.unwrap(), &query).await.unwrap()
        });
        (answer.estimate.unwrap().probability(response).ln(), usize::from(answer.response == response))
    };
    let all: Vec<(f64, usize)> = (0..6).map(of).collect();
    (all.iter().map(|(log, _)| log).sum::<f64>() / 6.0, all.iter().map(|(_, right)| right).sum())
}

#[test]
fn a_population_that_noise_drowns_answers_nobody_worse_than_alone() {
    for scale in [true, false] {
        let task = task(scale);
        let models: Vec<UserModel> = (0..24).map(|user| learned(&task, user, user % 2, 8 + user % 5)).collect();
        let histories: Vec<_> = models.iter().map(|model| model.memory().items()).collect();
        let alone = RpmPipeline::offline(task.clone());
        for (seed, epsilon) in [(1, 0.05), (2, 0.2), (3, 1.0), (4, 1.0), (5, 4.0)] {
            let noise = Noise::new(epsilon, [seed; 32]).unwrap();
            let population = Population::learn_private(&task, &histories, 4, &noise).unwrap();
            let beside = RpmPipeline::offline_builder(task.clone()).population(population).build().unwrap();
            for (kind, n) in [(0, 3), (1, 6), (0, 12), (1, 24)] {
                let model = learned(&task, 99, kind, n);
                let ((beside, right), (alone, of)) = (likely(&beside, &model, kind), likely(&alone, &model, kind));
                // A draw of the noise may cost some confidence, and no answer: .86 for 1 is the most of it here.
                assert!(beside > alone - 0.15, "{scale} {epsilon} {n}: {beside} {alone}");
                assert!(right >= of, "{scale} {epsilon} {n}: {right} of {of}");
            }
        }
    }
}
