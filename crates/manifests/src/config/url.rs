//! The forms that the address of a Git repository may have.

use super::types::Git;

/// How a repository is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// HTTPS, with user and token where the repository is private.
    Https,
    /// SSH, with a private key.
    Ssh,
    /// A path on this machine, for trials.
    File,
}

/// Why a text is no address of a repository. The address itself is never repeated: it may hold a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// Plain HTTP.
    #[error("is plain http, which anyone on the way can read and change; use https:// or ssh://")]
    Http,
    /// A user or a password where there should be none.
    #[error("holds a user or a token, which would end up in logs and manifests; move it to `git.auth`")]
    Credentials,
    /// Any other protocol.
    #[error("has a protocol that is not supported; use https://, ssh:// or file:///")]
    Protocol,
    /// No host, no path, or characters that belong into neither.
    #[error(
        "is not the address of a repository; expected `https://host/path`, `ssh://git@host/path`, \
         `git@host:path`, `host/path` (which means https) or, for trials, `file:///path`"
    )]
    Shape,
}

impl Git {
    /// The address with its protocol, as Argo CD and Seldon Enterprise Platform are told it: `host/path` means
    /// `https://host/path`, everything else stays as it is.
    pub fn repo_url(&self) -> String {
        match transport(&self.url) {
            Ok(Transport::Https) if !self.url.contains("://") => format!("https://{}", self.url),
            _ => self.url.clone(),
        }
    }

    /// Host that the repository is on, and the port where the address names one; `None` for one on this machine.
    pub fn host(&self) -> Option<(String, Option<u16>)> {
        host(&self.url)
    }

    /// There is a repository, and it is not one on this machine.
    pub fn is_remote(&self) -> bool {
        !self.url.is_empty() && self.transport() != Ok(Transport::File)
    }

    /// How the repository is reached.
    pub fn transport(&self) -> Result<Transport, BadUrl> {
        transport(&self.url)
    }
}

pub(super) fn transport(url: &str) -> Result<Transport, BadUrl> {
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(BadUrl::Shape);
    }
    match url.split_once("://") {
        Some(("https", rest)) => host_and_path(rest).map(|()| Transport::Https),
        Some(("ssh", rest)) => ssh(rest),
        Some(("file", rest)) if rest.len() > 1 && rest.starts_with('/') => Ok(Transport::File),
        Some(("file", _)) => Err(BadUrl::Shape),
        Some(("http", _)) => Err(BadUrl::Http),
        Some(_) => Err(BadUrl::Protocol),
        None => without_protocol(url),
    }
}

fn ssh(rest: &str) -> Result<Transport, BadUrl> {
    let (user, rest) = split_user(rest);
    match user {
        Some(user) if user.contains(':') => return Err(BadUrl::Credentials),
        Some(user) if !is_user(user) => return Err(BadUrl::Shape),
        _ => {}
    }
    host_and_path(rest).map(|()| Transport::Ssh)
}

/// `git@host:path` or `host/path`. A colon before digits only is a port, as in `host:8443/path`.
fn without_protocol(url: &str) -> Result<Transport, BadUrl> {
    let (user, rest) = split_user(url);
    let authority = rest.split('/').next().unwrap_or_default();
    let scp = authority.split_once(':').filter(|(_, after)| !is_port(after) || user.is_some());
    match (user, scp) {
        (Some(user), _) if user.contains(':') => Err(BadUrl::Credentials),
        (Some(user), Some(_)) if !is_user(user) => Err(BadUrl::Shape),
        (_, Some((host, _))) if !is_host(host) || rest.len() == host.len() + 1 => Err(BadUrl::Shape),
        (_, Some(_)) => Ok(Transport::Ssh),
        (_, None) => host_and_path(url).map(|()| Transport::Https),
    }
}

/// What stands before the last `@` of the authority; a password may itself hold an `@` or a `/`.
fn split_user(rest: &str) -> (Option<&str>, &str) {
    match rest.rsplit_once('@') {
        Some((user, after)) if !user.contains('/') || user.contains(':') => (Some(user), after),
        _ => (None, rest),
    }
}

fn host_and_path(rest: &str) -> Result<(), BadUrl> {
    if split_user(rest).0.is_some() {
        return Err(BadUrl::Credentials);
    }
    let (authority, path) = rest.split_once('/').ok_or(BadUrl::Shape)?;
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let sound = is_host(host) && !path.is_empty() && port.is_none_or(is_port);
    if sound { Ok(()) } else { Err(BadUrl::Shape) }
}

/// A relative path such as `./repository` would otherwise pass for a host, and `-oProxyCommand=…` for an option of ssh.
fn is_host(host: &str) -> bool {
    let host_char = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    !host.is_empty() && !host.starts_with(['.', '-']) && host.chars().all(host_char)
}

fn is_user(user: &str) -> bool {
    let user_char = |c: char| c.is_ascii_alphanumeric() || "-._+".contains(c);
    !user.is_empty() && !user.starts_with('-') && user.chars().all(user_char)
}

/// Whether git takes it for the name of a branch (git-check-ref-format), and not for an option or a range.
pub(super) fn is_branch(name: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    let is_bad = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
    !name.starts_with('-')
        && name != "@"
        && !name.ends_with('.')
        && !name.contains("..")
        && !name.contains("@{")
        && !name.contains(is_bad)
        && name.split('/').all(is_part)
}

