//! The local port: each connection to it becomes one to a pod.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{copy, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::Forward;
use super::connect::{Route, broken};
use super::pump::{Broken, QUIET, pump};
use crate::error::ClusterError;

/// Connections at once. Others wait in the system's queue.
const CONNECTIONS: usize = 256;
/// Failures kept for whoever asks for them.
const FAILURES: usize = 16;
/// Where the system takes no more connections, the next may be taken after this.
const PAUSE: Duration = Duration::from_millis(100);

/// A task that ends when this is dropped.
#[derive(Debug)]
pub(super) struct Stopped(pub(super) JoinHandle<()>);

impl Drop for Stopped {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(super) async fn bind(local: Option<u16>) -> Result<TcpListener, ClusterError> {
    let port = local.unwrap_or(0);
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| ClusterError::Precondition {
        what: format!("127.0.0.1:{port} can't be listened on: {error}"),
        next: "choose another local port, or see who has it: ss -ltnp".into(),
    })
}

pub(super) fn start(listener: TcpListener, route: Route) -> Result<Forward, ClusterError> {
    let address = listener.local_addr().map_err(|error| ClusterError::Precondition {
        what: format!("the local port has no address: {error}"),
        next: "try again".into(),
    })?;
    let (told, failures) = mpsc::channel(FAILURES);
    let listener = Stopped(tokio::spawn(accept(listener, Arc::new(route), told)));
    Ok(Forward { address, failures, _listener: listener })
}

/// Takes connections for ever. Ended from outside, it takes its connections along.
async fn accept(listener: TcpListener, route: Arc<Route>, told: mpsc::Sender<ClusterError>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                Ok((local, _)) => drop(connections.spawn(serve(local, Arc::clone(&route), told.clone()))),
                // Out of file descriptors, or a client that has already gone.
                Err(_) => sleep(PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(local: TcpStream, route: Arc<Route>, told: mpsc::Sender<ClusterError>) {
    if let Err(error) = bridge(local, &route).await {
        // Nobody asks, and the first failures say most.
        told.try_send(error).ok();
    }
}

async fn bridge(mut local: TcpStream, route: &Route) -> Result<(), ClusterError> {
    // What comes in small pieces is meant to go out so.
    local.set_nodelay(true).ok();
    let (socket, endpoint) = match route.open().await {
        Ok(opened) => opened,
        Err(error) => {
            reset(&local);
            return Err(error);
        }
    };
    let (mut reader, mut writer) = local.split();
    match pump(socket, &mut reader, &mut writer).await {
        Ok(()) => {
            // To close with bytes unread would reset the connection, and what the client has not read yet with it.
            timeout(QUIET, copy(&mut reader, &mut sink())).await.ok();
            Ok(())
        }
        Err(end) => {
            reset(&local);
            match end {
                // Clients come and go.
                Broken::Local | Broken::Silent => Ok(()),
                Broken::Remote(message) => Err(broken(&endpoint, message)),
            }
        }
    }
}

/// An end would look like the end of a whole answer.
fn reset(local: &TcpStream) {
    local.set_zero_linger().ok();
}
