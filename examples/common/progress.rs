//! A progress bar on standard error, one line that is written over.

use rpm_core::Progress;

const WIDTH: u64 = 30;

/// Shows how far a stage has come; a stage that is done keeps its line.
pub(crate) fn bar(progress: Progress) {
    let Progress { stage, done, total, .. } = progress;
    let filled = usize::try_from(done * WIDTH / total.max(1)).unwrap_or_default();
    let (full, empty) = ("#".repeat(filled), ".".repeat(WIDTH as usize - filled));
    eprint!("\r{:<10} [{full}{empty}] {done} of {total}", stage.as_str());
    if done == total {
        eprintln!();
    }
}
