//! No type derives a `Debug` that would print what the user wrote: text in a type is shown by a written `Debug`, or listed here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Types with a derived `Debug` over text that is not the user's, by whose words these are.
const NOT_THE_USERS: [(&str, &[&str]); 8] = [
    (
        "the host's own words, or the names of its files, methods, models and settings",
        &[
            "Task",
            "ResponseSpace",
            "Piece",
            "UnknownFormat",
            "ReadOptions",
            "ProfileOptions",
            "ReportOptions",
            "Spec",
            "Trust",
            "Manifest",
            "SetManifest",
            "Teachers",
            "Values",
        ],
    ),
    (
        "names of this crate's parts, digests and versions",
        &["Provenance", "OldFrame", "ReaderName", "Receipt", "DamagedFile"],
    ),
    (
        "names of providers, models and servers, and what spans say, in which no text stands",
        &["Who", "Endpoint", "Bounded", "Seen"],
    ),
    ("what a store says of itself in a receipt", &["PlaceState", "Erasure"]),
    (
        "names that a host gave in a database, its answer about those, and ids and words of this crate's",
        &["Allowance", "Schema", "Refused", "QueueError", "Aside", "FailedJob", "PopulationTold"],
    ),
    (
        "ids, places and kinds, in errors and outcomes",
        &[
            "DataError",
            "AskError",
            "BackendError",
            "NoReply",
            "TemplateError",
            "ReplyError",
            "ItemOutcome",
            "ObserveOutcome",
            "PersonalizerError",
            "ToolError",
            "ConformanceError",
            "EvalError",
            "Skipped",
            "Broken",
            "Job",
            "Learned",
            "Step",
            "Asking",
            "Timing",
            "Dataset",
        ],
    ),
    (
        "names and numbers of a report",
        &[
            "SetCatalog",
            "SetFactors",
            "UserFactors",
            "Report",
            "SetReport",
            "SkippedRow",
            "TeachersRow",
            "Unfinished",
            "Metric",
            "MethodRow",
            "Comparison",
            "Learning",
            "LearningLine",
            "Curve",
            "CurveLine",
            "MethodTiers",
            "TierRow",
            "MethodReliability",
            "Candidate",
            "MethodFigure",
            "Verdict",
        ],
    ),
    ("columns and rows of a host's table, without their cells", &["Unused", "TryOptions", "TryError"]),
];

/// Types of fields that hold text.
const TEXT: [&str; 8] = ["String", "str", "Value", "OsString", "OsStr", "CString", "char", "u8"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = entry.file_name().into_string().unwrap();
        if path.is_dir() {
            if name != "tests" {
                sources(&path, found);
            }
        } else if path.extension().is_some_and(|ending| ending == "rs") && !name.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

/// The code of a file without its comments, its unit tests and the text of its strings.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let bare = lines.join("\n").replace("'\"'", "").replace("\\\"", "");
    bare.split('"').step_by(2).collect()
}

/// The item that follows a derive: its name and its fields.
fn item(after: &str) -> Option<(&str, &str)> {
    let start = ["struct ", "enum "].iter().filter_map(|kind| Some(after.find(kind)? + kind.len())).min()?;
    let rest = &after[start..];
    let name_end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    let mut depth = 0_usize;
    for (at, c) in rest.char_indices() {
        match c {
            '{' | '(' => depth += 1,
            '}' | ')' => {
                depth -= 1;
                if depth == 0 {
                    return Some((&rest[..name_end], &rest[name_end..=at]));
                }
            }
            ';' if depth == 0 => return Some((&rest[..name_end], "")),
            _ => {}
        }
    }
    None
}

/// The types that derive `Debug` and have a field of text, which is then printed.
fn printing(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("#[derive(") {
        let rest = &code[at..];
        let Some(end) = rest.find(")]") else { continue };
        if !rest[..end].split(|c: char| !c.is_alphanumeric()).any(|word| word == "Debug") {
            continue;
        }
        let Some((name, fields)) = item(&rest[end..]) else { continue };
        // What never changes was written by us.
        let fields = fields.replace("&'static str", "");
        if fields.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| TEXT.contains(&word)) {
            found.push(name.to_owned());
        }
    }
    found
}

#[test]
fn what_derives_debug_holds_no_text_of_a_user() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    for each in fs::read_dir(root.join("crates")).unwrap() {
        sources(&each.unwrap().path().join("src"), &mut files);
    }
    assert!(files.len() > 300, "{} files: the sources have moved", files.len());
    let mut known: BTreeSet<&str> = NOT_THE_USERS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    let mut unknown = Vec::new();
    let listed = known.clone();
    for path in files {
        for name in printing(&code(&path)) {
            known.remove(name.as_str());
            if !listed.contains(name.as_str()) {
                unknown.push(format!("{}: {name}", path.strip_prefix(root).unwrap().display()));
            }
        }
    }
    assert!(
        unknown.is_empty(),
        "write a `Debug` that shows sizes, or say here whose the text is:\n{}",
        unknown.join("\n")
    );
    assert!(known.is_empty(), "listed and not there any more: {known:?}");
}

#[test]
fn a_derived_debug_over_text_is_seen() {
    let new = "/// New.\n#[derive(Clone, Debug)]\n#[non_exhaustive]\npub struct Quote<'a> {\n    pub words: Option<Box<str>>,\n}\n";
    assert_eq!(printing(new), ["Quote"]);
    assert_eq!(printing("#[derive(Debug)]\nenum Said {\n    Nothing,\n    Words(Vec<String>),\n}"), ["Said"]);
    let silent = "#[derive(Clone)]\nstruct A(String);\n#[derive(Debug)]\nstruct B(usize, &'static str);\n#[derive(Debug)]\nstruct C;";
    assert!(printing(silent).is_empty());
}
