//! The speed of finding the most similar memories, beside other engines for the same task.
//!
//! `cargo bench -p rpm-bench-peers` measures by criterion and then prints ratios. An argument, as in `-- bm25/query`,
//! picks measurements by their id and ratios by the module's name in it; `-- bm25/ratios` gives the ratios alone.
//! `RPM_DATA` may name a folder of real text.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "criterion's macros; a bench fails loudly and prints"
)]

mod bm25;
mod corpus;
mod dense;
mod floor;
mod maxsim;
mod table;

use criterion::Criterion;

use table::Table;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    bm25::criterion(&mut criterion);
    dense::criterion(&mut criterion);
    maxsim::criterion(&mut criterion);
    criterion.final_summary();

    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if !has("--bench") || has("--test") || has("--list") {
        return;
    }
    let filter = arguments.iter().find(|argument| !argument.starts_with('-'));
    let wanted = |module: &str| filter.is_none_or(|filter| filter.contains(module));
    let mut table = Table::default();
    if wanted("bm25") {
        bm25::ratios(&mut table);
    }
    if wanted("dense") {
        dense::ratios(&mut table);
    }
    if wanted("maxsim") {
        maxsim::ratios(&mut table);
    }
    table.print();
}
