//! The order in which a tool is looked for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures::{StreamExt as _, stream};

use super::cache::{Content, Slot};
use super::gobuild::{self, NoBuild};
use super::release::{self, NoRelease};
use super::version::{self, NoVersion};
use super::{
    BuildError, Event, GoModule, Missing, Origin, Progress, Resolved, Tool, ToolContext, ToolError,
    Unavailable,
};

/// How many downloads, or questions for a version, go on at once.
const AT_ONCE: usize = 4;

type Tried = Vec<(&'static str, String)>;

pub(super) async fn resolve(
    tools: &[Tool],
    context: &ToolContext,
    progress: &Progress,
) -> Result<BTreeMap<Tool, Resolved>, ToolError> {
    let mut search = Search { context, progress, found: BTreeMap::new(), missing: BTreeMap::new() };
    search.look_around(tools.iter().copied().collect()).await?;
    search.download().await?;
    let builds = search.build().await?;
    search.finish(builds)
}

struct Search<'a> {
    context: &'a ToolContext,
    progress: &'a Progress,
    found: BTreeMap<Tool, Resolved>,
    missing: BTreeMap<Tool, Tried>,
}

impl Search<'_> {
    /// Override, cache and PATH.
    async fn look_around(&mut self, tools: BTreeSet<Tool>) -> Result<(), ToolError> {
        let context = self.context;
        let looks = stream::iter(tools)
            .map(|tool| async move { (tool, at_hand(tool, context).await) })
            .buffered(AT_ONCE);
        let mut looks = std::pin::pin!(looks);
        while let Some((tool, look)) = looks.next().await {
            match look? {
                Ok(resolved) => {
                    self.found.insert(tool, resolved);
                }
                Err(tried) => {
                    self.missing.insert(tool, tried);
                }
            }
        }
        Ok(())
    }

    async fn download(&mut self) -> Result<(), ToolError> {
        if self.context.offline {
            self.note("download", "GITOPS_SETUP_OFFLINE is set");
            return Ok(());
        }
        let (context, progress) = (self.context, self.progress);
        let missing: Vec<_> = self.missing.keys().copied().collect();
        let downloads = stream::iter(missing)
            .map(|tool| async move { (tool, release::download(tool, context, progress).await) })
            .buffer_unordered(AT_ONCE);
        let mut downloads = std::pin::pin!(downloads);
        while let Some((tool, download)) = downloads.next().await {
            match download {
                Ok(resolved) => self.insert(tool, resolved),
                Err(NoRelease::Stop(error)) => return Err(error),
                Err(NoRelease::Unreachable(why)) => {
                    self.progress.tell(Event::NoDownload { tool, why: why.clone() });
                    self.missing.entry(tool).or_default().push(("download", why));
                }
            }
        }
        Ok(())
    }

    async fn build(&mut self) -> Result<Vec<BuildError>, ToolError> {
        let mut modules: BTreeMap<GoModule, Vec<Tool>> = BTreeMap::new();
        for &tool in self.missing.keys() {
            modules.entry(tool.spec().module).or_default().push(tool);
        }
        let mut failed = Vec::new();
        for (module, tools) in modules {
            match gobuild::build(module, &tools, self.context, self.progress).await {
                Ok(built) => built.into_iter().for_each(|(tool, resolved)| self.insert(tool, resolved)),
                Err(NoBuild::Stop(error)) => return Err(error),
                Err(NoBuild::Failed(BuildError::NoGo)) => self.note("go build", "there is no `go` on PATH"),
                Err(NoBuild::Failed(error)) => {
                    for tool in tools {
                        let tried = self.missing.entry(tool).or_default();
                        tried.push(("go build", format!("{} failed, see below", module.name())));
                    }
                    failed.push(error);
                }
            }
        }
        Ok(failed)
    }

    fn finish(self, builds: Vec<BuildError>) -> Result<BTreeMap<Tool, Resolved>, ToolError> {
        if self.missing.is_empty() {
            return Ok(self.found);
        }
        let folders = self.missing.keys().map(|&tool| release::by_hand(tool, self.context)).collect();
        let missing = self.missing.into_iter().map(|(tool, tried)| Missing { tool, tried }).collect();
        Err(Box::new(Unavailable { missing, builds, folders, offline: self.context.offline }).into())
    }

    fn insert(&mut self, tool: Tool, resolved: Resolved) {
        self.missing.remove(&tool);
        self.found.insert(tool, resolved);
    }

    fn note(&mut self, way: &'static str, why: &str) {
        for tried in self.missing.values_mut().filter(|tried| tried.iter().all(|(tried, _)| *tried != way)) {
            tried.push((way, why.to_owned()));
        }
    }
}

async fn at_hand(tool: Tool, context: &ToolContext) -> Result<Result<Resolved, Tried>, ToolError> {
    if let Some(path) = context.overrides.get(&tool) {
        return overridden(tool, path, context).await.map(Ok);
    }
    let slot = Slot::of(tool, context);
    let mut tried = Tried::new();
    match slot.look().await {
        Content::Good => return Ok(Ok(slot.resolved(Origin::Cache))),
        Content::Nothing => tried.push(("cache", format!("nothing at {}", slot.path.display()))),
        Content::Bad(why) => tried.push(("cache", format!("{}: {why}", slot.path.display()))),
    }
    match search_path(tool, context).await {
        Ok(resolved) => Ok(Ok(resolved)),
        Err(why) => {
            tried.push(("PATH", why));
            Ok(Err(tried))
        }
    }
}

async fn overridden(tool: Tool, path: &Path, context: &ToolContext) -> Result<Resolved, ToolError> {
    let wrong = |why: String| ToolError::Override { tool, path: path.to_owned(), why };
    version::is_program(path).map_err(wrong)?;
    let absolute = std::path::absolute(path).map_err(|error| wrong(error.to_string()))?;
    let (version, warning) = match version::ask(&absolute, tool, context.limits.version).await {
        Ok(version) if version == tool.version() => (version, None),
        Ok(version) => {
            let warning = format!("{} is version {version}, not {}", path.display(), tool.version());
            (version, Some(warning))
        }
        Err(NoVersion::Start(why)) => return Err(wrong(why)),
        Err(NoVersion::Answer(why)) => {
            ("unknown".to_owned(), Some(format!("the version of {} is unknown: {why}", path.display())))
        }
    };
    let warning = warning.map(|warning| format!("{}: {warning}", tool.env()));
    Ok(Resolved { path: absolute, version, origin: Origin::Override, warning })
}

async fn search_path(tool: Tool, context: &ToolContext) -> Result<Resolved, String> {
    let mut others = Vec::new();
    for path in version::on_path(tool.name(), &context.path) {
        match version::ask(&path, tool, context.limits.version).await {
            Ok(version) if version == tool.version() => {
                return Ok(Resolved { path, version, origin: Origin::Path, warning: None });
            }
            Ok(version) => others.push(format!("{} is version {version}", path.display())),
            Err(why) => others.push(format!("{}: {why}", path.display())),
        }
    }
    Err(if others.is_empty() { "it is not there".to_owned() } else { others.join("; ") })
}
