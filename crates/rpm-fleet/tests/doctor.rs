//! `rpm-fleet doctor`: what is as it should be is ok, what is damaged is found, and nothing is changed by looking.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, dead_code, missing_docs)]

mod common;
#[path = "../../../tests/common/postgres.rs"]
mod postgres;

use std::process::Command;

use common::{film, offline, user};
use postgres::{Server, server};
use serde_json::Value;
use tokio::runtime::Builder;

fn block_on<T>(work: impl Future<Output = T>) -> T {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

/// What the command said, and its exit code.
struct Said {
    json: Value,
    text: String,
    errors: String,
    code: i32,
}

impl Said {
    /// The checks of a level, by name.
    fn at(&self, level: &str) -> Vec<&str> {
        let checks = self.json["checks"].as_array().unwrap().iter();
        checks.filter(|check| check["level"] == level).map(|check| check["check"].as_str().unwrap()).collect()
    }

    fn means(&self, name: &str) -> &str {
        let mut checks = self.json["checks"].as_array().unwrap().iter();
        checks.find(|check| check["check"] == name).unwrap()["means"].as_str().unwrap()
    }
}

fn run(environment: &[(&str, &str)], args: &[&str]) -> (String, String, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rpm-fleet"));
    command.arg("doctor").args(args).env_remove("DATABASE").env_remove("QUEUE").envs(environment.iter().copied());
    let output = command.output().unwrap();
    let [text, errors] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (text, errors, output.status.code().unwrap())
}

fn doctor(environment: &[(&str, &str)], args: &[&str]) -> Said {
    let (text, errors, code) = run(environment, args);
    let (json, _, same) = run(environment, &[args, &["--json"]].concat());
    assert_eq!(code, same);
    Said { json: serde_json::from_str(&json).unwrap(), text, errors, code }
}

fn dump(server: &Server, address: &str) -> String {
    let dump = server.command("pg_dump").arg(address).output().unwrap();
    assert!(dump.status.success());
    // Newer ones write a key of their own into each dump.
    let text = String::from_utf8_lossy(&dump.stdout).into_owned();
    text.lines().filter(|line| !line.contains("restrict ")).collect::<Vec<_>>().join("\n")
}

fn name(address: &str) -> &str {
    address.rsplit('=').next().unwrap()
}

/// A database with the models of two users, and interactions of one of them that wait.
async fn filled(server: &Server) -> String {
    let address = server.database();
    let fleet = offline(&address).await;
    for name in ["ana", "ben"] {
        fleet.record(&user(name), (0..4).map(film)).await.unwrap();
    }
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = fleet.worker();
    let working = tokio::spawn(async move { worker.run(async move { drop(stopped.await) }).await });
    while fleet.status().await.unwrap().inbox.interactions > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    // A worker that is there, whose end is not waited for: what it says of itself stays fresh for a while.
    stop.send(()).unwrap();
    working.await.unwrap();
    let alive = "INSERT INTO rpm_queue._private_workers (id, last_heartbeat_at) VALUES ('one', now())
        ON CONFLICT (id) DO UPDATE SET last_heartbeat_at = now()";
    server.psql(name(&address), alive);
    address
}

#[test]
fn a_healthy_fleet_is_ok_and_nothing_is_changed_by_looking() {
    let Some(server) = server() else { return };
    let address = block_on(filled(server));
    let before = dump(server, &address);
    let said = doctor(&[("DATABASE", &address)], &["--read", "10"]);
    assert_eq!((said.code, said.at("wrong"), said.at("note")), (0, vec![], vec![]), "{}{}", said.text, said.errors);
    assert_eq!(said.json["verdict"], "ok");
    assert_eq!(said.means("read"), "2 models were read, and all open");
    assert!(said.means("server").contains("PostgreSQL") && said.means("workers").starts_with('1'), "{}", said.text);
    assert!(said.text.lines().all(|line| line.starts_with("ok    ")), "{}", said.text);
    assert_eq!(said.errors, "");
    assert_eq!(dump(server, &address), before);
}

#[test]
fn each_damage_is_found_by_its_check_and_by_no_other() {
    let Some(server) = server() else { return };
    let address = block_on(filled(server));
    let planted = [
        ("parts-of-nobody", "INSERT INTO rpm.parts VALUES ('nobody', 'census', 1, '1')", "DELETE FROM rpm.parts"),
        ("parts-behind", "INSERT INTO rpm.parts VALUES ('ana', 'census', 0, '1')", "DELETE FROM rpm.parts"),
        ("left-of-nobody", "INSERT INTO rpm.replies VALUES ('nobody', '1', '{}', '1')", "DELETE FROM rpm.replies"),
        (
            "jobs-failed",
            "SELECT rpm_queue.add_job('relearn', '{\"user\": \"ana\"}', job_key := 'relearn:ana');
             UPDATE rpm_queue._private_jobs SET attempts = max_attempts, last_error = 'TaskError(\"model\")'",
            "DELETE FROM rpm_queue._private_jobs",
        ),
        (
            "queues-locked",
            "INSERT INTO rpm_queue._private_job_queues (queue_name, locked_at, locked_by)
             VALUES ('users-999', now() - interval '1 hour', 'gone')",
            "DELETE FROM rpm_queue._private_job_queues WHERE queue_name = 'users-999'",
        ),
        (
            "without-job",
            "INSERT INTO rpm.inbox (user_id, item_id, event, put_at, due)
             VALUES ('ana', 'new', '{}', now(), now() - interval '1 hour')",
            "DELETE FROM rpm.inbox",
        ),
        (
            "workers",
            "UPDATE rpm_queue._private_workers SET last_heartbeat_at = now() - interval '1 hour';
             INSERT INTO rpm.inbox (user_id, item_id, event) VALUES ('ana', 'new', '{}')",
            "DELETE FROM rpm.inbox; UPDATE rpm_queue._private_workers SET last_heartbeat_at = now()",
        ),
        (
            "read",
            "UPDATE rpm.users SET sum = sum + 1 WHERE user_id = 'ben'",
            "UPDATE rpm.users SET sum = sum - 1 WHERE user_id = 'ben'",
        ),
        (
            "counting",
            "UPDATE rpm.counting SET stage = 'census', kept_at = now() - interval '2 hours'",
            "UPDATE rpm.counting SET stage = 'idle'",
        ),
        ("store", "UPDATE rpm.meta SET format = 99", "UPDATE rpm.meta SET format = (SELECT kept FROM public.kept)"),
        (
            "queue",
            "INSERT INTO rpm_queue.migrations (id) VALUES (999)",
            "DELETE FROM rpm_queue.migrations WHERE id = 999",
        ),
        (
            "sessions",
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = serializable', current_database()); END $$",
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET default_transaction_isolation', current_database()); END $$",
        ),
    ];
    server.psql(name(&address), "CREATE TABLE public.kept AS SELECT format AS kept FROM rpm.meta");
    for (check, damage, mend) in planted {
        server.psql(name(&address), damage);
        let before = dump(server, &address);
        let said = doctor(&[("DATABASE", &address)], &["--read", "10"]);
        assert_eq!((said.code, said.at("wrong")), (1, vec![check]), "{check}: {}{}", said.text, said.errors);
        assert_eq!(dump(server, &address), before, "{check}");
        server.psql(name(&address), mend);
    }
    let said = doctor(&[("DATABASE", &address)], &["--read", "10"]);
    assert_eq!((said.code, said.at("wrong")), (0, vec![]), "{}", said.text);
}

#[test]
fn what_should_be_known_is_noted_and_nothing_of_it_is_wrong() {
    let Some(server) = server() else { return };
    let address = block_on(filled(server));
    let plant = "UPDATE rpm.counting SET ended_at = now(), refused = 'too-few-users'; INSERT INTO rpm.to_erase (part, last, xid) VALUES (7, 3, '1');
        INSERT INTO rpm.inbox (user_id, item_id, event, aside) VALUES ('ana', 'never', '{\"text\": \"a word of hers\"}', true);
        INSERT INTO rpm.inbox (user_id, item_id, event, put_at, due)
        VALUES ('ana', 'later', '{}', now() - interval '1 day', now() + interval '1 day');
        SELECT rpm_queue.add_job('observe', '{\"user\": \"nobody\"}', job_key := 'observe:nobody');
        SELECT rpm_queue.add_job('relearn', '{\"user\": \"ana\"}', job_key := 'relearn:ana');
        UPDATE rpm_queue._private_jobs SET attempts = 2, last_error = 'a word of hers' WHERE key = 'relearn:ana'";
    server.psql(name(&address), plant);
    let said = doctor(&[("DATABASE", &address)], &[]);
    assert_eq!((said.code, said.at("wrong")), (0, vec![]), "{}", said.text);
    assert_eq!(said.at("note"), ["erased", "lag", "set-aside", "population", "jobs", "nothing-to-do"], "{}", said.text);
    assert!(!said.text.contains("a word of hers") && !said.json.to_string().contains("a word of hers"));
    let old = doctor(&[("DATABASE", &address)], &["--population-within", "24"]);
    assert_eq!((old.code, old.at("wrong")), (1, vec!["population"]), "{}", old.text);
}

#[test]
fn tables_of_the_version_before_are_noted_and_left_as_they_are_and_jobs_are_not_looked_at() {
    let Some(server) = server() else { return };
    let address = block_on(filled(server));
    server.psql(name(&address), "DROP TABLE rpm.counting, rpm.population; UPDATE rpm.meta SET format = 1");
    server.psql(name(&address), "DELETE FROM rpm_queue.migrations WHERE id = 22");
    let before = dump(server, &address);
    let said = doctor(&[("DATABASE", &address)], &[]);
    assert_eq!((said.code, said.at("wrong"), said.at("note")), (2, vec![], vec!["store", "queue"]), "{}", said.text);
    assert!(said.means("store").contains("version 1") && said.means("models").starts_with("2 users"), "{}", said.text);
    assert_eq!(dump(server, &address), before);
}

#[test]
fn an_empty_database_has_no_store_and_no_queue_and_gets_none() {
    let Some(server) = server() else { return };
    let address = server.database();
    let before = dump(server, &address);
    let said = doctor(&[("DATABASE", &address)], &[]);
    assert_eq!((said.code, said.at("wrong")), (1, vec!["store", "queue"]), "{}", said.text);
    assert_eq!(dump(server, &address), before);
}

#[test]
fn what_cannot_be_reached_is_told_without_the_address_and_the_rest_is_looked_at() {
    let Some(server) = server() else { return };
    let address = block_on(filled(server));
    let nowhere = "host=/nowhere user=rpm password=secret dbname=rpm";
    let both = doctor(&[("DATABASE", nowhere)], &[]);
    assert_eq!((both.code, both.json["verdict"].as_str().unwrap()), (2, "could not look"));
    assert_eq!(both.errors, "could not look: DATABASE: the database cannot be reached\n");
    let queue = doctor(&[("DATABASE", &address), ("QUEUE", nowhere)], &[]);
    assert_eq!((queue.code, queue.at("wrong")), (2, vec![]), "{}", queue.text);
    assert!(queue.means("models").starts_with("2 users"), "{}", queue.text);
    assert!(queue.errors.contains("QUEUE: "), "{}", queue.errors);
    let unreadable = doctor(&[("DATABASE", "postgres://rpm:secret@[")], &[]);
    assert_eq!(unreadable.code, 2);
    for said in [both, queue, unreadable] {
        assert!(![said.text, said.errors, said.json.to_string()].concat().contains("secret"));
    }
    let unset = doctor(&[], &[]);
    assert_eq!(
        (unset.code, unset.errors.as_str()),
        (2, "could not look: DATABASE is not set: the address of the store's database\n")
    );
}

#[test]
fn a_queue_in_another_database_is_looked_at_there() {
    let Some(server) = server() else { return };
    let (address, other) = (block_on(filled(server)), block_on(filled(server)));
    server.psql(name(&address), "DROP SCHEMA rpm_queue CASCADE");
    assert_eq!(doctor(&[("DATABASE", &address)], &[]).at("wrong"), ["queue"]);
    let said = doctor(&[("DATABASE", &address), ("QUEUE", &other)], &[]);
    assert_eq!((said.code, said.at("ok").iter().filter(|name| **name == "server").count()), (0, 2), "{}", said.text);
}
