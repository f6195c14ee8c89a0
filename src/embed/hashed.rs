//! An embedder that hashes trigrams of characters.

use async_trait::async_trait;

use crate::data::text::fold;
use crate::llm::Endpoint;

use super::{EmbedError, Embedder};

/// Hashes character trigrams of folded text into a vector of unit length: texts that are spelled alike are near each
/// other. Needs no model, knows no meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashedEmbedder {
    dimensions: usize,
}

impl Default for HashedEmbedder {
    fn default() -> Self {
        Self { dimensions: 256 }
    }
}

impl HashedEmbedder {
    /// Vectors of this length, from 16 to 4,096. Default: 256.
    #[must_use]
    pub fn with_dimensions(dimensions: usize) -> Self {
        Self { dimensions: dimensions.clamp(16, 4_096) }
    }

    fn vector(self, text: &str) -> Vec<f32> {
        let mut vector = vec![0.0_f32; self.dimensions];
        let padded: Vec<char> = std::iter::once(' ').chain(fold(text).chars()).chain(std::iter::once(' ')).collect();
        for gram in padded.windows(3) {
            let mut hash = 0xcbf2_9ce4_8422_2325_u64;
            for c in gram {
                hash = (hash ^ u64::from(u32::from(*c))).wrapping_mul(0x0100_0000_01b3);
            }
            let place = usize::try_from((hash >> 1) % self.dimensions as u64).unwrap_or_default();
            if let Some(value) = vector.get_mut(place) {
                *value += if hash & 1 == 0 { 1.0 } else { -1.0 };
            }
        }
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        if length > 0.0 {
            for value in &mut vector {
                *value /= length;
            }
        }
        vector
    }
}

#[async_trait]
impl Embedder for HashedEmbedder {
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        Ok(texts.iter().map(|text| self.vector(text)).collect())
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn fingerprint(&self) -> String {
        format!("hashed-trigrams-1 {}", self.dimensions)
    }

    /// Computed here.
    fn endpoint(&self) -> Endpoint<'_> {
        Endpoint::in_process()
    }
}
