//! Addresses of webhooks, as far as two of them are compared.

/// Scheme and host of an address, without user.
pub(super) fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
    match url[start..end].contains('@') {
        // Whoever has a name in the address has a password there as well.
        true => "(an address with a user)",
        false => &url[..end],
    }
}

/// Whether two addresses are the same: in scheme and host the case doesn't matter, nor does the port that a scheme
/// has anyway, nor a slash at the end.
pub(super) fn same(one: &str, other: &str) -> bool {
    normal(one) == normal(other)
}

fn normal(url: &str) -> String {
    let url = url.trim();
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let scheme = scheme.to_ascii_lowercase();
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let port = if scheme == "https" { ":443" } else { ":80" };
    let authority = authority.to_ascii_lowercase();
    let authority = authority.strip_suffix(port).unwrap_or(&authority);
    format!("{scheme}://{authority}{}", path.trim_end_matches('/'))
}

/// A part of a path, as a path of the API takes it.
pub(super) fn encoded(part: &str) -> String {
    part.bytes().fold(String::new(), |text, byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            text + &char::from(byte).to_string()
        }
        byte => format!("{text}%{byte:02X}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_several_forms() {
        let url = "https://argocd.acme.com/api/webhook";
        for other in [
            "https://argocd.acme.com/api/webhook/",
            "HTTPS://ArgoCD.acme.com:443/api/webhook",
            " https://argocd.acme.com/api/webhook",
        ] {
            assert!(same(url, other), "{other}");
        }
        for other in [
            "http://argocd.acme.com/api/webhook",
            "https://argocd.acme.com:8443/api/webhook",
            "https://argocd.acme.com/API/webhook",
            "https://argocd.acme.com/api/webhook?x=1",
            "https://argocd.acme.com/root/api/webhook",
        ] {
            assert!(!same(url, other), "{other}");
        }
    }

    #[test]
    fn what_may_be_secret_is_not_shown() {
        assert_eq!(origin("https://hooks.example.com/services/hush"), "https://hooks.example.com");
        assert_eq!(origin("https://a.b:1?token=hush"), "https://a.b:1");
        assert_eq!(origin("https://bob:hush@a.b/x"), "(an address with a user)");
        assert_eq!(encoded("{a-1}/ü"), "%7Ba-1%7D%2F%C3%BC");
    }
}
