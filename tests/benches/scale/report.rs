//! The figures as a table and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};

use crate::subject::Subject;

/// What one run cost.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    pub(crate) peak_kib: u64,
    /// Requests that changed something, by the audit log.
    pub(crate) writes: Option<usize>,
    /// Requests that the server answered with 429.
    pub(crate) refused: Option<usize>,
}

/// One run of something on so many environments; on none, it is Argo CD's own manifest.
pub(crate) struct Row {
    pub(crate) size: usize,
    pub(crate) what: String,
    pub(crate) sample: Sample,
}

/// All figures.
pub(crate) struct Report {
    rounds: usize,
    load_before: String,
    /// By size, then in the order in which they came.
    samples: BTreeMap<usize, Vec<(String, Vec<Sample>)>>,
}

impl Report {
    pub(crate) fn new(rounds: usize) -> Self {
        Self { rounds, load_before: load(), samples: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, row: Row) {
        let rows = self.samples.entry(row.size).or_default();
        match rows.iter_mut().find(|(what, _)| *what == row.what) {
            Some((_, samples)) => samples.push(row.sample),
            None => rows.push((row.what, vec![row.sample])),
        }
    }

    /// Medians of something, by size: for the plot.
    pub(crate) fn walls(&self) -> BTreeMap<String, Vec<(usize, f64)>> {
        let mut lines: BTreeMap<String, Vec<(usize, f64)>> = BTreeMap::new();
        for (size, rows) in self.samples.iter().filter(|(size, _)| **size > 0) {
            for (what, samples) in rows {
                lines.entry(what.clone()).or_default().push((*size, wall(samples)));
            }
        }
        lines
    }

    pub(crate) fn table(&self) -> String {
        let mut text = format!(
            "{}; profile {}; medians of {}; ratios are of this run, its subjects took turns\n",
            machine(),
            profile(),
            self.rounds,
        );
        writeln!(text, "load of the machine: {} before, {} after", self.load_before, load())
            .expect("a text grows");
        for (size, rows) in &self.samples {
            let ceiling = self.wall(*size, Subject::Ceiling.name());
            let title = if *size == 0 { "Argo CD".into() } else { format!("{size} environments") };
            let titles = ["wall", "/ceiling", "CPU", "peak", "writes", "429"];
            write!(text, "\n{title:<46}").expect("a text grows");
            titles.iter().for_each(|title| write!(text, "{title:>11}").expect("a text grows"));
            text.push('\n');
            for (what, samples) in rows {
                let wall = wall(samples);
                let ratio = ceiling.map_or(String::new(), |ceiling| format!("{:.2}", wall / ceiling));
                let peak = median(samples, |sample| sample.peak_kib as f64) / 1024.0;
                let count = |of: fn(&Sample) -> Option<usize>| {
                    samples.iter().filter_map(of).max().map_or(String::new(), |count| count.to_string())
                };
                writeln!(
                    text,
                    "{what:<46}{:>11}{ratio:>11}{:>11}{:>11}{:>11}{:>11}",
                    format!("{wall:.3} s"),
                    format!("{:.2} s", median(samples, |sample| sample.cpu.as_secs_f64())),
                    format!("{peak:.1} MiB"),
                    count(|sample| sample.writes),
                    count(|sample| sample.refused),
                )
                .expect("a text grows");
            }
        }
        text
    }

    pub(crate) fn json(&self) -> String {
        let sample = |sample: &Sample| {
            json!({
                "wallSeconds": sample.wall.as_secs_f64(), "cpuSeconds": sample.cpu.as_secs_f64(),
                "peakKiB": sample.peak_kib, "writes": sample.writes, "refused": sample.refused,
            })
        };
        let row = |size: usize, what: &str, samples: &[Sample]| {
            json!({
                "environments": size, "what": what, "wallSeconds": wall(samples),
                "samples": samples.iter().map(sample).collect::<Vec<_>>(),
            })
        };
        let rows = self.samples.iter();
        let rows: Vec<Value> = rows
            .flat_map(|(size, rows)| rows.iter().map(|(what, samples)| row(*size, what, samples)))
            .collect();
        let report =
            json!({ "machine": machine(), "profile": profile(), "rounds": self.rounds, "rows": rows });
        format!("{report:#}\n")
    }

    fn wall(&self, size: usize, what: &str) -> Option<f64> {
        let (_, samples) = self.samples.get(&size)?.iter().find(|(other, _)| other == what)?;
        Some(wall(samples))
    }
}

fn wall(samples: &[Sample]) -> f64 {
    median(samples, |sample| sample.wall.as_secs_f64())
}

fn median(samples: &[Sample], key: fn(&Sample) -> f64) -> f64 {
    let mut keys: Vec<f64> = samples.iter().map(key).collect();
    keys.sort_by(f64::total_cmp);
    keys[keys.len() / 2]
}

fn profile() -> &'static str {
    if cfg!(debug_assertions) { "dev" } else { "release" }
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory.lines().next().and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    format!("{cores} cores, {} GiB", memory.unwrap_or_default() >> 20)
}

fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("?").to_owned()
}
