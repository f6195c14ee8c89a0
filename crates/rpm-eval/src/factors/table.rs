//! The numbers of several data sets as a table to read.

use std::fmt::Write as _;

use super::SetFactors;
use super::faults::LabelFault;
use super::fidelity::Gain;

const HEAD: &str = "| set | users | features | on 3× | on catalog | factors | seen 3× | significant | redundancy | coverage | coverable | same direction | \
                    replicated | of | fidelity | by MAE | labels | faulty |\n\
                    |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n";

/// Markdown: a table of all sets, one of the faults, what the fidelity rests on, and the labels that were drawn.
pub fn to_markdown(sets: &[SetFactors]) -> String {
    let mut text = HEAD.to_owned();
    for set in sets {
        row(&mut text, set);
    }
    text.push('\n');
    faults(&mut text, sets);
    text.push('\n');
    for set in sets {
        usage(&mut text, set);
        gains(&mut text, set);
    }
    for set in sets {
        labels(&mut text, set);
    }
    text
}

fn share(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"))
}

fn row(text: &mut String, set: &SetFactors) {
    let significant = set.significant_per_user.map_or_else(|| "–".to_owned(), |n| format!("{n:.1}"));
    let cells = [
        set.name.clone(),
        set.users.to_string(),
        set.features.to_string(),
        share(Some(set.features_on_recurring)),
        share(Some(set.features_on_catalog)),
        format!("{:.1}", set.factors_per_user),
        format!("{:.1}", set.seen3_per_user),
        significant,
        share(Some(set.shown_redundancy)),
        share(Some(set.shown_coverage)),
        share(Some(set.coverage_of_recurring)),
        share(set.same_direction),
        share(set.replicated),
        set.tested_later.to_string(),
        share(set.fidelity),
        share(set.fidelity_mae),
        set.labels_shown.to_string(),
        set.label_faults.to_string(),
    ];
    // Writing to a string does not fail.
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

fn faults(text: &mut String, sets: &[SetFactors]) {
    let kinds = LabelFault::ALL.map(LabelFault::as_str).join(" | ");
    let _ = writeln!(text, "| faulty labels | {kinds} |\n|---|{}", "---:|".repeat(LabelFault::ALL.len()));
    for set in sets {
        let count = |fault| set.label_faults_by_kind.get(&fault).copied().unwrap_or_default().to_string();
        let _ = writeln!(text, "| {} | {} |", set.name, LabelFault::ALL.map(count).join(" | "));
    }
}

/// The figures that the fidelity is made of, or why there is none.
fn gains(text: &mut String, set: &SetFactors) {
    let line = |name: &str, gain: &Gain| {
        let Gain { items, estimate, factors, tone, base, p, .. } = *gain;
        let why = match (factors, gain.fidelity) {
            (None, _) => " No fidelity: this estimate has no part that goes by factors.",
            (_, None) => " No fidelity: the estimate is not significantly better than the base.",
            _ => "",
        };
        let (factors, tone) = (share(factors), share(tone));
        format!(
            "- {}, {name} over {items} items: estimate {estimate:.3}, factors alone {factors} ({tone} without them), \
             base {base:.3}, p {p:.4}.{why}\n",
            set.name
        )
    };
    if set.accuracy.is_none() {
        let why = if set.usage.is_some() { "with test items not asked" } else { "of free text" };
        let _ = writeln!(text, "- {}: {why} there are no tests, no later direction and no fidelity.", set.name);
    }
    text.extend(set.accuracy.iter().map(|gain| line("accuracy", gain)));
    text.extend(set.mae.iter().map(|gain| line("MAE", gain)));
}

/// What a model took, where one was asked.
fn usage(text: &mut String, set: &SetFactors) {
    let Some(usage) = &set.usage else { return };
    let all = usage.total();
    let _ = writeln!(
        text,
        "- {}, by a model: {} requests, {} tokens in, {} out.",
        set.name, all.calls, all.input_tokens, all.output_tokens
    );
}

fn labels(text: &mut String, set: &SetFactors) {
    let Some(labels) = &set.labels else { return };
    let _ = writeln!(text, "\nLabels of {}, drawn:\n", set.name);
    for label in labels {
        let faults: Vec<&str> = label.faults.iter().map(|fault| fault.as_str()).collect();
        let faults = if faults.is_empty() { String::new() } else { format!(" [{}]", faults.join(", ")) };
        let _ = writeln!(text, "- {}, seen {}×: {}{faults}", label.user, label.seen, label.label);
    }
}
