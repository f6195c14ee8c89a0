//! Reports as Markdown and HTML against files in `tests/golden`, and what must hold of any. `RPM_UPDATE_GOLDEN=1` rewrites.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::path::Path;

use rpm_core::stats::Interval;
use rpm_eval::compare::Measured;
use rpm_eval::report::Report;

use crate::figures::{NASTY, page, report};

fn compare(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("RPM_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, found).unwrap();
        return;
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    let differs = found.lines().zip(wanted.lines()).find(|(found, wanted)| found != wanted);
    assert!(found == wanted, "{name} changed; first at {differs:?}");
}

#[test]
fn a_report_in_markdown_stays_as_it_is() {
    compare("report.md", &report().to_markdown());
}

#[test]
fn a_report_in_html_stays_as_it_is() {
    compare("report.html", &report().to_html().unwrap());
}

#[test]
fn the_verdict_the_chart_and_the_cases_come_before_all_else_in_both_forms() {
    let (html, markdown) = (report().to_html().unwrap(), report().to_markdown());
    let in_order = |text: &str, marks: &[&str]| {
        let places: Vec<usize> =
            marks.iter().map(|mark| text.find(mark).unwrap_or_else(|| panic!("no {mark}"))).collect();
        assert!(places.is_sorted(), "{marks:?} at {places:?}");
    };
    in_order(&html, &["id=\"verdict\"", "<svg", "id=\"cases\"", "<nav", "id=\"set-1\"", "id=\"doubt\""]);
    in_order(&markdown, &["## Verdict", "| Set |", "## Three cases", "## films", "## Method and doubt"]);
    // Before the first set nothing is folded but the chart's numbers.
    assert_eq!(html.split("id=\"set-1\"").next().unwrap().matches("<details").count(), 1);
    let after = html.split("id=\"set-1\"").nth(1).unwrap();
    for table in after.match_indices("<table>").map(|(at, _)| &after[..at]) {
        assert!(table.matches("<details").count() > table.matches("</details>").count(), "a wide table is not folded");
    }
}

/// The paragraph under the heading of the verdict.
fn verdict(report: &Report) -> String {
    let markdown = report.to_markdown();
    markdown.lines().find_map(|line| line.strip_prefix("**")).unwrap().trim_end_matches("**").replace('\\', "")
}

#[test]
fn the_verdict_of_one_set_gives_values_by_each_measure_that_decides() {
    let mut report = report();
    report.sets.remove(0);
    report.sets[0].name = "scales".into();
    assert_eq!(
        verdict(&report),
        "On scales, rpm is better than mean in MAE (.871 against 1.204, lower is better, adjusted p = .012)."
    );
    for comparison in &mut report.sets[0].comparisons {
        comparison.adjusted_p = Some(0.2);
    }
    assert!(verdict(&report).starts_with("On scales, rpm is not told apart from mean in MAE"));
    assert!(report.to_markdown().contains("with so few users only large differences can be told"));
    report.sets[0].comparisons.clear();
    assert_eq!(verdict(&report), "Nothing was compared, so nothing can be said for or against a method.");
}

#[test]
fn the_verdict_of_several_sets_counts_them_and_hides_no_measure_that_says_more() {
    let mut report = report();
    let [films, scales] = &mut report.sets[..] else { panic!("two sets") };
    for comparison in films.comparisons.iter_mut().filter(|it| it.metric == "accuracy") {
        comparison.adjusted_p = Some(0.5);
    }
    scales.name = "scales".into();
    scales.comparisons[0].difference.value = 0.333;
    assert_eq!(
        verdict(&report),
        "By each set’s first measure, at least one of our methods is better than majority or mean on none of 2 sets, and \
         worse on 1 (scales). On 1 (films, though better in macro F1) nothing is told apart."
    );
}

#[test]
fn a_simple_baseline_that_is_as_good_and_was_not_compared_is_named_beside_the_verdict() {
    let mut report = report();
    report.sets.truncate(1);
    let told = "The best simple baseline, knn with .500 in accuracy against .492 of rpm, is no less good";
    assert!(!report.to_markdown().contains(told));
    report.sets[0].methods[1].method = "knn".into();
    report.sets[0].methods[1].scores[0] = Some(Measured { value: 0.5, interval: None });
    assert!(report.to_markdown().contains(told), "{}", report.to_markdown());
}

#[test]
fn of_many_sets_the_first_chart_has_the_first_measure_alone_and_the_others_are_drawn_below() {
    let mut report = report();
    let films = report.sets[0].clone();
    report.sets =
        (1..=4).map(|n| rpm_eval::report::SetReport { name: format!("films {n}"), ..films.clone() }).collect();
    let html = report.to_html().unwrap();
    assert_eq!(html.matches("class=\"panel\"").count(), 4);
    let (first, below) = html.split_once("id=\"set-1\"").unwrap();
    assert!(!first.contains("macro F1: further right") && below.contains("macro F1: further right"));
}

#[test]
fn every_axis_says_in_words_which_way_is_better() {
    let html = report().to_html().unwrap();
    for wanted in ["accuracy: further right is better", "MAE: further left is better"] {
        assert!(html.contains(wanted), "{wanted}");
    }
}

#[test]
fn a_page_of_a_user_is_named_by_number_linked_and_without_markup_of_the_users() {
    let mut report = report();
    report.users = vec![page()];
    let (html, user) = (report.to_html().unwrap(), report.user_html(0).unwrap().unwrap());
    assert!(html.contains("href=\"users/1.html\"") && user.contains("href=\"../report.html\""));
    assert!(!user.contains("<b>") && user.contains(&escaped(NASTY)));
    assert!(user.contains("Users’ texts are not quoted") && user.contains("drama – right"));
    assert!(report.user_html(1).unwrap().is_none());
    let folder = std::env::temp_dir().join(format!("rpm-report-users-{}", std::process::id()));
    report.write(&folder).unwrap();
    let names: Vec<_> =
        std::fs::read_dir(folder.join("users")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["1.html"]);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn json_gives_the_report_back_and_all_forms_the_same_bytes_again() {
    let report = report();
    let json = report.to_json().unwrap();
    let read: Report = serde_json::from_str(&json).unwrap();
    assert_eq!(read, report);
    assert!(json.ends_with("}\n"));
    assert_eq!(read.to_json().unwrap(), json);
    assert_eq!(read.to_markdown(), report.to_markdown());
    assert_eq!(read.to_html().unwrap(), report.to_html().unwrap());
}

#[test]
fn a_page_loads_nothing_and_runs_nothing() {
    let html = report().to_html().unwrap();
    for forbidden in ["http:", "https:", "<script", "<link", "<img", "@import", "url(", "src=", " on"] {
        let found = html.match_indices(forbidden).find(|(at, _)| forbidden != " on" || handler(&html[*at..]));
        assert!(found.is_none(), "{forbidden} at {found:?}");
    }
}

/// True for ` onclick=` and its like.
fn handler(text: &str) -> bool {
    let name: String = text.trim_start().chars().take_while(char::is_ascii_alphabetic).collect();
    name.len() > 2 && text.trim_start()[name.len()..].starts_with('=')
}

#[test]
fn names_from_outside_are_no_markup() {
    let report = report();
    assert!(!report.to_html().unwrap().contains("<b>"));
    let markdown = report.to_markdown();
    assert!(markdown.contains("\\<b\\>\\&\"'\\|\\*x\\*") && !markdown.contains("<b>"));
}

/// The texts of all `<tag …>` starts.
fn starts<'a>(html: &'a str, tag: &'a str) -> impl Iterator<Item = &'a str> {
    html.match_indices('<').filter_map(move |(at, _)| {
        let rest = html[at + 1..].strip_prefix(tag)?;
        rest.starts_with([' ', '>']).then(|| rest.split('>').next().unwrap_or_default())
    })
}

#[test]
fn headings_go_down_one_level_at_a_time_and_one_is_the_first() {
    let html = report().to_html().unwrap();
    let levels: Vec<u32> = html.match_indices("<h").filter_map(|(at, _)| html[at + 2..at + 3].parse().ok()).collect();
    assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1);
    assert_eq!(levels[0], 1);
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
}

#[test]
fn ids_are_unique_and_links_within_the_page_have_a_target() {
    let html = report().to_html().unwrap();
    let values = |attribute: &str| -> Vec<String> {
        let start = format!(" {attribute}=\"");
        html.match_indices(&start)
            .map(|(at, _)| html[at + start.len()..].split('"').next().unwrap().to_owned())
            .collect()
    };
    let ids = values("id");
    let unique: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(ids.len(), unique.len());
    for target in values("href") {
        assert!(unique.contains(&target[1..].to_owned()), "{target}");
    }
    for label in values("aria-labelledby") {
        assert!(unique.contains(&label), "{label}");
    }
}

#[test]
fn tables_have_captions_and_scopes_and_each_method_is_in_the_tables_of_all() {
    let html = report().to_html().unwrap();
    assert_eq!(starts(&html, "table").count(), starts(&html, "caption").count());
    assert!(starts(&html, "th").all(|th| th.contains("scope=\"col\"") || th.contains("scope=\"row\"")));
    for set in &report().sets {
        for heading in ["Scores with", "What the methods are", "What is asked of the model"] {
            for row in &set.methods {
                let cell = format!(">{}</th>", escaped(&row.method));
                let tables = html.split("<table>").filter(|table| table.contains(heading) && table.contains(&cell));
                assert!(tables.count() >= 1, "{heading}: {}", row.method);
            }
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[test]
fn nothing_is_called_better_without_an_adjusted_p() {
    let mut report = report();
    for set in &mut report.sets {
        let with_others = set.with_others.iter_mut().map(|it| &mut it.comparison);
        for comparison in set.comparisons.iter_mut().chain(with_others) {
            (comparison.p, comparison.adjusted_p) = (Some(0.0001), None);
        }
    }
    let markdown = report.to_markdown();
    assert!(!markdown.contains("| better |") && !markdown.contains("| worse |"));
    assert!(markdown.contains("| not told apart |") && !markdown.contains("] ↑ |") && !markdown.contains("] ↓ |"));
}

#[test]
fn an_empty_report_and_odd_numbers_are_drawn_too() {
    assert!(Report::default().to_html().is_ok());
    let mut report = report();
    for set in &mut report.sets {
        for row in &mut set.methods {
            row.scores = vec![Some(Measured {
                value: f64::NAN,
                interval: Some(Interval { low: f64::NEG_INFINITY, high: f64::INFINITY }),
            })];
            row.answering.input_tokens = f64::NAN;
        }
        for line in set.curves.iter_mut().flat_map(|curve| &mut curve.lines) {
            line.points.truncate(1);
        }
    }
    let html = report.to_html().unwrap();
    assert!(!html.contains("NaN") && !html.contains("inf"), "a number that is none was printed");
}

#[test]
fn a_folder_is_made_and_holds_the_three_forms() {
    let folder = std::env::temp_dir().join(format!("rpm-report-{}", std::process::id())).join("made");
    let report = report();
    report.write(&folder).unwrap();
    report.write(&folder).unwrap();
    let mut names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["report.html", "report.json", "report.md"]);
    assert_eq!(std::fs::read_to_string(folder.join("report.md")).unwrap(), report.to_markdown());
    std::fs::remove_dir_all(folder.parent().unwrap()).unwrap();
}

#[test]
fn each_number_of_own_interactions_says_whether_others_help_or_do_harm() {
    let markdown = report().to_markdown();
    for told in [
        "- **With others better than alone:** rpm:others=10 at 0 own +.062",
        "- **With others worse than alone:** rpm:others=10 at 10 own −.052",
        "- **With others not told apart from alone:** rpm:others=10 at 3 own; rpm:others=10 at all own",
        "| rpm:others=10 | 10 | −.052 [−.092, −.012] | worse | .010 | .001 | 31 / 17 / 12 |",
    ] {
        assert!(markdown.contains(told), "{told}\n{markdown}");
    }
}
