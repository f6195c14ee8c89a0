//! The names of packages, examples and files in the workspace.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::read::is_option;

/// Options of cargo itself that the documentation may use.
const CARGO: [&str; 25] = [
    "all",
    "all-features",
    "all-targets",
    "allow-dirty",
    "bench",
    "bin",
    "check",
    "doc",
    "dry-run",
    "example",
    "exclude",
    "features",
    "lib",
    "list",
    "locked",
    "no-default-features",
    "no-deps",
    "no-run",
    "no-verify",
    "open",
    "package",
    "release",
    "root",
    "test",
    "workspace",
];

/// A package of the workspace.
pub(crate) struct Package {
    pub(crate) name: String,
    /// Each feature with those it turns on.
    pub(crate) features: BTreeMap<String, Vec<String>>,
    pub(crate) targets: Vec<Target>,
}

/// An example, a bench, a test or a program.
pub(crate) struct Target {
    /// `example`, `bench`, `test` or `bin`.
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) required: Vec<String>,
    path: PathBuf,
}

impl Target {
    /// True if the sources of a program have a field for this option, as a command line that is derived from a type has.
    pub(crate) fn has_option(&self, option: &str) -> bool {
        let name = option.trim_start_matches('-').split('=').next().unwrap_or_default();
        self.sources().contains(&format!("pub(crate) {}: ", name.replace('-', "_")))
    }

    /// True if they have a variant for this command.
    pub(crate) fn has_command(&self, command: &str) -> bool {
        let (first, rest) = command.split_at(1);
        self.sources().contains(&format!("    {}{rest}(", first.to_uppercase()))
    }

    fn sources(&self) -> String {
        let folder = self.path.parent().unwrap();
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|file| file.is_file()).map(|file| fs::read_to_string(file).unwrap()).collect()
    }
}

/// All that a command may name.
pub(crate) struct Names {
    pub(crate) root: PathBuf,
    pub(crate) packages: Vec<Package>,
    /// The subcommands of `rpm-eval`, each with its options.
    pub(crate) harness: BTreeMap<String, BTreeSet<String>>,
}

impl Names {
    pub(crate) fn of(root: &Path) -> Self {
        let cargo = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--no-deps", "--locked", "--offline"])
            .current_dir(root)
            .output()
            .unwrap();
        assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
        let metadata: Value = serde_json::from_slice(&cargo.stdout).unwrap();
        let packages = metadata["packages"].as_array().unwrap().iter().map(package).collect();
        Self { root: root.to_owned(), packages, harness: harness() }
    }

    /// True for an option of cargo, of a program or of an example.
    pub(crate) fn knows(&self, option: &str) -> bool {
        let name = option.trim_start_matches('-');
        let name = name.split('=').next().unwrap_or_default();
        let examples =
            || self.packages.iter().flat_map(|package| &package.targets).filter(|target| target.kind == "example");
        CARGO.contains(&name)
            || self.harness.values().any(|options| options.contains(&format!("--{name}")))
            || examples().any(|example| self.takes(example, option))
            || self.programs().any(|program| program.has_option(option))
    }

    /// The program of a name, but for the harness, which is asked itself.
    pub(crate) fn program(&self, name: &str) -> Option<&Target> {
        self.programs().find(|program| program.name == name)
    }

    fn programs(&self) -> impl Iterator<Item = &Target> {
        let targets = self.packages.iter().flat_map(|package| &package.targets);
        targets.filter(|target| target.kind == "bin" && target.name != "rpm-eval")
    }

    /// True if the source of an example names this option.
    pub(crate) fn takes(&self, example: &Target, option: &str) -> bool {
        let option = option.split('=').next().unwrap_or_default();
        let mut sources = vec![example.path.clone()];
        let own = example.path.parent().filter(|folder| folder.ends_with(&example.name));
        for folder in own.into_iter().chain([self.root.join("examples/common").as_path()]) {
            sources.extend(fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
        }
        sources.iter().any(|source| fs::read_to_string(source).unwrap().contains(&format!("\"{option}\"")))
    }
}

/// True for an option that cargo has.
pub(crate) fn of_cargo(option: &str) -> bool {
    CARGO.contains(&option.trim_start_matches('-').split('=').next().unwrap_or_default())
}

fn package(value: &Value) -> Package {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let texts = |value: &Value| value.as_array().map(|all| all.iter().map(text).collect()).unwrap_or_default();
    let features = value["features"].as_object().unwrap();
    let targets = value["targets"].as_array().unwrap().iter().map(|target| Target {
        kind: text(&target["kind"][0]),
        name: text(&target["name"]),
        required: texts(&target["required-features"]),
        path: text(&target["src_path"]).into(),
    });
    Package {
        name: text(&value["name"]),
        features: features.iter().map(|(name, implied)| (name.clone(), texts(implied))).collect(),
        targets: targets.collect(),
    }
}

/// Asks the harness itself.
fn harness() -> BTreeMap<String, BTreeSet<String>> {
    let help = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_rpm-eval")).args(words).arg("--help").output().unwrap();
        assert!(output.status.success(), "rpm-eval {words:?} --help");
        String::from_utf8(output.stdout).unwrap()
    };
    let all = help(&[]);
    let commands = all.lines().skip_while(|line| !line.starts_with("Commands:")).skip(1);
    let commands = commands.map_while(|line| line.strip_prefix("  ")).filter_map(|line| line.split(' ').next());
    let options = |command: &str| -> BTreeSet<String> {
        let help = help(&[command]);
        let words = help.split(|c: char| c.is_whitespace() || "[],".contains(c));
        words.filter(|word| is_option(word)).map(str::to_owned).collect()
    };
    commands.filter(|&name| name != "help" && !name.is_empty()).map(|name| (name.to_owned(), options(name))).collect()
}
