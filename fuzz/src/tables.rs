//! A table of a host's own (CSV or one JSON object a line), tried out.

use rpm_eval::run::Runner;
use rpm_eval::try_out::{TryOptions, try_out};

use crate::files::written;
use crate::steps::run;
use crate::{first, is_discreet};

/// The first byte chooses CSV or JSONL.
pub fn tables(data: &[u8]) {
    let (how, rest) = first(data);
    // What follows the reading costs in proportion to the rows; a few of them say all.
    let rest = &rest[..rest.len().min(4 << 10)];
    let path = written(if how % 2 == 0 { "films.csv" } else { "films.jsonl" }, rest);
    let options = TryOptions::default();
    match run(try_out(&path, &options, Runner::new())) {
        Ok(tried) => {
            let text = tried.to_text();
            assert!(!text.is_empty());
            let odd = text.chars().find(|c| c.is_control() && *c != '\n');
            assert_eq!(odd, None, "a control character reaches a terminal");
            let again = run(try_out(&path, &options, Runner::new())).unwrap();
            assert!(text == again.to_text(), "the same table is told in two ways");
        }
        // Errors name columns.
        Err(error) if crate::told(&error).contains("column") => {}
        Err(error) => is_discreet(&error),
    }
}
