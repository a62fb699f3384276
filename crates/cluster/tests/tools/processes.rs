//! Several at once, killed ones, and full disks: with real processes where that is the point.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use cluster::tools::{Event, Limits, Origin, Progress, Tool, resolve};

use crate::server::{Reply, Server, gate};
use crate::support::{KIND, Place, context, good, publish_kind};

const CACHE: &str = "TOOLS_TEST_CACHE";
const SERVER: &str = "TOOLS_TEST_SERVER";

/// Not a test of its own: what the other tests start as a process. Gets kind and prints how that ended.
#[tokio::test]
async fn in_another_process() {
    let (Some(cache), Ok(server)) = (std::env::var_os(CACHE), std::env::var(SERVER)) else { return };
    let context = context(cache.into(), "/nowhere".into(), &server);
    match resolve(&[Tool::Kind], &context, &Progress::none()).await {
        Ok(found) => println!("OUTCOME {:?}", found[&Tool::Kind].origin),
        Err(error) => println!("OUTCOME {error}"),
    }
}

fn another_process(through: &[&str], cache: &Path, server: &Server) -> Child {
    let mut words: Vec<_> = through.iter().map(Into::into).collect();
    words.push(std::env::current_exe().unwrap().into_os_string());
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).args(["--exact", "processes::in_another_process", "--nocapture"]);
    command.env(CACHE, cache).env(SERVER, &server.address).stdout(Stdio::piped());
    command.spawn().unwrap()
}

fn outcome(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (_, outcome) = text.split_once("OUTCOME ").unwrap_or_else(|| panic!("no outcome in {text}"));
    outcome.to_owned()
}

/// Opens the gate when the first event of waiting is told.
fn open_when_waiting(open: std::sync::mpsc::Sender<()>) -> Progress {
    Progress::new(move |event| {
        if matches!(event, Event::Waiting { .. }) {
            open.send(()).ok();
        }
    })
}

#[tokio::test]
async fn two_processes_download_once() {
    let server = Server::start();
    let place = Place::with(&server);
    publish_kind(&server, &good(Tool::Kind));
    let (held, keeper) = gate();
    server.on(KIND, Reply::Gated(good(Tool::Kind), held));
    let child = another_process(&[], &place.context.cache, &server);
    keeper.begun.recv().unwrap();
    let found = resolve(&[Tool::Kind], &place.context, &open_when_waiting(keeper.open)).await.unwrap();
    assert_eq!(found[&Tool::Kind].origin, Origin::Cache);
    assert!(outcome(child).starts_with("Downloaded"));
    assert_eq!(server.asked(KIND), 1);
}

#[tokio::test]
async fn two_tasks_download_once() {
    let server = Server::start();
    let place = Place::with(&server);
    publish_kind(&server, &good(Tool::Kind));
    let (held, keeper) = gate();
    server.on(KIND, Reply::Gated(good(Tool::Kind), held));
    let progress = open_when_waiting(keeper.open);
    let one = resolve(&[Tool::Kind], &place.context, &progress);
    let two = resolve(&[Tool::Kind], &place.context, &progress);
    let (one, two) = tokio::join!(one, two);
    let mut origins = [one.unwrap()[&Tool::Kind].origin, two.unwrap()[&Tool::Kind].origin];
    origins.sort_by_key(|origin| *origin == Origin::Cache);
    assert_eq!(origins, [Origin::Downloaded, Origin::Cache]);
    assert_eq!(server.asked(KIND), 1);
}

#[tokio::test]
async fn what_a_killed_process_leaves_is_cleared() {
    let server = Server::start();
    let place = Place::with(&server);
    publish_kind(&server, &good(Tool::Kind));
    let (held, keeper) = gate();
    server.on(KIND, Reply::Gated(good(Tool::Kind), held));
    let mut child = another_process(&[], &place.context.cache, &server);
    keeper.begun.recv().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let left = place.names_beside(Tool::Kind);
    assert!(left.iter().any(|name| name.starts_with(".partial-")), "{left:?}");
    assert!(!place.cached(Tool::Kind).exists());
    let found = resolve(&[Tool::Kind], &place.context, &place.progress()).await.unwrap();
    assert_eq!(found[&Tool::Kind].origin, Origin::Downloaded);
    assert_eq!(place.names_beside(Tool::Kind), [".lock", "kind", "kind.json"]);
}

#[tokio::test]
async fn an_abandoned_download_leaves_nothing_and_no_lock() {
    let server = Server::start();
    let place = Place::with(&server);
    publish_kind(&server, &good(Tool::Kind));
    let (held, keeper) = gate();
    server.on(KIND, Reply::Gated(good(Tool::Kind), held));
    let begun = tokio::task::spawn_blocking(move || {
        keeper.begun.recv().unwrap();
        keeper.open
    });
    let (context, progress) = (&place.context, place.progress());
    let open = tokio::select! {
        _ = resolve(&[Tool::Kind], context, &progress) => panic!("the gate was shut"),
        open = begun => open.unwrap(),
    };
    let found = resolve(&[Tool::Kind], &place.context, &place.progress()).await.unwrap();
    assert_eq!(found[&Tool::Kind].origin, Origin::Downloaded);
    drop(open);
    assert_eq!(server.asked(KIND), 2);
}

#[tokio::test]
async fn waiting_for_another_process_has_an_end() {
    let server = Server::start();
    let mut place = Place::with(&server);
    publish_kind(&server, &good(Tool::Kind));
    let (held, keeper) = gate();
    server.on(KIND, Reply::Gated(good(Tool::Kind), held));
    let child = another_process(&[], &place.context.cache, &server);
    keeper.begun.recv().unwrap();
    place.context.limits = Limits { lock: std::time::Duration::ZERO, ..Limits::default() };
    let error = resolve(&[Tool::Kind], &place.context, &place.progress()).await.unwrap_err().to_string();
    assert!(error.contains("another process is downloading kind") && error.contains("fuser"), "{error}");
    drop(keeper.open);
    assert!(outcome(child).starts_with("Downloaded"));
}

#[tokio::test]
async fn a_full_disk_is_told_with_its_folder_and_what_is_missing() {
    let script = r#"mount -t tmpfs -o size=256k none "$0" && exec "$@""#;
    let place = Place::new();
    let disk = place.dir.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    // In a mount namespace of its own, so that nothing is left mounted whatever happens.
    let mut through = vec!["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script];
    through.push(disk.to_str().unwrap());
    let may = Command::new(through[0]).args(&through[1..]).arg("true").stderr(Stdio::null()).status();
    if !may.is_ok_and(|status| status.success()) {
        println!("skipped: a small file system cannot be mounted here (unshare --user --mount)");
        return;
    }
    let server = Server::start();
    let mut body = good(Tool::Kind);
    body.resize(4 << 20, b'\n');
    publish_kind(&server, &body);
    let outcome = outcome(another_process(&through, &disk, &server));
    for part in ["the disk is full", "bytes free", "are needed", "tools/kind", "GITOPS_SETUP_CACHE"] {
        assert!(outcome.contains(part), "{part} is not in {outcome}");
    }
}
