//! The documents say what is so: every command in them runs, and what they repeat is what it repeats.

use std::fs;
use std::path::{Path, PathBuf};

use manifests::config::{KindSet, Source, load};
use serde_json::Value;
use support::Sandbox;

use crate::PROGRAM;

const DOCUMENTS: [&str; 16] = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "docs/access.md",
    "docs/ci.md",
    "docs/clusters.md",
    "docs/git.md",
    "docs/lint.md",
    "docs/measurements.md",
    "docs/ml.md",
    "docs/output.md",
    "docs/security.md",
    "docs/teardown.md",
    "docs/trust.md",
    "docs/troubleshooting.md",
    "docs/webhooks.md",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Lines of the code blocks of one language.
fn code(text: &str, language: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match line.strip_prefix("```") {
            Some(_) if inside => inside = false,
            Some(name) => inside = name == language,
            None if inside => lines.push(line.to_owned()),
            None => {}
        }
    }
    lines
}

/// Words of a command of ours; `None` for another's.
fn ours(command: &str) -> Option<Vec<&str>> {
    Some(command.strip_prefix("cargo xtask ")?.split_whitespace().collect())
}

/// Not a flag, and nothing that stands for a value.
fn is_subcommand(word: &str) -> bool {
    word.starts_with(char::is_lowercase) && word.chars().all(|c| c.is_lowercase() || c == '-')
}

#[test]
fn every_command_of_the_readme_runs_in_its_order() {
    let Some(sandbox) = Sandbox::with_cluster(PROGRAM).map(Sandbox::without_name) else { return };
    let commands = code(&read("README.md"), "sh");
    assert!(commands.len() > 5, "{commands:?}");
    for command in &commands {
        match ours(command) {
            Some(words) => drop(sandbox.run(&words).exits(0)),
            // This very run.
            None => assert_eq!(command, "cargo test --workspace"),
        }
    }
}

#[test]
fn every_command_of_the_pages_on_git_and_lint_runs() {
    for page in ["docs/git.md", "docs/lint.md"] {
        let sandbox = Sandbox::new(PROGRAM);
        let commands = code(&read(page), "sh");
        assert!(!commands.is_empty());
        // Something for `lint` to look at.
        let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n";
        std::fs::write(sandbox.work().join("namespace.yaml"), namespace).expect("the folder is ours");
        for command in &commands {
            sandbox.run(&ours(command).expect("a command of ours")).exits(0);
        }
    }
}

/// Each block is a configuration of its own, but for the repository.
#[test]
fn the_configurations_of_the_page_on_ml_are_sound() {
    let page = read("docs/ml.md");
    let blocks: Vec<&str> =
        page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() > 1, "{blocks:?}");
    for text in blocks {
        let git = if text.contains("git:") { "" } else { "git: {url: github.com/acme/gitops}\n" };
        let source = Source { name: "docs/ml.md".into(), text: format!("{git}{text}") };
        load(Some(&source), &|_| None, &[]).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    }
}

/// The table that whitelists are made of.
#[test]
fn every_kind_of_every_set_is_documented() {
    let schema: Value = serde_json::from_str(&manifests::config::schema()).expect("a schema is JSON");
    let names = schema["$defs"]["KindSet"]["oneOf"].as_array().expect("the sets have docs");
    let (page, defaults) = (read("docs/ml.md"), KindSet::for_models());
    for name in names.iter().map(|one| &one["const"]) {
        let set: KindSet = serde_json::from_value(name.clone()).expect("one of them");
        let mut groups = Vec::<(&str, Vec<&str>)>::new();
        for kind in set.kinds() {
            match groups.iter_mut().find(|(group, _)| *group == kind.group) {
                Some((_, kinds)) => kinds.push(kind.kind),
                None => groups.push((kind.group, vec![kind.kind])),
            }
        }
        let group = |(group, kinds): &(&str, Vec<&str>)| match *group {
            "" => kinds.join(", "),
            group => format!("{group}: {}", kinds.join(", ")),
        };
        let name = name.as_str().expect("a name");
        let cells: Vec<String> = groups.iter().map(group).collect();
        let row = format!("| `{name}` | {} |", cells.join("; "));
        assert!(page.contains(&row), "{row}");
        let before = page.find(&row) <= page.find("| `monitoring` |");
        let default = before && !["quotas", "rbac"].contains(&name);
        assert_eq!(defaults.contains(&set), default, "{name}");
    }
}

