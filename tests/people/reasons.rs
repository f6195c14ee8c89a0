//! Reasons in few words: an answer as a sum that adds up, in text, as a picture and in sentences.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use crate::common::{interaction, query, scale_task};
use pollster::block_on;
use proptest::prelude::*;
use rpm_core::explain::{Reasons, WaterfallUnit};
use rpm_core::stats::population::Population;
use rpm_core::{Edit, History, ResponseSpace, RpmPipeline, Task};

const WORDS: [&str; 12] = [
    "slow drama",
    "loud action",
    "quiet lake",
    "car chase",
    "open ending",
    "old friends",
    "huge explosions",
    "great acting",
    "awful plot",
    "natural light",
    "long film",
    "sharp jokes",
];

fn text(words: &[usize]) -> String {
    let chosen: Vec<&str> = words.iter().filter_map(|place| WORDS.get(*place)).copied().collect();
    format!("A film with {}.", chosen.join(", "))
}

fn tasks() -> [(Task, Vec<&'static str>); 2] {
    let labels =
        Task::new("Would this person see it?", ResponseSpace::labels(["yes", "no", "maybe"]).unwrap()).unwrap();
    [(scale_task(), vec!["1", "2", "3", "4", "5"]), (labels, vec!["yes", "no", "maybe"])]
}

fn reasons_of(task: &Task, history: &History, others: Option<&[History]>, asked: &str, muted: Option<&str>) -> Reasons {
    block_on(async {
        let mut builder = RpmPipeline::offline_builder(task.clone());
        if let Some(others) = others {
            let alone = RpmPipeline::offline(task.clone());
            let mut users = Vec::new();
            for other in others {
                users.push(alone.learn(other).await.unwrap().model.memory().items().to_vec());
            }
            builder = builder.population(Population::learn(task, &users, 2).unwrap());
        }
        let pipeline = builder.build().unwrap();
        let mut user = pipeline.open(pipeline.learn(history).await.unwrap().model).await.unwrap();
        let named = |label| user.model().factors().iter().find(|factor| factor.label() == label);
        if let Some(factor) = muted.and_then(named).map(|factor| factor.id().clone()) {
            pipeline.edit(&mut user, Edit::Mute { factor }).await.unwrap();
        }
        pipeline.personalize(&user, &query(asked)).await.unwrap().reasons(&user)
    })
}

fn assert_adds_up(reasons: &Reasons) {
    let estimate = reasons.estimate.as_ref().unwrap();
    for (place, weighted) in estimate.responses().iter().enumerate() {
        let added: f64 = estimate.parts().iter().map(|part| part.added[place]).sum();
        assert!((weighted.base + added - weighted.probability).abs() < 1e-9, "{}", weighted.response);
    }
    let sum = reasons.waterfall().unwrap();
    let end = sum.start + sum.steps.iter().map(|step| step.added).sum::<f64>();
    assert!((end - sum.end).abs() < 1e-9, "{end} is not {}", sum.end);
    let expected = match sum.unit {
        WaterfallUnit::Points => estimate
            .responses()
            .iter()
            .map(|weighted| weighted.response.parse::<f64>().unwrap() * weighted.probability)
            .sum::<f64>(),
        _ => estimate.probability(&reasons.response),
    };
    assert!((sum.end - expected).abs() < 1e-9);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_each_source_added_sums_to_the_answer(
        own in prop::collection::vec((prop::collection::vec(0..WORDS.len(), 1..4), 0..5_usize), 0..24),
        others in prop::collection::vec(prop::collection::vec((prop::collection::vec(0..WORDS.len(), 1..4), 0..5_usize), 3..8), 2..5),
        is_beside in any::<bool>(),
        asked in prop::collection::vec(0..WORDS.len(), 1..5),
        muted in any::<bool>(),
    ) {
        for (task, responses) in tasks() {
            let history = |user: &str, items: &[(Vec<usize>, usize)]| {
                let item = |(number, (words, response)): (usize, &(Vec<usize>, usize))| {
                    let time = i64::try_from(number).unwrap();
                    interaction(&format!("i{number}"), &text(words), responses[response % responses.len()], time)
                };
                History::new(&task, user, items.iter().enumerate().map(item)).unwrap()
            };
            let others: Vec<History> =
                others.iter().enumerate().map(|(number, items)| history(&format!("u{number}"), items)).collect();
            if own.is_empty() {
                continue;
            }
            let beside = is_beside.then_some(others.as_slice());
            assert_adds_up(&reasons_of(&task, &history("ana", &own), beside, &text(&asked), muted.then_some("slow drama")));
        }
    }
}

fn ana() -> History {
    let items = (0..24).map(|number| {
        let (words, response) = match number % 4 {
            0 => (vec![0, 2], "5"),
            1 => (vec![1, 6], "1"),
            2 => (vec![0, 9], "4"),
            _ => (vec![1, 3], "2"),
        };
        interaction(&format!("i{number:02}"), &text(&words), response, number)
    });
    History::new(&scale_task(), "ana", items).unwrap()
}

#[test]
fn an_answer_is_told_in_plain_sentences() {
    let reasons = reasons_of(&scale_task(), &ana(), None, "A quiet lake and a car chase with loud action.", None);
    assert_eq!(reasons.response, "4");
    assert_eq!(
        reasons.in_words(),
        "rating: 4. About 3.2 is expected; usual is 3.0. Higher for: quiet lake (+0.4), car chase (+0.2), \
         similar queries (+0.1). Lower for: words such as quiet, loud (-0.4). It may go either way: 4 (33%) and 2 (29%) are the \
         likeliest. It rests on 24 past answers, 3 of them like this one."
    );
}

#[test]
fn the_sum_is_drawn_in_text_between_the_usual_and_the_expected() {
    let sum = reasons_of(&scale_task(), &ana(), None, "A quiet lake and a car chase with loud action.", None);
    let drawn = sum.waterfall().unwrap().to_string();
    let rows: Vec<&str> = drawn.lines().collect();
    assert!(rows.iter().all(|row| row.chars().count() <= 80), "{drawn}");
    assert!(rows[0].trim_start().starts_with("usually") && rows[0].contains("3.0"), "{drawn}");
    assert!(rows.iter().any(|row| row.contains("words such as") && row.ends_with('-')), "{drawn}");
    assert!(rows.last().unwrap().trim_start().starts_with("expected"), "{drawn}");
}

#[test]
fn the_picture_is_an_svg_that_tells_itself_and_escapes_every_name() {
    let mut reasons = reasons_of(&scale_task(), &ana(), None, "A slow drama at a quiet lake.", None);
    reasons.contributions[0].name = "</text><script>\"&".to_owned();
    reasons.contributions[0].points = Some(0.7);
    let svg = reasons.waterfall().unwrap().svg();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert!(svg.contains("role=\"img\"") && svg.contains("<title>What makes the rating "), "{svg}");
    assert!(svg.contains("&lt;/text&gt;&lt;script&gt;&quot;&amp;") && !svg.contains("<script"), "{svg}");
    assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    assert_eq!(svg, reasons.waterfall().unwrap().svg(), "the same to the byte");
    let file = reasons.waterfall().unwrap().svg_file();
    assert!(
        file.starts_with("<?xml ") && file.contains("#ffffff") && !file.contains("fill=\"currentColor\""),
        "{file}"
    );
}

#[test]
fn somebody_new_is_told_that_little_is_known() {
    let one = History::new(&scale_task(), "ana", [interaction("a", "A slow drama.", "4", 1)]).unwrap();
    let told = reasons_of(&scale_task(), &one, None, "A slow drama.", None).in_words();
    assert!(told.ends_with("Little is known of this person yet: 1 past answer."), "{told}");
}

#[test]
fn what_is_set_aside_is_told_and_moves_nothing() {
    let reasons = reasons_of(&scale_task(), &ana(), None, "A slow drama at a quiet lake.", Some("slow drama"));
    let aside = &reasons.set_aside[0].factor;
    assert!(reasons.in_words().contains(&format!("Set aside at this person's wish: {aside}.")));
    assert!(reasons.waterfall().unwrap().steps.iter().all(|step| step.name != *aside));
}

#[test]
fn nothing_of_the_person_is_in_debug() {
    let reasons = reasons_of(&scale_task(), &ana(), None, "A slow drama at a quiet lake.", None);
    let sum = reasons.waterfall().unwrap();
    for shown in [format!("{sum:?}"), format!("{:?}", sum.steps)] {
        assert!(!shown.contains("slow") && !shown.contains("quiet"), "{shown}");
    }
}
