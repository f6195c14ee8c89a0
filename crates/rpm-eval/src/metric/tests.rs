//! Properties of the metrics on arbitrary items.

use proptest::prelude::*;

use super::*;

const TEXTS: [&str; 12] =
    ["1", "4", "5", " 4.0", "4 stars", "", "nonsense", "drama", "Drama", "war\n", "On slow films", "slow films, on"];

fn tasks() -> [Task; 4] {
    let spaces = [
        ResponseSpace::labels(["drama", "war", "sci-fi"]),
        ResponseSpace::scale(1, 5),
        Ok(ResponseSpace::choices()),
        ResponseSpace::text(80),
    ];
    spaces.map(|space| Task::new("Answer", space.unwrap()).unwrap())
}

fn text() -> impl Strategy<Value = String> {
    prop::sample::select(&TEXTS[..]).prop_map(str::to_owned)
}

fn probabilities() -> impl Strategy<Value = Vec<f64>> {
    prop_oneof![Just(Vec::new()), prop::sample::select(&[2_usize, 3, 5][..]).prop_flat_map(distribution)]
}

fn distribution(responses: usize) -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(0.0..1.0_f64, responses).prop_filter("a sum", |shares| shares.iter().sum::<f64>() > 1e-6)
}

fn items() -> impl Strategy<Value = Vec<Answered>> {
    let guess = (prop::option::of(text()), prop::option::of(text()), prop::option::of(0.0..6.0_f64));
    let item = (text(), guess, probabilities(), probabilities(), prop::option::of(0.0..=1.0_f64)).prop_map(
        |(gold, (raw, response, value), gold_shares, probabilities, confidence)| Answered {
            gold,
            gold_shares,
            raw,
            response,
            value,
            probabilities,
            confidence,
            ..Answered::default()
        },
    );
    prop::collection::vec(item, 0..40)
}

fn close(left: Option<f64>, right: Option<f64>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => (left - right).abs() <= 1e-12,
        (left, right) => left == right,
    }
}

fn all() -> Vec<Metric> {
    let mut metrics: Vec<Metric> = tasks().iter().flat_map(Metric::of).collect();
    metrics.sort();
    metrics.dedup();
    metrics
}

#[test]
fn every_metric_is_of_some_task_and_has_a_name_of_its_own() {
    let mut names: Vec<&str> = all().into_iter().map(Metric::name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 13);
    let primary: Vec<Metric> = tasks().iter().filter_map(|task| Metric::of(task).first().copied()).collect();
    assert_eq!(primary, [Metric::Accuracy, Metric::Accuracy, Metric::Accuracy, Metric::Rouge1]);
}

#[test]
fn names_in_json_are_those_of_the_variants_in_snake_case() {
    assert_eq!(serde_json::to_string(&Metric::MacroF1).unwrap(), "\"macro_f1\"");
    assert_eq!(serde_json::to_string(&Metric::RougeL).unwrap(), "\"rouge_l\"");
}

#[test]
fn an_item_without_an_answer_counts_against_the_method() {
    let [labels, scale, choices, title] = tasks();
    let item = |gold: &str| Answered { gold: gold.into(), ..Answered::default() };
    for (metric, task, gold, worth) in [
        (Metric::Accuracy, &labels, "war", 0.0),
        (Metric::StrictAccuracy, &labels, "comedy", 0.0),
        (Metric::StrictAccuracy, &choices, "yes", 0.0),
        (Metric::Mae, &scale, "3", 2.0),
        (Metric::StrictMae, &scale, "4", 3.0),
        (Metric::Rouge1, &title, "slow", 0.0),
    ] {
        assert_eq!(metric.of_item(task, &item(gold)), Some(worth), "{metric:?}");
        assert_eq!(metric.of_items(task, [&item(gold)]), Some(worth), "{metric:?}");
    }
    for (metric, task) in [(Metric::Brier, &labels), (Metric::CalibrationError, &labels)] {
        assert_eq!(metric.of_items(task, [&item("war")]), None, "{metric:?}");
    }
}

