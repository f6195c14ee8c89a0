//! The population that is kept beside the models, how far the counting of the next is, and what makes it void.

use pollster::block_on;
use rpm_core::stats::population::Population;
use rpm_core::store::{StoreError, UserModelStore};
use rpm_core::{Forget, ItemId, RpmPipeline, UserId};
use rpm_stores::PostgresStore;
use rpm_stores::postgres::{Counting, Schema};

use crate::common::scale_task;
use crate::postgres::server;
use crate::{found, model_with, name, opened, pool, runtime};

fn user(id: &str) -> UserId {
    UserId::new(id).unwrap()
}

fn population(users: usize) -> Population {
    let words = ["quiet", "loud", "wintry", "musical", "seafaring"];
    let models: Vec<_> = (0..users).map(|n| model_with(&format!("user-{n}"), words[n % 5])).collect();
    let histories: Vec<_> = models.iter().map(|model| model.memory().items()).collect();
    Population::learn(&scale_task(), &histories, 2).unwrap()
}

/// A counting that is under way.
fn begun(store: &PostgresStore, sums: &str) -> Counting {
    let mut counting = block_on(store.populations().counting()).unwrap();
    counting.stage = Some("census".to_owned());
    counting.after = Some(user("ana"));
    counting.sums = sums.as_bytes().to_vec();
    assert!(block_on(store.populations().keep(&mut counting)).unwrap());
    counting
}

#[test]
fn the_population_is_the_last_that_was_made_and_each_has_the_next_version() {
    let Some(server) = server() else { return };
    let (_runtime, store, address) = opened(server);
    let populations = store.populations();
    assert_eq!(block_on(populations.version()).unwrap(), None);
    assert!(block_on(populations.load()).unwrap().is_none());
    for (version, users) in [(1, 6), (2, 7)] {
        let made = population(users);
        let counting = begun(&store, "sums");
        let told = block_on(populations.told()).unwrap();
        assert_eq!(told.under_way.unwrap().0, "census");
        assert!(block_on(populations.made(&counting, &made)).unwrap());
        assert!(!block_on(populations.made(&counting, &made)).unwrap(), "once");
        let kept = block_on(populations.load()).unwrap().unwrap();
        assert_eq!((kept.version, &*kept.population), (version, &made));
        let told = block_on(populations.told()).unwrap();
        assert_eq!((told.version, told.users, told.digest.as_str()), (Some(version), users as u64, made.digest()));
        assert!(told.under_way.is_none() && told.ended.is_some() && told.refused.is_none());
    }
    // One that makes none leaves the one before.
    let counting = begun(&store, "sums");
    assert!(block_on(populations.refused(&counting, "too-few-users")).unwrap());
    let told = block_on(populations.told()).unwrap();
    assert_eq!((told.version, told.refused.as_deref()), (Some(2), Some("too-few-users")));
    server.psql(name(&address), "UPDATE rpm.population SET population = 'not one'");
    assert!(matches!(block_on(populations.load()), Err(StoreError::Damaged { .. })));
}

#[test]
fn a_population_that_was_fitted_elsewhere_is_put_and_what_is_being_counted_is_void() {
    let Some(server) = server() else { return };
    let (_runtime, store, _) = opened(server);
    let populations = store.populations();
    let mut counting = begun(&store, "sums");
    block_on(populations.put(&population(6))).unwrap();
    let kept = block_on(populations.load()).unwrap().unwrap();
    assert_eq!((kept.version, kept.population.to_json()), (1, population(6).to_json()));
    assert!(!block_on(populations.keep(&mut counting)).unwrap(), "it was overtaken");
    block_on(populations.put(&population(7))).unwrap();
    assert_eq!(block_on(populations.version()).unwrap(), Some(2));
}

