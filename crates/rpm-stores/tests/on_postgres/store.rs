//! The store in a Postgres database: conforms, tells conflicts and failures apart, and erases.

use std::time::{Duration, Instant};

use pollster::block_on;
use rpm_core::model::{PlaceKind, PlaceState};
use rpm_core::store::{Erasure, StoreError, UserModelStore, Version};
use rpm_core::testing::{durable_user_model_store_conformance, user_model_store_conformance};
use rpm_core::{Forget, ItemId, RpmPipeline, UserId};
use rpm_stores::PostgresStore;
use rpm_stores::postgres::Schema;

use crate::common::{interaction, scale_history, scale_task, told};
use crate::postgres::server;
use crate::{found, model_with, name, opened, pool, postgres, runtime, uncompressed, writers};

#[test]
fn the_store_in_postgres_conforms() {
    let Some(server) = server() else { return };
    let (runtime, address) = (runtime(), server.database());
    let pool = pool(&address, 20);
    let mut n = 0;
    // Each store is one in a schema of its own, since a database takes longer to make.
    let make = || {
        n += 1;
        let schema = Schema::new(&format!("s{n}")).unwrap();
        runtime.block_on(PostgresStore::open_in(pool.clone(), schema)).unwrap()
    };
    // From an executor that knows no runtime, and dropped at every poll.
    let passed = block_on(user_model_store_conformance(make)).unwrap();
    assert!(passed >= 529, "{passed}");
    let open = || runtime.block_on(PostgresStore::open(pool.clone())).unwrap();
    assert_eq!(block_on(durable_user_model_store_conformance(open)).unwrap(), 9);
}

#[test]
fn thirty_two_writers_lose_no_update_in_postgres() {
    let Some(server) = server() else { return };
    let (_runtime, store, _) = opened(server);
    writers::writers(store, 32, 10);
}

#[test]
fn the_tables_are_made_once_by_whoever_comes_first_and_left_alone_when_they_are_of_a_later_version() {
    let Some(server) = server() else { return };
    let (runtime, address) = (runtime(), server.database());
    let pool = pool(&address, 8);
    runtime.block_on(async {
        let opening: Vec<_> = (0..8).map(|_| tokio::spawn(PostgresStore::open(pool.clone()))).collect();
        for opened in opening {
            opened.await.unwrap().unwrap();
        }
    });
    let of_users = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'rpm.users'::regclass";
    assert_eq!(server.psql(name(&address), of_users), "32");
    server.psql(name(&address), "UPDATE rpm.meta SET format = 99");
    let error = runtime.block_on(PostgresStore::open(pool)).unwrap_err();
    assert!(matches!(error, StoreError::FutureVersion { found: 99, known: 2 }), "{error:?}");
    assert_eq!(server.psql(name(&address), "SELECT format FROM rpm.meta"), "99");
}

#[test]
fn who_may_only_read_and_write_the_tables_may_open_a_store_that_is_there() {
    let Some(server) = server() else { return };
    let (runtime, store, address) = opened(server);
    let database = name(&address);
    server.psql(
        database,
        "CREATE ROLE app LOGIN; GRANT USAGE ON SCHEMA rpm TO app;
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA rpm TO app; GRANT ALL ON ALL SEQUENCES IN SCHEMA rpm TO app",
    );
    drop(store);
    let as_app = address.replace("user=rpm", "user=app");
    let store = runtime.block_on(PostgresStore::open(pool(&as_app, 2))).unwrap();
    let model = model_with("ana", "quiet");
    let version = block_on(store.save(&model, None)).unwrap();
    assert_eq!(block_on(store.load(model.user())).unwrap().unwrap().version, version);
    // It does not own what it would have to write anew, and says so.
    assert!(block_on(store.delete(model.user())).unwrap());
    let left = block_on(store.erase()).unwrap();
    assert!(matches!(&left, Erasure::Left { to_do, .. } if to_do.contains("pg_read_all_stats")), "{left}");
    server.psql(database, "GRANT pg_read_all_stats TO app");
    let left = block_on(store.erase()).unwrap();
    assert!(matches!(&left, Erasure::Left { why, .. } if why.contains("does not own")), "{left}");
    // The owner, who may, finds it marked.
    let owner = runtime.block_on(PostgresStore::open(pool(&address, 2))).unwrap();
    assert!(block_on(owner.compact()).unwrap().is_erased());
    assert_eq!(server.psql(database, "SELECT count(*) FROM rpm.to_erase WHERE last > erased"), "0");
}

