//! Many users' sessions over HTTP: each is its own user's, whoever knows its id.

use std::collections::HashMap;
use std::net::SocketAddr;

use http::{HeaderName, HeaderValue};
use rmcp::service::{ClientLifecycleMode, serve_client_with_lifecycle};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rpm_mcp::http::{HttpService, in_header, serve};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::people::{Client, Person, done, server, with_initialize, without_initialize};

const USER: HeaderName = HeaderName::from_static("x-user");

async fn served(service: HttpService) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, service, std::future::pending()));
    address
}

pub(crate) async fn connected(
    address: SocketAddr,
    user: &str,
    person: Person,
    lifecycle: ClientLifecycleMode,
) -> Client {
    let headers = HashMap::from([(USER, HeaderValue::from_str(user).unwrap())]);
    let config = StreamableHttpClientTransportConfig::with_uri(format!("http://{address}/mcp")).custom_headers(headers);
    serve_client_with_lifecycle(person, StreamableHttpClientTransport::from_config(config), lifecycle).await.unwrap()
}

/// A word that no other user has.
fn own_word(user: usize) -> String {
    let letter = |of: usize| char::from(b'a' + u8::try_from(of % 10).unwrap());
    format!("krav{}{}{}", letter(user / 100), letter(user / 10), letter(user))
}

async fn one_user(address: SocketAddr, user: usize) -> String {
    // Half of them with sessions, half by the protocol that has none.
    let lifecycle = if user.is_multiple_of(2) { with_initialize() } else { without_initialize() };
    let client = connected(address, &format!("user-{user}"), Person::silent(), lifecycle).await;
    let word = own_word(user);
    for of in ["garden", "castle", "ship", "night"] {
        let records = [("5", word.as_str()), ("1", "loud")]
            .map(|(rating, word)| json!({"query": format!("A {word} {of}"), "response": rating}));
        done(&client, "record", json!({"records": records.to_vec()})).await;
    }
    let told = done(&client, "answer", json!({"query": format!("A {word} picnic")})).await;
    assert_eq!(told["past_answers"], 8);
    let (profile, why) = (done(&client, "profile", json!({})).await, done(&client, "explain", json!({})).await);
    client.cancel().await.unwrap();
    format!("{told}{profile}{why}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_users_at_once_do_not_cross() {
    const USERS: usize = 100;
    let address = served(server().http(in_header(USER))).await;
    let began = std::time::Instant::now();
    let mut users = JoinSet::new();
    for user in 0..USERS {
        users.spawn(async move { (user, one_user(address, user).await) });
    }
    let told: Vec<(usize, String)> = users.join_all().await;
    println!("{USERS} users: {:.1} s", began.elapsed().as_secs_f64());
    assert_eq!(told.len(), USERS);
    for (user, told) in told {
        let named: Vec<usize> = (0..USERS).filter(|other| told.contains(&own_word(*other))).collect();
        assert_eq!(named, [user]);
        assert!(!told.contains("user-"), "no result names the user");
    }
}

async fn raw(address: SocketAddr, method: &str, headers: &[(&str, &str)], body: &Value) -> (u16, String) {
    raw_for(&address.to_string(), address, method, headers, body).await
}

/// A request by hand; gives its head and body as far as they have come once the head is whole.
async fn raw_for(
    host: &str,
    address: SocketAddr,
    method: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> (u16, String) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut request = format!(
        "{method} /mcp HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\naccept: application/json, text/event-stream\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        request = format!("{request}{name}: {value}\r\n");
    }
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("{request}\r\n{body}").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A stream of events stays open: what comes within this time is enough.
    let all = tokio::time::timeout(std::time::Duration::from_millis(500), stream.read_to_end(&mut answer)).await;
    drop(all);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

fn initialize() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {"elicitation": {}}, "clientInfo": {"name": "test", "version": "1"}}})
}

fn calling(tool: &str, arguments: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": tool, "arguments": arguments}})
}

