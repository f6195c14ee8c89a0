//! The report of `tests/golden` in a real browser: Chromium, where one is installed or named by the variable `CHROMIUM`.
//! `RPM_AXE` may name axe-core's `axe.min.js`, to run its rules too; `RPM_SHOTS` a folder for pictures of the page.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "common/figures.rs"]
mod figures;

use std::path::{Path, PathBuf};
use std::process::Command;

/// Measures the page it stands in and leaves what it found as JSON.
const PROBE: &str = include_str!("browser/probe.js");
const FOUND: &str = "<pre id=\"found\">";

fn chromium() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Some(named.into());
    }
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|path| path.is_file())
}

/// A folder that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rpm-browser-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A page in one theme with the probe, and axe if there is one; with all of it shown or as it opens.
fn probed(page: &str, dark: bool, open: bool) -> String {
    let query = "screen and (prefers-color-scheme: dark)";
    assert!(page.contains(query) && page.contains("http-equiv") && page.contains("</body>"));
    let axe = std::env::var_os("RPM_AXE").map(|path| std::fs::read_to_string(path).unwrap()).unwrap_or_default();
    page.replace(query, if dark { "all" } else { "not all" })
        // The page's own policy lets no script run.
        .replace("http-equiv=\"Content-Security-Policy\"", "name=\"policy\"")
        .replace("<details", if open { "<details open" } else { "<details" })
        .replace("</body>", &format!("<script>{axe}</script><script>{PROBE}</script></body>"))
}

/// What the probe found on a page.
fn found(chromium: &Path, name: &str, page: &str, width: u32) -> serde_json::Value {
    let folder = Folder::new(name);
    let (document, log) = opened(chromium, &folder, page, width, &[]);
    let console: Vec<&str> = log.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert!(console.is_empty(), "{name}: {console:?}");
    let found = document.split_once(FOUND).unwrap_or_else(|| panic!("{name}: the probe left nothing:\n{log}")).1;
    let found = found.split("</pre>").next().unwrap().replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&found).unwrap()
}

/// What must hold of any page, all of it shown or not.
fn check(name: &str, found: &serde_json::Value, width: u32) {
    let none = serde_json::json!([]);
    assert!(std::env::var_os("RPM_AXE").is_none() || found["passes"].as_u64() > Some(10), "{name}: axe did not run");
    assert_eq!(found["width"], width, "{name}: {}", found["wide"]);
    for (field, what) in [
        ("faint", "text below 4.5 to 1"),
        ("dim", "marks below 3 to 1"),
        ("levels", "headings that skip a level"),
        ("unsticky", "method columns that scroll away"),
        ("cut", "text of charts that is cut or overlaps"),
        ("shut", "summaries that the keyboard does not reach or that open nothing"),
        ("unfocusable", "tables that scroll and cannot have the focus"),
        ("axe", "what axe found"),
    ] {
        assert_eq!(found[field], none, "{name}: {what}");
    }
}

