//! The public surface stays small, and the links of its guides lead somewhere.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The most names that the crate's root may show beside its modules.
const MOST: usize = 40;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The names that `pub use` and public items put into the root, from the text of `src/lib.rs`.
fn root_names(lib: &str) -> BTreeSet<String> {
    let code: String = lib
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .fold(String::new(), |all, line| all + line + "\n");
    // What stands inside braces of an inline module is not the root's.
    let mut names = BTreeSet::new();
    let mut depth = 0;
    let mut item = String::new();
    for c in code.chars() {
        item.push(c);
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 && (c == ';' || c == '}' && !is_use(&item)) {
            names.extend(public_names(&item));
            item.clear();
        }
    }
    names
}

/// Whether braces of this item are those of a `use` list.
fn is_use(item: &str) -> bool {
    item.split('{').next().is_some_and(|head| head.contains("use "))
}

fn public_names(item: &str) -> Vec<String> {
    let words = item.split("pub ").nth(1).unwrap_or_default().trim_end_matches(';').trim();
    if let Some(path) = words.strip_prefix("use ") {
        let list = path.split_once('{').map_or(path.rsplit("::").next().unwrap_or(path), |(_, list)| list);
        assert!(!list.contains("::") && !list.contains('*'), "one name at a time: {item}");
        let last = |name: &str| name.trim().rsplit(' ').next().unwrap_or_default().to_owned();
        return list.trim_end_matches('}').split(',').map(last).filter(|name| !name.is_empty()).collect();
    }
    let mut words = words.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
    match words.next() {
        None | Some("mod") => Vec::new(),
        Some(_) => vec![words.next().unwrap_or_default().to_owned()],
    }
}

#[test]
fn the_root_shows_at_most_forty_names() {
    let names = root_names(&read("src/lib.rs"));
    assert!(names.len() <= MOST, "{} names at the root: {names:?}", names.len());
    assert!(
        names.contains("RpmPipeline") && names.contains("async_trait") && names.contains("InMemoryStore"),
        "{names:?}"
    );
}

#[test]
fn names_are_counted_in_every_form_and_modules_are_not() {
    let lib = "//! pub use doc::Not;\npub mod a;\nmod b;\npub mod c {\n    pub use b::{X, Y};\n}\n#[cfg(feature = \"f\")]\npub use \
               a::One;\npub use a::{\n    Two, deep as Three,\n};\npub(crate) use b::Hidden;\npub fn four() {}\npub use z;\n";
    let names = root_names(lib);
    assert_eq!(names, ["One", "Three", "Two", "four", "z"].map(str::to_owned).into());
}

/// `[label]: target` lines.
fn definitions(text: &str) -> Vec<(String, String)> {
    let pair = |line: &str| {
        let (label, target) = line.strip_prefix('[')?.split_once("]: ")?;
        Some((label.to_owned(), target.to_owned()))
    };
    text.lines().filter_map(pair).collect()
}

#[test]
fn links_between_guides_work_in_the_repository_and_in_the_documentation() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let in_docs: BTreeSet<String> =
        definitions(&read("src/guide/links.md")).into_iter().map(|(label, _)| label).collect();
    let guide = read("src/guide/mod.rs");
    let included = |line: &str| Some(line.split_once("include_str!(\"../../")?.1.split_once('"')?.0.to_owned());
    let pages: BTreeSet<String> = guide.lines().filter_map(included).collect();
    for page in &pages {
        let text = read(page);
        assert!(
            !text.split("](").skip(1).any(|rest| !rest.starts_with("http") && !rest.starts_with('#')),
            "{page}: a link to a file is a reference, `[text][file.md]`"
        );
        for (label, target) in definitions(&text) {
            let file = target.split('#').next().unwrap_or_default();
            let folder = root.join(page).parent().unwrap().to_owned();
            assert!(target.starts_with("http") || folder.join(file).exists(), "{page}: {target} is not there");
            assert!(
                target.starts_with("http") || in_docs.contains(&label),
                "src/guide/links.md lacks {label}, of {page}"
            );
        }
    }
    for entry in fs::read_dir(root.join("docs/decisions")).unwrap() {
        let page = format!("docs/decisions/{}", entry.unwrap().file_name().to_string_lossy());
        assert!(pages.contains(&page), "src/guide/mod.rs lacks {page}");
    }
}

#[test]
fn every_test_that_the_security_page_names_is_there() {
    fn gather(folder: &Path, all: &mut String) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() && !path.ends_with("target") {
                gather(&path, all);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                all.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = String::new();
    for folder in ["src", "tests", "crates"] {
        gather(&root.join(folder), &mut sources);
    }
    let page = read("SECURITY.md");
    let quoted = || page.split('`').skip(1).step_by(2);
    let tests: Vec<&str> = quoted().filter(|name| name.matches('_').count() > 3 && !name.contains('.')).collect();
    assert!(tests.len() > 15, "{tests:?}");
    for name in tests {
        assert!(sources.contains(&format!("fn {name}(")), "no test {name}");
    }
    for file in quoted().filter(|name| Path::new(name).extension().is_some_and(|ending| ending == "rs")) {
        let in_crates = ["rpm-providers", "rpm-stores", "rpm-fleet", "rpm-mcp", "rpm-datafusion", "rpm-eval"]
            .map(|name| format!("crates/{name}/{file}"));
        assert!(
            std::iter::once(file.to_owned()).chain(in_crates).any(|file| root.join(file).exists()),
            "no file {file}"
        );
    }
}

#[test]
fn what_hosts_share_among_threads_can_be_shared() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<rpm_core::Personalizer>();
    shared::<rpm_core::RpmPipeline>();
    shared::<rpm_core::pipeline::StoredPipeline>();
    shared::<rpm_core::pipeline::Prepared>();
    shared::<rpm_core::personalizer::Told>();
    shared::<rpm_core::UserModel>();
    shared::<rpm_core::llm::Ledger>();
    shared::<rpm_core::llm::CompletionRequest>();
    shared::<rpm_core::llm::Completion>();
    shared::<rpm_core::BackendError>();
    shared::<rpm_core::Error>();
    shared::<rpm_core::stats::population::Population>();
    shared::<rpm_core::catalog::Catalog>();
    shared::<rpm_core::profile::Profile>();
}
