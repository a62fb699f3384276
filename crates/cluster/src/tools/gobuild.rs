//! `go build` of our pinned modules, for machines that reach a Go module proxy but no download host.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::cache::Slot;
use super::files::{FileError, Lock, Partial, clear_partial, write_whole};
use super::{
    BuildError, Event, GoModule, Origin, Progress, Resolved, Tool, ToolContext, ToolError, goversion, version,
};
use crate::dirs;

/// How much of a failed build's output goes into the error.
const TAIL_LINES: usize = 20;
const LINE_CHARS: usize = 400;

/// How a build ended that did not give the tools.
pub(super) enum NoBuild {
    /// It may be reported along with the other ways.
    Failed(BuildError),
    /// It must not be passed over.
    Stop(ToolError),
}

impl From<BuildError> for NoBuild {
    fn from(error: BuildError) -> Self {
        Self::Failed(error)
    }
}

impl From<ToolError> for NoBuild {
    fn from(error: ToolError) -> Self {
        Self::Stop(error)
    }
}

impl From<FileError> for NoBuild {
    fn from(error: FileError) -> Self {
        Self::Stop(error.into())
    }
}

/// Builds tools of one module into their slots, in one `go build`; those that another process has put there meanwhile
/// are used as they are.
pub(super) async fn build(
    module: GoModule,
    tools: &[Tool],
    context: &ToolContext,
    progress: &Progress,
) -> Result<BTreeMap<Tool, Resolved>, NoBuild> {
    let Some(go) = version::on_path("go", &context.path).into_iter().next() else {
        return Err(BuildError::NoGo.into());
    };
    let folder = Folder::of(module, context);
    let what = format!("building {}", module.name());
    let _lock = Lock::take(&folder.lock, &what, context.limits.lock, progress).await?;

    let mut resolved = BTreeMap::new();
    let mut wanted = Vec::new();
    for &tool in tools {
        let slot = Slot::of(tool, context);
        if slot.lock(&what, context.limits.lock, progress).await?.1 {
            resolved.insert(tool, slot.resolved(Origin::Cache));
        } else {
            wanted.push(tool);
        }
    }
    if wanted.is_empty() {
        return Ok(resolved);
    }
    folder.prepare()?;
    goversion::check(&go, module, &folder.root, context).await?;
    let run = Run { module, go: &go, folder: &folder, context, progress };
    run.build(&wanted).await?;
    for tool in wanted {
        resolved.insert(tool, run.install(tool, &what).await?);
    }
    folder.clear();
    Ok(resolved)
}

/// The work folder of a module, covered by its lock.
struct Folder {
    lock: PathBuf,
    root: PathBuf,
    /// Programs appear here, on the file system of the cache.
    out: PathBuf,
    /// Go's temporary files: cleared by us after a kill, and not on a /tmp that is small or noexec.
    tmp: PathBuf,
    module: GoModule,
}

impl Folder {
    fn of(module: GoModule, context: &ToolContext) -> Self {
        let base = context.cache.join("tools").join(".build");
        let root = base.join(module.name());
        let lock = base.join(format!("{}.lock", module.name()));
        Self { lock, out: root.join("out"), tmp: root.join("tmp"), root, module }
    }

    fn prepare(&self) -> Result<(), FileError> {
        self.clear();
        dirs::create(&self.out)?;
        dirs::create(&self.tmp)?;
        write_whole(&self.root.join("go.mod"), self.module.go_mod().as_bytes())?;
        write_whole(&self.root.join("go.sum"), self.module.go_sum().as_bytes())
    }

