//! A made-up report: two sets, many methods, a bit of everything.

use std::collections::{BTreeMap, BTreeSet};

use rpm_core::stats::Interval;
use rpm_eval::compare::Measured;
use rpm_eval::report::{
    Case, CaseKind, Comparison, Curve, CurveLine, CurvePoint, ItemAnswer, ItemRow, Learning, LearningLine,
    LengthMatched, MeanNeed, MethodReliability, MethodRow, MethodTiers, Metric, ReliabilityBin, Report, SetReport,
    SkippedRow, TeachersRow, TierRow, UserPage, WithOthers,
};

/// A name that would break a page which did not escape it.
pub(crate) const NASTY: &str = "<b>&\"'|*x*";

#[allow(clippy::unnecessary_wraps, reason = "scores are options")]
fn measured(value: f64, width: f64) -> Option<Measured> {
    Some(Measured { value, interval: Some(Interval { low: value - width, high: value + width * 0.9 }) })
}

fn metric(name: &str, higher_is_better: bool, note: &str) -> Metric {
    Metric { name: name.into(), higher_is_better, note: note.into() }
}

fn method(name: &str, what: &str, scores: Vec<Option<Measured>>, learn: f64, answer: f64) -> MethodRow {
    let need = |requests: f64, tokens: f64| MeanNeed {
        requests,
        input_tokens: tokens,
        output_tokens: tokens * 0.06,
        uncounted: 0.0,
    };
    MethodRow {
        method: name.into(),
        what: what.into(),
        answered: 480,
        errors: BTreeMap::new(),
        scores,
        learning: need(if learn > 0.0 { 38.5 } else { 0.0 }, learn),
        answering: need(if answer > 0.0 { 1.0 } else { 0.0 }, answer),
        dollars_per_1000: None,
        answer_characters: Some(7.4),
    }
}

fn comparison(method: &str, metric: &str, difference: f64, width: f64, p: f64, adjusted_p: f64) -> Comparison {
    Comparison {
        base: "majority".into(),
        method: method.into(),
        metric: metric.into(),
        items: 480,
        users: 60,
        difference: Measured {
            value: difference,
            interval: Some(Interval { low: difference - width, high: difference + width }),
        },
        p: Some(p),
        adjusted_p: Some(adjusted_p),
        users_won: 31,
        users_tied: 17,
        users_lost: 12,
        ..Comparison::default()
    }
}

fn curve_line(method: &str, values: &[(f64, f64)]) -> CurveLine {
    let points = values.iter().map(|(x, value)| CurvePoint {
        x: *x,
        measured: Measured { value: *value, interval: Some(Interval { low: value - 0.04, high: value + 0.038 }) },
    });
    CurveLine { method: method.into(), points: points.collect() }
}

fn learning_line(method: &str, values: &[Option<f64>]) -> LearningLine {
    let points = values.iter().map(|value| value.and_then(|value| measured(value, 0.05))).collect();
    LearningLine { method: method.into(), points }
}

/// `rpm` with others less `rpm` alone.
fn with_others(own: Option<usize>, difference: f64, p: f64, adjusted_p: f64, taught: f64) -> WithOthers {
    let named = |others: &str| own.map_or_else(|| format!("rpm{others}"), |own| format!("rpm{others}:own={own}"));
    let comparison = comparison(&named(":others=10"), "accuracy", difference, 0.04, p, adjusted_p);
    WithOthers { own, comparison: Comparison { base: named(""), ..comparison }, taught, kept: 0.25 }
}

fn reliability(method: &str, bins: &[(f64, f64, usize)]) -> MethodReliability {
    let bins = bins.iter().map(|(confidence, right, answers)| ReliabilityBin {
        confidence: *confidence,
        right: *right,
        answers: *answers,
    });
    MethodReliability { method: method.into(), bins: bins.collect() }
}

fn tier(tier: &str, reason: &str, answers: usize, score: Option<Measured>) -> TierRow {
    TierRow { tier: tier.into(), reason: reason.into(), answers, share: answers as f64 / 480.0, score }
}

/// An item of films that four methods answered; the first is ours, the second the simple baseline.
fn item(user: &str, item: &str, gold: &str, responses: [Option<&str>; 4]) -> ItemRow {
    let answer = |(method, response): (&str, Option<&str>)| ItemAnswer {
        method: method.into(),
        response: response.map(str::to_owned),
        right: Some(response == Some(gold)),
        score: Some(f64::from(u8::from(response == Some(gold)))),
        confidence: (method == "rpm").then_some(0.62),
        why: match response {
            None => Some("error: context too long".into()),
            Some(_) if method == "rpm" => {
                Some("basis: full – known factors and similar interactions support the answer".into())
            }
            Some(_) => None,
        },
    };
    ItemRow {
        user: user.into(),
        item: item.into(),
        asked: None,
        gold: gold.into(),
        answers: ["rpm", "majority", "plain", "rag-bm25@4"].into_iter().zip(responses).map(answer).collect(),
    }
}

