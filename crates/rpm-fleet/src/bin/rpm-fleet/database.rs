//! Connections that can change nothing, and errors in words that quote no row and no password.

use std::error::Error;
use std::time::Duration;

use deadpool_postgres::{Manager, Pool};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Config, NoTls, Row};

/// How long a server that does not answer is waited for, unless the address says.
const PATIENCE: Duration = Duration::from_secs(10);

/// A value of a statement, with its type.
pub(crate) type Value<'a> = (&'a (dyn ToSql + Sync), Type);

/// A database that is only read.
#[derive(Clone)]
pub(crate) struct Database {
    pub(crate) pool: Pool,
}

impl Database {
    /// The one at the address in a variable of the environment. Every transaction of its sessions is read-only: the server refuses to change
    /// anything.
    pub(crate) fn of(variable: &str, address: &str) -> Result<Self, String> {
        // What is wrong with it is not told: it may hold a password.
        let config = address.parse::<Config>();
        let mut config = config.map_err(|_| format!("{variable} is no address that tokio_postgres reads"))?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(PATIENCE);
        }
        // Said at the start of each session: a pooler in between would give a session that was set to others.
        let options = format!("{} -c default_transaction_read_only=on", config.get_options().unwrap_or_default());
        config.options(options.trim());
        let pool = Pool::builder(Manager::new(config, NoTls)).max_size(2).build();
        Ok(Self { pool: pool.map_err(|_| "no pool of connections could be made".to_owned())? })
    }

    pub(crate) async fn all(&self, statement: &str, values: &[Value<'_>]) -> Result<Vec<Row>, String> {
        let client = self.pool.get().await.map_err(|error| in_words(&error))?;
        client.query_typed(statement, values).await.map_err(|error| in_words(&error))
    }

    /// The one row that a statement gives.
    pub(crate) async fn one(&self, statement: &str, values: &[Value<'_>]) -> Result<Row, String> {
        let first = self.all(statement, values).await?.into_iter().next();
        first.ok_or_else(|| "a statement gave no row".to_owned())
    }
}

/// A column of a row.
pub(crate) fn column<'r, T: tokio_postgres::types::FromSql<'r>>(row: &'r Row, column: usize) -> Result<T, String> {
    row.try_get(column).map_err(|error| in_words(&error))
}

/// An error with its causes. Of what the server says only the code is told: its words may quote rows.
pub(crate) fn in_words(error: &(dyn Error + 'static)) -> String {
    let mut words = Vec::new();
    for error in std::iter::successors(Some(error), |&error| error.source()) {
        if let Some(error) = error.downcast_ref::<tokio_postgres::Error>() {
            let told = match error.code() {
                Some(code) => format!("the database refused ({})", code.code()),
                None if error.is_closed() => "the connection was closed".to_owned(),
                None => of_kind(&error.to_string()).to_owned(),
            };
            // In the place of what is around it, which may repeat those words.
            return told;
        }
        words.push(error.to_string());
    }
    words.dedup();
    words.join(": ")
}

/// What an error is that is not the server's, by how it begins. The rest of it may quote an address.
fn of_kind(error: &str) -> &'static str {
    let begins = |word: &str| error.starts_with(word);
    if begins("error performing TLS") {
        "the server or the address asks for TLS, which the doctor does not have: look from the server's own network"
    } else if begins("error deserializing") {
        "a column is of another type than expected: these are the tables of something else"
    } else if begins("invalid") {
        "the address cannot be read"
    } else {
        "the database cannot be reached"
    }
}
