//! What each fault does to a request and its answer.

use std::future::Future;

use futures::{StreamExt, stream};
use http::Response;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, BodyStream, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use serde_json::json;

use super::schedule::Fault;

/// A body that may break off.
pub(super) type Body = UnsyncBoxBody<Bytes, Lost>;

/// The request is to be cut off.
#[derive(Debug)]
pub(super) struct Lost;

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut")
    }
}

impl std::error::Error for Lost {}

/// The answer to a request under a fault. `ask` asks the server; a fault that leaves that out keeps the request from
/// it.
pub(super) async fn disturbed(
    fault: Option<Fault>,
    ask: impl Future<Output = Result<Response<Body>, Lost>>,
) -> Result<Response<Body>, Lost> {
    match fault {
        None => ask.await,
        Some(Fault::Slow(time)) => {
            tokio::time::sleep(time).await;
            ask.await
        }
        Some(Fault::ResetBefore) => Err(Lost),
        Some(Fault::ResetAfter) => whole(ask.await?).await.and(Err(Lost)),
        Some(Fault::Cut) => {
            let (parts, bytes) = whole(ask.await?).await?;
            let half = Ok(Frame::data(bytes.slice(..bytes.len() / 2)));
            let body = StreamBody::new(stream::iter([half, Err(Lost)])).boxed_unsync();
            Ok(Response::from_parts(parts, body))
        }
        Some(Fault::Truncated) => {
            let (parts, bytes) = whole(ask.await?).await?;
            Ok(Response::from_parts(parts, full(bytes.slice(..bytes.len() / 2))))
        }
        Some(Fault::Drip(pause)) => {
            let (parts, bytes) = whole(ask.await?).await?;
            let size = (bytes.len() / 8).max(1);
            let chunks: Vec<Bytes> = bytes.chunks(size).map(Bytes::copy_from_slice).collect();
            let dripping = stream::iter(chunks).then(move |chunk| async move {
                tokio::time::sleep(pause).await;
                Ok(Frame::data(chunk))
            });
            Ok(Response::from_parts(parts, StreamBody::new(dripping).boxed_unsync()))
        }
        Some(Fault::Busy(after)) => {
            let mut answer = status(429, "TooManyRequests", "the server is busy");
            if let Some(after) = after {
                answer.headers_mut().insert(RETRY_AFTER, after.as_secs().into());
            }
            Ok(answer)
        }
        Some(Fault::Error(code)) => Ok(status(code, "InternalError", "an error was injected")),
        Some(Fault::ErrorAfter(code)) => {
            whole(ask.await?).await?;
            Ok(status(code, "InternalError", "an error was injected after the fact"))
        }
        Some(Fault::Conflict) => Ok(status(409, "Conflict", "the object has been modified")),
        Some(Fault::Forbidden) => Ok(status(403, "Forbidden", "User \"it\" cannot do this: injected")),
        Some(Fault::Invalid) => Ok(status(422, "Invalid", "injected: a field is not valid")),
        Some(Fault::Gone) => {
            let gone = status_body(410, "Expired", "too old resource version");
            let event = json!({ "type": "ERROR", "object": gone }).to_string() + "\n";
            Ok(json_answer(200, event))
        }
        Some(Fault::WatchEnds(after)) => {
            let (parts, body) = ask.await?.into_parts();
            let ends = Box::pin(tokio::time::sleep(after));
            let frames = BodyStream::new(body).take_until(ends);
            Ok(Response::from_parts(parts, StreamBody::new(frames).boxed_unsync()))
        }
    }
}

async fn whole(answer: Response<Body>) -> Result<(http::response::Parts, Bytes), Lost> {
    let (parts, body) = answer.into_parts();
    Ok((parts, body.collect().await?.to_bytes()))
}

fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

fn status_body(code: u16, reason: &str, message: &str) -> serde_json::Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    })
}

fn status(code: u16, reason: &str, message: &str) -> Response<Body> {
    json_answer(code, status_body(code, reason, message).to_string())
}

fn json_answer(code: u16, body: String) -> Response<Body> {
    let answer = Response::builder().status(code).header(CONTENT_TYPE, "application/json");
    answer.header(CONTENT_LENGTH, body.len()).body(full(body)).expect("an answer")
}
