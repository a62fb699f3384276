//! `go build`: with a script in place of go, and with the real one where there is one.

use std::process::Command;

use cluster::tools::{BuildError, Event, Origin, Platform, Progress, Tool, ToolError, resolve};

use crate::support::{Place, good};

/// Notes its arguments, and writes a program for each package that it is asked for, under go's name.
const GO: &str = r#"#!/bin/sh
log="$0.log"
PATH=/usr/bin:/bin
case $1 in
env) echo GOVERSION_HERE; echo TOOLCHAIN_HERE; exit ;;
esac
echo "$* GOPROXY=${GOPROXY-} CGO_ENABLED=$CGO_ENABLED" >> "$log"
BEFORE
[ -f go.sum ] || exit 3
while [ $# -gt 0 ]; do
  case $1 in
  -o) out=$2; shift ;;
  */kube-*) echo 'echo Kubernetes v1.36.3' > "$out${1##*/}" ;;
  */kwok | */kwokctl) echo "echo ${1##*/} version v0.8.0" > "$out${1##*/}" ;;
  */server/v3) echo 'echo etcd Version: 3.6.16' > "${out}server" ;;
  */kind) echo 'echo kind version 0.33.0' > "${out}kind" ;;
  esac
  case $1 in *.*/*) echo "$1" >&2 ;; esac
  shift
done
for file in "$out"*; do sed -i '1i #!/bin/sh' "$file"; chmod +x "$file"; done
"#;

fn fake_go(place: &Place, before: &str) {
    fake_go_of(place, "go1.26.8", "local", before);
}

fn fake_go_of(place: &Place, version: &str, toolchain: &str, before: &str) {
    let script = GO.replace("GOVERSION_HERE", version).replace("TOOLCHAIN_HERE", toolchain);
    place.program("go", script.replace("BEFORE", before).as_bytes());
}

fn calls(place: &Place) -> Vec<String> {
    let log = std::fs::read_to_string(place.bin().join("go.log")).unwrap_or_default();
    log.lines().map(str::to_owned).collect()
}

async fn failure(place: &Place, tool: Tool) -> ToolError {
    resolve(&[tool], &place.context, &place.progress()).await.unwrap_err()
}

#[tokio::test]
async fn all_tools_of_a_module_are_built_at_once() {
    let place = Place::new();
    fake_go(&place, "echo 'go: downloading example.com/x v1.0.0' >&2");
    let tools = &Tool::ALL[..6];
    let found = resolve(tools, &place.context, &place.progress()).await.unwrap();
    assert!(found.values().all(|tool| tool.origin == Origin::Built));
    assert_eq!(found[&Tool::Etcd].path, place.cached(Tool::Etcd));
    let calls = calls(&place);
    let [call] = &calls[..] else { panic!("{calls:?}") };
    for part in ["-mod=readonly", "-trimpath", "version.gitVersion=v1.36.3", "CGO_ENABLED=0"] {
        assert!(call.contains(part), "{call}");
    }
    let told = place.told();
    let starts = told.iter().filter(|event| matches!(event, Event::BuildStarted { .. })).count();
    assert_eq!(starts, 1);
    assert!(told.iter().any(|event| event.to_string().ends_with("about 6 minutes the first time")));
    let counted = told.iter().any(|event| matches!(event, Event::Build { downloads: 1, packages: 6, .. }));
    assert!(counted, "{told:?}");

    let found = resolve(tools, &place.context, &place.progress()).await.unwrap();
    assert!(found.values().all(|tool| tool.origin == Origin::Cache));
    assert_eq!(calls.len(), 1);
}

#[tokio::test]
async fn only_what_is_missing_is_built() {
    let place = Place::new();
    fake_go(&place, "");
    place.program("etcd", &good(Tool::Etcd));
    let found = resolve(&[Tool::Etcd, Tool::Kwok], &place.context, &place.progress()).await.unwrap();
    assert_eq!((found[&Tool::Etcd].origin, found[&Tool::Kwok].origin), (Origin::Path, Origin::Built));
    assert!(!calls(&place)[0].contains("go.etcd.io"));
}

#[tokio::test]
async fn a_failed_build_tells_what_go_said_and_what_matters() {
    let place = Place::new();
    fake_go(&place, "echo 'sigs.k8s.io/kind@v0.33.0: dial tcp: connection refused' >&2; exit 1");
    let error = failure(&place, Tool::Kind).await;
    let ToolError::Unavailable(report) = &error else { panic!("{error}") };
    assert!(matches!(report.builds[..], [BuildError::Failed { .. }]));
    let text = error.to_string();
    for part in ["kind@v0.33.0: dial tcp: connection refused", "GOPROXY", "GOFLAGS", "exit status: 1"] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
}

#[tokio::test]
async fn a_build_that_is_killed_says_so() {
    let place = Place::new();
    fake_go(&place, "kill -9 $$");
    let text = failure(&place, Tool::Kind).await.to_string();
    assert!(text.contains("signal: 9") && text.contains("memory"), "{text}");
}

#[tokio::test]
async fn offline_builds_from_gos_own_cache_alone() {
    let mut place = Place::new();
    place.context.offline = true;
    fake_go(&place, "");
    resolve(&[Tool::Kind], &place.context, &place.progress()).await.unwrap();
    assert!(calls(&place)[0].contains("GOPROXY=off"));
}

#[tokio::test]
async fn a_go_that_is_too_old_is_named() {
    let place = Place::new();
    fake_go_of(&place, "go1.24.1", "local", "");
    let text = failure(&place, Tool::Kind).await.to_string();
    assert!(text.contains("is version 1.24.1") && text.contains("GOTOOLCHAIN=auto"), "{text}");
    assert!(calls(&place).is_empty());
}

#[tokio::test]
async fn a_disk_that_go_fills_is_named() {
    let place = Place::new();
    fake_go(&place, "echo 'go: write /var/x/go-build/ab/cd-d: no space left on device' >&2; exit 1");
    let error = failure(&place, Tool::Kind).await;
    assert!(matches!(error, ToolError::BuildDiskFull { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("/var/x/go-build/ab ") && text.contains("GOCACHE"), "{text}");
}

#[tokio::test]
async fn a_build_that_gives_something_else_is_not_kept() {
    let place = Place::new();
    fake_go(&place, "");
    let go = place.bin().join("go");
    let script = std::fs::read_to_string(&go).unwrap().replace("kind version 0.33.0", "kind version 0.0.1");
    crate::support::write_program(&go, script.as_bytes());
    let error = failure(&place, Tool::Kind).await;
    assert!(matches!(error, ToolError::Unusable { .. }), "{error}");
    assert!(!place.cached(Tool::Kind).exists());
}

#[tokio::test]
async fn a_build_that_hangs_is_ended() {
    let mut place = Place::new();
    place.context.limits.build = std::time::Duration::from_millis(300);
    fake_go(&place, "exec sleep 600");
    let text = failure(&place, Tool::Kind).await.to_string();
    assert!(text.contains("was stopped: not done after"), "{text}");
}

#[tokio::test]
async fn two_at_once_build_once() {
    let place = Place::new();
    // The build goes on when the other one waits for it.
    let pipe = place.dir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fake_go(&place, &format!("read _ < {}", pipe.display()));
    let progress = Progress::new(move |event| {
        if matches!(&event, Event::Waiting { what, .. } if what == "building kind") {
            let pipe = pipe.clone();
            std::thread::spawn(move || std::fs::write(pipe, "go on\n").unwrap());
        }
    });
    let one = resolve(&[Tool::Kind], &place.context, &progress);
    let two = resolve(&[Tool::Kind], &place.context, &progress);
    let (one, two) = tokio::join!(one, two);
    let mut origins = [one.unwrap()[&Tool::Kind].origin, two.unwrap()[&Tool::Kind].origin];
    origins.sort_by_key(|origin| *origin == Origin::Cache);
    assert_eq!(origins, [Origin::Built, Origin::Cache]);
    assert_eq!(calls(&place).len(), 1);
}

/// Whether the real go is there and can get kind's module.
fn real_go(folder: &std::path::Path) -> Result<(), String> {
    let mut go = Command::new("go");
    go.args(["list", "-m", "sigs.k8s.io/kind@v0.33.0"]).current_dir(folder);
    go.env("GO111MODULE", "on").env("GOWORK", "off").env("GOFLAGS", "-mod=mod");
    match go.output() {
        Err(error) => Err(format!("no go ({error})")),
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            Err(format!("go cannot get modules: {}", String::from_utf8_lossy(&output.stderr).trim()))
        }
    }
}

#[tokio::test]
async fn the_real_go_builds_the_real_kind() {
    let mut place = Place::new();
    if let Err(why) = real_go(place.dir.path()) {
        println!("skipped: {why}");
        return;
    }
    place.context.path = std::env::var_os("PATH").unwrap();
    place.context.platform = Platform::this();
    // One that is installed would be found first.
    let kept = std::env::split_paths(&place.context.path).filter(|folder| !folder.join("kind").exists());
    place.context.path = std::env::join_paths(kept.collect::<Vec<_>>()).unwrap();
    let found = resolve(&[Tool::Kind], &place.context, &place.progress()).await.unwrap();
    assert_eq!(found[&Tool::Kind].origin, Origin::Built);
    let answer = Command::new(&found[&Tool::Kind].path).arg("--version").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&answer.stdout).trim(), "kind version 0.33.0");
    let work = place.context.cache.join("tools/.build/kind");
    assert!(!work.join("out").exists() && !work.join("tmp").exists());
}
