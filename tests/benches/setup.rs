//! `setup` itself on a running control plane: built-in manifest, two environments. Prints wall time, requests
//! and peak memory of first runs and of unchanged ones, as medians.
//!
//! And `cluster up`, of a new cluster and of one whose store has Argo CD in it already: a snapshot could not be restored
//! in less time than the latter takes.
//!
//! Run it with `cargo test --package integration-tests --bench setup`: built as `cargo xtask` builds it.

#![expect(clippy::print_stdout, reason = "figures are its result")]

use std::time::{Duration, Instant};

use support::{Cost, Sandbox, cost_of};

const PROGRAM: &str = env!("CARGO_BIN_EXE_gitops-setup-under-test");
const ROUNDS: usize = 5;

struct Sample {
    cost: Cost,
    requests: usize,
    writes: usize,
}

fn main() {
    let Some(sandbox) = Sandbox::with_cluster(PROGRAM).map(Sandbox::without_name) else { return };
    sandbox.run(&["cluster", "up"]).exits(0);
    let rounds: Vec<(Sample, Sample)> = (0..ROUNDS).map(|round| measure_round(&sandbox, round)).collect();
    println!("setup on a running kwok cluster, built-in manifest, two environments; medians of {ROUNDS}");
    println!("{:<12} {:>9} {:>9} {:>7} {:>9}", "", "wall", "requests", "writes", "peak");
    print("first run", rounds.iter().map(|(first, _)| first).collect());
    print("unchanged", rounds.iter().map(|(_, again)| again).collect());
    println!("cluster up; medians of {ROUNDS}");
    print_wall("stored", (0..ROUNDS).map(|_| start_again(&sandbox)).collect());
    print_wall("new", (0..ROUNDS).map(|_| make_anew(&sandbox)).collect());
    sandbox.run(&["cluster", "down"]).exits(0);
}

fn make_anew(sandbox: &Sandbox) -> Duration {
    sandbox.run(&["cluster", "down"]).exits(0);
    cluster_up(sandbox)
}

fn start_again(sandbox: &Sandbox) -> Duration {
    sandbox.stop();
    cluster_up(sandbox)
}

fn cluster_up(sandbox: &Sandbox) -> Duration {
    let start = Instant::now();
    sandbox.run(&["cluster", "up"]).exits(0);
    start.elapsed()
}

fn print_wall(name: &str, mut samples: Vec<Duration>) {
    samples.sort();
    println!("{name:<12} {:>6} ms", samples[samples.len() / 2].as_millis());
}

/// Every round sets up a namespace of its own, so that all of its objects but the cluster-wide ones are new.
fn measure_round(sandbox: &Sandbox, round: usize) -> (Sample, Sample) {
    let namespace = format!("argocd.namespace=argocd-{round}");
    let environments = format!(
        "environments=[{{namespace: dev-{round}, project: p-{round}}}, {{namespace: prod-{round}, project: p-{round}}}]"
    );
    let words = ["setup", "--set", &namespace, "--set", &environments];
    (measure(sandbox, &words), measure(sandbox, &words))
}

fn measure(sandbox: &Sandbox, words: &[&str]) -> Sample {
    let audit = sandbox.audit();
    let cost = cost_of(&mut sandbox.command(words));
    assert!(cost.success, "{words:?}: {}", cost.output);
    Sample { cost, requests: audit.requests().len(), writes: audit.writes().len() }
}

fn print(name: &str, mut samples: Vec<&Sample>) {
    let mut median = |key: fn(&Sample) -> u64| {
        samples.sort_by_key(|sample| key(sample));
        key(samples[samples.len() / 2])
    };
    let milliseconds = median(|sample| sample.cost.wall.as_millis() as u64);
    let requests = median(|sample| sample.requests as u64);
    let writes = median(|sample| sample.writes as u64);
    let mebibytes = median(|sample| sample.cost.peak_kib) as f64 / 1024.0;
    println!("{name:<12} {milliseconds:>6} ms {requests:>9} {writes:>7} {mebibytes:>5.1} MiB");
}
