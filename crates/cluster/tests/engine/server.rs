//! An API server that answers as a test says, and remembers what it was asked.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cluster::Client;
use serde_json::{Value, json};

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) body: Value,
    /// How many with this method, path and query came before.
    pub(crate) before: usize,
}

impl Asked {
    pub(crate) fn is_watch(&self) -> bool {
        self.query.split('&').any(|part| part == "watch=true" || part == "watch=1")
    }
}

/// What one request is answered.
pub(crate) enum Answer {
    Json(u16, Value),
    /// A failure, and after how many seconds to come again.
    Later(u16, u32),
    /// Text that is no JSON.
    Text(u16, &'static str),
    /// Half of the body, and then the end.
    Cut(Value),
    /// Blanks, as long as they are taken.
    Endless,
    /// Half of the body, and then nothing.
    Stalled(Value),
    /// The connection is reset.
    Reset,
    /// Nothing at all.
    Silent,
    /// A line each, and then nothing more: a watch that goes on.
    Lines(Vec<Value>),
    /// A line each, and then the end.
    LastLines(Vec<Value>),
}

type Script = dyn Fn(&Asked) -> Answer + Send + Sync;

#[derive(Default)]
struct State {
    asked: Vec<Asked>,
    held: Vec<TcpStream>,
}

pub(crate) struct Server {
    address: String,
    state: Arc<Mutex<State>>,
}

impl Server {
    pub(crate) fn start(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let script: Arc<Script> = Arc::new(script);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, shared, script) = (stream.unwrap(), Arc::clone(&shared), Arc::clone(&script));
                // A client that goes away in the middle is part of what is tested.
                std::thread::spawn(move || answer(stream, &shared, &*script).ok());
            }
        });
        Self { address, state }
    }

    /// Answers one after the other, whatever is asked; the last one again and again.
    pub(crate) fn scripted(answers: Vec<fn() -> Answer>) -> Self {
        let next = Mutex::new(0);
        Self::start(move |_| {
            let mut next = next.lock().unwrap();
            let answer = answers[(*next).min(answers.len() - 1)];
            *next += 1;
            answer()
        })
    }

    pub(crate) async fn client(&self, patience: Duration) -> Client {
        connect(&self.address, patience).await
    }

    /// Everything that was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }
}

/// A client of an address.
pub(crate) async fn connect(address: &str, patience: Duration) -> Client {
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "c", "cluster": { "server": address } }],
        "users": [{ "name": "u", "user": {} }],
        "contexts": [{ "name": "scripted", "context": { "cluster": "c", "user": "u" } }],
    });
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kubeconfig");
    std::fs::write(&path, kubeconfig.to_string()).unwrap();
    Client::connect(Some(&path), "scripted").await.unwrap().with_patience(patience)
}

/// An address where nobody listens: the system gives its port to nobody who asks for any.
pub(crate) const NOBODY: &str = "http://127.0.0.1:1";

fn answer(mut stream: TcpStream, state: &Mutex<State>, script: &Script) -> std::io::Result<()> {
    let mut asked = read(&mut stream)?;
    let answer = {
        let mut state = state.lock().unwrap();
        let same = |other: &&Asked| {
            (&other.method, &other.path, &other.query) == (&asked.method, &asked.path, &asked.query)
        };
        asked.before = state.asked.iter().filter(same).count();
        state.asked.push(asked.clone());
        // Whoever closes with a byte unread resets the connection.
        let answer = script(&asked);
        if let Answer::Reset = answer {
            return Ok(());
        }
        answer
    };
    stream.read_exact(&mut [0])?;
    let stays = matches!(answer, Answer::Silent | Answer::Stalled(_) | Answer::Lines(_));
    match answer {
        Answer::Json(status, body) => whole(&mut stream, status, "", body.to_string().as_bytes())?,
        Answer::Later(status, seconds) => {
            let body = failure(status, "Later", "come again").to_string();
            whole(&mut stream, status, &format!("Retry-After: {seconds}\r\n"), body.as_bytes())?;
        }
        Answer::Text(status, text) => whole(&mut stream, status, "", text.as_bytes())?,
        Answer::Cut(body) | Answer::Stalled(body) => {
            let body = body.to_string().into_bytes();
            head(&mut stream, 200, &format!("Content-Length: {}\r\n", body.len()))?;
            stream.write_all(&body[..body.len() / 2])?;
        }
        Answer::Endless => {
            head(&mut stream, 200, "Transfer-Encoding: chunked\r\n")?;
            let chunk = [b"100000\r\n".as_slice(), &[b' '; 1 << 20], b"\r\n"].concat();
            loop {
                stream.write_all(&chunk)?;
            }
        }
        Answer::Lines(lines) | Answer::LastLines(lines) => {
            head(&mut stream, 200, "Transfer-Encoding: chunked\r\n")?;
            for line in lines {
                let line = format!("{line}\n");
                write!(stream, "{:x}\r\n{line}\r\n", line.len())?;
            }
            if !stays {
                stream.write_all(b"0\r\n\r\n")?;
            }
        }
        Answer::Reset | Answer::Silent => {}
    }
    if stays {
        state.lock().unwrap().held.push(stream);
    }
    Ok(())
}

/// A Status object that is no success.
pub(crate) fn failure(code: u16, reason: &str, message: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure",
        "code": code, "reason": reason, "message": message,
    })
}

fn whole(stream: &mut TcpStream, status: u16, header: &str, body: &[u8]) -> std::io::Result<()> {
    head(stream, status, &format!("{header}Content-Length: {}\r\n", body.len()))?;
    stream.write_all(body)
}

fn head(stream: &mut TcpStream, status: u16, headers: &str) -> std::io::Result<()> {
    let common = "Content-Type: application/json\r\nConnection: close";
    write!(stream, "HTTP/1.1 {status} Status\r\n{common}\r\n{headers}\r\n")
}

/// Reads a request without its last byte.
fn read(stream: &mut TcpStream) -> std::io::Result<Asked> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") { value.trim().parse::<usize>().ok() } else { None }
    });
    let mut body = Vec::new();
    if let Some(length) = length.filter(|length| *length > 0) {
        stream.read_exact(&mut byte)?;
        body.resize(length - 1, 0);
        stream.read_exact(&mut body)?;
        // Only ever looked at: it is still there to be read.
        stream.peek(&mut byte)?;
        body.push(byte[0]);
    }
    let mut words = head.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Ok(Asked {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
        before: 0,
    })
}
