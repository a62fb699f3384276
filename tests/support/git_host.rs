//! A double of a Git host's webhooks, after the published APIs of GitHub
//! (<https://docs.github.com/en/rest/repos/webhooks>), Bitbucket Cloud
//! (<https://developer.atlassian.com/cloud/bitbucket/rest/api-group-repositories/>), Azure DevOps
//! (<https://learn.microsoft.com/en-us/rest/api/azure/devops/hooks/subscriptions>) and Gitea
//! (<https://docs.gitea.com/api/#tag/repository/operation/repoListHooks>), and of an endpoint that is told of pushes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A request: method, path without query, headers in lower case, body.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Method and path.
    pub what: String,
    /// Headers, a line each.
    pub headers: String,
    /// Body.
    pub body: String,
}

/// What becomes of a request that writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It is done.
    Never,
    /// It is held up for ever before it is done.
    Before,
    /// It is done, and held up without an answer.
    After,
    /// It is refused: the token may only read.
    Refused,
}

/// Whose API it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// GitHub's.
    GitHub,
    /// GitHub's, with the repository `argoproj/argocd-example-apps`.
    GitHubExamples,
    /// Bitbucket Cloud's.
    Bitbucket,
    /// Azure DevOps', for the repository `gitops` of the project `acme`.
    Azure,
    /// Gitea's, with the user `acme`.
    Gitea,
}

impl Form {
    fn path(self) -> &'static str {
        match self {
            Self::GitHub | Self::Gitea => "/repos/acme/gitops/hooks",
            Self::GitHubExamples => "/repos/argoproj/argocd-example-apps/hooks",
            Self::Bitbucket => "/repositories/acme/gitops/hooks",
            Self::Azure => "/_apis/hooks/subscriptions",
        }
    }

    /// Where the number of a hook is.
    fn id(self) -> &'static str {
        if self == Self::Bitbucket { "uuid" } else { "id" }
    }

    fn list(self, hooks: Vec<Value>) -> Value {
        match self {
            Self::GitHub | Self::GitHubExamples | Self::Gitea => hooks.into(),
            Self::Bitbucket => json!({ "values": hooks }),
            Self::Azure => json!({ "count": hooks.len(), "value": hooks }),
        }
    }

    /// Where the secret is.
    fn secret(self) -> &'static str {
        match self {
            Self::GitHub | Self::GitHubExamples | Self::Gitea => "/config/secret",
            Self::Bitbucket => "/secret",
            Self::Azure => "/consumerInputs/basicAuthPassword",
        }
    }

    /// How it is shown a token.
    fn authorization(self, token: &str) -> String {
        match self {
            Self::Gitea => format!("Basic {}", BASE64_STANDARD.encode(format!("acme:{token}"))),
            _ => format!("Bearer {token}"),
        }
    }
}

/// The Git host, with one repository, most often `acme/gitops`. Runs as long as the tests.
#[derive(Debug)]
pub struct GitHost {
    /// `http://127.0.0.1:<port>`.
    pub address: String,
    state: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Debug)]
struct State {
    form: Form,
    hooks: Vec<Value>,
    last: u64,
    asked: Vec<Asked>,
    hold: Hold,
    pass: usize,
    held: bool,
    token: String,
}

impl GitHost {
    /// Starts it; it accepts this token.
    pub fn start(token: &str) -> Self {
        Self::of(Form::GitHub, token)
    }

    /// Starts it with another's API.
    pub fn of(form: Form, token: &str) -> Self {
        let state = State {
            form,
            hooks: Vec::new(),
            last: 40,
            asked: Vec::new(),
            hold: Hold::Never,
            pass: 0,
            held: false,
            token: form.authorization(token),
        };
        let state = Arc::new((Mutex::new(state), Condvar::new()));
        let shared = Self { address: String::new(), state: Arc::clone(&state) };
        let address = serve(move |asked| shared.answer(asked));
        Self { address, state }
    }

