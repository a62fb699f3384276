//! Known hosts files, against what `ssh-keygen` finds in them, and host keys of a real server.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which clippy does not see as tests")]

mod tools;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use git_credentials::host_keys::{self, HostKey, ScanError};
use git_credentials::known_hosts::{self, KnownHosts, Verdict};
use tools::{arg, have, run};

const A: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
const B: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIazEu89wgQZ4bqs3d63QSMzYVa0MuJ2e2gKTKqu+UUO";
const C: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=";

#[test]
fn verdicts() {
    let file = KnownHosts::parse(&format!(
        "# a remark\n\
         git.acme.com,10.0.0.1 {A} someone\n\
         [git.acme.com]:2222 {B}\n\
         *.example.com,!bad.example.com {A}\n\
         @revoked * {B}\n\
         @cert-authority *.ca.example.org {A}\n"
    ));
    assert_eq!(file.problems(), []);
    let fingerprint = known_hosts::fingerprint_of(A).unwrap();
    let changed = |line| Verdict::Changed { known: vec![fingerprint.clone()], line };
    for (host, port, key, expected) in [
        ("git.acme.com", 22, A, Verdict::Trusted),
        ("GIT.acme.com", 22, A, Verdict::Trusted),
        ("10.0.0.1", 22, A, Verdict::Trusted),
        ("git.acme.com", 22, C, Verdict::Unknown),
        (
            "git.acme.com",
            2222,
            A,
            Verdict::Changed { known: vec![known_hosts::fingerprint_of(B).unwrap()], line: 3 },
        ),
        ("git.acme.com", 443, A, Verdict::Unknown),
        ("x.example.com", 22, A, Verdict::Trusted),
        ("bad.example.com", 22, A, Verdict::Unknown),
        ("x.ca.example.org", 22, A, Verdict::Unknown),
        ("anything", 22, B, Verdict::Revoked { line: 5 }),
        ("git.acme.com", 2222, "ssh-ed25519 AAAA", Verdict::Unknown),
    ] {
        assert_eq!(file.verdict(host, port, key), expected, "{host} {port}");
    }
    let plain = KnownHosts::parse(&format!("git.acme.com {A}"));
    assert_eq!(plain.verdict("git.acme.com", 22, B), changed(1));
    let only = file.only_authority("x.ca.example.org", 22);
    assert_eq!(only.as_deref(), Some("@cert-authority *.ca.example.org"));
    assert_eq!(file.only_authority("git.acme.com", 22), None);
    let both = KnownHosts::parse(&format!("@cert-authority *.acme.com {A}\ngit.acme.com {B}\n"));
    assert_eq!(both.only_authority("git.acme.com", 22), None);
}

#[test]
fn only_lines_of_the_host_are_handed_on() {
    let text = format!("other.com {B}\nhost.com {A} remark\n@revoked * {C}\n[host.com]:2222 {B}\n");
    let lines = KnownHosts::parse(&text).lines_for("host.com", 22);
    assert_eq!(lines, format!("host.com {A} remark\n@revoked * {C}\n"));
}

#[test]
fn bad_lines_are_told_and_the_others_stay() {
    let cut = &A[..A.len() - 6];
    let file = KnownHosts::parse(&format!(
        "\u{feff}host.com {A}\r\n{A}\nhost.com\nhost.com {cut}\nhost.com ssh-rsa {}\n|1|x|y {A}\n@unknown host.com {A}\n\
         host.com 1024 65537 1234567\nlast.com {A}",
        &A[12..]
    ));
    let lines: Vec<usize> = file.problems().iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(file.problems()[0].to_string(), "line 2: there is no name of a host before the key");
    for host in ["host.com", "last.com"] {
        assert_eq!(file.verdict(host, 22, A), Verdict::Trusted, "{host}");
    }
}

#[test]
fn published_keys_are_recognised_at_their_hosts_only() {
    let file = KnownHosts::parse(&known_hosts::published());
    assert_eq!(file.problems(), []);
    let fingerprint = known_hosts::fingerprint_of(A).unwrap();
    assert_eq!(fingerprint, "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU", "as GitHub publishes it");
    assert_eq!(known_hosts::recognised("GitHub.com", &fingerprint), Some("GitHub"));
    assert_eq!(known_hosts::recognised("ssh.github.com", &fingerprint), Some("GitHub"));
    assert_eq!(known_hosts::recognised("gitlab.com", &fingerprint), None);
    assert_eq!(known_hosts::recognised("github.com.evil.org", &fingerprint), None);
    assert_eq!(known_hosts::recognised("github.com", "SHA256:x"), None);
    for host in ["gitlab.com", "bitbucket.org", "ssh.dev.azure.com"] {
        let line = file.lines_for(host, 22);
        let key = HostKey::parse(line.lines().next().unwrap().split_once(' ').unwrap().1).unwrap();
        assert!(known_hosts::recognised(host, &key.fingerprint).is_some(), "{host}");
    }
}

