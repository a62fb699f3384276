//! Words and widths, shared by what is printed.

use stages::teardown::{Undo, Undoing};
use stages::{Action, Plan};

use super::{safe, spoken};

/// Lines are kept within this many columns.
pub(super) const WIDTH: usize = 80;

/// `text` in lines of at most 80 columns, the later ones indented by `indent`.
pub(crate) fn wrap(text: &str, first: &str, indent: &str) -> Vec<String> {
    let first = spoken(first);
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(&first)
        .subsequent_indent(indent)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::wrap(&safe::paragraph(&spoken(text)), options)
        .into_iter()
        .map(std::borrow::Cow::into_owned)
        .collect()
}

/// An error in lines of at most 80 columns. A command at the end of a line stays whole, to be copied.
pub(super) fn paragraphs(text: &str) -> Vec<String> {
    safe::text(&spoken(text))
        .lines()
        .enumerate()
        .flat_map(|(number, line)| {
            let words = line.trim_start();
            let indent = &line[..line.len() - words.len()];
            let more = format!("{indent}  ");
            match line.rsplit_once(": ") {
                _ if line.chars().count() <= WIDTH => vec![line.to_owned()],
                Some((prose, command)) if number > 0 && is_command(command) => {
                    let mut lines = wrap(&format!("{}:", prose.trim_start()), indent, &more);
                    lines.push(format!("{more}{command}"));
                    lines
                }
                _ => wrap(words, indent, &more),
            }
        })
        .collect()
}

/// Begins as what is to be typed, not with prose.
fn is_command(text: &str) -> bool {
    const PROGRAMS: [&str; 17] = [
        "argocd",
        "cargo",
        "chmod",
        "curl",
        "getent",
        "git",
        "gitops-setup",
        "helm",
        "kubectl",
        "ls",
        "nc",
        "openssl",
        "puttygen",
        "sh",
        "ssh-add",
        "ssh-keygen",
        "ssh-keyscan",
    ];
    text.split_whitespace().next().is_some_and(|word| PROGRAMS.contains(&word) || word.starts_with("--"))
}

/// `1 object`, `2 objects`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Rows under headings, of at most 80 columns: where they don't fit, each has lines of its own.
pub(crate) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    const GAP: usize = 2;
    let rows: Vec<[String; N]> =
        rows.iter().map(|row| row.each_ref().map(|cell| safe::line(cell).into_owned())).collect();
    let length = |text: &str| text.chars().count();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| length(&row[column]));
        cells.chain([length(headings[column])]).max().unwrap_or_default()
    };
    let widths: [usize; N] = std::array::from_fn(width);
    if rows.is_empty() {
        return String::new();
    }
    if widths.iter().sum::<usize>() + GAP * N.saturating_sub(1) > WIDTH {
        let rows = rows.iter().map(|row| std::array::from_fn(|column| row[column].as_str()));
        let lines = |row: [&str; N]| -> Vec<String> {
            let rest: Vec<&str> = row[1..].iter().filter(|cell| !cell.is_empty()).copied().collect();
            let rest = wrap(&rest.join(", "), "  ", "    ");
            [row[0].to_owned()].into_iter().chain(rest).collect()
        };
        return [headings].into_iter().chain(rows).flat_map(lines).map(|line| line + "\n").collect();
    }
    let line = |cells: [&str; N]| {
        let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join(&" ".repeat(GAP)).trim_end().to_owned() + "\n"
    };
    let rows = rows.iter().map(|row| line(std::array::from_fn(|column| row[column].as_str())));
    [line(headings)].into_iter().chain(rows).collect()
}

/// A plan, a line or a few for each action.
pub(super) fn plan(plan: &Plan) -> Vec<String> {
    plan.actions.iter().flat_map(action).collect()
}

/// Where applying a plan would stop, as others own what it changes; `None` where nobody does.
pub(super) fn stops(plan: &Plan) -> Option<String> {
    let applies = plan.actions.iter().filter_map(|action| match action {
        Action::Apply(apply) => Some(apply),
        _ => None,
    });
    let conflicts = applies.flat_map(|apply| apply.conflicts().map(move |change| (&apply.object, change)));
    let conflicts: Vec<_> = conflicts.collect();
    let (object, change) = conflicts.first()?;
    let more = match conflicts.len() - 1 {
        0 => String::new(),
        more => format!(" ({more} more like it)"),
    };
    Some(format!(
        "setup stops here: {} of {} is set by {}{more}; to take it over: cargo xtask setup --force-conflicts",
        change.path,
        object.reference(),
        change.owners.join(", ")
    ))
}

