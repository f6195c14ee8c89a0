//! Every public statistic against what other software gives: `tests/oracle/make_table.py` makes the table.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    missing_docs
)]

use std::collections::BTreeMap;

use ndarray::Array2;
use rpm_core::stats::{
    CountRow, Drift, Halves, Moments, Reliability, association, base_rate, benjamini_hochberg, chi_square,
    choose_kappa, credible_interval, dirichlet_shares, fisher_exact, lift, lift_reliability, mean_difference,
    min_expected, plausible_kappa, posterior_mean, propensity, rank_sum, scale_stability, split_half_reliability,
    stability, wilson,
};
use serde::Deserialize;

/// Largest relative error of a value, and of a bound of an interval.
const VALUE_ERROR: f64 = 1e-9;
const BOUND_ERROR: f64 = 1e-6;
/// A number whose size is below this may as well be 0.
const NOTHING: f64 = 1e-300;

#[derive(Deserialize)]
struct Case {
    statistic: String,
    arguments: Vec<Vec<f64>>,
    values: Vec<f64>,
    bounds: Vec<f64>,
}

/// What the crate gives: values and bounds.
#[derive(Default)]
struct Given(Vec<f64>, Vec<f64>);

fn moments(values: &[f64], weights: &[f64]) -> Moments {
    let mut moments = Moments::default();
    for (at, &value) in values.iter().enumerate() {
        moments.add(value, weights.get(at).copied().unwrap_or(1.0));
    }
    moments
}

