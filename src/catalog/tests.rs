//! Whole catalogs: reading, presence, versions.

use proptest::prelude::*;

use super::{Catalog, CatalogError, CatalogFactor, CatalogTerm};
use crate::data::FactorId;

fn labels(catalog: &Catalog, text: &str) -> Vec<String> {
    catalog.assign(text).iter().map(|found| found.factor.label().to_owned()).collect()
}

fn films() -> Catalog {
    Catalog::of([
        CatalogFactor::new("car chase").with_terms(["pursuit", "getaway"]),
        CatalogFactor::new("slow pace").with_terms(["slow", "unhurried"]),
        CatalogFactor::new("nature").with_description("Landscapes, weather and animals of the open country."),
        CatalogFactor::new("war, soldiers").with_terms([
            CatalogTerm::new("war", 0.6),
            CatalogTerm::new("soldier", 0.5),
            CatalogTerm::new("tank", 0.3),
        ]),
    ])
    .unwrap()
}

#[test]
fn a_factor_stands_where_its_label_or_enough_of_its_terms_do() {
    let films = films();
    assert_eq!(labels(&films, "Two car chases, then nothing."), ["car chase"]);
    assert_eq!(labels(&films, "A PURSUIT at an unhurried pace"), ["car chase", "slow pace"]);
    assert_eq!(labels(&films, "A war film."), Vec::<String>::new());
    assert_eq!(labels(&films, "A war film with soldiers."), ["war, soldiers"]);
    assert_eq!(labels(&films, "Soldiers, tanks, soldiers, tanks."), Vec::<String>::new(), "a term counts once");
}

#[test]
fn a_factor_without_terms_goes_by_its_label_and_two_words_of_its_description() {
    let films = films();
    assert_eq!(labels(&films, "Landscapes."), Vec::<String>::new());
    assert_eq!(labels(&films, "Landscape and weather"), ["nature"]);
    assert_eq!(labels(&films, "Nature!"), ["nature"]);
    assert_eq!(labels(&films, "The open and the of"), Vec::<String>::new());
}

#[test]
fn a_term_under_a_negation_or_across_a_clause_does_not_count() {
    let films = films();
    assert_eq!(labels(&films, "No car chase, never slow."), Vec::<String>::new());
    assert_eq!(labels(&films, "A car, chase it."), Vec::<String>::new());
}

#[test]
fn what_a_text_may_have_is_what_it_has_and_then_what_shares_a_word_with_it() {
    let films = films();
    let likely = |text: &str, most| films.likely(text, most).iter().map(|f| f.label().to_owned()).collect::<Vec<_>>();
    assert_eq!(likely("An unhurried film of war and a car.", 9), ["slow pace", "war, soldiers", "car chase"]);
    assert_eq!(likely("Soldiers in a tank chase nobody.", 9), ["car chase", "war, soldiers"], "of equals the first");
    assert_eq!(likely("Never slow.", 9), ["slow pace"], "a model may judge what a negation means");
    assert_eq!(likely("An unhurried film of war and a car.", 1), ["slow pace"]);
    assert_eq!(likely("Tea.", 9), Vec::<String>::new());
}

#[test]
fn the_heaviest_term_is_where_the_factor_was_seen() {
    let text = "Soldiers and tanks in a long war.";
    let films = films();
    let found = films.assign(text);
    let places: Vec<&str> = found[0].spans.iter().map(|span| &text[span.start..span.end]).collect();
    assert_eq!(places, ["war", "Soldiers", "tanks"]);
    assert_eq!(found[0].span(), found[0].spans[0]);
    assert!((found[0].strength - 1.4).abs() < 1e-12);
}

#[test]
fn what_is_no_catalog_is_refused_and_the_factor_named() {
    let bad = |factors: Vec<CatalogFactor>| Catalog::of(factors).unwrap_err().to_string();
    let chase = CatalogFactor::new("car chase");
    let id = chase.id().as_str().to_owned();
    for factors in [
        vec![chase.clone().with_terms(["a\u{7}b"])],
        vec![chase.clone().with_terms(["slow", " SLOW "])],
        vec![chase.clone().with_terms([CatalogTerm::new("slow", f64::NAN)])],
        vec![chase.clone().with_terms([CatalogTerm::new("slow", 1.5)])],
        vec![chase.clone().with_description("x".repeat(5_000))],
        vec![chase.clone(), CatalogFactor::new("Car  Chase")],
        vec![chase.clone(), CatalogFactor::new("other").with_id(chase.id().clone())],
    ] {
        assert!(bad(factors.clone()).contains(&id), "{factors:?}");
    }
    assert!(bad(vec![CatalogFactor::new(" , ")]).contains("label"));
    let own = FactorId::new("f0123abcd".get(..9).unwrap()).unwrap();
    assert!(bad(vec![chase.with_id(own)]).contains("by themselves"));
}

