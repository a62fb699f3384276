//! What a program costs: time, CPU and memory.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a run cost, and how it ended.
#[derive(Clone, Debug)]
pub struct Cost {
    /// From its start to its end.
    pub wall: Duration,
    /// On all cores, in user space and in the kernel, with the processes that it waited for; to 10 ms.
    pub cpu: Duration,
    /// Most memory that was resident, in KiB; of the process itself.
    pub peak_kib: u64,
    /// It ended well.
    pub success: bool,
    /// Standard output and standard error.
    pub output: String,
}

/// The unit of times in `/proc`, the same on every Linux.
const TICK: Duration = Duration::from_millis(10);
/// How often a process is looked at.
const LOOK: Duration = Duration::from_millis(1);

/// Runs a program to its end.
pub fn cost_of(command: &mut Command) -> Cost {
    let start = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let readers = [child.stdout.take().map(read), child.stderr.take().map(read)];
    let mut peak_kib = 0;
    // Once it is a zombie its times are final and its memory is gone.
    while !has_ended(child.id()) {
        peak_kib = peak_kib.max(high_water(child.id()));
        std::thread::sleep(LOOK);
    }
    let wall = start.elapsed();
    let cpu = TICK * stat(child.id()).skip(11).take(4).filter_map(|ticks| ticks.parse::<u32>().ok()).sum();
    let success = child.wait().expect("a child of ours").success();
    let texts = readers.into_iter().flatten().map(|reader| reader.join().unwrap_or_default());
    Cost { wall, cpu, peak_kib, success, output: texts.collect() }
}

fn read(mut stream: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// What follows the program's name in `/proc/<process>/stat`: state, …, times.
fn stat(process: u32) -> std::vec::IntoIter<String> {
    let line = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = line.rsplit_once(')').map_or("", |(_, rest)| rest);
    fields.split_whitespace().map(str::to_owned).collect::<Vec<_>>().into_iter()
}

fn has_ended(process: u32) -> bool {
    stat(process).next().is_none_or(|state| state == "Z")
}

/// Peak resident memory so far, as the kernel counts it; 0 once the process is gone.
fn high_water(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
