//! What of a reply becomes of a catalog.

use std::sync::atomic::{AtomicBool, Ordering};

use pollster::block_on;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::catalog::{CatalogTerm, Moved};
use crate::data::ResponseSpace;
use crate::llm::{BackendError, Completion, Ledger, backend_fn};
use crate::prompt::PromptSet;

fn task() -> Task {
    let space = ResponseSpace::labels(["yes", "no"]).unwrap();
    Task::new("Would this person watch the film?", space).unwrap().query_name("scene").unwrap()
}

const TEXTS: [&str; 12] = [
    "A car chase.",
    "A car chase with a pursuit.",
    "A pursuit, then another car chase.",
    "A pursuit and a getaway.",
    "War and soldiers in spring.",
    "Soldiers in a long war.",
    "The war of soldiers.",
    "A violin at night.",
    "The old violin.",
    "Violin and rain.",
    "A violin and an orchard.",
    "Rain.",
];

fn computed(label: &str, terms: &[(&str, f64)], texts: u32) -> CatalogFactor {
    let terms = terms.iter().map(|(term, weight)| CatalogTerm::new(*term, *weight));
    CatalogFactor::new(label).with_terms(terms).counted(texts, None)
}

/// `c1` car chase, `c2` pursuit, `c3` violin, `c4` war, and one that the host wrote.
fn films() -> Catalog {
    Catalog::of([
        computed("car chase", &[("car chase", 1.0)], 3),
        computed("pursuit", &[("pursuit", 1.0), ("getaway", 1.0)], 3),
        computed("violin, orchard", &[("violin", 1.0), ("orchard", 1.0), ("rain", 0.4)], 4),
        computed("war, soldiers", &[("war", 0.6), ("soldiers", 0.5)], 3),
        CatalogFactor::new("stunts"),
    ])
    .unwrap()
}

/// A pass whose model says this once, and nothing to the point when it is asked again.
fn passed(catalog: &Catalog, namer: &CatalogNamer, reply: &str) -> Result<NamedCatalog, NamingError> {
    let (reply, asked) = (reply.to_owned(), AtomicBool::new(false));
    let model = backend_fn(move |_request| {
        let text = if asked.swap(true, Ordering::Relaxed) { "I have said it.".to_owned() } else { reply.clone() };
        async move { Ok::<_, BackendError>(Completion::new(text)) }
    });
    let (prompts, ledger) = (PromptSet::default(), Ledger::new());
    block_on(namer.name(catalog, &task(), &StageContext::new(&model, &prompts, &ledger)))
}

fn named(reply: &serde_json::Value, texts: &[&str]) -> NamedCatalog {
    passed(&films(), &CatalogNamer::default().texts(texts.iter().copied()), &reply.to_string()).unwrap()
}

fn labels(catalog: &Catalog) -> Vec<&str> {
    catalog.factors().iter().map(CatalogFactor::label).collect()
}

/// The reasons for which names of this factor were refused.
fn refused(named: &NamedCatalog, label: &str) -> Vec<RefusedFor> {
    let id = CatalogFactor::new(label).id().clone();
    named.refused.iter().filter(|refused| refused.factor == id).map(|refused| refused.reason).collect()
}

#[test]
fn a_name_that_says_what_the_terms_say_is_taken_and_the_id_stays() {
    let about = "War and the soldiers who fight it.";
    let reply = json!({ "factors": {
        "c1": "the fast car chase", "c2": { "name": "pursuit" }, "c3": "violin, orchard",
        "c4": { "name": "armed conflict", "about": about },
    } });
    let first = films();
    let named = named(&reply, &[]);
    assert_eq!(labels(&named.catalog), ["armed conflict", "fast car chase", "pursuit", "stunts", "violin, orchard"]);
    assert_eq!((named.catalog.version(), named.changes.len(), named.described), (2, 2, 1));
    assert_eq!((named.kept.len(), named.refused.len(), named.unanswered.len()), (2, 0, 0));
    for factor in first.factors() {
        let now = named.catalog.successors(factor.id());
        assert_eq!((now.len(), now[0].terms()), (1, factor.terms()));
    }
    assert_eq!(named.catalog.get(CatalogFactor::new("war, soldiers").id()).unwrap().description(), about);
    assert_eq!(named.usage.total().calls, 1);
}

