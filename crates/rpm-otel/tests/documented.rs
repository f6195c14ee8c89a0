//! The page that lists the metrics lists these.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use rpm_otel::{Conventions, Instrument, metrics};

const PAGE: &str = include_str!("../../../docs/telemetry.md");

#[test]
fn the_page_has_a_line_for_each_metric_with_its_kind_its_unit_and_its_own_attributes() {
    for metric in metrics(Conventions::V1_41).chain(metrics(Conventions::GenAi)) {
        let begin = format!("| `{}` |", metric.name);
        let line = PAGE.lines().find(|line| line.starts_with(&begin)).unwrap_or_else(|| panic!("no line {begin}"));
        let kind = if metric.instrument == Instrument::Histogram { "histogram" } else { "counter" };
        assert!(line.contains(&format!("| {kind}, `{}` |", metric.unit)), "{line}");
        for own in metric.attributes().filter(|name| name.starts_with("rpm.") && *name != "rpm.stage") {
            assert!(line.contains(&format!("`{own}`")), "{line}: {own}");
        }
    }
}

#[test]
fn the_page_has_no_metric_that_there_is_not() {
    let names: Vec<&str> =
        metrics(Conventions::V1_41).chain(metrics(Conventions::GenAi)).map(|metric| metric.name).collect();
    let listed = PAGE.lines().filter(|line| line.contains("| histogram,") || line.contains("| counter,"));
    for line in listed {
        let name = line.split('`').nth(1).unwrap();
        assert!(names.contains(&name), "{name}");
    }
}
