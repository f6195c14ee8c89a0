//! A store as a table.

use std::sync::Arc;

use datafusion::prelude::SessionContext;
use rpm_core::InMemoryStore;
use rpm_core::data::MemoryItem;
use rpm_core::stats::population::Census;
use rpm_core::store::UserModelStore as _;

use crate::made::{file, models, task, text, texts};

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
