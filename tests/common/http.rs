//! A small client of `/v1/chat/completions` over one connection per request.
#![allow(dead_code, unreachable_pub)]

use std::net::SocketAddr;
use std::time::Duration;

use rpm_core::llm::{FinishReason, Usage};
use rpm_core::{BackendError, Completion, CompletionRequest, LlmBackend, async_trait};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub struct HttpBackend(pub SocketAddr);

#[async_trait]
impl LlmBackend for HttpBackend {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        let (head, body) = post(self.0, &body_of(request)).await.map_err(BackendError::transient)?;
        let status: u16 = head.get(9..12).and_then(|code| code.parse().ok()).unwrap_or_default();
        match status {
            200 => read(&body).ok_or_else(|| BackendError::transient("not a chat completion")),
            408 | 429 | 500..=599 => {
                let asked = head.lines().find_map(|line| line.strip_prefix("retry-after:")?.trim().parse().ok());
                let source = format!("status {status}").into();
                Err(BackendError::Transient { retry_after: asked.map(Duration::from_secs), source })
            }
            _ => Err(BackendError::permanent(format!("status {status}"))),
        }
    }

    fn name(&self) -> &'static str {
        "http"
    }
}

fn body_of(request: &CompletionRequest) -> String {
    let messages: Vec<Value> =
        request.messages.iter().map(|m| json!({ "role": m.role.as_str(), "content": m.content })).collect();
    let mut body = json!({ "model": "obedient", "messages": messages, "max_tokens": request.max_tokens });
    if let Some(schema) = &request.schema {
        let held = json!({ "name": schema.name, "schema": schema.schema, "strict": true });
        body["response_format"] = json!({ "type": "json_schema", "json_schema": held });
    }
    body.to_string()
}

/// The head of the response, in lower case, and its whole body.
async fn post(address: SocketAddr, body: &str) -> std::io::Result<(String, Vec<u8>)> {
    let mut stream = TcpStream::connect(address).await?;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await?;
    let cut = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let end = response.windows(4).position(|window| window == b"\r\n\r\n").ok_or_else(cut)?;
    let head = String::from_utf8_lossy(&response[..end]).to_lowercase();
    let body = response.split_off(end + 4);
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    if length.is_some_and(|length: usize| body.len() < length) {
        return Err(cut());
    }
    Ok((head, body))
}

fn read(body: &[u8]) -> Option<Completion> {
    let reply: Value = serde_json::from_slice(body).ok()?;
    let choice = &reply["choices"][0];
    let finish = match choice["finish_reason"].as_str()? {
        "length" => FinishReason::Length,
        "content_filter" => FinishReason::Filtered,
        _ => FinishReason::Stop,
    };
    let count = |value: &Value| value.as_u64().unwrap_or_default();
    let usage = &reply["usage"];
    let usage = Usage {
        input_tokens: count(&usage["prompt_tokens"]),
        output_tokens: count(&usage["completion_tokens"]),
        cached_tokens: count(&usage["prompt_tokens_details"]["cached_tokens"]),
    };
    Some(Completion::new(choice["message"]["content"].as_str()?).finish(finish).usage(usage))
}
