//! The command as clients start it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use rmcp::serve_client;
use rmcp::transport::TokioChildProcess;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

use crate::people::{Client, Person, done, seen};

const FILMS: [&str; 6] =
    ["--question", "How would this person rate the film?", "--scale", "1..5", "--response-name", "rating"];

/// A folder of a test's own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rpm-mcp-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rpm-mcp"));
    command.args(arguments);
    command
}

async fn started(store: &Path, user: &str) -> Client {
    let mut command = command(&FILMS);
    command.args(["--user", user, "--store"]).arg(store);
    serve_client(Person::silent(), TokioChildProcess::new(command).unwrap()).await.unwrap()
}

#[tokio::test]
async fn what_was_recorded_is_there_after_the_command_was_started_again() {
    let folder = Folder::new("again");
    let store = folder.0.join("users");
    let client = started(&store, "ana").await;
    done(&client, "record", seen()).await;
    let before = done(&client, "answer", json!({"query": "A quiet film"})).await;
    client.cancel().await.unwrap();
    let client = started(&store, "bob").await;
    assert_eq!(done(&client, "profile", json!({})).await["past_answers"], 0);
    client.cancel().await.unwrap();
    let client = started(&store, "ana").await;
    assert_eq!(done(&client, "answer", json!({"query": "A quiet film"})).await, before);
    done(&client, "forget", json!({"everything": true, "confirm": "forget everything"})).await;
    client.cancel().await.unwrap();
    let bytes = std::fs::read(&store).unwrap();
    assert!(!bytes.windows(13).any(|part| part == b"Quiet romance"), "it is not in the file either");
}

#[tokio::test]
async fn nothing_but_the_protocol_goes_to_standard_output() {
    let mut child = command(&FILMS)
        .args(["--user", "ana"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let lines = [
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "answer", "arguments": {"query": "A zebra film"}}}),
        json!({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "answer", "arguments": {"zebra": 1}}}),
    ];
    for line in &lines {
        input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }
    drop(input);
    let ended = child.wait_with_output().await.unwrap();
    assert!(ended.status.success());
    let output = String::from_utf8(ended.stdout).unwrap();
    let ids: Vec<Value> =
        output.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].clone()).collect();
    assert_eq!(ids.len(), 3, "{output}");
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "nothing is logged");
}

#[tokio::test]
async fn it_serves_over_http_for_the_users_whom_a_proxy_names() {
    let folder = Folder::new("http");
    let task = r#"{"instruction":"Would this person go there?","query_name":"place","response_name":"answer","space":{"kind":"labels","labels":["yes","no"]}}"#;
    let (task, questions) = (
        folder.file("task.json", task),
        folder.file("questions", "A strange castle\n\nA strange garden\nA strange pier\n"),
    );
    let mut child = command(&["--http", "127.0.0.1:0", "--user-header", "x-user", "--task"])
        .arg(task)
        .arg("--questions")
        .arg(questions)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).await.unwrap();
    let address = line.trim().strip_prefix("rpm-mcp: listening on http://").and_then(|at| at.strip_suffix("/mcp"));
    let address = address.unwrap().parse().unwrap();
    let client = crate::http::connected(address, "ana", Person::silent(), crate::people::with_initialize()).await;
    done(&client, "record", json!({"records": [{"query": "A quiet lake", "response": "Yes"}]})).await;
    assert!(done(&client, "next_question", json!({})).await["question"].is_object());
    let other = crate::http::connected(address, "bob", Person::silent(), crate::people::without_initialize()).await;
    assert_eq!(done(&other, "profile", json!({})).await["past_answers"], 0);
    #[cfg(unix)]
    {
        let id = child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
        let ended = tokio::time::timeout(std::time::Duration::from_secs(10), child.wait()).await;
        assert!(ended.expect("it ends").unwrap().success(), "as it should");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn who_ends_the_process_ends_it_in_order() {
    let mut child = command(&FILMS)
        .args(["--user", "ana"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let lines = [
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "record", "arguments": seen()}}),
    ];
    for line in &lines {
        input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }
    let mut output = BufReader::new(output).lines();
    for _ in 0..2 {
        output.next_line().await.unwrap().unwrap();
    }
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
    let ended = tokio::time::timeout(std::time::Duration::from_secs(10), child.wait()).await;
    assert!(ended.expect("it ends").unwrap().success());
}

#[tokio::test]
async fn a_scale_may_begin_below_nought() {
    let mut command = command(&["--user", "ana", "--question", "How warm is it for this person?", "--scale", "-2..2"]);
    command.stderr(Stdio::null());
    let client = serve_client(Person::silent(), TokioChildProcess::new(command).unwrap()).await.unwrap();
    let record = json!({"records": [{"query": "A windy beach", "response": "-2"}]});
    done(&client, "record", record).await;
    client.cancel().await.unwrap();
}

#[tokio::test]
async fn who_may_be_reached_by_many_is_told_whom_they_are_taken_for() {
    for (whose, said) in
        [(["--user", "ana"], "this one user"), (["--user-header", "x-user"], "whoever the header says")]
    {
        let mut child = command(&FILMS)
            .args(["--http", "0.0.0.0:0"])
            .args(whose)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).await.unwrap();
        assert!(line.contains(said), "{line}");
    }
}

#[tokio::test]
async fn options_that_do_not_fit_are_refused_in_words() {
    let cases: [(&[&str], &str); 9] = [
        (&["--user", "ana"], "--question"),
        (&["--user", "ana", "--question", "x", "--scale", "5..1"], "min < max"),
        (&["--user", "ana", "--question", "x", "--labels", "a"], "labels"),
        (&["--question", "x", "--scale", "1..5"], "--user"),
        (&["--user-header", "x-user", "--question", "x", "--scale", "1..5"], "--http"),
        (&["--user", "ana", "--task", "/no/such/file"], "--task"),
        (&["--user", "ana", "--task", "/no/such/file", "--scale", "1..5"], "cannot be used with"),
        (
            &[
                "--http",
                "127.0.0.1:0",
                "--user",
                "ana",
                "--question",
                "x",
                "--scale",
                "1..5",
                "--host",
                "https://a.example",
            ],
            "--host",
        ),
        (
            &["--http", "127.0.0.1:0", "--user", "ana", "--question", "x", "--scale", "1..5", "--origin", "a.example"],
            "--origin",
        ),
    ];
    for (arguments, named) in cases {
        let ended = command(arguments).output().await.unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(
            ended.status.code() == Some(2) && said.contains(named) && ended.stdout.is_empty(),
            "{arguments:?}: {said}"
        );
    }
}
