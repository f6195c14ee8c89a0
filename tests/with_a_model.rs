//! The example with recorded replies runs to its end: each request finds its reply, and each reply is read at once.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code, missing_docs)]

#[path = "../examples/with_a_model.rs"]
mod with_a_model;

use pollster::block_on;

#[test]
fn the_recorded_replies_fit_what_is_asked_and_give_the_same_output() {
    // A request that no reply is recorded for, or a reply that is asked for again, is an error of the example.
    let told = block_on(with_a_model::told()).expect("examples/data/nora.replies.jsonl fits what is asked");
    assert_eq!(told, block_on(with_a_model::told()).unwrap());
    for (stage, calls) in [("extract", 13), ("group", 1), ("write path", 12), ("answer", 1), ("total", 27)] {
        let row = told.lines().find(|line| line.starts_with(stage)).expect(stage);
        assert_eq!(row.trim_start_matches(stage).split_whitespace().next(), Some(calls.to_string().as_str()), "{row}");
    }
    for said in [
        "spectacle (in 6 of 12 films): rating 1 in",
        "unhurried pace (in 3 of 12 films): rating 5 in",
        "- loud action (spectacle): The loud part in the tower takes back what they gave.\nso she rated it 3",
        "rating: 5",
        "Quiet performances speak for a film with her.",
    ] {
        assert!(told.contains(said), "{said}\n{told}");
    }
}
