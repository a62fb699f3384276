//! An API server that is slow, busy, away, or cuts answers off: every run ends as it should, or says why it does not.
//!
//! The short form takes 25 schedules, the long one as many as `GITOPS_SETUP_TEST_FAULTS` says; `docs/trust.md` has the
//! commands. A schedule that failed is taken alone by `GITOPS_SETUP_TEST_FAULTS_FROM`.

use std::time::{Duration, Instant};

use support::{Drawn, Fault, Outcome, Schedule, Size, Trials};

use crate::PROGRAM;

/// Longest time of a run, which waits for nothing longer than 15 s and for a request at most a minute.
const LIMIT: Duration = Duration::from_secs(150);

fn number(variable: &str, default: u64) -> u64 {
    let given = std::env::var(variable).ok();
    given.map_or(default, |given| given.parse().unwrap_or_else(|_| panic!("{variable}={given} is no number")))
}

#[test]
fn every_schedule_ends_in_the_right_state_or_a_clear_error() {
    let Some(trials) = Trials::start(PROGRAM, Size::Small, 10) else { return };
    let (start, mut done, mut told, mut faults) = (Instant::now(), 0, std::collections::BTreeMap::new(), 0);
    let first = number("GITOPS_SETUP_TEST_FAULTS_FROM", 1);
    let count = number("GITOPS_SETUP_TEST_FAULTS", 25);
    for seed in first..first + count {
        trials.proxy.follow(Some(Schedule::Drawn(Drawn::new(seed))));
        let outcome = within(LIMIT, &trials, seed);
        let log = trials.proxy.log();
        faults += log.len();
        let what = || format!("seed {seed}\n{}\n{}", log.join("\n"), outcome.output());
        match outcome.code {
            Some(0) => done += 1,
            Some(code) => {
                is_clear(code, &outcome, &what());
                *told.entry(code).or_insert(0) += 1;
                // What one run left undone, the next does.
                let plain = trials.plain(seed);
                assert_eq!(plain.code, Some(0), "{}\nand then, undisturbed:\n{}", what(), plain.output());
            }
            None => panic!("a signal ended it: {}", what()),
        }
        let differences = trials.differences(seed);
        assert!(differences.is_empty(), "{}\n{}", differences.join("\n"), what());
        trials.clear(seed);
    }
    eprintln!(
        "{count} schedules with {faults} faults: {done} ended as undisturbed ones, others with exit codes {told:?} \
         ({:.0} s)",
        start.elapsed().as_secs_f64()
    );
}

/// All that is asked on the way there and on the way back is asked again.
#[test]
fn every_request_survives_that_the_server_fails_once() {
    let Some(trials) = Trials::start(PROGRAM, Size::Small, 1) else { return };
    for (trial, fault) in [(1, Fault::Error(503)), (2, Fault::ResetAfter), (3, Fault::Truncated)] {
        trials.proxy.follow(Some(Schedule::First(fault)));
        trials.begin(trial).wait().exits(0);
        let differences = trials.differences(trial);
        assert!(differences.is_empty(), "{fault:?}\n{}", differences.join("\n"));
        trials.proxy.follow(Some(Schedule::First(fault)));
        trials.teardown(trial).exits(0);
        let left = trials.left(trial);
        assert!(left.is_empty(), "{fault:?}: {} are left", left.join(", "));
    }
}

fn within(limit: Duration, trials: &Trials, seed: u64) -> Outcome {
    let running = trials.begin(seed);
    let id = running.id();
    let (sender, ended) = std::sync::mpsc::channel::<()>();
    let guard = std::thread::spawn(move || {
        let hangs = ended.recv_timeout(limit) == Err(std::sync::mpsc::RecvTimeoutError::Timeout);
        if hangs {
            support::signal("KILL", id);
        }
        hangs
    });
    let outcome = running.wait();
    drop(sender);
    let hangs = guard.join().expect("the guard ends");
    assert!(!hangs, "seed {seed} hangs\n{}\n{}", trials.proxy.log().join("\n"), outcome.output());
    outcome
}

/// The documented exit codes, and words by which a reader knows where to look.
fn is_clear(code: i32, outcome: &Outcome, what: &str) {
    assert!([3, 4, 5].contains(&code), "exit code {code}: {what}");
    let words = &outcome.stderr;
    assert!(words.contains("stage ") || words.contains("127.0.0.1:"), "neither place nor server: {what}");
    for odd in ["panicked", "RUST_BACKTRACE", "bug in gitops-setup"] {
        assert!(!outcome.output().contains(odd), "{what}");
    }
}
