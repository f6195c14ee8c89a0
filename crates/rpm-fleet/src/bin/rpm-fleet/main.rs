//! The operator's command: `rpm-fleet doctor [--json] [--read N]` looks at a fleet's databases and changes nothing.
//!
//! `--help` lists the options, `docs/fleet.md` explains what it looks at.
#![allow(clippy::print_stdout, reason = "it talks to its reader")]

mod database;
mod doctor;
mod queue;
mod report;
mod store;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Looks after a fleet of rpm-fleet.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Doctor(doctor::Args),
}

fn main() -> ExitCode {
    let Command::Doctor(args) = Cli::parse().command;
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("could not look: no runtime: {error}");
            return ExitCode::from(2);
        }
    };
    let report = runtime.block_on(doctor::look(&args));
    if args.json {
        println!("{}", report.to_json());
    } else {
        print!("{report}");
    }
    for not_looked_at in &report.could_not_look {
        eprintln!("could not look: {not_looked_at}");
    }
    ExitCode::from(report.code())
}