/// The way back of a stage, a line or a few for each step.
pub(super) fn undoing(undoing: &Undoing) -> Vec<String> {
    let step = |step: &Undo| match step {
        Undo::Delete(object) => vec![format!("  - {object}")],
        Undo::Spare(object) => vec![format!("  ~ {object}: loses Argo CD's finalizers")],
        Undo::Cascade(object) => vec![format!("  ~ {object}: takes along what it deployed")],
        Undo::RemoveWebhook(hook) => vec![format!("  - webhook for {}: {}", hook.receiver.name(), hook.url)],
        Undo::Release(apply) | Undo::Prepare(apply) => {
            let mut lines = vec![format!("  ~ {}", apply.object.reference())];
            lines.extend(apply.changes.iter().map(|change| format!("      {change}")));
            lines
        }
    };
    undoing.steps.iter().flat_map(step).collect()
}

fn action(action: &Action) -> Vec<String> {
    match action {
        Action::CreateCluster { what } => vec![format!("  + {what}")],
        Action::InitRepository { url, folders } => {
            wrap(&format!("{url}: folders {}", folders.join(", ")), "  + ", "    ")
        }
        Action::MergeValues { path, .. } => vec![format!("  ~ {}: section gitops", path.display())],
        Action::UpgradeRelease { release, namespace, .. } => {
            vec![format!("  ~ Helm release {release} in {namespace}: section gitops")]
        }
        Action::WaitFor { object, pointer, why } => {
            wrap(&format!("wait for {pointer} of {object}: {why}"), "    ", "    ")
        }
        Action::WaitServed { definitions } => {
            definitions.iter().map(|definition| format!("    wait until {definition} is served")).collect()
        }
        Action::PutWebhook(hook) => {
            let sign = if hook.creates { '+' } else { '~' };
            let mut lines = vec![format!("  {sign} webhook for {}: {}", hook.receiver.name(), hook.url)];
            lines.extend(hook.changes.iter().flat_map(|change| wrap(change, "      ", "        ")));
            lines
        }
        Action::RemoveField { object, pointer, why, .. } => {
            wrap(&format!("{object}: remove {pointer}: {why}"), "  - ", "    ")
        }
        Action::Apply(apply) => {
            let sign = if apply.creates { '+' } else { '~' };
            let mut lines = vec![format!("  {sign} {}", apply.object.reference())];
            lines.extend(apply.changes.iter().map(|change| format!("      {change}")));
            if apply.creates {
                lines.extend(apply.fill.iter().map(|(key, _)| format!("      data.{key}: (hidden)")));
            }
            lines
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_fits_or_is_no_table() {
        let rows = [["a".to_owned(), "bb".to_owned()], ["long".to_owned(), String::new()]];
        assert_eq!(table(["NAME", "X"], &rows), "NAME  X\na     bb\nlong\n");
        let long = [["a".to_owned(), "b".repeat(70), "c".repeat(9)]];
        let told = format!("NAME\n  X, Y\na\n  {},\n    {}\n", "b".repeat(70), "c".repeat(9));
        assert_eq!(table(["NAME", "X", "Y"], &long), told);
        assert_eq!(table(["NAME", "X"], &[]), "");
    }

    #[test]
    fn errors_fit_and_commands_stay_whole() {
        let long = "error: the Git host git.example.com:8443 can't be reached: Connection refused (os error 111)\n  check \
                    host and port of `git.url`, firewalls and the proxy (HTTPS_PROXY): curl -v https://git.example.com/";
        let lines = paragraphs(long);
        assert_eq!(lines.last().map(String::as_str), Some("    curl -v https://git.example.com/"));
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{lines:?}");
        assert_eq!(paragraphs("error: short\n  next: command"), ["error: short", "  next: command"]);
        let command = format!("error: x\n  run: kubectl {}", "y".repeat(100));
        assert_eq!(paragraphs(&command)[2], format!("    kubectl {}", "y".repeat(100)));
        let prose = format!("error: x\n  a token of this kind: {}", "read and write ".repeat(8));
        assert!(paragraphs(&prose).iter().all(|line| line.chars().count() <= WIDTH));
    }
}
