use crate::application::GROUP;
use crate::finding::Finding;
use crate::item::Item;
use crate::notifications::data;
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
        // One object of our own may be rendered in parts, each with an order of its own: stages.
        let items: Vec<&Item<'_>> = unit.items.iter().filter(|item| item.source.stage.is_none()).collect();
        for item in &items {
            findings.extend(uses(item, &items));
            findings.extend(is_in(item, &items, context));
            findings.extend(waits_for_first_consumer(item, &items));
        }
    }
    findings.extend(applications(context));
    findings
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

/// A finding on `item` where it comes before `other`.
fn before(item: &Item<'_>, other: &Item<'_>, what: &str) -> Option<Finding> {
    let (own, later) = (order(item)?, order(other)?);
    if own >= later {
        return None;
    }
    let message = format!("is in {}, but {what} {} of {}", named(own), other.place(), named(later));
    let hint =
        format!("set `{WAVE}` of {} to {} or higher, or move what it needs forward", item.label(), later.1);
    let at = format!("/metadata/annotations/{}", crate::walk::escaped(WAVE));
    Some(item.error(ID, &at, message, hint))
}

fn uses(item: &Item<'_>, items: &[&Item<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for reference in references::of(item) {
        let mut meant =
            items.iter().filter(|other| reference.means(other) && other.may_share_namespace(item));
        let Some(other) = meant.next() else { continue };
        let what = match item.kind() {
            "HorizontalPodAutoscaler" | "ScaledObject" => "can't become healthy without its target",
            _ => "can't become healthy without",
        };
        findings.extend(before(item, other, what));
    }
    findings
}

/// The namespace that it is in, and the definition of its kind.
fn is_in(item: &Item<'_>, items: &[&Item<'_>], context: &Context<'_>) -> Vec<Finding> {
    let namespace = items.iter().find(|other| {
        other.is("", "Namespace")
            && item.namespace.as_deref() == Some(other.name())
            && !context.scopes.is_cluster_scoped(item)
    });
    let definition = items.iter().find(|other| {
        other.is("apiextensions.k8s.io", "CustomResourceDefinition")
            && other.text("/spec/group") == item.group()
            && other.text("/spec/names/kind") == item.kind()
    });
    let namespace = namespace.and_then(|other| before(item, other, "can't be created without its"));
    let definition =
        definition.and_then(|other| before(item, other, "can't be created without its definition, "));
    namespace.into_iter().chain(definition).collect()
}

/// A volume that waits for its first pod, in a wave that the pod waits for.
fn waits_for_first_consumer(item: &Item<'_>, items: &[&Item<'_>]) -> Option<Finding> {
    let claim = item.is("", "PersistentVolumeClaim").then_some(item)?;
    let class = claim.text("/spec/storageClassName");
    let waits = items.iter().any(|other| {
        other.kind() == "StorageClass"
            && other.name() == class
            && other.text("/volumeBindingMode") == "WaitForFirstConsumer"
    });
    let is_user = |other: &&&Item<'_>| references::of(other).iter().any(|reference| reference.means(claim));
    let user = items.iter().filter(is_user).find(|other| order(other) > order(claim)).filter(|_| waits)?;
    let message = format!(
        "is in {}, but its StorageClass `{class}` binds only for the first pod, that of {} in {}, which is not begun \
         before the volume is bound",
        named(order(claim)?),
        user.place(),
        named(order(user)?)
    );
    let hint = "put the claim into the wave of the first pod that uses it".to_owned();
    Some(claim.error(ID, &format!("/metadata/annotations/{}", crate::walk::escaped(WAVE)), message, hint))
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
            item.warning(ID, &format!("/metadata/annotations/{}", crate::walk::escaped(WAVE)), message, hint)
        }));
    }
    findings
}