async fn opened(address: SocketAddr, user: &str) -> String {
    let (status, head) = raw(address, "POST", &[("x-user", user)], &initialize()).await;
    assert_eq!(status, 200);
    let id = head.lines().find_map(|line| line.strip_prefix("mcp-session-id: ")).unwrap();
    id.trim().to_owned()
}

#[tokio::test]
async fn whoever_comes_with_another_users_session_finds_none() {
    let service = server().http(in_header(USER));
    let address = served(service.clone()).await;
    let session = opened(address, "ana").await;
    let ana = [("x-user", "ana"), ("mcp-session-id", session.as_str())];
    let record = calling("record", &json!({"records": [{"query": "A zebra film", "response": "5"}]}));
    let (status, told) = raw(address, "POST", &ana, &record).await;
    assert!(status == 200 && told.contains("Recorded: 1."), "{told}");
    let said = json!({"jsonrpc": "2.0", "id": 0, "result": {"action": "accept", "content": {"response": "5"}}});
    let cancelled = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}});
    for thief in ["bob", "anna"] {
        let headers = [("x-user", thief), ("mcp-session-id", session.as_str())];
        let again = [headers[0], headers[1], ("last-event-id", "0/0")];
        // To call, to answer a form, to cancel, to listen, to have sent again what ana was sent, and to end it.
        for (method, headers, body) in [
            ("POST", &headers[..], &calling("profile", &json!({}))),
            ("POST", &headers[..], &said),
            ("POST", &headers[..], &cancelled),
            ("GET", &headers[..], &Value::Null),
            ("GET", &again[..], &Value::Null),
            ("DELETE", &headers[..], &Value::Null),
        ] {
            let (status, told) = raw(address, method, headers, body).await;
            assert_eq!(status, 404, "{method}: {told}");
            assert!(!told.contains("zebra"));
        }
    }
    for nobody in [
        &[("mcp-session-id", session.as_str())][..],
        &[("x-user", "ana"), ("x-user", "bob"), ("mcp-session-id", &session)],
    ] {
        assert_eq!(raw(address, "POST", nobody, &calling("profile", &json!({}))).await.0, 401);
    }
    assert_eq!(service.users_with_sessions(), 1);
    let (status, told) = raw(address, "POST", &ana, &calling("profile", &json!({}))).await;
    assert!(status == 200 && told.contains("\"past_answers\":1"), "ana's session is as it was: {told}");
    assert_eq!(raw(address, "DELETE", &ana, &Value::Null).await.0, 202);
    assert_eq!(service.users_with_sessions(), 0);
    assert_eq!(raw(address, "POST", &ana, &calling("profile", &json!({}))).await.0, 404);
}

#[tokio::test]
async fn a_user_has_so_many_sessions_and_others_have_theirs() {
    let address = served(server().http(in_header(USER))).await;
    // More than there are places for, all at once.
    let opening: JoinSet<u16> =
        (0..rpm_mcp::limits::SESSIONS + 16).map(|_| async move { first_line(address, "ana").await.0 }).collect();
    let opened = opening.join_all().await.into_iter().filter(|status| *status == 200).count();
    assert_eq!(opened, rpm_mcp::limits::SESSIONS);
    let (status, told) = first_line(address, "ana").await;
    assert_eq!(status, 500);
    assert!(!told.contains("mcp-session-id"));
    assert_eq!(first_line(address, "bob").await.0, 200);
}

/// Opens a session, and reads no more than the head of the answer.
async fn first_line(address: SocketAddr, user: &str) -> (u16, String) {
    let body = initialize().to_string();
    let request = format!(
        "POST /mcp HTTP/1.1\r\nhost: {address}\r\naccept: application/json, text/event-stream\r\ncontent-type: application/json\r\n\
         x-user: {user}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut head, mut part) = (String::new(), [0; 4096]);
    while !head.contains("\r\n\r\n") {
        let read = stream.read(&mut part).await.unwrap();
        assert!(read > 0, "{head}");
        head.push_str(&String::from_utf8_lossy(&part[..read]));
    }
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head)
}

