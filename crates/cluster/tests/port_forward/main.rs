//! Port forwarding, against an API server whose pods do as a test says.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which clippy does not see as tests")]

mod ends;
mod pods;
mod refusals;
mod server;
