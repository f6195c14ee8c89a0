//! Tests of reading replies, well-formed and not.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Repair::{
    ClosedBrackets, DroppedItems, StrippedFence, StrippedProse, StrippedThinking, Syntax, WrappedItem,
};
use super::*;

mod properties;

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct One {
    a: Value,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Verdict {
    reasoning: String,
    rating: u8,
}

/// An item of a lenient host: only the name must be there.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Feature {
    name: String,
    #[serde(default)]
    influence: Option<bool>,
}

const SHAPE: ReplyError = ReplyError::WrongShape { expected: String::new() };

fn is_shape(error: &ReplyError) -> bool {
    matches!(error, ReplyError::WrongShape { .. })
}

type Case<'a> = (&'a str, Result<(Value, &'a [Repair]), ReplyError>);

fn check(cases: &[Case]) {
    for (reply, expected) in cases {
        let got = read_reply::<One>(reply);
        match (&got, expected) {
            (Ok(got), Ok((value, repairs))) => {
                assert_eq!((&got.value.a, got.repairs.as_slice()), (value, *repairs), "{reply}");
            }
            (Err(got), Err(expected)) if is_shape(expected) => assert!(is_shape(got), "{reply}: {got:?}"),
            (Err(got), Err(expected)) => assert_eq!(got, expected, "{reply}"),
            _ => panic!("{reply}\n got {got:?}\nexpected {expected:?}"),
        }
    }
}

#[test]
fn a_value_is_read_as_it_came_or_refused() {
    check(&[
        // Right as it came; nothing inside a string is looked at.
        (r#"{"a":1}"#, Ok((json!(1), &[]))),
        (" \n{\"a\" :\t1}\r\n", Ok((json!(1), &[]))),
        ("\u{feff}{\"a\":1}", Ok((json!(1), &[]))),
        (r#"{"a":"use ```json\n{}``` here"}"#, Ok((json!("use ```json\n{}``` here"), &[]))),
        (r#"{"a":"c {d}"}"#, Ok((json!("c {d}"), &[]))),
        (r#"{"a":"<think>x</think> // no [1, 'two',]"}"#, Ok((json!("<think>x</think> // no [1, 'two',]"), &[]))),
        (r#"{"a":"say \"no\", \\ \u00e9 \ud83d\ude00"}"#, Ok((json!("say \"no\", \\ é 😀"), &[]))),
        // Nothing to read.
        ("", Err(ReplyError::Empty)),
        (" \n\t", Err(ReplyError::Empty)),
        ("I am sorry, I cannot help with that.", Err(ReplyError::NoJson)),
        ("The rating is 4 (of 5), so: good.", Err(ReplyError::NoJson)),
        ("See [the manual] and {this page}.", Err(ReplyError::NoJson)),
        ("<|im_end|>\n<|im_end|>", Err(ReplyError::NoJson)),
        // Another type.
        (r#""I am sorry""#, Err(SHAPE)),
        ("[1]", Err(SHAPE)),
        (r#"{"b":1}"#, Err(SHAPE)),
        (r#"{"b":{"a":1}}"#, Err(SHAPE)),
        (r#"Here: {"b":{"a":1}}"#, Err(SHAPE)),
        ("Using rule [1], nothing more can be said.", Err(SHAPE)),
    ]);
}

#[test]
fn thinking_is_not_the_answer() {
    check(&[
        (r#"<think>maybe {"a":9}</think> {"a":1}"#, Ok((json!(1), &[StrippedThinking]))),
        (r#"<THINKING>{"a":9}</THINKING>{"a":1}"#, Ok((json!(1), &[StrippedThinking]))),
        (r#"<reasoning>[</reasoning>{"a":1}"#, Ok((json!(1), &[StrippedThinking]))),
        (r#"so {"a":9} it is</think>{"a":1}"#, Ok((json!(1), &[StrippedThinking]))),
        (r#"{"a":9}</think>{"a":1}"#, Ok((json!(1), &[StrippedThinking]))),
        (r#"{"a":1}<think>or {"a":9}?</think>"#, Ok((json!(1), &[StrippedThinking]))),
        (r#"<think>it may be {"a":9}"#, Err(ReplyError::NoJson)),
        (r#"<think>it may be {"a":9}</think>"#, Err(ReplyError::NoJson)),
    ]);
}

#[test]
fn what_stands_around_a_value_is_stripped() {
    check(&[
        // Fences, prose and control tokens around it.
        ("```json\n{\"a\":1}\n```", Ok((json!(1), &[StrippedFence]))),
        ("```\n{\"a\":1}\n```", Ok((json!(1), &[StrippedFence]))),
        ("```json\n{\"a\":1}", Ok((json!(1), &[StrippedFence]))),
        ("`{\"a\":1}`", Ok((json!(1), &[StrippedFence]))),
        ("JSON:\n{\"a\":1}", Ok((json!(1), &[StrippedProse]))),
        ("{\"a\":1}\n\nThe JSON format is right.", Ok((json!(1), &[StrippedProse]))),
        ("It's as asked:\n```json\n{\"a\":1}\n```\nDone!", Ok((json!(1), &[StrippedFence, StrippedProse]))),
        ("{\"a\":1}<|im_end|>", Ok((json!(1), &[StrippedProse]))),
        ("<|im_start|>assistant\n{\"a\":1}<|im_end|>", Ok((json!(1), &[StrippedProse]))),
        ("{\"a\":1}<|im_end|>\n<|im_start|>user\nlike {\"a\":9}<|im_end|>", Ok((json!(1), &[StrippedProse]))),
        ("<answer>{\"a\":1}</answer>", Ok((json!(1), &[StrippedProse]))),
        // Brackets in prose.
        (r#"Using rule [1], the answer is: {"a":1}"#, Ok((json!(1), &[StrippedProse]))),
        (r#"{"a":1} follows from [1] and [2]"#, Ok((json!(1), &[StrippedProse]))),
        (r#"{note} the :-{ is mine: {"a":1} [sic"#, Ok((json!(1), &[StrippedProse]))),
        (r#"{Note: here it is {"a":1}}"#, Ok((json!(1), &[StrippedProse]))),
        // Several: the last that fits.
        (r#"{"a":"..."} becomes {"a":1}"#, Ok((json!(1), &[StrippedProse]))),
        (r#"{"a":1} {"b":2}"#, Ok((json!(1), &[StrippedProse]))),
        (r#"{"a":"..."} becomes {'a':1,}"#, Ok((json!(1), &[StrippedProse, Syntax]))),
        (r#"{"a":"..."} becomes {"a":12"#, Err(SHAPE)),
        (r#"{"a":"..."} becomes {"x":1,"a":1|2}"#, Err(ReplyError::Malformed { position: 32 })),
    ]);
}

#[test]
fn syntax_is_put_right_where_it_has_one_reading() {
    check(&[
        (r#"{"a":1,}"#, Ok((json!(1), &[Syntax]))),
        (r#"{"a":[1,2,],}"#, Ok((json!([1, 2]), &[Syntax]))),
        (r#"{"a":[,1,,2]}"#, Ok((json!([1, 2]), &[Syntax]))),
        ("{'a':'it''s \"so\"'}", Ok((json!("it''s \"so\""), &[Syntax]))),
        ("{'a':'it's fine'}", Ok((json!("it's fine"), &[Syntax]))),
        (r"{'a':'it\'s'}", Ok((json!("it's"), &[Syntax]))),
        ("{a:1}", Ok((json!(1), &[Syntax]))),
        ("{'a':[True,False,None,NaN,-Infinity]}", Ok((json!([true, false, null, null, null]), &[Syntax]))),
        ("{\"a\": // why\n 1 /* one */ # end\n}", Ok((json!(1), &[Syntax]))),
        (r#"{"a":[1 2 "x" "y"]}"#, Ok((json!([1, 2, "x", "y"]), &[Syntax]))),
        (r#"{"a":[{"b":1}{"b":2} [3]]}"#, Ok((json!([{"b":1}, {"b":2}, [3]]), &[Syntax]))),
        (r#"{"a":[1 2 "x" [3]]}"#, Err(ReplyError::Malformed { position: 13 })),
        ("{\"b\":\"x\"\n\"a\":\"y\"}", Ok((json!("y"), &[Syntax]))),
        ("{\"a\":\"one\ntwo\tthree\"}", Ok((json!("one\ntwo\tthree"), &[Syntax]))),
        ("{“a”:“one ‘two’”}", Ok((json!("one ‘two’"), &[Syntax]))),
        ("{\"a\":\"“one”, he said\"}", Ok((json!("“one”, he said"), &[]))),
        (r#"{"a":"he said "so" twice"}"#, Ok((json!("he said \"so\" twice"), &[Syntax]))),
        (r#"{"a":"size "L", which fits","b":1}"#, Ok((json!("size \"L\", which fits"), &[Syntax]))),
        (r#"{"a":"C:\dir"}"#, Ok((json!("C:\\dir"), &[Syntax]))),
        (r#"{"a":"\ud83d"}"#, Ok((json!("\u{fffd}"), &[Syntax]))),
        ("{\"a\":\u{a0}+.5}", Ok((json!(0.5), &[Syntax]))),
        ("{\"a\"：1，\"b\"：2}", Ok((json!(1), &[Syntax]))),
        ("{\"a\":1<|im_end|>}", Ok((json!(1), &[Syntax]))),
        (r#"{"a":[1,2}"#, Ok((json!([1, 2]), &[Syntax]))),
        (r#"{"a":[{"b":1}},{"b":2}]}"#, Ok((json!([{"b":1},{"b":2}]), &[Syntax]))),
        // More than one reading: refused.
        (r#"{"a":4/5}"#, Err(ReplyError::Malformed { position: 6 })),
        (r#"{"a":1|2|3}"#, Err(ReplyError::Malformed { position: 6 })),
        (r#"{"a":4 stars}"#, Err(ReplyError::Malformed { position: 7 })),
        (r#"{"a":good}"#, Err(ReplyError::Malformed { position: 9 })),
        (r#"{"b":{"a":1},"c":?}"#, Err(ReplyError::Malformed { position: 17 })),
        (r#"{"b":1,"c":oops} rather {"a":1}"#, Ok((json!(1), &[StrippedProse]))),
        (r#"{"a":1,"b":"x" oops} rather {"a":2}"#, Ok((json!(2), &[StrippedProse]))),
        (r#"{"a":1,"b":"he said "so" and"#, Err(ReplyError::Malformed { position: 21 })),
    ]);
}

#[test]
fn a_cut_value_is_closed_after_its_last_whole_member() {
    check(&[
        (r#"{"a":1"#, Err(SHAPE)),
        (r#"{"a":1,"b":"unfin"#, Ok((json!(1), &[ClosedBrackets]))),
        (r#"{"a":"whole""#, Ok((json!("whole"), &[ClosedBrackets]))),
        (r#"{"a":tru"#, Err(SHAPE)),
        (r#"{"a":true"#, Ok((json!(true), &[ClosedBrackets]))),
        (r#"{"a":[1,2,3"#, Ok((json!([1, 2]), &[ClosedBrackets]))),
        (r#"{"a":[{"b":1},{"b":2,"c":[3,"#, Ok((json!([{"b":1}]), &[ClosedBrackets]))),
        ("```json\n{\"a\":[1,2\n```\nDone.", Ok((json!([1, 2]), &[StrippedFence, StrippedProse, ClosedBrackets]))),
        (r#"{"a":"never ends, though it stopped."#, Err(SHAPE)),
        ("{", Err(SHAPE)),
    ]);
}

#[test]
fn the_type_decides_which_value_is_the_answer() {
    let verdict = |reply: &str| read_reply::<Verdict>(reply).map(|reply| reply.value.rating);
    let format = r#"{"reasoning":"...","rating":1}"#;
    assert_eq!(verdict(&format!(r#"Form: {format} Answer: {{"reasoning":"loud hum","rating":2}}"#)), Ok(2));
    // The template's placeholder does not fit the type, nor does a list of verdicts.
    assert_eq!(verdict(r#"{"reasoning":"dim lamp","rating":3} as {"reasoning":"..","rating":"1|2|3"}"#), Ok(3));
    assert!(verdict(r#"{"reasoning":[{"reasoning":"a","rating":1},{"reasoning":"b","rating":2},{"#).is_err());
    assert!(verdict(r#"{"reasoning":"the lid fits","confidence":4}"#).is_err());
    // A template must not stand in for an answer that was cut.
    assert!(verdict(&format!(r#"{format} {{"reasoning":"loud hum","rating":"#)).is_err());
    assert_eq!(read_reply::<Vec<u8>>("Rule {1} gives [1,2,3].").map(|reply| reply.value), Ok(vec![1, 2, 3]));
    assert_eq!(read_reply::<u8>("4").map(|reply| reply.value), Ok(4));
}

/// The names read, the unreadable items, whether the list was cut, and the repairs.
type Listed = Result<(&'static [&'static str], usize, bool, &'static [Repair]), ReplyError>;

const ITEMS: &[(&str, Listed)] = &[
    (r#"{"features":[{"name":"lid"},{"name":"hum"}]}"#, Ok((&["lid", "hum"], 0, false, &[]))),
    (r#"{"features":[]}"#, Ok((&[], 0, false, &[]))),
    (r#"{"note":"x","features":[{"name":"lid","more":1}]}"#, Ok((&["lid"], 0, false, &[]))),
    // One by one.
    (
        r#"{"features":[{"name":"lid"},{"name":"hum","influence":"positive"},{"name":"arm"}]}"#,
        Ok((&["lid", "arm"], 1, false, &[DroppedItems])),
    ),
    (r#"{"features":[{"name":"lid"},{"context":"x"},{"polarity":"y"}]}"#, Ok((&["lid"], 2, false, &[DroppedItems]))),
    (r#"{"features":[{"context":"x"},7]}"#, Ok((&[], 2, false, &[DroppedItems]))),
    (r#"Sure: {"features":[{"context":"x"}]}"#, Ok((&[], 1, false, &[StrippedProse, DroppedItems]))),
    // serde would take a list for a struct.
    (r#"{"features":[["lid",true],{"name":"hum"}]}"#, Ok((&["hum"], 1, false, &[DroppedItems]))),
    (r#"[["lid",true]]"#, Err(SHAPE)),
    // Not wrapped.
    (r#"[{"name":"lid"},{"name":"hum"}]"#, Ok((&["lid", "hum"], 0, false, &[WrappedItem]))),
    ("```json\n[\n {\"name\":\"lid\"}\n]\n```", Ok((&["lid"], 0, false, &[StrippedFence, WrappedItem]))),
    ("```json\n[]\n```", Ok((&[], 0, false, &[StrippedFence, WrappedItem]))),
    ("[]", Ok((&[], 0, false, &[WrappedItem]))),
    (r#"{"name":"lid"}"#, Ok((&["lid"], 0, false, &[WrappedItem]))),
    (r#"{"features":{"name":"lid"}}"#, Ok((&["lid"], 0, false, &[WrappedItem]))),
    ("{\"name\":\"lid\"}\n{\"name\":\"hum\"}\n", Ok((&["lid", "hum"], 0, false, &[WrappedItem]))),
    (r#"{"name":"lid"},{"name":"hum"}"#, Ok((&["lid", "hum"], 0, false, &[WrappedItem]))),
    ("{\"name\":\"lid\"}\n{\"context\":\"x\"}", Ok((&["lid"], 1, false, &[DroppedItems, WrappedItem]))),
    ("{\"name\":\"lid\"}\n{\"name\":\"hum\",\"in", Ok((&["lid"], 0, true, &[ClosedBrackets, WrappedItem]))),
    // Cut.
    (
        r#"{"features":[{"name":"lid"},{"name":"hum","influence":true,"polarity":"neg"#,
        Ok((&["lid"], 0, true, &[ClosedBrackets])),
    ),
    (r#"{"features":[{"name":"lid"},{"name":"hum"}"#, Ok((&["lid", "hum"], 0, true, &[ClosedBrackets]))),
    (r#"{"features":[{"name":"lid"}],"note":"unfin"#, Ok((&["lid"], 0, false, &[ClosedBrackets]))),
    (r#"[{"name":"lid"},{"na"#, Ok((&["lid"], 0, true, &[ClosedBrackets, WrappedItem]))),
    ("JSON:\n{\"features\":[\n {\"name\":\"lid\"},\n {\"na", Ok((&["lid"], 0, true, &[StrippedProse, ClosedBrackets]))),
    (r#"{"features":[{"name":"hum","influence":true,"polarity":"neg"#, Err(SHAPE)),
    (r#"{"name":"hum","influence":tr"#, Err(SHAPE)),
    // Chatter, templates, thinking.
    ("{\"features\":[{\"name\":\"lid\"}]}\n\nAs rule [1] and [2] ask.", Ok((&["lid"], 0, false, &[StrippedProse]))),
    (
        r#"In this form: {"features":[{"name":"..."}]} {"features":[{"name":"lid"}]}"#,
        Ok((&["lid"], 0, false, &[StrippedProse])),
    ),
    (
        r#"In this form: {"features":[{"name":"..."}]} {"features":[{"name":"lid"},{"#,
        Ok((&["lid"], 0, true, &[StrippedProse, ClosedBrackets])),
    ),
    (r#"In this form: {"features":[{"name":"..."}]} {"features":[{"name":"li"#, Err(SHAPE)),
    (r#"{"features":[{"name":"lid"}]} ["name"]"#, Ok((&["lid"], 0, false, &[StrippedProse]))),
    (
        r#"<think>{"features":[{"name":"no"}]}</think>{"features":[{"name":"lid",}]}"#,
        Ok((&["lid"], 0, false, &[StrippedThinking, Syntax])),
    ),
    // A list that is broken somewhere.
    (
        r#"{"features":[{"name":"lid"},{"name":"hum","influence":maybe not},{"name":"arm"}]}"#,
        Ok((&["lid", "arm"], 1, false, &[DroppedItems])),
    ),
    (
        r#"{"features":[{"name":"..."}]} {"features":[{"name":"lid"},{"name":"hum","influence":maybe not}]}"#,
        Ok((&["lid"], 1, false, &[StrippedProse, DroppedItems])),
    ),
    (r#"{"features":[{"name":"lid"}, ...]}"#, Ok((&["lid"], 1, false, &[DroppedItems]))),
    (r#"{"features":[{"name":?}]}"#, Err(ReplyError::Malformed { position: 21 })),
    // Refused.
    ("No features stand out.", Err(ReplyError::NoJson)),
    ("There are none [], I think.", Err(SHAPE)),
    (r#"{"features":null}"#, Err(SHAPE)),
    (r#"{"error":"too short"}"#, Err(SHAPE)),
    ("[1,2]", Err(SHAPE)),
];

#[test]
fn items_are_read_or_refused_as_listed() {
    for (reply, expected) in ITEMS {
        let got = read_items::<Feature>(reply, "features");
        match (&got, expected) {
            (Ok(got), Ok((names, unreadable, truncated, repairs))) => {
                let read: Vec<&str> = got.items.iter().map(|item| item.name.as_str()).collect();
                let got = (read.as_slice(), got.unreadable, got.truncated, got.repairs.as_slice());
                assert_eq!(got, (*names, *unreadable, *truncated, *repairs), "{reply}");
            }
            (Err(got), Err(expected)) if is_shape(expected) => assert!(is_shape(got), "{reply}: {got:?}"),
            (Err(got), Err(expected)) => assert_eq!(got, expected, "{reply}"),
            _ => panic!("{reply}\n got {got:?}\nexpected {expected:?}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Group {
    #[serde(default)]
    about: String,
    features: Vec<Value>,
}

#[test]
fn of_a_cut_list_the_last_item_is_kept_with_its_whole_members_where_that_is_asked_for() {
    let cases = [
        (r#"{"items":[{"about":"t1","features":[{"n":1},{"n":2},{"n"#, Some(vec![("t1", 2)]), 0),
        (
            r#"{"items":[{"about":"t1","features":[{"n":1}]},{"about":"t2","features":[{"n":1},{"n":"#,
            Some(vec![("t1", 1), ("t2", 1)]),
            1,
        ),
        (r#"{"items":[{"about":"t1","features":[{"n":1}]},{"about":"t"#, Some(vec![("t1", 1)]), 1),
        ("```json\n{\"items\": [{\"about\": \"t1\", \"features\": [{\"n\": 1}, {\"n\": \"x", Some(vec![("t1", 1)]), 0),
        (r#"{"about":"t1","features":[{"n":1},{"n""#, Some(vec![("t1", 1)]), 0),
        (r#"{"features":[{"n":1},{"n""#, Some(vec![("", 1)]), 0),
        (r#"{"items":[{"about":"t1","#, None, 0),
    ];
    for (reply, kept, whole) in cases {
        let cut = read_cut_items::<Group>(reply, "items").ok();
        let cut: Option<Vec<(String, usize)>> =
            cut.map(|cut| cut.items.into_iter().map(|item| (item.about, item.features.len())).collect());
        let kept: Option<Vec<(String, usize)>> =
            kept.map(|kept| kept.into_iter().map(|(about, count)| (about.to_owned(), count)).collect());
        assert_eq!(cut.filter(|cut| !cut.is_empty()), kept, "{reply}");
        assert_eq!(read_items::<Group>(reply, "items").map_or(0, |read| read.items.len()), whole, "{reply}");
    }
}

#[test]
fn errors_are_small_and_hold_no_reply() {
    assert!(size_of::<ReplyError>() <= 64);
    for reply in ["secret", "{\"secret\":1}", "[1] secret", "{\"secret\":1,?}", "{\"secret"] {
        let error = read_reply::<Verdict>(reply).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
    }
}

#[test]
fn hostile_replies_end_soon_and_do_not_overflow() {
    let n = 100_000;
    for part in ["[", "{", "{\"a\":", "[{", "[1,", "{\"a\":[", "[\"", "<think>", "</think>", "<|", "`", "{'", "}],"] {
        let reply = part.repeat(n);
        assert!(read_reply::<One>(&reply).is_err(), "{part}");
        assert!(read_items::<One>(&reply, "features").is_err(), "{part}");
    }
    let deep = format!("{}{}", "[".repeat(n), "]".repeat(n));
    assert!(read_reply::<One>(&deep).is_err());
    assert!(read_reply::<One>(&format!("so: {deep} {{\"a\":1}}")).is_err());
    let long = format!("so: {}", "x".repeat(MAX_REPLY_BYTES));
    assert_eq!(read_reply::<One>(&long).unwrap_err(), ReplyError::TooLong { bytes: long.len() });
    let many = "{\"name\":\"lid\"}\n".repeat(1000);
    assert_eq!(read_items::<Feature>(&many, "features").unwrap().items.len(), 1000);
}

#[test]
fn a_wrong_shape_names_the_form_in_json_and_no_type() {
    let told = |error: ReplyError| error.to_string();
    let lead = "the reply has JSON, but not in the form asked for: expected ";
    assert_eq!(told(read_reply::<Feature>("[1]").unwrap_err()), format!("{lead}{{\"name\":…,\"influence\":…}}"));
    assert_eq!(told(read_reply::<Vec<u8>>("{}").unwrap_err()), format!("{lead}[…]"));
    assert_eq!(told(read_reply::<std::collections::BTreeMap<String, u8>>("[]").unwrap_err()), format!("{lead}{{…}}"));
    assert_eq!(told(read_items::<Feature>("[1]", "features").unwrap_err()), format!("{lead}{{\"features\":[…]}}"));
}
