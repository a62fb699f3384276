//! ApplicationSets that can't work: what no generator gives, and what Argo CD would refuse only when it runs.

use serde_json::Value;

use super::applications::{address, is_namespace};
use super::combinations::Clash;
use super::types::{ApplicationSet, Config, DNS_LABEL, Generator};
use super::{path, words};
use crate::applications::preview::{self, PreviewError};
use crate::applications::template::{Template, TemplateError};
use crate::applications::{Gives, gives};
use crate::object::to_json;

/// All impossible combinations.
pub(super) fn clashes(config: &Config) -> Vec<Clash> {
    let mut clashes: Vec<_> = too_old(config).into_iter().collect();
    for (index, set) in config.application_sets.iter().enumerate() {
        let place = format!("applicationSets[{index}]");
        let before = clashes.len();
        for (number, generator) in set.generators.iter().enumerate() {
            let place = format!("{place}.generators[{number}]");
            clashes.extend(one_generator(config, &place, generator, &Filled::Nothing));
        }
        clashes.extend(template(config, &place, set));
        if clashes.len() == before {
            clashes.extend(of_lists(config, &place, set));
        }
    }
    clashes
}

/// What is wrong with the Applications that come of a set whose generators ask nobody.
fn of_lists(config: &Config, place: &str, set: &ApplicationSet) -> Option<Clash> {
    match preview::of_lists(set, config)? {
        Ok(_) | Err(PreviewError::Template { error: TemplateError::Unsupported(_), .. }) => None,
        Err(error) => Some(Clash::new(&[&format!("{place}.template.name")], format!("{place}: {error}"))),
    }
}

fn too_old(config: &Config) -> Option<Clash> {
    let version = &config.argocd.version;
    (!config.application_sets.is_empty() && !version.has_go_template_sets()).then(|| {
        Clash::new(
            &["applicationSets", "argocd.version"],
            format!(
                "ApplicationSets need Argo CD v2.5.0 or later for their templates, not {version}; take a newer \
                 release or write the Applications out"
            ),
        )
    })
}

/// What fills a generator's own texts in.
enum Filled<'a> {
    Nothing,
    By(&'a Gives),
}

fn one_generator(config: &Config, place: &str, generator: &Generator, filled: &Filled<'_>) -> Vec<Clash> {
    let place = format!("{place}.{}", generator.name());
    let mut clashes = Vec::new();
    match generator {
        Generator::Matrix(matrix) => return one_matrix(config, &place, &matrix.generators),
        Generator::GitDirectories(directories) => {
            if directories.repo_url.is_none() && config.git.url.is_empty() {
                clashes.push(Clash::new(
                    &[&format!("{place}.repoURL"), "git.url", &place],
                    format!("{place} has no repository; name it in `repoURL`, or set `git.url`"),
                ));
            }
            let url = directories.repo_url.as_deref();
            clashes.extend(url.and_then(|url| address(&format!("{place}.repoURL"), url, true)));
            if directories.directories.iter().all(|directory| directory.exclude) {
                clashes.push(Clash::new(
                    &[&format!("{place}.directories")],
                    format!("{place} excludes folders and names none; add a `path` without `exclude`"),
                ));
            }
        }
        Generator::List(list) => {
            let keys = |index: usize| list.elements[index].keys();
            for index in 1..list.elements.len() {
                if !keys(0).eq(keys(index)) {
                    clashes.push(Clash::new(
                        &[&format!("{place}.elements[{index}]")],
                        format!(
                            "{place}.elements[{index}] has not the same keys as the first one; a template fails \
                             where one is missing"
                        ),
                    ));
                }
            }
        }
        Generator::Clusters(_) => {}
    }
    clashes.extend(own_texts(&place, generator, filled));
    clashes
}

/// Each of the two by itself, and what they have in common.
fn one_matrix(config: &Config, place: &str, generators: &[Generator]) -> Vec<Clash> {
    let [first, second] = generators else {
        return vec![Clash::new(
            &[&format!("{place}.generators")],
            format!("{place} combines two generators, not {}", generators.len()),
        )];
    };
    let at = |index: usize| format!("{place}.generators[{index}]");
    if let Some(index) = generators.iter().position(|generator| matches!(generator, Generator::Matrix(_))) {
        return vec![Clash::new(&[&at(index)], format!("{}: a matrix holds no other", at(index)))];
    }
    let given = gives(first);
    let mut clashes = one_generator(config, &at(0), first, &Filled::Nothing);
    clashes.extend(one_generator(config, &at(1), second, &Filled::By(&given)));
    let both: Vec<_> = gives(second).tops().map(str::to_owned).collect();
    let both = given.tops().find(|top| both.iter().any(|other| other == top));
    clashes.extend(both.map(|name| {
        Clash::new(
            &[&at(1), &at(0)],
            format!(
                "{place}: both generators give `{name}`, and only the first one would be used; rename one"
            ),
        )
    }));
    clashes
}

