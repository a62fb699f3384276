//! Runs stages one after the other: observe, plan, show, apply, verify.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cluster::provider::Provider;
use manifests::ObjectRef;
use stages::observed::ClusterState;
use stages::stage::{Check, Fact};
use stages::{Action, Inputs, Observed, Plan, Stage};

use crate::access::{self, Address};
use crate::apply;
use crate::argocd::{Reach, login};
use crate::clone_check::{self, Cloned};
use crate::failure::Failure;
use crate::observe::{self, Observer};
use crate::report::{Outcome, Summary, count};
use crate::session::{Effects, Session};
use crate::tasks::plan::plans;
use crate::webhooks::{self, Secret};

/// How often a plan is applied before it counts as one that something undoes.
const TRIES: usize = 3;
/// How long to wait after somebody else changed an object between our reading and our writing; then longer.
const FIRST_DELAY: Duration = Duration::from_millis(20);
const LONGEST_DELAY: Duration = Duration::from_secs(1);

/// How stages run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Longest wait for one thing.
    pub(crate) timeout: Duration,
    /// Take over fields that other field managers own.
    pub(crate) force_conflicts: bool,
}

/// Runs the stages and reports. Gives what it came to.
pub(crate) async fn run(session: &Session, stages: &[&Stage], options: Options) -> Result<Summary, Failure> {
    let start = Instant::now();
    session.report.set_timeout(options.timeout);
    session.report.started(&title(session), stages);
    if installs(stages) {
        session.judge_release()?;
    }
    session.provider.preflight().await?;
    session.provider.as_configured()?;
    let inputs = session.inputs(stages, Effects::Allowed).await?;
    // Whatever can be known to be missing is told before the first effect.
    let mut observer = Observer::new(session);
    let plans = plans(&mut observer, &inputs, stages).await?;
    let mut runner = Runner {
        session,
        inputs: &inputs,
        options,
        stages,
        observer: observer.settled(),
        plans: plans.into_iter().map(|(stage, plan)| (stage.name, plan)).collect(),
        summary: Summary::default(),
        address: None,
        argocd: None,
    };
    for stage in stages {
        session.report.stage_started(stage);
        let outcome = match runner.stage(stage).await {
            Ok(outcome) => outcome,
            Err(failure) => {
                session.report.stage_failed(stage);
                return Err(failure.in_stage(stage.name));
            }
        };
        session.report.stage_finished(stage, &outcome);
        runner.add(outcome);
    }
    let mut summary = std::mem::take(&mut runner.summary);
    summary.facts = runner.facts();
    summary.not_verified.extend(session.lock.gap());
    summary.seconds = start.elapsed().as_secs_f64();
    session.report.finished(&headline(&summary), &summary);
    Ok(summary)
}

/// Whether Argo CD itself is installed by one of them.
pub(crate) fn installs(stages: &[&Stage]) -> bool {
    stages.iter().any(|stage| stage.name == "install-argocd")
}

/// What runs, on which cluster, by which configuration.
pub(crate) fn title(session: &Session) -> String {
    let argocd = &session.config.argocd;
    format!("{}: Argo CD {} on {}", session.config_origin, argocd.version, place(session))
}

fn place(session: &Session) -> String {
    match &session.provider {
        Provider::Kwok(_) => format!("kwok cluster {}", session.config.cluster.name),
        Provider::Kind(_) => format!("kind cluster {}", session.config.cluster.name),
        Provider::Context(_) => format!("context {}", session.provider.access().context),
    }
}

fn headline(summary: &Summary) -> String {
    let head = match summary.created + summary.changed {
        0 => "Nothing changed: all is as configured".to_owned(),
        _ => format!("Done: {} created, {} changed", summary.created, summary.changed),
    };
    let gaps = match summary.not_verified.len() {
        0 => String::new(),
        gaps => format!(", {gaps} not verified"),
    };
    format!("{head} ({} unchanged{gaps}; {:.1} s).", summary.unchanged, summary.seconds)
}

struct Runner<'a> {
    session: &'a Session,
    inputs: &'a Inputs,
    options: Options,
    stages: &'a [&'a Stage],
    observer: Observer<'a>,
    /// Made before the first effect, and good until something is written or waited for.
    plans: BTreeMap<&'static str, Plan>,
    summary: Summary,
    address: Option<Address>,
    argocd: Option<Reach>,
}

