//! The connection to an API server, against one that behaves well and badly.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which clippy does not see as tests")]

mod apply;
mod lock;
mod read;
mod refusal;
mod retry;
mod server;
mod support;
mod wait;
