//! What is looked at in the store's database.

use std::time::Duration;

use rpm_core::UserId;
use rpm_core::store::{StoreError, UserModelStore as _};
use rpm_stores::PostgresStore;
use rpm_stores::postgres::{Depth, Examined, Finding, PopulationTold};

use crate::database::{Database, in_words};
use crate::doctor::Args;
use crate::report::Check;

/// What waits longer is told.
const LAG: Duration = Duration::from_secs(600);
/// A counting of which nothing was kept for longer stands still.
const STANDS_STILL: Duration = Duration::from_secs(3_600);
/// Ids that are listed at most.
const LISTED: usize = 20;

/// Looks at the store; gives it where it can be opened.
pub(crate) async fn look(
    database: &Database,
    args: &Args,
    checks: &mut Vec<Check>,
) -> Result<Option<PostgresStore>, String> {
    let told = |error: StoreError| in_words(&error);
    let tables = PostgresStore::tables(database.pool.clone(), &args.schema).await.map_err(told)?;
    let (schema, known) = (&args.schema, tables.known);
    match tables.found {
        None => {
            checks.push(Check::wrong(
                "store",
                format!("the database has no store in the schema {schema}"),
                "Where there should be one, DATABASE or --schema names another place; else open the store, which makes it",
            ));
            return Ok(None);
        }
        Some(found) if found > known => {
            checks.push(Check::wrong(
                "store",
                format!("its tables are of version {found}, and this crate reads up to {known}"),
                "Run the version of rpm-fleet that the fleet runs",
            ));
            return Ok(None);
        }
        Some(found) if found < known => checks.push(Check::note(
            "store",
            format!("its tables are of version {found}; this crate's are of {known}"),
            "The next opening by this version brings them to it, and earlier versions refuse them then: stop old processes first",
        )),
        Some(found) => checks.push(Check::ok("store", format!("its tables are in {schema}, of version {found}"))),
    }
    let opened = PostgresStore::open_as_it_is(database.pool.clone(), schema.clone()).await;
    let store = match opened {
        Ok(store) => store,
        Err(error @ (StoreError::NotAStore | StoreError::Permanent { .. })) => {
            checks.push(Check::wrong("sessions", in_words(&error), "A store refuses to open like this"));
            return Ok(None);
        }
        Err(error) => return Err(in_words(&error)),
    };
    held(&store.examine().await.map_err(told)?, checks);
    waiting(&store.inbox().depth().await.map_err(told)?, checks);
    if tables.found == Some(known) {
        population(&store.populations().told().await.map_err(told)?, args.population_within, checks);
    }
    if args.read > 0 {
        checks.push(read(&store, args.read).await?);
    }
    Ok(Some(store))
}

/// What is held, and what in it does not agree.
fn held(examined: &Examined, checks: &mut Vec<Check>) {
    let Examined { models, reserved, replies, bytes, .. } = examined;
    checks.push(Check::ok(
        "models",
        format!("{models} users with a model, {reserved} places reserved, {replies} replies, {bytes} bytes"),
    ));
    let count = |which: fn(u64) -> Finding| {
        let found = examined.findings.iter().find(|found| **found == which(found.count()));
        found.map_or(0, |found| found.count())
    };
    let wrong = |check, n: u64, what: &str, what_to_do| match n {
        0 => Check::ok(check, format!("no {what}")),
        n => Check::wrong(check, format!("{n} {what}"), what_to_do),
    };
    checks.push(wrong(
        "parts-of-nobody",
        count(Finding::PartsOfNobody),
        "parts of sums of users without a model",
        "They are counted though nobody is there: delete those rows of the table parts",
    ));
    checks.push(wrong(
        "parts-behind",
        count(Finding::PartsBehind),
        "parts of sums of an older model than is held",
        "Save those models through a store that keeps parts",
    ));
    checks.push(wrong(
        "left-of-nobody",
        count(Finding::LeftOfNobody),
        "replies of users of whom nothing else is held",
        "They are never read: delete those users with Fleet::delete",
    ));
    checks.push(match count(Finding::NotErased) {
        0 => Check::ok("erased", "no deleted text is left in the tables' files"),
        n => Check::note(
            "erased",
            format!("{n} parts of the tables hold deleted text in their files"),
            "Call PostgresStore::compact, with no transaction open from before",
        ),
    });
}

