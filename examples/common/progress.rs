//! A progress bar on standard error, one line that is written over.

use rpm_core::llm::Progress;

const WIDTH: usize = 30;

/// Shows how far a stage has come; a stage that is done keeps its line.
pub(crate) fn bar(progress: Progress) {
    let Progress { stage, done, total, .. } = progress;
    let filled = usize::try_from(done * WIDTH as u64 / total.max(1)).unwrap_or(WIDTH).min(WIDTH);
    let (full, empty) = ("#".repeat(filled), ".".repeat(WIDTH - filled));
    eprint!("\r{:<10} [{full}{empty}] {done} of {total}", stage.as_str());
    if done == total {
        eprintln!();
    }
}
