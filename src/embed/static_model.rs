//! An embedder over a table of token vectors in a local directory.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use async_trait::async_trait;
use model2vec_rs::model::StaticModel as Model;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::data::text::hex;
use crate::llm::{BoxError, Endpoint};

use super::growth::is_bounded;
use super::{EmbedError, Embedder};

/// Embeds by a static model in the model2vec format: the mean of its tokens' vectors. Near in meaning is near in space,
/// without a neural network to run.
///
/// Reads a directory with `config.json`, `model.safetensors` and `tokenizer.json`, as `save_pretrained` of model2vec
/// writes it, and nothing else: it never downloads. Clones share the model.
///
/// # Blocking
/// [`open`](Self::open) reads the files and [`embed`](Embedder::embed) computes, both on the calling thread and, for
/// several texts, on rayon's; neither awaits anything. It takes microseconds per short text, so a query needs no care;
/// before a long history is embedded for the first time on an async runtime, move the call to a thread that may block.
///
/// # Limits
/// A text is cut at 512 tokens. Tokens the model does not know do not count; a text of such alone is all zeros.
#[derive(Clone)]
pub struct StaticModel {
    model: Model,
    fingerprint: String,
}

/// Why a directory is no static model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StaticModelError {
    /// A file is missing or cannot be read.
    #[error("{file} of the static model cannot be read")]
    Read {
        /// Its name in the directory.
        file: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// A file is not what the format asks for.
    #[error("{file} of the static model {problem}")]
    Bad {
        /// Its name in the directory.
        file: &'static str,
        /// The problem, as the end of a sentence about the file.
        problem: &'static str,
        /// The reader's error, where there is one.
        source: Option<BoxError>,
    },
}

const CONFIG: &str = "config.json";
const TENSORS: &str = "model.safetensors";
const TOKENIZER: &str = "tokenizer.json";

impl StaticModel {
    /// Reads the model in a directory.
    ///
    /// # Errors
    /// [`StaticModelError`], naming the file.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, StaticModelError> {
        let directory = directory.as_ref();
        let read = |file| std::fs::read(directory.join(file)).map_err(|source| StaticModelError::Read { file, source });
        let (config, tensors, tokenizer) = (read(CONFIG)?, read(TENSORS)?, read(TOKENIZER)?);
        let json = |file, content: &[u8]| {
            serde_json::from_slice::<Value>(content).map_err(|error| StaticModelError::Bad {
                file,
                problem: "is not JSON",
                source: Some(error.into()),
            })
        };
        json(CONFIG, &config)?;
        let rules = json(TOKENIZER, &tokenizer)?;
        if !is_bounded(&rules) {
            return Err(bad(TOKENIZER, "has rules that make texts too long, or that are not known"));
        }
        let last = last_token(&rules)
            .ok_or_else(|| bad(TOKENIZER, "has no vocabulary, or one with an unknown token that is not in it"))?;
        check_tensors(&tensors, last)?;
        // What the checks above leave is the tokenizer's inner form. Its reader is not known never to panic.
        let model = catch_unwind(|| Model::from_bytes(&tokenizer, &tensors, &config, None))
            .map_err(|_| bad(TOKENIZER, "cannot be used"))?;
        let model = model.map_err(|error| StaticModelError::Bad {
            file: TOKENIZER,
            problem: "cannot be used",
            source: Some(error.into()),
        })?;
        let mut fingerprint = "static-model-1 ".to_owned();
        let mut hasher = Sha256::new();
        for content in [&config, &tensors, &tokenizer] {
            // With the lengths, no two contents run into each other.
            hasher.update((content.len() as u64).to_le_bytes());
            hasher.update(content);
        }
        fingerprint.push_str(&hex(&hasher.finalize()));
        Ok(Self { model, fingerprint })
    }
}

fn bad(file: &'static str, problem: &'static str) -> StaticModelError {
    StaticModelError::Bad { file, problem, source: None }
}

/// The greatest token number that a tokenizer gives; `None` without a vocabulary, or when the token for the unknown is
/// not in it, on which the tokenizer would fail at the first unknown word.
fn last_token(tokenizer: &Value) -> Option<u64> {
    let model = tokenizer.get("model")?;
    let added = tokenizer.get("added_tokens").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let added = added.iter().filter_map(|token| token.get("id")?.as_u64()).max();
    let last = match model.get("vocab")? {
        Value::Object(vocabulary) => {
            let unknown = model.get("unk_token").and_then(Value::as_str);
            if unknown.is_some_and(|token| !vocabulary.contains_key(token)) {
                return None;
            }
            vocabulary.values().filter_map(Value::as_u64).max()?
        }
        Value::Array(pieces) => {
            let last = (pieces.len() as u64).checked_sub(1)?;
            model.get("unk_id").and_then(Value::as_u64).filter(|unknown| *unknown <= last)?;
            last
        }
        _ => return None,
    };
    Some(last.max(added.unwrap_or_default()))
}

/// Fails unless every token up to `last` has a vector.
fn check_tensors(content: &[u8], last: u64) -> Result<(), StaticModelError> {
    let tensors = SafeTensors::deserialize(content).map_err(|error| StaticModelError::Bad {
        file: TENSORS,
        problem: "is not in the safetensors format",
        source: Some(error.into()),
    })?;
    let named = ["embeddings", "0", "embedding.weight"].into_iter().find_map(|name| tensors.tensor(name).ok());
    let table = named.ok_or_else(|| bad(TENSORS, "has no embeddings"))?;
    let rows = match *table.shape() {
        [rows, columns] if rows > 0 && columns > 0 => rows as u64,
        _ => return Err(bad(TENSORS, "has embeddings that are no table")),
    };
    if !matches!(table.dtype(), Dtype::F32 | Dtype::F16 | Dtype::I8) {
        return Err(bad(TENSORS, "has embeddings of an unknown number type"));
    }
    if tensors.tensor("weights").is_ok_and(|w| !matches!(w.dtype(), Dtype::F64 | Dtype::F32 | Dtype::F16)) {
        return Err(bad(TENSORS, "has weights of an unknown number type"));
    }
    // Tokens beyond the mapping are rows themselves.
    let mut beyond = last;
    if let Ok(mapping) = tensors.tensor("mapping") {
        let width = match mapping.dtype() {
            Dtype::I64 => 8,
            Dtype::I32 => 4,
            _ => return Err(bad(TENSORS, "has a mapping of an unknown number type")),
        };
        let number = |bytes: &[u8]| {
            let mut wide = [0_u8; 8];
            wide.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            u64::from_le_bytes(wide)
        };
        let numbers = mapping.data().chunks_exact(width);
        if last < numbers.len() as u64 {
            beyond = 0;
        }
        if numbers.map(number).any(|row| row >= rows) {
            return Err(bad(TENSORS, "has a mapping to rows that do not exist"));
        }
    }
    if beyond >= rows {
        return Err(bad(TENSORS, "has fewer rows than the tokenizer has tokens"));
    }
    Ok(())
}

#[async_trait]
impl Embedder for StaticModel {
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        // The model's tokenizer panics where its own rules fail on a text.
        catch_unwind(AssertUnwindSafe(|| self.model.encode(texts)))
            .map_err(|_| EmbedError::Other("the static model's tokenizer failed on a text".into()))
    }

    fn dimensions(&self) -> usize {
        self.model.dim()
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    /// Computed here.
    fn endpoint(&self) -> Endpoint<'_> {
        Endpoint::in_process()
    }
}

impl std::fmt::Debug for StaticModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StaticModel")
            .field("dimensions", &self.dimensions())
            .field("fingerprint", &self.fingerprint)
            .finish()
    }
}
