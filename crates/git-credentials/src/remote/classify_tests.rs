use std::time::Duration;

use super::*;
use crate::Credentials;
use crate::remote::{Category, Remote, Trust, explained};

/// What the programs and hosts really write, each with the cause that a person would name.
const REAL: [(&str, Option<Cause>); 32] = [
    (
        "No ED25519 host key is known for [127.0.0.1]:2222 and you have requested strict checking.\r\nHost key verification failed.\r\nfatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.\n",
        Some(Cause::KeyUnknown),
    ),
    (
        "@@@@@@@@@@@\r\n@ WARNING: REVOKED HOST KEY DETECTED! @\r\n@@@@@@@@@@@\r\nThe ED25519 host key for git.acme.com is marked as revoked.\r\nThis could mean that a stolen key is being used to impersonate this host.\r\nED25519 host key for git.acme.com was revoked and you have requested strict checking.\r\nHost key verification failed.\r\n",
        Some(Cause::KeyRevoked),
    ),
    (
        "git@github.com: Permission denied (publickey).\r\nfatal: Could not read from remote repository.\n",
        Some(Cause::Authentication),
    ),
    (
        "Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures\r\n",
        Some(Cause::Authentication),
    ),
    ("ssh: connect to host git.acme.com port 22: Connection refused\r\n", Some(Cause::Unreachable)),
    ("ssh: connect to host git.acme.com port 22: No route to host\r\n", Some(Cause::Unreachable)),
    ("ssh: Could not resolve hostname git.acme.com: Name or service not known\r\n", Some(Cause::NoSuchHost)),
    (
        "Connection timed out during banner exchange\r\nConnection to 10.0.0.1 port 22 timed out\r\n",
        Some(Cause::TimedOut),
    ),
    (
        "kex_exchange_identification: Connection closed by remote host\r\nConnection closed by 10.0.0.1 port 443\r\n",
        Some(Cause::NotSsh),
    ),
    (
        "kex_exchange_identification: banner line contains invalid characters\r\nbanner exchange: Connection to 127.0.0.1 port 80: invalid format\r\n",
        Some(Cause::NotSsh),
    ),
    ("ERROR: Repository not found.\nfatal: Could not read from remote repository.\n", Some(Cause::NotFound)),
    (
        "ERROR: The key you are authenticating with has been marked as read only.\nfatal: Could not read from remote repository.\n",
        Some(Cause::ReadOnly),
    ),
    (
        "ERROR: Permission to acme/gitops.git denied to bob.\nfatal: Could not read from remote repository.\n",
        Some(Cause::ReadOnly),
    ),
    (
        "ERROR: The 'acme' organization has enabled or enforced SAML SSO.\nTo access this repository, you must use the HTTPS remote with a personal access token\n",
        Some(Cause::MissingScope),
    ),
    (
        "remote: \nremote: ========\nremote: \nremote: ERROR: The project you were looking for could not be found or you don't have permission to view it.\nremote: \nremote: ========\n",
        Some(Cause::NotFound),
    ),
    ("remote: ERROR: This deploy key does not have write access to this project.\n", Some(Cause::ReadOnly)),
    (
        "remote: The requested repository either does not exist or you do not have access.\nfatal: Could not read from remote repository.\n",
        Some(Cause::NotFound),
    ),
    (
        "Gitea: Cannot find repository: acme/gitops\nfatal: Could not read from remote repository.\n",
        Some(Cause::NotFound),
    ),
    (
        "fatal: '/srv/git/gitops.git' does not appear to be a git repository\nfatal: Could not read from remote repository.\n",
        Some(Cause::NotFound),
    ),
    (
        "remote: Invalid username or token. Password authentication is not supported for Git operations.\nfatal: Authentication failed for 'https://github.com/acme/gitops/'\n",
        Some(Cause::Authentication),
    ),
    (
        "fatal: could not read Username for 'https://git.acme.com': terminal prompts disabled\n",
        Some(Cause::Authentication),
    ),
    (
        "remote: Write access to repository not granted.\nfatal: unable to access 'https://github.com/acme/gitops/': The requested URL returned error: 403\n",
        Some(Cause::ReadOnly),
    ),
    (
        "remote: You are not allowed to download code from this project.\nfatal: unable to access 'https://gitlab.com/acme/gitops.git/': The requested URL returned error: 403\n",
        Some(Cause::MissingScope),
    ),
    (
        "remote: Repository not found.\nfatal: repository 'https://github.com/acme/gitops/' not found\n",
        Some(Cause::NotFound),
    ),
    (
        "fatal: unable to access 'https://git.acme.com/x/': The requested URL returned error: 503\n",
        Some(Cause::Server),
    ),
    (
        "fatal: unable to access 'https://git.acme.com/x/': SSL certificate problem: unable to get local issuer certificate\n",
        Some(Cause::UnknownAuthority),
    ),
    (
        "fatal: unable to access 'https://git.acme.com/x/': server certificate verification failed. CAfile: none CRLfile: none\n",
        Some(Cause::UnknownAuthority),
    ),
    (
        "fatal: unable to access 'https://git.acme.com/x/': SSL: certificate subject name 'a' does not match target host name 'git.acme.com'\n",
        Some(Cause::WrongName),
    ),
    (
        "conq: repository access denied. access via a deployment key is read-only.\nfatal: Could not read from remote repository.\n",
        Some(Cause::ReadOnly),
    ),
    (
        "Gogs: Key permission denied\nCannot push with deployment key: 7\nfatal: Could not read from remote repository.\n",
        Some(Cause::ReadOnly),
    ),
    (
        "ssh -F none -o BatchMode=yes: 1: ssh: not found\nfatal: Could not read from remote repository.\n",
        Some(Cause::NoSsh),
    ),
    ("fatal: protocol error: bad line length character: Welc\n", None),
];

