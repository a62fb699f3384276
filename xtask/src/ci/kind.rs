//! A cluster from setup to teardown.

use std::fmt::Write;

use clap::Args;
use xshell::{Cmd, Shell, cmd};

use super::{Done, results, say, title};

const CONFIG: &str = "fixtures/kind.yaml";
const CLUSTER: &str = "gitops-setup-ci";
/// The guide's variable for the password of Argo CD's admin.
const PASSWORD: &str = "ARGOCDINITIALPASS";

#[derive(Clone, Debug, Default, Args)]
pub(super) struct Kind {
    /// Minor version of Kubernetes, such as v1.36 [default: as fixtures/kind.yaml says]
    #[arg(long, conflicts_with = "simulated")]
    kubernetes: Option<String>,
    /// Release of Argo CD, such as v3.5.1 [default: the newest that is known]
    #[arg(long)]
    argocd: Option<String>,
    /// Without Docker: the quickstart on simulated nodes, and nothing that needs pods
    #[arg(long)]
    simulated: bool,
    /// Leave the cluster
    #[arg(long)]
    keep: bool,
}

impl Kind {
    pub(super) fn run(&self, sh: &Shell) -> Done {
        if std::env::var_os(PASSWORD).is_none() {
            sh.set_var(PASSWORD, password()?);
        }
        let mut done = self.way(sh);
        if done.is_err() {
            title("logs of the nodes");
            let logs = results().join("logs").display().to_string();
            if let Err(error) = self.ours(sh, &["cluster", "logs", "--out", &logs]).run() {
                say(&error.to_string());
            }
        }
        if !self.keep {
            title("cluster down");
            let gone = self.ours(sh, &["cluster", "down"]).run();
            done = done.and(gone.map_err(Into::into));
        }
        done
    }

    fn way(&self, sh: &Shell) -> Done {
        let steps: [(&str, &[&str]); 4] = [
            ("setup", &["setup"]),
            ("setup again", &["setup"]),
            ("nothing is left to change", &["plan", "--exit-code"]),
            ("status", &["status"]),
        ];
        for (what, words) in steps {
            title(what);
            self.ours(sh, words).run()?;
        }
        if self.simulated {
            say("skipped: a forwarded port and a webhook need pods that run");
        } else {
            title("100 MiB through a forwarded port");
            self.forward(sh)?;
            title("a push event, as a Git host sends it");
            self.tested(sh, "webhooks::on_kind::argocd_takes_our_event", "Argo CD took the event")?;
        }
        title("teardown");
        self.ours(sh, &["teardown"]).run()?;
        title("nothing is left to take away");
        let left = self.ours(sh, &["teardown", "--plan"]).read()?;
        say(&left);
        match left.contains("Nothing to take away") {
            true => Ok(()),
            false => Err("teardown left something behind".into()),
        }
    }

    fn forward(&self, sh: &Shell) -> Done {
        let kubeconfig = self.kubeconfig(sh)?;
        let kubectl = |words: &[&str]| cmd!(sh, "kubectl --kubeconfig {kubeconfig}").args(words).run();
        kubectl(&["apply", "-f", "fixtures/port-forward/echo.yaml"])?;
        kubectl(&["wait", "--for=condition=Ready", "--timeout=120s", "-n", "forwarded", "pod/web"])?;
        self.tested(sh, "port_forward::hundred_mib", "moved all")
    }

    /// Runs one of the tests that need a cluster with pods, and looks whether it did what it is there for.
    fn tested(&self, sh: &Shell, test: &str, says: &str) -> Done {
        let kubeconfig = self.kubeconfig(sh)?;
        let cargo = cmd!(sh, "cargo test --locked --package integration-tests --test it");
        let run = cargo.args(["--", "--exact", "--ignored", "--nocapture", test]);
        let run = run.env("PORT_FORWARD_KUBECONFIG", kubeconfig);
        let output = run.env("PORT_FORWARD_CONTEXT", format!("kind-{CLUSTER}")).ignore_status().output()?;
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        say(&text.concat());
        match output.status.success() && text.concat().contains(says) {
            true => Ok(()),
            false => Err(format!("{test} failed").into()),
        }
    }

    fn kubeconfig(&self, sh: &Shell) -> Result<String, xshell::Error> {
        self.ours(sh, &["cluster", "kubeconfig"]).quiet().read()
    }

    /// The product's own command line.
    fn ours<'a>(&self, sh: &'a Shell, words: &[&str]) -> Cmd<'a> {
        let program = std::env::current_exe().expect("this program is a file");
        let mut command = cmd!(sh, "{program}").args(words);
        match self.simulated {
            true => command = command.args(["--set", &format!("cluster.name={CLUSTER}")]),
            false => command = command.args(["--config", CONFIG]),
        }
        // Old releases are tried as well, whatever is known of them.
        let allowed = self.argocd.as_ref().map(|version| format!("[{version}]"));
        let chosen = [
            ("cluster.kubernetesVersion", &self.kubernetes),
            ("argocd.version", &self.argocd),
            ("argocd.allowVulnerable", &allowed),
        ];
        for (key, value) in chosen {
            if let Some(value) = value {
                command = command.args(["--set", &format!("{key}={value}")]);
            }
        }
        command
    }
}

/// For the one cluster that it is made for.
fn password() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    }))
}
