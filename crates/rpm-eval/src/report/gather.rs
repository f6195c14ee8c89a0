//! Gathers a run's records into the report's values.

use std::collections::BTreeMap;

use crate::compare::{RESAMPLES, Resamples};
use crate::dataset::{Dataset, Limits, Teachers, people};
use crate::method::{Spec, about};
use crate::metric::{self, CALIBRATION_BINS};
use crate::run::Run;
use crate::{Answered, Need};
use rpm_core::data::{ResponseSpace, Task};
use rpm_core::llm::Prices;

use super::answers::{Answers, LEVEL, answers, used};
use super::cases::Items;
use super::{
    MeanNeed, MethodReliability, MethodRow, MethodTiers, Metric, ReliabilityBin, Report, ReportOptions, SetReport,
    SkippedRow, TeachersRow, TierRow, Unfinished, UserPage, comparisons, curves, learning,
};

/// Skipped rows that are named.
const NAMED: usize = 5;
impl Report {
    /// The figures of a run on these data sets, which must be those it ran on.
    pub fn of(run: &Run, sets: &[Dataset], options: &ReportOptions) -> Self {
        let manifest = &run.manifest;
        let (sets, users): (Vec<_>, Vec<_>) = sets.iter().map(|set| set_report(run, set, options)).unzip();
        Self {
            crate_version: manifest.crate_version.clone(),
            model: manifest.model.clone(),
            seed: manifest.seed,
            prompts: manifest.prompts.clone(),
            methods: manifest.methods.clone(),
            sets,
            opening: Vec::new(),
            names: BTreeMap::new(),
            users: users.into_iter().flatten().collect(),
        }
    }
}

/// The figures of a set, and the pages of its users where they are wanted.
fn set_report(run: &Run, set: &Dataset, options: &ReportOptions) -> (SetReport, Vec<UserPage>) {
    let answers = answers(run, set);
    let people = people(&set.users);
    let resamples = Resamples::of_people(&people, RESAMPLES, run.manifest.seed);
    let metrics: Vec<metric::Metric> = metric::Metric::of(&set.task)
        .into_iter()
        .filter(|metric| answers.iter().any(|it| metric.of_items(&set.task, it.all()).is_some()))
        .collect();
    let rows = answers.iter().map(|it| row(it, set, &metrics, &resamples, options));
    let (comparisons, with_others) = comparisons::of(&answers, set, &metrics, &resamples, options);
    let mut report = SetReport {
        name: set.name.clone(),
        data_sha256: set.sha256.clone(),
        task: kind(&set.task).to_owned(),
        users: set.users.len(),
        people: people.into_iter().max().map_or(0, |last| last + 1),
        notes: set.notes.clone(),
        teachers: set.teachers.as_ref().map(teachers),
        items: set.items(),
        interactions: set.users.iter().map(|user| user.history.len()).sum(),
        skipped: set.skipped.iter().take(NAMED).map(skipped).collect(),
        skipped_total: set.skipped.len() + set.skipped_unnamed,
        unfinished: unfinished(run, set, &answers),
        limits: in_words(set.limits),
        metrics: metrics.iter().map(|metric| describe(*metric)).collect(),
        methods: rows.collect(),
        cases: Vec::new(),
        comparisons,
        with_others,
        learning: learning::of(&answers, &comparisons::deciding(&metrics), &set.task, &resamples),
        curves: metrics.first().map_or_else(Vec::new, |metric| curves::of(&answers, *metric, &set.task, &resamples)),
        tiers: answers.iter().filter_map(|it| tiers(it, &metrics, &set.task, &resamples)).collect(),
        reliability: answers.iter().filter_map(reliability).collect(),
    };
    let Some(metric) = metrics.first() else { return (report, Vec::new()) };
    let items = Items { set, answers: &answers, metric: *metric, texts: options.texts };
    report.cases = items.cases(&report);
    let pages = if options.user_pages { items.pages() } else { Vec::new() };
    (report, pages)
}

