//! What the user sees: lines for people, groups in GitHub Actions, or one JSON event a line.

pub(crate) mod findings;
mod human;
mod json;
pub(crate) mod safe;
mod spoken;
mod table;
mod text;

use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cluster::tools::{Event as ToolEvent, Progress};
use manifests::ObjectRef;
use manifests::clusters::Stored;
use manifests::models::Deployed;
use serde::{Serialize, Serializer};
use stages::teardown::Undoing;
use stages::{Plan, Stage};

use crate::args::Output;
use crate::failure::Failure;
use human::Human;

pub(crate) use json::Standing;
pub(crate) use spoken::{program, spoken};
pub(crate) use text::{count, table, wrap};

/// How a stage ended.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Outcome {
    /// Objects that were made.
    pub(crate) created: usize,
    /// Objects that were changed.
    pub(crate) changed: usize,
    /// Objects that were as they should be.
    pub(crate) unchanged: usize,
    /// Why there was nothing to do at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) skipped: Option<String>,
    /// The result in words, where numbers don't say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) result: Option<String>,
    /// Where the time of making a cluster went: parts in their order, and seconds.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_map")]
    pub(crate) timings: Vec<(&'static str, f64)>,
    /// What a reader should know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
    /// What could not be checked, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) not_verified: Vec<String>,
}

