//! The harness from the command line: `rpm-eval try FILE`, `rpm-eval run --data PATH... [--methods a,b] [--report FOLDER]`, `rpm-eval factors
//! --data PATH... [--json]` and `rpm-eval catalog --data PATH... [--json]`.
//!
//! `--help` lists the options, `docs/evaluation.md` explains them.
#![allow(clippy::print_stdout, reason = "it talks to its reader")]

mod args;
mod catalog;
mod factors;
mod methods;
mod model;
mod run;
mod sets;
mod try_out;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The evaluation harness of rpm-core.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(Box<args::Args>),
    Factors(factors::Args),
    Catalog(catalog::Args),
    Try(Box<try_out::Args>),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Factors(args) => factors::run(&args),
        Command::Catalog(args) => catalog::run(&args),
        Command::Try(args) => return try_out::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes in one line.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
