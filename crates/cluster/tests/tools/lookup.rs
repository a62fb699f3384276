//! What is there already: overrides, the cache, the search path.

use cluster::tools::{Event, Origin, Tool, ToolError, resolve};

use crate::server::Server;
use crate::support::{Place, good, publish_kind, script, write_program};

#[tokio::test]
async fn an_override_wins_over_everything() {
    let mut place = Place::new();
    place.program("kind", &good(Tool::Kind));
    let path = place.dir.path().join("mine");
    write_program(&path, &good(Tool::Kind));
    place.context.overrides.insert(Tool::Kind, path.clone());
    let found = resolve(&[Tool::Kind], &place.context, &place.progress()).await.unwrap();
    let kind = &found[&Tool::Kind];
    assert_eq!((&kind.path, kind.origin, &kind.warning), (&path, Origin::Override, &None));
}

#[tokio::test]
async fn an_override_of_another_version_is_used_with_a_warning() {
    let mut place = Place::new();
    let path = place.dir.path().join("mine");
    write_program(&path, &script(Tool::Etcd, "3.4.1"));
    place.context.overrides.insert(Tool::Etcd, path);
    let found = resolve(&[Tool::Etcd], &place.context, &place.progress()).await.unwrap();
    let etcd = &found[&Tool::Etcd];
    assert_eq!(etcd.version, "3.4.1");
    let warning = etcd.warning.as_deref().unwrap();
    assert!(warning.contains("GITOPS_SETUP_ETCD") && warning.contains("3.6.16"), "{warning}");
}

#[tokio::test]
async fn an_override_that_cannot_be_started_is_an_error() {
    let server = Server::start();
    let mut place = Place::with(&server);
    publish_kind(&server, &good(Tool::Kind));
    let path = place.dir.path().join("mine");
    for (content, mode_x) in [(None, false), (Some("#!/bin/sh\n"), false), (Some("\0\0\0"), true)] {
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        if mode_x {
            write_program(&path, content.unwrap().as_bytes());
        }
        place.context.overrides.insert(Tool::Kind, path.clone());
        let error = resolve(&[Tool::Kind], &place.context, &place.progress()).await.unwrap_err();
        assert!(matches!(error, ToolError::Override { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("GITOPS_SETUP_KIND=") && text.contains("unset it"), "{text}");
    }
    assert!(!server.asked_for_anything());
}

#[tokio::test]
async fn the_right_version_on_path_is_used_wherever_it_stands() {
    let mut place = Place::new();
    place.program("kube-apiserver", &script(Tool::KubeApiserver, "1.30.0"));
    let second = place.dir.path().join("second");
    std::fs::create_dir(&second).unwrap();
    write_program(&second.join("kube-apiserver"), &good(Tool::KubeApiserver));
    place.context.path = std::env::join_paths([place.bin(), second.clone()]).unwrap();
    let found = resolve(&[Tool::KubeApiserver], &place.context, &place.progress()).await.unwrap();
    let server = &found[&Tool::KubeApiserver];
    assert_eq!((&server.path, server.origin), (&second.join("kube-apiserver"), Origin::Path));
}

#[tokio::test]
async fn when_nothing_works_everything_that_was_tried_is_told() {
    let place = Place::new();
    place.program("kind", &script(Tool::Kind, "0.20.0"));
    let error = resolve(&[Tool::Kind, Tool::Etcd], &place.context, &place.progress()).await.unwrap_err();
    let ToolError::Unavailable(report) = &error else { panic!("{error}") };
    let tools: Vec<_> = report.missing.iter().map(|missing| missing.tool).collect();
    assert_eq!(tools, [Tool::Etcd, Tool::Kind]);
    let text = error.to_string();
    for part in [
        "etcd 3.6.16",
        "kind is version 0.20.0",
        "Connection refused",
        "there is no `go` on PATH",
        "GITOPS_SETUP_ETCD=/path/to/etcd",
        "GITOPS_SETUP_DOWNLOAD_MIRROR",
        place.cached(Tool::Kind).to_str().unwrap(),
    ] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
}

#[tokio::test]
async fn offline_asks_no_server() {
    let server = Server::start();
    let mut place = Place::with(&server);
    publish_kind(&server, &good(Tool::Kind));
    place.context.offline = true;
    let error = resolve(&[Tool::Kind], &place.context, &place.progress()).await.unwrap_err();
    assert!(error.to_string().contains("unset GITOPS_SETUP_OFFLINE"), "{error}");
    assert!(!server.asked_for_anything());
}

#[tokio::test]
async fn a_program_copied_into_the_cache_by_hand_is_used() {
    let place = Place::new();
    let path = place.cached(Tool::Kind);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    write_program(&path, &good(Tool::Kind));
    for _ in 0..2 {
        let found = resolve(&[Tool::Kind], &place.context, &place.progress()).await.unwrap();
        assert_eq!((&found[&Tool::Kind].path, found[&Tool::Kind].origin), (&path, Origin::Cache));
        assert!(place.names_beside(Tool::Kind).contains(&"kind.json".to_owned()));
    }
}

#[tokio::test]
async fn a_damaged_cache_entry_is_replaced() {
    let server = Server::start();
    let place = Place::with(&server);
    publish_kind(&server, &good(Tool::Kind));
    resolve(&[Tool::Kind], &place.context, &place.progress()).await.unwrap();
    let path = place.cached(Tool::Kind);
    let whole = std::fs::read(&path).unwrap();
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    for damaged in [&whole[..10], &changed] {
        std::fs::write(&path, damaged).unwrap();
        // Written within the tick of the file system's clock, it would carry the time that was recorded.
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
        std::fs::File::options().append(true).open(&path).unwrap().set_modified(later).unwrap();
        let found = resolve(&[Tool::Kind], &place.context, &place.progress()).await.unwrap();
        assert_eq!(found[&Tool::Kind].origin, Origin::Downloaded);
        assert_eq!(std::fs::read(&path).unwrap(), whole);
        assert!(place.told().iter().any(|event| matches!(event, Event::Discarded { .. })));
    }
}

#[tokio::test]
async fn a_cache_entry_that_was_only_touched_is_kept() {
    let server = Server::start();
    let place = Place::with(&server);
    publish_kind(&server, &good(Tool::Kind));
    resolve(&[Tool::Kind], &place.context, &place.progress()).await.unwrap();
    let file = std::fs::File::options().append(true).open(place.cached(Tool::Kind)).unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    drop(file);
    let found = resolve(&[Tool::Kind], &place.context, &place.progress()).await.unwrap();
    assert_eq!(found[&Tool::Kind].origin, Origin::Cache);
    assert_eq!(server.asked(crate::support::KIND), 1);
}