#[test]
fn real_messages_are_understood() {
    for (stderr, expected) in REAL {
        assert_eq!(cause(stderr), expected, "{stderr}");
    }
}

fn remote() -> Remote {
    Remote {
        url: "ssh://git@git.acme.com:2222/acme/gitops".into(),
        branch: None,
        credentials: Credentials::None,
        trust: Trust {
            known_hosts: "# comment\ngit.acme.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl github\n".into(),
            ..Trust::default()
        },
        timeout: Duration::from_secs(1),
    }
}

#[test]
fn a_changed_host_key_shows_both_fingerprints_and_warns() {
    let remote = remote();
    let stderr = "@@@@\r\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\n@@@@\r\nIT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\r\nThe fingerprint for the ED25519 key sent by the remote host is\nSHA256:S2JCtH7acKSFcXHE6NbrRVBzsYi+5w6Ecr1gC4EnvJM.\r\nPlease contact your system administrator.\r\nAdd correct host key in known_hosts to get rid of this message.\r\nOffending ED25519 key in known_hosts:2\r\nHost key for [git.acme.com]:2222 has changed and you have requested strict checking.\r\nHost key verification failed.\r\n";
    let error = classify(&Target::new(&remote, false), stderr);
    assert_eq!(error.category(), Category::Refused);
    let text = error.to_string();
    for part in [
        "has CHANGED",
        "known:  SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
        "shown:  SHA256:S2JCtH7acKSFcXHE6NbrRVBzsYi+5w6Ecr1gC4EnvJM\n",
        "cargo xtask credentials trust git.acme.com:2222",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

/// What `git clone` and the script of `manifests::clone_check` write inside the cluster.
#[test]
fn a_missing_branch_and_a_missing_folder_are_told_with_what_to_do() {
    let remote = remote();
    let clone = "warning: Could not find remote branch prod to clone.\nfatal: Remote branch prod not found in upstream origin\n";
    for (stderr, expected) in [
        (
            clone,
            "has no branch `prod`\n  correct `git.branch`, or push the branch: git push origin HEAD:prod",
        ),
        (
            "remote: This repository has been archived\r\nfolder dev is missing or empty\n",
            "there is nothing in folder `dev`, or no such folder\n  add the folders that are missing: cargo xtask repository init",
        ),
    ] {
        let error = explained(&remote, stderr);
        assert_eq!(error.category(), Category::Missing, "{stderr}");
        assert!(error.to_string().ends_with(expected), "{error}");
    }
}

#[test]
fn credentials_that_a_host_repeats_elsewhere_are_hidden() {
    let token = || "hush4711".into();
    let basic = Credentials::Token { username: "bob".into(), token: token() };
    for (credentials, sent) in
        [(basic, "Ym9iOmh1c2g0NzEx"), (Credentials::Bearer { token: token() }, "hush4711")]
    {
        let remote = Remote { credentials, ..remote() };
        let stderr = format!("remote: no hush4711 ({sent})\nfatal: Authentication failed for 'https://x/'\n");
        let error = explained(&remote, &stderr);
        let text = format!("{error} {error:?}");
        assert!(text.contains("no (hidden) ((hidden))") && !text.contains("hush4711"), "{text}");
        assert!(!text.contains(sent), "{text}");
    }
}

#[test]
fn a_host_that_only_an_authority_vouches_for_is_told() {
    let mut remote = remote();
    let stderr = "No ED25519 host key is known for x and you have requested strict checking.\r\nHost key verification failed.\r\n";
    assert_eq!(explained(&remote, stderr).to_string().lines().count(), 2);
    remote.trust.known_hosts = "@cert-authority [*.acme.com]:2222 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl ca\n".into();
    let text = explained(&remote, stderr).to_string();
    assert!(
        text.contains("\n  `@cert-authority [*.acme.com]:2222` vouches for certificates alone"),
        "{text}"
    );
    assert!(text.ends_with("cargo xtask credentials trust git.acme.com:2222"), "{text}");
}

#[test]
fn the_hosts_words_are_kept_and_general_ones_are_not() {
    let stderr = "remote: \nremote: =====\nremote: ERROR: No such project.\nremote:\nfatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.\n";
    assert_eq!(host_words(stderr), "No such project.");
    let remote = remote();
    let other = "fatal: protocol error: bad line length character: Welc\nfatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.\n";
    let text = classify(&Target::new(&remote, false), other).to_string();
    assert!(text.contains("bad line length character: Welc\n"), "{text}");
}

#[test]
fn a_refused_push_is_told_by_its_reason() {
    for (output, expected) in [
        ("!\trefs/heads/x:refs/heads/main\t[rejected] (fetch first)\n", Rejection::Behind),
        (
            "!\tx:refs/heads/main\t[remote rejected] (cannot lock ref 'refs/heads/main': is at a but expected b)\n",
            Rejection::Behind,
        ),
        (
            "remote: error: GH006: Protected branch update failed for refs/heads/main.\n! [remote rejected] (protected branch hook declined)\n",
            Rejection::Protected,
        ),
        (
            "remote: error: GH013: Repository rule violations found for refs/heads/main.\n! [remote rejected] (push declined due to repository rule violations)\n",
            Rejection::Protected,
        ),
        (
            "remote: GitLab: You are not allowed to push code to protected branches on this project.\n! [remote rejected] (pre-receive hook declined)\n",
            Rejection::Protected,
        ),
        (
            "remote: Permission denied to update branch main.\n! [remote rejected] main -> main (pre-receive hook declined)\n",
            Rejection::Protected,
        ),
        ("remote: Gitea: Not allowed to push to protected branch main\n", Rejection::Protected),
        (
            "remote: error: cannot lock ref 'refs/heads/a/b': 'refs/heads/a' exists; cannot create 'refs/heads/a/b'\n!\tx:refs/heads/a/b\t[remote rejected] (failed to update ref)\n",
            Rejection::InTheWay("a".into()),
        ),
        ("!\tx:refs/heads/main\t[remote rejected] (file too large)\n", Rejection::Rule),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 403\n", Rejection::Other),
    ] {
        assert_eq!(rejection(output), expected, "{output}");
    }
}
