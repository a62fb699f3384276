//! Known hosts files: whose host key is trusted, by OpenSSH's rules.

mod line;
mod pattern;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::key::wire::fingerprint;
use line::{Line, Marker};
use pattern::Wanted;

pub use manifests::known_hosts::published;

/// Large enough for every file of people; what is larger is cut off, and told.
const MAX_LINES: usize = 100_000;

/// Large Git hosts, the host whose keys stand for them, and the other names under which they show the same keys.
const PUBLISHERS: &[(&str, &str, &[&str])] = &[
    ("GitHub", "github.com", &["ssh.github.com"]),
    ("GitLab", "gitlab.com", &["altssh.gitlab.com"]),
    ("Bitbucket", "bitbucket.org", &["altssh.bitbucket.org"]),
    ("Azure DevOps", "ssh.dev.azure.com", &["vs-ssh.visualstudio.com"]),
];

/// A known hosts file. Lines that can't be read are left out, and told by [`KnownHosts::problems`].
#[derive(Clone, Debug, Default)]
pub struct KnownHosts {
    lines: Vec<Line>,
    problems: Vec<Problem>,
}

/// A line that can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its number; the first line is 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: &'static str,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

/// What a known hosts file says of a host's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the host's.
    Trusted,
    /// It says nothing of a key of this kind for this host.
    Unknown,
    /// The host has other keys of the same kind: a new key, or somebody in between.
    Changed {
        /// Fingerprints of the keys that it has.
        known: Vec<String>,
        /// Where the first of them stands.
        line: usize,
    },
    /// The key is marked as revoked.
    Revoked {
        /// Where.
        line: usize,
    },
}

impl KnownHosts {
    /// Reads the text of a file. Never fails as a whole.
    pub fn parse(text: &str) -> Self {
        let mut file = Self::default();
        for (index, text) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let number = index + 1;
            if index == MAX_LINES {
                file.problems.push(Problem { line: number, why: "it and all lines behind it are left out" });
                break;
            }
            match Line::parse(number, text.trim()) {
                Ok(line) => file.lines.extend(line),
                Err(why) => file.problems.push(Problem { line: number, why }),
            }
        }
        file
    }

    /// Lines that can't be read.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The lines that concern a host, marked ones too: what is handed to others who talk with this host alone.
    ///
    /// A name without port stands for port 22, as it does for Argo CD; `ssh` itself would try it for other ports too.
    pub fn lines_for(&self, host: &str, port: u16) -> String {
        self.of(host, port).flat_map(|line| [line.text.as_str(), "\n"]).collect()
    }

    /// Mark and names of the first line by which certificates of an authority (`@cert-authority`) would vouch for the
    /// host, where no line gives a key of its own. It does not vouch for a plain key: such a host is
    /// [`Verdict::Unknown`], and this is why.
    pub fn only_authority(&self, host: &str, port: u16) -> Option<String> {
        if self.of(host, port).any(|line| line.marker.is_none()) {
            return None;
        }
        let line = self.of(host, port).find(|line| line.marker == Some(Marker::Authority))?;
        Some(line.text.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
    }

    /// What the file says of a key (`ssh-ed25519 AAAA…`) that a host has shown.
    pub fn verdict(&self, host: &str, port: u16, key: &str) -> Verdict {
        let Some((algorithm, blob)) = line::key(key) else { return Verdict::Unknown };
        let lines: Vec<&Line> =
            self.of(host, port).filter(|line| line.marker != Some(Marker::Authority)).collect();
        let is_it = |line: &&&Line| line.blob == blob;
        // Wherever it stands, a mark takes precedence.
        let revoked = lines.iter().filter(|line| line.marker == Some(Marker::Revoked)).find(is_it);
        if let Some(line) = revoked {
            return Verdict::Revoked { line: line.number };
        }
        let same_kind: Vec<_> =
            lines.iter().filter(|line| line.marker.is_none() && line.algorithm == algorithm).collect();
        match same_kind.first() {
            None => Verdict::Unknown,
            Some(_) if same_kind.iter().any(|line| line.blob == blob) => Verdict::Trusted,
            Some(first) => Verdict::Changed {
                known: same_kind.iter().map(|line| fingerprint(&line.blob)).collect(),
                line: first.number,
            },
        }
    }

    fn of(&self, host: &str, port: u16) -> impl Iterator<Item = &Line> {
        let wanted = Wanted::new(host, port);
        self.lines.iter().filter(move |line| line.hosts.matches(&wanted))
    }
}

/// Whose published key it is: GitHub, GitLab, Bitbucket or Azure DevOps; `None` where the host is another one, or has
/// shown another key.
pub fn recognised(host: &str, fingerprint_shown: &str) -> Option<&'static str> {
    let host = host.to_ascii_lowercase();
    let (name, main, _) =
        PUBLISHERS.iter().find(|(_, main, others)| *main == host || others.contains(&host.as_str()))?;
    let published = KnownHosts::parse(&published());
    let known = published.of(main, 22).any(|line| fingerprint(&line.blob) == fingerprint_shown);
    known.then_some(name)
}

/// The fingerprint of a key (`ssh-ed25519 AAAA…`), as `ssh-keygen -lf` shows it; `None` where it is no key.
pub fn fingerprint_of(key: &str) -> Option<String> {
    line::key(key).map(|(_, blob)| fingerprint(&blob))
}

/// A name as it stands in known hosts files: the port is told where it is not 22.
pub fn host_name(host: &str, port: u16) -> String {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    if port == 22 { host } else { format!("[{host}]:{port}") }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}
