//! Moving bytes between a local connection and a pod's.

use std::time::Duration;

use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

use super::connect::Transport;
use crate::client::innermost;

/// How long a pod may be silent once the local side has ended its writing.
pub(super) const QUIET: Duration = Duration::from_secs(30);
/// How often an idle connection is used: load balancers cut those that aren't, many after a minute.
const IDLE: Duration = Duration::from_secs(25);
/// How long a server may take to be told that it is over.
pub(super) const GOODBYE: Duration = Duration::from_secs(1);
/// Bytes a message.
const CHUNK: usize = 32 * 1024;

const DATA: u8 = 0;
const ERROR: u8 = 1;

/// What ended a connection before its time.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// The local side went away.
    Local,
    /// The local side has ended its writing, and the pod says nothing: most likely nobody is there any more.
    Silent,
    /// The pod's side failed, in its own words.
    Remote(String),
}

/// Moves bytes both ways until the pod ends. The two directions don't wait for each other, and no more than one
/// message a direction is held.
pub(super) async fn pump<S: Transport>(
    socket: WebSocketStream<S>,
    reader: impl AsyncRead + Unpin,
    writer: &mut (impl AsyncWrite + Unpin),
) -> Result<(), Broken> {
    let (mut sink, mut stream) = socket.split();
    let (ended, end) = watch::channel(false);
    let result = {
        let up = async {
            upward(reader, &mut sink).await?;
            ended.send_replace(true);
            // The rest of the answer decides how it ends.
            std::future::pending().await
        };
        tokio::select! {
            result = up => result,
            result = downward(&mut stream, writer, &end) => result,
        }
    };
    if result.is_ok() {
        // Whoever doesn't listen any more has lost nothing.
        writer.shutdown().await.ok();
    }
    timeout(GOODBYE, sink.close()).await.ok();
    result
}

/// Gives an error where the local side failed. Where the pod takes no more, what it sent says why.
async fn upward<S: Transport>(
    mut reader: impl AsyncRead + Unpin,
    sink: &mut SplitSink<WebSocketStream<S>, Message>,
) -> Result<(), Broken> {
    let mut buffer = vec![0; CHUNK];
    buffer[0] = DATA;
    loop {
        let message = match timeout(IDLE, reader.read(&mut buffer[1..])).await {
            Ok(Ok(0)) => return Ok(()),
            Ok(Ok(length)) => Message::Binary(Bytes::copy_from_slice(&buffer[..=length])),
            Ok(Err(_)) => return Err(Broken::Local),
            Err(_) => Message::Ping(Bytes::new()),
        };
        if sink.send(message).await.is_err() {
            return Ok(());
        }
    }
}

async fn downward<S: Transport>(
    stream: &mut SplitStream<WebSocketStream<S>>,
    writer: &mut (impl AsyncWrite + Unpin),
    end: &watch::Receiver<bool>,
) -> Result<(), Broken> {
    loop {
        let message = tokio::select! {
            message = stream.next() => message,
            () = silence(end.clone()) => return Err(Broken::Silent),
        };
        let mut bytes = match message {
            Some(Ok(Message::Binary(bytes))) if !bytes.is_empty() => bytes,
            Some(Ok(Message::Close(_))) => return Ok(()),
            Some(Ok(_)) => continue,
            Some(Err(error)) => return Err(Broken::Remote(lost(&error))),
            None => return Err(Broken::Remote("the connection to the cluster was lost".into())),
        };
        let channel = bytes.split_to(1)[0];
        match channel {
            DATA => writer.write_all(&bytes).await.map_err(|_| Broken::Local)?,
            ERROR => return Err(Broken::Remote(String::from_utf8_lossy(&bytes).trim().to_owned())),
            _ => return Err(Broken::Remote(format!("the server sends on channel {channel}, which is none"))),
        }
    }
}

fn lost(error: &Error) -> String {
    format!("the connection to the cluster was lost: {}", innermost(error))
}

/// Comes when nothing happened for a while after the local side has ended.
async fn silence(mut end: watch::Receiver<bool>) {
    if end.wait_for(|ended| *ended).await.is_err() {
        std::future::pending::<()>().await;
    }
    sleep(QUIET).await;
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "helpers of tests, which clippy does not see as tests")]
mod tests;
