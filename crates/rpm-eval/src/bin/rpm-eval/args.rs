//! The command line.

use std::path::PathBuf;

use rpm_core::llm::{Budget, Prices};
use rpm_eval::dataset::{Format, Limits};
use rpm_eval::method::Spec;

use crate::methods::Own;

/// Compares methods on data sets, with the uncertainty of every difference.
///
/// Without a model it runs the methods that ask none. A model is named by the variables `RPM_PROVIDER`, `RPM_MODEL` and
/// those of its provider; build with --features providers then, and tls for a provider on the network.
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Data sets: folders or files. One that is absent among others is named and passed over.
    #[arg(long, num_args = 1.., required = true, value_name = "PATH")]
    pub(crate) data: Vec<PathBuf>,
    /// The data sets' format: jsonl, lamp, goqa or longlamp. Guessed from the files' names if it is not given.
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// Methods with their options, such as `zero-shot,rag-bm25:k=3,rpm:estimate=on`. All that can be run if none is
    /// named.
    #[arg(long, value_delimiter = ',', value_name = "METHOD")]
    pub(crate) methods: Vec<Spec>,
    /// Runs each method that can learn from others twice: alone, and beside what the users of the other folds teach, of this many
    /// folds by users. Nobody teaches what they are asked, and nothing that was said then or later.
    #[arg(long, value_name = "FOLDS")]
    pub(crate) folds: Option<usize>,
    /// The same with the users of other data sets as those who teach: one for each of --data, in its order. Who is in both does
    /// not teach.
    #[arg(long, num_args = 1.., value_name = "PATH")]
    pub(crate) others: Vec<PathBuf>,
    /// Runs each method once for each number of the user's latest own interactions: `0,3,10,all`. A method that answers by
    /// nothing else has no 0.
    #[arg(long, value_delimiter = ',', value_name = "NUMBERS")]
    pub(crate) own: Vec<Own>,
    /// The preset of `rpm` where its options name none: balanced, paper, frugal or fused.
    #[arg(long)]
    pub(crate) preset: Option<String>,
    /// Runs each method that has the option once for each of its values: `k=1,3,5`. May be given again.
    #[arg(long, value_name = "OPTION=VALUES")]
    pub(crate) vary: Vec<String>,
    /// Methods that all others are compared with. The first of zero-shot, majority and first-sentence if none is named.
    #[arg(long, value_delimiter = ',', value_name = "METHOD")]
    pub(crate) base: Vec<Spec>,
    /// The most users of each set.
    #[arg(long)]
    pub(crate) users: Option<usize>,
    /// Users passed over, from the first.
    #[arg(long, default_value_t = 0)]
    pub(crate) skip_users: usize,
    /// The first test items of each user.
    #[arg(long)]
    pub(crate) tests: Option<usize>,
    /// Leaves out test items whose text is in the history too.
    #[arg(long)]
    pub(crate) unseen: bool,
    /// The seed of random choices.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// The most money that the whole run may cost, in the currency of --prices.
    #[arg(long, requires = "prices")]
    pub(crate) budget: Option<f64>,
    /// The most requests that the whole run may send.
    #[arg(long)]
    pub(crate) calls: Option<u64>,
    /// Prices of a million tokens sent and received, such as 0.15,0.60.
    #[arg(long, value_name = "IN,OUT", value_parser = prices)]
    pub(crate) prices: Option<Prices>,
    /// Jobs side by side; a job is one user under one method.
    #[arg(long, default_value_t = 1)]
    pub(crate) at_once: usize,
    /// Another model of the same provider to learn with. Its prices are others, so costs in money are unknown then.
    #[arg(long, value_name = "MODEL", conflicts_with = "prices")]
    pub(crate) learner: Option<String>,
    /// The folder that keeps the run: manifest, records and replies. Nothing is kept if it is not given.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
    /// Goes on with the run in --out.
    #[arg(long, requires = "out")]
    pub(crate) resume: bool,
    /// Sends nothing: all replies come from the run in --out.
    #[arg(long, requires = "out")]
    pub(crate) replay: bool,
    /// Keeps every request and reply as text in --out, to read cases by.
    #[arg(long, requires = "out")]
    pub(crate) transcripts: bool,
    /// The folder for report.md, report.html, report.json and timings.json.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) report: Option<PathBuf>,
    /// Writes a page for each user beside the report too: users/1.html and so on.
    #[arg(long, requires = "report")]
    pub(crate) user_pages: bool,
    /// Quotes in the report what users were asked and responded and what models replied. Without it no text of a user is
    /// in a report.
    #[arg(long)]
    pub(crate) show_texts: bool,
    /// Prints the cost of the run, by the prompts it would send, and sends nothing.
    #[arg(long)]
    pub(crate) estimate: bool,
}

impl Args {
    pub(crate) fn limits(&self) -> Limits {
        Limits { skip_users: self.skip_users, users: self.users, tests: self.tests, only_unseen: self.unseen }
    }

    pub(crate) fn budget(&self) -> Budget {
        let mut budget = Budget::default();
        if let Some(prices) = self.prices {
            budget = budget.prices(prices);
        }
        if let Some(money) = self.budget {
            budget = budget.money(money);
        }
        if let Some(calls) = self.calls {
            budget = budget.calls(calls);
        }
        budget
    }
}

fn prices(text: &str) -> Result<Prices, String> {
    let price = |text: &str| text.trim().parse::<f64>().ok().filter(|price| price.is_finite() && *price >= 0.0);
    let both = text.split_once(',').and_then(|(input, output)| Some((price(input)?, price(output)?)));
    both.map(|(input, output)| Prices::per_million(input, output))
        .ok_or_else(|| "two numbers, such as 0.15,0.60".to_owned())
}
