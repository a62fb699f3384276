//! Gitea with an administrator who has a token: the published image, or a double of its API with Git beside it.

mod double;

use std::time::Duration;

use git_credentials::Trust;
use git_credentials::http::Http;
use testcontainers::bollard::models::{HostConfig, PortBinding};
use testcontainers::core::ExecCommand;
use testcontainers::runners::SyncRunner;
use testcontainers::{Container, CopyTargetOptions, GenericImage, ImageExt};

use crate::git_server::random;
use crate::git_server::tls::Tls;
use crate::{docker, poll, skipped};
use double::Double;

/// The image of <https://hub.docker.com/r/gitea/gitea>, and its tag.
const IMAGE: (&str, &str) = ("gitea/gitea", "1.26.0");
/// Where it is `required`, a server that can't be had is an error.
const WANTED: &str = "GITOPS_SETUP_TEST_GITEA";
/// What the documentation says that a token needs for all that is done here.
const SCOPES: &str = "write:repository,write:user";
const PORT: u16 = 3000;
/// What a test that was killed leaves behind ends after these seconds.
const LIFETIME: &str = "900";
/// It makes a database first.
const STARTUP: Duration = Duration::from_secs(120);

/// The server. It has one user, and no repository.
pub struct Gitea {
    /// `https://127.0.0.1:<port>`
    pub address: String,
    /// The certificate (PEM) of the authority that signed its own.
    pub authority: String,
    /// The user's token.
    pub token: String,
    server: Server,
}

enum Server {
    Real(Box<Container<GenericImage>>),
    Double(Double),
}

/// Without the token.
impl std::fmt::Debug for Gitea {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gitea").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Gitea {
    /// The user's name.
    pub const USER: &str = "acme";

    /// The published image, in a container; `None` where it can't be had.
    ///
    /// # Panics
    ///
    /// Where it can't be had although the environment requires it.
    pub fn real() -> Option<Self> {
        if !docker::docker_at_hand() {
            return missing("there is no Docker");
        }
        let (name, tag) = IMAGE;
        if let Err(why) = docker::published(&format!("{name}:{tag}")) {
            return missing(&format!("the image {name}:{tag} can't be pulled: {why}"));
        }
        Some(Self::start())
    }

    /// The double: hooks and repositories as Gitea's API has them, and the repositories by `git http-backend`.
    pub fn double() -> Self {
        let (tls, token) = (Tls::generate().expect("certificates"), random());
        let double = Double::start(&tls, &token);
        let address = double.address.clone();
        Self { address, authority: tls.authority, token, server: Server::Double(double) }
    }

    fn start() -> Self {
        let tls = Tls::generate().expect("certificates");
        let request = GenericImage::new(IMAGE.0, IMAGE.1)
            .with_entrypoint("timeout")
            .with_cmd([LIFETIME, "/usr/bin/entrypoint", "/usr/bin/s6-svscan", "/etc/s6"])
            .with_label(docker::LABEL, "gitea")
            .with_startup_timeout(STARTUP)
            .with_host_config_modifier(publish);
        let settings = [
            ("security__INSTALL_LOCK", "true"),
            ("server__PROTOCOL", "https"),
            ("server__CERT_FILE", "/etc/gitea-tls/tls.crt"),
            ("server__KEY_FILE", "/etc/gitea-tls/tls.key"),
        ];
        let set = |request, (key, value)| ImageExt::with_env_var(request, format!("GITEA__{key}"), value);
        let request = settings.into_iter().fold(request, set);
        let put = |request, name: &str, content: &str| {
            let target = CopyTargetOptions::new(format!("/etc/gitea-tls/{name}")).with_mode(0o644);
            ImageExt::with_copy_to(request, target, content.as_bytes().to_vec())
        };
        let request = put(request, "tls.crt", &tls.certificate);
        let container = put(request, "tls.key", &tls.key).start().expect("a Gitea server");
        let port = container.get_host_port_ipv4(PORT).expect("a published port");
        let address = format!("https://127.0.0.1:{port}");
        let trust = Trust { ca: Some(tls.authority.clone()), ..Trust::default() };
        let http = Http::new(&trust, Duration::from_secs(5)).expect("an authority");
        let version = format!("{address}/api/v1/version");
        poll("Gitea answers", STARTUP, || {
            let answer = http.get(&version, "application/json", None).ok();
            answer.filter(|answer| answer.status == 200)
        });
        let user = format!("--username {} --password {}", Self::USER, random());
        let more = "--email acme@example.com --admin --must-change-password=false";
        exec(&container, &format!("su-exec git gitea admin user create {user} {more}"));
        let (user, scopes) = (Self::USER, SCOPES);
        let make = format!("--username {user} --token-name tests --scopes {scopes} --raw");
        let said = exec(&container, &format!("su-exec git gitea admin user generate-access-token {make}"));
        let token = said.split_whitespace().next_back().expect("a token").to_owned();
        Self { address, authority: tls.authority, token, server: Server::Real(Box::new(container)) }
    }

    /// Number, address and secret of every webhook, as only the server itself knows them.
    pub fn hooks(&self) -> Vec<(String, String, String)> {
        match &self.server {
            Server::Double(double) => double.hooks(),
            Server::Real(container) => {
                let query = "SELECT id, url, secret FROM webhook ORDER BY id";
                let said = exec(container, &format!("sqlite3 /data/gitea/gitea.db '{query}'"));
                let columns = |line: &str| {
                    let columns: Vec<&str> = line.split('|').collect();
                    let [id, url, secret] = columns[..] else { panic!("three columns") };
                    (id.to_owned(), url.to_owned(), secret.to_owned())
                };
                said.lines().map(columns).collect()
            }
        }
    }
}

/// Says what is missing, which is an error where it is required.
fn missing(why: &str) -> Option<Gitea> {
    let what = format!("a real Gitea ({why})");
    assert!(std::env::var(WANTED).as_deref() != Ok("required"), "{what}");
    skipped(&what);
    None
}

/// The port for this machine alone, and nothing left of a container that has ended.
fn publish(config: &mut HostConfig) {
    let any = PortBinding { host_ip: Some("127.0.0.1".into()), host_port: None };
    config.port_bindings = Some([(format!("{PORT}/tcp"), Some(vec![any]))].into());
    config.publish_all_ports = Some(false);
    config.auto_remove = Some(true);
}

/// What a shell command says in the container. Commands hold passwords, and answers tokens: neither is ever shown.
fn exec(container: &Container<GenericImage>, script: &str) -> String {
    let mut result =
        container.exec(ExecCommand::new(["sh", "-ec", script])).expect("a command in the container");
    let out = result.stdout_to_vec().expect("its output");
    let err = result.stderr_to_vec().expect("its errors");
    let status = || result.exit_code().expect("its status");
    let code = poll("the status of a command", Duration::from_secs(10), status);
    assert_eq!(code, 0, "a command in the container fails: {}", String::from_utf8_lossy(&err));
    String::from_utf8(out).expect("text")
}
