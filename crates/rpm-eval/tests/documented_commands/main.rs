//! Every command in the documentation names what exists: packages, targets, features, files, and options of our programs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod check;
mod names;
mod read;

use std::fs;
use std::path::{Path, PathBuf};

use names::Names;

/// The workspace's folder.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Every Markdown file that people read, but the changelogs: those are history.
fn documents() -> Vec<PathBuf> {
    let mut documents = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    let mut folders: Vec<PathBuf> = ["docs", "crates", "examples", "benches"].map(|folder| root().join(folder)).into();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") && !path.ends_with("CHANGELOG.md") {
                documents.push(path);
            }
        }
    }
    documents.sort();
    documents
}

#[test]
fn documented_commands_name_what_exists() {
    let names = Names::of(root());
    let (mut found, mut wrong) = (0, Vec::new());
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        let shown = document.strip_prefix(root()).unwrap().display();
        for words in read::commands(&text) {
            found += 1;
            wrong
                .extend(check::command(&words, &names).err().map(|why| format!("{shown}: {}: {why}", words.join(" "))));
        }
        let options = read::options(&text);
        wrong
            .extend(options.iter().filter(|option| !names.knows(option)).map(|option| format!("{shown}: no {option}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(found > 20, "only {found} commands were found: is the reader blind?");
}

#[test]
fn a_command_that_names_what_does_not_exist_is_found() {
    let names = Names::of(root());
    for line in [
        "cargo run --example evaluate",
        "cargo run --release --example living -- folder --limit-nothing 3",
        "cargo run -p rpm-eval -- run --data folder --limit-users 3",
        "cargo run -p rpm-eval -- compare",
        "cargo run -p rpm-eval --features eval -- run",
        "cargo run -p rpm-evaluate -- run",
        "cargo run -p rpm-eval -- run --data examples/data/none",
        "rpm-eval run --data folder --methods retrieve:bm25",
        "rpm-eval run --data folder --methods rpm@4",
        "RPM_DATA=folder cargo bench --bench recall",
        "cargo run --release -p rpm-providers --no-default-features --example providers",
        "cargo fly",
        "rpm-fleet doctor --nothing",
        "DATABASE=address rpm-fleet cure",
        ".ci/fuzz 60 nothing",
        ".ci/api --nothing",
        "cargo +nightly fly",
        "cargo test --feature tokio",
    ] {
        let words = read::words(line);
        assert!(check::command(&words, &names).is_err(), "{line}");
    }
}
