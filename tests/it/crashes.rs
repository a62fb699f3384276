//! Runs and API servers that die at every request: a plain run afterwards ends where an undisturbed one would have.
//!
//! The short form takes some of the requests, the long one (`GITOPS_SETUP_TEST_CRASHES=all`) every one; `docs/trust.md`
//! has the commands.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Held, Sandbox, Size, Trials, When, poll, signal};

use crate::PROGRAM;

/// Longest time until a request that has to come comes.
const LIMIT: Duration = Duration::from_secs(120);
/// How long an API server may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);
/// Requests of a short form.
const SOME: usize = 3;

fn is_long() -> bool {
    std::env::var("GITOPS_SETUP_TEST_CRASHES").is_ok_and(|given| given == "all")
}

/// Of `count` requests every `step`th, or in the short form a few that are spread over them.
fn chosen(count: usize, step: usize) -> Vec<usize> {
    let all = (0..count).step_by(step);
    match is_long() {
        true => all.collect(),
        false => (0..SOME).map(|index| index * (count - 1) / (SOME - 1)).collect(),
    }
}

/// How many requests a trial takes that nobody disturbs.
fn requests(trials: &Trials, trial: u64) -> usize {
    trials.plain(trial).exits(0);
    let count = trials.proxy.requests();
    trials.clear_all(trial);
    count
}

/// After a plain run, nothing is missing, left over, or other than it should be.
#[track_caller]
fn recovers(trials: &Trials, trial: u64, what: &str) {
    let plain = trials.plain(trial);
    assert_eq!(plain.code, Some(0), "after {what}\n{}", plain.output());
    let differences = trials.differences(trial);
    assert!(differences.is_empty(), "after {what}\n{}", differences.join("\n"));
    trials.clear_all(trial);
}

/// Kills a run when a request is held; false where the run ended before that one.
fn cut_off(trials: &Trials, trial: u64, held: &Held, what: &str) -> Option<String> {
    let mut running = trials.begin(trial);
    let start = Instant::now();
    loop {
        if let Some(request) = held.wait(Duration::from_millis(20)) {
            let outcome = running.kill();
            assert_eq!(outcome.code, None, "{what}: it was killed\n{}", outcome.output());
            return Some(request);
        }
        if running.has_ended() {
            running.wait().exits(0);
            return None;
        }
        assert!(start.elapsed() < LIMIT, "{what}: neither ends nor comes to that request");
    }
}

#[test]
fn of_the_tool_before_and_after_each_request_of_a_small_set_up() {
    let Some(trials) = Trials::start(PROGRAM, Size::Small, 1) else { return };
    let (start, mut trial, mut cut) = (Instant::now(), 2, 0);
    let count = requests(&trials, 1);
    for at in chosen(count, 1) {
        for when in [When::Before, When::After] {
            let held = trials.proxy.hold(at, when);
            // In another order of requests, there may be one less.
            let what = format!("request {at} of {count}, {when:?}");
            if let Some(request) = cut_off(&trials, trial, &held, &what) {
                cut += 1;
                recovers(&trials, trial, &format!("{what}: {request}"));
            }
            trial += 1;
        }
    }
    assert!(cut > 0);
    eprintln!(
        "killed at {cut} places of a set-up of {count} requests ({:.0} s)",
        start.elapsed().as_secs_f64()
    );
}

#[test]
fn of_the_tool_at_points_of_a_large_set_up() {
    let Some(trials) = Trials::start(PROGRAM, Size::Large, 1) else { return };
    let start = Instant::now();
    let count = requests(&trials, 1);
    let points = if is_long() { 100 } else { 2 };
    for point in 0..points {
        // Spread over all requests as evenly as can be, in an order that has no pattern (the golden ratio's).
        let share = (point as f64 * 0.618_034).fract();
        let at = (share * count as f64) as usize;
        let when = if point % 2 == 0 { When::Before } else { When::After };
        let held = trials.proxy.hold(at, when);
        let what = format!("request {at} of {count}, {when:?}");
        if let Some(request) = cut_off(&trials, point + 2, &held, &what) {
            recovers(&trials, point + 2, &format!("{what}: {request}"));
        }
    }
    eprintln!("killed at {points} of {count} requests ({:.0} s)", start.elapsed().as_secs_f64());
}

