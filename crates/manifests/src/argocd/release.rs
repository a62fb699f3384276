//! Where the manifest of a release is published, and the checksum it must have.

use sha2::{Digest, Sha256};

use super::version::ArgoVersion;
use crate::config::Variant;

/// `version,path,bytes,sha256` of every manifest of every stable release from v1.6.2 on.
const CHECKSUMS: &str = include_str!("checksums.csv");

/// A published manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Tag of the release, with its leading `v`.
    pub tag: &'static str,
    /// Path in Argo CD's repository.
    pub path: &'static str,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 in lower-case hexadecimal digits.
    pub sha256: &'static str,
}

impl Published {
    /// Official address of the manifest.
    pub fn url(&self) -> String {
        format!("https://raw.githubusercontent.com/argoproj/argo-cd/{}/{}", self.tag, self.path)
    }
}

fn rows() -> impl Iterator<Item = Published> {
    CHECKSUMS.lines().skip(1).filter_map(|line| {
        let mut fields = line.split(',');
        Some(Published {
            tag: fields.next()?,
            path: fields.next()?,
            bytes: fields.next()?.parse().ok()?,
            sha256: fields.next()?,
        })
    })
}

/// Every release that has a manifest here.
pub(super) fn versions() -> impl Iterator<Item = ArgoVersion> {
    rows().filter(|row| row.path == "manifests/install.yaml").filter_map(|row| row.tag.parse().ok())
}

/// The manifest of a release; `None` where the release is unknown to this tool or lacks the variant.
pub fn published(version: &ArgoVersion, variant: Variant) -> Option<Published> {
    let tag = version.to_string();
    let path = match variant {
        Variant::Standard => "manifests/install.yaml",
        Variant::Ha => "manifests/ha/install.yaml",
        Variant::Core => "manifests/core-install.yaml",
    };
    rows().find(|row| row.tag == tag && row.path == path)
}

/// The published manifest with exactly this content, if any.
pub fn recognise(content: &[u8]) -> Option<Published> {
    let digest = sha256(content);
    rows().find(|row| row.sha256 == digest)
}

/// SHA-256 of some bytes in lower-case hexadecimal digits.
pub fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_can_be_read() {
        assert_eq!(rows().count(), CHECKSUMS.lines().count() - 1);
        assert!(rows().all(|row| row.sha256.len() == 64 && row.tag.starts_with('v')));
    }

    #[test]
    fn releases_are_found_by_version_and_variant() {
        let current = published(&ArgoVersion::current(), Variant::Ha).unwrap();
        assert_eq!(
            current.url(),
            "https://raw.githubusercontent.com/argoproj/argo-cd/v3.5.1/manifests/ha/install.yaml"
        );
        let oldest = "v1.6.2".parse().unwrap();
        assert_eq!(published(&oldest, Variant::Standard).unwrap().bytes, 106_299);
        assert_eq!(published(&oldest, Variant::Core), None, "core came with 2.1");
        assert_eq!(published(&"v9.9.9".parse().unwrap(), Variant::Standard), None);
    }

    #[test]
    fn one_changed_byte_is_no_longer_recognised() {
        assert_eq!(recognise(b"apiVersion: v1\n"), None);
        assert_eq!(sha256(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
