//! What is said where the command line or the kind of file is the wrong one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::made::{file, films, folder, has, ran, refused, stars};

fn run(options: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rpm-eval")).arg("run").args(options).output().unwrap()
}

fn error(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn raters() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/eval/rating")
}

#[test]
fn a_run_without_a_data_set_is_an_error() {
    has(&error(&run(&["--data", "no/such/set"])), &["there is no data set at no/such/set, so nothing was run"]);
}

#[test]
fn a_table_given_to_run_is_pointed_to_try_and_the_other_way_round() {
    let table = file("to_run", films(6, 10, stars, |n| n.to_string()));
    has(&error(&run(&["--data", table.to_str().unwrap()])), &["A table of your own is for `rpm-eval try`"]);
    let told = "is in the harness's own format, a user a line: compare methods on it with `rpm-eval run --data`";
    has(&refused(&raters().join("users.jsonl"), &[]), &[told]);
}

#[test]
fn a_file_where_a_folder_is_needed_is_refused_before_the_work() {
    let table = file("out_file", films(6, 10, stars, |n| n.to_string()));
    let out = table.with_file_name("out");
    fs::write(&out, "notes").unwrap();
    has(&refused(&table, &["--out", out.to_str().unwrap()]), &["is a file, and --out takes a folder"]);
    let data = raters();
    for flag in ["--out", "--report"] {
        let output = run(&["--data", data.to_str().unwrap(), flag, out.to_str().unwrap()]);
        has(&error(&output), &[&format!("is a file, and {flag} takes a folder")]);
    }
    assert_eq!(fs::read_to_string(&out).unwrap(), "notes");
}

#[test]
fn results_of_another_table_that_are_replaced_are_told() {
    let (one, other) = (films(6, 10, stars, |n| n.to_string()), films(7, 10, stars, |n| n.to_string()));
    let (one, other) = (file("one_table", one), file("other_table", other));
    let out = folder("again").join("out");
    let told = |path: &Path, more: &[&str]| {
        let output = ran(path, &[&["--out", out.to_str().unwrap()], more].concat());
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(!told(&one, &[]).contains("replaced") && !told(&one, &[]).contains("replaced"));
    has(&told(&one, &["--tests", "1"]), &["held results of the same table with other options: they are replaced"]);
    has(&told(&other, &[]), &["held results of another table: they are replaced"]);
}

#[test]
fn numbers_below_one_are_refused_in_words() {
    let table = file("below_one", films(6, 10, stars, |n| n.to_string()));
    for options in [["--tests", "-1"], ["--users", "0"]] {
        has(&refused(&table, &options), &["a number, at least 1"]);
    }
}

#[test]
fn a_run_into_a_file_has_a_line_for_each_method() {
    let data = raters();
    let output = run(&["--data", data.to_str().unwrap(), "--methods", "majority,mean"]);
    assert!(output.status.success());
    let lines = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        lines.lines().map(|line| line.split(": ").nth(1).unwrap()).collect::<Vec<_>>(),
        ["majority on rating", "mean on rating"]
    );
}
