//! What was begun to be written, when the client gives the call up or the server is to end.

use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{CallToolRequest, ClientRequest};
use rmcp::service::PeerRequestOptions;
use rpm_core::model::UserModel;
use rpm_core::store::{StoreError, StoredModel, UserModelStore, Version};
use rpm_core::{InMemoryStore, RpmPipeline, UserId};
use rpm_mcp::Server;
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};

use crate::people::{Client, Person, done, films, params, taught};

/// A store whose saves wait, once they are begun, until one more may end.
struct Waiting {
    store: InMemoryStore,
    begun: Arc<Notify>,
    may_end: Arc<Semaphore>,
}

impl Waiting {
    async fn wait(&self) {
        self.begun.notify_one();
        self.may_end.acquire().await.unwrap().forget();
    }
}

#[rpm_core::async_trait]
impl UserModelStore for Waiting {
    async fn load(&self, user: &UserId) -> Result<Option<StoredModel>, StoreError> {
        self.store.load(user).await
    }

    async fn save(&self, model: &UserModel, seen: Option<Version>) -> Result<Version, StoreError> {
        self.wait().await;
        self.store.save(model, seen).await
    }

    async fn reserve(&self, user: &UserId) -> Result<Version, StoreError> {
        self.store.reserve(user).await
    }

    async fn delete(&self, user: &UserId) -> Result<bool, StoreError> {
        self.wait().await;
        self.store.delete(user).await
    }

    async fn delete_version(&self, user: &UserId, version: Version) -> Result<(), StoreError> {
        self.store.delete_version(user, version).await
    }

    async fn list(&self, after: Option<&UserId>, most: usize) -> Result<Vec<UserId>, StoreError> {
        self.store.list(after, most).await
    }
}

const MANY: usize = 1_000;

async fn set_up() -> (Server, Client, Arc<Notify>, Arc<Semaphore>) {
    let (begun, may_end) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(MANY)));
    let store = Waiting { store: InMemoryStore::new(), begun: Arc::clone(&begun), may_end: Arc::clone(&may_end) };
    let server = Server::new(RpmPipeline::offline(films()).with_store(store));
    let client = taught(&server, "ana", Person::silent()).await;
    may_end.forget_permits(MANY);
    // What was noticed of the saves before.
    let _ = tokio::time::timeout(Duration::from_millis(10), begun.notified()).await;
    (server, client, begun, may_end)
}

/// Calls, and gives the call up when its save has begun.
async fn given_up(client: &Client, begun: &Notify, tool: &str, arguments: Value) {
    let request = ClientRequest::CallToolRequest(CallToolRequest::new(params(tool, arguments)));
    let call = client.send_cancellable_request(request, PeerRequestOptions::no_options()).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), begun.notified()).await.expect("a save is begun");
    call.cancel(None).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
}

#[tokio::test]
async fn what_was_begun_to_be_saved_is_saved_when_the_call_is_given_up() {
    let more = json!({"records": [{"query": "A quiet garden", "response": "5"}]});
    let mute = json!({"factor": "quiet", "change": "mute"});
    let everything = json!({"everything": true, "confirm": "forget everything"});
    for (tool, arguments) in [("record", more), ("set_factor", mute), ("forget", everything)] {
        let (server, client, begun, may_end) = set_up().await;
        given_up(&client, &begun, tool, arguments).await;
        let still = tokio::time::timeout(Duration::from_millis(50), server.finished()).await;
        assert!(still.is_err(), "{tool} is under way");
        may_end.add_permits(MANY);
        tokio::time::timeout(Duration::from_secs(10), server.finished()).await.expect("it ends");
        let known = done(&client, "profile", json!({})).await;
        let expected = match tool {
            "record" => json!([13, 0]),
            "set_factor" => json!([12, 1]),
            _ => json!([0, 0]),
        };
        assert_eq!(json!([known["past_answers"], known["edits"].as_array().unwrap().len()]), expected, "{tool}");
    }
}

#[tokio::test]
async fn a_server_that_writes_nothing_is_finished() {
    let (server, client, ..) = set_up().await;
    assert_eq!(done(&client, "profile", json!({})).await["past_answers"], 12);
    tokio::time::timeout(Duration::from_secs(10), server.finished()).await.expect("nothing is under way");
}
