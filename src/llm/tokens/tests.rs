//! Tests of the token counts, by table and by rule.

use super::*;
use proptest::prelude::*;

#[test]
fn the_rule_reads_words_digits_marks_and_scripts() {
    for (text, tokens) in
        [("", 0), ("a", 1), ("The cat sat on the mat.", 7), ("1234567", 3), ("你好世界", 3), ("\n\n\n", 1), ("🎻🎻", 4)]
    {
        assert_eq!(by_rule(text), tokens, "{text:?}");
    }
}

proptest! {
    #[test]
    fn no_text_is_more_tokens_than_three_for_a_character(text in any::<String>()) {
        let tokens = by_rule(&text);
        prop_assert!(tokens <= 3 * text.chars().count() as u64);
        prop_assert!(text.trim().is_empty() || tokens > 0);
    }
}

mod against_the_table {
    use super::*;

    /// Invented prose, JSON and other scripts, with how far the rule may be off, in percent.
    const TEXTS: [(&str, f64, &str); 7] = [
        (
            "review",
            15.0,
            "I bought this stand for my daughter's violin lessons, and it has held up far better than I expected. \
             The clamp doesn't slip, the finish is a deep matte black, and it folds down to nothing. My only complaint \
             is the instruction sheet: 3 of the 12 steps are wrong. Still, for $24.99 it's a bargain!",
        ),
        (
            "abstract",
            15.0,
            "We present a transition-based parser for morphologically rich languages. Unlike previous approaches, our \
             model jointly predicts segmentation and dependency structure, which reduces error propagation. Experiments \
             on four treebanks show improvements of 1.7 points in labelled attachment score over a pipeline baseline.",
        ),
        (
            "reply",
            25.0,
            r#"{"items":[{"about":"t1","features":[{"name":"slow pacing","quote":"a slow, quiet drama"},{"name":"warm acting","quote":"the cast is warm"}]}]}"#,
        ),
        ("German", 25.0, "Der Film ist langsam erzählt, aber die Schauspieler überzeugen mit großer Wärme und Würde."),
        ("Russian", 25.0, "Это медленный и тихий фильм о смотрителе маяка, который каждый вечер зажигает огонь."),
        ("Chinese", 25.0, "这是一部节奏缓慢而安静的电影，讲述了一位灯塔看守人的故事，演员的表演非常温暖。"),
        ("Korean", 30.0, "이 영화는 느리고 조용하며 등대지기의 이야기를 따뜻하게 들려준다."),
    ];

    fn exact_tokens(text: &str) -> u64 {
        tiktoken_rs::o200k_base_singleton().count_ordinary(text) as u64
    }

    #[test]
    #[cfg(feature = "tokens")]
    fn the_feature_counts_by_the_table() {
        for (_, _, text) in TEXTS {
            assert_eq!(estimate_tokens(text), exact_tokens(text));
            assert_eq!(count_tokens(text), exact_tokens(text));
        }
        assert_eq!(count_tokens("<|endoftext|>"), exact_tokens("<|endoftext|>"));
    }

    fn error(rule: u64, exact: u64) -> f64 {
        100.0 * (rule as f64 - exact as f64) / exact as f64
    }

    #[test]
    fn the_rule_is_near_the_table_on_invented_texts() {
        for (name, most, text) in TEXTS {
            let (rule, exact) = (by_rule(text), exact_tokens(text));
            let off = error(rule, exact);
            println!("{name}: rule {rule}, table {exact}, {off:+.0} %");
            assert!(off.abs() <= most, "{name}: rule {rule}, table {exact}");
        }
    }

    #[test]
    fn the_rule_is_within_a_quarter_of_the_table_on_real_texts() {
        let Some(folder) = std::env::var_os("RPM_DATA") else {
            println!("not measured on real texts: RPM_DATA names no folder of data sets");
            return;
        };
        for set in ["rating", "rating_critics", "title", "opinion", "votes"] {
            let path = std::path::Path::new(&folder).join(set).join("users.jsonl");
            let lines = std::fs::read_to_string(path).unwrap();
            let (mut rule, mut exact, mut quarter, mut texts) = (0, 0, 0, 0);
            // Every fifth text is enough.
            let users = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
            let queries: Vec<String> = users
                .flat_map(|user| user["history"].as_array().unwrap().clone())
                .map(|past| past["query"].as_str().unwrap().to_owned())
                .collect();
            for query in queries.iter().step_by(5) {
                let (r, e) = (by_rule(query), exact_tokens(query));
                (rule, exact, texts) = (rule + r, exact + e, texts + 1);
                quarter += u32::from(error(r, e).abs() <= 25.0);
            }
            let off = error(rule, exact);
            println!("{set}: {texts} texts, rule {rule}, table {exact}, {off:+.1} %, {quarter} texts within 25 %");
            assert!(off.abs() <= 25.0, "{set}");
        }
    }
}
