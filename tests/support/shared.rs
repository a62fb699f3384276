//! A sandbox that the tests of one file share, one after the other.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::Sandbox;

/// Holds a sandbox as long as a test uses it or waits for it. Statics are never dropped, so it is not kept any
/// longer: the cluster would outlive the tests.
#[derive(Debug)]
pub struct Shared {
    sandbox: Mutex<Weak<Sandbox>>,
    turn: Mutex<()>,
}

/// One test's turn. Others that share the sandbox wait, so that what is written meanwhile is this test's own.
#[derive(Debug)]
pub struct Turn {
    // In this order: the next test may begin while a sandbox that nobody waits for is being deleted.
    _turn: MutexGuard<'static, ()>,
    sandbox: Arc<Sandbox>,
}

impl Shared {
    /// Nothing yet.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self { sandbox: Mutex::new(Weak::new()), turn: Mutex::new(()) }
    }

    /// The sandbox, once it is this test's turn; made where no other test has it at the moment.
    pub fn get(&'static self, make: impl FnOnce() -> Option<Sandbox>) -> Option<Turn> {
        let sandbox = self.sandbox(make)?;
        Some(Turn { _turn: self.turn.lock().unwrap_or_else(PoisonError::into_inner), sandbox })
    }

    fn sandbox(&self, make: impl FnOnce() -> Option<Sandbox>) -> Option<Arc<Sandbox>> {
        // A failed making or a failed test poisons nothing: the next test tries for itself.
        let mut shared = self.sandbox.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sandbox) = shared.upgrade() {
            return Some(sandbox);
        }
        let sandbox = Arc::new(make()?);
        *shared = Arc::downgrade(&sandbox);
        Some(sandbox)
    }
}

impl Deref for Turn {
    type Target = Sandbox;

    fn deref(&self) -> &Sandbox {
        &self.sandbox
    }
}