fn cases() -> Vec<Case> {
    let case = |kind, item| Case { kind, item };
    let asked = "A lighthouse in winter: a warm film about a family, with jokes that land and an ending that does not.";
    vec![
        case(
            CaseKind::Gained,
            item("user 7", "t2", "drama", [Some("drama"), Some("comedy"), Some("comedy"), Some("drama")]),
        ),
        case(
            CaseKind::Typical,
            ItemRow {
                asked: Some(asked.into()),
                ..item("user 31", "t4", "comedy", [Some("comedy"), Some("comedy"), Some("drama"), None])
            },
        ),
        case(
            CaseKind::Lost,
            item("user 18", "t1", "thriller", [Some("drama"), Some("comedy"), Some("thriller"), Some("drama")]),
        ),
    ]
}

/// The page of a user of films whose name is markup.
pub(crate) fn page() -> UserPage {
    let items = cases().into_iter().map(|case| ItemRow { user: NASTY.into(), asked: None, ..case.item }).collect();
    let scores =
        ["majority", "plain", "rag-bm25@4", "rpm"].into_iter().zip([Some(0.333), Some(0.333), None, Some(0.667)]);
    UserPage {
        set: "films".into(),
        user: NASTY.into(),
        history: 16,
        scores: scores.map(|(method, score)| (method.to_owned(), score)).collect(),
        items,
    }
}

/// Accuracy over own interactions.
fn learning() -> Learning {
    Learning {
        metric: "accuracy".into(),
        steps: vec![Some(0), Some(3), Some(10), None],
        lines: vec![
            learning_line("majority", &[None, Some(0.33), Some(0.351), Some(0.362)]),
            learning_line("rpm", &[Some(0.31), Some(0.395), Some(0.452), Some(0.492)]),
            learning_line("rpm:others=10", &[Some(0.372), Some(0.436), Some(0.4), Some(0.496)]),
        ],
    }
}

/// A set with choices, much of everything.
fn films() -> SetReport {
    let two = |accuracy, f1| vec![measured(accuracy, 0.045), measured(f1, 0.05)];
    let mut methods = vec![
        method("majority", "the user's most frequent response", two(0.362, 0.211), 0.0, 0.0),
        method("nearest@1", "the response to the most similar past query", two(0.388, 0.351), 0.0, 0.0),
        method("plain", "the query alone", two(0.401, 0.366), 0.0, 182.0),
        method("history@16", "the latest 16 interactions", two(0.428, 0.402), 0.0, 1460.0),
        method("rag-bm25@4", "the 4 most similar interactions", two(0.446, 0.421), 0.0, 530.0),
        method("profile", "a summary of the user, written once", two(0.425, 0.398), 6200.0, 610.0),
        method("rpm", "factors and reasoning paths", two(0.492, 0.455), 48_200.0, 1240.0),
        method("rpm-factors-without-any-of-the-examples@generic", "factors alone", two(0.471, 0.44), 48_200.0, 860.0),
    ];
    methods[3].errors = BTreeMap::from([("context too long".to_owned(), 6), ("no response stated".to_owned(), 3)]);
    methods[3].answered = 471;
    methods[6].answering.uncounted = 0.2;
    let mut comparisons = vec![
        comparison("nearest@1", "accuracy", 0.026, 0.041, 0.21, 0.63),
        comparison("plain", "accuracy", 0.039, 0.046, 0.094, 0.376),
        comparison("history@16", "accuracy", 0.066, 0.044, 0.0041, 0.0205),
        comparison("rag-bm25@4", "accuracy", 0.084, 0.043, 0.0002, 0.0014),
        comparison("profile", "accuracy", 0.063, 0.058, 0.033, 0.165),
        comparison("rpm", "accuracy", 0.130, 0.042, 0.00001, 0.00009),
        comparison("rpm-factors-without-any-of-the-examples@generic", "accuracy", 0.109, 0.044, 0.0001, 0.0008),
        comparison("rpm", "macro F1", 0.244, 0.07, 0.00001, 0.00009),
        Comparison { base: "rag-bm25@4".into(), ..comparison("rpm", "accuracy", 0.046, 0.037, 0.018, 0.108) },
    ];
    comparisons[5].tokens_per_point = Some(101.1);
    comparisons[3].tokens_per_point = Some(66.9);
    SetReport {
        name: "films".into(),
        data_sha256: "9f2c1e0d5b7a48c3961e2f40d8b5a7c3e1f09d2b4c6a8e7051f3d2b4a6c8e0f1".into(),
        task: "one of 15 labels".into(),
        users: 60,
        people: 58,
        notes: Vec::new(),
        teachers: Some(TeachersRow { name: "more films".into(), sha256: "5a".repeat(32), users: 1_204, left_out: 3 }),
        items: 480,
        interactions: 5412,
        skipped: vec![
            SkippedRow { row: "films.json, line 18".into(), problem: "no response".into() },
            SkippedRow { row: "films.json, line 944".into(), problem: "the label is not one of the task's".into() },
        ],
        skipped_total: 7,
        unfinished: Vec::new(),
        limits: Some("the first 60 users, at most 8 test items each".into()),
        metrics: vec![
            metric("accuracy", true, "share of items answered as the user did"),
            metric("macro F1", true, "mean of the labels' F1"),
        ],
        methods,
        cases: cases(),
        comparisons,
        with_others: vec![
            with_others(Some(0), 0.062, 0.0004, 0.0036, 1.0),
            with_others(Some(3), 0.041, 0.0061, 0.0549, 1.0),
            with_others(Some(10), -0.052, 0.0012, 0.0096, 0.994),
            with_others(None, 0.004, 0.71, 1.0, 0.994),
        ],
        learning: vec![learning()],
        curves: vec![
            Curve {
                title: "Learning curve over the size of the history".into(),
                x_label: "Interactions".into(),
                metric: "accuracy".into(),
                log_x: true,
                lines: vec![
                    curve_line("history@16", &[(0.0, 0.40), (4.0, 0.41), (8.0, 0.42), (16.0, 0.428), (32.0, 0.43)]),
                    curve_line("rag-bm25@4", &[(0.0, 0.40), (4.0, 0.41), (8.0, 0.43), (16.0, 0.44), (32.0, 0.446)]),
                    curve_line("rpm", &[(0.0, 0.40), (4.0, 0.39), (8.0, 0.44), (16.0, 0.47), (32.0, 0.492)]),
                ],
            },
            Curve {
                title: "Responses in the history replaced at random".into(),
                x_label: "Share replaced".into(),
                metric: "accuracy".into(),
                log_x: false,
                lines: vec![
                    curve_line("rag-bm25@4", &[(0.0, 0.446), (0.1, 0.431), (0.25, 0.402), (0.5, 0.371)]),
                    curve_line("rpm", &[(0.0, 0.492), (0.1, 0.488), (0.25, 0.47), (0.5, 0.428)]),
                ],
            },
        ],
        tiers: vec![MethodTiers {
            method: "rpm".into(),
            rows: vec![
                tier("full", "enough of the user", 311, measured(0.53, 0.06)),
                tier("factors", "no similar interaction", 122, measured(0.44, 0.09)),
                tier("generic", "too few interactions", 47, None),
            ],
        }],
        reliability: vec![
            reliability("rag-bm25@4", &[(0.25, 0.31, 40), (0.48, 0.39, 150), (0.71, 0.47, 190), (0.93, 0.56, 100)]),
            reliability("rpm", &[(0.22, 0.24, 61), (0.45, 0.44, 170), (0.68, 0.61, 160), (0.9, 0.83, 89)]),
        ],
    }
}

