//! Official releases, from a server that behaves well and badly.

use cluster::tools::download::{DownloadError, Wanted, fetch_verified};
use cluster::tools::{Event, Limits, Origin, Tool, ToolError, resolve};
use manifests::argocd::release::sha256;

use crate::server::{NOBODY, Reply, Server};
use crate::support::{KIND, KIND_SUM, Place, good, impatient, publish_kind};

#[tokio::test]
async fn a_download_is_verified_and_used_from_the_cache_afterwards() {
    let server = Server::start();
    let place = Place::with(&server);
    publish_kind(&server, &good(Tool::Kind));
    for origin in [Origin::Downloaded, Origin::Cache] {
        let found = resolve(&[Tool::Kind], &place.context, &place.progress()).await.unwrap();
        assert_eq!(
            (found[&Tool::Kind].path.clone(), found[&Tool::Kind].origin),
            (place.cached(Tool::Kind), origin)
        );
    }
    assert_eq!(server.asked(KIND), 1);
    assert_eq!(place.names_beside(Tool::Kind), [".lock", "kind", "kind.json"]);
    let size = good(Tool::Kind).len() as u64;
    let end = Event::Download { file: "kind-linux-amd64".to_owned(), bytes: size, total: Some(size) };
    assert_eq!(place.told().last(), Some(&end));
}