impl Runner<'_> {
    async fn stage(&mut self, stage: &Stage) -> Result<Outcome, Failure> {
        let mut outcome = self.converge(stage).await?;
        if outcome.skipped.is_some() {
            return Ok(outcome);
        }
        if stage.name == "cluster" {
            // Another run may have added them since they were counted.
            self.observer.forget_nodes();
            self.observer.reach().await?;
            outcome.result = Some(self.describe_cluster(&outcome)?);
        }
        if stage.name == "verify" {
            self.replan(stage, &mut outcome).await?;
        }
        for check in (stage.checks)(self.inputs) {
            self.check(stage, check, &mut outcome).await?;
        }
        if stage.name == "install-argocd" && !self.inputs.manifest_origin.is_empty() {
            outcome.notes.insert(0, self.inputs.manifest_origin.clone());
        }
        Ok(outcome)
    }

    /// Plans and applies until the plan is empty.
    async fn converge(&mut self, stage: &Stage) -> Result<Outcome, Failure> {
        let mut outcome = Outcome::default();
        let mut plan = match self.plans.remove(stage.name) {
            // What a webhook leads to is another matter before the run than in it.
            Some(plan) if self.observer.client().is_ok() && !stage.facts.contains(&Fact::Webhooks) => plan,
            _ => self.plan(stage).await?,
        };
        let changes = !plan.actions.is_empty() && !plan.actions.iter().any(makes_cluster);
        // Meanwhile another run may have been at work.
        if changes && self.session.lock(self.observer.client()?).await? {
            self.plans.clear();
            plan = self.plan(stage).await?;
        }
        let deadline = Instant::now() + self.options.timeout;
        outcome.notes.clone_from(&plan.notes);
        outcome.not_verified.clone_from(&plan.not_verified);
        let (mut applied, mut delay) = (0, FIRST_DELAY);
        while !plan.actions.is_empty() {
            if applied == TRIES {
                return Err(not_settled(&plan));
            }
            // What is in a cluster that has to be made or started is only known afterwards.
            if plan.actions.iter().any(makes_cluster) {
                plan.actions.retain(makes_cluster);
            }
            self.session.report.planned(stage, &plan);
            self.plans.clear();
            match self.apply(plan, &mut outcome).await {
                Ok(()) => applied += 1,
                // Another run, or a controller, was faster: what is to be done is decided anew, a little later.
                Err(Failure::Changed(_)) if Instant::now() < deadline => {
                    tokio::time::sleep(jittered(delay)).await;
                    delay = (delay * 2).min(LONGEST_DELAY);
                }
                Err(failure) => return Err(failure),
            }
            plan = self.plan(stage).await?;
        }
        outcome.skipped = plan.skipped;
        outcome.unchanged = plan.unchanged.saturating_sub(outcome.created + outcome.changed);
        Ok(outcome)
    }

    async fn plan(&mut self, stage: &Stage) -> Result<Plan, Failure> {
        let observed = self.observer.observe(stage, self.inputs).await?;
        self.plan_from(stage, &observed)
    }

    fn plan_from(&self, stage: &Stage, observed: &Observed) -> Result<Plan, Failure> {
        if !stage.needs.is_empty() && observed.cluster != ClusterState::Running {
            self.observer.client()?;
        }
        Ok(observe::planned(stage, self.inputs, observed)?)
    }

    /// Counts what was written, also where it ends early.
    async fn apply(&mut self, plan: Plan, outcome: &mut Outcome) -> Result<(), Failure> {
        if plan.actions.iter().any(makes_cluster) {
            // Images are loaded into a cluster that is there already.
            let was_there = self.observer.client().is_ok();
            let timings = apply::create_cluster(self.session).await?;
            outcome.timings = timings.0.into_iter().map(|(name, took)| (name, took.as_secs_f64())).collect();
            *(if was_there { &mut outcome.changed } else { &mut outcome.created }) += 1;
            return self.observer.reconnect().await;
        }
        for action in plan.actions.iter().filter(|action| !action.is_request()) {
            self.session.lock.ensure().await?;
            match action {
                Action::WaitFor { object, pointer, .. } => {
                    apply::wait_for(self.session, self.observer.client()?, object, pointer).await?;
                }
                Action::WaitServed { definitions } => {
                    apply::wait_served(self.observer.client()?, definitions).await?;
                }
                Action::PutWebhook(hook) => {
                    webhooks::put(self.session, self.observer.client()?, hook, Secret::Keep).await?;
                }
                _ => apply::on_this_machine(self.session, action).await?,
            }
            match action {
                Action::InitRepository { .. } => outcome.created += 1,
                Action::PutWebhook(hook) if hook.creates => outcome.created += 1,
                Action::MergeValues { .. } | Action::UpgradeRelease { .. } | Action::PutWebhook(_) => {
                    outcome.changed += 1;
                }
                _ => {}
            }
        }
        if plan.actions.iter().any(Action::is_request) {
            let client = self.observer.client()?;
            let new: BTreeSet<ObjectRef> = plan.actions.iter().filter_map(new_object).collect();
            let (created, changed) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let written = |object: &ObjectRef| {
                let counter = if new.contains(object) { &created } else { &changed };
                counter.fetch_add(1, Ordering::Relaxed);
            };
            let force = self.options.force_conflicts;
            let adds_nodes = plan.actions.iter().any(is_node);
            let result = apply::in_cluster(self.session, client, plan.actions, force, &written).await;
            outcome.created += created.into_inner();
            outcome.changed += changed.into_inner();
            result?;
            // Counting them costs a server that has just written as much as ten reads.
            if adds_nodes {
                self.observer.forget_nodes();
            }
        }
        Ok(())
    }

    fn describe_cluster(&self, outcome: &Outcome) -> Result<String, Failure> {
        let nodes = self.observer.nodes();
        let nodes = match nodes.only_simulated() {
            true => count(nodes.simulated, "simulated node"),
            false => count(nodes.real, "node"),
        };
        let verb = if outcome.created + outcome.changed > 0 { "up" } else { "running" };
        let version =
            self.observer.kubernetes().map_or(String::new(), |version| format!("Kubernetes {version}, "));
        Ok(format!("{verb}: {version}{nodes}"))
    }

    /// Everything that ran is read back and planned once more; a plan that is not empty is a failure.
    async fn replan(&mut self, verify: &Stage, outcome: &mut Outcome) -> Result<(), Failure> {
        // Alone, it verifies everything.
        let ran: Vec<&Stage> =
            self.stages.iter().copied().filter(|stage| stage.name != verify.name).collect();
        let stages = if ran.is_empty() { &self.inputs.stages[..] } else { &ran };
        for stage in stages.iter().filter(|stage| stage.name != verify.name) {
            let plan = self.plan(stage).await?;
            if !plan.actions.is_empty() {
                return Err(not_settled(&plan).in_stage(stage.name));
            }
            outcome.unchanged += plan.unchanged;
        }
        outcome.result = Some(format!("{} as configured", count(outcome.unchanged, "object")));
        // They were counted where they were made.
        outcome.unchanged = 0;
        Ok(())
    }

    async fn check(&mut self, stage: &Stage, check: Check, outcome: &mut Outcome) -> Result<(), Failure> {
        match check {
            Check::RolledOut(workloads) => {
                // Later stages change the server's pods again; one wait at the end is enough.
                let later = self.stages.iter().any(|other| other.name == "verify") && stage.name != "verify";
                if later || workloads.is_empty() {
                    return Ok(());
                }
                self.plans.clear();
                self.roll_out(&workloads, outcome).await
            }
            Check::Cloned => {
                self.plans.clear();
                self.clone_inside(outcome).await
            }
            Check::Address => {
                self.plans.clear();
                let client = self.observer.client()?;
                let address = access::find(self.session, client, self.observer.nodes()).await?;
                address.tell(outcome);
                self.address = Some(address);
                Ok(())
            }
            Check::Login => {
                let (client, Some(address)) = (self.observer.client()?, &self.address) else { return Ok(()) };
                self.argocd = login::check(self.session, client, self.inputs, address, outcome).await?;
                Ok(())
            }
        }
    }

    async fn clone_inside(&self, outcome: &mut Outcome) -> Result<(), Failure> {
        let client = self.observer.client()?;
        match clone_check::run(self.session, client, self.inputs, self.observer.nodes()).await? {
            Cloned::Yes => {
                outcome.result = Some(format!("{}; cloned inside the cluster", outcome.counts()));
            }
            Cloned::Before => {}
            Cloned::NotVerified(why) => outcome.not_verified.push(why),
        }
        Ok(())
    }

    async fn roll_out(&self, workloads: &[ObjectRef], outcome: &mut Outcome) -> Result<(), Failure> {
        let client = self.observer.client()?;
        let told = |lines: &[String]| self.session.report.waiting(lines);
        client.wait_rolled_out(workloads, self.options.timeout, &told).await?;
        let ready = format!("{} rolled out", count(workloads.len(), "workload"));
        let result = outcome.result.take().unwrap_or_else(|| outcome.counts());
        outcome.result = Some(format!("{result}; {ready}"));
        if self.observer.nodes().only_simulated() {
            outcome.not_verified.push("pods on simulated nodes are said to run and do nothing".into());
        }
        Ok(())
    }

    fn add(&mut self, outcome: Outcome) {
        self.summary.created += outcome.created;
        self.summary.changed += outcome.changed;
        self.summary.unchanged += outcome.unchanged;
        self.summary.not_verified.extend(outcome.not_verified);
    }

    /// What the user wants to know next.
    fn facts(&self) -> Vec<(String, String)> {
        let mut facts = Vec::new();
        match &self.address {
            Some(Address::Url(url)) => {
                facts.push(("argo cd".into(), url.clone()));
                if self.argocd.as_ref().is_some_and(|reach| !reach.is_address()) {
                    facts.push(("from here".into(), access::PORT_FORWARD.into()));
                }
            }
            Some(Address::PortForward { url, .. }) => {
                facts.push(("argo cd".into(), url.clone()));
                facts.push(("first run".into(), access::PORT_FORWARD.into()));
            }
            Some(Address::NotVerified(_)) | None => {}
        }
        let asks = |fact| self.stages.iter().any(|stage| stage.facts.contains(&fact));
        if let (Some(password), true) = (&self.inputs.admin_password, asks(Fact::Password)) {
            facts.push(("admin".into(), format!("password in {password}")));
        }
        let access = self.session.provider.access();
        let chosen = match access.kubeconfig {
            Some(path) => {
                let path = path.display().to_string();
                facts.push(("kubeconfig".into(), path.clone()));
                format!("--kubeconfig {path}")
            }
            None => format!("--context {}", access.context),
        };
        facts.push(("context".into(), access.context));
        let mut objects = self.stages.iter().flat_map(|stage| (stage.objects)(self.inputs));
        if objects.any(|object| object.kind() == "Application") {
            let namespace = self.inputs.argocd_namespace();
            facts.push(("look".into(), format!("kubectl {chosen} get applications -n {namespace}")));
        }
        if self.session.quickstart {
            if asks(Fact::Repository) {
                facts.push(("repository".into(), self.session.config.git.url.clone()));
            }
            facts.push(("own config".into(), "cargo xtask init".into()));
        }
        facts
    }
}

