//! Every seed, made or found, passes its target.

use std::fs;
use std::path::{Path, PathBuf};

fn seeds(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    let mut all: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

#[test]
fn every_seed_passes_its_target() {
    for (target, run) in rpm_fuzz::TARGETS {
        let all = seeds(target);
        assert!(all.len() >= 3, "{target} has {} seeds", all.len());
        for seed in all {
            println!("{}", seed.display());
            run(&fs::read(&seed).unwrap());
        }
        run(b"");
    }
    rpm_fuzz::files::removed();
}

#[test]
fn the_seeds_are_those_that_are_made_and_those_that_were_found() {
    let made = rpm_fuzz::seeds::all();
    for (target, name, bytes) in &made {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target).join(name);
        assert!(fs::read(path).is_ok_and(|kept| &kept == bytes), "{target}/{name}: run `cargo run --example seeds`");
    }
    for (target, _) in rpm_fuzz::TARGETS {
        for seed in seeds(target) {
            let name = seed.file_name().unwrap().to_string_lossy().into_owned();
            let is_made = made.iter().any(|(of, made, _)| *of == target && *made == name);
            assert!(is_made || name.starts_with("found-"), "{target}/{name} is neither made nor found");
        }
    }
}
