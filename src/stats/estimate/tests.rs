//! Properties of the estimate in every kind of response space.

use proptest::prelude::*;
use proptest::sample::Index;

use super::estimator::Estimator;
use super::past::READ;
use super::seen::Seen;
use super::{Estimate, Part, Source, calibrate, calibration_point};
use crate::data::{
    AssignedFeature, Calibration, Costs, Decision, FactorId, FactorSet, Feature, FeatureKey, Interaction, MemoryItem,
    Query, ResponseSpace, Span, Task,
};
use crate::stats::Beliefs;

const WORDS: [&str; 8] = ["slow", "quiet", "treaty", "fish", "peace", "quota", "war", "trade"];
const OPTIONS: [&str; 4] = ["A great deal", "Not at all (none)", "Don't know", "Some"];

#[derive(Debug, Clone)]
struct Row {
    words: Vec<usize>,
    response: usize,
    valence: Option<f64>,
    weight: f64,
}

fn row() -> impl Strategy<Value = Row> {
    let words = prop::collection::vec(0..WORDS.len(), 1..6);
    // Multiples of 2⁻³², as decay gives them.
    let weight = prop_oneof![Just(1.0), (1_u32..).prop_map(|n| f64::from(n) / 4_294_967_296.0)];
    (words, 0_usize..4, prop::option::of(-2.0..2.0), weight).prop_map(|(words, response, valence, weight)| Row {
        words,
        response,
        valence,
        weight,
    })
}

fn tasks() -> [Task; 3] {
    let task = |space| Task::new("What does this person say?", space).unwrap();
    [
        task(ResponseSpace::labels(["yes", "no", "abstain"]).unwrap()),
        task(ResponseSpace::scale(1, 5).unwrap()),
        task(ResponseSpace::choices()),
    ]
}

fn query(task: &Task, row: &Row) -> Query {
    let text = row.words.iter().map(|word| WORDS[*word]).collect::<Vec<_>>().join(" ");
    match task.space() {
        ResponseSpace::Choices => Query::with_options(text, OPTIONS.into_iter().take(2 + row.words.len() % 3)).unwrap(),
        _ => Query::new(text).unwrap(),
    }
}

fn item(task: &Task, place: usize, row: &Row) -> MemoryItem {
    let query = query(task, row);
    let responses = task.responses(&query);
    let word = WORDS[row.words[0]];
    let feature = Feature::new(&query, word, Span { start: 0, end: word.len() }).unwrap();
    let feature = row.valence.map_or(feature.clone(), |valence| feature.with_valence(valence));
    let response = responses[row.response % responses.len()].clone();
    let interaction = Interaction::new(format!("i{place:03}"), query, response).unwrap();
    MemoryItem::new(interaction.at(i64::try_from(place).unwrap()), vec![feature]).unwrap()
}

/// Two words a factor; the last two belong to none.
fn factors() -> FactorSet {
    let groups = WORDS.chunks(2).take(3).map(|pair| (pair[0], "", pair.iter().map(|word| FeatureKey::of(word))));
    FactorSet::from_groups(groups).unwrap()
}

fn asked(set: &FactorSet, query: &Query) -> Vec<AssignedFeature> {
    let mut at = 0;
    let mut assigned = Vec::new();
    for word in query.text().split(' ') {
        let feature = Feature::new(query, word, Span { start: at, end: at + word.len() }).unwrap().with_valence(0.5);
        assigned.push(AssignedFeature { factor: set.factor_of(&feature.key()).map(|f| f.id().clone()), feature });
        at += word.len() + 1;
    }
    assigned
}

struct User {
    task: Task,
    set: FactorSet,
    items: Vec<MemoryItem>,
    weights: Vec<f64>,
    calibration: Calibration,
}

impl User {
    fn of(task: &Task, rows: &[Row]) -> Self {
        let items = rows.iter().enumerate().map(|(place, row)| item(task, place, row)).collect();
        let weights = rows.iter().map(|row| row.weight).collect();
        let calibration = Calibration { factors: 0.5, ..Calibration::default() };
        Self { task: task.clone(), set: factors(), items, weights, calibration }
    }

    fn estimator(&self) -> Estimator {
        Estimator::new(&self.task, &self.set, &self.items, &self.weights).unwrap()
    }

    fn ask(&self, estimator: &Estimator, query: &Query, boost: f64) -> Estimate {
        estimator.estimate(&self.calibration, query, &asked(&self.set, query), |_| boost)
    }
}