#[tokio::test]
async fn only_what_is_asked_for_is_fetched_each_from_its_own_place() {
    let server = Server::start();
    let place = Place::with(&server);
    let tools = [Tool::KubeApiserver, Tool::KubeScheduler, Tool::Kwok];
    for tool in [Tool::KubeApiserver, Tool::KubeScheduler] {
        let path = format!("/k8s/release/v1.36.3/bin/linux/amd64/{}", tool.name());
        let sum = sha256(&good(tool)).into_bytes();
        server.on(&format!("{path}.sha256"), Reply::Body(sum)).on(&path, Reply::Body(good(tool)));
    }
    let kwok = "/gh/kubernetes-sigs/kwok/releases/download/v0.8.0/kwok-linux-amd64";
    let digest = sha256(&good(Tool::Kwok));
    let release = format!(r#"{{"assets":[{{"name":"kwok-linux-amd64","digest":"sha256:{digest}"}}]}}"#);
    server
        .on("/api/repos/kubernetes-sigs/kwok/releases/tags/v0.8.0", Reply::Body(release.into_bytes()))
        .on(kwok, Reply::Body(good(Tool::Kwok)));
    let found = resolve(&tools, &place.context, &place.progress()).await.unwrap();
    assert!(found.values().all(|tool| tool.origin == Origin::Downloaded));
    assert_eq!(found.len(), 3);
}

#[tokio::test]
async fn a_mirror_may_keep_a_checksum_beside_kwok() {
    let server = Server::start();
    let mut place = Place::with(&server);
    place.context.sites.mirrored = true;
    let kwokctl = "/gh/kubernetes-sigs/kwok/releases/download/v0.8.0/kwokctl-linux-amd64";
    let sum = format!("{}  kwokctl-linux-amd64\n", sha256(&good(Tool::Kwokctl)));
    server
        .on(kwokctl, Reply::Body(good(Tool::Kwokctl)))
        .on(&format!("{kwokctl}.sha256"), Reply::Body(sum.into_bytes()));
    resolve(&[Tool::Kwokctl], &place.context, &place.progress()).await.unwrap();
    assert_eq!(server.asked("/api/repos/kubernetes-sigs/kwok/releases/tags/v0.8.0"), 0);
}

#[tokio::test]
async fn etcd_is_taken_out_of_its_archive() {
    let server = Server::start();
    let place = Place::with(&server);
    place.borrow(&["tar", "gzip"]);
    let name = "etcd-v3.6.16-linux-amd64";
    let tree = place.dir.path().join(name);
    std::fs::create_dir(&tree).unwrap();
    crate::support::write_program(&tree.join("etcd"), &good(Tool::Etcd));
    let archive = place.dir.path().join("archive");
    let mut tar = std::process::Command::new("tar");
    tar.arg("-czf").arg(&archive).arg("-C").arg(place.dir.path()).arg(name);
    assert!(tar.status().unwrap().success());
    let archive = std::fs::read(archive).unwrap();
    let folder = "/gh/etcd-io/etcd/releases/download/v3.6.16";
    let sums = format!("{}  other.zip\n{}  {name}.tar.gz\n", "0".repeat(64), sha256(&archive));
    server
        .on(&format!("{folder}/SHA256SUMS"), Reply::Body(sums.into_bytes()))
        .on(&format!("{folder}/{name}.tar.gz"), Reply::Body(archive));
    let found = resolve(&[Tool::Etcd], &place.context, &place.progress()).await.unwrap();
    assert_eq!(std::fs::read(&found[&Tool::Etcd].path).unwrap(), good(Tool::Etcd));
    assert_eq!(place.names_beside(Tool::Etcd), [".lock", "etcd", "etcd.json"]);
}

#[tokio::test]
async fn a_wrong_checksum_stops_and_keeps_nothing() {
    let server = Server::start();
    let place = Place::with(&server);
    // With a go at hand: it must not be asked.
    place.program("go", b"#!/bin/sh\necho called >> \"$0.called\"\nexit 1\n");
    publish_kind(&server, &good(Tool::Kind));
    server.on(KIND, Reply::Body(b"#!/bin/sh\nrm -rf /\n".to_vec()));
    let error = resolve(&[Tool::Kind], &place.context, &place.progress()).await.unwrap_err();
    let ToolError::Download { source: DownloadError::ChecksumMismatch { expected, .. }, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(*expected, sha256(&good(Tool::Kind)));
    assert_eq!(place.names_beside(Tool::Kind), [".lock"]);
    assert!(!place.bin().join("go.called").exists());
}

#[tokio::test]
async fn what_is_no_file_leads_on_to_the_next_way() {
    let body = good(Tool::Kind);
    let replies = [
        (KIND, Reply::Status(404), "answered 404"),
        (KIND, Reply::Status(403), "answered 403"),
        (KIND, Reply::Truncated(body.clone()), "it ended after"),
        (KIND, Reply::Stalled(body.clone()), "timeout"),
        (KIND_SUM, Reply::Status(404), "answered 404"),
        (KIND_SUM, Reply::Body(b"<html>Sign in</html>".to_vec()), "no sha256 of kind-linux-amd64"),
    ];
    for (path, reply, why) in replies {
        let server = Server::start();
        let mut place = Place::with(&server);
        if matches!(reply, Reply::Stalled(_)) {
            place.context.limits = impatient();
        }
        publish_kind(&server, &body);
        server.on(path, reply);
        let error = resolve(&[Tool::Kind], &place.context, &place.progress()).await.unwrap_err();
        assert!(matches!(error, ToolError::Unavailable(_)), "{error}");
        let text = error.to_string();
        assert!(text.contains(why) && text.contains("there is no `go` on PATH"), "{why}:\n{text}");
        assert_eq!(place.names_beside(Tool::Kind), [".lock"], "{why}");
        assert!(place.told().iter().any(|event| matches!(event, Event::NoDownload { tool: Tool::Kind, .. })));
    }
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_middle_is_tried_once_more() {
    let server = Server::start();
    let place = Place::with(&server);
    publish_kind(&server, &good(Tool::Kind));
    server.on(KIND, Reply::Truncated(good(Tool::Kind)));
    resolve(&[Tool::Kind], &place.context, &place.progress()).await.unwrap_err();
    assert_eq!(server.asked(KIND), 2);
}

#[tokio::test]
async fn a_program_that_does_not_work_is_not_kept() {
    let server = Server::start();
    let place = Place::with(&server);
    publish_kind(&server, b"#!/bin/sh\necho kind version 0.1.0\n");
    let error = resolve(&[Tool::Kind], &place.context, &place.progress()).await.unwrap_err();
    assert!(matches!(error, ToolError::Unusable { .. }), "{error}");
    assert!(error.to_string().contains("version 0.1.0"), "{error}");
    assert_eq!(place.names_beside(Tool::Kind), [".lock"]);
}

#[tokio::test]
async fn a_text_of_known_checksum_is_fetched_once() {
    let server = Server::start();
    let place = Place::with(&server);
    server.on("/install.yaml", Reply::Body(b"kind: List\n".to_vec()));
    let url = format!("{}/install.yaml", server.address);
    let dest = place.dir.path().join("deep/er/install.yaml");
    let sha256 = sha256(b"kind: List\n");
    let wanted = Wanted { url: &url, sha256: &sha256, dest: &dest };
    assert!(fetch_verified(wanted, &Limits::default(), &place.progress()).await.unwrap());
    assert!(!fetch_verified(wanted, &Limits::default(), &place.progress()).await.unwrap());
    assert_eq!(std::fs::read(&dest).unwrap(), b"kind: List\n");
    assert_eq!(server.asked("/install.yaml"), 1);
    // What has changed on disk is fetched again.
    std::fs::write(&dest, "changed").unwrap();
    assert!(fetch_verified(wanted, &Limits::default(), &place.progress()).await.unwrap());
    assert_eq!(std::fs::read(&dest).unwrap(), b"kind: List\n");
}

#[tokio::test]
async fn kinds_of_failure_are_told_apart() {
    let server = Server::start();
    let place = Place::with(&server);
    server.on("/f", Reply::Body(b"other".to_vec()));
    let dest = place.dir.path().join("f");
    let fetch = async |url: String| {
        let wanted = Wanted { url: &url, sha256: &sha256(b"text"), dest: &dest };
        fetch_verified(wanted, &Limits::default(), &place.progress()).await.unwrap_err()
    };
    let error = fetch(format!("{NOBODY}/f")).await;
    assert!(matches!(error, DownloadError::Unreachable { .. }), "{error}");
    let error = fetch(format!("{}/f", server.address)).await;
    assert!(matches!(error, DownloadError::ChecksumMismatch { .. }), "{error}");
    assert!(!dest.exists());
    std::fs::create_dir(&dest).unwrap();
    server.on("/f", Reply::Body(b"text".to_vec()));
    let error = fetch(format!("{}/f", server.address)).await;
    assert!(matches!(error, DownloadError::File(_)), "{error}");
}
