//! What another repository adds to the command line that it embeds.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Parser;
use manifests::config::Config;
use serde::de::DeserializeOwned;
use serde_json::Value;
use stages::select::AddError;
use stages::{Stage, Stages};

use crate::args::Args;
use crate::failure::Failure;
use crate::{memory, report};

/// The command line, with stages of another repository among its own.
///
/// ```no_run
/// use gitops_setup::Xtask;
/// use gitops_setup::manifests::{Object, ObjectRef};
/// use gitops_setup::stages::{Inputs, Plan, Stage};
/// use serde::Deserialize;
/// use serde_json::json;
///
/// /// What `extensions.quota` in `gitops.yaml` says.
/// #[derive(Deserialize)]
/// struct Quota {
///     pods: u32,
/// }
///
/// const QUOTA: Stage = Stage::new("quota", "how much an environment may hold", |inputs, observed| {
///     Ok(Plan::keeping(quotas(inputs), observed))
/// })
/// .keeping(quotas)
/// .needing(&["environments"]);
///
/// fn quotas(inputs: &Inputs) -> Vec<Object> {
///     let Some(quota) = inputs.config.extension::<Quota>("quota") else { return Vec::new() };
///     let of = |namespace: &str| {
///         let reference = ObjectRef::namespaced("v1", "ResourceQuota", namespace, "models");
///         Object::new(&reference).with("spec", json!({ "hard": { "pods": quota.pods.to_string() } }))
///     };
///     inputs.config.environments.iter().map(|environment| of(&environment.namespace)).collect()
/// }
///
/// fn main() -> std::process::ExitCode {
///     Xtask::new().stage_after("environments", &QUOTA).extension::<Quota>("quota").main()
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Xtask {
    own: Own,
    /// Why a stage can't be added: told by `main`, which can tell it to people.
    error: Option<AddError>,
}

/// Stages, and sections of the configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Own {
    pub(crate) stages: Stages,
    extensions: BTreeMap<&'static str, Accepts>,
}

/// Says what is wrong with the content of a section.
type Accepts = fn(&Value) -> Result<(), String>;

impl Xtask {
    /// The command line as it is.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a stage right after another one. It is planned, shown, applied, verified, rendered and taken down like
    /// every other; what it does is what its plan says: objects in the cluster.
    pub fn stage_after(mut self, after: &str, stage: &'static Stage) -> Self {
        if let Err(error) = self.own.stages.add_after(after, stage) {
            self.error.get_or_insert(error);
        }
        self
    }

    /// Adds the section `extensions.NAME` to the configuration. What stands there is checked before anything else
    /// happens; stages have it by [`Config::extension`].
    pub fn extension<T: DeserializeOwned>(mut self, name: &'static str) -> Self {
        self.own.extensions.insert(name, |value| {
            T::deserialize(value).map(drop).map_err(|error: serde_json::Error| error.to_string())
        });
        self
    }

    /// Runs the command line of this process, and gives its exit code.
    pub fn main(self) -> ExitCode {
        memory::keep_private();
        let mut args = match Args::try_parse() {
            Ok(args) => args,
            Err(error) => return report::usage(&error),
        };
        let output = args.global.output;
        let result = self.own().and_then(|own| {
            args.global.own = own;
            args.run()
        });
        result.unwrap_or_else(|failure| {
            report::failure(output, &failure);
            failure.exit_code()
        })
    }

    /// What was added, where it can be.
    pub(crate) fn own(self) -> Result<Own, Failure> {
        match self.error {
            Some(error) => Err(Failure::Bug(format!("this xtask can't be: {error}"))),
            None => Ok(self.own),
        }
    }
}

impl Own {
    /// Refuses what nobody has asked for under `extensions`, and what is not as its stage wants it. `origin` is where
    /// the configuration comes from, for people.
    pub(crate) fn check(&self, config: &Config, origin: &str) -> Result<(), Failure> {
        for (name, value) in &config.extensions {
            let problem = match self.extensions.get(name.as_str()) {
                Some(check) => check(value).err(),
                None => Some(self.unknown()),
            };
            if let Some(problem) = problem {
                return Err(Failure::Usage(format!("{origin}: extensions.{name}: {problem}")));
            }
        }
        Ok(())
    }

    fn unknown(&self) -> String {
        match self.extensions.keys().copied().collect::<Vec<_>>().as_slice() {
            [] => "this command line has no stages of its own that would be configured there".into(),
            names => format!("unknown; there are: {}", names.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(extensions: &[(&str, Value)]) -> Result<(), String> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Quota {
            #[serde(rename = "pods")]
            _pods: u32,
        }
        let xtask = Xtask::new().extension::<Quota>("quota");
        let extensions = extensions.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let config = Config { extensions, ..Config::default() };
        xtask.own.check(&config, "gitops.yaml").map_err(|failure| {
            assert_eq!(failure.code(), 2);
            failure.to_string()
        })
    }

    #[test]
    fn sections_of_others_are_checked_as_ours_are() {
        assert_eq!(checked(&[("quota", json!({ "pods": 3 }))]), Ok(()));
        let told = checked(&[("quota", json!({ "pod": 3 }))]).unwrap_err();
        assert!(told.starts_with("gitops.yaml: extensions.quota: unknown field `pod`"), "{told}");
        let told = checked(&[("qouta", json!({}))]).unwrap_err();
        assert_eq!(told, "gitops.yaml: extensions.qouta: unknown; there are: quota");
    }

    #[test]
    fn without_stages_of_ones_own_nothing_is_an_extension() {
        let config = Config { extensions: [("quota".to_owned(), json!({}))].into(), ..Config::default() };
        let failure = Own::default().check(&config, "gitops.yaml").unwrap_err();
        assert!(failure.to_string().contains("no stages of its own"), "{failure}");
    }
}
