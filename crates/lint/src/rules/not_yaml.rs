use crate::finding::{Finding, Level};
use crate::{Context, Rule};

const ID: &str = "not-yaml";

pub(super) const RULE: Rule = Rule {
    id: ID,
    summary: "a file can't be read as YAML",
    help: "Argo CD can't read it either, and deploys nothing of its folder. A template of Helm belongs into the folder \
           `templates` of a chart; a text that begins with `{`, `*` or `!` into quotes.",
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let findings = context.repository.broken.iter().map(|(path, error)| {
        let text = context.repository.text(path);
        let hint = match text.contains("{{") {
            true => "`{{ … }}` is only for templates: of a Helm chart (below `templates/`), or in quotes",
            false => "correct it; `kubectl apply --dry-run=client -f` reads it the same way",
        };
        Finding {
            rule: ID,
            level: Level::Error,
            file: (*path).to_owned(),
            line: error.position.line,
            column: error.position.column,
            object: None,
            stage: None,
            message: format!("{}: Argo CD can't read it either", error.message),
            hint: hint.to_owned(),
        }
    });
    findings.collect()
}
