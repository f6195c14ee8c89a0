//! Replies made of the request alone: of its schema, and of the words of the texts in it.

use serde_json::{Map, Value, json};

use crate::data::text::fold;
use crate::llm::{CompletionRequest, Role, Stage};
use crate::prompt::{framed_blocks, last_framed, names_listed};
use crate::words::{Token, is_stop_word, tokens};

/// Features named in one text.
const FEATURES: usize = 3;
/// Of those, names that the prompt says were seen before.
const REUSED: usize = 2;
/// Groups that make up one factor, where a model's merging is made up too.
pub(super) const MERGED: usize = 2;
/// As long as steps are.
const WHY: &str =
    "This person has cared about this aspect before and it speaks for the same response here as it did then.";

/// A reply; of names, so many groups have one.
pub(super) fn reply(request: &CompletionRequest, merged: usize) -> String {
    let schema = request.schema.as_ref().map_or(&Value::Null, |schema| &schema.schema);
    let asked = request.messages.iter().rfind(|message| message.role == Role::User);
    let asked = asked.map_or("", |message| message.content.as_str());
    if schema.pointer("/properties/text").is_some() {
        return json!({ "text": WHY }).to_string();
    }
    if request.schema.is_none() && request.stage == Stage::Answer {
        return letter_or_word(request);
    }
    let reply = match request.stage {
        Stage::Extract => {
            let known = names_listed(&request.messages);
            let items = framed_blocks(asked)
                .into_iter()
                .map(|(id, text)| json!({ "about": id, "features": found(&text, &known) }));
            json!({ "items": items.collect::<Vec<_>>() })
        }
        Stage::Group => {
            let groups = framed_blocks(asked);
            let names = groups.chunks(merged.max(1)).flat_map(|chunk| {
                let label = chunk.first().map(|(_, text)| text.split(" (also").next().unwrap_or_default().trim());
                let label: String = label.unwrap_or_default().chars().take(60).collect();
                chunk.iter().map(move |(id, _)| (id.clone(), json!(label)))
            });
            json!({ "factors": names.collect::<Map<String, Value>>() })
        }
        Stage::Judge => {
            let ids = strings(schema, "/properties/items/items/properties/features/items/properties/id/enum");
            let judged = |id: &String| json!({ "id": id, "influential": true, "polarity": "positive" });
            let features: Vec<Value> = ids.iter().map(judged).collect();
            let items = strings(schema, "/properties/items/items/properties/about/enum").into_iter();
            json!({ "items": items.map(|id| json!({ "about": id, "features": features })).collect::<Vec<_>>() })
        }
        Stage::WritePath | Stage::Answer | Stage::Retrieve => answer(schema, asked),
    };
    reply.to_string()
}

/// The first letter that is offered, or the first response where they are named.
fn letter_or_word(request: &CompletionRequest) -> String {
    let lines = || request.messages.iter().flat_map(|message| message.content.lines());
    if lines().any(|line| line.starts_with("A. \"")) {
        return "A".to_owned();
    }
    let label = || lines().find_map(|line| line.split_once("word for word: \"")?.1.split_once('"'));
    let point = || lines().find_map(|line| line.split_once("is an integer from ")?.1.split_once(' '));
    let option = || lines().skip_while(|line| *line != "Options:").find_map(|line| line.strip_prefix("| "));
    let first = label().or_else(point).map(|(first, _)| first).or_else(option);
    first.unwrap_or("A").to_owned()
}