    /// What it answers; `None` is no answer at all.
    pub(crate) fn answer(&self, asked: Asked) -> Option<(u16, String)> {
        let answer = self.with(|state| state.answer(asked));
        self.state.1.notify_all();
        answer
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.0.lock().expect("never poisoned"))
    }

    /// The webhooks with their secrets, as no host shows them.
    pub fn hooks(&self) -> Vec<Value> {
        self.with(|state| state.hooks.clone())
    }

    /// Adds a webhook by hand.
    pub fn add(&self, body: &Value) {
        self.with(|state| state.create(body));
    }

    /// Holds requests that write up from here on, after some have passed.
    pub fn hold(&self, hold: Hold, pass: usize) {
        self.with(|state| (state.hold, state.pass, state.held) = (hold, pass, false));
    }

    /// Accepts another token.
    pub fn accept(&self, token: &str) {
        self.with(|state| state.token = state.form.authorization(token));
    }

    /// Requests since the last call.
    pub fn asked(&self) -> Vec<Asked> {
        self.with(|state| std::mem::take(&mut state.asked))
    }

    /// Requests since the last call that write.
    pub fn written(&self) -> Vec<String> {
        let writes = |asked: &Asked| !asked.what.starts_with("GET");
        self.asked().into_iter().filter(writes).map(|asked| asked.what).collect()
    }

    /// Waits until a request that writes is held up.
    ///
    /// # Panics
    ///
    /// Where nobody does within a minute.
    pub fn wait_for_a_write(&self) {
        let (state, changed) = &*self.state;
        let wants = |state: &mut State| !state.held;
        let state = state.lock().expect("never poisoned");
        let limit = Duration::from_secs(60);
        let (_state, waited) = changed.wait_timeout_while(state, limit, wants).expect("never poisoned");
        assert!(!waited.timed_out(), "nobody writes");
    }
}

impl State {
    /// `None` is no answer at all.
    fn answer(&mut self, asked: Asked) -> Option<(u16, String)> {
        let (method, path) = asked.what.split_once(' ').unwrap_or_default();
        let (method, path, body) = (method.to_owned(), path.to_owned(), asked.body.clone());
        let known = asked.headers.contains(&format!("authorization: {}", self.token));
        self.asked.push(asked);
        if !known {
            return Some((401, json!({ "message": "Bad credentials" }).to_string()));
        }
        let mut hold = if method == "GET" { Hold::Never } else { self.hold };
        if hold != Hold::Never && self.pass > 0 {
            self.pass -= 1;
            hold = Hold::Never;
        }
        self.held |= matches!(hold, Hold::Before | Hold::After);
        match hold {
            Hold::Never => Some(self.done(&method, &path, &body)),
            Hold::Before => None,
            Hold::After => {
                self.done(&method, &path, &body);
                None
            }
            Hold::Refused => {
                let message = "Resource not accessible by personal access token";
                Some((403, json!({ "message": message }).to_string()))
            }
        }
    }

    fn done(&mut self, method: &str, path: &str, body: &str) -> (u16, String) {
        let missing = (404, json!({ "message": "Not Found" }).to_string());
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let form = self.form;
        let shown = |hook: &Value| shown(hook, form);
        if form == Form::Azure && path == "/acme/_apis/git/repositories/gitops" {
            return (200, json!({ "id": "r1", "name": "gitops", "project": { "id": "p1" } }).to_string());
        }
        let Some(rest) = path.strip_prefix(form.path()) else { return missing };
        let id = rest.trim_start_matches('/').replace("%7B", "{").replace("%7D", "}");
        match (method, id.as_str()) {
            ("GET", "") => (200, form.list(self.hooks.iter().map(shown).collect()).to_string()),
            ("POST", "") => (201, shown(&self.create(&body)).to_string()),
            (method, id) => {
                let number = |hook: &Value| {
                    hook[form.id()].as_str().map_or(hook[form.id()].to_string(), str::to_owned)
                };
                let Some(at) = self.hooks.iter().position(|hook| number(hook) == id) else { return missing };
                if method == "DELETE" {
                    self.hooks.remove(at);
                    return (204, String::new());
                }
                let before = self.hooks[at].pointer(form.secret()).cloned();
                for (key, value) in body.as_object().into_iter().flatten() {
                    self.hooks[at][key] = value.clone();
                }
                if form == Form::Gitea {
                    // A change knows no secret (`editHook`), and answers 200 all the same.
                    self.hooks[at]["config"]["secret"] = before.unwrap_or_default();
                }
                (200, shown(&self.hooks[at]).to_string())
            }
        }
    }

    fn create(&mut self, body: &Value) -> Value {
        self.last += 1;
        let mut hook = body.clone();
        hook[self.form.id()] = match self.form {
            Form::GitHub | Form::GitHubExamples | Form::Gitea => json!(self.last),
            Form::Bitbucket => json!(format!("{{0e5cbb6c-0000-4000-8000-0000000000{}}}", self.last)),
            Form::Azure => json!(format!("5cf7bd0c-0000-4000-8000-0000000000{}", self.last)),
        };
        self.hooks.push(hook.clone());
        hook
    }
}