#[test]
fn what_was_kept_is_gone_on_with_and_who_was_overtaken_keeps_nothing() {
    let Some(server) = server() else { return };
    let (_runtime, store, _) = opened(server);
    let populations = store.populations();
    let mut stalled = begun(&store, "some");
    let mut taken_up = block_on(populations.counting()).unwrap();
    assert_eq!(taken_up, stalled);
    taken_up.after = Some(user("ben"));
    taken_up.sums = b"more".to_vec();
    assert!(block_on(populations.keep(&mut taken_up)).unwrap());
    stalled.sums = b"other".to_vec();
    assert!(!block_on(populations.keep(&mut stalled)).unwrap());
    assert!(!block_on(populations.refused(&stalled, "too-few-users")).unwrap());
    assert_eq!(block_on(populations.counting()).unwrap(), taken_up);
    assert!(block_on(populations.keep(&mut taken_up)).unwrap());
    // Two that begin at the same time: one does.
    assert!(block_on(populations.refused(&taken_up, "free-text")).unwrap());
    let idle = block_on(populations.counting()).unwrap();
    let [mut one, mut two] = [idle.clone(), idle.clone()].map(|mut counting| {
        counting.stage = Some("census".to_owned());
        counting
    });
    assert!(block_on(populations.keep(&mut one)).unwrap() && !block_on(populations.keep(&mut two)).unwrap());
    let mut nothing = idle;
    assert!(matches!(block_on(populations.keep(&mut nothing)), Err(StoreError::Permanent { .. })));
}

#[test]
fn deleting_and_forgetting_make_it_void_and_nothing_else_does() {
    let Some(server) = server() else { return };
    let (_runtime, store, _) = opened(server);
    let populations = store.populations();
    let pipeline = RpmPipeline::offline(scale_task()).with_store(store.clone());
    for id in ["ana", "ben", "eve"] {
        block_on(store.save(&model_with(id, "lighthouse"), None)).unwrap();
    }
    let mut counting = begun(&store, "sums");
    // A save, a place that is reserved and given up, a deletion of nobody, and what waits and is forgotten were not counted.
    let held = block_on(store.load(&user("ana"))).unwrap().unwrap();
    block_on(store.save(&held.model, Some(held.version))).unwrap();
    block_on(store.reserve(&user("new"))).unwrap();
    assert!(!block_on(store.delete(&user("new"))).unwrap() && !block_on(store.delete(&user("nobody"))).unwrap());
    block_on(store.inbox().forget(&user("ana"), Some(&[ItemId::new("i99").unwrap()]))).unwrap();
    assert!(block_on(populations.keep(&mut counting)).unwrap());

    block_on(pipeline.forget(&user("ana"), &Forget::Items(vec![ItemId::new("i0").unwrap()]))).unwrap();
    assert_void(&store, &mut counting);
    let mut counting = begun(&store, "sums");
    block_on(store.delete(&user("ben"))).unwrap();
    assert_void(&store, &mut counting);
    // Also of one who begins and has kept nothing yet: what it reads may be what goes.
    let mut counting = block_on(populations.counting()).unwrap();
    counting.stage = Some("census".to_owned());
    let version = block_on(store.version(&user("eve"))).unwrap().unwrap();
    block_on(store.delete_version(&user("eve"), version)).unwrap();
    assert_void(&store, &mut counting);
    // One that is refused changes nothing.
    let mut counting = begun(&store, "sums");
    assert!(matches!(block_on(store.delete_version(&user("ana"), version)), Err(StoreError::Conflict)));
    let stale = block_on(store.save_forgetting(&held.model, Some(held.version)));
    assert!(matches!(stale, Err(StoreError::Conflict)), "{stale:?}");
    assert!(block_on(populations.keep(&mut counting)).unwrap());
}

fn assert_void(store: &PostgresStore, counting: &mut Counting) {
    assert!(!block_on(store.populations().keep(counting)).unwrap());
    let now = block_on(store.populations().counting()).unwrap();
    assert!(now.stage.is_none() && now.after.is_none() && now.sums.is_empty(), "{now:?}");
}

