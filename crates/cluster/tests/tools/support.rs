//! What the tests have in common: a folder, a server, scripts in place of programs.

use std::ffi::OsString;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use cluster::tools::{Event, Limits, Platform, Progress, Sites, Tool, ToolContext};
use manifests::argocd::release::sha256;

use crate::server::{NOBODY, Reply, Server};

pub(crate) const KIND: &str = "/gh/kubernetes-sigs/kind/releases/download/v0.33.0/kind-linux-amd64";
pub(crate) const KIND_SUM: &str =
    "/gh/kubernetes-sigs/kind/releases/download/v0.33.0/kind-linux-amd64.sha256sum";

pub(crate) struct Place {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) context: ToolContext,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Place {
    /// A cache and a search path with nothing in them, and download hosts that do not answer.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        let context = context(dir.path().join("cache"), bin.into(), NOBODY);
        Self { dir, context, events: Arc::default() }
    }

    pub(crate) fn with(server: &Server) -> Self {
        let mut place = Self::new();
        place.context.sites = sites(&server.address);
        place
    }

    pub(crate) fn bin(&self) -> PathBuf {
        self.dir.path().join("bin")
    }

    /// Puts a script on the search path.
    pub(crate) fn program(&self, name: &str, script: &[u8]) -> PathBuf {
        let path = self.bin().join(name);
        write_program(&path, script);
        path
    }

    /// Puts programs of this machine on the search path.
    pub(crate) fn borrow(&self, names: &[&str]) {
        for name in names {
            let found =
                ["/usr/bin", "/bin"].iter().map(|dir| Path::new(dir).join(name)).find(|path| path.exists());
            symlink(found.unwrap(), self.bin().join(name)).unwrap();
        }
    }

    pub(crate) fn cached(&self, tool: Tool) -> PathBuf {
        let folder = format!("{}-linux-amd64", tool.version());
        self.context.cache.join("tools").join(tool.name()).join(folder).join(tool.name())
    }

    /// Keeps what is told.
    pub(crate) fn progress(&self) -> Progress {
        let events = Arc::clone(&self.events);
        Progress::new(move |event| events.lock().unwrap().push(event))
    }

    pub(crate) fn told(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    /// The names in the folder of a tool in the cache.
    pub(crate) fn names_beside(&self, tool: Tool) -> Vec<String> {
        let entries = std::fs::read_dir(self.cached(tool).parent().unwrap()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

pub(crate) fn context(cache: PathBuf, path: OsString, address: &str) -> ToolContext {
    let mut context = ToolContext::from_vars(cache, |name| (name == "PATH").then(|| path.clone()));
    context.sites = sites(address);
    context.platform = Platform { os: "linux", arch: "amd64" };
    context
}

fn sites(address: &str) -> Sites {
    Sites {
        kubernetes: format!("{address}/k8s"),
        github: format!("{address}/gh"),
        github_api: format!("{address}/api"),
        mirrored: false,
    }
}

/// Limits under which a server that says nothing is given up soon.
pub(crate) fn impatient() -> Limits {
    Limits { stall: std::time::Duration::from_millis(1500), ..Limits::default() }
}

pub(crate) fn write_program(path: &Path, script: &[u8]) {
    std::fs::write(path, script).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// A program that answers like the tool, of this or another version.
pub(crate) fn script(tool: Tool, version: &str) -> Vec<u8> {
    let answer = match tool {
        Tool::Kind => format!("kind version {version}"),
        Tool::Kwok => format!("kwok version v{version} go1.26.8 (linux/amd64)"),
        Tool::Kwokctl => format!("kwokctl version v{version} go1.26.8 (linux/amd64)"),
        Tool::Etcd => format!("etcd Version: {version}\nGo Version: go1.26.8"),
        _ => format!("Kubernetes v{version}"),
    };
    format!("#!/bin/sh\necho '{answer}'\n").into_bytes()
}

/// The pinned version of a tool.
pub(crate) fn good(tool: Tool) -> Vec<u8> {
    script(tool, tool.version())
}

/// Publishes kind, with its checksum.
pub(crate) fn publish_kind(server: &Server, body: &[u8]) {
    let sum = format!("{}  kind-linux-amd64\n", sha256(body));
    server.on(KIND, Reply::Body(body.to_owned())).on(KIND_SUM, Reply::Body(sum.into_bytes()));
}
