//! Tools, against a server of our own and with programs that are scripts.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod build;
mod download;
mod lookup;
mod processes;
mod server;
mod support;
