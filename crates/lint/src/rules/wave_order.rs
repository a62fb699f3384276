use std::collections::{BTreeMap, BTreeSet};

use crate::application::GROUP;
use crate::finding::Finding;
use crate::item::Item;
use crate::notifications::data;
use crate::walk::escaped;
use crate::{Context, Rule, references};

const ID: &str = "wave-order";

pub(super) const RULE: Rule = Rule {
    id: ID,
    summary: "an object is in an earlier sync wave than what it needs",
    help: "Argo CD waits until a wave is healthy before it begins the next. What needs something of a later wave never \
           becomes healthy, and the sync hangs. Waves of Applications wait only where argocd-cm restores the health \
           check of `argoproj.io/Application`.",
    check,
};

const WAVE: &str = "argocd.argoproj.io/sync-wave";

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for unit in &context.units.units {
        // What stages render is applied by them, one after the other.
        let items: Vec<&Item<'_>> = unit.items.iter().filter(|item| item.source.stage.is_none()).collect();
        let orders: BTreeSet<(u8, i64)> = items.iter().filter_map(|item| order(item)).collect();
        if orders.len() < 2 {
            continue;
        }
        let index = Index::of(&items);
        for item in &items {
            findings.extend(uses(item, &index));
            findings.extend(is_in(item, &index, context));
        }
        findings.extend(wait_for_first_consumer(&items));
    }
    findings.extend(applications(context));
    findings
}

/// The objects of a unit, to be found fast.
struct Index<'i, 'a> {
    by_name: BTreeMap<&'i str, Vec<&'i Item<'a>>>,
    namespaces: Vec<&'i Item<'a>>,
    definitions: Vec<&'i Item<'a>>,
}

impl<'i, 'a> Index<'i, 'a> {
    fn of(items: &[&'i Item<'a>]) -> Self {
        let mut by_name: BTreeMap<&str, Vec<&Item<'_>>> = BTreeMap::new();
        for item in items {
            by_name.entry(item.name()).or_default().push(item);
        }
        let of_kind =
            |group: &str, kind: &str| items.iter().filter(|item| item.is(group, kind)).copied().collect();
        Self {
            by_name,
            namespaces: of_kind("", "Namespace"),
            definitions: of_kind("apiextensions.k8s.io", "CustomResourceDefinition"),
        }
    }

    fn named(&self, name: &str) -> &[&'i Item<'a>] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }
}

/// When an object is synced: the phase of a hook, then the wave. `None` for what is no part of a sync.
fn order(item: &Item<'_>) -> Option<(u8, i64)> {
    let hook = item.annotation("argocd.argoproj.io/hook").unwrap_or_default();
    let phase = match hook {
        hook if hook.contains("PreSync") => 0,
        hook if hook.contains("PostSync") => 2,
        hook if hook.is_empty() || hook == "Sync" => 1,
        _ => return None,
    };
    let wave = item.annotation(WAVE).and_then(|wave| wave.trim().parse().ok());
    Some((phase, wave.unwrap_or_default()))
}

fn named((phase, wave): (u8, i64)) -> String {
    match phase {
        0 => format!("hook PreSync, wave {wave}"),
        2 => format!("hook PostSync, wave {wave}"),
        _ => format!("wave {wave}"),
    }
}

/// Where an object's wave stands.
fn annotation() -> String {
    format!("/metadata/annotations/{}", escaped(WAVE))
}

/// A finding on `item` where it comes before `other`.
fn before(item: &Item<'_>, other: &Item<'_>, what: &str) -> Option<Finding> {
    let (own, later) = (order(item)?, order(other)?);
    if own >= later {
        return None;
    }
    let message = format!("is in {}, but {what} {} of {}", named(own), other.place(), named(later));
    let hint = match own.0 == later.0 {
        true => format!(
            "set `{WAVE}` of {} to {} or higher, or move what it needs forward",
            item.label(),
            later.1
        ),
        false => format!("make {} a hook of the same phase, in an earlier wave", other.label()),
    };
    Some(item.error(ID, &annotation(), message, hint))
}

