//! Vectors are paid for once: kept in a log, found by text and embedder, and resumed after a failure.
#![cfg(feature = "response-log")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use pollster::block_on;
use proptest::prelude::*;
use rpm_core::async_trait;
use rpm_core::embed::{EmbedError, Embedder, HashedEmbedder, LoggedEmbedder};
use rpm_core::llm::{ReplyCacheLimits, ResponseLog};

/// An embedder that counts what it is asked and fails from a call on.
struct Counting {
    asked: Mutex<Vec<String>>,
    calls: AtomicUsize,
    fails_from: usize,
    name: &'static str,
    odd: Option<f32>,
}

impl Counting {
    fn new(name: &'static str, fails_from: usize) -> Arc<Self> {
        Arc::new(Self { asked: Mutex::default(), calls: AtomicUsize::new(0), fails_from, name, odd: None })
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

#[async_trait]
impl Embedder for Counting {
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        if self.calls.fetch_add(1, Ordering::SeqCst) >= self.fails_from {
            return Err(EmbedError::Other("the server is away".into()));
        }
        self.asked.lock().unwrap().extend(texts.iter().cloned());
        let mut vectors = HashedEmbedder::with_dimensions(16).embed(texts).await?;
        if let Some(odd) = self.odd {
            vectors[0][0] = odd;
        }
        Ok(vectors)
    }

    fn dimensions(&self) -> usize {
        16
    }

    fn fingerprint(&self) -> String {
        self.name.to_owned()
    }
}

/// The same vector for any text.
struct Fixed(Vec<f32>);

#[async_trait]
impl Embedder for Fixed {
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        Ok(vec![self.0.clone(); texts.len()])
    }

    fn dimensions(&self) -> usize {
        16
    }

    fn fingerprint(&self) -> String {
        "fixed".to_owned()
    }
}

fn texts(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("text number {i}")).collect()
}

#[test]
fn a_text_is_embedded_once_and_its_vector_is_the_same_to_the_bit() {
    let log = ResponseLog::in_memory(ReplyCacheLimits::default());
    let inner = Counting::new("one", usize::MAX);
    let logged = LoggedEmbedder::new(Arc::clone(&inner), &log);
    let plain = block_on(HashedEmbedder::with_dimensions(16).embed(&texts(100))).unwrap();
    assert_eq!(block_on(logged.embed(&texts(100))).unwrap(), plain);
    assert_eq!((inner.asked(), inner.calls.load(Ordering::SeqCst)), (100, 2));
    assert_eq!(block_on(logged.embed(&texts(110))).unwrap()[..100], plain[..]);
    assert_eq!(inner.asked(), 110, "only what was missing");
    assert_eq!((logged.dimensions(), logged.fingerprint()), (16, "one".to_owned()));
}

#[test]
fn what_was_embedded_before_a_failure_is_not_paid_again() {
    let folder = std::env::temp_dir().join(format!("rpm-logged-embedder-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("log");
    {
        let log = ResponseLog::open(&path).unwrap();
        let failing = Counting::new("one", 2);
        let error = block_on(LoggedEmbedder::new(Arc::clone(&failing), &log).embed(&texts(200))).unwrap_err();
        assert!(matches!(error, EmbedError::Other(_)), "{error:?}");
        assert_eq!(failing.asked(), 128);
    }
    let log = ResponseLog::open(&path).unwrap();
    let again = Counting::new("one", usize::MAX);
    let vectors = block_on(LoggedEmbedder::new(Arc::clone(&again), &log).embed(&texts(200))).unwrap();
    assert_eq!((vectors.len(), again.asked()), (200, 72));
    // Another embedder has vectors of its own.
    let other = Counting::new("two", usize::MAX);
    block_on(LoggedEmbedder::new(Arc::clone(&other), &log).embed(&texts(200))).unwrap();
    assert_eq!(other.asked(), 200);
    assert_eq!(log.purge(["embedding"]).unwrap(), 400);
    drop(log);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_vector_that_is_none_is_an_error_and_not_kept() {
    let log = ResponseLog::in_memory(ReplyCacheLimits::default());
    let inner = Counting { odd: Some(f32::NAN), ..Arc::into_inner(Counting::new("one", usize::MAX)).unwrap() };
    let logged = LoggedEmbedder::new(inner, &log);
    assert!(block_on(logged.embed(&texts(3))).is_err());
    assert_eq!(log.stats().records, 0);
}

proptest! {
    #[test]
    fn any_finite_vector_comes_back_from_a_log_as_it_was(values in prop::collection::vec(any::<f32>(), 16)) {
        prop_assume!(values.iter().all(|value| value.is_finite()));
        let log = ResponseLog::in_memory(ReplyCacheLimits::default());
        let logged = LoggedEmbedder::new(Fixed(values.clone()), &log);
        for _ in 0..2 {
            let vector = block_on(logged.embed(&["a".to_owned()])).unwrap().pop().unwrap();
            let bits = |vector: &[f32]| vector.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&vector), bits(&values));
        }
    }
}
