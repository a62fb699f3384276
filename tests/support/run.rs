//! One run of the command line, under way and ended.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, ExitStatus};
use std::thread::JoinHandle;

use serde_json::Value;

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The words after the program's name.
    pub words: String,
    /// Exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Outcome {
    pub(crate) fn new(words: String, status: ExitStatus, stdout: &[u8], stderr: &[u8]) -> Self {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Self { words, code: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }

    /// Everything that a user would see.
    pub fn output(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Asserts the exit code.
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "exit code of `{}`\n{}", self.words, self.output());
        self
    }

    /// Asserts that it says this, wherever its lines break.
    #[track_caller]
    pub fn says(&self, words: &str) -> &Self {
        let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            flat(&self.output()).contains(&flat(words)),
            "`{}` does not say `{words}`:\n{}",
            self.words,
            self.output()
        );
        self
    }

    /// The events of `--output json`.
    ///
    /// # Panics
    ///
    /// Where a line of standard output is no JSON object with an `event`.
    #[track_caller]
    pub fn events(&self) -> Vec<Value> {
        let parse = |line: &str| -> Value {
            let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(event["event"].is_string(), "no event: {line}");
            event
        };
        self.stdout.lines().map(parse).collect()
    }

    /// The events of one kind.
    #[track_caller]
    pub fn events_of(&self, kind: &str) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["event"] == kind).collect()
    }
}

/// A run under way. Its standard output is read line by line; dropped, it is killed.
#[derive(Debug)]
pub struct Running {
    child: Child,
    words: String,
    lines: BufReader<ChildStdout>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    seen: String,
}

impl Running {
    pub(crate) fn new(words: String, mut child: Child) -> Self {
        let lines = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let mut errors = child.stderr.take().expect("standard error is piped");
        let stderr = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            errors.read_to_end(&mut bytes).ok();
            bytes
        });
        Self { child, words, lines, stderr: Some(stderr), seen: String::new() }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Reads lines up to one that fits; false where it ends before.
    pub fn reads_until(&mut self, fits: impl Fn(&str) -> bool) -> bool {
        self.reads(fits).is_some()
    }

    /// Reads lines up to one that fits, and gives it; `None` where it ends before.
    pub fn reads(&mut self, fits: impl Fn(&str) -> bool) -> Option<String> {
        let mut line = String::new();
        while self.lines.read_line(&mut line).is_ok_and(|length| length > 0) {
            let read = std::mem::take(&mut line);
            self.seen.push_str(&read);
            if fits(read.trim_end()) {
                return Some(read.trim_end().to_owned());
            }
        }
        None
    }

    /// It is over.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Ends it as `kill -9` does.
    pub fn kill(mut self) -> Outcome {
        self.child.kill().expect("a child of ours can be killed");
        self.finish()
    }

    /// Sends it what Ctrl-C sends.
    pub fn interrupt(mut self) -> Outcome {
        crate::sandbox::signal("INT", self.child.id());
        self.finish()
    }

    /// Reads it to its end.
    pub fn wait(mut self) -> Outcome {
        self.finish()
    }

    fn finish(&mut self) -> Outcome {
        let mut rest = Vec::new();
        self.lines.read_to_end(&mut rest).ok();
        self.seen.push_str(&String::from_utf8_lossy(&rest));
        let status = self.child.wait().expect("a child of ours can be waited for");
        let stderr = self.stderr.take().and_then(|reader| reader.join().ok()).unwrap_or_default();
        Outcome::new(self.words.clone(), status, self.seen.as_bytes(), &stderr)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