fn own_texts(place: &str, generator: &Generator, filled: &Filled<'_>) -> Vec<Clash> {
    let inner = to_json(generator);
    let inner = inner.get(generator.name()).cloned().unwrap_or_default();
    let mut clashes = Vec::new();
    for (path, text) in texts(place, &inner).into_iter().filter(|(_, text)| text.contains("{{")) {
        // These are filled in too early or not at all, depending on the release.
        let never = path.contains(".values.") || path.contains(".elements[");
        match filled {
            Filled::By(given) if !never => {
                clashes.extend(wrong(&path, &text, &[("the first generator".to_owned(), (*given).clone())]));
            }
            _ => clashes.push(Clash::new(
                &[&path],
                format!("`{path}` holds `{{{{`, which nothing fills in there; use it in the template"),
            )),
        }
    }
    clashes
}

fn template(config: &Config, place: &str, set: &ApplicationSet) -> Vec<Clash> {
    let at = format!("{place}.template");
    let application = set.template.application();
    let mut clashes = super::applications::one(config, &at, &application);
    let given: Vec<_> = set
        .generators
        .iter()
        .enumerate()
        .map(|(index, generator)| (format!("generators[{index}]"), gives(generator)))
        .collect();
    for (path, text) in texts(&at, &to_json(&set.template)) {
        clashes.extend(wrong(&path, &text, &given));
    }
    let name = &set.template.name;
    if Template::parse(name).is_ok_and(|template| template.is_plain()) && !name.is_empty() {
        clashes.push(Clash::new(
            &[&format!("{at}.name")],
            format!(
                "all Applications of {place} would be called `{name}`; put into it what tells them apart"
            ),
        ));
    }
    let namespace = &set.template.destination.namespace;
    if !namespace.contains("{{") && !is_namespace(namespace) && !namespace.is_empty() {
        let path = format!("{at}.destination.namespace");
        clashes.push(Clash::new(
            &[&path],
            format!("`{path}` is `{namespace}`; expected {}", words::pattern(DNS_LABEL)),
        ));
    }
    clashes
}

/// What is wrong with one text: it is no template, or needs what one of the generators doesn't give.
fn wrong(path: &str, text: &str, given: &[(String, Gives)]) -> Option<Clash> {
    let template = match Template::parse(text) {
        Ok(template) => template,
        Err(error @ TemplateError::NoDot(_)) => {
            return Some(Clash::new(&[path], format!("`{path}`: {error}{}", there(given))));
        }
        Err(error) => return Some(Clash::new(&[path], format!("`{path}`: {error}"))),
    };
    for (shown, needed) in template.needs() {
        if let Some((generator, gives)) = given.iter().find(|(_, gives)| !gives.has(&needed)) {
            let from = if given.len() > 1 { generator.as_str() } else { "no generator" };
            let says = if given.len() > 1 { "doesn't give" } else { "gives" };
            let there = there(&[(generator.clone(), gives.clone())]);
            return Some(Clash::new(&[path], format!("`{path}`: {from} {says} `{shown}`{there}")));
        }
    }
    None
}

fn there(given: &[(String, Gives)]) -> String {
    let mut templates: Vec<String> = given
        .iter()
        .flat_map(|(_, gives)| gives.templates())
        .map(|template| format!("`{template}`"))
        .collect();
    templates.dedup();
    format!("; there is {}", templates.join(", "))
}

/// All texts in a value, with their paths.
pub(super) fn texts(place: &str, value: &Value) -> Vec<(String, String)> {
    match value {
        Value::String(text) => vec![(place.to_owned(), text.clone())],
        Value::Array(items) => {
            let inner = items.iter().enumerate();
            inner.flat_map(|(index, item)| texts(&path::of_item(place, index), item)).collect()
        }
        Value::Object(map) => {
            map.iter().flat_map(|(key, item)| texts(&path::of_key(place, key), item)).collect()
        }
        _ => Vec::new(),
    }
}
