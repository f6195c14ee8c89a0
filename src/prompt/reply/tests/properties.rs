//! Properties that hold for every reply.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![any::<String>(), "[a-z\"'{}\\[\\]:,\\\\/#<>|` \n]{0,12}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|n| Value::from(f64::from(n) / 8.0)),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((text.clone(), inner), 0..6).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn rendered(value: &Value, pretty: bool) -> String {
    if pretty { serde_json::to_string_pretty(value).unwrap() } else { value.to_string() }
}

fn read_all(reply: &str) {
    let _ = read_reply::<Value>(reply);
    let _ = read_reply::<One>(reply);
    let _ = read_reply::<Vec<String>>(reply);
    let _ = read_items::<Value>(reply, "features");
    let _ = read_items::<Feature>(reply, "features");
    let _ = read_cut_items::<Group>(reply, "items");
}

proptest! {
    #[test]
    fn any_text_is_survived(text in any::<String>(), json_like in "[\\[\\]{}\"':,a1.\\\\u#/*<>|` \n-]{0,60}") {
        read_all(&text);
        read_all(&json_like);
        read_all(&format!("{text}{json_like}{text}"));
    }

    #[test]
    fn damaged_json_is_survived(
        value in any_json(), pretty: bool, cut: prop::sample::Index,
        flips in prop::collection::vec((any::<prop::sample::Index>(), "[\\[\\]{}\"':,a1.\\\\é“]"), 0..5),
    ) {
        let mut chars: Vec<char> = rendered(&value, pretty).chars().collect();
        for (at, to) in flips {
            let at = at.index(chars.len());
            chars[at] = to.chars().next().unwrap();
        }
        read_all(&chars.iter().collect::<String>());
        chars.truncate(cut.index(chars.len() + 1));
        read_all(&chars.iter().collect::<String>());
    }

    #[test]
    fn valid_json_comes_back_as_it_is(value in any_json(), pretty: bool) {
        let reply = rendered(&value, pretty);
        prop_assert_eq!(read_reply(&reply), Ok(Reply { value, repairs: Vec::new() }));
    }

    #[test]
    fn valid_json_in_prose_comes_back_without_syntax_repairs(
        members in prop::collection::btree_map("[a-z]{1,4}", any_json(), 0..4), pretty: bool,
    ) {
        let value = Value::from_iter(members);
        let reply = format!("It's this, see [1] and (2):\n{}\nDone.", rendered(&value, pretty));
        let expected = Reply { value, repairs: vec![StrippedProse] };
        let read = read_reply::<BTreeMap<String, Value>>(&reply).map(|read| Reply {
            value: read.value.into_iter().collect::<Value>(),
            repairs: read.repairs,
        });
        prop_assert_eq!(read, Ok(expected));
    }

    #[test]
    fn a_cut_list_gives_its_first_items(
        items in prop::collection::vec(any_json(), 0..6), pretty: bool, bare: bool, cut: prop::sample::Index,
    ) {
        let whole = if bare { json!(items) } else { json!({ "features": items }) };
        let whole = rendered(&whole, pretty);
        let end = (0..=cut.index(whole.len() + 1)).rfind(|end| whole.is_char_boundary(*end)).unwrap();
        let prefix = &whole[..end];
        if let Ok(read) = read_items::<Value>(prefix, "features") {
            prop_assert!(items.starts_with(&read.items), "{} gave {:?}", prefix, read);
            prop_assert_eq!(read.unreadable, 0);
            prop_assert!(read.items.len() == items.len() || read.truncated);
        }
    }
}
