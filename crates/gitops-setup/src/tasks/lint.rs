//! `lint`: defects in the files of a GitOps repository, and in what the configuration renders to.

use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use git_credentials::checkout::Checkout;
use ignore::{DirEntry, WalkBuilder};
use lint::{File, Input, RULES, Rendered, Unchecked};
use manifests::{files, yaml};

use super::{block_on, print};
use crate::args::{Global, Lint, LintFormat, Output};
use crate::failure::Failure;
use crate::report::findings::Seen;
use crate::report::{safe, wrap};
use crate::session::{CONFIG_FILE, Effects, Session};

/// Exit code where there is something to do, as of `plan --exit-code`.
const FINDINGS: u8 = 10;
/// Larger files are no manifests; in bytes.
const LARGEST: u64 = 5 << 20;

pub(crate) fn run(global: &Global, args: &Lint) -> Result<ExitCode, Failure> {
    if let Some(rule) = &args.explain {
        return explain(rule);
    }
    let mut input = Input::default();
    let unread = read(&args.path, &mut input)?;
    input.checkout = checkout(&args.path);
    render(global, args, &mut input)?;
    let mut report = lint::lint(&input);
    report.unchecked.extend(unread);
    // A file is named below its folder.
    let root = if args.path.is_file() { args.path.parent().unwrap_or(Path::new("")) } else { &args.path };
    let root = root.to_str().filter(|root| *root != ".").unwrap_or_default();
    if report.in_files == 0 && report.findings.is_empty() && report.unchecked.is_empty() {
        nothing(args, &input)?;
    }
    let seen = Seen { root, files: input.files.len(), report: &report };
    match (args.format, global.output) {
        (Some(LintFormat::Sarif), _) => {
            let log = lint::sarif::log(&report, relative(root), env!("CARGO_PKG_VERSION"));
            print(&format!("{}\n", safe::json(&format!("{log:#}"))));
        }
        (Some(LintFormat::Json), _) | (None, Output::Json) => seen.json(),
        (Some(LintFormat::Human) | None, _) => seen.human(global.verbose),
    }
    let fails = seen.errors() > 0 || (args.strict && seen.warnings() > 0);
    Ok(if fails { ExitCode::from(FINDINGS) } else { ExitCode::SUCCESS })
}

/// Refuses a folder without anything to look at: a wrong path would pass for ever. The folder of the configuration may
/// hold nothing else, as what that renders to was looked at.
fn nothing(args: &Lint, input: &Input) -> Result<(), Failure> {
    let root = args.path.canonicalize().ok();
    let is_inside = |rendered: &Rendered| {
        let config = Path::new(&rendered.file).canonicalize();
        config.is_ok_and(|config| root.as_ref().is_some_and(|root| config.starts_with(root)))
    };
    if input.rendered.iter().any(is_inside) {
        return Ok(());
    }
    let files = crate::report::count(input.files.len(), "file");
    Err(Failure::Precondition(format!(
        "{}: nothing to look at: no Kubernetes object in {files}\n  is this the root of the repository? cargo xtask lint PATH",
        args.path.display()
    )))
}

/// A folder as code hosts know it: below the current one. Of others, files are named without it.
fn relative(root: &str) -> &str {
    let is_below =
        Path::new(root).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if is_below { root.strip_prefix("./").unwrap_or(root) } else { "" }
}

