//! Whom Argo CD trusts at Git hosts: SSH host keys and certificates.
//!
//! Both live in ConfigMaps that users, Argo CD's own commands and its manifest write to as well, so what is there
//! is kept and only what is missing is added.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::argocd::names;
use crate::object::{Object, ObjectRef};

/// The RSA key of GitHub whose private half was public for a while in March 2023: whoever has it can pass for
/// GitHub. Argo CD shipped it up to 2.6.7.
const RETIRED: &str = "nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8";

/// What is told of the retired key where it is found.
pub fn retired_note(place: &str) -> String {
    format!(
        "GitHub's RSA host key of before March 2023 is left out of {place}: its private half leaked (SHA256:{RETIRED})"
    )
}

/// The ConfigMap with this text of known hosts.
pub fn known_hosts_object(argocd_namespace: &str, text: &str) -> Object {
    config_map(&names::known_hosts(argocd_namespace)).with("data", json!({ names::KNOWN_HOSTS_KEY: text }))
}

/// The ConfigMap with these certificates for a host. Argo CD looks them up by the name without a port.
pub fn certificates_object(argocd_namespace: &str, host: &str, pem: &str) -> Object {
    config_map(&names::tls_certificates(argocd_namespace)).with("data", json!({ host: pem }))
}

/// Argo CD finds its ConfigMaps by the label.
fn config_map(reference: &ObjectRef) -> Object {
    Object::new(reference)
        .with_label("app.kubernetes.io/name", &reference.name)
        .with_label("app.kubernetes.io/part-of", "argocd")
}

/// The text of known hosts in a ConfigMap.
pub fn known_hosts_in(object: &Object) -> &str {
    object.text(&format!("/data/{}", names::KNOWN_HOSTS_KEY))
}

/// Takes the retired key out of a manifest's known hosts, and says so.
pub(crate) fn leave_out_retired(object: &mut Object) -> Option<String> {
    let reference = object.reference();
    if reference.kind != "ConfigMap" || !has_retired_key(known_hosts_in(object)) {
        return None;
    }
    let kept = merge_known_hosts(known_hosts_in(object), "");
    *object.get_mut(&format!("/data/{}", names::KNOWN_HOSTS_KEY))? = kept.into();
    Some(retired_note("the manifest"))
}

/// `live`, followed by the lines of `ours` that it lacks. Nothing of others is lost but the retired key.
pub fn merge_known_hosts(live: &str, ours: &str) -> String {
    let mut text = String::new();
    for line in live.split_inclusive('\n').filter(|line| !is_retired(line)) {
        text.push_str(line);
    }
    let is_new = text.is_empty();
    for line in ours.lines().map(str::trim).filter(|line| !line.is_empty() && !is_retired(line)) {
        // A remark about another text would be wrong at the end of this one.
        let is_remark = !is_new && line.starts_with('#');
        if is_remark || text.lines().any(|other| vouches(other, line)) {
            continue;
        }
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// A line holds the retired key and doesn't revoke it.
pub fn has_retired_key(text: &str) -> bool {
    text.lines().any(is_retired)
}

fn is_retired(line: &str) -> bool {
    let fingerprint = |key: &str| {
        let blob = STANDARD.decode(key).ok()?;
        Some(STANDARD_NO_PAD.encode(Sha256::digest(blob)))
    };
    Entry::of(line).is_some_and(|entry| {
        entry.kind == "ssh-rsa"
            && entry.marker != Some("@revoked")
            && fingerprint(entry.key).as_deref() == Some(RETIRED)
    })
}

/// Whether `line` says all that `wanted` says; a comment after the key says nothing.
fn vouches(line: &str, wanted: &str) -> bool {
    match (Entry::of(line), Entry::of(wanted)) {
        (Some(line), Some(wanted)) => {
            let hosts: Vec<&str> = line.hosts.split(',').collect();
            (line.marker, line.kind, line.key) == (wanted.marker, wanted.kind, wanted.key)
                && wanted.hosts.split(',').all(|host| hosts.contains(&host))
        }
        _ => line.trim() == wanted.trim(),
    }
}

/// A line of known hosts, as sshd(8) describes it.
struct Entry<'a> {
    marker: Option<&'a str>,
    hosts: &'a str,
    kind: &'a str,
    key: &'a str,
}

impl<'a> Entry<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let line = line.trim();
        if line.starts_with('#') {
            return None;
        }
        let mut words = line.split_whitespace().peekable();
        let marker = words.next_if(|word| word.starts_with('@'));
        Some(Self { marker, hosts: words.next()?, kind: words.next()?, key: words.next()? })
    }
}

