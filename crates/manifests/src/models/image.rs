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
            // A colon before the last slash belongs to a port.
            None => match text.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
                Some((name, tag)) => (name, Version::Tag(tag.into())),
                None => {
                    return Err("the image needs a tag or a digest, as name:v1 or name@sha256:…".into());
                }
            },
        };
        let is_sound = match &version {
            Version::Tag(tag) => sound(tag, "._-"),
            Version::Digest(digest) => digest.strip_prefix("sha256:").is_some_and(|hex| sound(hex, "")),
        };
        if !is_sound || !sound(name, "._-/:") {
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
        for wrong in
            ["iris", "localhost:5000/iris", "iris:latest", "iris:", ":v1", "iris@md5:1", "a b:v1", ""]
        {
            assert!(Image::parse(wrong).is_err(), "{wrong}");
        }
    }
}
