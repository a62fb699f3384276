//! A connection to a pod without a local port.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex, split};
use tokio_tungstenite::WebSocketStream;

use super::connect::{Transport, broken};
use super::listen::Stopped;
use super::pump::{Broken, QUIET, pump};
use super::resolve::Endpoint;
use crate::error::ClusterError;

/// Bytes on their way in each direction.
const BUFFER: usize = 64 * 1024;

/// A connection to a pod. Dropped, it ends at once, with what is still on its way: read to the end first.
///
/// To shut it down for writing leaves it open for reading, see the [module](super). An end that was not the pod's
/// own is an error of reading that holds a [`ClusterError`].
#[derive(Debug)]
pub struct PodStream {
    io: DuplexStream,
    failure: Arc<Mutex<Option<ClusterError>>>,
    _task: Stopped,
}

impl PodStream {
    pub(super) fn new<S: Transport>(socket: WebSocketStream<S>, endpoint: Endpoint) -> Self {
        let (io, other) = duplex(BUFFER);
        let failure = Arc::new(Mutex::new(None));
        let told = Arc::clone(&failure);
        let task = tokio::spawn(async move {
            let (reader, mut writer) = split(other);
            let message = match pump(socket, reader, &mut writer).await {
                Ok(()) | Err(Broken::Local) => return,
                Err(Broken::Silent) => format!("no answer within {} s", QUIET.as_secs()),
                Err(Broken::Remote(message)) => message,
            };
            // Before the end is seen, which dropping the writer brings about.
            *told.lock().expect("never poisoned") = Some(broken(&endpoint, message));
        });
        Self { io, failure, _task: Stopped(task) }
    }
}

impl AsyncRead for PodStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let asked = buffer.remaining() > 0;
        ready!(Pin::new(&mut self.io).poll_read(context, buffer))?;
        if asked && buffer.filled().len() == before {
            // Told once: whoever reads on finds the end.
            if let Some(error) = self.failure.lock().expect("never poisoned").take() {
                return Poll::Ready(Err(io::Error::other(error)));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for PodStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