/// What waits.
fn waiting(depth: &Depth, checks: &mut Vec<Check>) {
    let Depth { users, interactions, lag, aside, .. } = depth;
    let seconds = lag.as_secs();
    let means = format!("{interactions} interactions of {users} users wait, the oldest since {seconds} s");
    checks.push(if *lag > LAG {
        Check::note("lag", means, "Have more workers, or see below why those that there are do not get on")
    } else {
        Check::ok("lag", means)
    });
    checks.push(match aside {
        0 => Check::ok("set-aside", "no interaction is set aside"),
        n => Check::note(
            "set-aside",
            format!("{n} interactions are set aside and wait no more"),
            "Inbox::aside lists them with the reason, Fleet::try_again has them tried again",
        ),
    });
}

/// The population, and the counting of the next.
fn population(told: &PopulationTold, within: Option<u64>, checks: &mut Vec<Check>) {
    let means = match told.version {
        None => "none is kept".to_owned(),
        Some(version) => {
            format!("version {version} of {} users was made {} s ago", told.users, told.age.as_secs())
        }
    };
    let is_old = within.is_some_and(|hours| told.version.is_none() || told.age.as_secs() > hours.saturating_mul(3_600));
    checks.push(match &told.refused {
        _ if is_old => Check::wrong(
            "population",
            format!("{means}; it was to be made within {} hours", within.unwrap_or_default()),
            "Run a worker of a fleet that was built with FleetBuilder::population, or put one that was fitted elsewhere",
        ),
        None => Check::ok("population", means),
        Some(why) => Check::note(
            "population",
            format!("{means}; the last refresh made none ({why})"),
            "NotFitted says what the word means; with more users it comes by itself",
        ),
    });
    checks.push(match &told.under_way {
        None => Check::ok("counting", "no population is being counted"),
        Some((stage, kept)) if *kept > STANDS_STILL => Check::wrong(
            "counting",
            format!("a population is being counted ({stage}), and for {} s nobody got on with it", kept.as_secs()),
            "Run a worker of a fleet that was built with FleetBuilder::population; what was counted is kept as long, and is private",
        ),
        Some((stage, kept)) => {
            Check::ok("counting", format!("a population is being counted ({stage}), last kept {} s ago", kept.as_secs()))
        }
    });
}

/// Reads models, and says which do not open, by their users' ids.
async fn read(store: &PostgresStore, most: usize) -> Result<Check, String> {
    let (mut after, mut read, mut failed) = (None::<UserId>, 0_usize, Vec::new());
    while read < most {
        let page = (most - read).min(256);
        let users = store.list(after.as_ref(), page).await.map_err(|error| in_words(&error))?;
        for user in &users {
            match store.load(user).await {
                Ok(_) => {}
                Err(StoreError::Corrupt { .. } | StoreError::Model { .. }) => failed.push(user.to_string()),
                Err(error) => return Err(in_words(&error)),
            }
        }
        read += users.len();
        after = users.last().cloned();
        if users.len() < page {
            break;
        }
    }
    if failed.is_empty() {
        return Ok(Check::ok("read", format!("{read} models were read, and all open")));
    }
    let (n, listed) = (failed.len(), failed.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", "));
    let more = if n > LISTED { ", …" } else { "" };
    Ok(Check::wrong(
        "read",
        format!("{n} of {read} models do not open: {listed}{more}"),
        "Restore their rows from a back-up, or delete those users and learn them again",
    ))
}