/// Runs Chromium on a page; gives its document and what it logged. A window is at least 500 pixels wide, so the page stands
/// in a frame of the wanted width.
fn opened(chromium: &Path, folder: &Folder, page: &str, width: u32, more: &[String]) -> (String, String) {
    let frame = format!(
        "<!DOCTYPE html><html lang=\"en\"><title>Frame</title><style>body{{margin:0}}iframe{{border:0;width:{width}px;\
         height:16000px}}</style><iframe title=\"Report\" src=\"page.html\"></iframe><script>addEventListener('message', \
         e => {{ const p = document.createElement('pre'); p.id = 'found'; p.textContent = e.data; \
         document.body.append(p); }})</script>"
    );
    std::fs::write(folder.0.join("page.html"), page).unwrap();
    std::fs::write(folder.0.join("frame.html"), frame).unwrap();
    let output = Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr", "--v=0"])
        .args(["--virtual-time-budget=20000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.0.join("profile").display()))
        .arg(format!("--window-size={width},1600"))
        .args(more)
        .arg(format!("file://{}", folder.0.join("frame.html").display()))
        .output()
        .unwrap();
    (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_browser_shows_all_of_the_report_without_overflow_or_faint_text_in_both_themes() {
    let Some(chromium) = chromium() else {
        println!("skipped: no Chromium in PATH, none named by CHROMIUM");
        return;
    };
    let page = include_str!("golden/report.html");
    for (dark, width) in [(false, 1280), (true, 1280), (false, 768), (false, 360), (true, 360)] {
        let name = format!("{}-{width}", if dark { "dark" } else { "light" });
        let found = found(&chromium, &name, &probed(page, dark, true), width);
        println!(
            "{name}: {} texts, {} marks, least text of a chart {} px",
            found["texts"], found["marks"], found["least"]
        );
        check(&name, &found, width);
        assert!(found["texts"].as_u64().unwrap() > 300 && found["marks"].as_u64().unwrap() > 100, "{name}: {found}");
        assert!(found["least"].as_f64().unwrap() >= 11.0, "{name}: text of a chart is {} px", found["least"]);
    }
}

#[test]
fn a_browser_shows_the_verdict_then_one_chart_then_the_cases_before_anyone_scrolls_far() {
    let Some(chromium) = chromium() else {
        println!("skipped: no Chromium in PATH, none named by CHROMIUM");
        return;
    };
    let page = include_str!("golden/report.html");
    for (dark, width, least_top) in [(false, 1280, 600.0), (true, 768, 600.0), (false, 360, 800.0)] {
        let name = format!("first-{width}");
        let found = found(&chromium, &name, &probed(page, dark, false), width);
        check(&name, &found, width);
        let place = |of: &str, end: &str| found["first"][of][end].as_f64().unwrap_or_else(|| panic!("{name}: no {of}"));
        let [top, bottom] = ["top", "bottom"].map(|end| place("chart", end));
        println!("{name}: the first chart from {top} to {bottom}");
        assert!(place("verdict", "bottom") < top && bottom < place("cases", "top"), "{name}: {}", found["first"]);
        assert!(top < least_top, "{name}: the first chart begins at {top}");
        assert!(width < 1280 || bottom < 900.0, "{name}: the first chart ends at {bottom}");
        assert!(found["folded"].as_u64().unwrap() > 10, "{name}: {} folds", found["folded"]);
    }
}

#[test]
fn a_browser_shows_the_page_of_a_user_as_well() {
    let Some(chromium) = chromium() else {
        println!("skipped: no Chromium in PATH, none named by CHROMIUM");
        return;
    };
    let mut report = figures::report();
    report.users = vec![figures::page()];
    let page = report.user_html(0).unwrap().unwrap();
    for (dark, width) in [(false, 1280), (true, 360)] {
        let name = format!("user-{width}");
        check(&name, &found(&chromium, &name, &probed(&page, dark, false), width), width);
    }
}

#[test]
fn a_browser_logs_nothing_about_the_page_as_it_is() {
    let Some(chromium) = chromium() else {
        println!("skipped: no Chromium in PATH, none named by CHROMIUM");
        return;
    };
    let folder = Folder::new("as-it-is");
    let page = include_str!("golden/report.html");
    let mut more = Vec::new();
    if let Some(shots) = std::env::var_os("RPM_SHOTS") {
        more.push(format!("--screenshot={}", Path::new(&shots).join("report.png").display()));
    }
    let (document, log) = opened(&chromium, &folder, page, 1200, &more);
    assert!(document.contains("<iframe"), "{log}");
    let console: Vec<&str> = log.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert!(console.is_empty(), "{console:?}");
}

/// The profile of an invented viewer who likes slow films and long labels.
fn profile() -> String {
    use rpm_core::{History, Interaction, Query, ResponseSpace, RpmPipeline, Task};
    let films = [
        ("A slow drama with an unusually long and winding opening sequence.", "5"),
        ("Loud action, explosions and jokes.", "1"),
        ("A slow walk with subtitles.", "4"),
        ("Jokes and a car chase, explosions at the end.", "2"),
    ];
    let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5).unwrap()).unwrap();
    let item = |n: usize| {
        let (film, response) = films[n % films.len()];
        Interaction::new(format!("i{n:02}"), Query::new(film).unwrap(), response).unwrap()
    };
    let history = History::new(&task, "nora", (0..24).map(item)).unwrap();
    let pipeline = RpmPipeline::offline(task);
    pollster::block_on(async {
        let learned = pipeline.learn(&history).await.unwrap();
        pipeline.open(learned.model).await.unwrap().profile().html()
    })
}

#[test]
fn a_browser_shows_a_profile_without_overflow_or_faint_text_in_both_themes() {
    let Some(chromium) = chromium() else {
        println!("skipped: no Chromium in PATH, none named by CHROMIUM");
        return;
    };
    let page = profile();
    for (dark, width) in [(false, 1280), (true, 1280), (false, 768), (false, 360), (true, 360)] {
        let name = format!("profile-{}-{width}", if dark { "dark" } else { "light" });
        let found = found(&chromium, &name, &probed(&page, dark, true), width);
        check(&name, &found, width);
        assert!(found["texts"].as_u64().unwrap() > 20 && found["marks"].as_u64().unwrap() >= 5, "{name}: {found}");
        assert!(found["least"].as_f64().unwrap() >= 11.0, "{name}: text of the picture is {} px", found["least"]);
    }
}
