//! One map over a slice, on several cores where the `parallel` feature is on. Results are in input order either way.

/// Maps on the rayon pool that the caller runs in; elsewhere on threads of its own, which have ended when it returns.
///
/// Nothing is asked of rayon's global pool: its threads would stay until the process ends.
#[cfg(feature = "parallel")]
pub(crate) fn map<'t, T: Sync, R: Send>(items: &'t [T], f: impl Fn(&'t T) -> R + Sync + Send) -> Vec<R> {
    use rayon::prelude::*;

    /// Below this for each thread, starting it costs more than it saves.
    const WORTH: usize = 16;

    if items.len() < 2 * WORTH {
        return items.iter().map(f).collect();
    }
    if rayon::current_thread_index().is_some() {
        return items.par_iter().map(f).collect();
    }
    let threads = threads().min(items.len() / WORTH);
    if threads < 2 {
        return items.iter().map(f).collect();
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|number| format!("rpm-{number}"))
        .build_scoped(rayon::ThreadBuilder::run, |pool| pool.install(|| items.par_iter().map(&f).collect()))
        // No thread is to be had: the caller's does it all.
        .unwrap_or_else(|_| items.iter().map(&f).collect())
}

/// The number of threads that rayon would start by itself: that of `RAYON_NUM_THREADS`, or of the cores.
#[cfg(feature = "parallel")]
fn threads() -> usize {
    let named = std::env::var("RAYON_NUM_THREADS").ok().and_then(|number| number.parse().ok());
    let named = named.filter(|&number: &usize| number > 0);
    named.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
}

#[cfg(not(feature = "parallel"))]
pub(crate) fn map<'t, T, R>(items: &'t [T], f: impl Fn(&'t T) -> R) -> Vec<R> {
    items.iter().map(f).collect()
}

#[cfg(all(test, feature = "parallel"))]
mod tests {
    use super::*;

    fn name_of_thread() -> String {
        std::thread::current().name().unwrap_or_default().to_owned()
    }

    #[test]
    fn results_are_in_input_order_for_any_length() {
        for length in [0, 1, 31, 32, 33, 1_000] {
            let items: Vec<u32> = (0..length).collect();
            assert_eq!(map(&items, |item| item * 3), (0..length).map(|item| item * 3).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_host_s_pool_does_the_work_of_calls_inside_it() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).thread_name(|_| "host".to_owned()).build().unwrap();
        let names = pool.install(|| map(&[(); 200], |()| name_of_thread()));
        assert!(names.iter().all(|name| name == "host"), "{names:?}");
    }

    #[test]
    fn few_items_stay_on_the_caller_s_thread() {
        let here = name_of_thread();
        assert!(map(&[(); 31], |()| name_of_thread()).iter().all(|name| *name == here));
    }

    #[test]
    #[should_panic(expected = "a panic of the work")]
    fn a_panic_reaches_the_caller() {
        map(&[(); 200], |()| panic!("a panic of the work"));
    }
}
