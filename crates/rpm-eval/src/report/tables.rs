//! The tables of a data set.

use super::document::ColumnKind::{Marked, Number, Text};
use super::document::{Cell, Column, Table};
use super::values::{Curve, Learning, MeanNeed, MethodRow, SetReport};
use super::verdict::Verdict;
use super::{number, wording};

/// All scores, with marks for those told apart from the base.
pub(super) fn scores(set: &SetReport) -> Table {
    let against = set.main_base().map_or_else(String::new, |base| {
        format!(
            " ↑ better and ↓ worse than {base} by the adjusted p of the paired difference. Compared is {}; what is unmarked there was not told \
             apart.",
            compared(set)
        )
    });
    let mut table = Table::new(format!("Scores with 95\u{a0}% intervals.{against}"), &[("Method", Text)]);
    for metric in &set.metrics {
        let way = if metric.higher_is_better { "higher" } else { "lower" };
        table.columns.push(Column { name: format!("{} ({way} is better)", metric.name), kind: Marked });
    }
    table.rows = set.methods.iter().map(|row| score_cells(set, row)).collect();
    table
}

/// The metrics that methods are compared by.
fn compared(set: &SetReport) -> String {
    let is_compared = |name: &&str| set.comparisons.iter().any(|comparison| comparison.metric == **name);
    let names: Vec<&str> = set.metrics.iter().map(|metric| metric.name.as_str()).filter(is_compared).collect();
    names.join(" and ")
}

fn score_cells(set: &SetReport, row: &MethodRow) -> Vec<Cell> {
    let mut cells = vec![Cell::from(&row.method)];
    for (place, metric) in set.metrics.iter().enumerate() {
        let compared = set.comparisons.iter().find(|comparison| {
            comparison.method == row.method
                && comparison.metric == metric.name
                && Some(comparison.base.as_str()) == set.main_base()
        });
        let mark = compared.and_then(|comparison| set.verdict(comparison).mark());
        let score = row.scores.get(place).copied().flatten();
        cells.push(Cell { mark, ..Cell::from(number::measured(score)) });
    }
    cells
}

/// The methods with a description and the number of their answers.
pub(super) fn answered(set: &SetReport) -> Table {
    let caption = format!("What the methods are, and how many of {} items they answered.", number::count(set.items));
    let columns = [
        ("Method", Text),
        ("What it is", Text),
        ("Answered", Number),
        ("Mean length (characters)", Number),
        ("Not answered, by cause", Text),
    ];
    let mut table = Table::new(caption, &columns);
    table.rows = set
        .methods
        .iter()
        .map(|row| {
            let errors: Vec<String> =
                row.errors.iter().map(|(kind, n)| format!("{kind} {}", number::count(*n))).collect();
            let what = if row.what.is_empty() { number::NONE } else { &row.what };
            vec![
                Cell::from(&row.method),
                what.into(),
                number::count(row.answered).into(),
                row.answer_characters.map_or_else(|| number::NONE.to_owned(), number::amount).into(),
                if errors.is_empty() { number::NONE.to_owned() } else { errors.join(", ") }.into(),
            ]
        })
        .collect();
    table
}

