//! Tables that are made, and what is said of them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rpm_eval::run::Runner;
use rpm_eval::try_out::{TriedOut, TryOptions, try_out};

const QUIET: [&str; 6] = ["harbour", "orchard", "lighthouse", "bakery", "meadow", "library"];
const LOUD: [&str; 6] = ["chase", "explosion", "heist", "duel", "stampede", "avalanche"];

/// A folder of this test alone, empty.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("try_out").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

pub(crate) fn file(name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = folder(name).join(if name.ends_with("lines") { "films.jsonl" } else { "films.csv" });
    fs::write(&path, text).unwrap();
    path
}

/// The nth film, quiet where n is even. The next one is about the same things, so that films most alike in words are liked by
/// others.
pub(crate) fn film(n: usize) -> String {
    let (at, tone) = (n / 2, if n.is_multiple_of(2) { "quiet" } else { "loud" });
    let (one, other) = (QUIET[at % 6], LOUD[(at + at / 6) % 6]);
    format!("A {tone} film, the tale of the {one} and the {other} in part {at}")
}

/// What a user gives it: even users like quiet films, odd ones loud films.
pub(crate) fn liked(user: usize, n: usize) -> bool {
    (user + n).is_multiple_of(2)
}

/// A table of so many users with so many films each, with a response and a time for each row.
pub(crate) fn films(
    users: usize,
    films: usize,
    response: impl Fn(usize, usize) -> String,
    time: impl Fn(usize) -> String,
) -> String {
    let mut text = "user_id,review,rating,date\n".to_owned();
    for (user, n) in (0..users).flat_map(|user| (0..films).map(move |n| (user, n))) {
        let _ = writeln!(text, "viewer{user},\"{}\",{},{}", film(n), response(user, n), time(n));
    }
    text
}

pub(crate) fn stars(user: usize, n: usize) -> String {
    let least = if liked(user, n) { 4 } else { 1 };
    (least + n % 3 % 2).to_string()
}

pub(crate) fn ran(path: &Path, options: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rpm-eval")).arg("try").arg(path).args(options).output().unwrap()
}

/// What is printed, on one line, of a run that went well.
pub(crate) fn said(path: &Path, options: &[&str]) -> String {
    let output = ran(path, options);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let wide = text.lines().find(|line| line.chars().count() > 80);
    assert_eq!(wide, None, "wider than 80 columns");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The error of a run that was refused, which says nothing of what stands in a row.
pub(crate) fn refused(path: &Path, options: &[&str]) -> String {
    let output = ran(path, options);
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.stdout.is_empty());
    let error = String::from_utf8(output.stderr).unwrap();
    for word in QUIET.iter().chain(&LOUD).chain(&["viewer", "quiet", "loud"]) {
        assert!(!error.contains(word), "{word}: {error}");
    }
    error
}

pub(crate) fn tried(path: &Path, options: &TryOptions) -> TriedOut {
    pollster::block_on(try_out(path, options, Runner::new())).unwrap()
}

pub(crate) fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
}
