//! The one text in `argocd-cm` that holds all customizations of resources: the only form before 2.1, still read since.

use serde_json::{Map, Value};

use super::{HealthCheck, is_not_ours, is_ours};
use crate::yaml;

/// Its key.
pub const CUSTOMIZATIONS_KEY: &str = "resource.customizations";
/// Key of the check in the customizations of a kind.
const HEALTH: &str = "health.lua";

/// A text is no map of customizations. What it holds is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no YAML map of kinds (`group/Kind`) with their customizations")]
pub struct NotAMap;

/// The text with these checks and no others of ours; empty where nothing is left. What others have in it stays, their
/// checks as well; where nothing changes, so does every byte.
pub fn merged(live: &str, checks: &[HealthCheck]) -> Result<String, NotAMap> {
    let before = parsed(live)?;
    let mut after = before.clone();
    after.retain(|name, custom| {
        let is_wanted = checks.iter().any(|check| check.name() == *name);
        let Value::Object(custom) = custom else { return true };
        let goes = !is_wanted && custom.get(HEALTH).and_then(Value::as_str).is_some_and(is_ours);
        if goes {
            custom.remove(HEALTH);
        }
        !goes || !custom.is_empty()
    });
    for check in checks {
        let custom = after.entry(check.name()).or_insert_with(|| Map::new().into());
        if custom.is_null() {
            *custom = Map::new().into();
        }
        let Value::Object(custom) = custom else { return Err(NotAMap) };
        if !custom.get(HEALTH).and_then(Value::as_str).is_some_and(is_not_ours) {
            custom.insert(HEALTH.into(), check.lua().into());
        }
    }
    Ok(match &after {
        after if *after == before => live.to_owned(),
        after if after.is_empty() => String::new(),
        after => yaml::to_string(after),
    })
}

/// The check that the text has for a kind, by its name.
pub(super) fn check_of(live: &str, name: &str) -> Option<String> {
    Some(parsed(live).ok()?.get(name)?.get(HEALTH)?.as_str()?.to_owned())
}

fn parsed(text: &str) -> Result<Map<String, Value>, NotAMap> {
    match yaml::parse_value(text) {
        Ok(Value::Null) => Ok(Map::new()),
        Ok(Value::Object(map)) if map.values().all(|custom| custom.is_object() || custom.is_null()) => {
            Ok(map)
        }
        _ => Err(NotAMap),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CHECKS, INFERENCE_SERVICE};
    use super::*;

    const THEIRS: &str = "# theirs\nadmissionregistration.k8s.io/Webhook:\n  ignoreDifferences: |\n    jsonPointers: \
                          [/a]\nray.io/RayJob:\n  health.lua: return {status = \"Healthy\"}\n  actions: |\n    x\n";

    fn ray_job() -> HealthCheck {
        *CHECKS.iter().find(|check| check.kind == "RayJob").unwrap()
    }

    #[test]
    fn what_goes_in_comes_out_and_others_stay() {
        let with = merged(THEIRS, CHECKS).unwrap();
        assert_eq!(merged(&with, CHECKS).unwrap(), with, "not one byte");
        let map = yaml::parse_value(&with).unwrap();
        let theirs = yaml::parse_value(THEIRS).unwrap();
        for name in ["admissionregistration.k8s.io/Webhook", "ray.io/RayJob"] {
            assert_eq!(map[name], theirs[name], "{name}");
        }
        assert_eq!(
            map["ray.io/RayCluster"][HEALTH].as_str().unwrap().lines().next(),
            Some(super::super::MARK)
        );
        assert_eq!(yaml::parse_value(&merged(&with, &[]).unwrap()).unwrap(), theirs);
        assert_eq!(merged(THEIRS, &[]).unwrap(), THEIRS, "not one byte");
    }

    #[test]
    fn one_that_is_no_longer_chosen_goes_and_nothing_else_of_its_kind() {
        let one = merged("ray.io/RayJob: {actions: x}\n", &[ray_job(), INFERENCE_SERVICE]).unwrap();
        let rest = merged(&one, &[INFERENCE_SERVICE]).unwrap();
        assert_eq!(check_of(&rest, "ray.io/RayJob"), None);
        assert_eq!(check_of(&rest, &INFERENCE_SERVICE.name()), Some(INFERENCE_SERVICE.lua()));
        assert_eq!(merged(&rest, &[]).unwrap(), "ray.io/RayJob:\n  actions: x\n");
        assert_eq!(merged(&merged("", CHECKS).unwrap(), &[]).unwrap(), "", "nothing is left");
    }

    #[test]
    fn an_older_text_of_ours_is_replaced() {
        let old = format!("{}\nreturn {{}}\n", super::super::MARK);
        let map = serde_json::json!({"ray.io/RayJob": {HEALTH: old}});
        let new = merged(&yaml::to_string(&map), &[ray_job()]).unwrap();
        assert_eq!(check_of(&new, "ray.io/RayJob"), Some(ray_job().lua()));
    }

    #[test]
    fn what_is_no_map_is_left_alone() {
        for text in ["- a\n", "text", "a: b\n", "a: [\n"] {
            assert_eq!(merged(text, CHECKS), Err(NotAMap), "{text}");
        }
    }
}
