//! Work in a thread and a runtime of its own.
//!
//! The runtime of a test may have a single thread that waits in a `drop`, a clock that stands still, or be gone; and
//! the work goes on to its end where the test stops waiting for it.

use std::io;
use std::thread::JoinHandle;

use tokio::sync::oneshot::{Receiver, channel};

use super::Error;
use crate::failure::Failure;

/// Work under way.
pub(super) struct Elsewhere<T> {
    thread: JoinHandle<()>,
    result: Receiver<Result<T, Error>>,
}

/// Begins the work.
pub(super) fn begin<T, F>(work: impl FnOnce() -> F + Send + 'static) -> Result<Elsewhere<T>, Error>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Error>>,
{
    let (sender, result) = channel();
    let done = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let result = runtime.map_err(no_thread).map_err(Error::from).and_then(|it| it.block_on(work()));
        // Where nobody waits any more, what was made goes here.
        sender.send(result).map_err(drop).ok();
    };
    let thread = std::thread::Builder::new().name("test cluster".into()).spawn(done).map_err(no_thread)?;
    Ok(Elsewhere { thread, result })
}

/// Does the work, and waits for it in any runtime.
pub(super) async fn run<T, F>(work: impl FnOnce() -> F + Send + 'static) -> Result<T, Error>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Error>>,
{
    begin(work)?.result.await.unwrap_or_else(|_| Err(panicked()))
}

impl<T> Elsewhere<T> {
    /// Waits for the work, and blocks this thread meanwhile.
    pub(super) fn join(mut self) -> Result<T, Error> {
        self.thread.join().map_err(|_| panicked())?;
        self.result.try_recv().unwrap_or_else(|_| Err(panicked()))
    }
}

fn no_thread(error: io::Error) -> Failure {
    Failure::Precondition(format!("no thread to work with: {error}"))
}

fn panicked() -> Error {
    Failure::Bug("it panicked, see above".into()).into()
}