fn explain(name: &str) -> Result<ExitCode, Failure> {
    let chosen: Vec<_> = RULES.iter().filter(|rule| name.is_empty() || rule.id == name).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
        return Err(Failure::Usage(format!("there is no rule `{name}`; rules are: {}", names.join(", "))));
    }
    for rule in chosen {
        let lines = wrap(&format!("{}: {}", rule.id, rule.summary), "", "  ");
        let help = wrap(rule.help, "  ", "  ");
        print(&format!("{}\n", lines.into_iter().chain(help).collect::<Vec<_>>().join("\n")));
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads the text files below a folder that Git would not leave out. Gives what was passed over.
fn read(path: &Path, input: &mut Input) -> Result<Vec<Unchecked>, Failure> {
    let missing = |error: std::io::Error| {
        Failure::Usage(format!("{}: {error}\n  name the root of the GitOps repository", path.display()))
    };
    let root = path.canonicalize().map_err(missing)?;
    let mut unread = Vec::new();
    let inside = root.clone();
    let walk = WalkBuilder::new(&root)
        .hidden(false)
        .follow_links(true)
        .require_git(false)
        .sort_by_file_path(Path::cmp)
        .filter_entry(move |entry| entry.file_name() != ".git" && stays_inside(entry, &inside))
        .build();
    for entry in walk {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                unread.push(Unchecked { file: String::new(), why: error.to_string() });
                continue;
            }
        };
        if !entry.file_type().is_some_and(|kind| kind.is_file()) {
            continue;
        }
        let name = name(entry.path(), &root);
        match text(&entry) {
            Ok(Some(text)) => input.files.push(File { path: name, text }),
            Ok(None) => input.others.push(name),
            Err(why) => {
                input.others.push(name.clone());
                unread.push(Unchecked { file: name, why });
            }
        }
    }
    Ok(unread)
}

/// Of which repository a folder is a checkout; `None` also where git can't say, and then nothing follows from it.
fn checkout(path: &Path) -> Option<lint::Checkout> {
    let checkout = Checkout::of(path).ok().filter(|checkout| checkout.is_whole(path))?;
    Some(lint::Checkout { remotes: checkout.remotes().ok()?, branch: checkout.branch().ok()? })
}

/// A link may lead anywhere; what is not below the root is in no repository.
fn stays_inside(entry: &DirEntry, root: &PathBuf) -> bool {
    !entry.path_is_symlink() || entry.path().canonicalize().is_ok_and(|target| target.starts_with(root))
}

/// The path below the root, with `/` between; the file's own name where it was named itself.
fn name(path: &Path, root: &Path) -> String {
    let below = path.strip_prefix(root).ok().filter(|below| !below.as_os_str().is_empty());
    let below = below.or_else(|| path.file_name().map(Path::new)).unwrap_or(path);
    let parts: Vec<_> = below.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}

/// The text of a file; `None` for what is no text, such as an image.
fn text(entry: &DirEntry) -> Result<Option<String>, String> {
    let size = entry.metadata().map_err(|error| error.to_string())?.len();
    if size > LARGEST {
        return Err(format!("larger than {} MiB", LARGEST >> 20));
    }
    let bytes = std::fs::read(entry.path()).map_err(|error| error.to_string())?;
    if bytes.contains(&0) {
        return Ok(None);
    }
    String::from_utf8(bytes).map(Some).map_err(|_| "not in UTF-8".to_owned())
}

/// Adds what the configuration renders to, where there is one: `--config`, that of the current folder, or that of
/// the repository.
fn render(global: &Global, args: &Lint, input: &mut Input) -> Result<(), Failure> {
    let there = args.path.join(CONFIG_FILE);
    let mut global = global.clone();
    // What the session has to say would stand in the middle of a program's input.
    global.verbose &= args.format.is_none_or(|format| format == LintFormat::Human);
    if global.config.is_none() && !Path::new(CONFIG_FILE).exists() && there.exists() {
        global.config = Some(there);
    }
    let session = Session::open(&global)?;
    if session.quickstart {
        return Ok(());
    }
    session.judge_release()?;
    // Without the stages' facts, nothing is fetched: Argo CD's own manifest is not ours to judge.
    let inputs = block_on(session.inputs(&[], Effects::None))?;
    let stages = session.stages.iter().map(|stage| (stage.name, (stage.objects)(&inputs))).collect();
    for (name, text) in files::files(stages) {
        let stage = name.split('/').next().unwrap_or_default();
        let objects = yaml::parse_objects(&text).map_err(|error| Failure::Bug(format!("{name}: {error}")))?;
        input.rendered.extend(objects.into_iter().map(|object| Rendered {
            stage: stage.to_owned(),
            file: session.config_origin.clone(),
            object,
        }));
    }
    let url = session.config.git.repo_url();
    input.repository = Some(url).filter(|url| !url.is_empty());
    Ok(())
}
