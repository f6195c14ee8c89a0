//! Writes the seeds that are made to `seeds/`, beside those that were found.

use std::fs;
use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    for (target, name, bytes) in rpm_fuzz::seeds::all() {
        fs::create_dir_all(folder.join(target))?;
        fs::write(folder.join(target).join(name), bytes)?;
    }
    rpm_fuzz::files::removed();
    Ok(())
}