#[test]
fn of_the_api_server_at_every_tenth_request() {
    let Some(trials) = Trials::start(PROGRAM, Size::Small, 1) else { return };
    let (start, mut trial, mut ended) = (Instant::now(), 2, BTreeMap::new());
    let mut server = Program::of(&trials.sandbox, "kube-apiserver");
    // With a lease to renew, it would end when there is no server for a while.
    let mut controllers = Program::of(&trials.sandbox, "kube-controller-manager");
    controllers.command.push("--leader-elect=false".into());
    controllers.dies("KILL");
    controllers.starts();
    let count = requests(&trials, 1);
    for at in chosen(count, 10) {
        for name in ["TERM", "KILL"] {
            let held = trials.proxy.hold(at, When::Before);
            let running = trials.begin(trial);
            let what = format!("{name} to the API server at request {at} of {count}");
            let came = held.wait(LIMIT);
            if came.is_some() {
                server.dies(name);
                server.starts();
                held.release();
            }
            let outcome = running.wait();
            answers(&trials.sandbox);
            if controllers.is_gone() {
                controllers.starts();
            }
            let code =
                outcome.code.unwrap_or_else(|| panic!("{what}: a signal ended it\n{}", outcome.output()));
            assert!([0, 3, 4, 5].contains(&code), "{what}: exit code {code}\n{}", outcome.output());
            *ended.entry(code).or_insert(0) += 1;
            if code == 0 {
                let differences = trials.differences(trial);
                assert!(
                    differences.is_empty(),
                    "{what}, and it said it was done\n{}",
                    differences.join("\n")
                );
            }
            recovers(&trials, trial, &what);
            trial += 1;
        }
    }
    eprintln!(
        "the API server died {} times; exit codes {ended:?} ({:.0} s)",
        trial - 2,
        start.elapsed().as_secs_f64()
    );
}

/// A program of a sandbox's control plane, which nobody but us starts again.
struct Program {
    command: Vec<String>,
    id: u32,
    child: Option<Child>,
    log: PathBuf,
}

impl Program {
    fn of(sandbox: &Sandbox, name: &str) -> Self {
        let id = sandbox.processes(name).pop().expect("it runs");
        let line = fs::read_to_string(format!("/proc/{id}/cmdline")).expect("it runs");
        let command = line.split_terminator('\0').map(str::to_owned).collect();
        let log = sandbox.control_plane().join(format!("logs/{name}.log"));
        Self { command, id, child: None, log }
    }

    /// Gets a signal, and after a time of grace `KILL`, as a container does.
    fn dies(&mut self, name: &str) {
        signal(name, self.id);
        let mut grace = Some(Instant::now() + GRACE);
        while !self.is_gone() {
            // Once: afterwards the number may be nobody's.
            if grace.take_if(|grace| Instant::now() > *grace).is_some() {
                signal("KILL", self.id);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn is_gone(&mut self) -> bool {
        match &mut self.child {
            Some(child) => child.try_wait().is_ok_and(|status| status.is_some()),
            // What has ended has no command line, also where nobody has asked for its end.
            None => fs::read(format!("/proc/{}/cmdline", self.id)).unwrap_or_default().is_empty(),
        }
    }

    fn starts(&mut self) {
        let log = fs::File::options().create(true).append(true).open(&self.log).expect("the folder is ours");
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().expect("it starts as before");
        self.id = child.id();
        self.child = Some(child);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// Waits until the API server answers, for what is to run undisturbed.
fn answers(sandbox: &Sandbox) {
    let api = sandbox.api();
    poll("it answers", LIMIT, || {
        api.send(http::Method::GET, "/version", "application/json", &Value::Null).ok()
    });
}
