//! The stores that can be measured, and the bytes that each takes.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use deadpool_postgres::{Manager, Pool};
use rpm_core::store::UserModelStore;
use rpm_core::{InMemoryStore, UserModel};
use rpm_stores::postgres::Part;
use rpm_stores::{PostgresStore, RedbStore};
use tokio_postgres::NoTls;

use crate::Failed;
use crate::postgres::{Server, server_of_its_own};

/// A part of a sum: its kind, and what gives its bytes of a model.
type PartOf = Arc<dyn Fn(&UserModel) -> String + Send + Sync>;

/// A store with where it is.
pub(crate) struct Kept {
    pub(crate) store: Arc<dyn UserModelStore>,
    place: Place,
}

enum Place {
    Memory,
    File { folder: PathBuf, store: RedbStore },
    Database { server: Box<Server>, name: String, store: PostgresStore },
}

/// Calls to the store under way at the same time.
pub(crate) const CALLS: usize = 16;

impl Kept {
    /// Opens an empty store, within a tokio runtime. With `part`, a database keeps it of each user.
    pub(crate) async fn open(kind: &str, part: Option<PartOf>) -> Result<Self, Failed> {
        match kind {
            "memory" => Ok(Self { store: Arc::new(InMemoryStore::new()), place: Place::Memory }),
            "redb" => {
                let folder = std::env::temp_dir().join(format!("rpm-scale-{}", std::process::id()));
                fs::create_dir_all(&folder)?;
                let store = RedbStore::open(folder.join("models"))?.erasing_when_told();
                Ok(Self { store: Arc::new(store.clone()), place: Place::File { folder, store } })
            }
            "postgres" => Self::database(part).await,
            other => Err(format!("no store {other}: memory, redb or postgres").into()),
        }
    }

    async fn database(part: Option<PartOf>) -> Result<Self, Failed> {
        let server = server_of_its_own().ok_or("no Postgres server is installed")?;
        // Tests do without flushes; a host does not.
        server.psql("postgres", "ALTER SYSTEM SET fsync = on");
        server.psql("postgres", "SELECT pg_reload_conf()");
        let address = server.database();
        let name = address.rsplit('=').next().unwrap_or_default().to_owned();
        let pool = Pool::builder(Manager::new(address.parse()?, NoTls)).max_size(CALLS).build()?;
        let mut store = PostgresStore::open(pool).await?.erasing_when_told();
        if let Some(part) = part {
            store = store.keeping_parts(move |model| vec![Part::new("census", part(model))]);
        }
        let place = Place::Database { server: Box::new(server), name, store: store.clone() };
        Ok(Self { store: Arc::new(store), place })
    }

    /// The process of the database server.
    pub(crate) fn server(&self) -> Option<u32> {
        let Place::Database { server, .. } = &self.place else { return None };
        let file = fs::read_to_string(server.data().join("postmaster.pid")).ok()?;
        file.lines().next()?.trim().parse().ok()
    }

    pub(crate) fn database_store(&self) -> Option<&PostgresStore> {
        if let Place::Database { store, .. } = &self.place { Some(store) } else { None }
    }

    /// Writes anew what something was deleted from, and says what that is.
    pub(crate) async fn erase(&self) -> Result<(), Failed> {
        match &self.place {
            Place::Memory => {}
            Place::File { store, .. } => drop(store.compact().await?),
            Place::Database { store, .. } => drop(store.compact().await?),
        }
        Ok(())
    }

    /// What it takes, by name, in bytes.
    pub(crate) fn bytes(&self) -> Result<Vec<(&'static str, u64)>, Failed> {
        match &self.place {
            Place::Memory => Ok(Vec::new()),
            Place::File { folder, .. } => Ok(vec![("file", fs::metadata(folder.join("models"))?.len())]),
            Place::Database { server, name, .. } => {
                let of = "FROM pg_inherits WHERE inhparent = ";
                let all = format!("SELECT sum(pg_total_relation_size(inhrelid)) {of}'rpm.users'::regclass");
                let keys = format!("SELECT sum(pg_indexes_size(inhrelid)) {of}'rpm.users'::regclass");
                let parts = format!("SELECT sum(pg_total_relation_size(inhrelid)) {of}'rpm.parts'::regclass");
                let asked = [
                    ("tables of users with keys and what is stored beside", all.as_str()),
                    ("of that, keys", keys.as_str()),
                    ("models as sent", "SELECT sum(octet_length(model)) FROM rpm.users"),
                    ("models as compressed", "SELECT sum(pg_column_size(model)) FROM rpm.users"),
                    ("tables of parts", parts.as_str()),
                    (
                        "log written since the server was made",
                        "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/1000000')::bigint",
                    ),
                ];
                let one = |(what, statement): (&'static str, &str)| Ok((what, server.psql(name, statement).parse()?));
                asked.into_iter().map(one).collect()
            }
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Place::File { folder, .. } = &self.place {
            let _ = fs::remove_dir_all(folder);
        }
    }
}
