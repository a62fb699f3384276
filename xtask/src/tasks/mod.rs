//! One file for each command.

pub(crate) mod argocd;
pub(crate) mod cluster;
pub(crate) mod credentials;
pub(crate) mod init;
pub(crate) mod plan;
pub(crate) mod render;
pub(crate) mod repository;
pub(crate) mod schema;
pub(crate) mod seldon;
pub(crate) mod setup;
pub(crate) mod stage;
pub(crate) mod stages;
pub(crate) mod status;
pub(crate) mod webhooks;

use std::future::Future;
use std::io::Write;

use crate::failure::Failure;

/// Runs asynchronous work to its end, or until the user interrupts it.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::Precondition(format!("no threads to work with: {error}")))?;
    let result = runtime.block_on(async {
        tokio::select! {
            // Listens before the work begins, which may go far before it waits for anything.
            biased;
            _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
            result = work => result,
        }
    });
    // A program that was started goes on by itself; its end is not waited for.
    runtime.shutdown_background();
    result
}

/// Prints to standard output; a closed pipe is no failure.
fn print(text: &str) {
    let _closed = std::io::stdout().write_all(text.as_bytes());
}
