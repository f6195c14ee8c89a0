//! What every provider and client is asked alike.

use std::future::Future;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;

use rpm_core::embed::EmbedError;
use rpm_core::llm::{BackendError, CompletionRequest, ReplyForm, ReplySchema};

/// The requests that are under way at once, unless the host sets another number.
pub(crate) const CONCURRENCY: usize = 4;

/// The form a reply is held to and the schema it is to have. Without a schema nothing is held.
pub(crate) fn held(request: &CompletionRequest) -> Option<(ReplyForm, &ReplySchema)> {
    request.schema.as_ref().filter(|_| request.form > ReplyForm::Text).map(|schema| (request.form, schema))
}

/// The schema without bounds that a provider refuses. Whatever is read is checked for them again.
pub(crate) fn without(schema: &Value, bounds: &dyn Fn(&str, &Value) -> bool) -> Value {
    match schema {
        Value::Object(members) => {
            let kept = members.iter().filter(|(name, value)| !(value.is_number() && bounds(name, value)));
            Value::Object(kept.map(|(name, value)| (name.clone(), without(value, bounds))).collect())
        }
        Value::Array(members) => members.iter().map(|value| without(value, bounds)).collect(),
        other => other.clone(),
    }
}

/// A single-precision number as it is written, not as its double is: 0.7, not 0.699999988079071.
pub(crate) fn decimal(number: f32) -> f64 {
    number.to_string().parse::<f64>().unwrap_or_default()
}

/// A seed that every provider takes: of 31 bits.
pub(crate) fn short(seed: u64) -> u64 {
    seed & 0x7fff_ffff
}

/// The results of calls in their order, so many of them under way at once.
pub(crate) async fn in_order<F: Future>(calls: impl Iterator<Item = F>, at_once: usize) -> Vec<F::Output> {
    let calls: Vec<F> = calls.collect();
    stream::iter(calls).buffered(at_once.max(1)).collect().await
}

/// The vectors of texts in their order, so many texts in one request; [`CONCURRENCY`] requests are under way at once.
pub(crate) async fn embedded<'a, F>(
    texts: &'a [String],
    per_request: usize,
    ask: impl Fn(&'a [String]) -> F,
) -> Result<Vec<Vec<f32>>, EmbedError>
where
    F: Future<Output = Result<Vec<Vec<f32>>, BackendError>>,
{
    let pending: Vec<F> = texts.chunks(per_request.max(1)).map(ask).collect();
    let parts: Result<Vec<Vec<Vec<f32>>>, BackendError> =
        stream::iter(pending).buffered(CONCURRENCY).try_collect().await;
    Ok(parts.map_err(|error| EmbedError::Other(Box::new(error)))?.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temperature_is_sent_as_it_is_written() {
        assert_eq!([0.0, 0.7, 1.0].map(|number| Value::from(decimal(number)).to_string()), ["0.0", "0.7", "1.0"]);
    }
}
