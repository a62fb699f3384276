//! When two addresses mean one repository, and the names that follow from an address.

use sha2::{Digest, Sha256};

/// Longest readable part of a name.
const READABLE: usize = 40;

/// Name of the Secret for an address: readable, and never the same for two repositories.
pub fn secret_name(kind: &str, address: &str) -> String {
    let normal = normalised_address(address);
    let (_, place) = normal.split_once("://").unwrap_or(("", &normal));
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    let words: Vec<&str> =
        place.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let readable: String = words.join("-").chars().take(READABLE).collect();
    let hash: String = Sha256::digest(&normal).iter().take(5).map(|byte| format!("{byte:02x}")).collect();
    match readable.trim_end_matches('-') {
        "" => format!("{kind}-{hash}"),
        readable => format!("{kind}-{readable}-{hash}"),
    }
}

/// Whether Argo CD takes two addresses for one: whatever their case, with `.git` at the end or without, and with
/// `ssh://` or in the form `git@host:path`.
pub fn same_address(one: &str, other: &str) -> bool {
    normalised_address(one) == normalised_address(other)
}

/// An address in the form in which Argo CD compares it.
pub fn normalised_address(address: &str) -> String {
    let address = address.trim().to_lowercase();
    let address = match address.split_once('@') {
        // `git@host:path`; a colon or a slash before would be a protocol's.
        Some((user, _)) if !user.contains(['/', ':']) => address.replacen(':', "/", 1),
        _ => address.strip_prefix("ssh://").map_or(address.clone(), str::to_owned),
    };
    address.strip_suffix(".git").map_or(address.clone(), str::to_owned)
}

/// Whether two addresses are of one place, whatever the protocol, user and port that it is reached by: a checkout may
/// be cloned by ssh of what Argo CD reads by https.
pub fn same_place(one: &str, other: &str) -> bool {
    place(one) == place(other)
}

fn place(address: &str) -> String {
    let normal = normalised_address(address);
    let place = normal.split_once("://").map_or(normal.as_str(), |(_, place)| place);
    let (host, path) = place.split_once('/').unwrap_or((place, ""));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    format!("{host}/{}", path.trim_matches('/').trim_end_matches(".git"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_one_by_any_protocol() {
        for (one, other, same) in [
            ("https://github.com/acme/gitops", "git@github.com:Acme/gitops.git", true),
            ("https://bot:planted@git.acme.com:8443/a/b.git/", "ssh://git@git.acme.com:2222/a/b", true),
            ("file:///srv/gitops", "/srv/gitops", true),
            ("https://github.com/acme/gitops", "https://github.com/acme/app", false),
            ("https://github.com/acme/gitops", "https://gitlab.com/acme/gitops", false),
        ] {
            assert_eq!(same_place(one, other), same, "{one} {other}");
        }
    }

    #[test]
    fn addresses_that_argo_cd_takes_for_one() {
        for (one, other, same) in [
            ("https://github.com/acme/gitops", "https://GitHub.com/Acme/gitops.git", true),
            ("ssh://git@github.com/acme/gitops", "git@github.com:acme/gitops.git", true),
            ("https://github.com/acme/gitops", "https://github.com/acme/gitops2", false),
            ("ssh://git@github.com/acme/gitops", "https://github.com/acme/gitops", false),
            ("ssh://git@host:2222/acme", "ssh://git@host/acme", false),
        ] {
            assert_eq!(same_address(one, other), same, "{one} {other}");
            assert_eq!(secret_name("repo", one) == secret_name("repo", other), same, "{one} {other}");
        }
    }

    #[test]
    fn names_are_readable_and_good_for_kubernetes() {
        let long = format!("https://git.acme.com/{}", "group/".repeat(60));
        let name = regex_lite::Regex::new(crate::config::DNS_LABEL).unwrap();
        for address in ["https://a.com/b_c", "git@a.com:b", "ssh://git@a.com:22/ü", "https://ü.com/ü", &long]
        {
            let found = secret_name("creds", address);
            assert!(name.is_match(&found), "{found}");
        }
        let readable = secret_name("repo", "https://github.com/acme/gitops.git");
        assert!(readable.starts_with("repo-github-com-acme-gitops-"), "{readable}");
        assert_ne!(secret_name("repo", "https://a.com/b/c"), secret_name("repo", "https://a.com/b-c"));
    }
}
