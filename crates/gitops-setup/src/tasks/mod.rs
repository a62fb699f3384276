//! One file for each command.

pub(crate) mod applications;
pub(crate) mod argocd;
pub(crate) mod cluster;
pub(crate) mod clusters;
pub(crate) mod credentials;
pub(crate) mod images;
pub(crate) mod init;
pub(crate) mod lint;
pub(crate) mod model;
pub(crate) mod plan;
pub(crate) mod render;
pub(crate) mod repository;
pub(crate) mod schema;
pub(crate) mod seldon;
pub(crate) mod setup;
pub(crate) mod stage;
pub(crate) mod stages;
pub(crate) mod status;
pub(crate) mod teardown;
pub(crate) mod webhooks;

use std::future::Future;
use std::io::Write;

use crate::failure::Failure;
use crate::session::Session;

/// Runs asynchronous work to its end, or until the user interrupts it.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    on_threads(until_stopped(work))
}

/// The same for work that takes the lock of the cluster.
fn block_on_locked<T>(
    session: &Session,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    on_threads(session.locked(until_stopped(work)))
}

async fn until_stopped<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::select! {
        // Listens before the work begins, which may go far before it waits for anything.
        biased;
        () = stopped() => Err(Failure::Interrupted),
        result = work => result,
    }
}

fn on_threads<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::Precondition(format!("no threads to work with: {error}")))?;
    let result = runtime.block_on(work);
    // A program that was started goes on by itself; its end is not waited for.
    runtime.shutdown_background();
    result
}

/// Waits for the user, a closing terminal or a CI system to stop us: what was begun is cleaned up in each case.
async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut waits = vec![SignalKind::interrupt(), SignalKind::terminate()];
    if !ignores_hangup() {
        waits.push(SignalKind::hangup());
    }
    let waits = waits.into_iter().filter_map(|kind| signal(kind).ok());
    let waits: Vec<_> = waits.map(|mut signal| Box::pin(async move { signal.recv().await })).collect();
    match waits.is_empty() {
        true => std::future::pending().await,
        false => drop(futures::future::select_all(waits).await),
    }
}

/// Whether this was started by nohup or the like: it is to go on when the terminal closes.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 != 0)
}

/// Prints to standard output; a closed pipe is no failure.
fn print(text: &str) {
    let _closed = std::io::stdout().write_all(text.as_bytes());
}
