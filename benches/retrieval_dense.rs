//! Vector search against its peers, alone; until it joins `retrieval`.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "criterion's macros; a bench fails loudly and prints its table"
)]

mod retrieval {
    pub(crate) mod dense;
    pub(crate) mod maxsim;
}

mod table {
    /// Prints each engine's times and how many times as long as the quickest of its group it takes.
    #[derive(Default)]
    pub struct Table(Vec<(String, usize, String, f64, f64)>);

    impl Table {
        pub fn line(&mut self, group: &str, size: usize, engine: &str, p50_us: f64, p99_us: f64) {
            println!("{group:8} {size:7} {engine:9} p50 {p50_us:10.1} us  p99 {p99_us:10.1} us");
            self.0.push((group.to_owned(), size, engine.to_owned(), p50_us, p99_us));
        }

        /// Our exact engine over each other.
        pub fn ratios(&self) {
            for (group, size, engine, p50, _) in &self.0 {
                let ours = self.0.iter().find(|line| (&line.0, line.1, line.2.as_str()) == (group, *size, "f32"));
                println!("{group:8} {size:7} f32 / {engine:9} {:6.2}", ours.unwrap().3 / p50);
            }
        }
    }
}

fn main() {
    let mut table = table::Table::default();
    if std::env::args().any(|argument| argument == "--ratios") {
        retrieval::dense::ratios(&mut table);
        retrieval::maxsim::ratios(&mut table);
        table.ratios();
    } else {
        let mut criterion = criterion::Criterion::default().configure_from_args();
        retrieval::dense::criterion(&mut criterion);
        retrieval::maxsim::criterion(&mut criterion);
        criterion.final_summary();
    }
}