fn host(url: &str) -> Option<(String, Option<u16>)> {
    let transport = transport(url).ok().filter(|transport| *transport != Transport::File)?;
    let (protocol, rest) = url.split_once("://").map_or((false, url), |(_, rest)| (true, rest));
    let (user, rest) = split_user(rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, after) = authority.split_once(':').map_or((authority, ""), |(host, after)| (host, after));
    // In `git@host:443/path` the colon begins a path.
    let is_path = !protocol && transport == Transport::Ssh && (user.is_some() || !is_port(after));
    Some((host.to_owned(), after.parse().ok().filter(|_| !is_path)))
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_address() {
        for (url, expected) in [
            ("github.com/acme/gitops", Ok(Transport::Https)),
            ("git.acme.com:8443/gitops.git", Ok(Transport::Https)),
            ("https://github.com/acme/gitops.git", Ok(Transport::Https)),
            ("https://git.acme.com:8443/gitops", Ok(Transport::Https)),
            ("git@github.com:acme/gitops.git", Ok(Transport::Ssh)),
            ("github.com:acme/gitops", Ok(Transport::Ssh)),
            ("git@github.com:443/gitops", Ok(Transport::Ssh)),
            ("ssh://git@github.com/acme/gitops", Ok(Transport::Ssh)),
            ("ssh://git@github.com:2222/acme/gitops", Ok(Transport::Ssh)),
            ("ssh://github.com/acme/gitops", Ok(Transport::Ssh)),
            ("file:///srv/gitops.git", Ok(Transport::File)),
            ("file://srv/gitops.git", Err(BadUrl::Shape)),
            ("http://github.com/acme/gitops", Err(BadUrl::Http)),
            ("git://github.com/acme/gitops", Err(BadUrl::Protocol)),
            ("https://bob:hunter2@github.com/acme/gitops", Err(BadUrl::Credentials)),
            ("https://bob:hun/ter2@github.com/acme/gitops", Err(BadUrl::Credentials)),
            ("https://hunter2@github.com/acme/gitops", Err(BadUrl::Credentials)),
            ("bob:hunter2@github.com/acme/gitops", Err(BadUrl::Credentials)),
            ("hunter2@github.com/acme/gitops", Err(BadUrl::Credentials)),
            ("ssh://git:hunter2@github.com/acme/gitops", Err(BadUrl::Credentials)),
            ("https://github.com", Err(BadUrl::Shape)),
            ("https:///gitops", Err(BadUrl::Shape)),
            ("github.com", Err(BadUrl::Shape)),
            ("git@github.com:", Err(BadUrl::Shape)),
            ("./gitops", Err(BadUrl::Shape)),
            ("/srv/gitops", Err(BadUrl::Shape)),
            ("github.com/acme/git ops", Err(BadUrl::Shape)),
            ("", Err(BadUrl::Shape)),
            ("https://-x/gitops", Err(BadUrl::Shape)),
            ("ssh://git@-oProxyCommand=id/gitops", Err(BadUrl::Shape)),
            ("git@-oProxyCommand=id:gitops", Err(BadUrl::Shape)),
            ("-oProxyCommand=id@github.com:gitops", Err(BadUrl::Shape)),
            ("ssh://-l@github.com/gitops", Err(BadUrl::Shape)),
            ("git@host`id`:gitops", Err(BadUrl::Shape)),
            ("ext::sh -c id", Err(BadUrl::Shape)),
        ] {
            assert_eq!(transport(url), expected, "{url}");
        }
    }

    #[test]
    fn names_of_branches() {
        for good in ["main", "release/v1.2", "feature/Größe", "a-b_c", "1"] {
            assert!(is_branch(good), "{good}");
        }
        for bad in [
            "",
            "--upload-pack=id",
            "-x",
            "../x",
            "a..b",
            "a b",
            "a\nb",
            "a\0b",
            "/a",
            "a/",
            "a//b",
            ".a",
            "a/.b",
            "a.lock",
            "a.",
            "@",
            "a@{1}",
            "a~1",
            "a\\b",
            "refs:x",
        ] {
            assert!(!is_branch(bad), "{bad:?}");
        }
    }

    #[test]
    fn the_host_of_every_form() {
        for (url, expected) in [
            ("github.com/acme/gitops", Some(("github.com", None))),
            ("git.acme.com:8443/gitops.git", Some(("git.acme.com", Some(8443)))),
            ("https://git.acme.com:8443/gitops", Some(("git.acme.com", Some(8443)))),
            ("git@github.com:acme/gitops.git", Some(("github.com", None))),
            ("github.com:acme/gitops", Some(("github.com", None))),
            ("git@github.com:443/gitops", Some(("github.com", None))),
            ("ssh://git@github.com:2222/acme/gitops", Some(("github.com", Some(2222)))),
            ("file:///srv/gitops.git", None),
            ("http://github.com/acme", None),
        ] {
            assert_eq!(host(url), expected.map(|(name, port)| (name.to_owned(), port)), "{url}");
        }
    }

    #[test]
    fn what_is_remote() {
        for (url, expected) in [
            ("", false),
            ("file:///srv/gitops.git", false),
            ("github.com/acme/gitops", true),
            ("git@a.com:b", true),
        ] {
            assert_eq!(Git { url: url.into(), ..Git::default() }.is_remote(), expected, "{url}");
        }
    }

    #[test]
    fn the_guides_form_gets_its_protocol() {
        let repo_url = |url: &str| Git { url: url.into(), ..Git::default() }.repo_url();
        assert_eq!(repo_url("github.com/acme/gitops"), "https://github.com/acme/gitops");
        for url in ["https://a.com/b", "ssh://git@a.com/b", "git@a.com:b", "file:///b"] {
            assert_eq!(repo_url(url), url);
        }
    }
}
