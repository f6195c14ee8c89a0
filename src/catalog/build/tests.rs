//! Catalogs of invented texts.

use proptest::prelude::*;

use super::CatalogBuilder;
use crate::catalog::{Catalog, CatalogFactor};
use crate::data::{Query, ResponseSpace, Task, UserId};

const PARTS: [&str; 10] = [
    "a car chase through the harbour",
    "natural light",
    "the situation of human rights",
    "nuclear weapons",
    "no plot holes",
    "slow scenes by the river",
    "a string quartet",
    "practical stunts",
    "7 minutes",
    "it is what it is",
];

fn texts(n: usize) -> Vec<String> {
    let part = |n: usize| PARTS[n % PARTS.len()];
    (0..n).map(|n| format!("Number {n}: {}, {} and {}.", part(n), part(n / 3 + 1), part(n * 7 + 2))).collect()
}

fn labels(catalog: &Catalog) -> Vec<&str> {
    catalog.factors().iter().map(CatalogFactor::label).collect()
}

#[test]
fn what_recurs_is_a_factor_named_by_a_phrase() {
    let catalog = CatalogBuilder::default().least_texts(3).texts(texts(60)).build().unwrap();
    let labels = labels(&catalog);
    for label in ["natural light", "nuclear weapons", "practical stunts", "situation of human rights", "string quartet"]
    {
        assert!(labels.contains(&label), "{label} in {labels:?}");
    }
    for label in &labels {
        assert!(!label.contains(|c: char| c.is_numeric()) && !label.contains("plot"), "{labels:?}");
    }
    for factor in catalog.factors() {
        let with =
            texts(60).iter().filter(|text| catalog.assign(text).iter().any(|found| found.factor == factor)).count();
        assert_eq!(factor.texts().map(|texts| texts as usize), Some(with), "{}", factor.label());
        assert!(with >= 3 && factor.users().is_none());
    }
}

#[test]
fn a_word_of_the_question_or_a_response_names_nothing() {
    let space = ResponseSpace::labels(["nuclear weapons", "none"]).unwrap();
    let task = Task::new("Is there natural light?", space).unwrap();
    let catalog = CatalogBuilder::default().task(&task).least_texts(3).texts(texts(60)).build().unwrap();
    assert!(!labels(&catalog).iter().any(|label| label.contains("light") || *label == "nuclear weapons"));
}

#[test]
fn what_few_users_have_is_not_told() {
    let user = |n: usize| UserId::new(format!("u{n}")).unwrap();
    let queries: Vec<Query> = texts(60).into_iter().map(|text| Query::new(text).unwrap()).collect();
    let of = |users: usize| {
        let builder = CatalogBuilder::default().least_texts(3).least_users(4);
        let shared = queries.chunks(60 / users + 1).enumerate();
        shared.fold(builder, |builder, (n, queries)| builder.texts_of(&user(n), queries)).build().unwrap()
    };
    assert!(of(3).factors().is_empty());
    let known = of(6);
    assert!(!known.factors().is_empty() && known.factors().iter().all(|factor| factor.users() >= Some(4)));
}

#[test]
fn texts_that_share_nothing_make_an_empty_catalog() {
    assert!(Catalog::build(Vec::<String>::new()).unwrap().factors().is_empty());
    assert!(Catalog::build(["", "one", "two", "three", "four", "five"]).unwrap().factors().is_empty());
}

#[test]
fn german_texts_make_german_names() {
    let parts = [
        "Die Waffen sollen in den Krieg",
        "Der Ausbau der Windkraft ist zu fördern",
        "Das ist eine Frage der Schulen im Land",
        "Die Renten werden für das Alter nicht reichen",
        "Der Bund und die Bahn",
        "Ein Tempolimit auf den Autobahnen",
        "Die Kinder werden in der Kita betreut",
        "Das Bier ist im Keller",
    ];
    let texts = (0..40).map(|n| format!("Satz {n}: {}. {}.", parts[n % 8], parts[(n / 3) % 8]));
    let catalog = CatalogBuilder::default().least_texts(3).texts(texts).build().unwrap();
    let labels = labels(&catalog);
    assert!(labels.contains(&"Krieg") && labels.contains(&"Bund und die Bahn"), "{labels:?}");
    assert!(!labels.iter().any(|label| ["ist", "zu", "der", "für"].contains(label)));
}

#[cfg(feature = "parallel")]
#[test]
fn any_number_of_threads_makes_the_same_bytes() {
    let build = || CatalogBuilder::default().least_texts(3).texts(texts(200)).build().unwrap().to_json();
    let expected = build();
    for threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(build), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_same_texts_in_any_order_make_the_same_bytes(
        mut texts in prop::collection::vec("([a-f]{3,4}( of)? ?){1,6}", 0..40),
        seed in any::<prop::sample::Index>(),
    ) {
        let build = |texts: &[String]| CatalogBuilder::default().least_texts(2).texts(texts.to_vec()).build().unwrap();
        let catalog = build(&texts);
        if !texts.is_empty() {
            let by = seed.index(texts.len());
            texts.rotate_left(by);
            texts.reverse();
            texts.push(texts[by].clone());
        }
        prop_assert_eq!(build(&texts).to_json(), catalog.to_json());
        prop_assert_eq!(Catalog::from_json(&catalog.to_json()).unwrap(), catalog);
    }
}
