//! Lines for people: one a stage, a moving line on terminals, groups in GitHub Actions.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};
use stages::teardown::Undoing;
use stages::{Plan, Stage};

use super::text::{self, WIDTH, count, wrap};
use super::{Outcome, Summary, safe, spoken};
use crate::failure::Failure;

/// Columns of a stage's name.
const NAME: usize = 16;
/// Where lines stay, long work tells of itself this often.
const OFTEN: Duration = Duration::from_secs(15);

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const PALE: Style = Style::new().dimmed();
const WARN: Style = AnsiColor::Yellow.on_default();

pub(super) struct Human {
    terminal: bool,
    github: bool,
    bar: Mutex<Option<ProgressBar>>,
    told: Mutex<Option<Instant>>,
    /// Lines that are kept instead of printed.
    kept: Option<Mutex<Vec<String>>>,
}

impl Human {
    pub(super) fn new() -> Self {
        Self {
            terminal: std::io::stderr().is_terminal(),
            github: std::env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true"),
            bar: Mutex::new(None),
            told: Mutex::new(None),
            kept: None,
        }
    }

    /// Prints nothing.
    pub(super) fn kept() -> Self {
        Self { terminal: false, github: false, kept: Some(Mutex::default()), ..Self::new() }
    }

    /// What would have been printed, where it is kept.
    pub(super) fn lines(&self) -> Vec<String> {
        self.kept.as_ref().map_or_else(Vec::new, |kept| kept.lock().expect("never poisoned").clone())
    }

    fn print(&self, line: &str) {
        match &self.kept {
            Some(kept) => {
                kept.lock().expect("never poisoned").push(anstream::adapter::strip_str(line).to_string());
            }
            // A closed pipe (`| head`) ends the printing, not the work.
            None => drop(writeln!(anstream::stdout(), "{}", spoken(line))),
        }
    }

    pub(super) fn line(&self, line: &str) {
        let line = &*safe::text(line);
        match self.bar.lock().expect("never poisoned").as_ref() {
            Some(bar) => bar.suspend(|| self.print(line)),
            None => self.print(line),
        }
    }

    pub(super) fn stage_started(&self, stage: &Stage) {
        if self.github {
            self.print(&format!("::group::{} ({})", stage.name, stage.summary));
        }
        if self.terminal {
            let bar = ProgressBar::new_spinner();
            bar.set_style(style(stage));
            bar.enable_steady_tick(Duration::from_millis(100));
            *self.bar.lock().expect("never poisoned") = Some(bar);
        }
        *self.told.lock().expect("never poisoned") = Some(Instant::now());
    }

    pub(super) fn progress(&self, text: &str, milestone: bool) {
        if let Some(bar) = self.bar.lock().expect("never poisoned").as_ref() {
            bar.set_message(safe::line(text).into_owned());
            return;
        }
        let mut told = self.told.lock().expect("never poisoned");
        if milestone || told.is_some_and(|told| told.elapsed() >= OFTEN) {
            *told = Some(Instant::now());
            wrap(text, "  ", "    ").iter().for_each(|line| self.print(line));
        }
    }

    pub(super) fn stage_finished(&self, stage: &Stage, outcome: &Outcome, took: Duration) {
        self.clear();
        let (mark, style) = match (&outcome.skipped, outcome.created + outcome.changed) {
            (Some(_), _) => ("-", PALE),
            (None, 0) => ("=", PALE),
            (None, _) => ("+", GOOD),
        };
        let words = result(outcome);
        let words = spoken(&words);
        let words = safe::paragraph(&words);
        let time = format!("{:>6.1} s", took.as_secs_f64());
        let room = WIDTH - NAME - 3 - time.len();
        let first = format!("{style}{mark}{style:#} {:NAME$} ", stage.name);
        match words.chars().count() <= room {
            true => self.print(&format!("{first}{words:room$}{time}")),
            false => {
                self.print(&format!("{first}{:room$}{time}", ""));
                wrap(&words, "    ", "    ").iter().for_each(|line| self.print(line));
            }
        }
        for (part, seconds) in &outcome.timings {
            let time = format!("{seconds:>6.1} s");
            self.print(&format!("    {PALE}{part:width$}{time}{PALE:#}", width = WIDTH - 4 - time.len()));
        }
        for note in &outcome.notes {
            wrap(note, "    ", "    ").iter().for_each(|line| self.print(line));
        }
        for gap in &outcome.not_verified {
            let lines = wrap(&format!("not verified: {gap}"), "    ", "    ");
            lines.iter().for_each(|line| self.print(&format!("{WARN}{line}{WARN:#}")));
        }
        if self.github {
            self.print("::endgroup::");
        }
    }

