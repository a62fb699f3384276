//! What git, ssh and Git hosts mean by what they write to standard error.

use super::RemoteError;
use super::target::Target;
use crate::http::one_line;
use crate::known_hosts::fingerprint_of;

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    KeyRevoked,
    KeyChanged,
    KeyUnknown,
    NoSuchHost,
    Unreachable,
    TimedOut,
    UnknownAuthority,
    Expired,
    WrongName,
    NotTls,
    Proxy,
    ReadOnly,
    MissingScope,
    NotFound,
    RateLimited,
    Server,
    Authentication,
    NotSsh,
    NoSsh,
}

/// Messages in lower case and what they mean. The first that is found counts, so what is narrow stands above what
/// is wide: GitHub follows its own words by ssh's and git's general ones.
const MESSAGES: [(&str, Cause); 73] = [
    ("revoked host key detected", Cause::KeyRevoked),
    ("is marked as revoked", Cause::KeyRevoked),
    ("remote host identification has changed", Cause::KeyChanged),
    ("host key is known for", Cause::KeyUnknown),
    ("host key verification failed", Cause::KeyUnknown),
    ("could not resolve proxy", Cause::Proxy),
    ("proxy authentication required", Cause::Proxy),
    ("received http code 407", Cause::Proxy),
    ("could not resolve host", Cause::NoSuchHost),
    ("name or service not known", Cause::NoSuchHost),
    ("operation too slow", Cause::TimedOut),
    ("timed out", Cause::TimedOut),
    ("connection refused", Cause::Unreachable),
    ("no route to host", Cause::Unreachable),
    ("network is unreachable", Cause::Unreachable),
    ("failed to connect to", Cause::Unreachable),
    ("couldn't connect to server", Cause::Unreachable),
    ("unable to get local issuer certificate", Cause::UnknownAuthority),
    ("self-signed certificate", Cause::UnknownAuthority),
    ("self signed certificate", Cause::UnknownAuthority),
    ("unable to verify the first certificate", Cause::UnknownAuthority),
    ("certificate has expired", Cause::Expired),
    ("certificate is not yet valid", Cause::Expired),
    ("does not match target host name", Cause::WrongName),
    ("no alternative certificate subject name", Cause::WrongName),
    ("server certificate verification failed", Cause::UnknownAuthority),
    ("wrong version number", Cause::NotTls),
    ("an unexpected tls packet was received", Cause::NotTls),
    ("marked as read only", Cause::ReadOnly),
    ("write access to repository not granted", Cause::ReadOnly),
    ("does not have write access", Cause::ReadOnly),
    ("not allowed to push code", Cause::ReadOnly),
    ("denied for writing", Cause::ReadOnly),
    ("not authorized to write", Cause::ReadOnly),
    ("denied to deploy key", Cause::ReadOnly),
    ("deployment key is read-only", Cause::ReadOnly),
    ("cannot push with deployment key", Cause::ReadOnly),
    ("so it is read-only", Cause::ReadOnly),
    ("has been archived", Cause::ReadOnly),
    (".git denied to ", Cause::ReadOnly),
    ("saml sso", Cause::MissingScope),
    ("not allowed to download code", Cause::MissingScope),
    ("insufficient_scope", Cause::MissingScope),
    ("required scope", Cause::MissingScope),
    ("rate limit", Cause::RateLimited),
    ("too many requests", Cause::RateLimited),
    ("returned error: 429", Cause::RateLimited),
    ("http basic: access denied", Cause::Authentication),
    ("invalid username or", Cause::Authentication),
    ("authentication failed for", Cause::Authentication),
    ("could not read username", Cause::Authentication),
    ("could not read password", Cause::Authentication),
    ("returned error: 401", Cause::Authentication),
    ("repository not found", Cause::NotFound),
    ("could not be found or you don't have permission", Cause::NotFound),
    ("either does not exist or you do not have access", Cause::NotFound),
    ("does not appear to be a git repository", Cause::NotFound),
    ("repository does not exist", Cause::NotFound),
    ("cannot find repository", Cause::NotFound),
    ("no such project", Cause::NotFound),
    ("repository access denied", Cause::NotFound),
    ("returned error: 404", Cause::NotFound),
    ("' not found", Cause::NotFound),
    ("returned error: 403", Cause::MissingScope),
    ("returned error: 5", Cause::Server),
    ("internal server error", Cause::Server),
    ("permission denied (", Cause::Authentication),
    ("too many authentication failures", Cause::Authentication),
    ("kex_exchange_identification", Cause::NotSsh),
    ("banner exchange", Cause::NotSsh),
    ("ssh: not found", Cause::NoSsh),
    ("ssh: command not found", Cause::NoSsh),
    ("cannot run ssh", Cause::NoSsh),
];

