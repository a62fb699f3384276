use serde_json::Value;

use crate::finding::{Finding, Level};
use crate::item::{Item, list, text};
use crate::walk::{self, escaped};
use crate::{Context, Rule, path, tokens};

const ID: &str = "plain-secret";

pub(super) const RULE: Rule = Rule {
    id: ID,
    summary: "a secret is in the repository as plain text",
    help: "Whoever may read the repository, or ever could, knows it: it has to be changed where it is used, not only \
           removed. Keep it in the cluster or a vault (SealedSecret, ExternalSecret, argocd-vault-plugin).",
    check,
};

const HINT: &str = "change the secret where it is used, then keep it out of Git: SealedSecret, ExternalSecret, or a \
                    placeholder of argocd-vault-plugin";

fn check(context: &Context<'_>) -> Vec<Finding> {
    let items = context.units.items().filter(|item| item.source.stage.is_none());
    let of_objects = items.flat_map(|item| of_secret(item).into_iter().chain(of_environment(item)));
    let of_texts = context.repository.input.files.iter().flat_map(|file| {
        tokens::find(&file.text).into_iter().map(|(line, column, what)| Finding {
            rule: ID,
            level: Level::Error,
            file: file.path.clone(),
            line,
            column,
            object: None,
            stage: None,
            message: format!("{what} is here as plain text"),
            hint: HINT.to_owned(),
        })
    });
    of_objects.chain(of_texts).chain(generated(context)).collect()
}

fn of_secret(item: &Item<'_>) -> Option<Finding> {
    // Encrypted by sops, which says so in the document.
    if !item.is("", "Secret") || item.document.value().get("sops").is_some() {
        return None;
    }
    for field in ["data", "stringData"] {
        let map = item.get(&format!("/{field}")).and_then(Value::as_object);
        let keys: Vec<&str> = map
            .into_iter()
            .flatten()
            .filter(|(_, value)| is_value(value))
            .map(|(key, _)| key.as_str())
            .collect();
        let Some(first) = keys.first() else { continue };
        let message = format!(
            "`{field}` holds values of {} as plain text{}",
            keys.join(", "),
            match field {
                "data" => ": base64 is no encryption",
                _ => "",
            }
        );
        return Some(item.error(ID, &format!("/{field}/{}", escaped(first)), message, HINT.to_owned()));
    }
    None
}

/// Something that is kept from people: not empty, and not the placeholder of a tool that fills it in.
fn is_value(value: &Value) -> bool {
    // In base64, `<path:` begins like this.
    const PLACEHOLDER: &str = "PHBhdGg6";
    match value {
        Value::String(text) => {
            let text = text.trim();
            let is_placeholder =
                (text.starts_with('<') && text.ends_with('>')) || text.starts_with(PLACEHOLDER);
            !text.is_empty() && !is_placeholder && !text.starts_with("ENC[")
        }
        Value::Number(_) | Value::Bool(_) => true,
        _ => false,
    }
}

/// Variables of containers whose names say what they hold.
fn of_environment(item: &Item<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    walk::visit(&item.value, &mut |pointer, value| {
        for (index, variable) in list(value, "/env").iter().enumerate() {
            let (name, value) = (text(variable, "/name"), text(variable, "/value"));
            if tokens::names_secret(name) && is_value(&variable["value"]) && !is_harmless(value) {
                let message = format!("variable {name} has its value as plain text");
                let hint = "take it from a Secret: `valueFrom.secretKeyRef`";
                let at = format!("{pointer}/env/{index}/value");
                findings.push(item.error(ID, &at, message, hint.to_owned()));
            }
        }
    });
    findings
}

/// A reference, a path or a switch.
fn is_harmless(value: &str) -> bool {
    let value = value.trim();
    value.starts_with(['$', '/', '<', '{'])
        || ["true", "false"].contains(&value)
        || value.parse::<f64>().is_ok()
}

/// What a kustomization makes Secrets of.
fn generated(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for folder in context.repository.kustomizations() {
        let Some((source, document)) = context.repository.kustomization(folder) else { continue };
        let item = crate::kustomize::whole(source, document);
        for (index, entry) in list(document.value(), "/secretGenerator").iter().enumerate() {
            let plain = list(entry, "/literals").iter().enumerate().find(|(_, literal)| {
                let value =
                    literal.as_str().and_then(|text| Some(text.split_once('=')?.1)).unwrap_or_default();
                is_value(&value.into()) && !is_harmless(value)
            });
            let name = text(entry, "/name");
            if let Some((number, _)) = plain {
                let message = format!("secretGenerator `{name}` has values as plain text");
                let at = format!("/secretGenerator/{index}/literals/{number}");
                findings.push(item.error(ID, &at, message, HINT.to_owned()));
            }
            let files = ["files", "envs"]
                .map(|key| list(entry, &format!("/{key}")).iter().enumerate().map(move |file| (key, file)));
            for (key, (number, file)) in files.into_iter().flatten() {
                let file = file.as_str().unwrap_or_default();
                let file = file.split_once('=').map_or(file, |(_, file)| file);
                if path::join(folder, file).is_some_and(|path| context.repository.has_file(&path)) {
                    let message =
                        format!("secretGenerator `{name}` reads {file}, which is in the repository");
                    let at = format!("/secretGenerator/{index}/{key}/{number}");
                    findings.push(item.error(ID, &at, message, HINT.to_owned()));
                }
            }
        }
    }
    findings
}
