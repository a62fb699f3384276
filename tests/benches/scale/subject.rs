//! Who does the work, and what it costs.

use std::process::Command;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use support::{Audit, Cost, cost_of};

use crate::Options;
use crate::ceiling;
use crate::place::{self, Place, Work};
use crate::report::{Row, Sample};

/// Who does the work.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// This tool: a first run, an unchanged one, one with one changed environment.
    Ours,
    /// The bare loop.
    Ceiling,
    /// This tool, as an account that is no administrator's.
    Account,
    /// `kubectl apply --server-side` on the rendered files, without asking for the schema.
    Unvalidated,
    /// The same, as it is by default.
    Validated,
    Kapp,
    Kpt,
    /// The commands of the guide.
    Guide,
}

impl Subject {
    pub(crate) const ALL: [Self; 8] = [
        Self::Ours,
        Self::Ceiling,
        Self::Account,
        Self::Unvalidated,
        Self::Validated,
        Self::Kapp,
        Self::Kpt,
        Self::Guide,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "first run",
            Self::Ceiling => "bare loop (the ceiling)",
            Self::Account => "first run, as a ServiceAccount",
            Self::Unvalidated => "kubectl apply --server-side --validate=false",
            Self::Validated => "kubectl apply --server-side",
            Self::Kapp => "kapp deploy",
            Self::Kpt => "kpt live apply",
            Self::Guide => "the guide's commands",
        }
    }

    /// Part of the names of what it makes.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Ceiling => "loop",
            Self::Account => "account",
            Self::Unvalidated => "fast",
            Self::Validated => "kubectl",
            Self::Kapp => "kapp",
            Self::Kpt => "kpt",
            Self::Guide => "guide",
        }
    }

    /// Whether it is measured with so many environments here.
    pub(crate) fn fits(self, options: &Options, size: usize) -> bool {
        let (most, program) = match self {
            Self::Ours | Self::Ceiling | Self::Account => return true,
            Self::Unvalidated => (usize::MAX, "kubectl"),
            Self::Validated => (options.validated, "kubectl"),
            Self::Kapp => (options.others, "kapp"),
            Self::Kpt => (options.others, "kpt"),
            Self::Guide => (options.guide, "kubectl"),
        };
        if size > most {
            support::skipped(&format!("{} with {size} environments: more than {most}", self.name()));
            return false;
        }
        let there = std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()));
        if !there {
            support::skipped(&format!("{}: {program} is not installed", self.name()));
        }
        there
    }

    pub(crate) fn measure(self, place: &Place, work: &Work) -> Vec<Row> {
        place.settle();
        let row = |what: &str, sample| Row { size: work.size, what: what.to_owned(), sample };
        let folder = work.rendered.to_string_lossy().into_owned();
        let kubectl = ["apply", "--server-side", "--force-conflicts", "-f", folder.as_str()];
        let sample = match self {
            Self::Ours => {
                let run = || ours(place, work, |command| command);
                let first = run();
                place.settle();
                let again = run();
                work.configure(Some(work.size / 2));
                let changed = run();
                return vec![
                    row(self.name(), first),
                    row("unchanged", again),
                    row("one environment changed", changed),
                ];
            }
            Self::Account => {
                let kubeconfig = place.account();
                let context = place.context();
                ours(place, work, |mut command| {
                    command.args(["--set", "cluster.provider=context", "--set"]);
                    command.arg(format!("cluster.context={context}")).env("KUBECONFIG", kubeconfig);
                    command
                })
            }
            Self::Ceiling => bare(place, &work.requests),
            Self::Unvalidated => others(place.command("kubectl").args(kubectl).arg("--validate=false")),
            Self::Validated => others(place.command("kubectl").args(kubectl)),
            Self::Kapp => others(place.command("kapp").args([
                "deploy",
                "-y",
                "--wait=false",
                "-a",
                "bench",
                "-f",
                &folder,
            ])),
            Self::Kpt => {
                let file = "apiVersion: kpt.dev/v1\nkind: Kptfile\nmetadata: {name: bench}\n";
                std::fs::write(work.rendered.join("Kptfile"), file).expect("the folder is ours");
                others(place.command("kpt").args(["live", "install-resource-group"]));
                others(place.command("kpt").args(["live", "init", "--namespace=argocd", &folder]));
                others(place.command("kpt").args(["live", "apply", &folder]))
            }
            Self::Guide => others(place.command("sh").arg("-ec").arg(guide(work))),
        };
        vec![row(self.name(), sample)]
    }
}

