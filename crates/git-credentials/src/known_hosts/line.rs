//! One line: `[@marker] hosts algorithm key [comment]`.

use super::decode;
use super::pattern::Hosts;
use crate::key::wire::Reader;

/// What a line says of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    /// It must never be accepted.
    Revoked,
    /// It signs certificates of hosts.
    Authority,
}

#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) text: String,
    pub(super) marker: Option<Marker>,
    pub(super) hosts: Hosts,
    pub(super) algorithm: String,
    pub(super) blob: Vec<u8>,
}

impl Line {
    /// `None` for comments and empty lines.
    pub(super) fn parse(number: usize, text: &str) -> Result<Option<Self>, &'static str> {
        if text.is_empty() || text.starts_with('#') {
            return Ok(None);
        }
        let (marker, rest) = match text.split_once([' ', '\t']) {
            Some(("@revoked", rest)) => (Some(Marker::Revoked), rest.trim_start()),
            Some(("@cert-authority", rest)) => (Some(Marker::Authority), rest.trim_start()),
            _ if text.starts_with('@') => return Err("its marker is neither @revoked nor @cert-authority"),
            _ => (None, text),
        };
        let (hosts, rest) = rest.split_once([' ', '\t']).ok_or("there is no key behind the name")?;
        if hosts.starts_with("ssh-") && rest.trim_start().starts_with("AAAA") {
            return Err("there is no name of a host before the key");
        }
        let hosts = Hosts::parse(hosts).ok_or("its hashed name is damaged")?;
        let (algorithm, blob) = key(rest).ok_or("its key is damaged, or of a form that is no longer used")?;
        Ok(Some(Self { number, text: text.to_owned(), marker, hosts, algorithm, blob }))
    }
}

/// Algorithm and key of `ssh-ed25519 AAAA… comment`, where they fit each other.
pub(super) fn key(text: &str) -> Option<(String, Vec<u8>)> {
    let mut words = text.split_whitespace();
    let (algorithm, key) = (words.next()?, words.next()?);
    let blob = decode(key)?;
    let mut reader = Reader(&blob);
    let whole = reader.string().is_ok_and(|name| name == algorithm.as_bytes()) && !reader.0.is_empty();
    // All that is behind the name are strings, too; one that was cut off would never match anything.
    while whole && !reader.0.is_empty() {
        reader.string().ok()?;
    }
    whole.then(|| (algorithm.to_owned(), blob))
}
