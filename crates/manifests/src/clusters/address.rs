//! Addresses of API servers, and which of them are of no use to Argo CD.

use core::fmt;
use core::net::IpAddr;

use crate::argocd::names::IN_CLUSTER;

/// Address of an API server that Argo CD can be told: https, and no slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    url: String,
    host: String,
}

/// Why an address is not used. It is followed by what was given, without anything that could be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// No address at all.
    #[error("is not the address of an API server; expected https://host:port")]
    Shape,
    /// Plain HTTP.
    #[error("is not https: whoever is on the way could read the token")]
    Protocol,
    /// A user or a password in it.
    #[error("holds a user or a password, which would end up in manifests and logs")]
    Credentials,
    /// It leads back to whoever asks.
    #[error("has the host {0}, which from inside Argo CD leads to Argo CD's own pod")]
    Loopback(String),
    /// No address that anybody has.
    #[error("has the host {0}, which a server listens on, but nobody can connect to")]
    Unspecified(String),
    /// It means something only on one network cable.
    #[error("has the host {0}, which is link-local: it can't be reached from another network")]
    LinkLocal(String),
}

impl Address {
    /// Checks an address for use from inside Argo CD.
    pub fn parse(url: &str) -> Result<Self, BadAddress> {
        let url = url.trim().trim_end_matches('/');
        if url.chars().any(|c| c.is_whitespace() || c.is_control() || "?#\"\\".contains(c)) {
            return Err(BadAddress::Shape);
        }
        let (protocol, rest) = url.split_once("://").ok_or(BadAddress::Shape)?;
        let authority = rest.split('/').next().unwrap_or_default();
        if authority.contains('@') {
            return Err(BadAddress::Credentials);
        }
        let host = host(authority).ok_or(BadAddress::Shape)?.to_ascii_lowercase();
        refuse(&host)?;
        match protocol {
            "https" => Ok(Self { url: url.to_owned(), host }),
            _ => Err(BadAddress::Protocol),
        }
    }

    /// The cluster that Argo CD runs in, as it names it itself.
    pub fn in_cluster() -> Self {
        Self::parse(IN_CLUSTER).expect("a fixed address")
    }

    /// It leads to whichever cluster asks.
    pub fn is_in_cluster(&self) -> bool {
        ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"]
            .contains(&self.host.as_str())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.url
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// The host of `host:port`, without the brackets of IPv6.
fn host(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<core::net::Ipv6Addr>().ok()?;
            (host, port.strip_prefix(':').or(port.is_empty().then_some("443"))?)
        }
        None => authority.split_once(':').unwrap_or((authority, "443")),
    };
    let sound = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    let is_host = !host.is_empty() && host.chars().all(sound);
    (is_host && port.parse::<u16>().is_ok_and(|port| port > 0)).then_some(host)
}

fn refuse(host: &str) -> Result<(), BadAddress> {
    let name = host.trim_end_matches('.');
    if name == "localhost" || name.ends_with(".localhost") {
        return Err(BadAddress::Loopback(host.to_owned()));
    }
    let Ok(ip) = host.parse::<IpAddr>().map(|ip| ip.to_canonical()) else { return Ok(()) };
    let link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    match ip {
        ip if ip.is_loopback() => Err(BadAddress::Loopback(host.to_owned())),
        ip if ip.is_unspecified() => Err(BadAddress::Unspecified(host.to_owned())),
        _ if link_local => Err(BadAddress::LinkLocal(host.to_owned())),
        _ => Ok(()),
    }
}

/// Whether two addresses lead to one server: whatever the case of the host, a slash at the end and the port that
/// https has anyway.
pub fn same_server(one: &str, other: &str) -> bool {
    normalised(one) == normalised(other)
}

fn normalised(url: &str) -> String {
    let url = url.trim().trim_end_matches('/').to_lowercase();
    let (protocol, rest) = url.split_once("://").unwrap_or(("", &url));
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    format!("{protocol}://{}{path}", authority.strip_suffix(":443").unwrap_or(authority))
}

/// The address under which other containers of the same network reach the cluster of a context that kind made; its
/// certificate is for that name, too.
pub fn inside(context: &str) -> Option<String> {
    let name = context.strip_prefix("kind-").filter(|name| !name.is_empty())?;
    Some(format!("https://{name}-control-plane:6443"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_lead_nowhere_from_inside_are_told_apart() {
        use BadAddress::*;
        for (url, expected) in [
            ("https://10.0.0.1:6443", None),
            ("https://api.example.com", None),
            ("https://rancher.example.com/k8s/clusters/c-1", None),
            ("https://[2001:db8::1]:6443/", None),
            ("https://kind-control-plane:6443", None),
            ("https://localhost.example.com", None),
            ("https://127.0.0.1:6443", Some(Loopback("127.0.0.1".into()))),
            ("https://127.8.9.1", Some(Loopback("127.8.9.1".into()))),
            ("https://[::1]:6443", Some(Loopback("::1".into()))),
            ("https://[::ffff:127.0.0.1]:6443", Some(Loopback("::ffff:127.0.0.1".into()))),
            ("https://LocalHost:6443", Some(Loopback("localhost".into()))),
            ("https://dev.localhost.", Some(Loopback("dev.localhost.".into()))),
            ("http://localhost:8080", Some(Loopback("localhost".into()))),
            ("https://0.0.0.0:6443", Some(Unspecified("0.0.0.0".into()))),
            ("https://[::]:6443", Some(Unspecified("::".into()))),
            ("https://169.254.1.2:6443", Some(LinkLocal("169.254.1.2".into()))),
            ("https://[fe80::1]:6443", Some(LinkLocal("fe80::1".into()))),
            ("http://10.0.0.1:8080", Some(Protocol)),
            ("https://me:planted@10.0.0.1", Some(Credentials)),
            ("10.0.0.1:6443", Some(Shape)),
            ("https://", Some(Shape)),
            ("https://host:port", Some(Shape)),
            ("https://host:0", Some(Shape)),
            ("https://[::1", Some(Shape)),
            ("https://a b", Some(Shape)),
            ("https://a?token=planted", Some(Shape)),
        ] {
            let error = Address::parse(url).err();
            assert!(error.as_ref().is_none_or(|error| !error.to_string().contains("planted")), "{url}");
            assert_eq!(error, expected, "{url}");
        }
    }

    #[test]
    fn the_cluster_that_asks_has_several_names() {
        for (url, is) in [
            ("https://kubernetes.default.svc", true),
            ("https://kubernetes.default.svc.cluster.local:443/", true),
            ("https://kubernetes.default.example.com", false),
        ] {
            assert_eq!(Address::parse(url).unwrap().is_in_cluster(), is, "{url}");
        }
        assert!(Address::in_cluster().is_in_cluster());
    }

    #[test]
    fn one_server_may_be_written_differently() {
        for (one, other, same) in [
            ("https://A.example.com", "https://a.example.com:443/", true),
            ("https://a.example.com/k8s/x", "https://a.example.com:443/k8s/x/", true),
            ("https://a.example.com", "https://a.example.com:6443", false),
            ("https://a.example.com/k8s/x", "https://a.example.com/k8s/y", false),
        ] {
            assert_eq!(same_server(one, other), same, "{one} {other}");
        }
        assert_eq!(inside("kind-dev").as_deref(), Some("https://dev-control-plane:6443"));
        assert_eq!((inside("kind-"), inside("prod")), (None, None));
    }
}