#[test]
fn every_command_that_the_text_names_exists() {
    let sandbox = Sandbox::new(PROGRAM);
    for name in DOCUMENTS {
        let text = read(name);
        // Those of this repository's own xtask are no commands of the product.
        let all = text.split('`').filter_map(ours);
        for words in all.filter(|words| !matches!(words.first(), Some(&("bench" | "ci")))) {
            let mut asked: Vec<&str> = words.into_iter().take_while(|word| is_subcommand(word)).collect();
            asked.push("--help");
            sandbox.run(&asked).exits(0);
        }
    }
}

#[test]
fn every_command_of_the_table_exists_and_none_is_left_out() {
    let readme = read("README.md");
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let sandbox = Sandbox::new(PROGRAM);
    let mut tasks = Vec::new();
    for words in rows.filter_map(ours) {
        let words: Vec<&str> = words.into_iter().filter(|word| is_subcommand(word)).collect();
        let mut asked = words.clone();
        asked.push("--help");
        sandbox.run(&asked).exits(0);
        tasks.push(words[0].to_owned());
    }
    let help = sandbox.run(&["--help"]);
    let listed = help.stdout.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty()).filter_map(|line| {
        // Further lines of a description are indented more.
        line.strip_prefix("  ").filter(|rest| !rest.starts_with(' '))?.split_whitespace().next()
    });
    for task in listed.filter(|task| *task != "help") {
        assert!(tasks.iter().any(|known| known == task), "README.md has no row for `{task}`");
    }
}

#[test]
fn the_readme_shows_the_configuration_that_init_writes() {
    let shown = code(&read("README.md"), "yaml").join("\n") + "\n";
    assert_eq!(shown, manifests::config::template());
}

#[test]
fn the_page_on_machine_learning_has_the_waves_as_they_are() {
    let page = read("docs/ml.md");
    let shown = page.split("<!-- waves -->\n").nth(1).and_then(|rest| rest.split("<!-- /waves -->").next());
    assert_eq!(shown, Some(manifests::waves::markdown().as_str()));
}

#[test]
fn the_picture_has_every_stage() {
    let picture = code(&read("README.md"), "text").join("\n");
    let sandbox = Sandbox::new(PROGRAM);
    let stages = sandbox.run(&["stages"]);
    for stage in stages.exits(0).stdout.lines().filter_map(|line| line.split_whitespace().next()) {
        assert!(picture.contains(stage), "{stage} is not in the picture of README.md");
    }
}

#[test]
fn every_event_is_documented() {
    let documented = read("docs/output.md");
    let code = read("crates/gitops-setup/src/report/json.rs")
        + &read("crates/gitops-setup/src/tasks/applications.rs");
    let events: Vec<&str> =
        code.split("\"event\": \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(events.len() > 5, "{events:?}");
    for event in events {
        assert!(documented.contains(&format!("`{event}`")), "docs/output.md has no `{event}`");
    }
}

/// A message that nobody prints any more helps nobody.
#[test]
fn every_message_of_the_page_on_trouble_is_printed() {
    let mut code = String::new();
    for file in ["cluster", "gitops-setup", "stages"].map(|name| root().join("crates").join(name).join("src"))
    {
        sources(&file, &mut code);
    }
    let page = read("docs/troubleshooting.md");
    let rows: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert!(rows.len() > 15, "{rows:?}");
    for message in rows {
        assert!(code.contains(message), "nothing says `{message}`");
    }
}

/// Sources with the texts in them as they are printed: a backslash at the end of a line breaks none.
fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder of the repository").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, text);
        } else {
            let file = fs::read_to_string(&path).unwrap_or_default();
            let lines: Vec<&str> = file.lines().map(str::trim_start).collect();
            text.push_str(&lines.join("\n").replace("\\\n", ""));
        }
    }
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    for name in DOCUMENTS {
        let text = read(name);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let local = !target.is_empty() && !target.contains("://");
            assert!(!local || root().join(name).with_file_name(target).exists(), "{name}: {target}");
        }
    }
}
