use crate::finding::Finding;
use crate::item::text;
use crate::{Context, Rule, application};

const ID: &str = "missing-repo";

pub(super) const RULE: Rule = Rule {
    id: ID,
    summary: "an Application or ApplicationSet doesn't say from which repository",
    help: "Each source needs a `repoURL`: that of the Git repository, of the Helm repository, or of the OCI image.",
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for item in context.units.items() {
        let Some(pointer) = application::spec_pointer(item) else { continue };
        let spec = item.get(pointer).cloned().unwrap_or_default();
        let hint = || {
            "set `repoURL` to the address of the repository, written as in Argo CD's Secret for it".to_owned()
        };
        let sources = application::sources(&spec);
        if sources.is_empty()
            && spec.get("sourceHydrator").is_none()
            && !application::gives(item, "/source/repoURL")
        {
            let message = "there is no `source`: nothing says what to deploy".to_owned();
            findings.push(item.error(ID, &format!("{pointer}/source"), message, hint()));
        }
        for (at, source) in sources {
            if text(source, "/repoURL").is_empty() && !application::gives(item, &format!("{at}/repoURL")) {
                let message = "the source has no `repoURL`: nothing says from which repository".to_owned();
                findings.push(item.error(ID, &format!("{pointer}{at}"), message, hint()));
            }
        }
    }
    findings
}
