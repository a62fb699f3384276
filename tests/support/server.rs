//! A small HTTP server: what a path answers is said beforehand.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What a path answers: status and body.
pub type Answer = (u16, Vec<u8>);

/// The server. Its thread ends with the tests.
#[derive(Debug)]
pub struct Server {
    /// `http://127.0.0.1:<port>`.
    pub address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers these paths (without their query), and 404 to all others.
    pub fn start(answers: impl IntoIterator<Item = (String, Answer)>) -> Self {
        let answers: HashMap<String, Answer> = answers.into_iter().collect();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("it is bound"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away in the middle is not this server's concern.
                answer(stream, &answers, &log).ok();
            }
        });
        Self { address, asked }
    }

    /// Method and path of every request, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("never poisoned").clone()
    }
}

/// An address of this machine where nobody listens: the system gives its port to nobody who asks for any.
pub const CLOSED: &str = "127.0.0.1:1";

fn answer(
    mut stream: TcpStream,
    answers: &HashMap<String, Answer>,
    asked: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(&stream).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let mut words = first.split(' ');
    let method = words.next().unwrap_or_default();
    let path = words.next().and_then(|target| target.split('?').next()).unwrap_or_default();
    asked.lock().expect("never poisoned").push(format!("{method} {path}"));
    let missing = (404, b"{}".to_vec());
    let (status, body) = answers.get(path).unwrap_or(&missing);
    let kind = if body.starts_with(b"{") { "application/json" } else { "application/octet-stream" };
    write!(
        stream,
        "HTTP/1.1 {status} Status\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(body)
}