fn sums_to_one(estimate: &Estimate) -> bool {
    let shares = || estimate.responses().iter().map(|w| w.probability);
    shares().all(|share| (0.0..=1.0).contains(&share)) && (shares().sum::<f64>() - 1.0).abs() < 1e-9
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn appending_one_by_one_is_building_at_once(rows in prop::collection::vec(row(), 1..24), new in row(), asks in any::<bool>()) {
        for task in tasks() {
            let user = User::of(&task, &rows);
            let new = query(&task, &new);
            // It begins with other weights and other factors.
            let none: [(&str, &str, [FeatureKey; 0]); 0] = [];
            let none = FactorSet::from_groups(none).unwrap();
            let mut grown = Estimator::new(&task, &none, &[], &[]).unwrap();
            for n in 1..=rows.len() {
                let set = if n % 2 == 0 { &none } else { &user.set };
                grown.append(set, &user.items[..n], &[]);
                if asks {
                    prop_assert!(sums_to_one(&user.ask(&grown, &new, 1.0)));
                }
            }
            grown.append(&user.set, &user.items, &user.weights);
            prop_assert_eq!(user.ask(&grown, &new, 1.0), user.ask(&user.estimator(), &new, 1.0));
        }
    }

    #[test]
    fn what_the_sources_add_to_the_base_rates_is_the_estimate(
        rows in prop::collection::vec(row(), 0..24), new in row(), boost in 0.0..4.0, share in 0.0..=1.0
    ) {
        for task in tasks() {
            let mut user = User::of(&task, &rows);
            user.calibration.factors = share;
            let (all, new) = (user.estimator(), query(&task, &new));
            let beliefs = Beliefs::new(&task, &user.set, &user.calibration);
            for estimate in [user.ask(&all, &new, boost), all.of_factors(&beliefs, &new, &asked(&user.set, &new))] {
                prop_assert!(sums_to_one(&estimate), "{estimate:?}");
                for response in estimate.responses() {
                    let parts = estimate.contributions(&response.response);
                    let added: f64 = parts.iter().map(|(_, added)| added).sum();
                    prop_assert!((response.base + added - response.probability).abs() < 1e-9, "{estimate:?}");
                    prop_assert!(parts.windows(2).all(|pair| pair[0].1.abs() >= pair[1].1.abs()));
                }
                for part in estimate.parts() {
                    prop_assert!(part.added.iter().sum::<f64>().abs() < 1e-9, "{estimate:?}");
                }
                let json = serde_json::to_string(&estimate).unwrap();
                prop_assert_eq!(serde_json::from_str::<Estimate>(&json).unwrap().responses().len(), estimate.responses().len());
            }
        }
    }

    #[test]
    fn only_the_factors_of_the_query_and_what_is_alike_add_anything(rows in prop::collection::vec(row(), 1..24), new in row()) {
        for task in tasks() {
            let user = User::of(&task, &rows);
            let new = query(&task, &new);
            let features = asked(&user.set, &new);
            let estimate = user.estimator().estimate(&user.calibration, &new, &features, |_| 1.0);
            for part in estimate.parts() {
                if let Source::Factor(id) = &part.source {
                    prop_assert!(features.iter().any(|f| f.factor.as_ref() == Some(id)));
                    let seen = user.items.iter().any(|item| {
                        item.features().iter().any(|f| user.set.factor_of(&f.key()).is_some_and(|f| f.id() == id))
                    });
                    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
                    let alike = user.items.iter().any(|item| words(item.query().text()).iter().any(|w| words(new.text()).contains(w)));
                    prop_assert!(seen || alike || part.added.iter().all(|added| *added == 0.0), "{estimate:?}");
                }
            }
        }
    }

    #[test]
    fn base_rates_without_an_item_are_those_of_the_others(rows in prop::collection::vec(row(), 2..16), out in any::<Index>()) {
        for task in tasks() {
            let user = User::of(&task, &rows);
            let (out, all) = (out.index(rows.len()), user.estimator());
            let mut others = user.items.clone();
            let item = others.remove(out);
            let less = all.of_others(out, &task, &user.set, &others).unwrap();
            let seen = all.seen_left_out(out, &item);
            let never = Seen { left_out: None, ..seen.clone() };
            prop_assert_eq!(all.base(&seen), less.base(&never), "{:?}", task.space());
        }
    }

    #[test]
    fn calibration_looks_only_at_the_first_items(rows in prop::collection::vec(row(), 33..70)) {
        for task in tasks() {
            let user = User::of(&task, &rows);
            let point = calibration_point(rows.len());
            let all = calibrate(&task, &user.set, &user.items, &user.weights);
            prop_assert_eq!(&all, &calibrate(&task, &user.set, &user.items[..point], &user.weights[..point]));
            prop_assert!(all.scored == point && all.left_out_score <= 0.0 && all.base_score <= 0.0);
        }
    }

    #[test]
    fn a_boost_of_one_changes_no_bit_and_any_other_keeps_a_distribution(
        rows in prop::collection::vec(row(), 1..24), new in row(), boost in 0.25..4.0
    ) {
        for task in tasks() {
            let user = User::of(&task, &rows);
            let (all, new) = (user.estimator(), query(&task, &new));
            let plain = user.ask(&all, &new, 1.0);
            prop_assert!(sums_to_one(&plain));
            prop_assert!(sums_to_one(&user.ask(&all, &new, boost)));
            // Of factors that the query does not have, and numbers that are none.
            let other = |id: &FactorId| if user.set.iter().any(|f| f.id() == id) { f64::NAN } else { boost };
            let odd = all.estimate(&user.calibration, &new, &asked(&user.set, &new), other);
            prop_assert_eq!(plain, odd);
        }
    }
}

