//! A real Git server in a container: OpenSSH, and nginx with git-http-backend.

mod repository;
pub(crate) mod tls;

use std::io::Read;
use std::net::TcpStream;
use std::sync::OnceLock;
use std::time::Duration;

use testcontainers::bollard::models::{HostConfig, PortBinding};
use testcontainers::core::{ExecCommand, IntoContainerPort, WaitFor};
use testcontainers::runners::SyncRunner;
use testcontainers::{Container, ContainerRequest, CopyTargetOptions, GenericImage, ImageExt};

use crate::docker::{self, Built};
use crate::poll;
use tls::Tls;

pub use repository::Contents;

const HTTPS: u16 = 443;
const SSH: u16 = 22;
/// The container ends with the connection to this port.
const LIFELINE: u16 = 7000;

/// Enough for a machine that is busy with all other tests.
const STARTUP: Duration = Duration::from_secs(60);

/// A user of the server, for basic authentication.
#[derive(Debug, Clone)]
pub struct Login {
    /// `writer` or `reader`.
    pub username: &'static str,
    /// Made for this server.
    pub password: String,
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Fetch and push.
    ReadWrite,
    /// Fetch only. A push is refused in GitHub's words for a deploy key.
    ReadOnly,
}

/// The server, with a repository `gitops` as [`Contents::Environments`].
///
/// To be used from tests without an async runtime of their own: it brings one.
pub struct GitServer {
    container: Container<GenericImage>,
    tls: Tls,
    writer: Login,
    reader: Login,
    token: String,
    ssh: u16,
    https: u16,
    // The kernel closes it when this process ends, however it ends: a static is never dropped.
    _lifeline: TcpStream,
}

impl std::fmt::Debug for GitServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GitServer").field("container", &self.container.id()).finish_non_exhaustive()
    }
}

impl GitServer {
    /// The server that all tests of a binary share. Tests make repositories of their own in it, and leave `gitops`
    /// as it is.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<GitServer>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// A server for one test: for what others would feel, such as other host keys.
    pub fn start() -> Option<Self> {
        if !docker::docker_at_hand() {
            return None;
        }
        docker::remove_leftovers();
        let image = docker::image("git-server")?;
        let tls = Tls::generate().expect("certificates");
        let writer = Login { username: "writer", password: random() };
        let reader = Login { username: "reader", password: random() };
        let token = random();
        let request = request(&image, &tls, &[&writer, &reader], &token);
        let container = request.start().expect("a Git server");
        let port = |inside: u16| container.get_host_port_ipv4(inside.tcp()).expect("a published port");
        let lifeline = hold(port(LIFELINE)).expect("the server waits for it");
        let (ssh, https) = (port(SSH), port(HTTPS));
        Some(Self { container, tls, writer, reader, token, ssh, https, _lifeline: lifeline })
    }

    /// Where a repository is cloned from by HTTPS, with the password of [`Self::writer`] or [`Self::reader`].
    pub fn https_url(&self, repository: &str) -> String {
        format!("https://127.0.0.1:{}/{repository}.git", self.https)
    }

    /// Where a repository can be read by HTTPS, with `Authorization: Bearer` and [`Self::token`] only.
    pub fn bearer_url(&self, repository: &str) -> String {
        format!("https://127.0.0.1:{}/bearer/{repository}.git", self.https)
    }

    /// Where a repository is cloned from by SSH, with a key that was authorized.
    pub fn ssh_url(&self, repository: &str) -> String {
        format!("ssh://git@127.0.0.1:{}/srv/git/{repository}.git", self.ssh)
    }

    /// The certificate of the authority that signed the server's.
    pub fn ca_pem(&self) -> &str {
        &self.tls.authority
    }

    /// May fetch and push.
    pub fn writer(&self) -> &Login {
        &self.writer
    }

    /// May fetch. A push is answered with 403.
    pub fn reader(&self) -> &Login {
        &self.reader
    }

