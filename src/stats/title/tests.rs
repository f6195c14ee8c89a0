//! Titles from a text's own words.

use proptest::prelude::*;

use super::*;

const KETTLE: &str = "Shared kitchens are crowded in the evening. We present a smart kettle scheduler that learns \
    when people drink tea. Results show that the smart kettle scheduler is liked.";

fn title(pairs: &[(&str, &str)], query: &str, max_chars: usize) -> String {
    TitleModel::fit(pairs.iter().copied()).title(query, &TitleBoosts::default(), max_chars).unwrap().text
}

#[test]
fn what_is_done_for_the_topic_becomes_the_title() {
    let found = TitleModel::default().title(KETTLE, &TitleBoosts::default(), 200).unwrap();
    assert_eq!(found.text, "Smart Kettle Scheduler for Shared Kitchens");
    assert_eq!(&KETTLE[found.start..found.end], "smart kettle scheduler");
}

#[test]
fn a_title_too_long_gives_way_to_a_shorter_one() {
    assert_eq!(title(&[], KETTLE, 30), "Smart Kettle Scheduler");
}

#[test]
fn a_user_who_writes_lower_case_gets_it() {
    let pairs = [("x", "On growing beans indoors"); 3];
    assert_eq!(title(&pairs, KETTLE, 30), "Smart kettle scheduler");
}

#[test]
fn what_earlier_titles_named_is_likelier_to_be_named_again() {
    let query = "Pond algae are counted in winter with drone photographs.";
    let pairs = [("Trees are counted in summer with drone photographs.", "Drone Photographs"); 6];
    let chances = |model: TitleModel| model.chances(query, &TitleBoosts::default());
    let (general, own) = (chances(TitleModel::default()), chances(TitleModel::fit(pairs)));
    assert!(own["drone"] > general["drone"]);
    assert!(own["counted"] < general["counted"]);
    assert!((own["algae"] - general["algae"]).abs() < 1e-12);
}

#[test]
fn the_order_of_the_pairs_does_not_matter() {
    let pairs = [(KETTLE, "Smart Kettles"), ("We count ants.", "counting ants: a start"), ("", ""), ("a b", "A B")];
    let forwards = TitleModel::fit(pairs);
    assert_eq!(forwards, TitleModel::fit(pairs.into_iter().rev()));
}

#[test]
fn odd_texts_get_their_first_words_or_nothing() {
    for nothing in ["", "  \n", "…?!", "🙂🙂", "( ) [ ]"] {
        assert_eq!(TitleModel::default().title(nothing, &TitleBoosts::default(), 50), None, "{nothing}");
    }
    assert_eq!(TitleModel::default().title("hello", &TitleBoosts::default(), 0), None);
    assert_eq!(title(&[], "hello", 50), "Hello");
    assert_eq!(title(&[], "the of and", 50), "The of And");
    assert_eq!(title(&[], "🙂 (hello\nthere)", 50), "Hello There)");
    assert_eq!(title(&[], "猫が好きです。", 3), "猫が好");
    assert_eq!(title(&[], "abcdefgh", 3), "Abc");
}

#[test]
fn own_spellings_stay() {
    assert_eq!(capitalize("“eBay"), "“eBay");
    assert_eq!(capitalize("“tea"), "“Tea");
}

proptest! {
    #[test]
    fn any_text_is_survived(
        query in "(\\PC|[ .,:;()\\[\\]\"\n-]|the |to build |We present |word ){0,60}",
        response in "\\PC{0,30}",
        max_chars in 1_usize..60,
    ) {
        let found = TitleModel::fit([(query.as_str(), response.as_str())]).title(&query, &TitleBoosts::default(), max_chars);
        prop_assert_eq!(found.is_some(), query.contains(char::is_alphanumeric));
        if let Some(title) = found {
            prop_assert!(title.text.chars().count() <= max_chars);
            prop_assert_eq!(title.text.trim(), title.text.as_str());
            prop_assert!(!title.text.is_empty() && !title.text.contains('\n') && !title.text.ends_with('.'));
            prop_assert!(query.get(title.start..title.end).is_some_and(|part| !part.is_empty()));
        }
    }
}