/// `live`, followed by the certificates of `ours` that it lacks.
pub fn merge_certificates(live: &str, ours: &str) -> String {
    let there: Vec<String> = certificates(live).map(squeezed).collect();
    let mut text = live.to_owned();
    for certificate in certificates(ours).filter(|certificate| !there.contains(&squeezed(certificate))) {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&certificate.lines().map(|line| format!("{}\n", line.trim())).collect::<String>());
    }
    text
}

/// The blocks of certificates in a text.
fn certificates(text: &str) -> impl Iterator<Item = &str> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let mut rest = text;
    std::iter::from_fn(move || {
        let begin = rest.find(BEGIN)?;
        let end = begin + rest[begin..].find(END)? + END.len();
        let block = &rest[begin..end];
        rest = &rest[end..];
        Some(block)
    })
}

/// Without line breaks, of which there are several kinds.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
    const LEAKED: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAABIwAAAQEAq2A7hRGmdnm9tUDbO9IDSwBK6TbQa+PXYPCPy6rbTrTtw7PHkccKrpp0yVhp5HdEIcKr6pLlVDBfOLX9QUsyCOV0wzfjIJNlGEYsdlLJizHhbn2mUjvSAHQqZETYP81eFzLQNnPHt4EVVUh7VfDESU84KezmD5QlWpXLmvU31/yMf+Se8xhHTvKSCZIFImWwoG6mbUoWf9nzpIoaSjB+weqqUUmpaaasXVal72J+UX2B+2RPW3RcT0eOzQgqlJL3RKrTJvdsjE3JEAvGq3lGHSZXy28G3skua2SmVi/w4yCE6gbODqnTWlg7+wC604ydGXA8VJiS5ap43JXiUFFAaQ==";

    #[test]
    fn what_is_there_stays_and_what_is_missing_follows() {
        let live = format!("# mine\nhost.acme.com {ED25519} comment\n\n|1|hashed= {ED25519}");
        let ours = format!("# theirs\nhost.acme.com {ED25519}\n[host.acme.com]:2222 {ED25519}\n");
        let merged = merge_known_hosts(&live, &ours);
        assert_eq!(merged, format!("{live}\n[host.acme.com]:2222 {ED25519}\n"));
        assert_eq!(merge_known_hosts(&merged, &ours), merged);
        assert_eq!(merge_known_hosts(&live, ""), live, "not one byte");
    }

    #[test]
    fn a_host_among_others_is_known_and_a_revoked_key_is_not() {
        let ours = format!("github.com {ED25519}\n");
        let list = format!("gitlab.com,github.com {ED25519}\n");
        assert_eq!(merge_known_hosts(&list, &ours), list);
        let revoked = format!("@revoked github.com {ED25519}\n");
        assert_eq!(merge_known_hosts(&revoked, &ours), format!("{revoked}{ours}"));
    }

    #[test]
    fn the_leaked_key_goes_whoever_it_is_said_to_be() {
        let live = format!("github.com {LEAKED}\r\nfirst {ED25519}\r\nmine,github.com {LEAKED} comment\n");
        assert!(has_retired_key(&live));
        assert_eq!(merge_known_hosts(&live, &format!("github.com {LEAKED}")), format!("first {ED25519}\r\n"));
        let revoked = format!("@revoked github.com {LEAKED}\n# github.com {LEAKED}\n");
        assert!(!has_retired_key(&revoked));
        assert_eq!(merge_known_hosts(&revoked, ""), revoked);
    }

    #[test]
    fn certificates_are_told_apart_by_what_is_in_them() {
        let pem = |body: &str| format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
        let live = format!("subject=theirs\n{}", pem("QQ==").replace('\n', "\r\n"));
        assert_eq!(merge_certificates(&live, &pem("QQ==")), live);
        let both = merge_certificates(live.trim_end(), &format!("{}{}", pem("QQ=="), pem("Qg==")));
        assert_eq!(both, format!("{}\n{}", live.trim_end(), pem("Qg==")));
        assert_eq!(merge_certificates(&both, &pem("Qg==")), both);
        assert_eq!(merge_certificates("", &pem("QQ==")), pem("QQ=="));
    }
}