    /// The bearer token of [`Self::bearer_url`].
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The host keys as lines of a `known_hosts` file.
    pub fn known_hosts(&self) -> String {
        let keys = self.exec("cat /etc/ssh/ssh_host_*_key.pub");
        let line = |key: &str| {
            let mut words = key.split(' ');
            let (kind, key) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            format!("[127.0.0.1]:{} {kind} {key}\n", self.ssh)
        };
        keys.lines().map(line).collect()
    }

    /// Gives the server other host keys, so that earlier [`Self::known_hosts`] are wrong. Not for the shared one.
    pub fn change_host_keys(&self) {
        self.exec("change-host-keys");
    }

    /// Lets the owner of a key in, given as a line of OpenSSH's public key format.
    pub fn authorize(&self, public_key: &str, access: Access) {
        let options = match access {
            Access::ReadWrite => "restrict",
            Access::ReadOnly => "restrict,command=\"read-only\"",
        };
        let line = format!("{options} {}", public_key.trim());
        self.exec(&format!("echo '{line}' >> /home/git/.ssh/authorized_keys"));
    }

    /// What a shell command says in the container, as root.
    ///
    /// # Panics
    ///
    /// Where it fails.
    pub fn exec(&self, script: &str) -> String {
        let command = ExecCommand::new(["sh", "-ec", script]);
        let mut result = self.container.exec(command).expect("a command in the container");
        let out = result.stdout_to_vec().expect("its output");
        let err = result.stderr_to_vec().expect("its errors");
        // Docker may take note of the end a moment after the output has ended.
        let status = || result.exit_code().expect("its status");
        let code = poll("the status of a command", Duration::from_secs(10), status);
        assert_eq!(code, 0, "{script}: {}", String::from_utf8_lossy(&err));
        String::from_utf8(out).expect("text")
    }

    /// What nginx and sshd logged up to now: requests with their status, keys with their fingerprint.
    pub fn log(&self) -> String {
        let logs = [self.container.stdout_to_vec(), self.container.stderr_to_vec()];
        logs.map(|log| String::from_utf8_lossy(&log.expect("a log")).into_owned()).concat()
    }
}

fn request(image: &Built, tls: &Tls, logins: &[&Login], token: &str) -> ContainerRequest<GenericImage> {
    let passwords = logins.iter().map(|login| {
        // The least that bcrypt does: it is paid for with every request.
        let hash = bcrypt::hash(&login.password, 4).expect("a password");
        format!("{}:{hash}\n", login.username)
    });
    let put = |request: ContainerRequest<GenericImage>, name: &str, content: String| {
        let target = CopyTargetOptions::new(format!("/etc/git-server/{name}")).with_mode(0o644);
        request.with_copy_to(target, content.into_bytes())
    };
    let request = GenericImage::new(&image.name, &image.tag)
        // Of socat, which comes last; sshd says nearly the same.
        .with_wait_for(WaitFor::message_on_stderr("listening on AF="))
        .with_label(docker::LABEL, "git-server")
        .with_startup_timeout(STARTUP)
        .with_host_config_modifier(publish);
    let request = put(request, "htpasswd", passwords.collect());
    let request = put(request, "tokens", format!("\"Bearer {token}\" token;\n"));
    let request = put(request, "tls.crt", tls.certificate.clone());
    put(request, "tls.key", tls.key.clone())
}

/// The ports for this machine alone, and nothing left of a container that has ended.
fn publish(config: &mut HostConfig) {
    let any = PortBinding { host_ip: Some("127.0.0.1".into()), host_port: None };
    let bind = |port: u16| (format!("{port}/tcp"), Some(vec![any.clone()]));
    config.port_bindings = Some([SSH, HTTPS, LIFELINE].map(bind).into());
    config.publish_all_ports = Some(false);
    config.auto_remove = Some(true);
}

/// Connects, and makes sure that it is the container that answers and not only Docker's proxy.
fn hold(port: u16) -> std::io::Result<TcpStream> {
    let mut lifeline = TcpStream::connect(("127.0.0.1", port))?;
    lifeline.set_read_timeout(Some(STARTUP))?;
    lifeline.read_exact(&mut [0; "ready\n".len()])?;
    Ok(lifeline)
}

/// A secret.
pub(crate) fn random() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("randomness");
    format!("{:032x}", u128::from_ne_bytes(bytes))
}