fn answer(schema: &Value, asked: &str) -> Value {
    let mut reply = Map::new();
    if let Some(reasons) = schema.pointer("/properties/reasons") {
        let most = reasons.get("maxItems").and_then(Value::as_u64).unwrap_or(3).min(3);
        let most = usize::try_from(most).unwrap_or(3);
        let steps: Vec<Value> = if reasons.pointer("/items/properties/quote").is_some() {
            let with_why = |feature: Value| match feature {
                Value::Object(mut feature) => {
                    feature.insert("why".to_owned(), json!(WHY));
                    Value::Object(feature)
                }
                other => other,
            };
            found(&last_framed(asked), &[]).into_iter().take(most).map(with_why).collect()
        } else {
            let ids = strings(reasons, "/items/properties/feature/enum").into_iter().take(most);
            ids.map(|id| json!({ "feature": id, "why": WHY })).collect()
        };
        reply.insert("reasons".to_owned(), json!(steps));
    }
    if schema.pointer("/properties/first").is_some() {
        reply.insert("first".to_owned(), json!(WHY));
    }
    if let Some(most) = schema.pointer("/properties/proposals/maxItems").and_then(Value::as_u64) {
        reply.insert(
            "proposals".to_owned(),
            (0..most).map(|n| json!(format!("A response of some words, {n}"))).collect(),
        );
    }
    for key in ["answer", "response"] {
        let Some(response) = schema.get("properties").and_then(|properties| properties.get(key)) else { continue };
        let first = strings(response, "/enum").into_iter().next();
        reply.insert(key.to_owned(), json!(first.unwrap_or_else(|| "A response of some words".to_owned())));
    }
    Value::Object(reply)
}

fn strings(value: &Value, pointer: &str) -> Vec<String> {
    let list = value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Features of a text: known names, those whose words are in it first, then its own key words and phrases, from all parts
/// of the text.
fn found(text: &str, known: &[String]) -> Vec<Value> {
    let words = tokens(text);
    let Some(any) = words.first() else { return Vec::new() };
    let word_in = |name: &str| words.iter().find(|token| fold(name).split(' ').any(|word| word == token.word));
    let quote = |from: &Token, to: &Token| text.get(from.start..to.end).unwrap_or_default().to_owned();
    let mut features: Vec<(String, String)> = Vec::new();
    let mut ranked: Vec<(&String, Option<&Token>)> = known.iter().map(|name| (name, word_in(name))).collect();
    ranked.sort_by_key(|(_, word)| word.is_none());
    for (name, word) in ranked.into_iter().take(REUSED) {
        // A text need hold none of the words for the model to find the aspect; one such name is then assumed.
        if word.is_some() || features.is_empty() {
            let word = word.unwrap_or(any);
            features.push((name.clone(), quote(word, word)));
        }
    }
    let is_key = |token: &Token| {
        !is_stop_word(&token.word) && token.word.chars().count() > 2 && token.word.chars().any(char::is_alphabetic)
    };
    let keys: Vec<usize> = words.iter().enumerate().filter(|(_, token)| is_key(token)).map(|(at, _)| at).collect();
    let wanted = FEATURES.saturating_sub(features.len()).min(keys.len().div_ceil(3).max(1));
    for number in 0..wanted {
        let Some(at) = keys.get(number * keys.len() / wanted.max(1)).copied() else { break };
        let Some(first) = words.get(at) else { break };
        // Every other name has two words where two key words stand together; the others repeat from text to text.
        let second = words.get(at + 1).filter(|next| number % 2 == 0 && is_key(next) && !next.opens);
        let last = second.unwrap_or(first);
        let name = second.map_or_else(|| first.word.clone(), |next| format!("{} {}", first.word, next.word));
        features.push((name, quote(first, last)));
    }
    features.into_iter().map(|(name, quote)| json!({ "name": name, "quote": quote })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_the_texts_own_words_and_known_names() {
        let text = "A slow, quiet drama about a lighthouse keeper and his dog.";
        let names = |known: &[String]| {
            let features = found(text, known);
            features.iter().map(|f| f["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(&[]), ["slow", "lighthouse"]);
        let known = ["loud action".to_owned(), "quiet mood".to_owned()];
        assert_eq!(names(&known)[0], "quiet mood");
        assert_eq!(names(&known[..1])[0], "loud action");
        assert!(found("", &known).is_empty());
        for feature in found(text, &known) {
            assert!(crate::extract::ground(text, feature["quote"].as_str().unwrap()).is_some());
        }
    }
}
