//! Connections to the pods behind a Service, through the API server: what `kubectl port-forward` does.
//!
//! Each connection is a WebSocket of its own in the protocol `v4.channel.k8s.io`. A message begins with a byte that
//! names its channel: 0 carries data, 1 the error that ends it. The first message on each is the port.
//!
//! **Half-close.** The protocol ends a connection only as a whole. Where the local side ends its writing, the pod is
//! not told: to close would throw away the rest of the answer, and that is what whoever half-closes waits for. The
//! connection ends with the pod's answer, or once the pod was silent for half a minute: a client that went away
//! looks the same until something is written to it. A pod that waits for the end of what it reads before it answers
//! can't be served this way. Where the pod ends, everything it sent is delivered first, then the end. What ended in
//! any other way than by the pod's own closing is reset, never passed off as an end.

mod connect;
mod listen;
mod pump;
mod resolve;
mod stream;

use std::net::SocketAddr;

use manifests::ObjectRef;
use tokio::sync::mpsc;

use crate::client::Client;
use crate::error::ClusterError;
use listen::Stopped;

pub use resolve::ServicePort;
pub use stream::PodStream;

/// A local port whose connections lead to the pods of a Service. Dropped, it ends with all of its connections.
#[derive(Debug)]
pub struct Forward {
    address: SocketAddr,
    failures: mpsc::Receiver<ClusterError>,
    _listener: Stopped,
}

impl Forward {
    /// Where it listens, on the loopback interface.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the next connection to fail and says why. It goes on listening: the next connection looks for a
    /// pod anew. Only a few failures are kept while nobody asks. `None` says that it listens no more.
    pub async fn failure(&mut self) -> Option<ClusterError> {
        self.failures.recv().await
    }
}

impl Client {
    /// Listens on 127.0.0.1, on the port `local` or any free one, and leads each connection to a Ready pod of the
    /// Service: to the same one as long as it is Ready.
    ///
    /// One connection is opened and closed beforehand, so that whatever keeps them all from working is told here.
    pub async fn forward(
        &self,
        service: &ObjectRef,
        port: impl Into<ServicePort>,
        local: Option<u16>,
    ) -> Result<Forward, ClusterError> {
        let route = connect::Route::new(self.clone(), service.clone(), port.into());
        // Told first: it needs no cluster.
        let listener = listen::bind(local).await?;
        route.check().await?;
        listen::start(listener, route)
    }

    /// One connection to a Ready pod of the Service, without a local port.
    pub async fn stream(
        &self,
        service: &ObjectRef,
        port: impl Into<ServicePort>,
    ) -> Result<PodStream, ClusterError> {
        let route = connect::Route::new(self.clone(), service.clone(), port.into());
        let (socket, endpoint) = route.open().await?;
        Ok(PodStream::new(socket, endpoint))
    }
}