#[test]
fn what_is_no_name_of_the_factor_is_refused_and_said_why() {
    for (name, reason) in [
        ("", RefusedFor::Empty),
        (" \u{2026} ", RefusedFor::Empty),
        ("of the", RefusedFor::NoName),
        ("1946", RefusedFor::NoName),
        ("chase of", RefusedFor::NoName),
        ("car chase, chase", RefusedFor::NoName),
        ("<name>", RefusedFor::Echo),
        ("Scene", RefusedFor::Echo),
        ("yes", RefusedFor::Echo),
        ("c4", RefusedFor::Echo),
        ("car chase through all of town", RefusedFor::TooLong),
        ("late parcels", RefusedFor::NothingShared),
        ("parcels", RefusedFor::NothingShared),
        ("car", RefusedFor::TooBroad),
        ("chases", RefusedFor::TooBroad),
        ("stunts", RefusedFor::Taken),
        ("Pursuit", RefusedFor::Taken),
        ("orchards", RefusedFor::Taken),
    ] {
        let named =
            named(&json!({ "factors": { "c1": name, "c2": "pursuit", "c3": "violin, orchard", "c4": "x" } }), &[]);
        assert_eq!(refused(&named, "car chase"), [reason], "{name:?}");
        assert_eq!(named.catalog, films(), "nothing was taken, so it is the same catalog");
    }
}

#[test]
fn a_name_for_two_factors_is_given_to_neither() {
    let named = named(&json!({ "factors": { "c1": "car pursuit chase", "c2": "car pursuit chase" } }), &[]);
    assert_eq!(labels(&named.catalog), labels(&films()));
    assert_eq!(refused(&named, "car chase"), [RefusedFor::Taken]);
    assert_eq!(refused(&named, "pursuit"), [RefusedFor::Taken]);
    assert_eq!(named.unanswered.len(), 2);
}

#[test]
fn a_name_under_which_the_factor_would_be_in_other_texts_is_refused() {
    let reply = json!({ "factors": { "c4": "long violin war" } });
    assert_eq!(labels(&named(&reply, &TEXTS).catalog).len(), 5);
    let everywhere: Vec<String> = (0..9).map(|n| format!("Number {n}, a spring war.")).collect();
    let texts: Vec<&str> = TEXTS.into_iter().chain(everywhere.iter().map(String::as_str)).collect();
    let reply = json!({ "factors": { "c4": "spring war" } });
    assert_eq!(refused(&named(&reply, &texts), "war, soldiers"), [RefusedFor::OtherTexts]);
    assert!(labels(&named(&reply, &TEXTS).catalog).contains(&"spring war"));
}

#[test]
fn a_name_with_a_word_that_nobody_wrote_is_refused_where_there_are_texts() {
    let reply = json!({ "factors": { "c1": "car chase throughto" } });
    assert_eq!(refused(&named(&reply, &TEXTS), "car chase"), [RefusedFor::NotInTexts]);
    assert!(labels(&named(&reply, &[]).catalog).contains(&"car chase throughto"));
    let cut = "car chase of a pursuit with a violin of an orchard";
    assert_eq!(refused(&named(&json!({ "factors": { "c1": cut } }), &[]), "car chase"), [RefusedFor::TooLong]);
}

