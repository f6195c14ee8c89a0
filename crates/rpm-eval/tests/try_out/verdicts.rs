//! What the verdict says, and what stands beside it: on the screen and in the report.

use std::fs;

use rpm_eval::try_out::{Finding, MoreUsers};

use super::made::{file, films, has, ran, said, stars};
use super::{TryOptions, tried};

/// Stars that nothing in a film tells.
fn noise(seed: usize) -> impl Fn(usize, usize) -> String {
    move |user, n| (1 + (7 * user + 13 * n + 5 * user * n + seed * (n + 3) * (user + 2)) % 11 % 5).to_string()
}

#[test]
fn how_many_more_users_is_told_only_where_something_points_to_a_difference() {
    let (mut without, mut with, mut few) = (0, 0, 0);
    for (seed, users) in (1..5).flat_map(|seed| [(seed, 3), (seed, 8)]) {
        let path = file(&format!("noise{seed}_{users}"), films(users, 15, noise(seed), |n| n.to_string()));
        let verdict = tried(&path, &TryOptions::default()).verdict;
        let about = matches!(verdict.more_users, Some(MoreUsers::About(_)));
        if verdict.finding != Finding::NotToldApart {
            continue;
        }
        if verdict.p > 0.5 {
            without += 1;
            assert!(!about, "{}", verdict.sentence);
            has(&verdict.sentence, &["there is no sign of a difference"]);
        } else if let Some(MoreUsers::About(more)) = verdict.more_users {
            with += 1;
            few += usize::from(users < 6);
            assert!(users + more >= 6, "{}", verdict.sentence);
            has(&verdict.sentence, &["would settle it, if the difference is as large as it looks"]);
        }
    }
    assert!(without > 0 && with > 0 && few > 0, "{without} {with} {few}");
}

#[test]
fn where_interval_and_p_disagree_it_is_said_by_which_the_verdict_goes() {
    // Of six users one has always given the same, so that five are left to tell by.
    let path =
        file("five", films(6, 20, |user, n| if user == 5 { "3".into() } else { stars(user, n) }, |n| n.to_string()));
    let verdict = tried(&path, &TryOptions::default()).verdict;
    assert_eq!(verdict.finding, Finding::NotToldApart);
    assert!(verdict.interval.unwrap().low > 0.0 && verdict.p > 0.05);
    has(&verdict.note, &["by which the verdict goes: the interval leaves out 0, but is too narrow with few users"]);
}

#[test]
fn the_report_opens_with_the_same_verdict_and_has_the_names_of_the_screen() {
    let path = file("report", films(8, 20, stars, |n| n.to_string()));
    let out = path.parent().unwrap().join("out");
    let text = said(&path, &["--out", out.to_str().unwrap()]);
    let report = fs::read_to_string(out.join("report.md")).unwrap();
    let plain = report.replace('\\', "");
    let tried = tried(&path, &TryOptions::default());
    has(&text, &[&tried.verdict.sentence]);
    let lead = plain.lines().find(|line| line.starts_with("**")).unwrap();
    assert_eq!(lead, format!("**{}**", tried.verdict.sentence));
    for figure in &tried.methods {
        has(&plain, &[&format!("- **{}:** {}", figure.method, figure.words)]);
    }
    assert!(
        fs::read_to_string(out.join("report.html")).unwrap().contains(&tried.verdict.sentence.replace('\'', "&#39;"))
            || fs::read_to_string(out.join("report.html")).unwrap().contains(&tried.verdict.sentence)
    );
}

#[test]
fn because_adds_up_as_it_is_shown() {
    for (name, half) in [("sums", false), ("half_sums", true)] {
        let response = |user, n| {
            let stars: f64 = stars(user, n).parse().unwrap();
            if half { (stars - 0.5).to_string() } else { stars.to_string() }
        };
        let text = said(&file(name, films(9, 20, response, |n| n.to_string())), &[]);
        let sums: Vec<&str> =
            text.split("because ").skip(1).map(|rest| rest.split(" simple ").next().unwrap()).collect();
        assert!(sums.len() >= 4);
        for sum in sums {
            let number = |part: &str| part.rsplit(' ').next().unwrap().parse::<f64>().unwrap();
            let (parts, expected) = sum.split_once("; expected ").unwrap();
            assert!(parts.starts_with("usually "), "{sum}");
            let total: f64 = parts.split("; ").map(number).sum();
            assert!((total - number(expected)).abs() < 1e-9, "{sum}");
        }
    }
}

#[test]
fn of_a_person_only_what_is_sure_is_shown() {
    let text = said(&file("unsure", films(8, 15, noise(2), |n| n.to_string())), &[]);
    has(&text, &["Nothing sure is known of this person yet."]);
    assert!(!text.contains("may well be chance") && !text.contains("guess"), "{text}");
    assert!(ran(&file("sure", films(8, 20, stars, |n| n.to_string())), &[]).status.success());
}