/// As the host shows it: its secret as asterisks, or not at all.
fn shown(hook: &Value, form: Form) -> Value {
    let mut hook = hook.clone();
    if let (Form::Gitea, Some(config)) = (form, hook["config"].as_object_mut()) {
        config.remove("secret");
    }
    if let Some(secret) = hook.pointer_mut(form.secret()) {
        *secret = json!("********");
    }
    hook
}

/// What is told of pushes: checks the signature as Argo CD does. Runs as long as the tests.
#[derive(Debug)]
pub struct Endpoint {
    /// `http://127.0.0.1:<port>`.
    pub address: String,
    state: Arc<Mutex<Told>>,
}

#[derive(Debug, Default)]
struct Told {
    secret: String,
    answer: Option<(u16, String)>,
    asked: Vec<Asked>,
}

impl Endpoint {
    /// Answers at this path and nowhere else.
    pub fn start(path: &'static str) -> Self {
        let state = Arc::new(Mutex::new(Told::default()));
        let shared = Arc::clone(&state);
        let address = serve(move |asked| {
            let mut told = shared.lock().expect("never poisoned");
            let answer = told.judge(&asked, path);
            told.asked.push(asked);
            Some(answer)
        });
        Self { address, state }
    }

    /// Knows events by this secret.
    pub fn knows(&self, secret: &str) {
        self.state.lock().expect("never poisoned").secret = secret.to_owned();
    }

    /// Answers this, whatever it is told; `None` for what is right.
    pub fn answers(&self, answer: Option<(u16, &str)>) {
        let answer = answer.map(|(status, body)| (status, body.to_owned()));
        self.state.lock().expect("never poisoned").answer = answer;
    }

    /// What it was told so far.
    pub fn told(&self) -> Vec<Asked> {
        self.state.lock().expect("never poisoned").asked.clone()
    }
}

impl Told {
    fn judge(&self, asked: &Asked, path: &str) -> (u16, String) {
        if let Some(answer) = &self.answer {
            return answer.clone();
        }
        if asked.what != format!("POST {path}") {
            return (404, "404 page not found".into());
        }
        let signature = hmac(self.secret.as_bytes(), asked.body.as_bytes());
        match asked.headers.contains(&format!("x-hub-signature-256: sha256={signature}")) {
            true => (200, String::new()),
            false => (400, "Webhook processing failed: HMAC verification failed".into()),
        }
    }
}

/// HMAC-SHA256 (RFC 2104) in hexadecimal digits, apart from the product's own.
fn hmac(key: &[u8], text: &[u8]) -> String {
    let mut block = [0; 64];
    match key.len() {
        0..=64 => block[..key.len()].copy_from_slice(key),
        _ => block[..32].copy_from_slice(&Sha256::digest(key)),
    }
    let inner = Sha256::digest([&block.map(|byte| byte ^ 0x36), text].concat());
    let outer = Sha256::digest([&block.map(|byte| byte ^ 0x5c)[..], &inner].concat());
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Answers requests, one connection each; gives the address.
fn serve(mut answer: impl FnMut(Asked) -> Option<(u16, String)> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("it is bound"));
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming().flatten() {
            // Whoever says nothing, such as a forwarded port before its use, keeps nobody waiting.
            stream.set_read_timeout(Some(Duration::from_secs(1))).ok();
            // A client that goes away in the middle is not this server's concern.
            let Ok(asked) = read(&stream) else { continue };
            match answer(asked) {
                Some((status, body)) => drop(reply(stream, status, &body)),
                None => held.push(stream),
            }
        }
    });
    address
}

fn read(stream: &TcpStream) -> std::io::Result<Asked> {
    let mut reader = BufReader::new(stream);
    let (mut first, mut headers, mut length) = (String::new(), String::new(), 0);
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(0);
        }
        headers.push_str(&format!("{}:{value}\n", name.to_ascii_lowercase()));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut words = first.split(' ');
    let method = words.next().unwrap_or_default();
    let path = words.next().and_then(|target| target.split('?').next()).unwrap_or_default();
    Ok(Asked { what: format!("{method} {path}"), headers, body: String::from_utf8_lossy(&body).into_owned() })
}

fn reply(mut stream: TcpStream, status: u16, body: &str) -> std::io::Result<()> {
    let kind = match body.chars().next() {
        Some('{' | '[') => "application/json",
        Some('<') => "text/html",
        _ => "text/plain",
    };
    let length = if status == 204 { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    write!(
        stream,
        "HTTP/1.1 {status} Status\r\nContent-Type: {kind}\r\n{length}Connection: close\r\n\r\n{body}"
    )
}