fn cause(stderr: &str) -> Option<Cause> {
    let text = stderr.to_lowercase();
    MESSAGES.iter().find(|(message, _)| text.contains(message)).map(|(_, cause)| *cause)
}

/// The error that fits what was written to standard error.
pub(crate) fn classify(target: &Target<'_>, stderr: &str) -> RemoteError {
    // Both come after all that a host says, and hold names that might be taken for its words.
    if let Some(folder) = between(stderr, "folder ", " is missing or empty") {
        return target.folder_missing(folder);
    }
    if let Some(branch) = between(stderr, "fatal: Remote branch ", " not found in upstream origin") {
        return target.branch_missing(branch);
    }
    let said = host_words(stderr);
    match cause(stderr) {
        Some(Cause::KeyRevoked) => target.host_key_revoked(),
        Some(Cause::KeyChanged) => changed(target, stderr),
        Some(Cause::KeyUnknown) => target.host_key_unknown(),
        Some(Cause::NoSuchHost) => target.no_such_host(),
        Some(Cause::Unreachable) => target.unreachable(last_words(stderr)),
        Some(Cause::TimedOut) => target.timed_out("waiting for its answer"),
        Some(Cause::UnknownAuthority) => target.broken(crate::http::Broken::UnknownAuthority),
        Some(Cause::Expired) => target.broken(crate::http::Broken::Expired),
        Some(Cause::WrongName) => target.broken(crate::http::Broken::WrongName),
        Some(Cause::NotTls) => target.broken(crate::http::Broken::NotTls),
        Some(Cause::Proxy) => target.proxy(last_words(stderr)),
        Some(Cause::ReadOnly) => target.read_only(said),
        Some(Cause::MissingScope) if target.write => target.read_only(said),
        Some(Cause::MissingScope) => target.missing_scope(said),
        Some(Cause::NotFound) => target.not_found(said),
        Some(Cause::RateLimited) => target.rate_limited(None, said),
        Some(Cause::Server) => target.server(last_words(stderr), String::new()),
        Some(Cause::Authentication) => target.authentication(said),
        Some(Cause::NotSsh) => target.not_ssh(last_words(stderr)),
        Some(Cause::NoSsh) => RemoteError::NoSsh { program: "ssh" },
        None => target.git(last_words(stderr)),
    }
}

/// The name in a line that is nothing but these words around it: git's, or those of the script that clones inside the
/// cluster (`manifests::clone_check`).
fn between<'a>(stderr: &'a str, before: &str, after: &str) -> Option<&'a str> {
    stderr.lines().find_map(|line| line.trim_end().strip_prefix(before)?.strip_suffix(after))
}

/// Both fingerprints: ssh shows that of the new key, and says in which line the known one is.
fn changed(target: &Target<'_>, stderr: &str) -> RemoteError {
    let actual = stderr.split_whitespace().find(|word| word.starts_with("SHA256:"));
    let actual = actual.unwrap_or("not told").trim_end_matches('.').to_owned();
    let line = stderr.lines().find_map(|line| {
        line.trim().strip_prefix("Offending ")?.rsplit_once(':')?.1.trim().parse::<usize>().ok()
    });
    let known = line.and_then(|line| target.remote.trust.known_hosts.lines().nth(line.checked_sub(1)?));
    let expected = known.and_then(fingerprint).unwrap_or_else(|| "another key".to_owned());
    target.host_key_changed(expected, actual)
}

