//! What a fusion learns, and what it makes of views and estimates.

use proptest::prelude::*;

use super::{Fusion, ModelView, PastView, ViewError};

fn past(shares: &[f64], estimate: &[f64], given: usize) -> PastView {
    PastView::new(ModelView::new(shares.to_vec()).unwrap(), estimate.to_vec(), given).unwrap()
}

#[test]
fn a_model_that_repeats_its_habit_changes_nothing() {
    let user: Vec<PastView> = (0..30).map(|n| past(&[0.8, 0.15, 0.05], &[0.2, 0.3, 0.5], n % 3)).collect();
    let fusion = Fusion::fit(&[user]);
    let fused = fusion.shares(&[0.2, 0.3, 0.5], &ModelView::new(vec![0.8, 0.15, 0.05]).unwrap()).unwrap();
    for (fused, before) in fused.iter().zip([0.2, 0.3, 0.5]) {
        assert!((fused - before).abs() < 0.02, "{fused} {before}");
    }
}

#[test]
fn a_model_that_foretells_responses_is_trusted_and_one_that_guesses_is_not() {
    let views = [[0.7, 0.3], [0.3, 0.7]];
    let knows: Vec<PastView> = (0..60).map(|n| past(&views[n % 2], &[0.5, 0.5], n % 2)).collect();
    let guesses: Vec<PastView> = (0..60).map(|n| past(&views[n % 2], &[0.5, 0.5], n / 2 % 2)).collect();
    let contradicts: Vec<PastView> = (0..60).map(|n| past(&views[n % 2], &[0.5, 0.5], 1 - n % 2)).collect();
    assert!(Fusion::fit(&[knows]).weight() > 2.0);
    assert!(Fusion::fit(&[guesses]).weight() < 0.2);
    assert!(Fusion::fit(&[contradicts]).weight().abs() < 1e-12);
}

#[test]
fn where_the_estimate_knows_nothing_the_model_decides_and_without_trust_the_estimate_does() {
    let view = ModelView::new(vec![0.1, 0.7, 0.2]).unwrap();
    let fused = Fusion::default().shares(&[1.0 / 3.0; 3], &view).unwrap();
    assert!(fused[1] > fused[0] && fused[1] > fused[2]);
    let before = [0.5, 0.2, 0.3];
    let kept = Fusion::nothing().shares(&before, &view).unwrap();
    assert!(kept.iter().zip(before).all(|(kept, before)| (kept - before).abs() < 1e-12));
}

#[test]
fn what_cannot_be_is_refused() {
    for shares in [vec![], vec![0.0, 0.0], vec![f64::NAN, 1.0], vec![-0.1, 1.1], vec![f64::INFINITY, 1.0]] {
        assert_eq!(ModelView::new(shares), Err(ViewError::Shares));
    }
    let view = ModelView::new(vec![0.5, 0.5]).unwrap();
    for (estimate, given) in [(vec![1.0], 0), (vec![0.5, 0.5], 2), (vec![f64::NAN, 0.5], 0), (vec![1.5, 0.0], 0)] {
        assert_eq!(PastView::new(view.clone(), estimate, given), Err(ViewError::Other));
    }
    assert_eq!(Fusion::default().shares(&[0.2, 0.3, 0.5], &view), None);
    let written = serde_json::to_string(&Fusion::fit(&[vec![past(&[0.6, 0.4], &[0.5, 0.5], 0)]])).unwrap();
    assert!(serde_json::from_str::<Fusion>(&written).is_ok());
    for (was, is) in [("\"weight\":", "\"weight\":-"), ("{\"2\":", "{\"3\":"), ("\"weight\":", "\"weight\":9")] {
        assert!(serde_json::from_str::<Fusion>(&written.replace(was, is)).is_err(), "{is}");
    }
}

/// Shares of so many responses.
fn shares(responses: usize) -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(0.01_f64..1.0, responses).prop_map(|raw| {
        let all: f64 = raw.iter().sum();
        raw.into_iter().map(|share| share / all).collect()
    })
}

prop_compose! {
    fn pasts()(raw in prop::collection::vec((shares(3), shares(3), 0_usize..3), 0..24)) -> Vec<PastView> {
        raw.into_iter().map(|(view, estimate, given)| past(&view, &estimate, given)).collect()
    }
}

