//! The names that a line is for.

use ring::hmac;

use super::{decode, host_name};

/// Names of a line.
#[derive(Clone, Debug)]
pub(super) enum Hosts {
    /// Patterns with `*`, `?` and `!`.
    Patterns(Vec<String>),
    /// A name that only who knows it finds.
    Hashed { salt: Vec<u8>, hash: Vec<u8> },
}

/// The host that is looked for.
pub(super) struct Wanted {
    name: String,
}

impl Wanted {
    pub(super) fn new(host: &str, port: u16) -> Self {
        Self { name: host_name(host, port) }
    }
}

impl Hosts {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let Some(hashed) = text.strip_prefix("|1|") else {
            let patterns = text.split(',').filter(|pattern| !pattern.is_empty());
            return (!text.starts_with('|'))
                .then(|| Self::Patterns(patterns.map(str::to_ascii_lowercase).collect()));
        };
        let (salt, hash) = hashed.split_once('|')?;
        let (salt, hash) = (decode(salt)?, decode(hash)?);
        (hash.len() == 20).then_some(Self::Hashed { salt, hash })
    }

    pub(super) fn matches(&self, wanted: &Wanted) -> bool {
        let name = wanted.name.as_str();
        match self {
            Self::Hashed { salt, hash } => {
                let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt);
                hmac::verify(&key, name.as_bytes(), hash).is_ok()
            }
            Self::Patterns(patterns) => {
                let excluded = patterns.iter().filter_map(|pattern| pattern.strip_prefix('!'));
                let mut wanted = patterns.iter().filter(|pattern| !pattern.starts_with('!'));
                wanted.any(|pattern| matches(pattern, name))
                    && !excluded.into_iter().any(|pattern| matches(pattern, name))
            }
        }
    }
}

/// Whether a pattern with `*` and `?` stands for a name. Goes back to the last `*` only, so that no pattern takes long.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    n = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, fits) in [
            ("github.com", "github.com", true),
            ("*.github.com", "ssh.github.com", true),
            ("*.github.com", "github.com", false),
            ("git??b.com", "github.com", true),
            ("*", "", true),
            ("?", "", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*c", "xxaxxbxx", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn no_pattern_takes_long() {
        let started = std::time::Instant::now();
        assert!(!matches(&"*a".repeat(5000), &"a".repeat(4999)));
        assert!(!matches(&format!("{}b", "*a".repeat(200)), &"a".repeat(5000)));
        assert!(started.elapsed().as_secs() < 5);
    }
}
