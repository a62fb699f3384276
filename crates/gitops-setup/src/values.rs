//! Helm values of Seldon Enterprise Platform: in the user's file, and in the release.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use manifests::config::{HelmRelease, Seldon};
use manifests::{seldon, yaml};
use serde_json::Value;
use stages::observed::ValuesState;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::failure::Failure;
use crate::session::Session;

/// How long helm may take besides waiting for the cluster.
const GRACE: Duration = Duration::from_secs(30);

/// How both stand. A release is only looked at where the cluster runs.
pub(crate) async fn look(session: &Session, running: bool) -> Result<ValuesState, Failure> {
    let Some(wanted) = &session.config.seldon else { return Ok(ValuesState::default()) };
    let file = match &wanted.values_file {
        Some(path) => Some(merged(path, &wanted.git_secret)?.is_none()),
        None => None,
    };
    let release = match &wanted.helm {
        Some(helm) if running => Some(is_current(session, wanted, helm).await?),
        _ => None,
    };
    Ok(ValuesState { file, release })
}

/// The file as it should be; `None` where it is so already.
fn merged(path: &Path, secret: &str) -> Result<Option<String>, Failure> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Failure::file(path, &error)),
    };
    let merged = seldon::merge_values(&text, secret)
        .map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
    Ok((merged != text).then_some(merged))
}

/// Merges the section into the file: whole or not at all, with the file's own permissions.
pub(crate) fn merge_file(path: &Path, secret: &str) -> Result<(), Failure> {
    let Some(text) = merged(path, secret)? else { return Ok(()) };
    // A link is followed: what it points to is what is changed.
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |error: std::io::Error| Failure::file(path, &error);
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    let permissions = match std::fs::metadata(&target) {
        Ok(metadata) => metadata.permissions(),
        Err(_) => std::os::unix::fs::PermissionsExt::from_mode(0o644),
    };
    file.as_file().set_permissions(permissions).map_err(failed)?;
    file.persist(&target).map_err(|error| Failure::file(path, &error.error))?;
    Ok(())
}

async fn is_current(session: &Session, wanted: &Seldon, helm: &HelmRelease) -> Result<bool, Failure> {
    let namespace = wanted.namespace.as_str();
    let values =
        run(session, &["get", "values", &helm.release, "-n", namespace, "--all", "-o", "json"], "").await?;
    let values: Value = serde_json::from_str(&values)
        .map_err(|error| Failure::Refused(format!("helm get values {}: no JSON: {error}", helm.release)))?;
    Ok(contains(&values, &seldon::values(&wanted.git_secret)))
}

/// Whether everything in `wanted` is in `values`.
fn contains(values: &Value, wanted: &Value) -> bool {
    match wanted {
        Value::Object(wanted) => wanted.iter().all(|(key, wanted)| contains(&values[key.as_str()], wanted)),
        wanted => values == wanted,
    }
}

/// Upgrades the release; the values that it has are kept.
pub(crate) async fn upgrade(session: &Session, secret: &str) -> Result<(), Failure> {
    let Some(wanted) = &session.config.seldon else { return Ok(()) };
    let Some(helm) = &wanted.helm else { return Ok(()) };
    let timeout = format!("{}s", session.report.timeout().as_secs().max(1));
    let mut words = vec!["upgrade", &helm.release, &helm.chart, "-n", &wanted.namespace];
    words.extend(["--reuse-values", "--wait", "--timeout", &timeout, "--values", "-"]);
    if let Some(version) = &helm.version {
        words.extend(["--version", version]);
    }
    let values = yaml::to_string(&seldon::values(secret));
    run(session, &words, &values).await.map(drop)
}

/// Runs helm on the cluster of the configuration.
async fn run(session: &Session, words: &[&str], input: &str) -> Result<String, Failure> {
    let access = session.provider.access();
    let mut command = Command::new("helm");
    command.args(words).arg("--kube-context").arg(&access.context);
    if let Some(path) = &access.kubeconfig {
        command.arg("--kubeconfig").arg(path);
    }
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    command.stderr(std::process::Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Failure::Precondition(
            "helm is not on PATH\n  install it (https://helm.sh/docs/intro/install), or remove `seldon.helm` and set \
             the values yourself: cargo xtask seldon values"
                .into(),
        ),
        _ => Failure::Precondition(format!("helm: {error}")),
    })?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helm that ends early says why itself.
        stdin.write_all(input.as_bytes()).await.ok();
    }
    // Its own bound is for what it waits for in the cluster.
    let limit = session.report.timeout() + GRACE;
    let output = match tokio::time::timeout(limit, child.wait_with_output()).await {
        Ok(output) => output.map_err(|error| Failure::Precondition(format!("helm: {error}")))?,
        Err(_) => {
            return Err(Failure::TimedOut(format!(
                "helm {} {} did not end within {} s\n  run it by hand to see what it waits for",
                words[0],
                words[1],
                limit.as_secs()
            )));
        }
    };
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let text = format!("helm {} {}: {said}\n  see: helm list --all-namespaces", words[0], words[1]);
    Err(match said.contains("not found") {
        true => Failure::Precondition(text),
        false => Failure::Refused(text),
    })
}
