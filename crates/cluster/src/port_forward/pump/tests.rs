//! The two directions and their ends, in memory and on a clock that stands still until all wait.

use tokio::io::{DuplexStream, duplex, split};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::*;

const BUFFER: usize = 16 * 1024;

type Pod = WebSocketStream<DuplexStream>;

/// What never comes takes no time on this clock.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(3600), work).await.expect("it does not end")
}

/// A local side, the pod's side, and what is between them.
async fn connected() -> (DuplexStream, Pod, JoinHandle<Result<(), Broken>>) {
    let (local, ours) = duplex(BUFFER);
    let (near, far) = duplex(BUFFER);
    let socket = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
    let pod = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
    let pumped = tokio::spawn(async move {
        let (reader, mut writer) = split(ours);
        pump(socket, reader, &mut writer).await
    });
    (local, pod, pumped)
}

fn message(channel: u8, bytes: &[u8]) -> Message {
    Message::Binary([&[channel], bytes].concat().into())
}

async fn rest(mut local: DuplexStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    soon(local.read_to_end(&mut bytes)).await.unwrap();
    bytes
}

#[tokio::test(start_paused = true)]
async fn who_ends_writing_still_gets_the_whole_answer() {
    let (mut local, mut pod, pumped) = connected().await;
    local.write_all(b"question").await.unwrap();
    local.shutdown().await.unwrap();
    assert_eq!(soon(pod.next()).await.unwrap().unwrap(), message(DATA, b"question"));
    for part in [b"one ", b"two "] {
        // Longer in all than the silence that would end it.
        sleep(QUIET - Duration::from_secs(1)).await;
        pod.send(message(DATA, part)).await.unwrap();
    }
    pod.close(None).await.unwrap();
    assert_eq!(rest(local).await, b"one two ");
    assert_eq!(soon(pumped).await.unwrap(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_gone_is_given_up_when_the_pod_is_silent() {
    let (mut local, mut pod, pumped) = connected().await;
    let start = Instant::now();
    local.shutdown().await.unwrap();
    assert!(
        matches!(soon(pod.next()).await, Some(Ok(Message::Close(_)))),
        "the server is told that it is over"
    );
    assert_eq!(start.elapsed().as_secs(), QUIET.as_secs());
    assert_eq!(soon(pumped).await.unwrap(), Err(Broken::Silent), "and nobody takes it for an answer");
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_kept_in_use() {
    let (_local, mut pod, pumped) = connected().await;
    let start = Instant::now();
    for times in 1..=100 {
        assert!(matches!(soon(pod.next()).await, Some(Ok(Message::Ping(_)))));
        assert_eq!(start.elapsed().as_secs(), IDLE.as_secs() * times, "and is not given up");
    }
    assert!(!pumped.is_finished());
}

#[tokio::test(start_paused = true)]
async fn the_pods_error_comes_after_its_data_and_is_told() {
    let (local, mut pod, pumped) = connected().await;
    pod.send(message(DATA, b"half an ans")).await.unwrap();
    pod.send(message(ERROR, b"error forwarding port 80: connection reset\n")).await.unwrap();
    assert_eq!(rest(local).await, b"half an ans");
    let said = Broken::Remote("error forwarding port 80: connection reset".into());
    assert_eq!(soon(pumped).await.unwrap(), Err(said));
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_no_end() {
    let (_local, mut pod, pumped) = connected().await;
    pod.send(message(DATA, b"half an ans")).await.unwrap();
    drop(pod);
    let Err(Broken::Remote(why)) = soon(pumped).await.unwrap() else { panic!("it did not end well") };
    assert!(why.contains("the connection to the cluster was lost"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_understands_ends_it() {
    let (_local, mut pod, pumped) = connected().await;
    // Neither of these says anything.
    pod.send(Message::Binary(Bytes::new())).await.unwrap();
    pod.send(Message::Ping(Bytes::new())).await.unwrap();
    pod.send(message(7, b"?")).await.unwrap();
    let Err(Broken::Remote(why)) = soon(pumped).await.unwrap() else { panic!("it did not end well") };
    assert!(why.contains("channel 7"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_no_more_ends_it() {
    let (local, mut pod, pumped) = connected().await;
    drop(local);
    pod.send(message(DATA, b"answer")).await.unwrap();
    assert_eq!(soon(pumped).await.unwrap(), Err(Broken::Local));
    assert!(matches!(soon(pod.next()).await, Some(Ok(Message::Close(_)))), "the pod's side is closed");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_can_still_write() {
    const LENGTH: usize = 64 * BUFFER;
    let (mut local, pod, pumped) = connected().await;
    let (mut answer, mut question) = pod.split();
    let answering = tokio::spawn(async move {
        for _ in 0..LENGTH / 1024 {
            answer.send(message(DATA, &[b'a'; 1024])).await.unwrap();
        }
        answer.close().await.unwrap();
    });
    let asking = tokio::spawn(async move {
        local.write_all(&[b'q'; LENGTH]).await.unwrap();
        local
    });
    let mut asked = 0;
    while asked < LENGTH {
        asked += soon(question.next()).await.unwrap().unwrap().len() - 1;
    }
    assert!(!answering.is_finished(), "what is not read is not hoarded");
    assert_eq!(rest(soon(asking).await.unwrap()).await.len(), LENGTH);
    soon(answering).await.unwrap();
    assert_eq!(soon(pumped).await.unwrap(), Ok(()));
}
