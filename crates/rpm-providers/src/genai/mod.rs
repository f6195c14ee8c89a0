//! A client of the crate genai, which knows two dozen providers, as a backend and as an embedder.

mod backend;
mod embedder;
mod failed;

pub use backend::GenaiBackend;
pub use embedder::GenaiEmbedder;

/// Who is asked, for spans: the provider by the conventions' name for it, and the model's own name.
struct Asked {
    provider: &'static str,
    model: String,
}

impl Asked {
    fn of(client: &genai::Client, model: &str) -> Self {
        match client.default_model(model) {
            Ok(known) => Self {
                provider: match known.adapter_kind.as_lower_str() {
                    "gemini" => "gcp.gemini",
                    "openai_resp" => "openai",
                    other => other,
                },
                model: known.model_name.to_string(),
            },
            Err(_) => Self { provider: GENAI, model: model.to_owned() },
        }
    }

    fn endpoint(&self) -> rpm_core::llm::Endpoint<'_> {
        rpm_core::llm::Endpoint::of(self.provider).model(&self.model)
    }
}

/// The name in errors and identities.
const GENAI: &str = "genai";
