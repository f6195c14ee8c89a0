//! Properties of paired comparisons on arbitrary items.

use proptest::prelude::*;

use super::*;
use rpm_core::stats::Interval;

const USERS: usize = 9;

/// Two methods' items of nine users, of which some have none.
fn both() -> impl Strategy<Value = (Vec<Vec<f64>>, Vec<Vec<f64>>)> {
    let user = prop::collection::vec((0_u8..=20, 0_u8..=20), 0..6);
    prop::collection::vec(user, USERS)
        .prop_map(|users| {
            let side = |read: fn(&(u8, u8)) -> u8| {
                users.iter().map(|items| items.iter().map(|item| f64::from(read(item)) / 20.0).collect()).collect()
            };
            (side(|item| item.0), side(|item| item.1))
        })
        .prop_filter("no items", |(a, _): &(Vec<Vec<f64>>, _)| a.iter().any(|items| !items.is_empty()))
}

fn compare(a: &[Vec<f64>], b: &[Vec<f64>]) -> Paired {
    paired(&Resamples::new(USERS, 300, 7), a, b, 0.95).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_method_does_not_differ_from_itself((a, _) in both()) {
        let same = compare(&a, &a);
        prop_assert_eq!(same.difference.value.abs().to_bits(), 0);
        let nothing = Interval { low: 0.0, high: 0.0 };
        prop_assert!(same.difference.interval.is_none_or(|interval| interval == nothing));
        prop_assert_eq!((same.p, same.sign_flip_p), (1.0, 1.0));
        let (users, items) = (a.iter().filter(|items| !items.is_empty()).count(), a.iter().map(Vec::len).sum());
        prop_assert_eq!(same.users, Outcomes { won: 0, tied: users, lost: 0 });
        prop_assert_eq!(same.items, Outcomes { won: 0, tied: items, lost: 0 });
    }

    #[test]
    fn swapped_methods_give_the_negated_difference((a, b) in both()) {
        let (there, back) = (compare(&a, &b), compare(&b, &a));
        prop_assert!((there.difference.value + back.difference.value).abs() <= 0.0);
        let turned = back.difference.interval.map(|i| Interval { low: -i.high, high: -i.low });
        prop_assert_eq!(there.difference.interval, turned);
        prop_assert_eq!((there.p, there.sign_flip_p), (back.p, back.sign_flip_p));
        prop_assert_eq!((there.users.won, there.items.won), (back.users.lost, back.items.lost));
    }

    #[test]
    fn the_order_of_users_does_not_change_the_value((a, b) in both(), by in 0..USERS) {
        let turned = |side: &Vec<Vec<f64>>| {
            let mut side = side.clone();
            side.rotate_left(by);
            side
        };
        let (there, other) = (compare(&a, &b), compare(&turned(&a), &turned(&b)));
        prop_assert!((there.difference.value - other.difference.value).abs() < 1e-12);
        prop_assert_eq!((there.users, there.items), (other.users, other.items));
    }

    #[test]
    fn a_constant_shifts_the_value_and_the_interval((a, b) in both(), by in -3.0..3.0_f64) {
        let shifted: Vec<Vec<f64>> = a.iter().map(|items| items.iter().map(|item| item + by).collect()).collect();
        let (there, other) = (compare(&a, &b).difference, compare(&shifted, &b).difference);
        prop_assert!((there.value + by - other.value).abs() < 1e-9);
        prop_assert_eq!(there.interval.is_some(), other.interval.is_some());
        if let (Some(there), Some(other)) = (there.interval, other.interval) {
            prop_assert!((there.low + by - other.low).abs() < 1e-9 && (there.high + by - other.high).abs() < 1e-9);
        }
    }

    #[test]
    fn a_constant_on_both_sides_changes_nothing((a, b) in both()) {
        let shifted = |side: &[Vec<f64>]| -> Vec<Vec<f64>> {
            side.iter().map(|items| items.iter().map(|item| item + 0.7).collect()).collect()
        };
        let (there, other) = (compare(&a, &b), compare(&shifted(&a), &shifted(&b)));
        prop_assert!((there.difference.value - other.difference.value).abs() < 1e-9);
        prop_assert_eq!((there.items, there.users), (other.items, other.users));
        prop_assert!((there.sign_flip_p - other.sign_flip_p).abs() < 1e-12 && (there.p - other.p).abs() < 1e-12);
    }

    #[test]
    fn a_small_p_goes_with_an_interval_away_from_zero((a, b) in both()) {
        let found = compare(&a, &b);
        let apart = found.difference.above_zero() || found.difference.below_zero();
        prop_assert!(found.p > 0.05 || apart, "{:?}", found);
        prop_assert!(!apart || found.p < 0.1, "{:?}", found);
    }

    #[test]
    fn no_float_gets_a_nan_out(
        a in prop::collection::vec(prop::collection::vec(any::<f64>(), 0..4), 7),
        b in prop::collection::vec(prop::collection::vec(any::<f64>(), 0..4), 7),
        level in any::<f64>(),
    ) {
        if let Some(found) = paired(&Resamples::new(7, 50, 1), &a, &b, level) {
            prop_assert!(found.difference.value.is_finite());
            prop_assert!(found.difference.interval.is_none_or(|i| i.low <= i.high && i.high.is_finite()));
            prop_assert!((0.0..=1.0).contains(&found.p) && (0.0..=1.0).contains(&found.sign_flip_p));
        }
    }
}

