//! Projects that others use as well: they stay, without what is ours and nobody else needs.

use manifests::environment::PROJECT_ROLE;
use manifests::{MANAGER, Object};
use serde_json::{Value, json};

use super::{Undo, Undoing, Way, few};
use crate::plan::Apply;

const LISTS: [&str; 4] =
    ["destinations", "sourceRepos", "clusterResourceWhitelist", "namespaceResourceWhitelist"];

impl Way<'_> {
    /// What others have in a project, and which of theirs use it, for people.
    pub(super) fn others_in(&self, live: &Object) -> Vec<String> {
        let ours = self.ours(live);
        let mut others = Vec::new();
        for list in LISTS {
            let pointer = format!("/spec/{list}");
            if live.list(&pointer).iter().any(|entry| !has(&ours, &pointer, entry)) {
                others.push(format!("the {list} of others"));
            }
        }
        for role in live.list("/spec/roles").iter().filter(|role| is_anothers(role, &ours)) {
            others.push(format!("the role {}", role["name"].as_str().unwrap_or_default()));
        }
        others.extend(self.users(live).iter().map(|user| user.reference().to_string()));
        others
    }

    /// The project as every stage wants it.
    fn ours(&self, live: &Object) -> Vec<Object> {
        let objects = self.inputs.stages.iter().flat_map(|stage| (stage.objects)(self.inputs));
        objects.filter(|object| object.reference() == live.reference()).collect()
    }

    /// Applications and ApplicationSets that deploy by the project, and stay.
    fn users(&self, project: &Object) -> Vec<&Object> {
        let deploys = |object: &&Object| {
            let project_of = match object.kind() {
                "Application" => object.text("/spec/project"),
                "ApplicationSet" => object.text("/spec/template/spec/project"),
                _ => "",
            };
            project_of == project.name() && !self.doomed.contains(&object.reference())
        };
        self.around.argocd.iter().filter(deploys).collect()
    }

    /// Takes our destinations and our token out of a project that stays.
    pub(super) fn shrink(&self, live: &Object, undoing: &mut Undoing) {
        let (ours, users) = (self.ours(live), self.users(live));
        let is_needed = |entry: &Value| users.iter().any(|user| deploys_to(user, entry));
        let kept = |entry: &&Value| !has(&ours, "/spec/destinations", entry) || is_needed(entry);
        let destinations: Vec<Value> = live.list("/spec/destinations").iter().filter(kept).cloned().collect();
        // All else stays as it is: a whitelist that is left out would allow every kind.
        let mut spec = live.get("/spec").cloned().unwrap_or_else(|| json!({}));
        if !live.list("/spec/destinations").is_empty() {
            spec["destinations"] = destinations.into();
        }
        for role in spec["roles"].as_array_mut().into_iter().flatten() {
            if role["name"] == PROJECT_ROLE {
                let tokens = without_ours(role["jwtTokens"].as_array());
                if let Some(tokens) = tokens {
                    role["jwtTokens"] = tokens;
                }
            }
        }
        let mut project = Object::new(&live.reference()).with("spec", spec);
        // Argo CD keeps tokens in both places, and makes each whole by the other one.
        let pointer = format!("/status/jwtTokensByRole/{PROJECT_ROLE}/items");
        if let Some(items) = without_ours(live.get(&pointer).and_then(Value::as_array)) {
            project =
                project.with("status", json!({ "jwtTokensByRole": { PROJECT_ROLE: { "items": items } } }));
        }
        let mut apply = Apply::new(project).forced().if_unchanged(Some(live));
        apply.changes = crate::diff::changes(&apply.object, live, MANAGER);
        let others = self.others_in(live);
        undoing.notes.push(match others.as_slice() {
            [] => format!("{} was there before: it stays", live.reference()),
            others => format!("{} stays for {}", live.reference(), few(others)),
        });
        if !apply.changes.is_empty() {
            undoing.steps.push(Undo::Release(Box::new(apply)));
        }
    }
}

/// The tokens without ours; `None` where ours is not among them.
fn without_ours(tokens: Option<&Vec<Value>>) -> Option<Value> {
    let is_ours = |token: &&Value| token["id"] == MANAGER;
    let tokens = tokens.filter(|tokens| tokens.iter().any(|token| is_ours(&token)))?;
    Some(tokens.iter().filter(|token| !is_ours(token)).cloned().collect())
}

fn has(projects: &[Object], pointer: &str, entry: &Value) -> bool {
    projects.iter().any(|project| project.list(pointer).contains(entry))
}

/// A role that none of ours is called like, or that somebody added to.
fn is_anothers(role: &Value, ours: &[Object]) -> bool {
    let list = |role: &Value, field: &str| role[field].as_array().cloned().unwrap_or_default();
    let own: Vec<&Value> = ours
        .iter()
        .flat_map(|project| project.list("/spec/roles"))
        .filter(|own| own["name"] == role["name"])
        .collect();
    let added = |field: &str| {
        list(role, field).iter().any(|entry| !own.iter().any(|own| list(own, field).contains(entry)))
    };
    let tokens = || list(role, "jwtTokens").iter().any(|token| token["id"] != MANAGER);
    own.is_empty() || added("policies") || added("groups") || tokens()
}

/// An Application may need a destination. What an ApplicationSet's template or a pattern leads to is not worked out.
fn deploys_to(user: &Object, entry: &Value) -> bool {
    let namespace = entry["namespace"].as_str().unwrap_or_default();
    user.kind() != "Application"
        || namespace.contains(['*', '?', '['])
        || user.text("/spec/destination/namespace") == namespace
}