#[test]
fn factors_of_the_same_texts_are_merged_and_others_are_not() {
    let merge = json!({ "factors": {}, "merge": [["c1", "c2"], ["c1", "c4"], ["c1", "c9"], ["c3", "c3"]] });
    let texts = [&TEXTS[1..3], &TEXTS[4..]].concat();
    let with = named(&merge, &texts);
    let (chase, pursuit) = (CatalogFactor::new("car chase").id().clone(), CatalogFactor::new("pursuit").id().clone());
    assert_eq!(labels(&with.catalog), ["car chase", "stunts", "violin, orchard", "war, soldiers"]);
    assert_eq!(with.catalog.successors(&pursuit), [with.catalog.get(&chase).unwrap()]);
    assert_eq!(with.catalog.get(&chase).unwrap().texts(), Some(2));
    assert_eq!(refused(&with, "car chase"), [RefusedFor::Apart, RefusedFor::Unknown]);
    assert_eq!(refused(&with, "violin, orchard"), [RefusedFor::Unknown]);

    let without = named(&merge, &[]);
    assert_eq!(without.catalog, films());
    assert_eq!(refused(&without, "car chase")[0], RefusedFor::NoTexts);
}

#[test]
fn a_factor_is_split_where_its_parts_are_in_different_texts() {
    let split = |first: &[&str], second: &[&str]| {
        let parts = json!([{ "name": "violin", "terms": first }, { "name": "old orchard", "terms": second }]);
        json!({ "factors": {}, "split": [{ "factor": "c3", "parts": parts }] })
    };
    let orchards = ["An orchard.", "The orchard at dawn.", "Orchard, orchard."];
    let texts = [&TEXTS[..], &orchards[..]].concat();
    let reply = split(&["violin", "rain"], &["orchard"]);
    let parts = named(&reply, &texts);
    assert_eq!(labels(&parts.catalog), ["car chase", "old orchard", "pursuit", "stunts", "violin", "war, soldiers"]);
    let old = CatalogFactor::new("violin, orchard").id().clone();
    assert_eq!(parts.catalog.get(&old).unwrap().label(), "violin");
    assert_eq!(parts.catalog.successors(&old).len(), 2);
    assert!(matches!(&parts.changes[0].moved, Moved::Into(ids) if ids.len() == 2));

    let reason = |reply: &serde_json::Value, texts: &[&str]| refused(&named(reply, texts), "violin, orchard");
    assert_eq!(reason(&reply, &[]), [RefusedFor::NoTexts]);
    assert_eq!(reason(&reply, &TEXTS), [RefusedFor::TooFewTexts]);
    assert_eq!(reason(&split(&["violin"], &["orchard"]), &texts), [RefusedFor::NotADivision]);
    assert_eq!(reason(&split(&["violin", "rain"], &["violin", "orchard"]), &texts), [RefusedFor::NotADivision]);
    assert_eq!(reason(&split(&["violin", "rain", "war"], &["orchard"]), &texts), [RefusedFor::NotADivision]);
    assert_eq!(reason(&split(&["violin", "rain", "orchard"], &[]), &texts), [RefusedFor::NotADivision]);
    let both = ["An old orchard and a violin.", "A violin in an orchard.", "Violin, orchard."];
    assert_eq!(reason(&reply, &both), [RefusedFor::NotApart]);
}

#[test]
fn factors_of_an_unreadable_reply_stay_and_are_named_with_the_reason() {
    for reply in ["I would rather not.", "{}", "{\"factors\":[]}", ""] {
        let named = passed(&films(), &CatalogNamer::default(), reply).unwrap();
        assert_eq!(named.catalog, films(), "{reply:?}");
        assert_eq!(named.unanswered.len(), 4, "{reply:?}");
        assert!(matches!(named.unanswered[0].error, AskError::Unusable { attempts: 2, .. }), "{reply:?}");
        assert_eq!(named.usage.total().calls, 2);
    }
}