fn makes_cluster(action: &Action) -> bool {
    matches!(action, Action::CreateCluster { .. })
}

fn is_node(action: &Action) -> bool {
    matches!(action, Action::Apply(apply) if apply.object.kind() == "Node")
}

fn new_object(action: &Action) -> Option<ObjectRef> {
    match action {
        Action::Apply(apply) if apply.creates => Some(apply.object.reference()),
        _ => None,
    }
}

/// Between half and all of a delay, so that runs that met once don't meet again.
fn jittered(delay: Duration) -> Duration {
    let mut byte = [0];
    // Without random numbers they may meet again, and try again.
    let share = getrandom::fill(&mut byte).map_or(255, |()| u32::from(byte[0]));
    delay / 2 + delay / 2 * share / 255
}

fn not_settled(plan: &Plan) -> Failure {
    if let [Action::WaitServed { definitions }] = plan.actions.as_slice() {
        return Failure::Precondition(format!(
            "{} is there and not served yet\n  run the same command again; what keeps it: kubectl get crd -o yaml {0}",
            definitions[0]
        ));
    }
    let what = plan.actions.iter().find_map(|action| match action {
        Action::Apply(apply) => {
            let change = apply.changes.first().map_or(String::new(), |change| format!(": {change}"));
            Some(format!("{}{change}", apply.object.reference()))
        }
        Action::PutWebhook(hook) => {
            Some(format!("the webhook for {}: {}", hook.url, hook.changes.join("; ")))
        }
        _ => None,
    });
    Failure::Refused(format!(
        "it was applied and is still not as configured: {}\n  something in the cluster changes it back (a webhook or \
         a controller); see its managedFields: kubectl get … -o yaml --show-managed-fields",
        what.unwrap_or_else(|| "see cargo xtask plan".into())
    ))
}
