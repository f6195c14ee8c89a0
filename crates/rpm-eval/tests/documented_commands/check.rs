//! Checks that a command names only things that exist.

use std::collections::BTreeSet;

use rpm_eval::method::{Spec, named};

use crate::names::{Names, Package, Target, of_cargo};
use crate::read::is_option;

/// Checks a command of cargo or of ours.
pub(crate) fn command(words: &[String], names: &Names) -> Result<(), String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // Variables that are set for the command.
    let at = words.iter().position(|word| !word.contains('=') || word.starts_with('-')).unwrap_or(0);
    files(&words, names)?;
    match words.get(at..) {
        Some(["cargo", rest @ ..]) => cargo(rest, names),
        Some(["rpm-eval", rest @ ..]) => harness(rest, names),
        Some([".ci/fuzz", _seconds, targets @ ..]) => fuzzed(targets, names),
        Some(
            [".ci/api" | ".ci/packages"]
            | [".ci/api", "--check"]
            | [".ci/run" | "maturin" | "rustup" | "git" | "cd" | "mkdir", ..],
        ) => Ok(()),
        Some([program, rest @ ..]) => of_a_program(program, rest, names),
        _ => Err("no such program".to_owned()),
    }
}

/// A call of another program of the workspace: its command and its options.
fn of_a_program(program: &str, words: &[&str], names: &Names) -> Result<(), String> {
    let program = names.program(program).ok_or("no such program")?;
    let command = words.first().filter(|word| !is_option(word));
    if let Some(command) = command.filter(|command| !program.has_command(command)) {
        return Err(format!("{} has no command {command}", program.name));
    }
    match words.iter().find(|word| is_option(word) && !program.has_option(word)) {
        Some(option) => Err(format!("{} has no {option}", program.name)),
        None => Ok(()),
    }
}

/// Fuzz targets exist.
fn fuzzed(targets: &[&str], names: &Names) -> Result<(), String> {
    let file = |target: &&&str| names.root.join("fuzz/fuzz_targets").join(format!("{target}.rs"));
    match targets.iter().find(|target| !file(target).is_file()) {
        Some(target) => Err(format!("no fuzz target {target}")),
        None => Ok(()),
    }
}

/// Files of the repository exist.
fn files(words: &[&str], names: &Names) -> Result<(), String> {
    let ours = |word: &&&str| {
        ["examples/", "docs/", "tests/", "crates/", "benches/"].iter().any(|folder| word.starts_with(folder))
    };
    match words.iter().filter(ours).find(|path| !names.root.join(path).exists()) {
        Some(path) => Err(format!("no file {path}")),
        None => Ok(()),
    }
}

/// A call of cargo with its arguments.
#[derive(Default)]
struct Request<'a> {
    packages: Vec<&'a str>,
    features: Vec<&'a str>,
    no_defaults: bool,
    all_features: bool,
    /// Kind and name.
    targets: Vec<(&'a str, &'a str)>,
}