fn uses(item: &Item<'_>, index: &Index<'_, '_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for reference in references::of(item) {
        let mut named = index.named(&reference.name).iter();
        let Some(other) = named.find(|other| reference.means(other) && other.may_share_namespace(item))
        else {
            continue;
        };
        let what = match item.kind() {
            "HorizontalPodAutoscaler" | "ScaledObject" => "can't become healthy without its target",
            _ => "can't become healthy without",
        };
        findings.extend(before(item, other, what));
    }
    findings
}

/// The namespace that it is in, and the definition of its kind.
fn is_in(item: &Item<'_>, index: &Index<'_, '_>, context: &Context<'_>) -> Vec<Finding> {
    let namespace = index.namespaces.iter().find(|other| {
        item.namespace.as_deref() == Some(other.name()) && !context.scopes.is_cluster_scoped(item)
    });
    let definition = index.definitions.iter().find(|other| {
        other.text("/spec/group") == item.group() && other.text("/spec/names/kind") == item.kind()
    });
    let namespace = namespace.and_then(|other| before(item, other, "can't be created without its"));
    let definition =
        definition.and_then(|other| before(item, other, "can't be created without its definition, "));
    namespace.into_iter().chain(definition).collect()
}

/// Volumes that wait for their first pod, in a wave that the pod waits for.
fn wait_for_first_consumer(items: &[&Item<'_>]) -> Vec<Finding> {
    let waits = |item: &&&Item<'_>| {
        item.kind() == "StorageClass" && item.text("/volumeBindingMode") == "WaitForFirstConsumer"
    };
    let classes: BTreeSet<&str> = items.iter().filter(waits).map(|class| class.name()).collect();
    let is_claim = |item: &&&Item<'_>| {
        item.is("", "PersistentVolumeClaim") && classes.contains(item.text("/spec/storageClassName"))
    };
    items.iter().filter(is_claim).filter_map(|claim| waits_for_a_later_pod(claim, items)).collect()
}

fn waits_for_a_later_pod(claim: &Item<'_>, items: &[&Item<'_>]) -> Option<Finding> {
    let is_user = |other: &&&Item<'_>| references::of(other).iter().any(|reference| reference.means(claim));
    let user = items.iter().filter(is_user).find(|other| order(other) > order(claim))?;
    let message = format!(
        "is in {}, but its StorageClass `{}` binds only for the first pod, that of {} in {}, which is not begun before \
         the volume is bound",
        named(order(claim)?),
        claim.text("/spec/storageClassName"),
        user.place(),
        named(order(user)?)
    );
    let hint = "put the claim into the wave of the first pod that uses it".to_owned();
    Some(claim.error(ID, &annotation(), message, hint))
}

/// Applications in waves, while argocd-cm is known and does not say what their health is.
fn applications(context: &Context<'_>) -> Vec<Finding> {
    let mut configs =
        context.units.items().filter(|item| item.is("", "ConfigMap") && item.name() == "argocd-cm");
    let Some(first) = configs.next() else { return Vec::new() };
    let restores = |item: &Item<'_>| {
        data(item).any(|(key, value)| {
            let older = key == "resource.customizations" && value.contains("argoproj.io/Application");
            key == "resource.customizations.health.argoproj.io_Application" || older
        })
    };
    if restores(first) || configs.any(restores) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for unit in &context.units.units {
        let is_application = |item: &&Item<'_>| item.is(GROUP, "Application");
        let first = unit.items.iter().filter(is_application).filter_map(order).min();
        let later = unit.items.iter().filter(is_application).find(|item| order(item) > first);
        findings.extend(later.map(|item| {
            let message = format!(
                "is in {}, but waves of Applications don't wait: argocd-cm has no health check for them",
                order(item).map(named).unwrap_or_default()
            );
            let hint = "add `resource.customizations.health.argoproj.io_Application` to argocd-cm".to_owned();
            item.warning(ID, &annotation(), message, hint)
        }));
    }
    findings
}