    fn clear(&self) {
        clear_partial(&self.root, "");
        for folder in [&self.out, &self.tmp] {
            // What stays is met again, and told, when the folder is made or written to.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

struct Run<'a> {
    module: GoModule,
    go: &'a Path,
    folder: &'a Folder,
    context: &'a ToolContext,
    progress: &'a Progress,
}

impl Run<'_> {
    async fn build(&self, tools: &[Tool]) -> Result<(), NoBuild> {
        let module = self.module;
        let started = Instant::now();
        let estimate = module.estimate();
        self.progress.tell(Event::BuildStarted { module, tools: tools.to_vec(), estimate });
        let mut child =
            version::spawn(&mut self.command(tools)).await.map_err(|error| self.no_start(&error))?;
        let mut output = Output::new(module);
        let limit = self.context.limits.build;
        let Ok(status) = tokio::time::timeout(limit, self.watch(&mut child, &mut output)).await else {
            return Err(BuildError::TimedOut { module, limit }.into());
        };
        let status = status.map_err(|error| self.no_start(&error))?;
        if status.success() {
            self.progress.tell(Event::BuildFinished { module, elapsed: started.elapsed() });
            return Ok(());
        }
        self.folder.clear();
        if let Some(full) = output.full_disk(&self.folder.root) {
            let source = FileError::disk_full(&full, None);
            return Err(ToolError::BuildDiskFull { module, source }.into());
        }
        let (folder, stderr) = (self.folder.root.clone(), output.tail());
        let offline = self.context.offline;
        Err(BuildError::Failed { module, folder, status: status.to_string(), stderr, offline }.into())
    }

    fn command(&self, tools: &[Tool]) -> Command {
        let platform = self.context.platform;
        let mut command = Command::new(self.go);
        // As a flag it wins over a -mod in GOFLAGS: readonly is what makes go.sum decide.
        command.args(["build", "-mod=readonly", "-trimpath", "-v"]);
        command.arg(format!("-ldflags={}", linker_flags(self.module)));
        command.arg("-o").arg(format!("{}/", self.folder.out.display()));
        command.args(tools.iter().map(|tool| tool.spec().package));
        command
            .current_dir(&self.folder.root)
            .env("PATH", &self.context.path)
            .env("CGO_ENABLED", "0")
            .env("GO111MODULE", "on")
            .env("GOWORK", "off")
            .env("GOOS", platform.os)
            .env("GOARCH", platform.arch)
            .env("GOTMPDIR", &self.folder.tmp);
        if self.context.offline {
            command.env("GOPROXY", "off").env("GOTOOLCHAIN", "local");
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Reads what go writes until it ends.
    async fn watch(
        &self,
        child: &mut Child,
        output: &mut Output,
    ) -> std::io::Result<std::process::ExitStatus> {
        if let Some(stderr) = child.stderr.take() {
            let mut lines = BufReader::new(stderr).split(b'\n');
            while let Some(line) = lines.next_segment().await? {
                if let Some(event) = output.read(&String::from_utf8_lossy(&line)) {
                    self.progress.tell(event);
                }
            }
        }
        child.wait().await
    }

    async fn install(&self, tool: Tool, what: &str) -> Result<Resolved, NoBuild> {
        let slot = Slot::of(tool, self.context);
        let (_lock, filled) = slot.lock(what, self.context.limits.lock, self.progress).await?;
        if filled {
            return Ok(slot.resolved(Origin::Cache));
        }
        let built = self.folder.out.join(built_name(tool.spec().package));
        if let Err(error) = std::fs::File::open(&built).and_then(|file| file.sync_all()) {
            return Err(FileError::new("read", &built, None, error).into());
        }
        let origin = format!("go build {}", tool.spec().package);
        slot.install(Partial::of(built, &slot.path), origin).await?;
        Ok(slot.resolved(Origin::Built))
    }

    fn no_start(&self, error: &std::io::Error) -> BuildError {
        BuildError::Start { go: self.go.to_owned(), why: error.to_string() }
    }
}

fn linker_flags(module: GoModule) -> String {
    let stamps = module.stamps().iter().map(|(name, value)| format!(" -X {name}={value}"));
    ["-s -w".to_owned()].into_iter().chain(stamps).collect()
}

/// The name go gives a program: the last element of its package path that is not a major version.
fn built_name(package: &str) -> &str {
    let major = |name: &str| name.strip_prefix('v').is_some_and(|rest| rest.parse::<u32>().is_ok());
    package.rsplit('/').find(|name| !major(name)).unwrap_or(package)
}

/// What go has written so far.
struct Output {
    module: GoModule,
    downloads: usize,
    packages: usize,
    last: VecDeque<String>,
    /// Lines that are neither downloads nor packages: when it fails, these say why.
    complaints: VecDeque<String>,
}

impl Output {
    fn new(module: GoModule) -> Self {
        Self { module, downloads: 0, packages: 0, last: VecDeque::new(), complaints: VecDeque::new() }
    }

    fn read(&mut self, line: &str) -> Option<Event> {
        let line: String = line.trim_end().chars().take(LINE_CHARS).collect();
        if line.is_empty() {
            return None;
        }
        keep(&mut self.last, &line);
        if line.starts_with("go: downloading ") {
            self.downloads += 1;
        } else if is_package(&line) {
            self.packages += 1;
        } else {
            keep(&mut self.complaints, &line);
            return None;
        }
        let last = line.strip_prefix("go: ").unwrap_or(&line).to_owned();
        let (downloads, packages) = (self.downloads, self.packages);
        Some(Event::Build { module: self.module, downloads, packages, last })
    }

    fn tail(self) -> Vec<String> {
        if self.complaints.is_empty() { self.last.into() } else { self.complaints.into() }
    }

    /// The folder that go found no room in.
    fn full_disk(&self, otherwise: &Path) -> Option<PathBuf> {
        let line = self.complaints.iter().find(|line| line.contains("no space left on device"))?;
        let file = line.split(": no space left").next()?.rsplit([' ', ':']).next()?;
        let folder = Path::new(file).parent().filter(|_| file.starts_with('/'));
        Some(folder.unwrap_or(otherwise).to_owned())
    }
}

fn keep(lines: &mut VecDeque<String>, line: &str) {
    if lines.len() == TAIL_LINES {
        lines.pop_front();
    }
    lines.push_back(line.to_owned());
}

/// With -v, go names each package that it compiles on a line of its own.
fn is_package(line: &str) -> bool {
    !line.starts_with('#') && !line.contains([' ', '\t', ':'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modules_pin_what_the_table_says() {
        let control_plane = GoModule::ControlPlane.go_mod();
        for (module, tool) in [
            ("k8s.io/kubernetes", Tool::KubeApiserver),
            ("go.etcd.io/etcd/server/v3", Tool::Etcd),
            ("sigs.k8s.io/kwok", Tool::Kwok),
        ] {
            let line = format!("\t{module} v{}", tool.version());
            assert!(control_plane.lines().any(|have| have.starts_with(&line)), "{line}");
        }
        assert!(GoModule::Kind.go_mod().contains(&format!("sigs.k8s.io/kind v{}", Tool::Kind.version())));
        for tool in Tool::ALL {
            let spec = tool.spec();
            assert!(spec.module.go_mod().contains(spec.package), "{tool} is no tool of its module");
        }
    }

    #[test]
    fn the_stamps_are_the_versions_of_the_table() {
        let flags = linker_flags(GoModule::ControlPlane);
        let kubernetes = Tool::KubeApiserver.version();
        assert!(flags.starts_with("-s -w -X "), "{flags}");
        assert!(
            flags.contains(&format!("k8s.io/component-base/version.gitVersion=v{kubernetes} ")),
            "{flags}"
        );
        assert!(flags.ends_with(&format!("consts.Version=v{}", Tool::Kwok.version())), "{flags}");
        assert_eq!(linker_flags(GoModule::Kind), "-s -w");
    }

    #[test]
    fn built_programs_are_found_by_gos_name() {
        assert_eq!(built_name("go.etcd.io/etcd/server/v3"), "server");
        assert_eq!(built_name("sigs.k8s.io/kind"), "kind");
    }

    #[test]
    fn gos_output_is_counted_and_its_complaints_are_kept() {
        let mut output = Output::new(GoModule::Kind);
        assert_eq!(output.read(""), None);
        output.read("go: downloading sigs.k8s.io/kind v0.33.0");
        let event = output.read("sigs.k8s.io/kind/pkg/log").unwrap();
        assert_eq!(event.to_string(), "building kind: 1 of about 290 packages");
        assert_eq!(output.read("# sigs.k8s.io/kind/pkg/log"), None);
        assert_eq!(output.full_disk(Path::new("/w")), None);
        output.read("go: write /c/go-build/ab/x: no space left on device");
        assert_eq!(output.full_disk(Path::new("/w")).as_deref(), Some(Path::new("/c/go-build/ab")));
        assert_eq!(output.tail().len(), 2);
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let mut output = Output::new(GoModule::Kind);
        for number in 0..1000 {
            output.read(&format!("x.go:{number}: undefined {}", "y".repeat(10_000)));
        }
        let tail = output.tail();
        assert_eq!(tail.len(), TAIL_LINES);
        assert!(tail.last().unwrap().starts_with("x.go:999: ") && tail.last().unwrap().len() == LINE_CHARS);
    }
}
