//! Side by side: our engines and their peers.

struct Line {
    group: String,
    size: usize,
    engine: String,
    p50_us: f64,
    p99_us: f64,
}

/// Latencies, printed as ratios of ours to the peers' within each group and size.
#[derive(Default)]
pub struct Table {
    lines: Vec<Line>,
}

impl Table {
    /// Adds an engine's median and 99th percentile in microseconds. Our engines' names start with "rpm".
    pub fn line(&mut self, group: &str, size: usize, engine: &str, p50_us: f64, p99_us: f64) {
        println!("{group} {size} {engine}: {p50_us:.2} / {p99_us:.2} us");
        self.lines.push(Line { group: group.to_owned(), size, engine: engine.to_owned(), p50_us, p99_us });
    }

    /// Prints one table for each group and size, in the order in which they came.
    pub fn print(&self) {
        let mut printed = Vec::new();
        for line in &self.lines {
            if printed.contains(&(&line.group, line.size)) {
                continue;
            }
            printed.push((&line.group, line.size));
            self.print_group(&line.group, line.size);
        }
    }

    fn print_group(&self, group: &str, size: usize) {
        let lines: Vec<&Line> = self.lines.iter().filter(|line| line.group == group && line.size == size).collect();
        let (ours, peers): (Vec<&Line>, Vec<&Line>) = lines.iter().partition(|line| line.engine.starts_with("rpm"));
        let heads: Vec<String> = ours.iter().map(|line| format!(" {} / it |", line.engine)).collect();
        println!(
            "\n| {group}, {size} | p50 us | p99 us |{}\n|---|---|---|{}",
            heads.concat(),
            "---|".repeat(ours.len())
        );
        for line in ours.iter().chain(&peers) {
            let ratios: Vec<String> = ours.iter().map(|own| format!(" {:.4} |", own.p50_us / line.p50_us)).collect();
            println!("| {} | {:.2} | {:.2} |{}", line.engine, line.p50_us, line.p99_us, ratios.concat());
        }
    }
}

/// Median and 99th percentile.
pub fn percentiles(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |share: usize| values[(values.len() * share / 100).min(values.len() - 1)];
    (at(50), at(99))
}
