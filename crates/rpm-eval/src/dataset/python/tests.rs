//! Python literals, whole, cut off and nested.

use super::*;
use proptest::prelude::*;
use std::fmt::Write as _;

fn text(text: &str) -> Literal {
    Literal::Text(text.to_owned())
}

#[test]
fn the_published_shape_is_read() {
    let read = literal(r#"defaultdict(<class 'list'>, {'Côte d\'Ivoire': [0.25, 1e-3], "A (x)": [nan, 1]})"#).unwrap();
    let Literal::Dict(entries) = read else { panic!("{read:?}") };
    assert_eq!(entries[0], (text("Côte d'Ivoire"), Literal::List(vec![Literal::Number(0.25), Literal::Number(0.001)])));
    let Literal::List(shares) = &entries[1].1 else { panic!() };
    assert!(matches!(shares[..], [Literal::Number(x), Literal::Number(1.0)] if x.is_nan()));
}

#[test]
fn both_quotes_and_every_escape_are_read() {
    let read = literal(r#"['it\'s', "it's", '"', '\n\t\\', '\x41\u00e9\U0001f600\101', 'a\db']"#).unwrap();
    let expected = ["it's", "it's", "\"", "\n\t\\", "Aé😀A", "a\\db"].map(text);
    assert_eq!(read, Literal::List(expected.to_vec()));
}

#[test]
fn constants_numbers_tuples_and_trailing_commas_are_read() {
    let read = literal("(None, True, False, -1, +.5, 2., 1E3, -inf, {},)").unwrap();
    let numbers = [-1.0, 0.5, 2.0, 1000.0, f64::NEG_INFINITY].map(Literal::Number);
    let mut expected = vec![Literal::None, Literal::Bool(true), Literal::Bool(false)];
    expected.extend(numbers);
    expected.push(Literal::Dict(Vec::new()));
    assert_eq!(read, Literal::List(expected));
    assert_eq!(literal("defaultdict(None, {})"), Ok(Literal::Dict(Vec::new())));
}

#[test]
fn what_is_no_literal_is_refused_with_its_place() {
    for bad in [
        "",
        "[",
        "[1",
        "[,]",
        "{1}",
        "{1:}",
        "'a",
        "'a\nb'",
        "'\\x4'",
        "'\\ud800'",
        "'\\N{DASH}'",
        "1 2",
        "--1",
        "1e",
        ".",
        "__import__('os')",
        "f()",
        "[1]*9",
        "defaultdict({})",
        "defaultdict(<class",
        "b'a'",
        "0x10",
    ] {
        assert!(literal(bad).is_err(), "{bad}");
    }
    assert_eq!(literal("[1, x]"), Err(NotALiteral { at: 4, problem: "a word that is no literal" }));
}

#[test]
fn depth_and_number_of_values_are_bounded() {
    assert!(literal(&"[".repeat(100_000)).is_err());
    assert!(literal(&format!("{}{}", "[".repeat(32), "]".repeat(32))).is_ok());
    assert!(literal(&format!("[{}]", "1,".repeat(VALUES))).is_err());
    assert!(literal(&"defaultdict(None, {1: ".repeat(1_000)).is_err());
}

/// As Python's `repr`, which quotes singly unless that needs an escape and the other does not.
fn repr(value: &Literal, out: &mut String) {
    match value {
        Literal::None => out.push_str("None"),
        Literal::Bool(value) => out.push_str(if *value { "True" } else { "False" }),
        Literal::Number(value) => write!(out, "{value:e}").unwrap(),
        Literal::Text(value) => {
            let quote = if value.contains('\'') && !value.contains('"') { '"' } else { '\'' };
            out.push(quote);
            for c in value.chars() {
                match c {
                    '\\' => out.push_str("\\\\"),
                    '\n' => out.push_str("\\n"),
                    c if c == quote => write!(out, "\\{c}").unwrap(),
                    c if u32::from(c) < 0x20 => write!(out, "\\x{:02x}", u32::from(c)).unwrap(),
                    c => out.push(c),
                }
            }
            out.push(quote);
        }
        Literal::List(values) => {
            out.push('[');
            for (n, value) in values.iter().enumerate() {
                out.push_str(if n > 0 { ", " } else { "" });
                repr(value, out);
            }
            out.push(']');
        }
        Literal::Dict(entries) => {
            out.push_str("defaultdict(<class 'list'>, {");
            for (n, (key, value)) in entries.iter().enumerate() {
                out.push_str(if n > 0 { ", " } else { "" });
                repr(key, out);
                out.push_str(": ");
                repr(value, out);
            }
            out.push_str("})");
        }
    }
}

fn literals() -> impl Strategy<Value = Literal> {
    let leaf = prop_oneof![
        Just(Literal::None),
        any::<bool>().prop_map(Literal::Bool),
        any::<f64>().prop_filter("finite", |x| x.is_finite()).prop_map(Literal::Number),
        "(\\PC|['\"\\\\\n\t\u{1}]){0,8}".prop_map(Literal::Text),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let entries = prop::collection::vec((inner.clone(), inner.clone()), 0..4);
        prop_oneof![prop::collection::vec(inner, 0..4).prop_map(Literal::List), entries.prop_map(Literal::Dict)]
    })
}

proptest! {
    #[test]
    fn what_repr_writes_is_read_back(value in literals()) {
        let mut written = String::new();
        repr(&value, &mut written);
        prop_assert_eq!(literal(&written), Ok(value), "{}", written);
    }

    #[test]
    fn no_text_makes_the_parser_panic(
        noise in "(\\PC|[\\[\\](){}<>,:'\"\\\\+.eE0-9-]|defaultdict|None|nan|\\\\x|\\\\u00|\n){0,60}",
        cut in 0_usize..60,
    ) {
        let _ = literal(&noise);
        let whole = "defaultdict(<class 'list'>, {'é\\x41': [1e-3, nan], \"b\": (True,)})";
        let _ = literal(whole.get(..cut.min(whole.len())).unwrap_or_default());
    }
}