impl<'a> Request<'a> {
    fn read(words: &[&'a str]) -> Result<Self, String> {
        let mut request = Self::default();
        let mut words = words.iter().copied();
        while let Some(word) = words.next() {
            match word {
                "-p" | "--package" => request.packages.extend(words.next()),
                "--features" => request.features.extend(words.next().unwrap_or_default().split(',')),
                "--no-default-features" => request.no_defaults = true,
                "--all-features" => request.all_features = true,
                "--example" | "--bench" | "--test" | "--bin" => {
                    request.targets.extend(words.next().map(|name| (word.trim_start_matches('-'), name)));
                }
                option if is_option(option) && !of_cargo(option) => return Err(format!("cargo has no {option}")),
                _ => {}
            }
        }
        Ok(request)
    }

    /// The packages meant: those named, or all.
    fn meant<'n>(&self, names: &'n Names) -> Vec<&'n Package> {
        let meant = |package: &&Package| self.packages.is_empty() || self.packages.contains(&package.name.as_str());
        names.packages.iter().filter(meant).collect()
    }

    /// Everything named exists in the packages meant.
    fn check<'n>(&self, names: &'n Names) -> Result<Option<&'n Target>, String> {
        let all = |name: &&&str| names.packages.iter().any(|package| package.name == **name);
        if let Some(name) = self.packages.iter().find(|name| !all(name)) {
            return Err(format!("no package {name}"));
        }
        let meant = self.meant(names);
        for feature in &self.features {
            let has = |package: &Package, feature: &str| package.features.contains_key(feature);
            let there = match feature.split_once('/') {
                Some((name, feature)) => {
                    names.packages.iter().any(|package| package.name == name && has(package, feature))
                }
                None => meant.iter().any(|package| has(package, feature)),
            };
            if !there {
                return Err(format!("no feature {feature}"));
            }
        }
        let mut last = None;
        for (kind, name) in &self.targets {
            let find = |package: &&'n Package| {
                package
                    .targets
                    .iter()
                    .find(|target| target.kind == *kind && target.name == *name)
                    .map(|target| (*package, target))
            };
            let (package, target) = meant.iter().find_map(find).ok_or_else(|| format!("no {kind} {name}"))?;
            self.satisfies(package, target)?;
            last = Some(target);
        }
        Ok(last)
    }

    /// The features that a target asks for are on.
    fn satisfies(&self, package: &Package, target: &Target) -> Result<(), String> {
        let own = |feature: &&str| feature.strip_prefix(&format!("{}/", package.name)).unwrap_or(feature).to_owned();
        let mut open: Vec<String> = self.features.iter().map(own).collect();
        open.extend((!self.no_defaults).then(|| "default".to_owned()));
        let mut on = BTreeSet::new();
        while let Some(feature) = open.pop() {
            open.extend(package.features.get(&feature).into_iter().flatten().cloned());
            on.insert(feature);
            open.retain(|feature| !on.contains(feature));
        }
        match target.required.iter().find(|feature| !self.all_features && !on.contains(*feature)) {
            Some(feature) => Err(format!("{} asks for the feature {feature}", target.name)),
            None => Ok(()),
        }
    }
}

fn cargo(words: &[&str], names: &Names) -> Result<(), String> {
    // A toolchain may stand first.
    let words = if words.first().is_some_and(|word| word.starts_with('+')) {
        words.get(1..).unwrap_or_default()
    } else {
        words
    };
    let (&command, words) = words.split_first().ok_or("cargo does nothing")?;
    let end = words.iter().position(|word| *word == "--").unwrap_or(words.len());
    let (before, after) = words.split_at(end);
    let after = after.get(1..).unwrap_or_default();
    match command {
        // Tools with options of their own.
        "deny" | "hack" | "install" | "add" | "publish" | "update" | "yank" => return Ok(()),
        "run" | "test" | "bench" | "build" | "check" | "clippy" | "doc" | "fmt" | "package" | "tree" => {}
        other => return Err(format!("cargo {other} is not known here")),
    }
    let request = Request::read(before)?;
    let target = request.check(names)?;
    if command != "run" {
        return Ok(());
    }
    match target {
        Some(example) if example.kind == "example" => {
            let wrong = after.iter().find(|word| is_option(word) && !names.takes(example, word));
            wrong.map_or(Ok(()), |option| Err(format!("{} has no {option}", example.name)))
        }
        None if request.packages == ["rpm-eval"] => harness(after, names),
        _ => Err("which program is run?".to_owned()),
    }
}

/// A call of the harness: its command, its options and its methods.
fn harness(words: &[&str], names: &Names) -> Result<(), String> {
    let (&command, words) = words.split_first().ok_or("rpm-eval needs a command")?;
    if is_option(command) {
        return Ok(());
    }
    let options = names.harness.get(command).ok_or_else(|| format!("rpm-eval has no command {command}"))?;
    let mut methods = false;
    for word in words {
        if is_option(word) {
            let name = word.split('=').next().unwrap_or_default();
            if !options.contains(name) {
                return Err(format!("rpm-eval {command} has no {name}"));
            }
            methods = matches!(name, "--methods" | "--base");
        } else if std::mem::take(&mut methods) {
            for method in word.split(',').filter(|method| *method != "…") {
                let spec: Spec = method.parse().map_err(|error| format!("{method}: {error}"))?;
                named(&spec).map_err(|error| format!("{method}: {error}"))?;
            }
        }
    }
    Ok(())
}
