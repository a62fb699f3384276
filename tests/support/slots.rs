//! How many clusters run at once.

use std::sync::{Condvar, Mutex};

/// Each takes 400 MB and, while it starts, more than one core.
const CLUSTERS: usize = 2;

static FREE: Mutex<usize> = Mutex::new(CLUSTERS);
static GIVEN_BACK: Condvar = Condvar::new();

/// The right to run a cluster, until it is dropped.
#[derive(Debug)]
pub struct Slot(usize);

impl Slot {
    /// Waits for one.
    pub fn take() -> Self {
        Self::take_some(1)
    }

    /// Waits until no other cluster runs.
    pub(crate) fn take_all() -> Self {
        Self::take_some(CLUSTERS)
    }

    /// Gives one of several away.
    pub(crate) fn split(&mut self) -> Self {
        self.0 -= 1;
        Self(1)
    }

    fn take_some(count: usize) -> Self {
        let free = FREE.lock().expect("never poisoned");
        let mut free = GIVEN_BACK.wait_while(free, |free| *free < count).expect("never poisoned");
        *free -= count;
        Self(count)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        *FREE.lock().expect("never poisoned") += self.0;
        GIVEN_BACK.notify_all();
    }
}
