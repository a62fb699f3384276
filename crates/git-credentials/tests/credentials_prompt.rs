//! A secret that is typed at a terminal: `script` (util-linux) plays the terminal, and this test's own program asks.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which clippy does not see as tests")]

mod tools;

use std::io::{Read as _, Write as _};
use std::process::{ChildStdin, Command, Stdio};

use git_credentials::secret::resolve;
use manifests::config::SecretRef;
use secrecy::ExposeSecret as _;
use tools::have;

const QUESTION: &str = "Token for git.acme.com";
const CHILD: &str = "GITOPS_SETUP_TEST_PROMPT";

/// What the program in the terminal does; alone it does nothing.
#[test]
fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    match resolve(&SecretRef::Prompt(QUESTION.into())) {
        Ok(secret) => println!("got={:02x?}=", secret.expose_secret().as_bytes()),
        Err(error) => println!("got no secret: {error}"),
    }
}

/// Everything that the terminal shows while `typed` is typed at it.
fn at_terminal(typed: &[u8]) -> String {
    at_terminal_when("stty -a", |input, _| input.write_all(typed).unwrap())
}

/// The same where something is done when the question is asked, by the process number of who asks; `behind` runs after
/// that.
fn at_terminal_when(behind: &str, act: impl Fn(&mut ChildStdin, &str)) -> String {
    let program = std::env::current_exe().unwrap();
    let line =
        format!("sh -c 'echo number=$$=; exec {} --exact child --nocapture'; {behind}", program.display());
    let mut terminal = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .env(CHILD, "1")
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = terminal.stdin.take().unwrap();
    let mut output = terminal.stdout.take().unwrap();
    let (mut shown, mut part) = (Vec::new(), [0; 1024]);
    let mut asked = false;
    loop {
        let read = output.read(&mut part).unwrap_or(0);
        shown.extend_from_slice(&part[..read]);
        if !asked && String::from_utf8_lossy(&shown).contains(&format!("{QUESTION}: ")) {
            asked = true;
            let shown = String::from_utf8_lossy(&shown);
            act(&mut input, shown.split('=').nth(1).unwrap());
        }
        if read == 0 {
            break;
        }
    }
    terminal.wait().unwrap();
    let shown = String::from_utf8_lossy(&shown).into_owned();
    assert!(asked, "{shown}");
    for mode in [" echo ", " isig ", " icanon "] {
        let flags = shown.replace([';', '\r', '\n'], " ");
        assert!(flags.contains(mode), "the terminal is not as it was:{mode}in {shown}");
    }
    shown
}

#[test]
fn it_is_read_unseen() {
    if !have(&["script", "stty"]) {
        return;
    }
    let shown = at_terminal("hush47ü\u{7f}x\r".as_bytes());
    assert!(shown.contains(&format!("got={:02x?}=", b"hush47x")), "{shown}");
    assert!(!shown.contains("hush"), "{shown}");
}

#[test]
fn the_terminal_is_set_back_when_it_is_interrupted() {
    if !have(&["script", "stty"]) {
        return;
    }
    let shown = at_terminal(b"hush\x03");
    assert!(!shown.contains("hush") && !shown.contains("got"), "{shown}");
    assert!(at_terminal(b"\x04").contains("was not answered"));
    assert!(at_terminal(b"\r").contains("nothing but blanks"));
}

#[test]
fn the_terminal_is_set_back_when_the_program_is_killed() {
    if !have(&["script", "stty", "kill"]) {
        return;
    }
    // It is set back just after the program's end.
    let behind =
        "n=0; until stty -a | grep -q ' echo ' || [ $n = 50 ]; do sleep 0.1; n=$((n+1)); done; stty -a";
    // A hangup would do the same, and is ignored by everything that nohup started.
    for signal in ["-TERM", "-KILL"] {
        let shown = at_terminal_when(behind, |_, number| {
            assert!(Command::new("kill").args([signal, number]).status().unwrap().success());
        });
        assert!(!shown.contains("got"), "{shown}");
    }
}

#[test]
fn without_a_terminal_the_other_ways_are_named() {
    if !have(&["setsid"]) {
        return;
    }
    let program = std::env::current_exe().unwrap();
    let output = Command::new("setsid")
        .arg("--wait")
        .arg(program)
        .args(["--exact", "child", "--nocapture"])
        .env(CHILD, "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains("there is no terminal to ask"), "{shown}");
    assert!(shown.contains("env, file or command"), "{shown}");
}
