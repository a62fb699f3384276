use super::*;

const ALL: [GitProvider; 7] = [
    GitProvider::Github,
    GitProvider::Gitlab,
    GitProvider::Bitbucket,
    GitProvider::BitbucketServer,
    GitProvider::Gitea,
    GitProvider::Gogs,
    GitProvider::AzureDevops,
];

/// All headers in a line each, sorted by name.
fn headers(kind: GitProvider, secret: &str, body: &str) -> String {
    let signed = signed(kind, &secret.into(), body.as_bytes());
    let mut lines: Vec<String> =
        signed.iter().map(|(name, value)| format!("{name}: {}", value.expose_secret())).collect();
    lines.sort();
    lines.join("\n")
}

/// <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation>
#[test]
fn githubs_published_signature_comes_out() {
    let all = headers(GitProvider::Github, "It's a Secret to Everybody", "Hello, World!");
    let expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    assert!(all.contains(&format!("X-Hub-Signature-256: {expected}")), "{all}");
    let all = headers(GitProvider::BitbucketServer, "It's a Secret to Everybody", "Hello, World!");
    assert_eq!(all, format!("X-Event-Key: repo:refs_changed\nX-Hub-Signature: {expected}"));
}

/// <https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/#Secure-webhooks>: Bitbucket Cloud's, which
/// Argo CD does not look at; Bitbucket Server signs in the same way.
#[test]
fn bitbuckets_published_signature_comes_out() {
    let all = headers(GitProvider::BitbucketServer, "It's a Secret to Everybody", "Hello World!");
    let expected = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9";
    assert!(all.ends_with(&format!("X-Hub-Signature: {expected}")), "{all}");
}

/// Of RFC 2202 (SHA-1) and RFC 4231 (SHA-256) the second case.
#[test]
fn signatures_are_those_of_the_standards() {
    let (key, data) = ("Jefe", "what do ya want for nothing?");
    let sha1 = "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79";
    let sha256 = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    let github =
        format!("X-GitHub-Event: push\nX-Hub-Signature-256: sha256={sha256}\nX-Hub-Signature: sha1={sha1}");
    assert_eq!(headers(GitProvider::Github, key, data), github);
    assert_eq!(
        headers(GitProvider::Gogs, key, data),
        format!("X-Gogs-Event: push\nX-Gogs-Signature: {sha256}")
    );
    let gitea = headers(GitProvider::Gitea, key, data);
    assert!(github.lines().all(|line| gitea.contains(line)), "{gitea}");
    assert!(gitea.contains(&format!("X-Gogs-Signature: {sha256}")), "{gitea}");
    assert!(gitea.contains(&format!("X-Gitea-Event: push\nX-Gitea-Signature: {sha256}")), "{gitea}");
}

#[test]
fn secrets_that_are_sent_as_they_are() {
    let uuid = "908a6d9e-45fd-46c8-97e6-c4f350f219dd";
    assert_eq!(
        headers(GitProvider::Bitbucket, uuid, "{}"),
        format!("X-Event-Key: repo:push\nX-Hook-UUID: {uuid}")
    );
    assert_eq!(headers(GitProvider::Gitlab, "hush", "{}"), "X-Gitlab-Event: Push Hook\nX-Gitlab-Token: hush");
    // RFC 7617
    assert!(
        headers(GitProvider::AzureDevops, "Aladdin:open sesame", "{}")
            .starts_with("Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\nX-Vss-Activityid: ")
    );
    assert!(headers(GitProvider::AzureDevops, "hush", "{}").contains("Basic Omh1c2g="));
    for kind in ALL {
        assert!(!format!("{:?}", signed(kind, &"hush".into(), b"{}")).contains("hush"));
    }
}

/// What Argo CD finds in a payload: addresses of the repository, and the branch (`affectedRevisionInfo`).
fn found(kind: GitProvider, event: &Value) -> (Vec<String>, String) {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (url, reference) = match kind {
        GitProvider::Github | GitProvider::Gitea | GitProvider::Gogs => {
            (text("/repository/html_url"), text("/ref"))
        }
        GitProvider::Gitlab => (text("/project/web_url"), text("/ref")),
        GitProvider::Bitbucket => (text("/repository/links/html/href"), text("/push/changes/0/new/name")),
        GitProvider::BitbucketServer => (text("/repository/links/clone/0/href"), text("/changes/0/ref/id")),
        GitProvider::AzureDevops => {
            (text("/resource/repository/remoteUrl"), text("/resource/refUpdates/0/name"))
        }
    };
    let branch = match reference.strip_prefix("refs/heads/") {
        Some(branch) => branch.to_owned(),
        None => reference,
    };
    (vec![url], branch)
}

