//! The harness from the command line: `rpm-eval run --data PATH... [--methods a,b] [--report FOLDER]`.
//!
//! `--help` lists the options, `docs/evaluation.md` explains them.
#![allow(clippy::print_stdout, reason = "it talks to its reader")]

mod args;
mod model;
mod run;

use std::error::Error;

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
}

fn main() -> Result<(), Box<dyn Error>> {
    match Cli::parse().command {
        Command::Run(args) => run::run(&args),
    }
}