#[test]
fn without_any_reply_the_pass_fails_and_without_computed_factors_nothing_is_asked() {
    let (prompts, ledger) = (PromptSet::default(), Ledger::new());
    let ctx = StageContext::offline(&prompts, &ledger);
    let error = block_on(CatalogNamer::default().name(&films(), &task(), &ctx)).unwrap_err();
    assert!(matches!(error, NamingError::Ask(AskError::NoBackend)));
    let own = Catalog::of(["stunts", "slow pace"]).unwrap();
    let named = block_on(CatalogNamer::default().name(&own, &task(), &ctx)).unwrap();
    assert_eq!((named.catalog, named.usage.total().calls), (own, 0));
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    let word = prop_oneof![
        Just("c1"),
        Just("c2"),
        Just("c3"),
        Just("c4"),
        Just("c5"),
        Just("car chase"),
        Just("fast car chase"),
        Just("violin"),
        Just("orchard"),
        Just("rain"),
        Just("war"),
        Just("pursuit"),
        Just("the"),
        Just("")
    ];
    let text = prop_oneof![word.prop_map(str::to_owned), "\\PC{0,12}"];
    let leaf =
        prop_oneof![text.clone().prop_map(|text| json!(text)), any::<i8>().prop_map(|n| json!(n)), Just(json!(null))];
    let key = prop_oneof![
        Just("c1"),
        Just("c2"),
        Just("c3"),
        Just("c4"),
        Just("name"),
        Just("about"),
        Just("factors"),
        Just("merge"),
        Just("split"),
        Just("parts"),
        Just("terms"),
        Just("factor")
    ];
    leaf.prop_recursive(5, 40, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|list| json!(list)),
            prop::collection::btree_map(key.clone(), inner, 0..5).prop_map(|fields| json!(fields)),
        ]
    })
}

fn replies() -> impl Strategy<Value = String> {
    let pair = prop::collection::vec(prop_oneof![Just("c1"), Just("c2"), Just("c3"), Just("c4"), Just("c7")], 0..4);
    let parts = json!([{ "name": "violin", "terms": ["violin", "rain"] }, { "name": "orchard", "terms": ["orchard"] }]);
    let likely = (value(), value(), value(), value(), prop::collection::vec(pair, 0..4), any::<bool>()).prop_map(
        move |(a, b, c, d, merge, split)| {
            let split = if split { json!([{ "factor": "c3", "parts": parts }]) } else { json!([d.clone()]) };
            json!({ "factors": { "c1": a, "c2": b, "c3": { "name": c }, "c4": d }, "merge": merge, "split": split })
        },
    );
    prop_oneof![
        4 => likely.prop_map(|value| value.to_string()),
        2 => value().prop_map(|value| value.to_string()),
        1 => "(\\PC|\\{|\\}|\"|:|,){0,60}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_the_reply_the_catalog_holds_and_no_id_and_no_error_is_lost(reply in replies(), with in any::<bool>()) {
        let texts: &[&str] = if with { &TEXTS } else { &[] };
        let (first, namer) = (films(), CatalogNamer::default().texts(texts.iter().copied()));
        let named = passed(&first, &namer, &reply).unwrap();
        prop_assert_eq!(&Catalog::from_json(&named.catalog.to_json()).unwrap(), &named.catalog);
        prop_assert!(named.catalog.version() <= 2);
        prop_assert!(named.catalog.changes().ends_with(&named.changes));
        for factor in first.factors() {
            prop_assert!(!named.catalog.successors(factor.id()).is_empty(), "{} is lost", factor.label());
            let host = factor.texts().is_none();
            prop_assert!(!host || named.catalog.get(factor.id()) == Some(factor), "the host's own is as it was");
            // Every factor that was asked about is renamed, moved, kept, refused a name or unanswered.
            let told = named.changes.iter().filter(|change| change.factor == *factor.id()).count()
                + named.changes.iter().filter(|c| matches!(&c.moved, Moved::Into(ids) if ids.contains(factor.id()))).count()
                + named.kept.iter().filter(|id| *id == factor.id()).count()
                + named.refused.iter().filter(|r| r.factor == *factor.id() && r.proposal == Proposal::Name).count()
                + named.unanswered.iter().filter(|open| open.factor == *factor.id()).count();
            prop_assert!(host || told > 0, "{} is not accounted for", factor.label());
        }
        let again = passed(&first, &namer, &reply).unwrap();
        prop_assert_eq!(again.catalog.to_json(), named.catalog.to_json());
        prop_assert_eq!(again.refused, named.refused);
    }
}
