//! A secret that is typed at the terminal, unseen.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::SecretError;

/// Nobody types more; something has been connected that never ends a line.
const MAX_BYTES: usize = 64 << 10;

const INTERRUPT: u8 = 0x03;
const END: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const ERASE_LINE: u8 = 0x15;
const DELETE: u8 = 0x7f;

/// Asks on the terminal, whatever standard input is, and gives what is typed up to the end of the line.
///
/// The terminal gives each key as it is, Ctrl-C too: so it is always set back before the process is interrupted. Where
/// the process is killed meanwhile, [`Watch`] does that.
pub(crate) fn ask(question: &str) -> Result<Vec<u8>, SecretError> {
    let no_terminal = |_| SecretError::NoTerminal(question.to_owned());
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").map_err(no_terminal)?;
    let watch = Watch::begin();
    let quiet = Quiet::begin(&terminal).map_err(SecretError::Terminal)?;
    let shown: String = question.chars().filter(|c| !c.is_control()).collect();
    write!(terminal, "{}: ", shown.trim_end().trim_end_matches(':')).map_err(SecretError::Terminal)?;
    let typed = line(&mut terminal);
    let ended = writeln!(terminal);
    drop(quiet);
    drop(watch);
    match typed.and_then(|typed| ended.map(|()| typed)).map_err(SecretError::Terminal)? {
        Typed::Line(line) => Ok(line.to_vec()),
        Typed::Nothing => Err(SecretError::Unanswered(question.to_owned())),
        Typed::Interrupt => {
            interrupt();
            Err(SecretError::Unanswered(question.to_owned()))
        }
    }
}

enum Typed {
    Line(Zeroizing<Vec<u8>>),
    Nothing,
    Interrupt,
}

fn line(terminal: &mut File) -> io::Result<Typed> {
    let mut line = Zeroizing::new(Vec::with_capacity(256));
    let mut key = [0];
    loop {
        let end = terminal.read(&mut key)? == 0;
        match key[0] {
            _ if end => return Ok(Typed::Nothing),
            INTERRUPT => return Ok(Typed::Interrupt),
            END if line.is_empty() => return Ok(Typed::Nothing),
            b'\n' | b'\r' | END => return Ok(Typed::Line(line)),
            BACKSPACE | DELETE => erase(&mut line),
            ERASE_LINE => line.clear(),
            // Arrows and the like are no part of a secret.
            byte if byte < b' ' => {}
            byte if line.len() < MAX_BYTES => line.push(byte),
            _ => return Err(io::Error::other("the line does not end")),
        }
    }
}

/// Takes the last character away, all of its bytes.
fn erase(line: &mut Vec<u8>) {
    while line.pop().is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000) {}
}

/// What Ctrl-C would have done.
fn interrupt() {
    if kill_process(getpid(), Signal::INT).is_ok() {
        // Who listens for the signal hears of it before the answer that is missing.
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Notes how the terminal is, and sets it back when standard input ends. Signals of the terminal, and being in the
/// background once its parent is gone, must not end it before that.
const WATCH: &str = r#"trap '' HUP INT QUIT TERM TSTP TTIN TTOU
before=$(stty -g </dev/tty) && echo && cat >/dev/null && stty "$before" </dev/tty"#;

/// A shell that sets the terminal back where this process is killed (SIGTERM, SIGHUP, SIGKILL): the pipe to it closes
/// whatever the end is. A handler of our own would have to stay for good, and would then keep the process from ending
/// by such signals at all other times.
struct Watch {
    shell: Child,
}

impl Watch {
    /// Returns once it knows how the terminal is; `None` where there is no shell or no `stty`, and the secret can be
    /// typed all the same.
    fn begin() -> Option<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", WATCH]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut watch = Self { shell: command.spawn().ok()? };
        let ready = watch.shell.stdout.take()?.read(&mut [0]).is_ok_and(|read| read == 1);
        ready.then_some(watch)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // Until it is done, so that it does not set anything back which the next question has changed.
        self.shell.wait().ok();
    }
}

/// The terminal while it shows nothing; as it was before, once this is dropped.
struct Quiet {
    terminal: File,
    before: Termios,
}

impl Quiet {
    fn begin(terminal: &File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut modes = before.clone();
        modes.local_modes &= !(LocalModes::ECHO
            | LocalModes::ECHONL
            | LocalModes::ICANON
            | LocalModes::ISIG
            | LocalModes::IEXTEN);
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(terminal, OptionalActions::Drain, &modes)?;
        Ok(Self { terminal: terminal.try_clone()?, before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(&self.terminal, OptionalActions::Drain, &self.before);
    }
}
