//! Where the time of making a cluster went.

use std::time::{Duration, Instant};

/// Named parts of the work, in their order, and how long each took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timings(pub Vec<(&'static str, Duration)>);

/// Takes the times.
pub(super) struct Clock {
    since: Instant,
    timings: Timings,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { since: Instant::now(), timings: Timings::default() }
    }

    /// What was done since the start or the last lap.
    pub(super) fn lap(&mut self, name: &'static str) {
        let now = Instant::now();
        self.timings.0.push((name, now - self.since));
        self.since = now;
    }

    pub(super) fn stop(self) -> Timings {
        self.timings
    }
}
