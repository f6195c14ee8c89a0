//! What is read from a reply and what is refused: tables of common and of nasty cases, all texts invented.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::time::{Duration, Instant};

use rpm_core::prompt::{Repair, ReplyError, read_items, read_reply};
use serde::Deserialize;
use serde_json::{Value, json};

use Repair::{ClosedBrackets, DroppedItems, StrippedFence, StrippedProse, StrippedThinking, Syntax, WrappedItem};

#[derive(Debug, Deserialize)]
struct One {
    a: Value,
}

#[derive(Debug, Deserialize)]
struct Item {
    n: Value,
}

/// The value of `a`, or `None` where the reply is refused.
fn one(reply: &str) -> Option<(Value, Vec<Repair>)> {
    read_reply::<One>(reply).ok().map(|read| (read.value.a, read.repairs))
}

/// The values of `n` of the items, or `None` where the reply is refused.
fn many(reply: &str) -> Option<(Vec<Value>, Vec<Repair>)> {
    let read = read_items::<Item>(reply, "items").ok()?;
    Some((read.items.into_iter().map(|item| item.n).collect(), read.repairs))
}

/// Samples on which lenient JSON libraries gave silent wrong answers, and the usual ones they repair.
#[test]
fn thirty_two_samples_are_read_right_or_refused() {
    type Wanted<'a> = Option<(Value, &'a [Repair])>;
    type WantedItems<'a> = Option<(&'a [i32], &'a [Repair])>;
    let values: [(&str, Wanted); 24] = [
        // Valid JSON is itself, whatever stands in its strings.
        (r#"{"a":1}"#, Some((json!(1), &[]))),
        (r#"{"a":"use ```json\n{}``` here"}"#, Some((json!("use ```json\n{}``` here"), &[]))),
        (r#"{"a":"c {d}"}"#, Some((json!("c {d}"), &[]))),
        (r#"{"a":"it's // no comment, [1,]"}"#, Some((json!("it's // no comment, [1,]"), &[]))),
        // A refusal is no answer.
        ("I am sorry, I cannot help", None),
        ("As a language model, I have no taste; see rule 1.", None),
        // Thinking and prose are not the answer.
        (r#"<think>maybe {"a":9}</think> {"a":1}"#, Some((json!(1), &[StrippedThinking]))),
        (r#"Using rule [1], the answer is: {"a":1}"#, Some((json!(1), &[StrippedProse]))),
        (r#"{"a":1} as rule [1] says"#, Some((json!(1), &[StrippedProse]))),
        ("```json\n{\"a\":1}\n```", Some((json!(1), &[StrippedFence]))),
        ("Here it is:\n```\n{\"a\":1}\n```\nAnything else?", Some((json!(1), &[StrippedFence, StrippedProse]))),
        // Syntax with one reading.
        (r#"{"a":1,}"#, Some((json!(1), &[Syntax]))),
        ("{'a':'x'}", Some((json!("x"), &[Syntax]))),
        ("{a:1}", Some((json!(1), &[Syntax]))),
        ("{\"a\":1 // so\n}", Some((json!(1), &[Syntax]))),
        (r#"{"a":True}"#, Some((json!(true), &[Syntax]))),
        (r#"{"a":NaN}"#, Some((Value::Null, &[Syntax]))),
        (r#"{"a":[1 2 3]}"#, Some((json!([1, 2, 3]), &[Syntax]))),
        (r#"{"a":"he said "so" twice"}"#, Some((json!("he said \"so\" twice"), &[Syntax]))),
        ("{\"a\":\"one\ntwo\"}", Some((json!("one\ntwo"), &[Syntax]))),
        // Cut.
        (r#"{"a":[1,2,3"#, Some((json!([1, 2]), &[ClosedBrackets]))),
        (r#"{"a":"unfin"#, None),
        // More than one reading.
        (r#"{"a":1|2|3}"#, None),
        (r#"{"a":4/5}"#, None),
    ];
    for (reply, wanted) in values {
        let wanted = wanted.map(|(value, repairs)| (value, repairs.to_vec()));
        assert_eq!(one(reply), wanted, "{reply}");
    }
    let lists: [(&str, WantedItems); 8] = [
        (r#"{"items":[{"n":1},{"n":2}]}"#, Some((&[1, 2], &[]))),
        // All whole items of a cut list, not the first alone.
        (r#"[{"n":1},{"n":2},{"n":"#, Some((&[1, 2], &[ClosedBrackets, WrappedItem]))),
        (r#"{"items":[{"n":1},{"n":2},{"n""#, Some((&[1, 2], &[ClosedBrackets]))),
        ("{\"n\":1}\n{\"n\":2}", Some((&[1, 2], &[WrappedItem]))),
        (r#"[{"n":1},{"n":2}]"#, Some((&[1, 2], &[WrappedItem]))),
        (r#"{"items":[{"n":1},{"m":2},{"n":3}]}"#, Some((&[1, 3], &[DroppedItems]))),
        (r#"<think>[{"n":9}]</think>{"items":[{"n":1}]}"#, Some((&[1], &[StrippedThinking]))),
        ("none that I can see", None),
    ];
    for (reply, wanted) in lists {
        let wanted = wanted.map(|(values, repairs)| (values.iter().map(|n| json!(n)).collect(), repairs.to_vec()));
        assert_eq!(many(reply), wanted, "{reply}");
    }
}

#[derive(Debug, Deserialize)]
struct Feature {
    name: String,
    context: String,
    influence: bool,
    #[expect(dead_code, reason = "must be there")]
    polarity: Side,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Side {
    Positive,
    Negative,
}

#[derive(Debug, Deserialize)]
struct Verdict {
    reasoning: String,
    #[serde(deserialize_with = "stars")]
    rating: u64,
}

fn stars<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let stars = value.as_u64().or_else(|| value.as_str()?.parse().ok()).filter(|stars| (1..=5).contains(stars));
    stars.ok_or_else(|| serde::de::Error::custom("no rating"))
}

fn features(reply: &str) -> Result<(Vec<String>, usize, bool), ReplyError> {
    let read = read_items::<Feature>(reply, "features")?;
    let names = read.items.into_iter().map(|item| item.name).collect();
    Ok((names, read.unreadable, read.truncated))
}

fn rating(reply: &str) -> Option<u64> {
    read_reply::<Verdict>(reply).ok().map(|read| read.value.rating)
}

const LID: &str = r#"{"name":"tight lid","context":"the lid sits tight","influence":true,"polarity":"positive"}"#;
const HUM: &str = r#"{"name":"loud hum","context":"hums all night","influence":true,"polarity":"negative"}"#;

#[test]
fn fences_and_chatter_around_the_answer_are_no_hindrance() {
    let verdict = r#"{"reasoning":"The lid sits tight.","rating":"4"}"#;
    for around in [
        format!("```json\n{verdict}\n```"),
        format!("To determine the rating, we look at the kettle:\n\n1. **Lid**: it sits tight.\n\n{verdict}"),
        format!("JSON:\n{verdict}"),
        format!("{verdict}\n\nThis JSON is a valid JSON."),
        format!("{verdict}<|im_end|>\n<|im_start|>user\nRate the next one."),
    ] {
        assert_eq!(rating(&around), Some(4), "{around}");
    }
}

#[test]
fn lists_without_their_object_and_objects_without_their_keys() {
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        features(&format!("```json\n[\n  {LID},\n  {HUM}\n]\n```")),
        Ok((names(&["tight lid", "loud hum"]), 0, false))
    );
    assert_eq!(rating(r#"{"reasoning":"It hums."}"#), None);
    let keyless = r#"{"name":"spout","context":"the spout drips"}"#;
    assert_eq!(features(&format!(r#"{{"features":[{LID},{keyless}]}}"#)), Ok((names(&["tight lid"]), 1, false)));
    // One object split in three is three that cannot be read, not one made up.
    let split = r#"{"features":[{"name":"spout"},{"context":"the spout drips"},{"polarity":"negative"}]}"#;
    assert_eq!(features(split), Ok((names(&[]), 3, false)));
}

#[test]
fn what_ends_too_early_is_kept_only_as_far_as_it_was_whole() {
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    // Never closed, though the model said it was done.
    assert_eq!(rating(r#"{"reasoning":"The kettle hums and the lid sits tight. The user is glad of it."#), None);
    assert_eq!(rating("{\"reasoning\":\"It hums.\\n\",\"rating\":"), None);
    // Cut at the limit.
    for cut in [r#"{"name":"spo"#, r#"{"name":"spout","context":"drips","influence":tr"#, "{", ""] {
        let reply = format!(r#"{{"features":[{LID},{HUM},{cut}"#);
        assert_eq!(features(&reply), Ok((names(&["tight lid", "loud hum"]), 0, true)), "{cut}");
    }
}

#[test]
fn wrong_types_and_cases_lose_one_item_and_are_counted() {
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    for wrong in [LID.replace("true", "\"positive\""), LID.replace("\"positive\"", "\"Positive\"")] {
        assert_eq!(features(&format!(r#"{{"features":[{wrong},{HUM}]}}"#)), Ok((names(&["loud hum"]), 1, false)));
    }
}

#[test]
fn an_echoed_template_is_not_the_answer() {
    assert_eq!(rating(r#"{"reasoning":"...","rating":"1|2|3|4|5"}"#), None);
    let format = r#"Answer with JSON only: {"reasoning":"...","rating":"1|2|3|4|5"}"#;
    assert_eq!(rating(format), None);
    assert_eq!(rating(&format!(r#"{format} {{"reasoning":"It hums.","rating":"2"}}"#)), Some(2));
    // Where the template's own value fits the type, a later answer still stands before it, and a cut one is not
    // replaced by it.
    let fits = r#"Answer in this form: {"reasoning":"...","rating":1}"#;
    assert_eq!(rating(&format!(r#"{fits} {{"reasoning":"Fine.","rating":5}}"#)), Some(5));
    assert_eq!(rating(&format!(r#"{fits} {{"reasoning":"Fine, the ki"#)), None);
    // A placeholder that is valid under the schema comes through as what it is: names are for the caller to judge.
    let echo = r#"{"features":[{"name":"...","context":"...","influence":true,"polarity":"positive"}]}"#;
    let read = read_items::<Feature>(echo, "features").unwrap();
    assert_eq!((read.items[0].name.as_str(), read.items[0].context.as_str()), ("...", "..."));
}

#[test]
fn strings_that_end_oddly_are_read_to_their_end_or_refused() {
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let read = |context: &str| {
        let reply = format!(
            r#"{{"features":[{{"name":"hum","context":"{context}","influence":true,"polarity":"negative"}}]}}"#
        );
        read_items::<Feature>(&reply, "features").map(|read| read.items[0].context.clone())
    };
    // Cut in mid-word by the schema, with a stray character.
    assert_eq!(read(r"it hums all ni\t"), Ok("it hums all ni\t".to_owned()));
    assert_eq!(read("it hums all ni\t"), Ok("it hums all ni\t".to_owned()));
    // Quotes inside.
    assert_eq!(read(r#"they call it "silent" and it is not"#), Ok(r#"they call it "silent" and it is not"#.to_owned()));
    assert_eq!(read("they call it "), Ok("they call it ".to_owned()));
    // The same context twice, more than asked for: all of them are read, what is too much is for the caller.
    let twice = format!(r#"{{"features":[{LID},{LID},{LID},{HUM},{HUM},{HUM},{LID}]}}"#);
    assert_eq!(features(&twice).unwrap().0.len(), 7);
    // A sentence over and over until the limit.
    let loops = format!(r#"{{"reasoning":"{}"#, "It hums, which is a drawback. ".repeat(200));
    assert_eq!(rating(&loops), None);
    assert_eq!(features("{\"features\":[]}"), Ok((names(&[]), 0, false)));
}

#[test]
fn a_verdict_is_taken_as_given_even_if_its_reasons_contradict_it() {
    // Judging is not reading: nothing is changed on the way.
    let reply = "```json\n{\"reasoning\":\"The user gave 1 star because it is 'excellent'.\",\"rating\":\"1\"}\n```";
    let read = read_reply::<Verdict>(reply).unwrap();
    assert_eq!(
        (read.value.rating, read.value.reasoning.as_str()),
        (1, "The user gave 1 star because it is 'excellent'.")
    );
    assert_eq!(read.repairs, [StrippedFence]);
}

#[test]
fn control_tokens_and_odd_space_are_skipped() {
    let spaced = format!("{{\n\n\n   \"features\"\t :\n\n [ \n{LID}\t\n,\r\n {HUM}   ]\n\n}}\n\n");
    let read = read_items::<Feature>(&spaced, "features").unwrap();
    assert_eq!((read.items.len(), read.repairs), (2, vec![]));
    assert!(read.items.iter().all(|item| item.influence));
    assert_eq!(rating("<|im_start|>assistant\n{\"reasoning\":\"It hums.\",\"rating\":2}<|im_end|>"), Some(2));
    assert_eq!(rating("{\"reasoning\":\"It hums.\",\"rating\":2<|im_end|>}"), Some(2));
    // A stray character outside strings has no single reading; inside one it is text.
    assert_eq!(rating("{\"reasoning\":\"It hums 的.\",\"rating\":2}"), Some(2));
    assert_eq!(rating("{\"reasoning\":\"It hums.\",的\"rating\":2}"), None);
    assert_eq!(rating("<|im_end|>\n<|im_start|>user\n<|im_end|>"), None);
    assert_eq!(rating(&"<|im_end|>\n<|im_start|>user\n{\"reasoning\":\"It hums.\",\"rating\":2}".repeat(9)), None);
}

#[test]
fn endless_replies_are_refused_soon() {
    let hostile = [
        ("quotes", "\"".repeat(10_000_000)),
        ("quotes in an object", format!("{{\"a\":\"{}", "\"".repeat(10_000_000))),
        ("escapes", format!("{{\"a\":\"{}", "\\".repeat(1_000_000))),
        ("quotes within the limit", format!("{{\"a\":\"{}", "\"".repeat(250_000))),
        ("quotes and commas within the limit", format!("{{\"a\":\"{}", "\",\"".repeat(80_000))),
        ("open lists", "[".repeat(100_000)),
        ("open objects", "{\"a\":".repeat(50_000)),
        ("closed lists", format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))),
        ("closed objects", format!("{}1{}", "{\"a\":".repeat(40_000), "}".repeat(40_000))),
        ("lists in prose", format!("so: {}", "[ ".repeat(120_000))),
        ("brackets and quotes", "{\"[\\".repeat(60_000)),
        ("thoughts", "<think>".repeat(35_000)),
        ("fences", "```json\n{".repeat(25_000)),
    ];
    for (what, reply) in &hostile {
        let start = Instant::now();
        // Quotes alone may be a string of quotes; all else has nothing to read.
        assert!(read_reply::<One>(reply).is_err() || what.contains("within the limit"), "{what}");
        assert!(read_items::<Item>(reply, "items").is_err(), "{what}");
        assert!(start.elapsed() < Duration::from_secs(20), "{what} took {:?}", start.elapsed());
    }
    // What is JSON as it stands is read whatever its length.
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(10_000_000));
    assert_eq!(one(&long).unwrap().0.as_str().unwrap().len(), 10_000_000);
}
