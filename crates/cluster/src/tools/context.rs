//! What resolving depends on: folders, environment, addresses and time limits. Read once, then passed around.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::Tool;
use super::table::Site;
use crate::dirs::{self, DirError};

/// The variable that forbids downloads and module fetches.
pub const OFFLINE_ENV: &str = "GITOPS_SETUP_OFFLINE";
/// The variable with the base address of a mirror; see [`Sites::mirror`].
pub const MIRROR_ENV: &str = "GITOPS_SETUP_DOWNLOAD_MIRROR";

/// Everything from outside that [`super::resolve`] looks at.
#[derive(Clone, Debug)]
pub struct ToolContext {
    /// Our cache folder, as of [`dirs::cache`].
    pub cache: PathBuf,
    /// The programs that `GITOPS_SETUP_<NAME>` names.
    pub overrides: BTreeMap<Tool, PathBuf>,
    /// The search path for tools, `go` and `tar`.
    pub path: OsString,
    /// Nothing is fetched: no downloads, and Go modules only from its own cache.
    pub offline: bool,
    /// Download hosts.
    pub sites: Sites,
    /// `GITHUB_TOKEN` or `GH_TOKEN`: GitHub's API answers without one too, but only 60 times an hour for an address,
    /// which hosted runners share.
    pub github_token: Option<SecretString>,
    /// Time limits.
    pub limits: Limits,
    /// The platform to get programs for.
    pub platform: Platform,
}

impl ToolContext {
    /// The context that the environment of this process asks for.
    pub fn from_env() -> Result<Self, DirError> {
        Ok(Self::from_vars(dirs::cache()?, |name| std::env::var_os(name)))
    }

    /// The same with variables from elsewhere.
    pub fn from_vars(cache: PathBuf, var: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| var(name).filter(|value| !value.is_empty());
        let overrides =
            Tool::ALL.into_iter().filter_map(|tool| Some((tool, set(&tool.env())?.into()))).collect();
        let mirror = set(MIRROR_ENV).map(|base| base.to_string_lossy().into_owned());
        Self {
            cache,
            overrides,
            path: set("PATH").unwrap_or_default(),
            offline: set(OFFLINE_ENV).is_some_and(|value| value != "0" && value != "false"),
            sites: mirror.map_or_else(Sites::default, |base| Sites::mirror(&base)),
            github_token: set("GITHUB_TOKEN")
                .or_else(|| set("GH_TOKEN"))
                .and_then(|token| Some(token.into_string().ok()?.into())),
            limits: Limits::default(),
            platform: Platform::this(),
        }
    }
}

/// The base addresses of the download hosts, without a slash at the end.
#[derive(Clone, Debug)]
pub struct Sites {
    /// Instead of `https://dl.k8s.io`.
    pub kubernetes: String,
    /// Instead of `https://github.com`.
    pub github: String,
    /// Instead of `https://api.github.com`.
    pub github_api: String,
    /// Whether these are copies that a site keeps for itself; then `<file>.sha256` beside a file is believed
    /// even where upstream publishes none.
    pub mirrored: bool,
}

impl Default for Sites {
    fn default() -> Self {
        Self {
            kubernetes: "https://dl.k8s.io".to_owned(),
            github: "https://github.com".to_owned(),
            github_api: "https://api.github.com".to_owned(),
            mirrored: false,
        }
    }
}

impl Sites {
    /// A mirror: `base` stands in place of both `https://dl.k8s.io` and `https://github.com`, and the paths below
    /// stay as they are upstream:
    ///
    /// ```text
    /// <base>/release/v1.36.3/bin/linux/amd64/kube-apiserver            and .sha256 beside it
    /// <base>/etcd-io/etcd/releases/download/v3.6.16/etcd-v3.6.16-linux-amd64.tar.gz    and SHA256SUMS
    /// <base>/kubernetes-sigs/kind/releases/download/v0.33.0/kind-linux-amd64           and .sha256sum
    /// <base>/kubernetes-sigs/kwok/releases/download/v0.8.0/kwok-linux-amd64            and .sha256
    /// ```
    ///
    /// kwok publishes no checksum files, so the `.sha256` beside kwok and kwokctl is for the keeper of the mirror to
    /// make (`sha256sum kwok-linux-amd64 > kwok-linux-amd64.sha256`); without it, GitHub's API is asked.
    pub fn mirror(base: &str) -> Self {
        let base = base.trim_end_matches('/').to_owned();
        Self { kubernetes: base.clone(), github: base, mirrored: true, ..Self::default() }
    }

    pub(super) fn base(&self, site: Site) -> &str {
        match site {
            Site::Kubernetes => &self.kubernetes,
            Site::GitHub => &self.github,
        }
    }
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Until a connection stands, TLS and proxy included.
    pub connect: Duration,
    /// Without a byte arriving.
    pub stall: Duration,
    /// A download as a whole.
    pub download: Duration,
    /// Waiting for another process of ours.
    pub lock: Duration,
    /// A `go build` as a whole.
    pub build: Duration,
    /// A program that is asked for its version.
    pub version: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            stall: Duration::from_secs(30),
            download: Duration::from_secs(1800),
            lock: Duration::from_secs(3600),
            build: Duration::from_secs(3600),
            version: Duration::from_secs(20),
        }
    }
}

/// An operating system and architecture, in Go's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Platform {
    /// `linux` or `darwin`.
    pub os: &'static str,
    /// `amd64` or `arm64`.
    pub arch: &'static str,
}

impl Platform {
    /// The one this program was built for.
    pub fn this() -> Self {
        let os = match std::env::consts::OS {
            "macos" => "darwin",
            os => os,
        };
        let arch = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            "powerpc64" => "ppc64le",
            arch => arch,
        };
        Self { os, arch }
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.arch)
    }
}
