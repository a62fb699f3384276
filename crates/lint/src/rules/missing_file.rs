use crate::finding::Finding;
use crate::{Context, Rule};

const ID: &str = "missing-file";

pub(super) const RULE: Rule = Rule {
    id: ID,
    summary: "a kustomization names a file or folder that is not there",
    help: "Kustomize then builds nothing at all, and the Application stays as it was. Add the file, or remove the entry.",
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let missing = context.units.missing.iter().map(|(kustomization, pointer, entry)| {
        let message = format!("`{entry}` is not in the repository: Kustomize builds nothing of this folder");
        let hint =
            "add the file, or remove the entry; a folder needs a kustomization.yaml of its own".to_owned();
        kustomization.error(ID, pointer, message, hint)
    });
    missing.collect()
}
