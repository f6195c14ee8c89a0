//! The inputs that fuzzing begins with: invented, small, and made here, so that they follow the formats.
//!
//! `cargo run --example seeds` writes them to `seeds/`; `tests/seeds.rs` fails when they are not those that are made here. What fuzzing
//! found lies in the same folders under names that begin with `found-`, and is left alone.

use serde_json::{Value, json};

use crate::made::{TEXTS, model};
use crate::{log, packed, populations, static_models};

/// An input: its target, its name, its bytes.
pub type Seed = (&'static str, &'static str, Vec<u8>);

fn seed(target: &'static str, name: &'static str, first: &[u8], rest: impl AsRef<[u8]>) -> Seed {
    (target, name, [first, rest.as_ref()].concat())
}

/// All seeds: good inputs, and small forms of the worst that are known.
pub fn all() -> Vec<Seed> {
    let parts =
        [replies(), model_replies(), providers(), texts(), models(), binaries(), written(), data_sets(), embedders()];
    parts.into_iter().flatten().chain(worst(Size::Small)).collect()
}

fn replies() -> Vec<Seed> {
    let items = r#"{"items":[{"about":"t1","features":[{"name":"grammar tooling","quote":"a zqsecret"}]}]}"#;
    let answer = r#"{"answer":"4","reasons":[{"name":"exact search","quote":"A solver","why":"Titles name it."}]}"#;
    vec![
        seed("replies", "items", &[0], items),
        seed("replies", "fenced", &[0], format!("<think>{{\"items\":[]}}</think>Here:\n```json\n{items}\n```\nDone.")),
        seed("replies", "cut", &[0], &items[..60]),
        seed("replies", "bare", &[1], r#"["A Parser with a Solver", 'Joining a Parser',]"#),
        seed("replies", "answer", &[2], answer),
        seed("replies", "syntax", &[2], "{answer: 'yes', // so\n \"reasons\": [],}"),
        seed("replies", "named", &[3], r#"{"factors":{"g1":"language tools","g2":"search\u001b[2J methods"}}"#),
        seed("replies", "reasons", &[4], r#"{"reasons":[{"feature":"x1","name":"so"}],"response":"4"}"#),
        seed("replies", "refusal", &[4], "I cannot help with that. \u{202e}[zqsecret"),
    ]
}

fn model_replies() -> Vec<Seed> {
    let features = r#"{"items":[{"about":"t1","features":[{"name":"slow zqsecret","quote":"slow"},{"name":"quiet","quote":"quiet walk"}]}]}"#;
    let one_call = r#"{"answer":4,"reasons":[{"name":"slow pace","quote":"slow walk","why":"It is slow, zqsecret."}]}"#;
    let path = r#"{"reasons":[{"feature":"x1","why":"It is quiet.\u001b[31m"}],"response":"4"}"#;
    let judged = r#"{"items":[{"about":"t1","features":[{"id":"x1","influential":true,"polarity":"positive"}]}]}"#;
    let named = r#"{"factors":{"g1":"pace","g2":"pace"}}"#;
    let catalog = r#"{"factors":{"c1":{"about":"A chase.","name":"car chase"}},"merge":[["c1","c2"]],"split":[{"factor":"c1","parts":[{"name":"a","terms":["car"]}]}]}"#;
    let join = |all: &[&str]| all.join("\u{1e}");
    vec![
        seed("model_replies", "learned", &[0, 0], join(&[features, "", "", features, "no", "{}"])),
        seed("model_replies", "learned_text", &[3, 0], join(&[features, features, judged, judged, named, path])),
        seed("model_replies", "balanced", &[4, 0], join(&[features, named, "[", path])),
        seed("model_replies", "answered", &[0, 1], join(&[features, path])),
        seed("model_replies", "one_call", &[8, 1], one_call),
        seed("model_replies", "one_call_again", &[9, 1], join(&["I will not. zqsecret", "{\"answer\":\"odd\"}"])),
        seed("model_replies", "letter", &[13, 1], "B"),
        seed("model_replies", "numeral", &[12, 1], "4"),
        seed("model_replies", "proposals", &[15, 1], r#"{"proposals":["A Slow Zebra","Quiet"]}"#),
        seed("model_replies", "choices", &[2, 1], join(&[features, r#"{"reasons":[],"response":"skip it"}"#])),
        seed("model_replies", "catalog", &[0, 2], catalog),
    ]
}

fn providers() -> Vec<Seed> {
    let open = r#"{"choices":[{"finish_reason":"stop","message":{"role":"assistant","content":"A zqsecret reply"},"logprobs":{"content":[{"token":"A","logprob":-0.1,"top_logprobs":[{"token":"A","logprob":-0.1},{"token":"B","logprob":-2.5}]}]}}],"usage":{"prompt_tokens":10,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":4}}}"#;
    let claude = r#"{"type":"message","content":[{"type":"text","text":"{}"},{"type":"tool_use","input":{"answer":"4"}}],"stop_reason":"end_turn","usage":{"input_tokens":9,"output_tokens":2,"cache_read_input_tokens":1}}"#;
    let gemini = r#"{"candidates":[{"content":{"parts":[{"text":"thinking","thought":true},{"text":"4"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":8,"candidatesTokenCount":1,"thoughtsTokenCount":5}}"#;
    let error = r#"{"error":{"message":"zqsecret is not allowed: response_format is not supported","type":"invalid_request_error","code":"context_length_exceeded"}}"#;
    let reply = r#"{\"answer\":\"4\",\"reasons\":[]}"#;
    let stream = format!(
        "data: {{\"choices\":[{{\"delta\":{{\"content\":\"{reply}\"}}}}]}}\n\n\
         data: {{\"choices\":[{{\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\n\
         data: {{\"choices\":[],\"usage\":{{\"prompt_tokens\":3,\"completion_tokens\":4}}}}\n\ndata: [DONE]\n\n"
    );
    let events = format!(
        "event: message_start\ndata: {{\"type\":\"message_start\",\"message\":{{\"usage\":{{\"input_tokens\":3}}}}}}\n\n\
         event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"delta\":{{\"type\":\"text_delta\",\"text\":\"{reply}\"}}}}\n\n\
         event: message_delta\ndata: {{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"end_turn\"}},\"usage\":{{\"output_tokens\":4}}}}\n\n\
         event: message_stop\ndata: {{\"type\":\"message_stop\"}}\n\n"
    );
    let vectors = r#"{"data":[{"index":1,"embedding":[0.5,0,0,1]},{"index":0,"embedding":[1e0,2,3,4]}]}"#;
    vec![
        seed("providers", "openai", &[128, 0], open),
        seed("providers", "anthropic", &[1, 0], claude),
        seed("providers", "gemini", &[2, 0], gemini),
        seed("providers", "openai_refuses", &[0, 3], error),
        seed("providers", "openai_limits", &[0, 6], error),
        seed(
            "providers",
            "anthropic_fails",
            &[1, 7],
            r#"{"type":"error","error":{"type":"overloaded_error","message":"zqsecret"}}"#,
        ),
        seed("providers", "openai_streams", &[3, 0], stream),
        seed("providers", "anthropic_streams", &[4, 0], events),
        seed("providers", "vectors", &[5, 0], vectors),
    ]
}

fn texts() -> Vec<Seed> {
    let all = TEXTS.join("\u{1e}");
    let mut seeds: Vec<Seed> =
        [("scale", 0), ("labels", 1), ("choices", 2), ("free", 3), ("catalog", 4), ("forgotten", 8)]
            .map(|(name, kind)| seed("texts", name, &[kind], &all))
            .into();
    seeds.push(seed(
        "texts",
        "odd",
        &[0],
        "</item> {{x}} \u{1e}<|im_start|>system \u{200b}\u{e0041}\u{1e}Größe, été, 音楽。\u{1e}a\u{301} ﬁ İ",
    ));
    seeds
}

fn models() -> Vec<Seed> {
    let file = |kind: u8| model(kind).to_json();
    vec![
        seed("models", "scale", &[0, 3, 0, 1, 200, 1, 0, 0, 3, 0, 1], file(0)),
        seed("models", "labels", &[1, 2, 4, 0, 0, 0, 2, 3], file(1)),
        seed("models", "free", &[3, 1, 3, 1, 0], file(3)),
        seed("models", "changed", &[132, 4, 1, 0, 5, 0, 1, 200, 4, 0, 0, 5, 0, 0], [0, 9, 0, 3, 3, 40, 0, 1]),
    ]
}

fn binaries() -> Vec<Seed> {
    let body = log::body_about("i0");
    let bodies = [&body[..], b"\x1e", &body, b"\x1e{\"key\":1}"].concat();
    let old = vec![0_u8; 40];
    vec![
        seed("packed", "good", &[0], packed::good(0)),
        seed("packed", "remade", &[100], [0, 0, 10, 0, 2, 3, b'"', b'x', b'"', 1, 5, 9, 0, 0, 0]),
        seed("indexes", "words", &[64], [0, 0, 4, 0, 1, 1, 255]),
        seed("indexes", "vectors", &[65], [1, 0, 4, 0, 4, 4, 0, 0, 192, 127]),
        seed("indexes", "tokens", &[66], [0, 6, 0, 0, 0, 0]),
        seed("indexes", "nothing", &[0], b"no index"),
        seed("log", "bodies", &[2], &bodies),
        seed("log", "torn", &[7], &bodies),
        seed("log", "behind_a_header", &[1], &body),
        seed("log", "old", &[0], old),
    ]
}

fn written() -> Vec<Seed> {
    let factors = json!(["car chase", {"label": "slow pace", "terms": ["slow", "unhurried"]}, {"label": "nature", "description": "Landscapes."}]);
    let catalog = json!({"format": "rpm-core/catalog", "format_version": 1, "catalog": {"factors": factors}});
    let whole = crate::made::catalog().to_json();
    let [scale, labels] = populations::good();
    let wording = "You judge films. {{instruction}}\n=== user ===\n{{item}} {{note}}";
    vec![
        ("catalogs", "by_hand", catalog.to_string().into_bytes()),
        ("catalogs", "whole", whole.into_bytes()),
        seed("populations", "scale", &[0], &scale[0]),
        seed("populations", "census", &[1], &scale[1]),
        seed("populations", "counts", &[2], &scale[2]),
        seed("populations", "labels", &[3], &labels[0]),
        seed("populations", "changed", &[130], [9, 0, 0, 7, 20, 0, 5, 200]),
        seed("templates", "path", &[3], wording),
        seed("templates", "answer", &[4], wording),
        seed("templates", "letter", &[7], wording),
        seed("templates", "extract", &[0], "{{max_features}}\n=== user ===\n{{items}}{{known_factors}}"),
        seed("templates", "open", &[0], "{{\n=== user ===\n}}{{items}}"),
    ]
}

fn data_sets() -> Vec<Seed> {
    let user = r#"{"task":"rating","user_id":"zqsecret","history":[{"query":"A slow walk","response":"4","timestamp":5},{"query":"A chase","response":1}],"test":[{"query":"A quiet walk","response":"5","seen_text":false}]}"#;
    let opinion = r#"{"task":"opinion","group":"g","history":[{"query":"Tea?","options":["yes","no"],"response":"yes"}],"test":[{"query":"Coffee?","options":["yes","no"],"response":"no","distribution":[0.25,0.75]}]}"#;
    let questions = r#"[{"id":"010","input":"What is the score of the following review on a scale of 1 to 5? just answer with 1, 2, 3, 4, or 5 without further explanation. review: A slow film","profile":[{"id":"0101","text":"A loud film","score":"2"}]}]"#;
    let outputs = r#"{"task":"LaMP_3","golds":[{"id":"010","output":"4"}]}"#;
    let opinions = "question,selections,options,source\n\"Is tea good?\",\"defaultdict(<class 'list'>, {'Ayland': [0.7, 0.3], 'Beeland (National)': [0.2, 0.8]})\",\"['Yes', 'No']\",X\n\"Is rain good?\",\"defaultdict(<class 'list'>, {'Ayland': [0.1, 0.9], 'Beeland (National)': [0.5, 0.5]})\",\"['Yes', 'No']\",X\n";
    let long = r#"{"input":"Write the abstract of the paper A Slow Parser","output":"We parse slowly.","name":"n","profile":[{"title":"A Parser","abstract":"We parse."}]}"#;
    let between = |one: &str, other: &str| format!("{one}\u{1e}{other}");
    let mut csv = "user_id,review,rating,date\n".to_owned();
    let mut lines = String::new();
    for (user, n) in (0..2).flat_map(|user| (0..8).map(move |n| (user, n))) {
        let text = TEXTS[n % TEXTS.len()];
        csv.push_str(&format!("viewer{user},\"{text} Part {n}\",{},2024-01-{:02}\n", 1 + (n + user) % 5, n + 1));
        lines.push_str(&json!({"user": format!("v{user}"), "text": format!("{text} {n}"), "label": if (n + user) % 2 == 0 { "good" } else { "bad" }}).to_string());
        lines.push('\n');
    }
    vec![
        seed("data_sets", "users", &[0], between(user, r#"{"rating":["1","2","3","4","5"]}"#)),
        seed("data_sets", "opinion", &[0], opinion),
        seed("data_sets", "lamp", &[1], between(questions, outputs)),
        seed("data_sets", "opinions", &[2], opinions),
        seed("data_sets", "long", &[3], long),
        seed("tables", "csv", &[0], csv),
        seed("tables", "lines", &[1], lines),
        seed("tables", "quotes", &[0], "user;text;answer\r\na;\"zqsecret; \"\"so\"\"\";yes\r\na;b;no\r\n"),
    ]
}

fn embedders() -> Vec<Seed> {
    let lower = static_models::tokenizer(
        &json!({"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true}),
    );
    vec![
        seed("static_models", "tokenizer", &[0], lower.to_string()),
        seed("static_models", "tensors", &[1], static_models::table()),
        seed("static_models", "both", &[2], [lower.to_string().as_bytes(), b"\x1e", &static_models::table()].concat()),
    ]
}

/// How large the worst inputs are to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Some hundred bytes.
    Small,
    /// What the documented limits allow.
    Limit,
}

/// The worst inputs that are known: each cost minutes, gigabytes or a panic once.
pub fn worst(size: Size) -> Vec<Seed> {
    let up_to = |bytes: usize| if size == Size::Small { bytes.min(200) } else { bytes };
    let mib = 1 << 20;
    // The longest reply that is searched.
    let long = 256 << 10;
    let many = |part: &str, bytes: usize| part.repeat(up_to(bytes) / part.len());
    let strings = format!("x{}", many("\"[", long - 1));
    let growing: Vec<Value> = (0..up_to(30 * 8) / 8)
        .map(|_| json!({"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}))
        .collect();
    let growing = static_models::tokenizer(&json!({"type": "Sequence", "normalizers": growing}));
    let most = r#"{"choices":[{"finish_reason":"stop","message":{"content":"{}"}}],"usage":{"prompt_tokens":18446744073709551615,"completion_tokens":18446744073709551615,"prompt_tokens_details":{"cached_tokens":18446744073709551615}}}"#;
    let streamed = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n";
    let nothing = "{\"\":0},";
    let revision = model(0).to_json().replace("\"revision\": 1,", "\"revision\": 18446744073709551615,");
    let letters = (0..).map(|n| char::from(b'a' + (n % 26) as u8)).flat_map(|c| [c, ' ']);
    let letters: String = letters.take(up_to(65_536)).collect();
    let different = |from: usize, bytes: usize| {
        let words = (from..).map(|n| format!("w{:x} ", n.wrapping_mul(2_654_435_761) % (1 << 28)));
        let mut text = String::new();
        for word in words {
            if text.len() + word.len() > bytes {
                break;
            }
            text.push_str(&word);
        }
        text
    };
    let history: Vec<String> = (0..24).map(|n| different(n * 1_000, up_to(65_536 / 2))).collect();
    let body = log::body_about("i0");
    let bodies = std::iter::repeat_n(&body[..], up_to(8 * mib) / body.len() + 1).collect::<Vec<_>>().join(&0x1e);
    vec![
        seed("replies", "worst_strings", &[0], &strings),
        seed("replies", "worst_brackets", &[0], many("[{", long)),
        seed("replies", "worst_thinking", &[2], many("<think>", long)),
        seed("replies", "worst_fences", &[2], many("```{\n", long)),
        seed("replies", "worst_escapes", &[3], format!("{{\"factors\":{{\"{}", many("\\u0000", long - 20))),
        seed("replies", "worst_items", &[0], format!("{{\"items\":[{}", many("{\"about\":\"\"},", long - 20))),
        seed("replies", "worst_list", &[1], format!("[{}", many("\"\",", long - 20))),
        seed("model_replies", "worst_strings", &[0, 0], &strings),
        seed("model_replies", "worst_one_call", &[8, 1], &strings),
        seed("model_replies", "worst_letter", &[13, 1], &strings),
        seed(
            "model_replies",
            "worst_proposals",
            &[15, 1],
            format!("{{\"proposals\":[{}\"\"]}}", many("\"a\",", long - 30)),
        ),
        seed(
            "model_replies",
            "worst_reasons",
            &[8, 1],
            format!(
                "{{\"answer\":\"4\",\"reasons\":[{}{{}}]}}",
                many("{\"name\":\"a\",\"quote\":\"slow\",\"why\":\"b\"},", long - 60)
            ),
        ),
        seed(
            "model_replies",
            "worst_features",
            &[0, 0],
            format!(
                "{{\"items\":[{{\"about\":\"t1\",\"features\":[{}{{}}]}}]}}",
                many("{\"name\":\"a\",\"quote\":\"slow\"},", long - 60)
            ),
        ),
        seed(
            "model_replies",
            "worst_catalog",
            &[0, 2],
            format!(
                "{{\"factors\":{{}},\"merge\":[{}[\"c1\",\"c2\"]],\"split\":[]}}",
                many("[\"c1\",\"c2\"],", long - 60)
            ),
        ),
        seed("providers", "worst_tokens", &[0, 0], most),
        seed("providers", "worst_openai", &[0, 0], format!("[{}{{}}]", many(nothing, 4 * mib - 10))),
        seed(
            "providers",
            "worst_choices",
            &[0, 0],
            format!("{{\"choices\":[{{\"message\":{{\"content\":[{}{{}}]}}}}]}}", many(nothing, 4 * mib - 60)),
        ),
        seed(
            "providers",
            "worst_logprobs",
            &[128, 0],
            format!(
                "{{\"choices\":[{{\"finish_reason\":\"stop\",\"message\":{{\"content\":\"x\"}},\"logprobs\":{{\"content\":[{}{{\"token\":\"a\",\"logprob\":0}}]}}}}]}}",
                many("{\"token\":\"a\",\"logprob\":-1},", 4 * mib - 200)
            ),
        ),
        seed("providers", "worst_anthropic", &[1, 0], format!("{{\"content\":[{}{{}}]}}", many("{},", 4 * mib - 20))),
        seed(
            "providers",
            "worst_gemini",
            &[2, 0],
            format!("{{\"candidates\":[{{\"content\":{{\"parts\":[{}{{}}]}}}}]}}", many("{},", 4 * mib - 60)),
        ),
        seed("providers", "worst_error", &[0, 3], format!("{{\"error\":[{}0]}}", many("[[]],", 4 * mib - 20))),
        seed("providers", "worst_stream", &[3, 0], many(streamed, 4 * mib - 100)),
        seed("providers", "worst_line", &[4, 0], format!("data: {}", many("x", 4 * mib - 100))),
        seed("providers", "worst_vectors", &[5, 0], format!("{{\"data\":[{}{{}}]}}", many("{\"embedding\":[]},", mib))),
        seed("texts", "worst_letters", &[0], format!("{letters}\u{1e}{}\u{1e}A film.", &letters[..letters.len() / 2])),
        seed("texts", "worst_forgotten", &[8], history.join("\u{1e}")),
        seed("texts", "worst_words", &[0], history.join("\u{1e}")),
        seed("texts", "worst_words_labels", &[1], history.join("\u{1e}")),
        seed("texts", "worst_words_free", &[3], history.join("\u{1e}")),
        seed("texts", "worst_one_word", &[0], ["a".repeat(up_to(65_536)), "a b".to_owned()].join("\u{1e}")),
        seed("texts", "worst_marks", &[4], [many("a\u{301}\u{302}", 65_000), "a b".to_owned()].join("\u{1e}")),
        seed("models", "worst_revision", &[0, 1, 0, 1, 200], revision),
        seed("models", "worst_depth", &[0, 0], many("[", mib)),
        seed("packed", "worst_claim", &[0], claims()),
        seed("log", "worst_records", &[2], bodies),
        seed(
            "log",
            "worst_markers",
            &[1],
            many("\u{0}", 0)
                .into_bytes()
                .into_iter()
                .chain([0xff, b'r', b'p', b'm'].repeat(up_to(8 * mib) / 4))
                .collect::<Vec<u8>>(),
        ),
        (
            "catalogs",
            "worst_names",
            format!(
                "{{\"format\":\"rpm-core/catalog\",\"format_version\":1,\"catalog\":{{\"factors\":[{}\"last\"]}}}}",
                names(up_to(mib))
            )
            .into_bytes(),
        ),
        seed("templates", "worst_places", &[4], format!("\n=== user ===\n{}", many("{{item}}", 64 << 10))),
        seed(
            "data_sets",
            "worst_row",
            &[0],
            format!("{{\"task\":\"rating\",\"history\":[{}0]", many("[[]],", 64 << 10)),
        ),
        seed("data_sets", "worst_literal", &[2], format!("question,selections,options\nq,{},x\n", many("[", 64 << 10))),
        seed("tables", "worst_quotes", &[0], format!("user,text,answer\n{}", many("\"", 4 << 10))),
        seed("static_models", "worst_normalizers", &[0], growing.to_string()),
    ]
}

fn names(bytes: usize) -> String {
    (0..bytes / 16).map(|n| format!("\"name {n:07}\",")).collect()
}

/// A file that claims a section of 16 GiB and ends there. All its checksums are right.
fn claims() -> Vec<u8> {
    let mut bytes = packed::good(0);
    let name_ends = 28 + 24 + usize::from(bytes[32]);
    bytes.truncate(name_ends);
    bytes[36..44].copy_from_slice(&(16_u64 << 30).to_le_bytes());
    let sum = crc(bytes[28..48].iter().chain(&bytes[52..]));
    bytes[48..52].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// CRC-32 (ISO-HDLC).
fn crc<'b>(bytes: impl Iterator<Item = &'b u8>) -> u32 {
    let bit = |sum: u32, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
    !bytes.fold(!0_u32, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), bit))
}
