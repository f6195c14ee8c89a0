//! `rpm-fleet doctor`: what is looked at, in which order.

use std::env;

use rpm_stores::postgres::Schema;

use crate::database::{Database, column};
use crate::queue::Queue;
use crate::report::{Check, Report};
use crate::store;

/// Looks at the databases of a fleet and says what is wrong and what to do. Changes nothing.
///
/// DATABASE in the environment is the address of the store's database, as `tokio_postgres` reads it, and QUEUE that of the queue's, where
/// that is another one. Connections are without TLS. Exit code: 0 when nothing is wrong, 1 when something is, 2 when it could not look at something,
/// whatever else is wrong. It reads whole tables, and erasures wait for it: each hour, not each minute.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// One JSON object in the place of lines
    #[arg(long)]
    pub(crate) json: bool,
    /// Read so many models, in the order of their users' ids, and say which do not open
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) read: usize,
    /// Have it be wrong where there is no population, or it was made longer ago than so many hours
    #[arg(long, value_name = "HOURS")]
    pub(crate) population_within: Option<u64>,
    /// The schema of the store's tables
    #[arg(long, value_name = "NAME", default_value = "rpm", value_parser = Schema::new)]
    pub(crate) schema: Schema,
    /// The schema of the queue's tables
    #[arg(long, value_name = "NAME", default_value = "rpm_queue", value_parser = Schema::new)]
    pub(crate) queue_schema: Schema,
}

/// Looks at everything that can be looked at.
pub(crate) async fn look(args: &Args) -> Report {
    let mut report = Report::default();
    let Ok(address) = env::var("DATABASE") else {
        report.could_not_look.push("DATABASE is not set: the address of the store's database".to_owned());
        return report;
    };
    let beside = env::var("QUEUE").ok().filter(|queue| !queue.trim().is_empty() && *queue != address);
    let mut databases = Vec::new();
    for (variable, address) in [("DATABASE", Some(&address)), ("QUEUE", beside.as_ref())] {
        let Some(address) = address else { continue };
        match reached(variable, address).await {
            Ok((database, version)) => {
                report.checks.push(version);
                databases.push(Some(database));
            }
            Err(error) => {
                report.could_not_look.push(format!("{variable}: {error}"));
                databases.push(None);
            }
        }
    }
    let mut databases = databases.into_iter();
    let of_store = databases.next().flatten();
    // The only one, or the second.
    let of_queue = if beside.is_some() { databases.next().flatten() } else { of_store.clone() };
    let mut held = None;
    if let Some(database) = &of_store {
        let looked = store::look(database, args, &mut report.checks).await;
        held = looked.unwrap_or_else(|error| {
            report.could_not_look.push(format!("the store: {error}"));
            None
        });
    }
    if let Some(database) = of_queue {
        let queue = Queue { database, schema: args.queue_schema.clone() };
        if let Err(error) = queue.look(held.as_ref(), &mut report.checks).await {
            report.could_not_look.push(format!("the queue: {error}"));
        }
    }
    report
}

/// The oldest server that there are tests with: 14.
const OLDEST: i32 = 140_000;

async fn reached(variable: &str, address: &str) -> Result<(Database, Check), String> {
    let database = Database::of(variable, address)?;
    let asked = "SELECT current_setting('server_version'), current_setting('server_version_num')::int,
        current_setting('transaction_read_only')";
    let row = database.one(asked, &[]).await?;
    let (version, number): (String, i32) = (column(&row, 0)?, column(&row, 1)?);
    if column::<String>(&row, 2)? != "on" {
        return Err(
            "a pooler in between drops what has its sessions only read; give the server's own address".to_owned()
        );
    }
    let means = format!("{variable} is PostgreSQL {version}");
    let check = if number < OLDEST {
        Check::wrong("server", means, "Bring the server to version 14 or later")
    } else {
        Check::ok("server", means)
    };
    Ok((database, check))
}
