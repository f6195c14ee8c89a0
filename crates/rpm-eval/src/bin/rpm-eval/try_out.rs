//! Tries rpm-core on a table of one's own.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use rpm_eval::run::Runner;
use rpm_eval::try_out::{DateOrder, ResponseKind, ScaleEnds, TryError, TryOptions, try_out};

use crate::run::show;

/// Would it help on your data? Reads a CSV or JSON lines file with a row for each response, and says in one sentence how rpm-core
/// compares with the best simple method. No model is asked.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The table: a CSV file (cells parted by commas, semicolons or tabs), or JSON lines with a name that ends in .jsonl.
    file: PathBuf,
    /// The column that says who responded. Obvious names such as `user_id` are found without it; so are those of the others.
    #[arg(long, value_name = "COLUMN")]
    user: Option<String>,
    /// The column with what they responded to.
    #[arg(long, value_name = "COLUMN")]
    query: Option<String>,
    /// The column with the response.
    #[arg(long, value_name = "COLUMN")]
    response: Option<String>,
    /// The column with the time: unix times or dates. Without times, which queries are asked is drawn by the seed.
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,
    /// The kind of the responses, where it is not told from them: scale, labels or text.
    #[arg(long)]
    kind: Option<ResponseKind>,
    /// The lowest and the highest point of the scale, such as 1..5; what is not on it is not used. Told from the responses
    /// without it.
    #[arg(long, value_name = "LOW..HIGH", allow_hyphen_values = true)]
    scale: Option<ScaleEnds>,
    /// What users are asked about each query, in a sentence.
    #[arg(long, value_name = "SENTENCE")]
    question: Option<String>,
    /// What stands first in dates such as 04/05/2024: day-first or month-first.
    #[arg(long, value_name = "ORDER")]
    dates: Option<DateOrder>,
    /// How many of each user's queries are asked. A fifth of them if it is not given.
    #[arg(long, value_name = "N", value_parser = tests, allow_hyphen_values = true)]
    tests: Option<usize>,
    /// The most users that are looked at, drawn by the seed among those there are. 500 if it is not given.
    #[arg(long, value_name = "N", value_parser = tests, allow_hyphen_values = true)]
    users: Option<usize>,
    /// The folder for verdict.json, for report.md, report.html and report.json of the same run, and for the split as `run --data`
    /// reads it. It quotes the table.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// The seed of random choices.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

fn tests(text: &str) -> Result<usize, &'static str> {
    text.parse().ok().filter(|tests| *tests > 0).ok_or("a number, at least 1")
}

/// Tries it and prints what came of it. The code is 2 where other data or options would help.
pub(crate) fn run(args: &Args) -> ExitCode {
    match tried(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {}", crate::with_causes(&error));
            ExitCode::from(if error.is_of_input() { 2 } else { 1 })
        }
    }
}

fn tried(args: &Args) -> Result<(), TryError> {
    let mut options = TryOptions::default();
    options.user.clone_from(&args.user);
    options.query.clone_from(&args.query);
    options.response.clone_from(&args.response);
    options.time.clone_from(&args.time);
    options.question.clone_from(&args.question);
    (options.kind, options.dates, options.tests, options.seed) = (args.kind, args.dates, args.tests, args.seed);
    (options.users, options.scale) = (args.users, args.scale);
    if let Some(path) = args.out.as_ref().filter(|path| path.is_file()) {
        return Err(TryError::Out { path: path.clone() });
    }
    // A line for each job would be all that is seen in a file.
    let runner = if std::io::stderr().is_terminal() { Runner::new().progress(show) } else { Runner::new() };
    let tried = pollster::block_on(try_out(&args.file, &options, runner))?;
    print!("{}", tried.to_text());
    if let Some(folder) = &args.out {
        if let Some(others) = tried.replaces(folder)? {
            eprintln!("{} held results of {others}: they are replaced", folder.display());
        }
        tried.write(folder)?;
        eprintln!("verdict.json, report.md, report.html, report.json and data are in {}", folder.display());
    }
    Ok(())
}
