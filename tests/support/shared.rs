//! A sandbox that the tests of one file share.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::Sandbox;

/// Holds a sandbox as long as a test uses it. Statics are never dropped, so it is not kept any longer: the
/// cluster would outlive the tests.
#[derive(Debug)]
pub struct Shared(Mutex<Weak<Sandbox>>);

impl Shared {
    /// Nothing yet.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    /// The sandbox; made where no other test has it at the moment.
    pub fn get(&self, make: impl FnOnce() -> Option<Sandbox>) -> Option<Arc<Sandbox>> {
        // A failed making poisons nothing: the next test tries again.
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sandbox) = shared.upgrade() {
            return Some(sandbox);
        }
        let sandbox = Arc::new(make()?);
        *shared = Arc::downgrade(&sandbox);
        Some(sandbox)
    }
}
