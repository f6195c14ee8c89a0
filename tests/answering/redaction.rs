//! What the redaction hook takes out leaves in no request of any stage, nor to an embedder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::sync::{Arc, Mutex};

use crate::common::{ModelAtOnce as _, ScriptedBackend, cases, obey, reply, sent};
use pollster::block_on;
use rpm_core::context::StageContext;
use rpm_core::data::{AssignedFeature, Span};
use rpm_core::embed::{EmbedError, Embedder, HashedEmbedder};
use rpm_core::extract::{ExtractError, Extraction, ExtractionRequest, LexicalExtractor};
use rpm_core::llm::Stage;
use rpm_core::retrieve::DenseRetriever;
use rpm_core::{Feature, FeatureExtractor, History, Interaction, Query, RpmPipeline, Task, async_trait};

/// Takes out every word that begins with `zqs`, in any case.
fn hook(text: &str) -> String {
    let words = text.split_inclusive(|c: char| !c.is_alphanumeric());
    let taken = |word: &str| word.to_lowercase().starts_with("zqs");
    words
        .map(|word| if taken(word) { word.replace(|c: char| c.is_alphanumeric(), "") + "[gone]" } else { word.into() })
        .collect()
}

fn secret(task: &Task, kind: &str, history: &History) -> History {
    let past = history.interactions().iter().map(|past| {
        let response = match kind {
            "choices" | "text" => format!("{} Zqsecret", past.response()),
            _ => past.response().to_owned(),
        };
        Interaction::new(format!("zqsecret-{}", past.id()), with(past.query()), response).unwrap()
    });
    History::new(task, "zqsecret-user", past).unwrap()
}

fn with(query: &Query) -> Query {
    let options: Vec<String> = query.options().iter().map(|option| format!("{option} Zqsecret")).collect();
    Query::with_options(format!("Zqsecret77: {} Call zqsecret.", query.text()), options).unwrap()
}

/// Keeps what it is given.
struct Listening(HashedEmbedder, Arc<Mutex<Vec<String>>>);

#[async_trait]
impl Embedder for Listening {
    fn fingerprint(&self) -> String {
        self.0.fingerprint()
    }
    fn dimensions(&self) -> usize {
        self.0.dimensions()
    }
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        self.1.lock().unwrap().extend(texts.iter().cloned());
        self.0.embed(texts).await
    }
}

#[test]
fn nothing_that_the_hook_takes_out_leaves_in_any_stage() {
    for (kind, task, history, new) in cases() {
        let (history, new) = (secret(&task, kind, &history), with(&new));
        for lexical in [false, true] {
            // A model that asks for more when it is first asked, so that re-asks are seen too.
            let backend = ScriptedBackend::new(|request| {
                let first = !sent(request).contains("could not be used");
                let text = if first && request.stage != Stage::Extract { "no".to_owned() } else { obey(request) };
                Ok(reply(&text))
            });
            let heard = Arc::new(Mutex::new(Vec::new()));
            let retriever = DenseRetriever::new(Listening(HashedEmbedder::default(), Arc::clone(&heard)));
            let mut builder = RpmPipeline::builder(task.clone()).backend(Arc::clone(&backend)).retriever(retriever);
            if lexical {
                builder = builder.extractor(LexicalExtractor::default());
            }
            let pipeline = builder.redact(hook).build().unwrap();
            let model = block_on(pipeline.learn(&history)).unwrap().model;
            block_on(pipeline.personalize_model(&model, &new)).unwrap();
            let requests = backend.take();
            let stages = 3 + usize::from(!lexical) + usize::from(kind == "text");
            let seen: std::collections::BTreeSet<Stage> = requests.iter().map(|request| request.stage).collect();
            assert_eq!(seen.len(), stages, "{kind} {seen:?}");
            for request in &requests {
                let text = sent(request).to_lowercase();
                assert!(!text.contains("zqs"), "{kind} {}:\n{text}", request.stage);
            }
            assert!(requests.iter().any(|request| sent(request).contains("[gone]")), "{kind}");
            // Equal texts are embedded once; the query is heard besides.
            let heard = heard.lock().unwrap();
            let different: std::collections::BTreeSet<&String> = heard.iter().collect();
            assert!(different.len() + 1 >= history.len() && heard.len() <= history.len() + 1, "{kind} {heard:?}");
            assert!(heard.iter().all(|text| !text.to_lowercase().contains("zqs")));
        }
    }
}

/// Finds one feature whose place ends inside the secret.
struct Halving;

#[async_trait]
impl FeatureExtractor for Halving {
    async fn extract(&self, seen: ExtractionRequest<'_>, _: &StageContext<'_>) -> Result<Extraction, ExtractError> {
        if !seen.query.text().contains("Zqsecret") {
            return Ok(Extraction::default());
        }
        let features = [("first scene", 0, 6), ("last scene", 6, seen.query.text().len())].map(|(name, start, end)| {
            AssignedFeature::unknown(Feature::new(seen.query, name, Span { start, end }).unwrap())
        });
        Ok(Extraction { features: features.to_vec(), ..Extraction::default() })
    }
}

#[test]
fn a_quote_that_ends_inside_a_secret_is_not_shown() {
    let task = crate::common::scale_task();
    let film = "Zqsecret film, and a calm one.";
    let history = crate::common::history_of(&task, &[(film, "4"), (film, "5"), (film, "4"), ("A loud one.", "1")]);
    let backend = ScriptedBackend::obedient();
    let builder = RpmPipeline::builder(task).backend(Arc::clone(&backend)).extractor(Halving);
    // A hook that knows the secret only as a whole.
    let whole = |text: &str| text.replace("Zqsecret", "[gone]");
    block_on(builder.redact(whole).build().unwrap().learn(&history)).unwrap();
    let path = sent(&backend.of(Stage::WritePath)[0]);
    assert!(path.contains("| [gone] film"), "{path}");
    assert!(path.contains("x1 \"first scene\" (F1)\nx2 \"last scene\" (F1)\n"), "{path}");
}

#[test]
fn vectors_of_two_hooks_are_never_mixed() {
    let task = crate::common::scale_task();
    let history = crate::common::scale_history();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let retriever = DenseRetriever::new(Listening(HashedEmbedder::default(), Arc::clone(&heard)));
    let offline = |redact: Option<&'static str>| {
        let builder =
            RpmPipeline::builder(task.clone()).backend(ScriptedBackend::obedient()).retriever(retriever.clone());
        let builder = match redact {
            Some(word) => builder.redact(move |text| text.replace(word, "[gone]")),
            None => builder,
        };
        builder.build().unwrap()
    };
    let model = block_on(offline(None).learn(&history)).unwrap().model;
    let taken = || std::mem::take(&mut *heard.lock().unwrap()).len();
    let hooks = [None, Some("slow"), Some("quiet")];
    for own in hooks {
        let packed = block_on(async {
            let pipeline = offline(own);
            pipeline.pack(&pipeline.open(model.clone()).await?).await
        });
        let (packed, embedded) = (packed.unwrap(), taken());
        assert_eq!(embedded, 5, "the six interactions have five different texts");
        for other in hooks {
            let prepared = block_on(offline(other).unpack(&packed)).unwrap();
            // What another hook left is never taken for one's own.
            assert_eq!(taken(), if other == own { 0 } else { 5 }, "{own:?} {other:?}");
            block_on(offline(other).personalize(&prepared, &crate::common::query("A slow film."))).unwrap();
            assert_eq!(taken(), 1, "the query alone");
        }
    }
}
