//! A store that fails.

use rpm_core::model::UserModel;
use rpm_core::store::{StoreError, StoredModel, UserModelStore, Version};
use rpm_core::{RpmPipeline, UserId};
use rpm_mcp::Server;
use serde_json::json;

use crate::people::{Person, connect, films, refused};

const LIGHTHOUSE: &str = "A quiet film about two lighthouse keepers";

/// A store that says of each call what nobody but the host is to read.
struct Broken;

fn broken<T>(user: &UserId) -> Result<T, StoreError> {
    Err(StoreError::permanent(format!("no row of {user}: zebra")))
}

#[rpm_core::async_trait]
impl UserModelStore for Broken {
    async fn load(&self, user: &UserId) -> Result<Option<StoredModel>, StoreError> {
        broken(user)
    }

    async fn save(&self, model: &UserModel, _: Option<Version>) -> Result<Version, StoreError> {
        broken(model.user())
    }

    async fn reserve(&self, user: &UserId) -> Result<Version, StoreError> {
        broken(user)
    }

    async fn delete(&self, user: &UserId) -> Result<bool, StoreError> {
        Err(StoreError::transient(format!("no row of {user}: zebra")))
    }

    async fn delete_version(&self, user: &UserId, _: Version) -> Result<(), StoreError> {
        broken(user)
    }

    async fn list(&self, _: Option<&UserId>, _: usize) -> Result<Vec<UserId>, StoreError> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn a_store_that_fails_is_told_without_what_it_says() {
    let server = Server::new(RpmPipeline::offline(films()).with_store(Broken));
    let client = connect(server.session("ana".try_into().unwrap()), Person::silent()).await;
    let record = json!({"records": [{"query": "Quiet drama", "response": "5"}]});
    let everything = json!({"everything": true, "confirm": "forget everything"});
    let query = json!({"query": LIGHTHOUSE});
    let calls = [
        ("record", record),
        ("answer", query.clone()),
        ("explain", query.clone()),
        ("profile", json!({})),
        ("set_factor", json!({"factor": "quiet", "change": "mute"})),
        ("forget", json!({"factor": "quiet"})),
        ("forget", everything),
        ("next_question", json!({"candidates": [query]})),
    ];
    for (tool, arguments) in calls {
        let why = refused(&client, tool, arguments).await;
        assert!(why.contains("host has to look") || why.contains("in a moment"), "{tool}: {why}");
        assert!(!why.contains("zebra") && !why.contains("ana"), "{tool}: {why}");
    }
}
