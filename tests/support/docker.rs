//! Docker for the tests: whether it is there, and images built from a folder of `fixtures`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

use sha2::{Digest, Sha256};
use testcontainers::core::client::docker_client_instance;

use crate::skipped;

/// What every container of the tests is labelled with.
pub(crate) const LABEL: &str = "gitops-setup-test";

/// Names a local image to build on, where Debian's own can't be pulled.
const BASE_IMAGE: &str = "GITOPS_SETUP_TEST_BASE_IMAGE";

/// How apt gets out of a machine that isn't let out directly.
const PROXIES: [&str; 6] = ["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];

/// Whether containers can be started here.
///
/// # Panics
///
/// Where `CI` is set and they can't.
pub fn docker_at_hand() -> bool {
    static FOUND: OnceLock<Result<(), String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
        let pong = runtime.block_on(async {
            let docker = docker_client_instance().await.map_err(|error| error.to_string())?;
            docker.ping().await.map_err(|error| error.to_string())
        });
        pong.map(drop)
    });
    match found {
        Ok(()) => true,
        Err(why) => missing(why),
    }
}

/// An image: its name and its tag.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    pub(crate) name: String,
    pub(crate) tag: String,
}

/// The image of a folder of `fixtures`, built where it isn't there yet: the tag says what went into it.
pub(crate) fn image(fixture: &str) -> Option<Built> {
    // A second test finds the image that the first one builds.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(fixture);
    let base = std::env::var(BASE_IMAGE).ok().filter(|base| !base.is_empty());
    let built = Built { name: format!("{LABEL}/{fixture}"), tag: digest(&folder, base.as_deref()) };
    match build(&built, &folder, base.as_deref()) {
        Ok(()) => Some(built),
        Err(why) => {
            missing(&why);
            None
        }
    }
}

/// Whether a published image is here or can be pulled, and why not.
pub(crate) fn published(reference: &str) -> Result<(), String> {
    if docker(Command::new("docker").args(["image", "inspect", reference])).is_ok() {
        return Ok(());
    }
    let pulled = docker(Command::new("timeout").args(["300", "docker", "pull", "--quiet", reference]));
    pulled.map_err(|said| said.lines().last().unwrap_or("no answer within five minutes").to_owned())
}

/// Removes containers that a test had made when it was killed, but not started yet: those don't end by themselves.
pub(crate) fn remove_leftovers() {
    let label = format!("label={LABEL}");
    // Younger ones may be those of another test, about to be started.
    let filters = ["--filter", &label, "--filter", "until=10m"];
    docker(Command::new("docker").args(["container", "prune", "--force"]).args(filters)).ok();
}

/// Says what is missing, which is an error where everything ought to be there.
fn missing(why: &str) -> bool {
    let what = format!("servers in containers: {why}");
    assert!(std::env::var_os("CI").is_none(), "{what}");
    skipped(&what);
    false
}

fn build(image: &Built, folder: &Path, base: Option<&str>) -> Result<(), String> {
    let reference = format!("{}:{}", image.name, image.tag);
    if docker(Command::new("docker").args(["image", "inspect", &reference])).is_ok() {
        return Ok(());
    }
    let mut command = Command::new("docker");
    command.args(["build", "--tag", &reference]);
    if let Some(base) = base {
        command.args(["--build-arg", &format!("BASE={base}")]);
    }
    // Docker knows these without a declaration, and takes the values from the environment.
    for proxy in PROXIES.into_iter().filter(|proxy| std::env::var_os(proxy).is_some()) {
        command.args(["--build-arg", proxy]);
    }
    docker(command.arg(folder)).map_err(|said| {
        eprintln!("{command:?}:\n{said}");
        format!("docker build: {}", said.lines().last().unwrap_or_default())
    })
}

fn docker(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("docker: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).trim().to_owned());
    Err(said.join("\n"))
}

fn digest(folder: &Path, base: Option<&str>) -> String {
    let mut hash = Sha256::new();
    hash.update(base.unwrap_or_default());
    for path in files(folder) {
        let content = std::fs::read(&path).expect("a fixture");
        hash.update(path.file_name().expect("a file").as_encoded_bytes());
        hash.update(content.len().to_le_bytes());
        hash.update(content);
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder of fixtures");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    files
}