/// Numbers of the lines that `ssh-keygen -F` finds.
fn found(host: &str, path: &Path) -> BTreeSet<usize> {
    let text = run("ssh-keygen", &["-F", host, "-f", arg(path)]).unwrap_or_default();
    let numbers = text.lines().filter_map(|line| line.split_once("found: line "));
    numbers.map(|(_, rest)| rest.split_whitespace().next().unwrap().parse().unwrap()).collect()
}

#[test]
fn ssh_keygen_finds_the_same_lines() {
    if !have(&["ssh-keygen"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("known_hosts");
    // A remark of its own for each line, so that it is known again.
    let patterns = [
        "git.acme.com",
        "[git.acme.com]:2222",
        "*.acme.com",
        "*.acme.com,!git.acme.com",
        "!git.acme.com,*",
        "g?t.acme.com",
        "[*.acme.com]:2222",
        "[git.acme.com]:*",
        "10.0.0.?",
        "Git.Acme.Com",
        "fe80::1",
    ];
    let plain: Vec<String> = patterns.iter().map(|names| format!("{names} {A}")).collect();
    std::fs::write(&path, plain.join("\n") + "\n").unwrap();
    // Wildcards are never hashed; all other lines are written again, hashed.
    run("ssh-keygen", &["-H", "-f", arg(&path)]).unwrap();
    let hashed = std::fs::read_to_string(&path).unwrap();
    assert!(hashed.matches("|1|").count() >= 3, "{hashed}");
    let text: Vec<String> = plain
        .iter()
        .cloned()
        .chain(hashed.lines().map(str::to_owned))
        .enumerate()
        .map(|(n, line)| format!("{line} n{n}"))
        .collect();
    std::fs::write(&path, text.join("\n") + "\n").unwrap();
    let file = KnownHosts::parse(&std::fs::read_to_string(&path).unwrap());
    assert_eq!(file.problems(), []);
    let mut any = 0;
    for (host, port) in [
        ("git.acme.com", 22),
        ("git.acme.com", 2222),
        ("git.acme.com", 443),
        ("get.acme.com", 22),
        ("acme.com", 22),
        ("GIT.ACME.COM", 22),
        ("10.0.0.7", 22),
        ("10.0.0.77", 22),
        ("fe80::1", 22),
    ] {
        let ours: BTreeSet<usize> = file
            .lines_for(host, port)
            .lines()
            .map(|line| line.rsplit_once(" n").unwrap().1.parse::<usize>().unwrap() + 1)
            .collect();
        // ssh itself looks for names in small letters; ssh-keygen takes them as they are.
        let host = host.to_lowercase();
        let name = if port == 22 { host } else { format!("[{host}]:{port}") };
        assert_eq!(ours, found(&name, &path), "{name}");
        any += ours.len();
    }
    assert!(any > 15, "{any}");
}

#[test]
fn lines_are_added_once_and_the_file_keeps_its_mode() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ssh/known_hosts");
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let (a, b) = (format!("host.com {A}"), format!("host.com {B}"));
    assert_eq!(host_keys::append(&path, &[a.clone(), a.clone()]).unwrap(), 1);
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);

    std::fs::write(&path, format!("# mine\n{a}")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(host_keys::append(&path, std::slice::from_ref(&a)).unwrap(), 0);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("# mine\n{a}"), "untouched");
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert_eq!(host_keys::append(&link, &[a.clone(), b.clone()]).unwrap(), 1);
    assert!(link.is_symlink());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("# mine\n{a}\n{b}\n"));
    assert_eq!(mode(&path), 0o644);
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn why_a_host_shows_no_keys_is_told() {
    if !have(&["ssh-keyscan"]) {
        return;
    }
    let scan = |host: &str, port| host_keys::scan(host, port, Duration::from_secs(2)).unwrap_err();
    for host in ["-oProxyCommand=id", "a,b", "", "a b"] {
        assert!(matches!(scan(host, 22), ScanError::BadHost(_)), "{host}");
    }
    assert!(matches!(scan("no-such-host.invalid", 22), ScanError::NoSuchHost { .. }));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    assert!(matches!(scan("127.0.0.1", port), ScanError::NoKeys { .. }));
    drop(listener);
    let error = scan("127.0.0.1", port);
    assert!(matches!(error, ScanError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains(&format!("nc -vz 127.0.0.1 {port}")), "{error}");
}