#[test]
fn a_file_that_was_changed_by_hand_is_read_without_its_digest_only() {
    let json = films().to_json();
    assert_eq!(Catalog::from_json(&json).unwrap().to_json(), json);
    let changed = json.replace("pursuit", "hunt");
    assert_eq!(Catalog::from_json(&changed), Err(CatalogError::OtherDigest));
    let digest = format!("    \"digest\": \"{}\",\n", films().digest());
    let without = changed.replace(&digest, "");
    assert_eq!(labels(&Catalog::from_json(&without).unwrap(), "a hunt"), ["car chase"]);
    let future = json.replace("\"format_version\": 1", "\"format_version\": 2");
    assert_eq!(Catalog::from_json(&future), Err(CatalogError::FutureVersion { found: 2, supported: 1 }));
    assert!(matches!(Catalog::from_json("{"), Err(CatalogError::NotACatalog { .. })));
    assert!(serde_json::from_str::<Catalog>(r#"{ "factors": ["a b", "A B"] }"#).is_err());
}

#[test]
fn a_later_version_knows_where_the_ids_of_earlier_ones_went() {
    let first = films();
    let id = |label: &str| CatalogFactor::new(label).id().clone();
    let (chase, slow, nature) = (id("car chase"), id("slow pace"), id("nature"));
    let second = first.merged(&slow, &nature).unwrap();
    let third = second.split(&nature, ["landscapes", "animals"]).unwrap();
    let fourth = third.renamed(&chase, "chases").unwrap();
    let last = fourth.without(&id("animals")).unwrap();
    assert_eq!((last.version(), last.changes().len()), (5, 4));
    let now = |old: &FactorId| last.successors(old).iter().map(|f| f.label().to_owned()).collect::<Vec<_>>();
    assert_eq!(now(&slow), ["landscapes"]);
    assert_eq!(now(&nature), ["landscapes"]);
    assert_eq!(now(&chase), ["chases"]);
    assert!(now(&id("animals")).is_empty() && last.has_known(&id("animals")) && !last.has_known(&id("never")));
    assert_eq!(labels(&second, "slow"), ["nature"], "terms go with what a factor was merged into");
    assert_eq!(labels(&fourth, "pursuit and chases"), ["chases"]);
    assert!(first.renamed(&chase, "Slow PACE").is_err() && first.merged(&slow, &slow).is_err());
    assert!(first.split(&slow, ["one"]).is_err() && first.without(&id("never")).is_err());
    assert_eq!(Catalog::from_json(&last.to_json()).unwrap(), last);
}

#[test]
fn joined_catalogs_have_the_factors_of_both_and_one_of_a_name() {
    let other = Catalog::of([CatalogFactor::new("Slow Pace").with_terms(["glacial"]), "stunts".into()]).unwrap();
    let both = films().joined(other).unwrap();
    assert_eq!(both.factors().len(), 5);
    assert_eq!(labels(&both, "A glacial film"), ["slow pace"]);
    assert_eq!(labels(&both, "A slow film"), ["slow pace"]);
}

fn factor() -> impl Strategy<Value = CatalogFactor> {
    let term = ("[a-d]{1,3}( [a-d]{1,3})?", 1_u32..=10);
    (prop::collection::btree_map(term.0, term.1, 0..4), "[a-dé]{1,4}( [a-d]{1,4}){0,2}", "[a-d ]{0,12}").prop_map(
        |(terms, label, description)| {
            let terms = terms.into_iter().map(|(term, tenths)| CatalogTerm::new(term, f64::from(tenths) / 10.0));
            CatalogFactor::new(label).with_terms(terms).with_description(description)
        },
    )
}

proptest! {
    #[test]
    fn a_catalog_is_the_same_in_any_order_and_read_back(
        factors in prop::collection::vec(factor(), 0..6),
        seed in any::<prop::sample::Index>(),
    ) {
        let Ok(catalog) = Catalog::of(factors.clone()) else { return Ok(()) };
        let mut turned = factors;
        if !turned.is_empty() {
            let by = seed.index(turned.len());
            turned.rotate_left(by);
            turned.reverse();
        }
        prop_assert_eq!(Catalog::of(turned).unwrap().to_json(), catalog.to_json());
        let read = Catalog::from_json(&catalog.to_json()).unwrap();
        prop_assert_eq!(&read, &catalog);
        prop_assert_eq!(read.to_json(), catalog.to_json());
    }

    #[test]
    fn what_stands_in_a_text_is_a_piece_of_it(
        factors in prop::collection::vec(factor(), 1..6),
        text in prop_oneof![any::<String>(), "([a-dé]{1,4}[ ,.’-]){0,20}"],
    ) {
        let Ok(catalog) = Catalog::of(factors) else { return Ok(()) };
        let found = catalog.assign(&text);
        prop_assert_eq!(&found, &catalog.assign(&text));
        for found in &found {
            prop_assert!(found.strength > 0.999 && !found.spans.is_empty());
            for span in &found.spans {
                prop_assert!(text.get(span.start..span.end).is_some_and(|piece| !piece.is_empty()));
            }
        }
    }

    #[test]
    fn reading_survives_any_text(text in "(\\PC|\\{|\\}|\"|:|,){0,60}") {
        let _ = Catalog::from_json(&text);
    }
}