/// So many made-up rows, all different from their neighbours.
fn many(rows: usize) -> Vec<Row> {
    let row = |n: usize| Row {
        words: vec![n * 7 % WORDS.len(), n * 3 % 5],
        response: n * n % 4,
        valence: n.is_multiple_of(3).then(|| f64::from(u8::try_from(n % 5).unwrap()) - 2.0),
        weight: 1.0,
    };
    (0..rows).map(row).collect()
}

#[test]
fn a_long_history_that_grew_is_estimated_as_one_that_came_at_once() {
    let rows = many(READ + 40);
    for task in tasks() {
        let user = User::of(&task, &rows);
        let new = query(&task, &rows[3]);
        for steps in [vec![READ - 3, READ + 1, READ + 2], vec![10, READ + 39]] {
            let mut grown = Estimator::new(&task, &user.set, &[], &[]).unwrap();
            for n in steps.into_iter().chain([rows.len()]) {
                grown.append(&user.set, &user.items[..n], &[]);
            }
            assert_eq!(user.ask(&grown, &new, 1.0), user.ask(&user.estimator(), &new, 1.0), "{:?}", task.space());
        }
    }
}

#[test]
fn of_texts_before_the_latest_only_the_responses_count() {
    let rows = many(READ + 40);
    let mut other_texts = rows.clone();
    other_texts[..40].iter_mut().for_each(|row| row.words = vec![7, 7, 6]);
    let mut other_responses = rows.clone();
    other_responses[..40].iter_mut().for_each(|row| row.response = 0);
    for task in tasks() {
        let new = query(&task, &rows[3]);
        let [plain, texts, responses] = [&rows, &other_texts, &other_responses].map(|rows| {
            let user = User::of(&task, rows);
            user.ask(&user.estimator(), &new, 1.0)
        });
        let all_are_read = *task.space() == ResponseSpace::choices();
        assert_eq!(plain == texts, !all_are_read, "{:?}", task.space());
        assert_ne!(plain, responses);
        // An old item is estimated by the latest, as a new query would be.
        let user = User::of(&task, &rows);
        let of_old = user.estimator().left_out(&user.calibration, 3, &user.items[3]).unwrap();
        let of_new = user.estimator().left_out(&user.calibration, rows.len() - 1, &user.items[rows.len() - 1]).unwrap();
        assert!(sums_to_one(&of_old) && sums_to_one(&of_new));
    }
}

fn rows_of(given: &[(usize, usize)]) -> Vec<Row> {
    let row = |(word, response): &(usize, usize)| Row {
        words: vec![*word, 7],
        response: *response,
        valence: None,
        weight: 1.0,
    };
    given.iter().map(row).collect()
}

#[test]
fn a_boosted_factor_moves_the_estimate_its_way() {
    // The first factor's words go with the first response, the last place with others.
    let rows = rows_of(&[(0, 0), (1, 0), (0, 0), (1, 0), (2, 1), (3, 1), (4, 1), (5, 1), (2, 1), (4, 0)]);
    for task in tasks() {
        for share in [0.0, 0.5, 1.0] {
            let user = User {
                calibration: Calibration { factors: share, ..Calibration::default() },
                ..User::of(&task, &rows)
            };
            let new = query(&task, &rows[0]);
            let all = user.estimator();
            let first: Vec<f64> =
                [0.25, 1.0, 2.0, 4.0].map(|boost| user.ask(&all, &new, boost).responses()[0].probability).to_vec();
            // Where no response may lose more, a boost has no more to give.
            let more = first[0] < first[1] && first[1] < first[2] && first[1] < first[3];
            assert!(more, "{first:?} {share} {:?}", task.space());
        }
    }
}