#[test]
fn a_value_between_the_points_goes_before_the_response() {
    let [_, scale, ..] = tasks();
    let item = Answered { gold: "4".into(), response: Some("4".into()), value: Some(3.5), ..Answered::default() };
    assert_eq!(Metric::Mae.of_item(&scale, &item), Some(0.5));
    let item = Answered { value: Some(f64::NAN), ..item };
    assert_eq!(Metric::Mae.of_item(&scale, &item), Some(0.0));
}

#[test]
fn strict_numbers_are_of_the_text_and_the_others_of_the_response() {
    let [_, scale, ..] = tasks();
    let (raw, response) = (Some("5 stars".to_owned()), Some("5".to_owned()));
    let item = Answered { gold: "5".into(), raw, response, ..Answered::default() };
    let of = |metric: Metric| metric.of_items(&scale, [&item]);
    assert_eq!((of(Metric::Mae), of(Metric::StrictMae)), (Some(0.0), Some(4.0)));
    assert_eq!((of(Metric::Rmse), of(Metric::StrictRmse)), (Some(0.0), Some(4.0)));
    assert_eq!((of(Metric::Accuracy), of(Metric::StrictAccuracy)), (Some(1.0), Some(0.0)));
}

#[test]
fn a_nan_that_was_said_makes_the_strict_figure_nan_and_no_other() {
    let [_, scale, ..] = tasks();
    let said = |raw: &str| Answered { gold: "5".into(), raw: Some(raw.into()), ..Answered::default() };
    let items = [said("nan"), said("5")];
    assert!(Metric::StrictMae.of_items(&scale, &items).is_some_and(f64::is_nan));
    assert_eq!(Metric::Mae.of_items(&scale, &items), Some(4.0));
}

#[test]
fn opinions_are_scored_by_shares_and_the_largest_is_what_was_wanted() {
    let [_, _, choices, _] = tasks();
    let (gold_shares, probabilities) = (vec![0.25, 0.75], vec![0.0, 1.0]);
    let item = Answered { gold: "no".into(), gold_shares, probabilities, ..Answered::default() };
    let divergence = jensen_shannon(&[0.25, 0.75], &[0.0, 1.0]).unwrap();
    assert_eq!(Metric::DistributionSimilarity.of_item(&choices, &item), Some(1.0 - divergence));
    assert_eq!(Metric::Brier.of_item(&choices, &item), Some(0.0));
    let item = Answered { gold_shares: Vec::new(), ..item };
    assert_eq!(Metric::Brier.of_item(&choices, &item), None);
}

#[test]
fn probabilities_that_are_not_of_the_task_are_not_scored() {
    let [labels, ..] = tasks();
    let mut item = Answered { gold: "war".into(), probabilities: vec![0.5, 0.5], ..Answered::default() };
    assert_eq!(Metric::Brier.of_item(&labels, &item), None);
    item.probabilities = vec![0.0, 1.0, 0.0];
    assert_eq!(Metric::Brier.of_item(&labels, &item), Some(0.0));
    item.gold = "comedy".into();
    assert_eq!(Metric::Brier.of_item(&labels, &item), None);
}

#[test]
fn a_metric_of_another_task_has_nothing_to_score() {
    let [labels, scale, choices, title] = tasks();
    let item = Answered { gold: "4".into(), raw: Some("4".into()), response: Some("4".into()), ..Answered::default() };
    for (metric, task) in [
        (Metric::Accuracy, &title),
        (Metric::Rouge1, &labels),
        (Metric::Mae, &labels),
        (Metric::StrictRmse, &choices),
        (Metric::MacroF1, &choices),
        (Metric::DistributionSimilarity, &scale),
    ] {
        assert_eq!(metric.of_items(task, [&item]), None, "{metric:?}");
    }
}

#[test]
fn tallies_that_do_not_fit_have_no_value() {
    let [labels, scale, ..] = tasks();
    let item = Answered { gold: "4".into(), response: Some("4".into()), ..Answered::default() };
    for other in [Metric::Mae.tally(&scale, [&item]), Metric::MacroF1.tally(&labels, [&item])] {
        let mut tally = Metric::MacroF1.tally(&scale, [&item]);
        assert_eq!(tally.value(), Some(0.2));
        tally.add(&other);
        assert_eq!(tally.value(), None);
        let again = tally.clone();
        tally.add(&again);
        assert_eq!(tally.value(), None);
    }
}