/// Argo CD's own manifest: only the writes, for the rest is waiting for its pods.
pub(crate) fn manifest(round: usize) -> Vec<Row> {
    eprintln!("round {}, Argo CD's own manifest", round + 1);
    let (file, objects) = place::argocd();
    let source = file.map_or("bundled".into(), |path| format!("{{file: {}}}", path.display()));
    let row = |what: &str, sample| Row { size: 0, what: what.to_owned(), sample };
    let bare_loop = {
        let place = Place::empty();
        let requests = place.sandbox.path("argocd.requests");
        let argocd = objects.into_iter().map(|object| match object.kind() {
            "CustomResourceDefinition" | "ClusterRole" | "ClusterRoleBinding" => object,
            _ => object.with_namespace("argocd"),
        });
        place::write_requests(&requests, &argocd.collect::<Vec<_>>());
        place.settle();
        bare(&place, &requests)
    };
    let place = Place::empty();
    place.settle();
    let audit = place.sandbox.audit();
    let set = format!("argocd.manifest={source}");
    let cost = cost_of(&mut place.sandbox.command(&["setup", "--only", "install-argocd", "--set", &set]));
    let sample = Sample { wall: span_of_writes(&audit), ..sample(cost, &audit) };
    vec![
        row("Argo CD's manifest: bare loop", bare_loop),
        row("Argo CD's manifest: writes of the first run", sample),
    ]
}

fn ours(place: &Place, work: &Work, with: impl FnOnce(Command) -> Command) -> Sample {
    let audit = place.sandbox.audit();
    let config = work.config.to_string_lossy();
    let command = place.sandbox.command(&["setup", "--only", "environments", "--config", &config]);
    sample(cost_of(&mut with(command)), &audit)
}

/// What a run of ours cost, with what the API server says of its requests.
fn sample(cost: Cost, audit: &Audit) -> Sample {
    let requests = audit.requests();
    let refused = requests.iter().filter(|event| event["responseStatus"]["code"] == 429).count();
    Sample { writes: Some(audit.writes().len()), refused: Some(refused), ..others_cost(cost) }
}

fn others(command: &mut Command) -> Sample {
    others_cost(cost_of(command))
}

fn others_cost(cost: Cost) -> Sample {
    let tail: Vec<&str> = cost.output.lines().rev().take(5).collect();
    assert!(cost.success, "it failed: {}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
    Sample { wall: cost.wall, cpu: cost.cpu, peak_kib: cost.peak_kib, writes: None, refused: None }
}

fn bare(place: &Place, requests: &std::path::Path) -> Sample {
    let this = std::env::current_exe().expect("it runs");
    let mut command = Command::new(this);
    command.arg(ceiling::WORD).arg(place.sandbox.kubeconfig()).arg(requests);
    let cost = cost_of(&mut command);
    let wall = cost.output.trim().parse().map(Duration::from_micros);
    let wall = wall.unwrap_or_else(|_| panic!("the bare loop failed: {}", cost.output));
    Sample { wall, ..others_cost(cost) }
}

/// From the first write that the server received to its last answer to one. The lock is given back at the end of the
/// run, long after.
fn span_of_writes(audit: &Audit) -> Duration {
    let writes = audit.write_events();
    let time = |event: &Value, field: &str| event[field].as_str()?.parse::<Timestamp>().ok();
    let first = writes.iter().filter_map(|event| time(event, "requestReceivedTimestamp")).min();
    let last = writes.iter().filter_map(|event| time(event, "stageTimestamp")).max();
    let span = last.zip(first).map(|(last, first)| last.duration_since(first));
    span.and_then(|span| span.try_into().ok()).expect("there were writes")
}

/// The guide's commands for every environment.
fn guide(work: &Work) -> String {
    let objects = work.objects();
    let file = |kind: &str, name: &str| {
        let is_it = |object: &&manifests::Object| object.kind() == kind && object.name().ends_with(name);
        let object = objects.iter().find(is_it).expect("it was rendered");
        format!("cat <<'EOF' >{kind}.json\n{}\nEOF\nkubectl apply -f {kind}.json\n", object.as_value())
    };
    let environment = |index| {
        let name = work.name(index);
        format!(
            "{}{}kubectl create namespace {name} || echo exists\n\
             kubectl label namespace {name} seldon.restricted=false --overwrite=true\n\
             kubectl label namespace {name} seldon.gitops=enabled --overwrite=true\n\
             kubectl annotate namespace {name} git-repo=https://git.example.com/models.git --overwrite=true\n",
            file("AppProject", &name),
            file("Application", &name),
        )
    };
    (0..work.size).map(environment).collect()
}