#[test]
fn a_factor_of_boost_0_adds_nothing() {
    let rows = rows_of(&[(0, 0), (1, 0), (0, 0), (1, 0), (2, 1), (3, 1), (4, 1), (5, 1)]);
    for task in tasks() {
        let user = User::of(&task, &rows);
        let estimate = user.ask(&user.estimator(), &query(&task, &rows[0]), 0.0);
        let of_factors = estimate.parts().iter().filter(|part| matches!(part.source, Source::Factor(_)));
        assert!(of_factors.flat_map(|part| &part.added).all(|added| *added == 0.0), "{:?}", task.space());
    }
}

#[test]
fn the_host_says_how_answers_are_decided() {
    let rows = rows_of(&[(0, 0), (0, 1), (0, 2), (0, 2), (1, 0), (1, 1), (1, 2), (0, 2)]);
    let [labels, scale, choices] = tasks();
    // To say yes where it is no costs ten times as much as any other mistake.
    let costs = Costs::new([[0, 1, 1], [10, 0, 1], [1, 1, 0]]);
    let decided = |task: &Task, decision: Decision| {
        let task = task.clone().deciding(decision.clone()).unwrap();
        let mut user = User::of(&task, &rows);
        user.calibration = calibrate(&task, &user.set, &user.items, &user.weights);
        let estimate = user.ask(&user.estimator(), &query(&task, &rows[0]), 1.0);
        assert_eq!(estimate.decided_by(), &decision);
        estimate
    };
    let likely = decided(&labels, Decision::MostLikely);
    assert_eq!(likely.decision(), "abstain");
    let all_wrong = Costs::new([[9, 0, 9], [9, 0, 9], [9, 0, 9]]);
    assert_eq!(decided(&labels, Decision::Costs(all_wrong.clone())).decision(), "no");
    let by_costs = decided(&labels, Decision::Costs(costs));
    assert_eq!(by_costs.responses(), likely.responses(), "probabilities stay");
    for rule in [Decision::Median, Decision::Mean, Decision::LeastCost, Decision::MostLikely] {
        decided(&scale, rule);
    }
    for (task, rule) in [(&labels, Decision::Median), (&choices, Decision::Mean), (&scale, Decision::Costs(all_wrong))]
    {
        assert!(task.clone().deciding(rule).is_err());
    }
}

#[test]
fn the_calibration_point_keeps_five_binary_digits() {
    assert_eq!(
        (0..40).map(calibration_point).filter(|point| *point < 32).collect::<Vec<_>>(),
        (0..32).collect::<Vec<_>>()
    );
    for (n, point) in
        [(32, 32), (33, 32), (34, 34), (63, 62), (64, 64), (67, 64), (100, 100), (1_000, 992), (10_000, 9_728)]
    {
        assert_eq!(calibration_point(n), point);
    }
    for n in 1..5_000 {
        let point = calibration_point(n);
        assert!(point <= n && n - point <= point / 16, "{n}");
        assert!(calibration_point(point) == point && calibration_point(n + 1) >= point);
    }
}

#[test]
fn less_weight_is_less_say() {
    // The same query, answered both ways: the one that weighs more decides.
    for task in tasks() {
        let rows = rows_of(&[(0, 0), (0, 1), (0, 0), (0, 1)]);
        let mut user = User::of(&task, &rows);
        let new = query(&task, &rows[0]);
        for (weights, first) in [([1.0, 0.125, 1.0, 0.125], true), ([0.125, 1.0, 0.125, 1.0], false)] {
            user.weights = weights.to_vec();
            let p = user.ask(&user.estimator(), &new, 1.0);
            assert_eq!(p.responses()[0].probability > p.responses()[1].probability, first, "{:?}", task.space());
        }
    }
}

#[test]
fn factors_alone_are_the_estimate_without_what_is_only_similar() {
    for task in tasks() {
        let user = User::of(&task, &rows_of(&[(0, 0), (2, 1), (0, 0), (4, 1)]));
        // Its second word is no factor's.
        let new = query(&task, &rows_of(&[(0, 0)])[0]);
        let (estimator, features) = (user.estimator(), asked(&user.set, &new));
        let beliefs = Beliefs::new(&user.task, &user.set, &user.calibration);
        let similar = |estimate: &Estimate| {
            let of = |part: &&Part| part.source == Source::Similar;
            estimate.parts().iter().find(of).map(|part| part.added.iter().any(|added| *added != 0.0))
        };
        let (whole, alone) = (user.ask(&estimator, &new, 1.0), estimator.of_factors(&beliefs, &new, &features));
        assert_eq!((similar(&whole), similar(&alone)), (Some(true), Some(false)), "{:?}", task.space());
    }
}
