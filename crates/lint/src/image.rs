//! Names of container images.

/// The parts of `registry:5000/team/server:v1@sha256:…`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Image<'a> {
    /// With the registry, without tag and digest.
    pub(crate) name: &'a str,
    pub(crate) tag: Option<&'a str>,
    pub(crate) digest: Option<&'a str>,
}

impl<'a> Image<'a> {
    pub(crate) fn parse(text: &'a str) -> Self {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        // A colon before the last slash is a registry's port.
        let last = rest.rfind('/').map_or(0, |slash| slash + 1);
        match rest[last..].split_once(':') {
            Some((name, tag)) => Self { name: &rest[..last + name.len()], tag: Some(tag), digest },
            None => Self { name: rest, tag: None, digest },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Image;

    #[test]
    fn a_port_is_no_tag() {
        for (text, name, tag, digest) in [
            ("inference", "inference", None, None),
            ("inference:v2", "inference", Some("v2"), None),
            ("registry:5000/team/x", "registry:5000/team/x", None, None),
            ("registry:5000/team/x:1@sha256:ab", "registry:5000/team/x", Some("1"), Some("sha256:ab")),
            ("", "", None, None),
        ] {
            assert_eq!(Image::parse(text), Image { name, tag, digest }, "{text}");
        }
    }
}
