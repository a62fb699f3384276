//! A double of Gitea, after its published API (<https://docs.gitea.com/api/>): one user, who makes repositories and
//! their webhooks. Git is no double: repositories are served by `git http-backend`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::Gitea;
use crate::git_server::tls::Tls;
use crate::{Asked, Form, GitHost};

/// Runs as long as the tests.
#[derive(Debug)]
pub(super) struct Double {
    pub(super) address: String,
    host: Arc<Host>,
}

#[derive(Debug)]
struct Host {
    hooks: GitHost,
    repositories: TempDir,
}

/// Status, headers with a line break behind each, body.
type Answer = (u16, String, Vec<u8>);

impl Double {
    pub(super) fn start(tls: &Tls, token: &str) -> Self {
        let hooks = GitHost::of(Form::Gitea, token);
        let repositories = TempDir::new().expect("a folder");
        let host = Arc::new(Host { hooks, repositories });
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = format!("https://{}", listener.local_addr().expect("it is bound"));
        let (shared, tls) = (Arc::clone(&host), server(tls));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (host, tls) = (Arc::clone(&shared), Arc::clone(&tls));
                // A client that goes away in the middle is not this server's concern.
                std::thread::spawn(move || converse(stream, tls, &host).ok());
            }
        });
        Self { address, host }
    }

    /// Number, address and secret of every webhook.
    pub(super) fn hooks(&self) -> Vec<(String, String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let columns = |hook: &Value| {
            (hook["id"].to_string(), text(&hook["config"]["url"]), text(&hook["config"]["secret"]))
        };
        self.host.hooks.hooks().iter().map(columns).collect()
    }
}

fn server(tls: &Tls) -> Arc<ServerConfig> {
    let certificate = CertificateDer::from_pem_slice(tls.certificate.as_bytes()).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(tls.key.as_bytes()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key);
    Arc::new(config.expect("a key that fits"))
}

/// One request and its answer.
fn converse(stream: TcpStream, tls: Arc<ServerConfig>, host: &Host) -> std::io::Result<()> {
    let session = ServerConnection::new(tls).map_err(std::io::Error::other)?;
    let mut stream = StreamOwned::new(session, stream);
    let mut reader = BufReader::new(&mut stream);
    let mut request = Request::default();
    reader.read_line(&mut request.line)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        request.headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    request.body = vec![0; request.header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut request.body)?;
    let (status, headers, body) = host.answer(&request);
    let length = body.len();
    let headers = format!("{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(format!("HTTP/1.1 {status} Status\r\n{headers}").as_bytes())?;
    stream.write_all(&body)?;
    stream.conn.send_close_notify();
    stream.flush()
}

#[derive(Debug, Default)]
struct Request {
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_str())
    }
}

fn json_answer(status: u16, body: &str) -> Answer {
    (status, "Content-Type: application/json\r\n".into(), body.as_bytes().to_vec())
}

impl Host {
    fn answer(&self, request: &Request) -> Answer {
        let mut words = request.line.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let Some(api) = path.strip_prefix("/api/v1") else {
            return self.git(request, method, path, query);
        };
        let header = |(name, value): &(String, String)| format!("{name}: {value}\n");
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let headers = request.headers.iter().map(header).collect();
        // What it has no answer to of its own is 404, or 401 where the token is not known.
        let asked = Asked { what: format!("{method} {api}"), headers, body: body.clone() };
        let (status, answer) = self.hooks.answer(asked).expect("it never hangs");
        if status == 401 {
            return json_answer(401, r#"{"message":"invalid username, password or token"}"#);
        }
        match (method, api) {
            ("GET", "/user") => json_answer(200, &json!({ "id": 1, "login": Gitea::USER }).to_string()),
            ("POST", "/user/repos") => self.create(&body),
            ("GET", _) if status == 200 && api.ends_with("/hooks") => list(query, &answer),
            // Of a repository that is not there, there are no webhooks.
            _ if !self.repository("gitops").exists() => json_answer(404, r#"{"message":"not found"}"#),
            _ => json_answer(status, &answer),
        }
    }

    fn repository(&self, name: &str) -> std::path::PathBuf {
        self.repositories.path().join(Gitea::USER).join(format!("{name}.git"))
    }

    fn create(&self, body: &str) -> Answer {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let path = self.repository(body["name"].as_str().unwrap_or_default());
        if path.exists() {
            return json_answer(409, r#"{"message":"The repository with the same name already exists."}"#);
        }
        init(&path);
        json_answer(
            201,
            &json!({ "name": body["name"], "private": body["private"], "empty": true }).to_string(),
        )
    }

    /// Everything for Git asks for user and token.
    fn git(&self, request: &Request, method: &str, path: &str, query: &str) -> Answer {
        let asked = Asked {
            what: "GET /".into(),
            headers: format!("authorization: {}\n", request.header("authorization")),
            body: String::new(),
        };
        if self.hooks.answer(asked).is_some_and(|(status, _)| status == 401) {
            return (401, "WWW-Authenticate: Basic realm=\"Gitea\"\r\n".into(), Vec::new());
        }
        let Some((name, rest)) = parts(path) else { return (404, String::new(), Vec::new()) };
        if !self.repository(name).exists() {
            return (404, String::new(), Vec::new());
        }
        let mut command = Command::new("git");
        command.arg("http-backend").env("GIT_PROJECT_ROOT", self.repositories.path());
        command.env("GIT_HTTP_EXPORT_ALL", "1").env("REMOTE_USER", Gitea::USER);
        command.env("PATH_INFO", format!("/{}/{name}.git/{rest}", Gitea::USER));
        command.env("REQUEST_METHOD", method).env("QUERY_STRING", query);
        command.env("CONTENT_TYPE", request.header("content-type"));
        command.env("CONTENT_LENGTH", request.body.len().to_string());
        command.env("HTTP_CONTENT_ENCODING", request.header("content-encoding"));
        command.env("GIT_PROTOCOL", request.header("git-protocol"));
        cgi(&mut command, &request.body)
    }
}

/// As many as fit into a page.
fn list(query: &str, hooks: &str) -> Answer {
    let all: Vec<Value> = serde_json::from_str(hooks).expect("a list");
    let count = format!("X-Total-Count: {}\r\n", all.len());
    let first = query.split('&').any(|part| part == "page=1");
    let (status, headers, body) = json_answer(200, if first { hooks } else { "[]" });
    (status, headers + &count, body)
}

/// Name of the repository and what follows of `/acme/name[.git]/rest`.
fn parts(path: &str) -> Option<(&str, &str)> {
    let (name, rest) =
        path.strip_prefix('/')?.strip_prefix(Gitea::USER)?.strip_prefix('/')?.split_once('/')?;
    Some((name.strip_suffix(".git").unwrap_or(name), rest))
}

fn init(path: &Path) {
    let mut command = Command::new("git");
    command.args(["init", "--quiet", "--bare", "--initial-branch=main"]).arg(path);
    assert!(command.status().expect("git starts").success(), "a repository is made");
}

fn cgi(command: &mut Command, body: &[u8]) -> Answer {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("git starts");
    child.stdin.take().expect("it is piped").write_all(body).expect("it reads");
    let output = child.wait_with_output().expect("it ends").stdout;
    let end = output.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("headers end");
    let (head, body) = (String::from_utf8_lossy(&output[..end + 2]).into_owned(), output[end + 4..].to_vec());
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")?.get(..3)?.parse().ok());
    (status.unwrap_or(200), head, body)
}
