//! Container images by tag or digest.

use serde_json::{Value, json};

/// An image with the tag or the digest that says which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Registry and repository.
    pub name: String,
    /// The tag, or the digest with its algorithm.
    pub version: Version,
}

/// Which image of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    /// `:v1`
    Tag(String),
    /// `@sha256:…`
    Digest(String),
}

impl Image {
    /// Reads `registry/name:tag` or `registry/name@sha256:…`. Fails with what is expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let sound = |text: &str, more: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        let (name, version) = match text.split_once('@') {
            Some((name, digest)) => (name, Version::Digest(digest.into())),
            None => match tagged(text) {
                (name, Some(tag)) => (name, Version::Tag(tag.into())),
                (_, None) => {
                    return Err("the image needs a tag or a digest, as name:v1 or name@sha256:…".into());
                }
            },
        };
        if let Version::Digest(digest) = &version
            && !digest.strip_prefix("sha256:").is_some_and(is_sha256)
        {
            return Err("a digest is sha256: and 64 digits or letters from a to f".into());
        }
        // Besides the digest, a name may have a tag.
        let (repository, tag) = tagged(name);
        let tags = [tag, if let Version::Tag(tag) = &version { Some(tag) } else { None }];
        if !tags.into_iter().flatten().all(|tag| sound(tag, "._-")) || !sound(repository, "._-/:") {
            return Err("expected an image such as registry.example.com/ml/iris:v1".into());
        }
        let path = match repository.split_once('/') {
            Some((host, path)) if host == "localhost" || host.contains(['.', ':']) => path,
            _ => repository,
        };
        if path.contains(|c: char| c.is_ascii_uppercase()) {
            return Err(format!(
                "`{path}` has capital letters, which the name of an image can't have (only that of its registry can)"
            ));
        }
        let is_part =
            |part: &str| part.starts_with(is_small) && part.ends_with(is_small) && !part.contains(':');
        if !path.split('/').all(is_part) {
            return Err("expected an image such as registry.example.com/ml/iris:v1".into());
        }
        if version == Version::Tag("latest".into()) {
            return Err(
                "`latest` is another image every day, so nobody could tell what runs; take a tag that stays"
                    .into(),
            );
        }
        Ok(Self { name: name.into(), version })
    }

    /// What a model is called by it: the tag, or else the digest's first 12 digits.
    pub(super) fn label(&self) -> &str {
        match &self.version {
            Version::Tag(tag) => tag,
            Version::Digest(digest) => tagged(&self.name).1.unwrap_or_else(|| {
                let hex = digest.trim_start_matches("sha256:");
                hex.get(..12).unwrap_or(hex)
            }),
        }
    }

    /// The entry of `images` that puts it in the place of `placeholder`.
    pub(super) fn transformer(&self, placeholder: &str) -> Value {
        match &self.version {
            Version::Tag(tag) => json!({ "name": placeholder, "newName": self.name, "newTag": tag }),
            Version::Digest(digest) => {
                json!({ "name": placeholder, "newName": self.name, "digest": digest })
            }
        }
    }

    /// What an entry of `images` stands for.
    pub(super) fn of_transformer(entry: &Value) -> Option<String> {
        let name = entry["newName"].as_str().or_else(|| entry["name"].as_str())?;
        match (entry["newTag"].as_str(), entry["digest"].as_str()) {
            (_, Some(digest)) => Some(format!("{name}@{digest}")),
            (Some(tag), None) => Some(format!("{name}:{tag}")),
            (None, None) => Some(name.to_owned()),
        }
    }
}

/// A name and its tag. A colon before the last slash belongs to a port.
fn tagged(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
        Some((name, tag)) => (name, Some(tag)),
        None => (text, None),
    }
}

fn is_small(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_read() {
        let tagged = Image::parse("registry.example.com:5000/ml/iris:v1.2").unwrap();
        assert_eq!(
            (tagged.name.as_str(), &tagged.version),
            ("registry.example.com:5000/ml/iris", &Version::Tag("v1.2".into()))
        );
        let digest = format!("sha256:{}", "a".repeat(64));
        let pinned = Image::parse(&format!("iris@{digest}")).unwrap();
        assert_eq!(pinned.version, Version::Digest(digest.clone()));
        assert_eq!(Image::of_transformer(&pinned.transformer("x")), Some(format!("iris@{digest}")));
        assert_eq!((tagged.label(), pinned.label()), ("v1.2", "aaaaaaaaaaaa"));
        assert_eq!(Image::parse(&format!("iris:v3@{digest}")).unwrap().label(), "v3");
        assert!(Image::parse("Registry.Example.com/ml/iris:V1").is_ok(), "hosts have no case");
        for wrong in [
            "iris",
            "localhost:5000/iris",
            "iris:latest",
            "iris:",
            ":v1",
            "iris@md5:1",
            "iris@sha256:abc",
            "ACME/iris:v1",
            "registry.example.com/ML/iris:v1",
            "ml//iris:v1",
            "a b:v1",
            "",
        ] {
            assert!(Image::parse(wrong).is_err(), "{wrong}");
        }
    }
}