/// The fingerprint of a line of a known hosts file, as OpenSSH shows it.
fn fingerprint(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    words.windows(2).find_map(|pair| fingerprint_of(&pair.join(" ")))
}

/// What the host itself said, apart from ssh and git.
fn host_words(stderr: &str) -> String {
    let words = |line: &'_ str| {
        let line = line.trim();
        let words = line.strip_prefix("remote:").or_else(|| line.strip_prefix("ERROR:"));
        let words = words.or_else(|| line.strip_prefix("Gitea:")).or_else(|| line.strip_prefix("Forgejo:"));
        words.map(|words| words.trim().trim_start_matches("ERROR: ").to_owned())
    };
    let lines: Vec<String> = stderr.lines().filter_map(words).collect();
    let telling = |line: &&String| line.chars().any(char::is_alphabetic);
    one_line(&lines.iter().filter(telling).cloned().collect::<Vec<_>>().join(" "))
}

/// The last line that says something: git ends with general advice.
fn last_words(stderr: &str) -> String {
    const ADVICE: [&str; 4] = [
        "Please make sure",
        "and the repository exists",
        "fatal: Could not read from remote",
        "Connection to ",
    ];
    let telling = |line: &&str| !line.is_empty() && !ADVICE.iter().any(|advice| line.starts_with(advice));
    let line = stderr.lines().map(str::trim).rfind(telling);
    one_line(line.unwrap_or("it said nothing"))
}

/// Why a push was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// Another branch has the name of its folder, so that no retry helps.
    InTheWay(String),
    /// The branch is protected: only a pull request gets there.
    Protected,
    /// The branch has moved since it was read.
    Behind,
    /// Another rule of the host's.
    Rule,
    /// It isn't about the branch.
    Other,
}

/// Messages in lower case by which hosts say why they take no push.
const REJECTIONS: [(&str, Rejection); 20] = [
    ("fetch first", Rejection::Behind),
    ("non-fast-forward", Rejection::Behind),
    ("stale info", Rejection::Behind),
    ("cannot lock ref", Rejection::Behind),
    ("failed to update ref", Rejection::Behind),
    ("incorrect old value", Rejection::Behind),
    ("reference already exists", Rejection::Behind),
    ("remote ref updated since checkout", Rejection::Behind),
    ("gh006", Rejection::Protected),
    ("gh013", Rejection::Protected),
    ("protected branch", Rejection::Protected),
    ("branch is protected", Rejection::Protected),
    ("permission denied to update branch", Rejection::Protected),
    ("changes must be made through a pull request", Rejection::Protected),
    ("pushes to this branch are not permitted", Rejection::Protected),
    ("hook declined", Rejection::Protected),
    ("tf402455", Rejection::Protected),
    ("(permission denied)", Rejection::Protected),
    ("[remote rejected]", Rejection::Rule),
    ("[rejected]", Rejection::Rule),
];

/// What the host said of a push, or else the status that git gives for the branch.
pub(crate) fn push_words(stdout: &str, stderr: &str) -> String {
    let said = host_words(stderr);
    if !said.is_empty() {
        return said;
    }
    let status = stdout.lines().find_map(|line| line.strip_prefix('!')?.rsplit_once('\t'));
    status.map_or_else(String::new, |(_, status)| one_line(status))
}

/// Tells why `git push --porcelain` failed, by all that it wrote.
pub(crate) fn rejection(output: &str) -> Rejection {
    if let Some(other) = in_the_way(output) {
        return Rejection::InTheWay(other.to_owned());
    }
    let text = output.to_lowercase();
    let found = REJECTIONS.iter().find(|(message, _)| text.contains(message));
    found.map_or(Rejection::Other, |(_, rejection)| rejection.clone())
}

/// The branch of `'refs/heads/a' exists; cannot create 'refs/heads/a/b'`.
fn in_the_way(output: &str) -> Option<&str> {
    let (before, _) = output.split_once("' exists; cannot create '")?;
    before.rsplit_once("'refs/heads/").map(|(_, branch)| branch)
}

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
