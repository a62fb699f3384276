//! Parts of a repository's address.

/// How it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// HTTPS; or HTTP, which the configuration refuses and tests use.
    Http,
    Ssh,
    File,
}

/// An address, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) scheme: Scheme,
    /// Host without port; empty for this machine.
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    /// `https://host:port/`, for HTTP alone.
    pub(crate) origin: String,
    /// Path without slashes around it and without `.git`.
    pub(crate) path: String,
}

impl Address {
    /// Takes an address apart that the configuration has let through.
    pub(crate) fn of(url: &str) -> Self {
        let (scheme, rest) = match url.split_once("://") {
            Some(("https" | "http", rest)) => (Scheme::Http, rest),
            Some(("ssh", rest)) => (Scheme::Ssh, rest),
            Some(("file", rest)) => (Scheme::File, rest),
            _ => return Self::scp(url),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = split_port(authority.rsplit_once('@').map_or(authority, |(_, host)| host));
        let origin = match scheme {
            Scheme::Http => url[..url.len() - path.len()].to_owned(),
            _ => String::new(),
        };
        Self { scheme, host, port, origin, path: trimmed(path) }
    }

    /// `git@host:path`, where the colon is no port's.
    fn scp(url: &str) -> Self {
        let (authority, path) = url.split_once(':').unwrap_or((url, ""));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_owned();
        Self { scheme: Scheme::Ssh, host, port: None, origin: String::new(), path: trimmed(path) }
    }

    /// Host, with its port where the address names one.
    pub(crate) fn place(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }
}

fn split_port(authority: &str) -> (String, Option<u16>) {
    match authority.rsplit_once(':').map(|(host, port)| (host, port.parse())) {
        Some((host, Ok(port))) => (host.to_owned(), Some(port)),
        _ => (authority.to_owned(), None),
    }
}

fn trimmed(path: &str) -> String {
    let path = path.trim_matches('/');
    path.strip_suffix(".git").unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_taken_apart() {
        for (url, scheme, place, origin, path) in [
            (
                "https://github.com/acme/gitops.git",
                Scheme::Http,
                "github.com",
                "https://github.com/",
                "acme/gitops",
            ),
            (
                "https://git.acme.com:8443/a/b/c/",
                Scheme::Http,
                "git.acme.com:8443",
                "https://git.acme.com:8443/",
                "a/b/c",
            ),
            ("git@github.com:acme/gitops.git", Scheme::Ssh, "github.com", "", "acme/gitops"),
            ("git@github.com:443/gitops", Scheme::Ssh, "github.com", "", "443/gitops"),
            ("github.com:acme/gitops", Scheme::Ssh, "github.com", "", "acme/gitops"),
            ("ssh://git@github.com:2222/acme/gitops", Scheme::Ssh, "github.com:2222", "", "acme/gitops"),
            ("ssh://github.com/acme/gitops", Scheme::Ssh, "github.com", "", "acme/gitops"),
            ("file:///srv/gitops.git", Scheme::File, "", "", "srv/gitops"),
        ] {
            let address = Address::of(url);
            assert_eq!(
                (address.scheme, address.place().as_str(), address.origin.as_str(), address.path.as_str()),
                (scheme, place, origin, path),
                "{url}"
            );
        }
    }
}