#[tokio::test]
async fn a_request_of_a_web_page_or_for_another_host_is_refused() {
    let address = served(server().http(in_header(USER))).await;
    let page = [("x-user", "ana"), ("origin", "https://evil.example")];
    assert_eq!(raw(address, "POST", &page, &initialize()).await.0, 403);
    let allowed = server().http(in_header(USER)).allowed_hosts(["mcp.example"]).unwrap();
    let allowed = allowed.allowed_origins(["https://app.example:443"]).unwrap();
    let other = served(allowed.clone()).await;
    assert_eq!(raw(other, "POST", &[("x-user", "ana")], &initialize()).await.0, 403, "it is for 127.0.0.1");
    for (origin, status) in
        [("https://app.example", 200), ("https://app.example:443", 200), ("http://app.example", 403), ("null", 403)]
    {
        let headers = [("x-user", "ana"), ("origin", origin)];
        assert_eq!(raw_for("mcp.example", other, "POST", &headers, &initialize()).await.0, status, "{origin}");
    }
    // No host is the default, and not any.
    let address = served(server().http(in_header(USER)).allowed_hosts(Vec::<String>::new()).unwrap()).await;
    assert_eq!(raw(address, "POST", &[("x-user", "ana")], &initialize()).await.0, 200);
    assert_eq!(raw_for("evil.example", address, "POST", &[("x-user", "ana")], &initialize()).await.0, 403);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let address = served(server().http(in_header(USER))).await;
    let long = calling("answer", &json!({"query": "a".repeat(rpm_mcp::limits::BODY_BYTES)}));
    assert_eq!(raw(address, "POST", &[("x-user", "ana")], &long).await.0, 413);
}

#[tokio::test]
async fn a_form_is_shown_over_http_too() {
    let address = served(server().http(in_header(USER))).await;
    for lifecycle in [with_initialize(), without_initialize()] {
        let person = Person::who_accepts(json!({"response": "4"}));
        let client = connected(address, "ana", person, lifecycle).await;
        let strange = ["A strange garden", "A strange castle", "A strange ship"].map(|film| json!({"query": film}));
        let asked = done(&client, "next_question", json!({"candidates": strange.to_vec()})).await;
        assert_eq!(asked["recorded"]["response"], "4", "{asked}");
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let service = server().http(in_header(USER)).body_time(std::time::Duration::from_millis(200));
    let address = served(service).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: {address}\r\naccept: application/json, text/event-stream\r\ncontent-type: application/json\r\n\
         x-user: ana\r\ncontent-length: 100\r\n\r\n{{\"jsonrpc\":"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    let read = tokio::time::timeout(std::time::Duration::from_secs(10), stream.read_exact(&mut answer)).await;
    read.expect("it is answered").unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
}

#[tokio::test]
async fn a_user_has_so_many_requests_under_way_and_others_have_theirs() {
    let address = served(server().http(in_header(USER))).await;
    let listen = json!({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": {
        "notifications": {"resourceSubscriptions": ["rpm://profile"]},
        "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"}}}});
    let listening = async |user: &str| {
        let body = listen.to_string();
        let request = format!(
            "POST /mcp HTTP/1.1\r\nhost: {address}\r\naccept: application/json, text/event-stream\r\ncontent-type: application/json\r\n\
             mcp-protocol-version: 2026-07-28\r\nmcp-method: subscriptions/listen\r\nx-user: {user}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = vec![0; 12];
        stream.read_exact(&mut head).await.unwrap();
        (stream, String::from_utf8(head).unwrap())
    };
    let mut open = Vec::new();
    for _ in 0..rpm_mcp::limits::REQUESTS {
        let (stream, head) = listening("ana").await;
        assert_eq!(head, "HTTP/1.1 200");
        open.push(stream);
    }
    assert_eq!(listening("ana").await.1, "HTTP/1.1 429");
    assert_eq!(raw(address, "POST", &[("x-user", "ana")], &initialize()).await.0, 429);
    assert_eq!(listening("bob").await.1, "HTTP/1.1 200");
    open.clear();
    let began = std::time::Instant::now();
    while listening("ana").await.1 != "HTTP/1.1 200" {
        assert!(began.elapsed().as_secs() < 10, "the places of those who went away are free");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