#[test]
fn items_without_a_partner_are_counted_as_left_out() {
    let a = [vec![1.0, 0.0, f64::NAN], vec![0.5], vec![]];
    let b = [vec![0.0, 0.0], vec![f64::INFINITY], vec![1.0]];
    let found = paired(&Resamples::new(3, 100, 1), &a, &b, 0.95).unwrap();
    assert_eq!((found.left_out, found.difference.value), (3, 0.5));
    assert_eq!(found.items, Outcomes { won: 1, tied: 1, lost: 0 });
    assert_eq!(found.users, Outcomes { won: 1, tied: 0, lost: 0 });
    assert_eq!((found.difference.interval, found.p, found.sign_flip_p), (None, 1.0, 1.0));
}

#[test]
fn different_users_are_not_compared() {
    let two = [vec![1.0], vec![1.0]];
    assert!(paired(&Resamples::new(2, 10, 1), &two, &two[..1], 0.95).is_none());
    assert!(paired(&Resamples::new(3, 10, 1), &two, &two, 0.95).is_none());
    assert!(paired(&Resamples::new(2, 10, 1), &[vec![], vec![]], &two, 0.95).is_none());
}

#[test]
fn rounding_is_a_tie() {
    let found = compare(&vec![vec![0.1 + 0.2]; USERS], &vec![vec![0.3]; USERS]);
    assert_eq!((found.items.tied, found.p, found.difference.value), (USERS, 1.0, 0.0));
}

/// Twelve users of 3 to 13 items.
fn fixed() -> [Vec<Vec<f64>>; 2] {
    let side = |value: fn(u32, u32) -> f64| {
        (0..12).map(|user| (0..3 + 7 * user % 11).map(|item| value(user, item)).collect()).collect()
    };
    [
        side(|u, i| f64::from((37 * u + 17 * i + 5 * u * i) % 23) / 22.0),
        side(|u, i| f64::from((29 * u + 11 * i + 3 * u * i + 4 * (u % 3)) % 19) / 22.0),
    ]
}

#[test]
fn figures_agree_with_scipy() {
    // SciPy 1.17.1, with s the users' summed differences, m their numbers of items and n = 12:
    //   ratio = lambda i, axis=-1: s[i].sum(axis) / m[i].sum(axis)
    //   tail = norm.cdf(-(n / (n - 1)) ** .5 * t.isf(.025, n - 1))
    //   r = bootstrap((arange(n),), ratio, n_resamples=400_000, batch=10_000, confidence_level=1 - 2 * tail,
    //                 method='percentile', rng=default_rng(1))
    //   f = (r.bootstrap_distribution <= 0).mean()
    //   p = 2 * t.sf(norm.isf(f) * ((n - 1) / n) ** .5, n - 1)
    //   permutation_test((s,), lambda x, axis=-1: x.sum(axis), permutation_type='samples', n_resamples=inf).pvalue
    let [a, b] = fixed();
    let found = paired(&Resamples::new(12, 20_000, 7), &a, &b, 0.95).unwrap();
    let interval = found.difference.interval.unwrap();
    assert!((found.difference.value - 0.067_932_067_932_067_94).abs() < 1e-12, "{found:?}");
    // The ends' standard error is 0.0005, that of p 0.003.
    assert!((interval.low + 0.002_549).abs() < 0.002 && (interval.high - 0.154_830).abs() < 0.002, "{found:?}");
    assert!((found.p - 0.057_938).abs() < 0.01, "{found:?}");
    // With all signs the figure itself.
    assert!((found.sign_flip_p - 0.045_410_156_25).abs() < 1e-12, "{found:?}");
    // At the level whose expanded tail is 2.5 %, the interval is the plain percentile interval.
    // level = 1 - 2 * t.sf(norm.isf(.025) * ((n - 1) / n) ** .5, n - 1)
    let plain = paired(&Resamples::new(12, 20_000, 7), &a, &b, PLAIN).unwrap().difference.interval.unwrap();
    assert!((plain.low - 0.007_493).abs() < 0.002 && (plain.high - 0.140_625).abs() < 0.002, "{plain:?}");
}

const PLAIN: f64 = 0.912_652_133_522_151_1;

#[test]
fn users_of_one_person_count_as_one() {
    // Six persons with three users each, of whom all have the same difference: as surely as six users with all items.
    let values = |n: usize| -> Vec<f64> { vec![[0.5, 0.3, -0.1, 0.4, 0.2, -0.2][n]; 2] };
    let users: Vec<Vec<f64>> = (0..18).map(|user| values(user % 6)).collect();
    let people: Vec<usize> = (0..18).map(|user| user % 6).collect();
    let persons: Vec<Vec<f64>> = (0..6).map(|person| values(person).repeat(3)).collect();
    let zeros = |items: &[Vec<f64>]| -> Vec<Vec<f64>> { items.iter().map(|items| vec![0.0; items.len()]).collect() };
    let together = paired(&Resamples::of_people(&people, 500, 1), &users, &zeros(&users), 0.95).unwrap();
    let single = paired(&Resamples::new(6, 500, 1), &persons, &zeros(&persons), 0.95).unwrap();
    assert_eq!((together.users, together.items), (single.users, single.items));
    assert!((together.sign_flip_p - single.sign_flip_p).abs() < 1e-12 && (together.p - single.p).abs() < 1e-12);
    let [one, other] = [&together, &single].map(|it| it.difference.interval.unwrap());
    assert!((one.low - other.low).abs() < 1e-12 && (one.high - other.high).abs() < 1e-12);
}
