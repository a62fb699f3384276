//! A small HTTP server: what a path answers is said beforehand, what was asked is known afterwards.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

/// What a path answers.
pub(crate) enum Reply {
    Body(Vec<u8>),
    Status(u16),
    /// Half of the body, and then the end.
    Truncated(Vec<u8>),
    /// Half of the body, and then nothing: the connection stays open as long as the server.
    Stalled(Vec<u8>),
    /// Half of the body; the rest when the gate opens.
    Gated(Vec<u8>, Gate),
}

/// Tells that a download has begun, and holds it until it is told to go on.
pub(crate) struct Gate {
    begun: Sender<()>,
    go_on: Receiver<()>,
}

/// The other side of a [`Gate`]. Dropping `open` opens it as well.
pub(crate) struct GateKeeper {
    pub(crate) begun: Receiver<()>,
    pub(crate) open: Sender<()>,
}

pub(crate) fn gate() -> (Gate, GateKeeper) {
    let (begun, has_begun) = channel();
    let (open, go_on) = channel();
    (Gate { begun, go_on }, GateKeeper { begun: has_begun, open })
}

#[derive(Default)]
struct State {
    replies: HashMap<String, Reply>,
    asked: Vec<String>,
    held: Vec<TcpStream>,
}

pub(crate) struct Server {
    pub(crate) address: String,
    state: Arc<Mutex<State>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, shared) = (stream.unwrap(), Arc::clone(&shared));
                // A client that goes away in the middle is part of what is tested.
                std::thread::spawn(move || answer(stream, &shared).ok());
            }
        });
        Self { address, state }
    }

    pub(crate) fn on(&self, path: &str, reply: Reply) -> &Self {
        self.state.lock().unwrap().replies.insert(path.to_owned(), reply);
        self
    }

    /// How often a path was asked for.
    pub(crate) fn asked(&self, path: &str) -> usize {
        self.state.lock().unwrap().asked.iter().filter(|asked| *asked == path).count()
    }

    pub(crate) fn asked_for_anything(&self) -> bool {
        !self.state.lock().unwrap().asked.is_empty()
    }
}

/// An address where nobody listens: the system gives its port to nobody who asks for any.
pub(crate) const NOBODY: &str = "http://127.0.0.1:1";

fn answer(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let path = asked_path(&stream)?;
    let mut shared = state.lock().unwrap();
    shared.asked.push(path.clone());
    let (body, sent) = match shared.replies.get(&path) {
        Some(Reply::Body(body)) => (body.clone(), body.len()),
        Some(Reply::Truncated(body) | Reply::Stalled(body) | Reply::Gated(body, _)) => {
            (body.clone(), body.len() / 2)
        }
        Some(Reply::Status(status)) => return head(&mut stream, *status, 0),
        None => return head(&mut stream, 404, 0),
    };
    head(&mut stream, 200, body.len())?;
    stream.write_all(&body[..sent])?;
    if let Some(Reply::Stalled(_)) = shared.replies.get(&path) {
        shared.held.push(stream.try_clone()?);
    }
    // A gate holds the first one who comes.
    let Some(Reply::Gated(..)) = shared.replies.get(&path) else { return Ok(()) };
    let Some(Reply::Gated(body, gate)) = shared.replies.insert(path, Reply::Body(body)) else {
        return Ok(());
    };
    drop(shared);
    gate.begun.send(()).ok();
    gate.go_on.recv().ok();
    stream.write_all(&body[sent..])
}

fn head(stream: &mut TcpStream, status: u16, length: usize) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {status} Status\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")
}

fn asked_path(stream: &TcpStream) -> std::io::Result<String> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    Ok(first.split(' ').nth(1).unwrap_or_default().to_owned())
}
