//! The cookbook has twelve short tasks, and begins with the file that its code includes.
#![allow(clippy::unwrap_used, missing_docs)]

const PAGE: &str = include_str!("../docs/cookbook.md");
const BEGINNING: &str = include_str!("../docs/cookbook.rs");

#[test]
fn each_of_twelve_tasks_takes_at_most_25_lines() {
    let tasks: Vec<&str> = PAGE.split("\n## ").skip(1).collect();
    assert_eq!(tasks.len(), 12);
    for (number, task) in (1..).zip(tasks) {
        assert!(task.starts_with(&format!("{number}. ")), "{task}");
        let code = task.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let shown = code.lines().filter(|line| !line.trim_start().starts_with("# ")).count();
        assert!((1..=25).contains(&shown), "task {number} takes {shown} lines");
        assert!(code.contains("\"/docs/cookbook.rs\""), "task {number}");
    }
}

#[test]
fn the_beginning_that_is_shown_is_the_one_that_is_included() {
    assert!(PAGE.contains(&format!("```rust\n{BEGINNING}# fn main() {{}}\n```")));
}