/// All comparisons, a table per metric and base, in the order these come.
pub(super) fn comparisons(set: &SetReport) -> Vec<Table> {
    let mut kinds: Vec<(&str, &str)> = Vec::new();
    for comparison in &set.comparisons {
        let kind = (comparison.metric.as_str(), comparison.base.as_str());
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds.into_iter().map(|(metric, base)| comparisons_of(set, metric, base)).collect()
}

fn comparisons_of(set: &SetReport, metric: &str, base: &str) -> Table {
    let caption = format!(
        "{metric}, paired differences to {base} with 95\u{a0}% intervals; adjusted p by Holm over all {} comparisons of the \
         set.",
        number::count(set.compared())
    );
    let columns = [
        ("Method", Text),
        ("Difference", Number),
        ("Outcome", Text),
        ("Adjusted p", Number),
        ("p", Number),
        ("Users won / tied / lost", Number),
        ("Users", Number),
        ("Items", Number),
    ];
    let mut table = Table::new(caption, &columns);
    let rows = set.comparisons.iter().filter(|c| c.metric == metric && c.base == base);
    table.rows = rows
        .map(|c| {
            let users = [c.users_won, c.users_tied, c.users_lost].map(number::count).join(" / ");
            vec![
                Cell::from(&c.method),
                number::difference(c.difference).into(),
                set.verdict(c).word().into(),
                number::probability(c.adjusted_p).into(),
                number::probability(c.p).into(),
                users.into(),
                number::count(c.users).into(),
                number::count(c.items).into(),
            ]
        })
        .collect();
    table
}

/// Differences among answers of equal length.
pub(super) fn length_matched(set: &SetReport) -> Table {
    let caption = "Paired differences among items whose two answers are of about equal length: what is left when a method \
                   cannot gain by the length of its answers. No p is given for them.";
    let columns = [("Method", Text), ("Base", Text), ("Measure", Text), ("Difference", Number), ("Items", Number)];
    let mut table = Table::new(caption, &columns);
    let rows = set.comparisons.iter().filter_map(|c| c.length_matched.map(|matched| (c, matched)));
    table.rows = rows
        .map(|(c, m)| {
            let difference = number::difference(m.difference);
            let names = [&c.method, &c.base, &c.metric].map(Cell::from);
            names.into_iter().chain([difference.into(), number::count(m.items).into()]).collect()
        })
        .collect();
    table
}

/// The requests and tokens of learning and of answering.
pub(super) fn cost(set: &SetReport) -> Table {
    let caption = "What is asked of the model, whether paid for now or kept from before: per user to learn, per item to \
                   answer. ≥ where the provider did not count all tokens.";
    let columns = [
        ("Method", Text),
        ("Learn: requests", Number),
        ("Learn: input tokens", Number),
        ("Learn: output tokens", Number),
        ("Answer: requests", Number),
        ("Answer: input tokens", Number),
        ("Answer: output tokens", Number),
        ("Dollars per 1,000 answers", Number),
    ];
    let mut table = Table::new(caption, &columns);
    table.rows = set
        .methods
        .iter()
        .map(|row| {
            let mut cells = vec![Cell::from(&row.method)];
            cells.extend(needs(&row.learning));
            cells.extend(needs(&row.answering));
            cells.push(number::dollars(row.dollars_per_1000).into());
            cells
        })
        .collect();
    table
}

fn needs(need: &MeanNeed) -> [Cell; 3] {
    let least = if need.uncounted > 0.0 { "≥ " } else { "" };
    [
        number::amount(need.requests).into(),
        format!("{least}{}", number::amount(need.input_tokens)).into(),
        format!("{least}{}", number::amount(need.output_tokens)).into(),
    ]
}

/// The price of an improvement, for comparisons with one.
pub(super) fn price_of_improvement(set: &SetReport) -> Table {
    let caption = "What an improvement of one hundredth costs, where the method is better by the adjusted p.";
    let columns = [
        ("Method", Text),
        ("Base", Text),
        ("Measure", Text),
        ("Tokens more per answer", Number),
        ("Dollars more per 1,000 answers", Number),
    ];
    let mut table = Table::new(caption, &columns);
    let priced = set.comparisons.iter().filter(|c| {
        set.verdict(c) == Verdict::Better && (c.tokens_per_point.is_some() || c.dollars_per_point.is_some())
    });
    table.rows = priced
        .map(|c| {
            let tokens = c.tokens_per_point.map_or_else(|| number::NONE.to_owned(), number::amount);
            let names = [&c.method, &c.base, &c.metric].map(Cell::from);
            names.into_iter().chain([tokens.into(), number::dollars(c.dollars_per_point).into()]).collect()
        })
        .collect();
    table
}

/// A metric over own interactions.
pub(super) fn learning(learning: &Learning) -> Table {
    let caption = format!(
        "{} with 95\u{a0}% intervals, by how many of the user's own latest interactions are known.",
        learning.metric
    );
    let mut table = Table::new(caption, &[("Method", Text)]);
    let column = |step: &Option<usize>| Column { name: wording::own(*step), kind: Number };
    table.columns.extend(learning.steps.iter().map(column));
    table.rows = learning
        .lines
        .iter()
        .map(|line| {
            let points = line.points.iter().map(|point| Cell::from(number::measured(*point)));
            std::iter::once(Cell::from(&line.method)).chain(points).collect()
        })
        .collect();
    table
}

/// Methods with others less the same alone, a table per metric.
pub(super) fn with_others(set: &SetReport) -> Vec<Table> {
    let mut metrics: Vec<&str> = set.with_others.iter().map(|it| it.comparison.metric.as_str()).collect();
    metrics.dedup();
    metrics.into_iter().map(|metric| with_others_of(set, metric)).collect()
}

fn with_others_of(set: &SetReport, metric: &str) -> Table {
    let caption = format!(
        "{metric}, paired differences of each method with others to the same method alone, with 95\u{a0}% intervals; adjusted p \
         by Holm over all {} comparisons of the set. “Taught” is the share of answers before which others had said enough to \
         teach something, “Kept” that of users who are mostly like none of the others and are answered as alone.",
        number::count(set.compared())
    );
    let columns = [
        ("Method with others", Text),
        ("Own interactions", Text),
        ("Difference", Number),
        ("With others", Text),
        ("Adjusted p", Number),
        ("p", Number),
        ("Users won / tied / lost", Number),
        ("Taught", Number),
        ("Kept", Number),
    ];
    let mut table = Table::new(caption, &columns);
    let rows = set.with_others.iter().filter(|it| it.comparison.metric == metric);
    table.rows = rows
        .map(|it| {
            let c = &it.comparison;
            vec![
                Cell::from(it.method()),
                wording::own(it.own).into(),
                number::difference(c.difference).into(),
                set.verdict(c).word().into(),
                number::probability(c.adjusted_p).into(),
                number::probability(c.p).into(),
                [c.users_won, c.users_tied, c.users_lost].map(number::count).join(" / ").into(),
                number::percent(it.taught).into(),
                number::percent(it.kept).into(),
            ]
        })
        .collect();
    table
}

/// A curve's points.
pub(super) fn curve(curve: &Curve) -> Table {
    let columns = [("Method", Text), (curve.x_label.as_str(), Number), (curve.metric.as_str(), Number)];
    let mut table = Table::new(format!("{}: the points of the curves.", curve.title), &columns).folded();
    let points = curve.lines.iter().flat_map(|line| line.points.iter().map(|point| (&line.method, point)));
    table.rows = points
        .map(|(method, point)| {
            vec![Cell::from(method), number::tick(point.x).into(), number::measured(Some(point.measured)).into()]
        })
        .collect();
    table
}

/// Answers by tier and reason.
pub(super) fn tiers(set: &SetReport) -> Table {
    let metric = set.metrics.first().map_or("Score", |metric| metric.name.as_str());
    let columns =
        [("Method", Text), ("Tier", Text), ("Reason", Text), ("Answers", Number), ("Share", Number), (metric, Number)];
    let caption = "How much of a user each answer used, and why not more. Tiers were not assigned by chance: a difference \
                   between their scores may be one between their items.";
    let mut table = Table::new(caption, &columns);
    let rows = set.tiers.iter().flat_map(|tiers| tiers.rows.iter().map(|row| (&tiers.method, row)));
    table.rows = rows
        .map(|(method, row)| {
            vec![
                Cell::from(method),
                Cell::from(&row.tier),
                Cell::from(&row.reason),
                number::count(row.answers).into(),
                number::percent(row.share).into(),
                number::measured(row.score).into(),
            ]
        })
        .collect();
    table
}

/// The bins of the reliability diagram.
pub(super) fn reliability(set: &SetReport) -> Table {
    let columns = [("Method", Text), ("Mean confidence", Number), ("Share right", Number), ("Answers", Number)];
    let mut table = Table::new("Confidence and what came of it: the points of the diagram.", &columns).folded();
    let bins = set.reliability.iter().flat_map(|line| line.bins.iter().map(|bin| (&line.method, bin)));
    table.rows = bins
        .map(|(method, bin)| {
            let [confidence, right] = [bin.confidence, bin.right].map(number::score);
            vec![Cell::from(method), confidence.into(), right.into(), number::count(bin.answers).into()]
        })
        .collect();
    table
}

/// The first rows that could not be used.
pub(super) fn skipped(set: &SetReport) -> Table {
    let (shown, all) = (number::count(set.skipped.len()), number::count(set.skipped_total));
    let mut table = Table::new(
        format!("Rows that could not be used: the first {shown} of {all}."),
        &[("Row", Text), ("Problem", Text)],
    );
    table.rows = set.skipped.iter().map(|row| vec![Cell::from(&row.row), Cell::from(&row.problem)]).collect();
    table
}
