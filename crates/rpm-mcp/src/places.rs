//! So many at a time of each user.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rpm_core::UserId;

/// Places, of which each user may have so many taken at a time.
pub(crate) struct Places {
    each: usize,
    taken: Mutex<HashMap<UserId, usize>>,
}

/// A user's place, which is free again when this is dropped.
pub(crate) struct Place {
    places: Arc<Places>,
    user: UserId,
}

impl Places {
    pub(crate) fn new(each: usize) -> Arc<Self> {
        Arc::new(Self { each, taken: Mutex::default() })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<UserId, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one for this user, if they may have one more.
    pub(crate) fn take(self: &Arc<Self>, user: &UserId) -> Option<Place> {
        let mut held = self.held();
        let taken = held.entry(user.clone()).or_default();
        // Whoever has none taken is not in the map, so that nothing is left of who gets none here: they have some.
        if *taken >= self.each {
            return None;
        }
        *taken += 1;
        Some(Place { places: Arc::clone(self), user: user.clone() })
    }
}

impl Place {
    /// Whose it is.
    #[cfg(feature = "http")]
    pub(crate) fn user(&self) -> &UserId {
        &self.user
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.places.held();
        if let Some(taken) = held.get_mut(&self.user) {
            *taken -= 1;
            if *taken == 0 {
                held.remove(&self.user);
            }
        }
    }
}
