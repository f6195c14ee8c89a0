use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use async_trait::async_trait;
use ndarray::{Array1, Array2, ArrayView1, Axis};

use crate::embed::{EmbedError, Embedder, HashedEmbedder, embed_checked};
use crate::prompt::StageContext;

use super::text::{feature_text, query_text};
use super::{RetrievalRequest, RetrieveError, Retrieved, Retriever, top_k};

/// Ranks by the cosine of embedded feature text (paper: cosine over concatenated features).
///
/// The memory's vectors are computed on first use and kept with the memory under the embedder's fingerprint, so another
/// embedder computes its own and the two are never mixed.
#[derive(Clone)]
pub struct DenseRetriever {
    embedder: Arc<dyn Embedder>,
}

impl Default for DenseRetriever {
    fn default() -> Self {
        Self::new(HashedEmbedder::default())
    }
}

impl DenseRetriever {
    /// Ranks with this embedder.
    pub fn new(embedder: impl Embedder + 'static) -> Self {
        Self { embedder: Arc::new(embedder) }
    }

    async fn matrix(
        &self,
        request: &RetrievalRequest<'_>,
        ctx: &StageContext<'_>,
    ) -> Result<Arc<Array2<f32>>, RetrieveError> {
        let mut fingerprint = format!("dense {}", self.embedder.fingerprint());
        let texts = || request.memory.items().iter().map(|item| ctx.leaving(&feature_text(item)));
        if ctx.redacts() {
            // Another hook leaves other texts.
            let mut hasher = DefaultHasher::new();
            texts().for_each(|text| text.hash(&mut hasher));
            let _ = write!(fingerprint, " redacted {:x}", hasher.finish());
        }
        if let Some(ready) = request.memory.ready::<Array2<f32>>(&fingerprint) {
            return Ok(ready);
        }
        let texts: Vec<String> = texts().collect();
        let vectors = embed_checked(&*self.embedder, &texts).await?;
        let mut matrix = Array2::zeros((vectors.len(), self.embedder.dimensions()));
        for (mut row, vector) in matrix.axis_iter_mut(Axis(0)).zip(vectors) {
            row.assign(&unit(vector));
        }
        Ok(request.memory.derived(&fingerprint, |_| matrix))
    }
}

/// The vector with length 1; zeros stay zeros.
fn unit(vector: Vec<f32>) -> Array1<f32> {
    let vector = Array1::from(vector);
    let length = vector.dot(&vector).sqrt();
    if length > 0.0 { vector / length } else { vector }
}

#[async_trait]
impl Retriever for DenseRetriever {
    async fn retrieve(
        &self,
        request: RetrievalRequest<'_>,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<Retrieved>, RetrieveError> {
        let matrix = self.matrix(&request, ctx).await?;
        let query = embed_checked(&*self.embedder, &[ctx.leaving(&query_text(&request))]).await?.pop();
        let query = unit(query.ok_or(EmbedError::WrongShape { found: 0, wanted: 1 })?);
        let scored = |(position, row): (usize, ArrayView1<'_, f32>)| {
            let score = f64::from(row.dot(&query));
            Retrieved { position, score, similarity: score.clamp(0.0, 1.0) }
        };
        Ok(top_k(matrix.axis_iter(Axis(0)).enumerate().map(scored), request.k))
    }

    fn name(&self) -> &'static str {
        "dense cosine"
    }
}

impl std::fmt::Debug for DenseRetriever {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DenseRetriever").field("embedder", &self.embedder.fingerprint()).finish()
    }
}