proptest! {
    #[test]
    fn the_order_of_users_and_views_makes_no_difference(users in prop::collection::vec(pasts(), 0..5), turn in 0_usize..24) {
        let fusion = Fusion::fit(&users);
        let mut turned: Vec<Vec<PastView>> = users.iter().rev().cloned().collect();
        for user in &mut turned {
            let by = if user.is_empty() { 0 } else { turn % user.len() };
            user.rotate_left(by);
        }
        prop_assert_eq!(&Fusion::fit(&turned), &fusion);
        let read: Fusion = serde_json::from_str(&serde_json::to_string(&fusion).unwrap()).unwrap();
        prop_assert_eq!(read, fusion);
    }

    #[test]
    fn fused_shares_are_shares_and_a_response_that_the_model_finds_more_likely_never_falls(
        users in prop::collection::vec(pasts(), 0..3), estimate in shares(3), view in shares(3), more in 1.0_f64..9.0,
    ) {
        let fusion = Fusion::fit(&users);
        prop_assert!((0.0..=4.0).contains(&fusion.weight()));
        let fused = fusion.shares(&estimate, &ModelView::new(view.clone()).unwrap()).unwrap();
        prop_assert!((fused.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        prop_assert!(fused.iter().all(|share| (0.0..=1.0).contains(share)));
        let mut raised = view;
        raised[0] *= more;
        let raised = fusion.shares(&estimate, &ModelView::new(raised).unwrap()).unwrap();
        prop_assert!(raised[0] >= fused[0] - 1e-9);
        prop_assert!((fusion.habit(3).iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn no_other_weight_is_more_probable(users in prop::collection::vec(pasts(), 1..3), other in 0.0_f64..4.0) {
        let fusion = Fusion::fit(&users);
        let probability = |weight: f64| -> f64 {
            let with = Fusion { weight, ..fusion.clone() };
            let ln = |past: &PastView| with.shares(past.estimate(), past.view()).unwrap()[past.given()].ln();
            users.iter().flatten().map(ln).sum::<f64>() - (weight - 1.0).powi(2) / 2.0
        };
        let at = if fusion.views() == 0 { 1.0 } else { fusion.weight() };
        prop_assert!(probability(at) >= probability(other) - 1e-9);
    }
}

#[test]
fn views_that_are_surer_than_they_are_right_lead_to_the_most_probable_weight_too() {
    // Newton's steps between 0 and 4 would go back and forth here.
    let sure = [0.9999, 0.0001];
    let mirrored = [0.0001, 0.9999];
    let mut user = Vec::new();
    for n in 0..10 {
        let (view, given) = if n % 2 == 0 { (sure, 0) } else { (mirrored, 1) };
        let estimate = if given == 0 { [0.03, 0.97] } else { [0.97, 0.03] };
        user.push(past(&view, &estimate, given));
    }
    for n in 0..2 {
        let (view, given) = if n == 0 { (sure, 1) } else { (mirrored, 0) };
        let estimate = if given == 0 { [0.03, 0.97] } else { [0.97, 0.03] };
        user.push(past(&view, &estimate, given));
    }
    let fusion = Fusion::fit(std::slice::from_ref(&user));
    let probability = |weight: f64| -> f64 {
        let with = Fusion { weight, ..fusion.clone() };
        let ln = |past: &PastView| with.shares(past.estimate(), past.view()).unwrap()[past.given()].ln();
        user.iter().map(ln).sum::<f64>() - (weight - 1.0).powi(2) / 2.0
    };
    let best = (0..=400).map(|step| f64::from(step) / 100.0).max_by(|a, b| probability(*a).total_cmp(&probability(*b)));
    assert!((fusion.weight() - best.unwrap()).abs() < 0.011, "{} {best:?}", fusion.weight());
}

#[test]
fn a_view_is_read_as_it_was_written() {
    for shares in [vec![1.0, 0.0], vec![0.3, 0.7], vec![1.0, 0.0, 0.0, 5.0]] {
        let view = ModelView::new(shares).unwrap();
        let read: ModelView = serde_json::from_str(&serde_json::to_string(&view).unwrap()).unwrap();
        assert_eq!(read, view);
    }
}
