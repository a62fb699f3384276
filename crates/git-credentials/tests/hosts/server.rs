//! A small HTTP server: what a request is answered is said beforehand, what was asked is known afterwards.

#![allow(dead_code, reason = "every test program uses another part of it")]

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// An answer: status, headers, body.
#[derive(Clone, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

pub(crate) fn reply(status: u16, body: &str) -> Reply {
    Reply { status, headers: Vec::new(), body: body.to_owned() }
}

impl Reply {
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// `GET /path?query`
    pub(crate) what: String,
    /// The header `Authorization`, or nothing.
    pub(crate) authorization: String,
    pub(crate) body: String,
}

#[derive(Default)]
struct State {
    replies: HashMap<String, VecDeque<Reply>>,
    asked: Vec<Asked>,
}

pub(crate) struct Server {
    /// `http://127.0.0.1:port`
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

    /// Answers `GET /path` so from now on; what has no answer gets 404.
    pub(crate) fn on(&self, what: &str, reply: Reply) -> &Self {
        self.on_each(what, [reply])
    }

    /// Answers `GET /path` so, one after the other, and with the last from then on.
    pub(crate) fn on_each(&self, what: &str, replies: impl IntoIterator<Item = Reply>) -> &Self {
        self.state.lock().unwrap().replies.insert(what.to_owned(), replies.into_iter().collect());
        self
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }
}

fn answer(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let asked = read(&stream)?;
    let reply = {
        let mut state = state.lock().unwrap();
        state.asked.push(asked.clone());
        match state.replies.get_mut(&asked.what) {
            Some(replies) if replies.len() > 1 => replies.pop_front(),
            Some(replies) => replies.front().cloned(),
            None => None,
        }
        .unwrap_or_else(|| reply(404, ""))
    };
    let headers: String = reply.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    write!(
        stream,
        "HTTP/1.1 {} Status\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{}",
        reply.status,
        reply.body.len(),
        reply.body
    )
}

fn read(stream: &TcpStream) -> std::io::Result<Asked> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim_end().is_empty() {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let header = |wanted: &str| {
        let pairs = lines.iter().filter_map(|line| line.split_once(": "));
        pairs.filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.to_owned()).next()
    };
    let length = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let first = lines.first().cloned().unwrap_or_default();
    let what = first.rsplit_once(' ').map_or(first.as_str(), |(what, _)| what).to_owned();
    let authorization = header("authorization").unwrap_or_default();
    Ok(Asked { what, authorization, body: String::from_utf8_lossy(&body).into_owned() })
}
