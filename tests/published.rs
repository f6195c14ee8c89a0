//! Every crate that is published says what an index and its readers need, and asks for no older Rust than what it stands on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Those of crates.io's categories that a crate of this workspace may be in.
const CATEGORIES: [&str; 14] = [
    "algorithms",
    "api-bindings",
    "asynchronous",
    "command-line-utilities",
    "database",
    "development-tools",
    "development-tools::debugging",
    "development-tools::profiling",
    "network-programming",
    "science",
    "text-processing",
    "visualization",
    "web-programming",
    "web-programming::http-client",
];

fn cargo(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The packages of the workspace that are published.
fn published() -> Vec<Value> {
    let arguments = ["metadata", "--format-version", "1", "--no-deps", "--locked", "--offline"];
    let metadata: Value = serde_json::from_slice(&cargo(&arguments)).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let published: Vec<Value> = packages.iter().filter(|p| p["publish"].is_null()).cloned().collect();
    assert!(published.len() >= 6, "{} packages", published.len());
    published
}

fn text<'a>(package: &'a Value, field: &str) -> &'a str {
    package[field].as_str().unwrap_or_else(|| panic!("{}: no {field}", package["name"]))
}

fn folder(package: &Value) -> PathBuf {
    Path::new(text(package, "manifest_path")).parent().unwrap().to_owned()
}

fn words<'a>(package: &'a Value, field: &str) -> Vec<&'a str> {
    package[field].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect()
}

#[test]
fn every_published_crate_says_what_an_index_takes_and_shows() {
    for package in published() {
        let name = text(&package, "name");
        assert!((20..=300).contains(&text(&package, "description").len()), "{name}: description");
        assert_eq!(text(&package, "license"), "MIT OR Apache-2.0", "{name}");
        assert_eq!(text(&package, "documentation"), format!("https://docs.rs/{name}"));
        text(&package, "rust_version");
        let keywords = words(&package, "keywords");
        assert!((1..=5).contains(&keywords.len()), "{name}: {keywords:?}");
        for keyword in keywords {
            let plain = keyword.chars().all(|c| c.is_ascii_alphanumeric() || "_-+".contains(c));
            assert!(plain && keyword.len() <= 20 && keyword.starts_with(char::is_alphanumeric), "{name}: {keyword}");
        }
        let categories = words(&package, "categories");
        assert!((1..=5).contains(&categories.len()), "{name}: {categories:?}");
        for category in categories {
            assert!(CATEGORIES.contains(&category), "{name}: is {category} a category of crates.io?");
        }
        let shown = &package["metadata"]["docs"]["rs"];
        assert!(shown["all-features"] == true || shown["features"].is_array(), "{name}: which features docs.rs shows");
        assert!(shown["rustdoc-args"].to_string().contains("docsrs"), "{name}: labels of features need --cfg docsrs");
        let lib = fs::read_to_string(folder(&package).join("src/lib.rs")).unwrap();
        assert!(lib.contains("cfg_attr(docsrs, feature(doc_cfg))"), "{name}: labels of features");
    }
}

#[test]
fn every_published_crate_holds_its_licences_its_readme_and_its_changelog() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for package in published() {
        let name = text(&package, "name");
        let folder = folder(&package);
        for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
            let own = fs::read(folder.join(licence)).unwrap_or_else(|e| panic!("{name}: {licence}: {e}"));
            assert!(own == fs::read(root.join(licence)).unwrap(), "{name}: {licence} is another than the root's");
        }
        assert!(folder.join(text(&package, "readme")).exists(), "{name}: readme");
        let changelog = fs::read_to_string(folder.join("CHANGELOG.md")).unwrap_or_else(|e| panic!("{name}: {e}"));
        let version = format!("## [{}] - ", text(&package, "version"));
        assert!(changelog.contains(&version), "{name}: CHANGELOG.md has no section {version}");
        let record = root.join(format!("docs/api/{name}.txt"));
        assert!(record.exists(), "{name}: its public API is not recorded: .ci/api");
    }
}

#[test]
fn crates_of_the_workspace_ask_for_each_other_at_the_version_they_have() {
    let published = published();
    let versions: BTreeMap<&str, &str> =
        published.iter().map(|package| (text(package, "name"), text(package, "version"))).collect();
    for package in &published {
        for dependency in package["dependencies"].as_array().unwrap() {
            // A development dependency by its path alone is left out of a package.
            if let Some(version) = versions.get(text(dependency, "name")).filter(|_| dependency["kind"] != "dev") {
                assert_eq!(dependency["req"], format!("^{version}"), "{}: {}", package["name"], dependency["name"]);
            }
        }
    }
}

/// A version of Rust as numbers that can be compared: 1.89 is 1.89.0.
fn rust(version: &str) -> Vec<u32> {
    let numbers = version.split('.').map(|number| number.parse().unwrap());
    numbers.chain(std::iter::repeat(0)).take(3).collect()
}

/// For each package, by `name vVERSION`, the Rust that it asks for.
fn asked_of_all() -> BTreeMap<String, String> {
    let metadata: Value = serde_json::from_slice(&cargo(&["metadata", "--format-version", "1", "--locked"])).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let asked = packages.iter().filter_map(|package| {
        let key = format!("{} v{}", text(package, "name"), text(package, "version"));
        Some((key, package["rust_version"].as_str()?.to_owned()))
    });
    asked.collect()
}

#[test]
#[ignore = "reads the manifests of all dependencies, which may have to be downloaded: cargo test --test published -- --ignored oldest"]
fn no_dependency_asks_for_a_newer_rust_than_the_oldest_a_crate_states() {
    let asked = asked_of_all();
    let mut wrong = BTreeSet::new();
    for package in published() {
        let name = text(&package, "name");
        let (manifest, features) = (text(&package, "manifest_path"), package["features"].as_object().unwrap());
        let stated = |feature: &str| package["metadata"]["rust-version"][feature].as_str().map(str::to_owned);
        let sets = std::iter::once("default".to_owned()).chain(features.keys().cloned()).collect::<BTreeSet<_>>();
        for feature in sets {
            let oldest = stated(&feature).unwrap_or_else(|| text(&package, "rust_version").to_owned());
            let mut arguments = vec!["tree", "--locked", "-e", "normal,build", "--prefix", "none", "--format", "{p}"];
            arguments.extend(["--manifest-path", manifest, "-p", name]);
            if feature != "default" {
                arguments.extend(["--no-default-features", "--features", &feature]);
            }
            for line in String::from_utf8(cargo(&arguments)).unwrap().lines() {
                let key: String = line.split(' ').take(2).collect::<Vec<_>>().join(" ");
                let Some(newer) = asked.get(&key).filter(|newer| rust(newer) > rust(&oldest)) else { continue };
                wrong.insert(format!("{name}, feature {feature}, states {oldest}: {key} asks for {newer}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
#[ignore = "for a release alone: cargo test --test published -- --ignored release"]
fn a_release_has_its_addresses_and_dates() {
    let mut missing = Vec::new();
    for package in published() {
        let name = text(&package, "name");
        if package["repository"].is_null() {
            missing.push(format!("{name}: no repository (Cargo.toml, workspace.package)"));
        }
        let changelog = fs::read_to_string(folder(&package).join("CHANGELOG.md")).unwrap();
        if changelog.to_lowercase().contains("] - unreleased") {
            missing.push(format!("{name}: CHANGELOG.md has no date for {}", package["version"]));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
