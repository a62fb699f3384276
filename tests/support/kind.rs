//! Nodes for kind where no node image can be pulled: kind and Docker are the real ones, the node is our own image with
//! a real API server and nothing else in it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use cluster::tools::Tool;

use crate::docker::{docker_at_hand, image};
use crate::{Sandbox, skipped, tools};

/// Docker without `--privileged`: our node needs no rights, and not every machine's Docker may give them.
const DOCKER: &str = r#"#!/bin/sh
for word; do shift; [ "$word" = --privileged ] || set -- "$@" "$word"; done
PATH=${PATH#*:} exec docker "$@"
"#;

/// An image that kind takes for a node, and what has to be mounted into it.
#[derive(Debug)]
pub struct KindNode {
    /// Name of the image.
    pub image: String,
    mounts: Vec<(PathBuf, &'static str)>,
    pki: PathBuf,
}

impl KindNode {
    /// Prepares a sandbox for it; `None` where Docker, kind or the API server can't be had.
    pub fn prepare(sandbox: &mut Sandbox) -> Option<Self> {
        if !docker_at_hand() {
            return None;
        }
        let found = match tools(&[Tool::Kind, Tool::Etcd, Tool::KubeApiserver]) {
            Ok(found) => found,
            Err(why) => {
                skipped(&format!("kind clusters: {why}"));
                return None;
            }
        };
        let built = image("kind-node")?;
        let (bin, pki) = (sandbox.path("bin"), sandbox.path("pki"));
        std::fs::create_dir_all(&bin).expect("the folder is ours");
        std::fs::create_dir_all(&pki).expect("the folder is ours");
        std::fs::write(bin.join("docker"), DOCKER).expect("the folder is ours");
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(bin.join("docker"), executable).expect("the file is ours");
        let path = std::env::var("PATH").unwrap_or_default();
        sandbox.set_env("PATH", format!("{}:{path}", bin.display()));
        let key = pki.join("sa.key");
        let made = Command::new("openssl").args(["genrsa", "-out"]).arg(&key).arg("2048").output();
        assert!(made.is_ok_and(|made| made.status.success()), "openssl genrsa");
        std::fs::write(pki.join("tokens.csv"), "for-tests-only,admin,admin,system:masters\n").expect("ours");
        let programs = [(Tool::Etcd, "/tools/etcd"), (Tool::KubeApiserver, "/tools/kube-apiserver")];
        let mut mounts: Vec<_> = programs.map(|(tool, at)| (found[&tool].path.clone(), at)).into();
        mounts.push((pki.clone(), "/pki"));
        Some(Self { image: format!("{}:{}", built.name, built.tag), mounts, pki })
    }

    /// A configuration for it, with further lines of `cluster.kind`.
    pub fn config(&self, more: &str) -> String {
        let mounts = self.mounts.iter().map(|(host, container)| {
            format!("    - {{host: {}, container: {container}, readOnly: true}}\n", host.display())
        });
        let mounts: String = mounts.collect();
        format!(
            "cluster:\n  provider: kind\n  nodeImage: {}\n  kind:\n    mounts:\n{mounts}{more}\nargocd: {{manifest: \
             existing}}\n",
            self.image
        )
    }

    /// From here on Kubernetes does not come up in a node, and this is what kubeadm says.
    pub fn fails(&self, said: &str) {
        std::fs::write(self.pki.join("fails"), said).expect("the folder is ours");
    }
}