fn pairs(x: &[f64], y: &[f64]) -> Vec<(f64, f64)> {
    x.iter().copied().zip(y.iter().copied()).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the table holds whole numbers there")]
fn whole(x: f64) -> u64 {
    x as u64
}

fn places(sightings: &[f64]) -> Vec<usize> {
    sightings.iter().map(|&place| whole(place) as usize).collect()
}

fn drifted(drift: Option<Drift>) -> Given {
    Given(drift.map_or_else(Vec::new, |d| vec![d.p, d.recent as f64, d.before as f64]), Vec::new())
}

fn reliability(p: &[f64], correct: &[f64], bins: f64) -> Given {
    let pairs: Vec<(f64, bool)> = p.iter().zip(correct).map(|(&p, &correct)| (p, correct > 0.0)).collect();
    let table = Reliability::of(&pairs, places(&[bins])[0]).unwrap();
    let mut given = Given(vec![table.count as f64], Vec::new());
    for (error, bins) in
        [(table.calibration_error, &table.bins), (table.calibration_error_of_equal_width, &table.bins_of_equal_width)]
    {
        given.0.push(error);
        for bin in bins {
            given.0.extend([bin.count as f64, bin.probability, bin.accuracy]);
            given.1.extend([bin.interval.low, bin.interval.high]);
        }
    }
    given.0.extend([table.brier, table.log_score]);
    given
}

fn compute(case: &Case) -> Given {
    let arguments: Vec<&[f64]> = case.arguments.iter().map(Vec::as_slice).collect();
    let number = |at: usize| arguments[at][0];
    let one = |value: f64| Given(vec![value], Vec::new());
    let maybe = |value: Option<f64>| Given(Vec::from_iter(value), Vec::new());
    let table = || Array2::from_shape_fn((arguments.len(), arguments[0].len()), |(row, at)| arguments[row][at]);
    match case.statistic.as_str() {
        "base_rate" => one(base_rate(number(0), number(1), places(arguments[2])[0], number(3))),
        "propensity" => maybe(propensity(number(0), number(1))),
        "posterior_mean" => one(posterior_mean(number(0), number(1), number(2), number(3))),
        "credible_interval" => {
            let interval = credible_interval(number(0), number(1), number(2), number(3), number(4));
            Given(Vec::new(), vec![interval.low, interval.high])
        }
        "lift" => one(lift(number(0), number(1))),
        "choose_kappa" => {
            let row = |by_response: &&'_ [f64]| by_response.iter().sum::<f64>();
            let rows: Vec<CountRow<'_>> =
                arguments[1..].iter().map(|by_response| CountRow { coverage: row(by_response), by_response }).collect();
            let plausible = plausible_kappa(&rows, arguments[0]);
            Given(vec![choose_kappa(&rows, arguments[0]), plausible.low, plausible.high], Vec::new())
        }
        "wilson" => {
            let interval = wilson(number(0), number(1), number(2));
            Given(Vec::new(), vec![interval.low, interval.high])
        }
        "dirichlet_shares" => {
            let shares = dirichlet_shares(arguments[0], number(1), number(2));
            let bounds = shares.iter().flat_map(|(_, interval)| [interval.low, interval.high]).collect();
            Given(shares.iter().map(|share| share.0).collect(), bounds)
        }
        "fisher_exact" => {
            let [a, b, c, d] = [0, 1, 2, 3].map(|at| whole(number(at)));
            one(fisher_exact(a, b, c, d))
        }
        "chi_square" => match chi_square(&table()) {
            Some(test) => Given(vec![test.statistic, test.dof as f64, test.p, min_expected(&table())], Vec::new()),
            None => Given::default(),
        },
        "min_expected" => one(min_expected(&table())),
        "association" => one(association(arguments[0], arguments[1])),
        "benjamini_hochberg" => Given(benjamini_hochberg(arguments[0]), Vec::new()),
        "rank_sum" => one(rank_sum(arguments[0], arguments[1])),
        "mean_difference" => {
            let [with, without] = [0, 1].map(|at| moments(arguments[at], &[]));
            mean_difference(&with, &without, number(2)).map_or_else(Given::default, |got| {
                Given(vec![got.difference, got.p], vec![got.interval.low, got.interval.high])
            })
        }
        "moments" => {
            let moments = moments(arguments[0], arguments[1]);
            Given(moments.mean().into_iter().chain(moments.variance()).collect(), Vec::new())
        }
        "stability" => maybe(stability(Halves { odd: arguments[0], even: arguments[1] }, arguments[2], number(3))),
        "scale_stability" => {
            let [odd, even] = [0, 1].map(|at| moments(arguments[at], &[]));
            maybe(scale_stability(&odd, &even, number(2), number(3)))
        }
        "split_half_reliability" => maybe(split_half_reliability(&pairs(arguments[0], arguments[1]))),
        "lift_reliability" => {
            let halves: Vec<Halves<'_>> =
                arguments[2..].chunks(2).map(|two| Halves { odd: two[0], even: two[1] }).collect();
            maybe(lift_reliability(&halves, arguments[0], number(1)))
        }
        "reliability" => reliability(arguments[0], arguments[1], number(2)),
        "drift_of_responses" => drifted(Drift::of_responses(&places(arguments[0]), places(arguments[1])[0])),
        "drift_of_points" => drifted(Drift::of_points(&places(arguments[0]), places(arguments[1])[0])),
        other => panic!("no statistic is called {other}"),
    }
}

/// Largest error of `got`: relative, and absolute where 0 is wanted.
fn error(got: &[f64], want: &[f64]) -> f64 {
    let error = |(got, want): (&f64, &f64)| {
        let off = (got - want).abs();
        if off <= NOTHING {
            0.0
        } else if *want == 0.0 {
            off
        } else {
            off / want.abs()
        }
    };
    got.iter().zip(want).map(error).fold(0.0, f64::max)
}

#[test]
fn every_statistic_agrees_with_other_software() {
    let mut errors: BTreeMap<String, (usize, f64, f64)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (at, line) in include_str!("oracle/table.jsonl").lines().enumerate() {
        let case: Case = serde_json::from_str(line).unwrap();
        let Given(values, bounds) = compute(&case);
        let (value_error, bound_error) = (error(&values, &case.values), error(&bounds, &case.bounds));
        let sizes = (values.len(), bounds.len()) == (case.values.len(), case.bounds.len());
        if !sizes
            || value_error.is_nan()
            || value_error > VALUE_ERROR
            || bound_error.is_nan()
            || bound_error > BOUND_ERROR
        {
            wrong.push(format!("line {}: {values:?} {bounds:?} ({value_error:e} {bound_error:e}), not {line}", at + 1));
        }
        let entry = errors.entry(case.statistic).or_default();
        *entry = (entry.0 + 1, entry.1.max(value_error), entry.2.max(bound_error));
    }
    println!("{:24} {:>5}  largest error of values, of bounds", "statistic", "cases");
    for (statistic, (cases, values, bounds)) in &errors {
        println!("{statistic:24} {cases:>5}  {values:8.1e}  {bounds:8.1e}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let cases: usize = errors.values().map(|entry| entry.0).sum();
    assert!(cases >= 500 && errors.len() == 23, "{cases} cases of {} statistics", errors.len());
}
