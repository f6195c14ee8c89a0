//! A store as a table.

use std::sync::Arc;

use datafusion::prelude::SessionContext;
use rpm_core::Edit;
use rpm_core::data::MemoryItem;
use rpm_core::stats::population::Census;
use rpm_core::store::{StoreError, StoredModel, UserModelStore, Version};
use rpm_core::{InMemoryStore, UserId, UserModel};
use rpm_datafusion::BulkError;
use rpm_datafusion::stored::save_new;

use crate::made::{file, model_rows, models, task, text, texts};
use crate::session;

/// More than the table gives at a time.
const USERS: usize = 1_030;

#[tokio::test]
async fn all_models_of_a_store_are_rows_in_the_order_of_users() {
    let few = models(4);
    let store = InMemoryStore::new();
    for model in &few {
        store.save(model, None).await.unwrap();
    }
    let context = SessionContext::new();
    context.register_table("models", rpm_datafusion::stored::models(Arc::new(store)).unwrap()).unwrap();
    let rows = texts(context.sql("SELECT model FROM models").await.unwrap()).await;
    assert_eq!(rows, few.iter().map(|model| Some(file(model))).collect::<Vec<_>>());
    let users = texts(context.sql("SELECT user FROM models WHERE user > 'u00001'").await.unwrap()).await;
    assert_eq!(users, [Some("u00002".to_owned()), Some("u00003".to_owned())]);
}

#[tokio::test]
async fn a_store_of_several_pages_has_its_census() {
    let all = models(USERS);
    let store = InMemoryStore::new();
    for model in &all {
        store.save(model, None).await.unwrap();
    }
    let context = SessionContext::new();
    context.register_table("models", rpm_datafusion::stored::models(Arc::new(store)).unwrap()).unwrap();
    context.register_udaf(rpm_datafusion::census(&task()).unwrap());
    let items: Vec<&[MemoryItem]> = all.iter().map(|model| model.memory().items()).collect();
    let census = Census::of_all(&task(), &items).unwrap().to_json();
    assert_eq!(text(&context, "SELECT rpm_census(model) FROM models").await, census);
}

#[tokio::test]
async fn new_users_are_saved_and_who_is_held_stays_as_they_are() {
    let few = models(5);
    let store = Arc::new(InMemoryStore::new());
    let mut held = few[1].clone();
    let factor = held.factors().iter().next().unwrap().id().clone();
    held.edit(Edit::Mute { factor }).unwrap();
    store.save(&held, None).await.unwrap();
    let context = session(2, "models", vec![vec![model_rows(&few)]]);
    let of = "SELECT CASE WHEN user = 'u00003' THEN NULL ELSE model END FROM models";
    let saved = save_new(context.sql(of).await.unwrap(), Arc::clone(&store) as Arc<_>).await.unwrap();
    assert_eq!((saved.saved, saved.held, saved.none), (3, 1, 1));
    let again = save_new(context.sql(of).await.unwrap(), Arc::clone(&store) as Arc<_>).await.unwrap();
    assert_eq!((again.saved, again.held, again.none), (0, 4, 1));
    let stored = store.load(held.user()).await.unwrap().unwrap();
    assert_eq!(stored.model.edits().len(), 1, "what the user muted stays muted");
    assert_eq!(store.list(None, 9).await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_store_that_fails_is_told_with_the_user_at_whom_it_did() {
    let context = session(1, "models", vec![vec![model_rows(&models(2))]]);
    let of = context.sql("SELECT model FROM models").await.unwrap();
    let error = save_new(of, Arc::new(Full)).await.unwrap_err();
    assert!(matches!(&error, BulkError::Save { user, .. } if user == "u00000"), "{error:?}");
}

/// Has no room left.
struct Full;

#[rpm_core::async_trait]
impl UserModelStore for Full {
    async fn load(&self, _: &UserId) -> Result<Option<StoredModel>, StoreError> {
        Ok(None)
    }
    async fn save(&self, _: &UserModel, _: Option<Version>) -> Result<Version, StoreError> {
        Err(StoreError::permanent("no room is left"))
    }
    async fn reserve(&self, _: &UserId) -> Result<Version, StoreError> {
        Err(StoreError::permanent("no room is left"))
    }
    async fn delete(&self, _: &UserId) -> Result<bool, StoreError> {
        Ok(false)
    }
    async fn delete_version(&self, _: &UserId, _: Version) -> Result<(), StoreError> {
        Err(StoreError::Conflict)
    }
    async fn list(&self, _: Option<&UserId>, _: usize) -> Result<Vec<UserId>, StoreError> {
        Ok(Vec::new())
    }
}
