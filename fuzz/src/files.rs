//! A folder of this process, in memory where the machine has such a place.

use std::fs;
use std::path::{Path, PathBuf};

/// A file in it, with these bytes and without what lies beside it from an earlier input.
pub(crate) fn written(name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder("").join(name);
    for old in fs::read_dir(folder("")).unwrap().flatten() {
        if old.file_name().to_string_lossy().starts_with(name) {
            let _ = fs::remove_file(old.path());
        }
    }
    fs::write(&path, bytes).unwrap();
    path
}

/// A folder in it.
pub(crate) fn folder(name: &str) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let folder = base.join(format!("rpm-fuzz-{}", std::process::id())).join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Removes it; for programs that end by themselves.
pub fn removed() {
    let _ = fs::remove_dir_all(folder(""));
}