/// A small set with prices, where less is better, and a name from outside that is markup.
fn scales() -> SetReport {
    let mut methods = vec![
        method("mean", "the mean of the user's past responses", vec![measured(1.204, 0.21), None], 0.0, 0.0),
        method(
            "rpm",
            "factors and reasoning paths",
            vec![measured(0.871, 0.19), measured(0.31, 0.02)],
            21_000.0,
            980.0,
        ),
        method(NASTY, NASTY, vec![measured(1.61, 0.31), measured(0.28, 0.02)], 0.0, 210.0),
    ];
    for (row, dollars) in methods.iter_mut().zip([0.0, 0.412, 0.0731]) {
        row.dollars_per_1000 = Some(dollars);
        row.answered = 36;
    }
    let mut comparisons =
        vec![comparison("rpm", "MAE", -0.333, 0.2, 0.006, 0.012), comparison(NASTY, "MAE", 0.406, 0.31, 0.021, 0.021)];
    for c in &mut comparisons {
        (c.base, c.items, c.users) = ("mean".into(), 36, 12);
        (c.users_won, c.users_tied, c.users_lost) = (7, 3, 2);
    }
    comparisons[0].dollars_per_point = Some(0.0124);
    comparisons[0].length_matched = Some(LengthMatched {
        items: 14,
        difference: Measured { value: -0.29, interval: Some(Interval { low: -0.61, high: 0.02 }) },
    });
    SetReport {
        name: NASTY.into(),
        data_sha256: "00".repeat(32),
        task: "a number from 1 to 5".into(),
        users: 12,
        items: 36,
        interactions: 240,
        metrics: vec![metric("MAE", false, "mean distance to the user's response"), metric("ROUGE-L", true, "")],
        methods,
        comparisons,
        ..SetReport::default()
    }
}

/// Two sets with a bit of everything.
pub(crate) fn report() -> Report {
    let methods: BTreeSet<String> =
        films().methods.iter().chain(&scales().methods).map(|row| row.method.clone()).collect();
    Report {
        opening: Vec::new(),
        names: BTreeMap::new(),
        crate_version: "0.1.0".into(),
        model: Some("a-model-2026".into()),
        seed: 7,
        prompts: "4be1c09a77d2".into(),
        methods: methods.into_iter().collect(),
        sets: vec![films(), scales()],
        users: Vec::new(),
    }
}
