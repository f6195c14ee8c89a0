//! The adapters over a model that is served, not mocked. Ignored: set `RPM_BASE_URL` (ends in `/v1`) and `RPM_MODEL`.
//!
//! ```sh
//! RPM_BASE_URL=http://127.0.0.1:8080/v1 RPM_MODEL=my-model cargo test -p rpm-clients --test real_model -- --ignored --nocapture
//! ```
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

use std::time::{Duration, Instant};

use genai::adapter::AdapterKind;
use rpm_clients::{genai, rig_openai};
use rpm_core::data::{ResponseSpace, Task};
use rpm_core::testing::Setup;
use rpm_core::{LlmBackend, Personalizer, Preset, RpmPipeline};

async fn answered(name: &str, backend: impl LlmBackend + 'static) {
    let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5).unwrap()).unwrap();
    let pipeline = RpmPipeline::builder(task).backend(backend).preset(Preset::Frugal).build().unwrap();
    let films = Personalizer::new(pipeline);
    for scene in ["drama", "walk", "summer", "village", "friends", "romance"] {
        films.record("ana", format!("Quiet {scene} by the sea"), 5).await.unwrap();
        films.record("ana", format!("Loud {scene} with robots"), 1).await.unwrap();
    }
    let begun = Instant::now();
    let told = films.answer("ana", "A quiet film about two lighthouse keepers").await.unwrap();
    println!("{name}: {} in {:?}, {:?}", told.response, begun.elapsed(), told.answer.usage.total());
    assert!(told.answer.usage.total().input_tokens > 0, "{name}: no tokens were told");
    assert!(["1", "2", "3", "4", "5"].contains(&&*told.response));
}

#[tokio::test]
#[ignore = "needs a server with a model"]
async fn a_served_model_answers_over_rig_and_over_genai() {
    let mut setup = Setup::new(std::env::var("RPM_BASE_URL").expect("RPM_BASE_URL"));
    setup.model = std::env::var("RPM_MODEL").expect("RPM_MODEL");
    setup.timeout = Duration::from_mins(5);
    answered("rig", rig_openai(&setup)).await;
    answered("genai", genai(&setup, AdapterKind::OpenAI, "/")).await;
}
