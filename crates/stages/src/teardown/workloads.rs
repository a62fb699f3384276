//! What Argo CD has deployed for Applications that go: by default it stays.
//!
//! An Application with Argo CD's finalizer takes along what it has deployed, and so do those of an ApplicationSet that
//! does not say `preserveResourcesOnDeletion`.

use manifests::argocd::names::ARGOPROJ;
use manifests::{Object, ObjectRef};
use serde_json::{Value, json};

use super::{Undo, Undoing, Way, few, order};
use crate::inputs::Inputs;
use crate::observed::Observed;
use crate::plan::{Apply, PlanError};

/// Part of the names of Argo CD's own finalizers.
const FINALIZERS: &str = "argocd.argoproj.io";

/// The finalizer is Argo CD's own.
pub fn is_argocds_finalizer(finalizer: &Value) -> bool {
    finalizer.as_str().is_some_and(|name| name.contains(FINALIZERS))
}

/// Who takes away what Applications have deployed.
pub(super) fn controllers(inputs: &Inputs) -> [ObjectRef; 2] {
    ["StatefulSet", "Deployment"].map(|kind| {
        ObjectRef::namespaced("apps/v1", kind, inputs.argocd_namespace(), "argocd-application-controller")
    })
}

/// Argo CD's controller is there to do what a finalizer stands for. One that restarts is there.
pub fn controller_runs(inputs: &Inputs, observed: &Observed) -> bool {
    let mut live = controllers(inputs).into_iter().filter_map(|object| observed.object(&object).cloned());
    !observed.nodes.only_simulated() && live.any(|live| live.get("/spec/replicas") != Some(&json!(0)))
}

/// The ApplicationSet has made the Application.
pub fn is_made_by_set(application: &Object, set: &Object) -> bool {
    let (namespace, name) = (set.namespace(), set.name());
    application.kind() == "Application"
        && application.namespace() == namespace
        && application.list("/metadata/ownerReferences").iter().any(|owner| {
            owner["kind"] == "ApplicationSet"
                && owner["name"] == name
                && owner["uid"] == *set.get("/metadata/uid").unwrap_or(&Value::Null)
        })
}

impl Way<'_> {
    /// Applications that ApplicationSets have made that go.
    pub(super) fn generated(&self) -> impl Iterator<Item = &Object> {
        self.around.argocd.iter().filter(|application| {
            let sets = self.doomed.iter().filter(|object| object.kind == "ApplicationSet");
            sets.filter_map(|set| self.observed.object(set)).any(|set| is_made_by_set(application, set))
        })
    }

    /// Adds to what a stage deletes what its ApplicationSets have made, and says before what becomes of workloads.
    pub(super) fn applications(&self, deletes: &mut Vec<ObjectRef>, undoing: &mut Undoing) {
        let sets: Vec<&Object> = deletes
            .iter()
            .filter(|object| object.kind == "ApplicationSet")
            .filter_map(|set| self.observed.object(set))
            .collect();
        let made = self.around.argocd.iter();
        let made: Vec<&Object> =
            made.filter(|object| sets.iter().any(|set| is_made_by_set(object, set))).collect();
        let applications: Vec<&Object> = deletes
            .iter()
            .filter(|object| object.kind == "Application")
            .filter_map(|object| self.observed.object(object))
            .chain(made.iter().copied())
            .collect();
        let prepared = sets.iter().filter_map(|set| prepared(set, !self.wishes.with_workloads));
        undoing.steps.extend(prepared.map(|apply| Undo::Prepare(Box::new(apply))));
        for application in &applications {
            let finalizers = application.list("/metadata/finalizers");
            let cascades = finalizers.iter().any(is_argocds_finalizer);
            match (self.wishes.with_workloads, cascades) {
                (true, _) => undoing.steps.push(Undo::Cascade(application.reference())),
                (false, true) => undoing.steps.push(Undo::Spare(application.reference())),
                (false, false) => {}
            }
        }
        let names: Vec<String> =
            sets.iter().chain(&applications).map(|live| live.reference().to_string()).collect();
        if !names.is_empty() {
            undoing.notes.push(match self.wishes.with_workloads {
                true => format!("what Argo CD has deployed goes as well, for {}", few(&names)),
                false => format!(
                    "what Argo CD has deployed stays, for {}; to take it away as well: cargo xtask teardown \
                     --with-workloads",
                    few(&names)
                ),
            });
        }
        deletes.extend(made.iter().map(|object| object.reference()));
        debug_assert!(order("ApplicationSet") < order("Application"), "it would make them again");
    }

    /// Nobody but Argo CD's controller knows what it has deployed.
    pub(super) fn refuse_to_wait_for_nobody(&self) -> Result<(), PlanError> {
        let some =
            self.doomed.iter().any(|object| object.api_version == ARGOPROJ && object.kind == "Application");
        if !self.wishes.with_workloads || !some || controller_runs(self.inputs, self.observed) {
            return Ok(());
        }
        Err(PlanError::precondition(
            "--with-workloads needs Argo CD's application controller, which does not run here",
            "start it; or leave what it has deployed: cargo xtask teardown",
        ))
    }
}

/// The ApplicationSet with the policy that workloads stay, or go; `None` where it has it.
fn prepared(live: &Object, stay: bool) -> Option<Apply> {
    const POLICY: &str = "preserveResourcesOnDeletion";
    const FINALIZERS: &str = "/template/metadata/finalizers";
    let mut spec = live.get("/spec").cloned().unwrap_or_default();
    let is_so = spec["syncPolicy"][POLICY] == true;
    let gives_finalizers = spec
        .pointer(FINALIZERS)
        .and_then(Value::as_array)
        .is_some_and(|list| list.iter().any(is_argocds_finalizer));
    if is_so == stay && !(stay && gives_finalizers) {
        return None;
    }
    if !spec["syncPolicy"].is_object() {
        spec["syncPolicy"] = json!({});
    }
    spec["syncPolicy"][POLICY] = json!(stay);
    if let (true, Some(Value::Array(list))) = (stay, spec.pointer_mut(FINALIZERS)) {
        list.retain(|finalizer| !is_argocds_finalizer(finalizer));
    }
    // All of it, as it is: a later setup has nothing to argue with.
    let mut apply = Apply::new(Object::new(&live.reference()).with("spec", spec)).forced();
    apply.changes = crate::diff::changes(&apply.object, live, &apply.manager);
    Some(apply)
}