/// Whether Argo CD takes an Application's address for the repository of an event: its expression
/// `(?i)^((https?|ssh)://)?(user@)?((alt)?ssh\.)?host(:\d+)?[:/]path(\.git)?$` (`GetWebURLRegex`), without what does
/// not occur here.
fn is_same(event: &str, application: &str) -> bool {
    let lower = event.to_ascii_lowercase();
    let rest = lower.split_once("://").unwrap().1;
    let (authority, path) = rest.split_once('/').unwrap();
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = authority.split_once(':').map_or(authority, |(host, _)| host);
    let lower = application.to_ascii_lowercase();
    let rest = lower.split_once("://").map_or(lower.as_str(), |(_, rest)| rest);
    let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
    let tails = [rest.strip_prefix("ssh."), rest.strip_prefix("altssh."), Some(rest)];
    tails.into_iter().flatten().filter_map(|rest| rest.strip_prefix(host)).any(|rest| {
        let digits = |text: &str| text.trim_start_matches(|c: char| c.is_ascii_digit()).to_owned();
        let after_port = rest.strip_prefix(':').map(digits).unwrap_or_default();
        [rest, after_port.as_str()]
            .into_iter()
            .filter_map(|rest| rest.strip_prefix([':', '/']))
            .any(|found| found == path || found.strip_suffix(".git") == Some(path))
    })
}

#[test]
fn argo_cd_recognises_repository_and_branch() {
    for (kind, url) in [
        (GitProvider::Github, "https://github.com/acme/gitops"),
        (GitProvider::Github, "https://github.com/Acme/gitops.git"),
        (GitProvider::Github, "git@github.com:acme/gitops.git"),
        (GitProvider::Github, "ssh://git@ssh.github.com:443/acme/gitops.git"),
        (GitProvider::Gitlab, "https://gitlab.acme.com:8443/acme/ml/gitops.git"),
        (GitProvider::Gitlab, "ssh://git@gitlab.acme.com:2222/acme/ml/gitops.git"),
        (GitProvider::Gitlab, "git@altssh.gitlab.com:acme/gitops.git"),
        (GitProvider::Bitbucket, "https://bob@bitbucket.org/acme/gitops.git"),
        (GitProvider::Bitbucket, "git@bitbucket.org:acme/gitops.git"),
        (GitProvider::BitbucketServer, "https://bitbucket.acme.com/scm/ml/gitops.git"),
        (GitProvider::BitbucketServer, "ssh://git@bitbucket.acme.com:7999/ml/gitops.git"),
        (GitProvider::Gitea, "https://gitea.acme.com:3000/acme/gitops.git"),
        (GitProvider::Gogs, "git@gogs.acme.com:acme/gitops.git"),
        (GitProvider::AzureDevops, "https://acme@dev.azure.com/acme/my%20ml/_git/gitops"),
    ] {
        for branch in ["main", "release/1.0"] {
            let (urls, name) = found(kind, &push_event(kind, url, branch));
            assert_eq!(name, branch, "{url}");
            assert!(urls.iter().all(|event| is_same(event, url)), "{url}: {urls:?}");
        }
    }
}

/// What the real events don't match, the event of a test does not match either.
#[test]
fn a_test_promises_no_more_than_the_host_keeps() {
    for (kind, url, event) in [
        (
            GitProvider::BitbucketServer,
            "https://bitbucket.acme.com/scm/ml/gitops",
            "https://bitbucket.acme.com/scm/ml/gitops.git",
        ),
        (
            GitProvider::AzureDevops,
            "git@ssh.dev.azure.com:v3/acme/ml/gitops",
            "https://dev.azure.com/acme/ml/_git/gitops",
        ),
    ] {
        let (urls, _) = found(kind, &push_event(kind, url, "main"));
        assert_eq!(urls, [event]);
        assert!(!is_same(&urls[0], url), "{url}");
    }
}

/// Argo CD takes dates in one form each, and panics or refuses where a list is missing.
#[test]
fn events_have_the_form_of_the_parsers() {
    for kind in ALL {
        let event = push_event(kind, "https://git.acme.com/acme/gitops.git", "main");
        let default = |pointer| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        match kind {
            GitProvider::Github | GitProvider::Gitea | GitProvider::Gogs => {
                assert_eq!(default("/repository/default_branch"), "main")
            }
            GitProvider::Gitlab => {
                assert_eq!(default("/object_kind"), "push");
                assert_eq!(default("/project/default_branch"), "main");
            }
            GitProvider::Bitbucket => assert_eq!(
                default("/repository/links/self/href"),
                "https://api.bitbucket.org/2.0/repositories/acme/gitops"
            ),
            // 2006-01-02T15:04:05Z0700
            GitProvider::BitbucketServer => assert_eq!(default("/date"), "1970-01-01T00:00:00+0000"),
            GitProvider::AzureDevops => {
                assert_eq!(default("/eventType"), "git.push");
                let branch = default("/resource/refUpdates/0/name");
                assert_eq!(branch, default("/resource/repository/defaultBranch"));
            }
        }
    }
}