/// Methods that a run did not finish, with the number of users it did not get to.
fn unfinished(run: &Run, set: &Dataset, answers: &[Answers<'_>]) -> Vec<Unfinished> {
    let missing = |answers: &Answers<'_>| answers.by_user.iter().filter(|items| items.is_empty()).count();
    let methods = run.manifest.methods.iter();
    let of = |method: &String| match answers.iter().find(|it| it.method == *method) {
        Some(answers) => missing(answers),
        // A run that was not stopped left a method out since it does not fit the task.
        None if run.stopped.is_some() => set.users.len(),
        None => 0,
    };
    let all = methods.map(|method| Unfinished { method: method.clone(), users: of(method) });
    all.filter(|it| it.users > 0).collect()
}

fn row(
    answers: &Answers<'_>,
    set: &Dataset,
    metrics: &[metric::Metric],
    resamples: &Resamples,
    options: &ReportOptions,
) -> MethodRow {
    let failed: BTreeMap<&str, &str> =
        answers.learned.iter().filter_map(|it| Some((it.user.as_str(), it.error.as_deref()?))).collect();
    let mut errors: BTreeMap<String, usize> = BTreeMap::new();
    for item in answers.all().filter(|item| item.response.is_none()) {
        let own = item.error.clone();
        let learning = || failed.get(item.user.as_str()).map(|error| format!("learn: {error}"));
        let why = own.or_else(learning).unwrap_or_else(|| "no response of the task".to_owned());
        *errors.entry(why).or_default() += 1;
    }
    // Items that were never asked, since learning their user failed, are left out of the cost of asking.
    let asked = answers.all().filter(|item| item.need.requests > 0 || item.response.is_some()).count();
    let mut need = Need::default();
    answers.all().for_each(|item| need.add(&item.need));
    let mut learning = Need::default();
    answers.learned.iter().for_each(|it| learning.add(&it.need));
    let answered: Vec<usize> =
        answers.all().filter_map(|item| item.response.as_ref()).map(|it| it.chars().count()).collect();
    let dollars = |prices: Prices| prices.of(&used(&need)) * 1_000.0 / asked.max(1) as f64;
    let score =
        |metric: &metric::Metric| answers.replicates(*metric, &set.task, resamples).map(|it| it.measured(LEVEL));
    MethodRow {
        method: answers.method.to_owned(),
        what: answers.method.parse::<Spec>().map(|spec| about(&spec).to_owned()).unwrap_or_default(),
        answered: answered.len(),
        errors,
        scores: metrics.iter().map(score).collect(),
        learning: mean_need(&learning, answers.learned.len()),
        answering: mean_need(&need, asked),
        dollars_per_1000: options.prices.filter(|_| need.requests > 0 && need.uncounted == 0).map(dollars),
        answer_characters: (!answered.is_empty())
            .then(|| answered.iter().sum::<usize>() as f64 / answered.len() as f64),
    }
}

fn mean_need(need: &Need, n: usize) -> MeanNeed {
    let mean = |sum: u64| sum as f64 / n.max(1) as f64;
    MeanNeed {
        requests: mean(need.requests),
        input_tokens: mean(need.input_tokens),
        output_tokens: mean(need.output_tokens),
        uncounted: mean(need.uncounted),
    }
}

/// The answers of one tier and reason; `None` for methods without tiers.
fn tiers(answers: &Answers<'_>, metrics: &[metric::Metric], task: &Task, resamples: &Resamples) -> Option<MethodTiers> {
    let mut kinds: Vec<_> = answers.all().filter_map(|item| item.support).collect();
    let all = kinds.len();
    // The fullest first.
    kinds.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.as_str().cmp(b.1.as_str())));
    kinds.dedup();
    let tier = |support| {
        let by_user: Vec<Vec<&Answered>> = answers
            .by_user
            .iter()
            .map(|items| items.iter().copied().filter(|item| item.support == Some(support)).collect())
            .collect();
        let part = Answers { method: answers.method, by_user, learned: Vec::new() };
        let n = part.all().count();
        let score = metrics.first().and_then(|metric| part.replicates(*metric, task, resamples));
        TierRow {
            tier: support.0.as_str().to_owned(),
            reason: support.1.as_str().to_owned(),
            answers: n,
            share: n as f64 / all.max(1) as f64,
            score: score.map(|it| it.measured(LEVEL)),
        }
    };
    (all > 0).then(|| MethodTiers { method: answers.method.to_owned(), rows: kinds.into_iter().map(tier).collect() })
}

/// Answers by their confidence in bins of equal width; `None` for methods that state none.
fn reliability(answers: &Answers<'_>) -> Option<MethodReliability> {
    let mut bins = vec![(0.0, 0.0, 0_usize); CALIBRATION_BINS];
    for item in answers.all() {
        let (Some(confidence), Some(response)) = (item.confidence.filter(|it| it.is_finite()), &item.response) else {
            continue;
        };
        let at = (1..CALIBRATION_BINS).take_while(|bin| confidence >= *bin as f64 / CALIBRATION_BINS as f64).count();
        if let Some((sum, right, n)) = bins.get_mut(at) {
            *sum += confidence;
            *right += f64::from(u8::from(*response == item.gold));
            *n += 1;
        }
    }
    let bins: Vec<ReliabilityBin> = bins
        .into_iter()
        .filter(|(_, _, n)| *n > 0)
        .map(|(sum, right, n)| ReliabilityBin { confidence: sum / n as f64, right: right / n as f64, answers: n })
        .collect();
    (!bins.is_empty()).then(|| MethodReliability { method: answers.method.to_owned(), bins })
}

fn teachers(teachers: &Teachers) -> TeachersRow {
    TeachersRow {
        name: teachers.name.clone(),
        sha256: teachers.sha256.clone(),
        users: teachers.histories.len(),
        left_out: teachers.left_out,
    }
}

fn skipped(row: &crate::dataset::Skipped) -> SkippedRow {
    SkippedRow { row: row.row.clone(), problem: row.problem.clone() }
}

fn kind(task: &Task) -> &'static str {
    match task.space() {
        ResponseSpace::Labels { .. } => "one of fixed labels",
        ResponseSpace::Scale { .. } => "a point of a scale",
        ResponseSpace::Choices => "one of the question's own options",
        ResponseSpace::Text { .. } => "free text",
        _ => "a response of another kind",
    }
}

fn in_words(limits: Limits) -> Option<String> {
    let mut words = Vec::new();
    if limits.skip_users > 0 {
        words.push(format!("without the first {} users", limits.skip_users));
    }
    if let Some(users) = limits.users {
        words.push(format!("at most {users} users"));
    }
    if let Some(tests) = limits.tests {
        words.push(format!("the first {tests} test items of each"));
    }
    if limits.only_unseen {
        words.push("test items whose text is in no history of the user".to_owned());
    }
    (!words.is_empty()).then(|| words.join(", "))
}

fn describe(metric: metric::Metric) -> Metric {
    Metric {
        name: metric.name().to_owned(),
        higher_is_better: metric.higher_is_better(),
        note: metric.about().to_owned(),
    }
}
