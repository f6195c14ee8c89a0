//! The store in a Postgres database, and what is kept beside it, on a server that the tests start.
#![cfg(all(unix, feature = "postgres"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod aside;
mod beside;
#[path = "../../../../tests/common/mod.rs"]
mod common;
mod populations;
#[path = "../../../../tests/common/postgres.rs"]
mod postgres;
mod processes;
mod store;
#[path = "../../../../tests/common/writers.rs"]
mod writers;

use deadpool_postgres::{Manager, Pool};
use pollster::block_on;
use rpm_core::{History, RpmPipeline, UserModel};
use rpm_stores::PostgresStore;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::NoTls;

use common::{interaction, scale_task};
use postgres::Server;

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn pool(address: &str, connections: usize) -> Pool {
    let manager = Manager::new(address.parse().unwrap(), NoTls);
    Pool::builder(manager).max_size(connections).build().unwrap()
}

/// A runtime, and a store in a new database of the server.
fn opened(server: &Server) -> (Runtime, PostgresStore, String) {
    let (runtime, address) = (runtime(), server.database());
    let store = runtime.block_on(PostgresStore::open(pool(&address, 8))).unwrap();
    (runtime, store, address)
}

/// A word of no other text.
fn model_with(user: &str, word: &str) -> UserModel {
    let rows = ["5", "2", "5", "1"].into_iter().zip(0..);
    let interactions = rows.map(|(rating, n)| {
        interaction(&format!("i{n}"), &format!("A {word} film about a {word} harbour, number {n}."), rating, n)
    });
    let history = History::new(&scale_task(), user, interactions).unwrap();
    block_on(RpmPipeline::offline(scale_task()).learn(&history)).unwrap().model
}

/// The name of the database at an address.
fn name(address: &str) -> &str {
    address.rsplit('=').next().unwrap()
}

/// How often a text is in the files of a database, uncompressed as they are in these tests.
fn found(server: &Server, address: &str, text: &str) -> usize {
    server.psql(name(address), "CHECKPOINT");
    let oid = server.psql(name(address), &format!("SELECT oid FROM pg_database WHERE datname = '{}'", name(address)));
    let folder = server.data().join("base").join(oid);
    let mut found = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        // Files come and go meanwhile.
        let Ok(bytes) = std::fs::read(entry.unwrap().path()) else { continue };
        found += bytes.windows(text.len()).filter(|window| *window == text.as_bytes()).count();
    }
    found
}

/// Has the tables keep texts as they are, so that they can be found.
fn uncompressed(server: &Server, address: &str) {
    let tables = [("users", "model"), ("inbox", "event"), ("replies", "reply"), ("parts", "part")];
    let one = |table: &str, column: &str, part: usize| {
        format!("ALTER TABLE rpm.{table}_{part:02} ALTER {column} SET STORAGE EXTERNAL;")
    };
    let all = tables.iter().flat_map(|(table, column)| (0..32).map(|part| one(table, column, part)));
    server.psql(name(address), &all.collect::<String>());
}