#[test]
fn what_was_counted_leaves_the_files_with_the_next_erasure() {
    let Some(server) = server() else { return };
    let (_runtime, store, address) = opened(server);
    server.psql(name(&address), "ALTER TABLE rpm.counting ALTER sums SET STORAGE EXTERNAL");
    block_on(store.save(&model_with("ana", "lighthouse"), None)).unwrap();
    let mut counting = begun(&store, &"zanzipol ".repeat(1_000));
    // Overwritten and kept again, both are there.
    counting.sums = b"zanzibar".repeat(1_000);
    assert!(block_on(store.populations().keep(&mut counting)).unwrap());
    assert!(found(server, &address, "zanzipol") > 0 && found(server, &address, "zanzibar") > 0);
    assert!(block_on(store.erase()).unwrap().is_erased(), "nothing was deleted yet");
    assert!(found(server, &address, "zanzibar") > 0);
    block_on(store.delete(&user("ana"))).unwrap();
    assert!(block_on(store.erase()).unwrap().is_erased());
    assert_eq!((found(server, &address, "zanzipol"), found(server, &address, "zanzibar")), (0, 0));

    let counting = begun(&store, &"zanzipol ".repeat(1_000));
    assert!(block_on(store.populations().made(&counting, &population(5))).unwrap());
    assert!(!block_on(store.examine()).unwrap().findings.is_empty());
    assert!(block_on(store.erase()).unwrap().is_erased());
    assert_eq!(found(server, &address, "zanzipol"), 0);
    assert!(block_on(store.examine()).unwrap().findings.is_empty());
}

#[test]
fn tables_of_the_version_before_are_brought_to_this_one_with_what_they_hold() {
    let Some(server) = server() else { return };
    let (runtime, address) = (runtime(), server.database());
    let open = || runtime.block_on(PostgresStore::open(pool(&address, 2)));
    let store = open().unwrap();
    let version = block_on(store.save(&model_with("ana", "lighthouse"), None)).unwrap();
    // The second version added these.
    server.psql(name(&address), "DROP TABLE rpm.counting, rpm.population; UPDATE rpm.meta SET format = 1");
    let tables = || runtime.block_on(PostgresStore::tables(pool(&address, 1), &Schema::default())).unwrap();
    assert_eq!((tables().found, tables().known), (Some(1), 2));
    // Looked at as they are, they stay as they are.
    let as_it_is = runtime.block_on(PostgresStore::open_as_it_is(pool(&address, 1), Schema::default())).unwrap();
    assert_eq!(block_on(as_it_is.examine()).unwrap().models, 1);
    assert!(block_on(as_it_is.populations().version()).is_err());
    assert_eq!(tables().found, Some(1));
    // Two at once: one does it, the other finds it done.
    let (one, two) = std::thread::scope(|scope| {
        let [one, two] = [(); 2].map(|()| scope.spawn(open));
        (one.join().unwrap().unwrap(), two.join().unwrap().unwrap())
    });
    assert_eq!(tables().found, Some(2));
    assert_eq!(block_on(two.load(&user("ana"))).unwrap().unwrap().version, version);
    let counting = begun(&one, "sums");
    assert!(block_on(two.populations().made(&counting, &population(5))).unwrap());
    assert_eq!(block_on(one.populations().version()).unwrap(), Some(1));

    server.psql(name(&address), "UPDATE rpm.meta SET format = 3");
    let later = runtime.block_on(PostgresStore::open_as_it_is(pool(&address, 1), Schema::default()));
    assert!(matches!(later, Err(StoreError::FutureVersion { found: 3, known: 2 })));
    let empty = server.database();
    let none = runtime.block_on(PostgresStore::open_as_it_is(pool(&empty, 1), Schema::default()));
    assert!(matches!(none, Err(StoreError::NotAStore)));
    assert_eq!(server.psql(name(&empty), "SELECT count(*) FROM pg_namespace WHERE nspname = 'rpm'"), "0");
}

#[test]
fn what_an_examination_found_says_itself_in_lines() {
    let Some(server) = server() else { return };
    let (_runtime, store, _) = opened(server);
    block_on(store.save(&model_with("ana", "lighthouse"), None)).unwrap();
    block_on(store.delete(&user("ana"))).unwrap();
    let told = block_on(store.examine()).unwrap().to_string();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[0], "users with a model: 0");
    assert!(lines.last().unwrap().starts_with("to be seen to: 1 parts of the tables hold deleted text"), "{told}");
}
