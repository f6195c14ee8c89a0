//! `rpm-eval catalog` from the command line, and the pipeline with such a catalog.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::path::Path;
use std::process::Command;

use rpm_core::catalog::Catalog;
use serde_json::Value;

const RATERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/raters");

fn printed(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_rpm-eval")).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_catalog_of_a_set_is_told_and_written_and_the_same_each_time() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("catalogs");
    let out = folder.to_str().unwrap();
    let args = ["catalog", "--data", RATERS, "--topics", "12", "--out", out, "--json"];
    let told: Value = serde_json::from_str(&printed(&args)).unwrap();
    let file = folder.join("raters.catalog.json");
    let first = std::fs::read_to_string(&file).unwrap();
    let catalog = Catalog::from_json(&first).unwrap();
    let set = &told["sets"][0];
    assert_eq!(set["factors"].as_u64(), Some(catalog.factors().len() as u64));
    assert_eq!(set["bytes"].as_u64(), Some(first.len() as u64));
    assert!((1..=12).contains(&catalog.factors().len()) && set["labels"].as_array().unwrap().len() <= 12);
    printed(&args);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), first);
    let told = printed(&["catalog", "--data", RATERS, "--topics", "3"]);
    assert!(told.starts_with("## raters\n\n") && told.contains(" factors of 288 texts in "), "{told}");
}

#[test]
fn a_pipeline_with_a_catalog_of_the_texts_is_a_method_of_its_own() {
    let methods = "majority,offline,offline:catalog=12";
    let report = printed(&["run", "--data", RATERS, "--methods", methods, "--users", "2"]);
    assert!(report.contains("offline:catalog=12"), "{report}");
    let set: Value =
        serde_json::from_str(&printed(&["factors", "--data", RATERS, "--catalog", "12", "--json"])).unwrap();
    assert!(set["sets"][0]["factors_per_user"].as_f64().unwrap() > 0.0);
}
