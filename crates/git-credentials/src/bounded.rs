//! Work that ends: deadlines, and blocking calls that nobody waits for any longer than that.

use std::time::{Duration, Instant};

/// The end of everything that one request to a repository takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    ends: Instant,
    limit: Duration,
}

impl Deadline {
    pub(crate) fn after(limit: Duration) -> Self {
        Self { ends: Instant::now() + limit, limit }
    }

    /// What is left of it.
    pub(crate) fn left(&self) -> Duration {
        self.ends.saturating_duration_since(Instant::now())
    }

    /// The whole of it, as an error names it.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }
}

/// Runs blocking work on a thread of its own; `None` where it isn't done in time.
///
/// Not on the runtime's threads for such work: the runtime waits for those when it ends, and a name server that
/// doesn't answer would hold the whole program.
pub(crate) async fn detached<T: Send + 'static>(
    deadline: Deadline,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (done, result) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || done.send(work()).ok());
    tokio::time::timeout(deadline.left(), result).await.ok()?.ok()
}