    pub(super) fn stage_failed(&self, stage: &Stage) {
        self.clear();
        self.print(&format!("{BAD}x{BAD:#} {:NAME$} failed", stage.name));
        if self.github {
            self.print("::endgroup::");
        }
    }

    pub(super) fn finished(&self, headline: &str, summary: &Summary) {
        self.print("");
        wrap(headline, "", "").iter().for_each(|line| self.print(line));
        let widest = summary.facts.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        for (name, value) in &summary.facts {
            self.print(&format!("  {PALE}{name:widest$}{PALE:#}  {}", safe::line(value)));
        }
    }

    pub(super) fn plan_of(&self, stage: &Stage, plan: &Plan, verbose: bool) {
        let words = match (&plan.skipped, plan.actions.len()) {
            (Some(why), _) => format!("skipped: {why}"),
            (None, 0) => "no change".to_owned(),
            (None, changes) => count(changes, "change"),
        };
        let mark = match (plan.skipped.is_some(), plan.actions.is_empty()) {
            (true, _) => "-",
            (_, true) => "=",
            _ => "~",
        };
        let lines = wrap(&words, &format!("{mark} {:NAME$} ", stage.name), &" ".repeat(NAME + 3));
        lines.iter().for_each(|line| self.print(line));
        self.some_of(&text::plan(plan), verbose);
        let stops = text::stops(plan);
        stops.iter().flat_map(|text| wrap(text, "    ", "    ")).for_each(|line| self.print(&line));
        let gaps = plan.not_verified.iter().map(|gap| format!("not verified: {gap}"));
        let notes = plan.notes.iter().cloned().chain(gaps);
        notes.flat_map(|note| wrap(&note, "    ", "    ")).for_each(|line| self.print(&line));
    }

    pub(super) fn undoing(&self, stage: &Stage, undoing: &Undoing, verbose: bool) {
        let (mark, words) = match undoing.steps.len() {
            0 => ("=", "nothing to take away".to_owned()),
            steps => ("-", count(steps, "step")),
        };
        self.print(&format!("{mark} {:NAME$} {words}", stage.name));
        self.some_of(&text::undoing(undoing), verbose);
        self.notes(undoing);
    }

    pub(super) fn stage_undone(&self, stage: &Stage, undoing: &Undoing, took: Duration) {
        self.clear();
        let (deleted, changed) = undoing.counts();
        let parts = [(deleted, "deleted"), (changed, "changed")];
        let parts = parts.iter().filter(|(number, _)| *number > 0);
        let words = parts.map(|(number, word)| format!("{number} {word}")).collect::<Vec<_>>().join(", ");
        let words = if words.is_empty() { "nothing to take away" } else { &words };
        let time = format!("{:>6.1} s", took.as_secs_f64());
        let room = WIDTH - NAME - 3 - time.len();
        self.print(&format!("{GOOD}-{GOOD:#} {:NAME$} {words:room$}{time}", stage.name));
        self.notes(undoing);
        if self.github {
            self.print("::endgroup::");
        }
    }

    fn clear(&self) {
        if let Some(bar) = self.bar.lock().expect("never poisoned").take() {
            bar.finish_and_clear();
        }
    }

    fn notes(&self, undoing: &Undoing) {
        undoing.notes.iter().flat_map(|note| wrap(note, "    ", "    ")).for_each(|line| self.print(&line));
    }

    /// Fifty objects of Argo CD's say less than their number; `--verbose` lists them.
    fn some_of(&self, lines: &[String], verbose: bool) {
        const FEW: usize = 12;
        let shown = if verbose || lines.len() <= FEW { lines.len() } else { FEW };
        lines[..shown].iter().for_each(|line| self.print(&safe::line(line)));
        if shown < lines.len() {
            self.print(&format!("    … {} more lines with --verbose", lines.len() - shown));
        }
    }
}

fn style(stage: &Stage) -> ProgressStyle {
    let template = format!("{{spinner}} {:NAME$} {{elapsed:>4}} {{wide_msg}}", stage.name);
    ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn result(outcome: &Outcome) -> String {
    match (&outcome.skipped, &outcome.result) {
        (Some(why), _) => format!("skipped: {why}"),
        (None, Some(result)) => result.clone(),
        (None, None) => outcome.counts(),
    }
}

pub(super) fn failed(failure: &Failure) {
    let text = text::paragraphs(&format!("error: {failure}")).join("\n");
    let text = text.strip_prefix("error").unwrap_or(&text);
    let _closed = writeln!(anstream::stderr(), "{BAD}error{BAD:#}{text}");
}