proptest! {
    #[test]
    fn figures_stay_in_their_ranges(items in items()) {
        for task in tasks() {
            for metric in Metric::of(&task) {
                let most = match metric {
                    Metric::Mae | Metric::Rmse | Metric::StrictMae | Metric::StrictRmse => 5.0,
                    Metric::Brier => 2.0,
                    _ => 1.0,
                };
                let figure = metric.of_items(&task, &items);
                prop_assert!(figure.is_none_or(|figure| (0.0..=most + 1e-12).contains(&figure)), "{metric:?} {figure:?}");
            }
        }
    }

    #[test]
    fn a_mean_is_that_of_its_items(items in items()) {
        for task in tasks() {
            for metric in Metric::of(&task).into_iter().filter(|metric| metric.is_mean()) {
                let worths: Vec<f64> = items.iter().filter_map(|item| metric.of_item(&task, item)).collect();
                prop_assert_eq!(metric.of_items(&task, &items), mean(&worths));
            }
        }
    }

    #[test]
    fn tallies_of_parts_add_up_to_that_of_the_whole(items in items(), cut in any::<prop::sample::Index>()) {
        let (one, other) = items.split_at(if items.is_empty() { 0 } else { cut.index(items.len()) });
        for task in tasks() {
            for metric in Metric::of(&task) {
                let mut sum = metric.tally(&task, one);
                sum.add(&metric.tally(&task, other));
                prop_assert!(close(sum.value(), metric.of_items(&task, &items)), "{metric:?}");
                prop_assert_eq!(sum.items(), metric.tally(&task, &items).items());
            }
        }
    }

    #[test]
    fn a_part_added_three_times_is_one_of_items_thrice(items in items()) {
        let thrice: Vec<Answered> = items.iter().chain(&items).chain(&items).cloned().collect();
        for task in tasks() {
            for metric in Metric::of(&task) {
                let mut sum = metric.tally(&task, []);
                sum.add_times(&metric.tally(&task, &items), 3);
                sum.add_times(&metric.tally(&task, &items), 0);
                prop_assert!(close(sum.value(), metric.of_items(&task, &thrice)), "{metric:?}");
            }
        }
    }

    #[test]
    fn the_order_of_items_does_not_matter(
        (items, shuffled) in items().prop_flat_map(|items| (Just(items.clone()), Just(items).prop_shuffle())),
    ) {
        for task in tasks() {
            for metric in Metric::of(&task) {
                let (figure, other) = (metric.of_items(&task, &items), metric.of_items(&task, &shuffled));
                prop_assert!(close(figure, other), "{metric:?} {figure:?} {other:?}");
            }
        }
    }

    #[test]
    fn divergence_is_symmetric_a_share_and_0_of_the_same(
        (p, q) in (1_usize..8).prop_flat_map(|responses| (distribution(responses), distribution(responses))),
    ) {
        let divergence = jensen_shannon(&p, &q).unwrap();
        prop_assert!((0.0..=1.0).contains(&divergence));
        prop_assert_eq!(Some(divergence), jensen_shannon(&q, &p));
        prop_assert_eq!(jensen_shannon(&p, &p), Some(0.0));
    }

    #[test]
    fn rouge_is_1_of_a_text_against_itself_and_the_same_both_ways(
        text in "[a-c é,]{0,12}[a-z0-9][a-c é,]{0,12}",
        other in "[a-c é,]{0,24}",
    ) {
        for rouge in [rouge_1, rouge_l] {
            prop_assert!((rouge(&text, &text) - 1.0).abs() < 1e-15);
            prop_assert!((rouge(&text, &other) - rouge(&other, &text)).abs() < 1e-15);
        }
        prop_assert!(rouge_l(&text, &other) <= rouge_1(&text, &other) + 1e-15);
    }

    #[test]
    fn a_number_written_by_rust_is_read_again(number in -1e9..1e9_f64) {
        prop_assert_eq!(parse_number(&format!(" {number}\u{1d}")), Some(number));
    }
}
