//! Clients of rig, genai and Bedrock that ask a mock server, for the tests beside it. These crates are heavy, so that rpm-providers does not
//! build its own tests with them.

mod bedrock_mock;
mod setups;

pub use bedrock_mock::BedrockMock;
pub use setups::{bedrock, bedrock_client, genai, genai_client, http, rig_anthropic, rig_gemini, rig_openai};