#[test]
fn a_database_that_is_not_there_is_a_failure_that_passes_or_not() {
    let Some(server) = server() else { return };
    let runtime = runtime();
    let open = |address: &str| runtime.block_on(PostgresStore::open(pool(address, 1))).unwrap_err();
    let missing = open(&server.address("no_such_database"));
    assert!(matches!(missing, StoreError::Permanent { .. }) && told(&missing).contains("3D000"), "{missing:?}");
    let nobody = open("host=/nowhere user=rpm dbname=rpm");
    assert!(nobody.is_transient(), "{nobody:?}");
    let outside = block_on(PostgresStore::open(pool(&server.address("postgres"), 1))).unwrap_err();
    assert!(told(&outside).contains("within a tokio runtime"), "{outside:?}");
    for bad in ["", "Rpm", "1a", "a-b", "a\"b", "pg_x", &"a".repeat(41)] {
        assert!(Schema::new(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_model_that_was_changed_by_others_is_told_with_the_user_and_without_the_text() {
    let Some(server) = server() else { return };
    let (_runtime, store, address) = opened(server);
    let model = model_with("ana", "seafaring");
    let damages = [
        "SET model = set_byte(model, 100, (get_byte(model, 100) + 1) % 256)",
        "SET sum = sum + 1",
        "SET model = substring(model FROM 1 FOR 300)",
        "SET model = model || ' '::bytea",
        "SET model = ''",
    ];
    for damage in damages {
        let version = block_on(store.version(model.user())).unwrap();
        block_on(store.save(&model, version)).unwrap();
        server.psql(name(&address), &format!("UPDATE rpm.users {damage} WHERE user_id = 'ana'"));
        let error = block_on(store.load(model.user())).expect_err(damage);
        assert!(matches!(&error, StoreError::Corrupt { user, .. } if user.as_str() == "ana"), "{error:?}");
        assert!(!told(&error).contains("seafaring"));
    }
    server.psql(name(&address), "UPDATE rpm.users SET number = -1");
    assert!(matches!(block_on(store.version(model.user())), Err(StoreError::Damaged { .. })));
    // A version that no database of this kind gives.
    let never = Version::new(u64::MAX, u64::MAX);
    assert!(matches!(block_on(store.save(&model, Some(never))), Err(StoreError::Conflict)));
    assert!(matches!(block_on(store.delete_version(model.user(), never)), Err(StoreError::Conflict)));
}

#[test]
fn a_server_that_is_stopped_and_started_again_is_a_failure_that_passes() {
    // One of its own: others use the shared one.
    let Some(server) = postgres::server_of_its_own() else { return };
    let (_runtime, store, _) = opened(&server);
    let pipeline = RpmPipeline::offline(scale_task()).with_store(store.clone());
    let model = block_on(pipeline.learn(&scale_history())).unwrap().model;
    for round in 0..3 {
        server.stop();
        let error = block_on(store.load(model.user())).unwrap_err();
        assert!(error.is_transient(), "{round}: {error:?}");
        assert!(block_on(store.save(&model, None)).unwrap_err().is_transient());
        server.start_again();
        // Connections that the server broke off are told from others when they are next used, and replaced.
        let until = Instant::now() + Duration::from_secs(20);
        while block_on(store.load(model.user())).is_err() {
            assert!(Instant::now() < until, "it does not come back");
        }
        let new = interaction(&format!("n{round}"), "A quiet film about a harbour.", "4", 100 + round);
        block_on(pipeline.observe(model.user(), [new])).unwrap();
    }
    let held = block_on(pipeline.load(model.user())).unwrap();
    assert_eq!(held.model.memory().len(), scale_history().interactions().len() + 3);
}

#[test]
fn what_is_forgotten_or_deleted_is_in_no_file_of_the_database() {
    let Some(server) = server() else { return };
    let (_runtime, store, address) = opened(server);
    uncompressed(server, &address);
    let pipeline = RpmPipeline::offline(scale_task()).with_store(store.clone());
    let users: Vec<UserId> = (0..12).map(|n| UserId::new(format!("user-{n}-")).unwrap()).collect();
    for user in &users {
        let version = block_on(store.save(&model_with(user.as_str(), "zanzipol"), None)).unwrap();
        block_on(store.save(&model_with(user.as_str(), "zanzipol"), Some(version))).unwrap();
    }
    assert!(found(server, &address, "zanzipol") > 0, "else this shows nothing");
    server.psql(name(&address), "VACUUM ANALYZE");
    for (n, user) in users.iter().enumerate() {
        if n % 2 == 0 {
            let items = (0..4).map(|n| ItemId::new(format!("i{n}")).unwrap()).collect();
            let receipt = block_on(pipeline.forget(user, &Forget::Items(items))).unwrap();
            let place = receipt.probe.places.iter().find(|place| place.kind == PlaceKind::Store).unwrap();
            assert!(matches!(place.state, PlaceState::Erased { .. }), "{receipt}");
        } else {
            assert!(block_on(pipeline.delete(user)).unwrap());
        }
    }
    assert_eq!(found(server, &address, "zanzipol"), 0);
    assert_eq!(found(server, &address, "user-1-"), 0, "nor the id of who was deleted");
    assert_eq!(server.psql(name(&address), "SELECT count(*) FROM rpm.to_erase WHERE last > erased"), "0");
    let dump = server.command("pg_dump").arg(&address).output().unwrap();
    assert!(dump.status.success() && !String::from_utf8_lossy(&dump.stdout).contains("zanzipol"));
}

#[test]
fn what_a_process_left_to_erase_the_next_erasure_does_and_a_store_that_waits_says_so() {
    let Some(server) = server() else { return };
    let (_runtime, store, address) = opened(server);
    uncompressed(server, &address);
    for user in ["ana", "ben"] {
        block_on(store.save(&model_with(user, "zanzipol"), None)).unwrap();
        // As if the process had ended here.
        assert!(block_on(store.delete(&UserId::new(user).unwrap())).unwrap());
    }
    let waits = store.clone().erasing_when_told();
    let left = block_on(waits.erase()).unwrap();
    assert!(matches!(&left, Erasure::Left { to_do, .. } if to_do.contains("compact")), "{left}");
    assert!(found(server, &address, "zanzipol") > 0);
    assert!(block_on(store.erase()).unwrap().is_erased());
    assert_eq!(found(server, &address, "zanzipol"), 0);
    assert!(block_on(waits.compact()).unwrap().is_erased());
}

#[test]
fn what_an_open_transaction_may_still_read_is_said_to_be_left() {
    let Some(server) = server() else { return };
    let (runtime, store, address) = opened(server);
    uncompressed(server, &address);
    block_on(store.save(&model_with("ana", "zanzipol"), None)).unwrap();
    let reader = runtime.block_on(pool(&address, 1).get()).unwrap();
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM rpm.meta";
    runtime.block_on(reader.batch_execute(begin)).unwrap();
    assert!(block_on(store.delete(&UserId::new("ana").unwrap())).unwrap());
    let left = block_on(store.erase()).unwrap();
    assert!(matches!(&left, Erasure::Left { why, .. } if why.contains("may still read it")), "{left}");
    assert!(found(server, &address, "zanzipol") > 0, "it would say so for nothing");
    // Nobody waits behind it meanwhile: that is what a copy would have them do.
    let patience = Instant::now();
    assert!(block_on(store.load(&UserId::new("ben").unwrap())).unwrap().is_none());
    runtime.block_on(reader.batch_execute("COMMIT")).unwrap();
    // One that began afterwards and reads a user keeps nothing from being erased but the lock of its part.
    runtime.block_on(reader.batch_execute("BEGIN; SELECT count(*) FROM rpm.users")).unwrap();
    let left = block_on(store.erase()).unwrap();
    assert!(matches!(&left, Erasure::Left { .. }), "{left}");
    assert!(patience.elapsed() < Duration::from_secs(10), "{:?}", patience.elapsed());
    assert!(block_on(store.load(&UserId::new("ben").unwrap())).unwrap().is_none());
    runtime.block_on(reader.batch_execute("COMMIT")).unwrap();
    assert!(block_on(store.erase()).unwrap().is_erased());
    assert_eq!(found(server, &address, "zanzipol"), 0);
}

#[test]
fn those_who_delete_at_once_share_the_work_and_none_is_left() {
    let Some(server) = server() else { return };
    let (runtime, store, address) = opened(server);
    uncompressed(server, &address);
    let users: Vec<UserId> = (0..24).map(|n| UserId::new(format!("u{n}")).unwrap()).collect();
    for user in &users {
        block_on(store.save(&model_with(user.as_str(), "zanzipol"), None)).unwrap();
    }
    runtime.block_on(async {
        let deleting: Vec<_> = users
            .into_iter()
            .map(|user| {
                let store = store.clone();
                tokio::spawn(async move {
                    assert!(store.delete(&user).await.unwrap());
                    store.erase().await.unwrap()
                })
            })
            .collect();
        for deleted in deleting {
            let erased = deleted.await.unwrap();
            assert!(erased.is_erased(), "{erased}");
        }
    });
    assert_eq!(found(server, &address, "zanzipol"), 0);
}
