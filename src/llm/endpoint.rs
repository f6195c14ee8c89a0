//! Who answers a request, by the names that spans give: provider, model and server.

/// Who answers the requests of a [backend](super::LlmBackend) or an [embedder](crate::embed::Embedder), for spans and metrics alone: the
/// names that OpenTelemetry's conventions for generative models ask for. What is not known is left out. None of it may be secret, or
/// be another one for each user.
///
/// ```
/// use rpm_core::llm::Endpoint;
///
/// let endpoint = Endpoint::of("mistral_ai").model("ministral-8b").server("api.mistral.ai", 443);
/// assert_eq!(endpoint.server, Some(("api.mistral.ai", 443)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Endpoint<'a> {
    /// The provider, where there is one by the conventions' name for it (`openai`, `anthropic`, `gcp.gemini`, `mistral_ai`, …).
    pub provider: Option<&'a str>,
    /// The model's name, as the provider knows it.
    pub model: Option<&'a str>,
    /// The server's host and port.
    pub server: Option<(&'a str, u16)>,
    /// True where the work is done by the library itself, which is no request to a model and has no span.
    pub in_process: bool,
}

impl<'a> Endpoint<'a> {
    /// A provider.
    pub fn of(provider: &'a str) -> Self {
        Self { provider: Some(provider), ..Self::default() }
    }

    /// No request at all: what is asked computes its reply here.
    pub fn in_process() -> Self {
        Self { in_process: true, ..Self::default() }
    }

    /// Names the model.
    #[must_use]
    pub fn model(mut self, model: &'a str) -> Self {
        self.model = Some(model);
        self
    }

    /// Names the server's host and port.
    #[must_use]
    pub fn server(mut self, host: &'a str, port: u16) -> Self {
        self.server = Some((host, port));
        self
    }
}