fn as_map<S: Serializer>(timings: &[(&'static str, f64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(timings.iter().copied())
}

impl Outcome {
    /// What happened to how many objects.
    pub(crate) fn counts(&self) -> String {
        let parts = [(self.created, "created"), (self.changed, "changed"), (self.unchanged, "unchanged")];
        let parts = parts.iter().filter(|(number, _)| *number > 0);
        let parts: Vec<String> = parts.map(|(number, word)| format!("{number} {word}")).collect();
        if parts.is_empty() { "nothing to do".into() } else { parts.join(", ") }
    }
}

/// How a whole run ended.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    /// Objects that were made.
    pub(crate) created: usize,
    /// Objects that were changed.
    pub(crate) changed: usize,
    /// Objects that were deleted.
    pub(crate) deleted: usize,
    /// Objects that were as they should be.
    pub(crate) unchanged: usize,
    /// What could not be checked, and why.
    pub(crate) not_verified: Vec<String>,
    /// Names and values for the user, such as the address and the kubeconfig.
    pub(crate) facts: Vec<(String, String)>,
    /// Seconds in all.
    pub(crate) seconds: f64,
}

/// Where everything is reported to. Cheap to clone; may be told from any thread.
#[derive(Clone)]
pub(crate) struct Report(Arc<Inner>);

struct Inner {
    output: Output,
    verbose: bool,
    human: Human,
    stage: Mutex<Option<(&'static str, Instant)>>,
    timeout: Mutex<Duration>,
}

impl Report {
    pub(crate) fn new(output: Output, verbose: bool) -> Self {
        Self::to(Human::new(), output, verbose)
    }

    /// A report that prints nothing, for who looks at [`Self::lines`] only where something goes wrong.
    pub(crate) fn kept() -> Self {
        Self::to(Human::kept(), Output::Human, false)
    }

    fn to(human: Human, output: Output, verbose: bool) -> Self {
        Self(Arc::new(Inner {
            output,
            verbose,
            human,
            stage: Mutex::new(None),
            timeout: Mutex::new(Duration::from_secs(600)),
        }))
    }

    /// What was kept so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.human.lines()
    }

    fn json(&self) -> bool {
        self.0.output == Output::Json
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json()
    }

    /// Longest wait for one thing.
    pub(crate) fn timeout(&self) -> Duration {
        *self.0.timeout.lock().expect("never poisoned")
    }

    pub(crate) fn set_timeout(&self, timeout: Duration) {
        *self.0.timeout.lock().expect("never poisoned") = timeout;
    }

    /// A run begins.
    pub(crate) fn started(&self, title: &str, stages: &[&Stage]) {
        match self.json() {
            true => json::started(title, stages),
            false => self.0.human.line(title),
        }
    }

    /// A stage begins.
    pub(crate) fn stage_started(&self, stage: &Stage) {
        *self.0.stage.lock().expect("never poisoned") = Some((stage.name, Instant::now()));
        match self.json() {
            true => json::stage_started(stage.name),
            false => self.0.human.stage_started(stage),
        }
    }

    /// What a stage is about to change.
    pub(crate) fn planned(&self, stage: &Stage, plan: &Plan) {
        match self.json() {
            true => json::plan(stage.name, plan),
            false if self.0.verbose => text::plan(plan).iter().for_each(|line| self.0.human.line(line)),
            false => {}
        }
    }

    /// A stage ended well.
    pub(crate) fn stage_finished(&self, stage: &Stage, outcome: &Outcome) {
        let started = self.0.stage.lock().expect("never poisoned").take();
        let took = started.map_or(Duration::ZERO, |(_, instant)| instant.elapsed());
        match self.json() {
            true => json::stage_finished(stage.name, outcome, took),
            false => self.0.human.stage_finished(stage, outcome, took),
        }
    }

    /// A stage did not end well; the failure itself is told at the end.
    pub(crate) fn stage_failed(&self, stage: &Stage) {
        if !self.json() {
            self.0.human.stage_failed(stage);
        }
    }

    /// What the way back of a stage is.
    pub(crate) fn undoing(&self, stage: &Stage, undoing: &Undoing) {
        match self.json() {
            true => json::undoing(stage.name, undoing),
            false => self.0.human.undoing(stage, undoing, self.0.verbose),
        }
    }

    /// The way back of a stage is done.
    pub(crate) fn stage_undone(&self, stage: &Stage, undoing: &Undoing) {
        let started = self.0.stage.lock().expect("never poisoned").take();
        let took = started.map_or(Duration::ZERO, |(_, instant)| instant.elapsed());
        match self.json() {
            true => json::stage_undone(stage.name, undoing, took),
            false => self.0.human.stage_undone(stage, undoing, took),
        }
    }

    /// One more object was applied.
    pub(crate) fn applying(&self, count: usize, total: usize, object: &ObjectRef) {
        if self.0.verbose {
            self.detail(&format!("applied {object}"));
        } else {
            self.progress_text(&format!("{count} of {total} applied"), false);
        }
    }

    /// How it stands with what is waited for.
    pub(crate) fn waiting(&self, lines: &[String]) {
        self.progress_text(&format!("waiting: {}", lines.join("; ")), false);
    }

    /// Hears of tools that are fetched or built, and of clusters that are made.
    pub(crate) fn progress(&self) -> Progress {
        let report = self.clone();
        Progress::new(move |event| report.tool_event(&event))
    }

    fn tool_event(&self, event: &ToolEvent) {
        if let ToolEvent::NoDownload { .. } = event {
            return self.detail(&event.to_string());
        }
        // Of what goes on for minutes, a line now and then is enough where lines stay.
        let often =
            matches!(event, ToolEvent::Build { .. } | ToolEvent::Download { .. } | ToolEvent::State { .. });
        let milestone = !often;
        self.progress_text(&event.to_string(), milestone);
    }

    fn progress_text(&self, text: &str, milestone: bool) {
        let stage = self.0.stage.lock().expect("never poisoned").map(|(name, _)| name);
        match self.json() {
            true => json::progress(stage, text),
            false => self.0.human.progress(text, milestone),
        }
    }

    /// A line that only `--verbose` wants.
    pub(crate) fn detail(&self, line: &str) {
        if self.0.verbose {
            self.line(line);
        }
    }

    /// A line for people; a progress event in JSON.
    pub(crate) fn line(&self, line: &str) {
        match self.json() {
            true => json::progress(None, line),
            false => self.0.human.line(line),
        }
    }

    /// A text in lines of at most 80 columns, the later ones a little further in.
    pub(crate) fn paragraph(&self, text: &str) {
        self.wrapped("", text, "  ");
    }

    /// The same with something in front, and another indent.
    pub(crate) fn wrapped(&self, first: &str, text: &str, indent: &str) {
        wrap(text, first, indent).iter().for_each(|line| self.line(line));
    }

    /// A model in an environment, for programs.
    pub(crate) fn model(&self, model: &Deployed) {
        json::model(model);
    }

    /// A file of the user's was created, changed or removed, for programs.
    pub(crate) fn file(&self, path: &str, change: &str) {
        json::file(path, change);
    }

    /// A run ended well.
    pub(crate) fn finished(&self, headline: &str, summary: &Summary) {
        match self.json() {
            true => json::finished(summary),
            false => self.0.human.finished(headline, summary),
        }
    }

    /// The clusters that Argo CD knows.
    pub(crate) fn clusters(&self, clusters: &[Stored]) {
        match self.json() {
            true => json::clusters(clusters),
            false => table::clusters(clusters).iter().for_each(|line| self.0.human.line(line)),
        }
    }

    /// How a cluster stands, for programs.
    pub(crate) fn standing(&self, standing: &Standing) {
        if self.json() {
            json::standing(standing);
        }
    }

    /// What actions would change, or have changed.
    pub(crate) fn actions(&self, plan: &Plan) {
        text::plan(plan).iter().for_each(|line| self.line(line));
    }

    /// The plan of a whole run.
    pub(crate) fn plan_of(&self, stage: &Stage, plan: &Plan) {
        match self.json() {
            true => json::plan(stage.name, plan),
            false => self.0.human.plan_of(stage, plan, self.0.verbose),
        }
    }
}

/// Tells what is wrong with the words of the command line, or the help that they ask for.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    let is_json = words.windows(2).any(|pair| pair[0] == "--output" && pair[1] == "json")
        || words.iter().any(|word| word == "--output=json");
    if is_json && error.use_stderr() {
        let text = error.render().to_string();
        let failure = Failure::Usage(text.strip_prefix("error: ").unwrap_or(&text).trim_end().to_owned());
        json::failed(&failure);
        return failure.exit_code();
    }
    // A closed pipe (`| head`) ends the printing, not the work.
    let _closed = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Tells why a command failed: what, on which object, the likely cause and the next command.
pub(crate) fn failure(output: Output, failure: &Failure) {
    match output {
        Output::Json => json::failed(failure),
        Output::Human => human::failed(failure),
    }
}
