//! Why a repository can't be reached, read or written: each cause by itself, with what to do next.

use std::time::Duration;

use crate::github_app::AppError;
use crate::http::quoted;
use crate::repository::RepositoryError;

/// Why a repository can't be reached, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// There is no git.
    #[error("git is not on PATH\n  install git 2.31 or later; it reads and writes the repository")]
    NoGit,
    /// git is too old to be given credentials by its environment.
    #[error(
        "git on PATH is {found}\n  install git 2.31 or later: older ones take credentials only where others see them"
    )]
    GitTooOld {
        /// What it calls itself.
        found: String,
    },
    /// There is no OpenSSH.
    #[error(
        "{program} is not on PATH\n  install the OpenSSH client, or use an https:// address in `git.url`"
    )]
    NoSsh {
        /// The program.
        program: &'static str,
    },
    /// The name can't be resolved.
    #[error(
        "the Git host {host} is not known: its name can't be resolved\n  check the spelling of `git.url`, and DNS: getent hosts {host}"
    )]
    NoSuchHost {
        /// The host.
        host: String,
    },
    /// Nobody listens there, or nothing leads there.
    #[error(
        "the Git host {host} can't be reached: {why}\n  check host and port of `git.url`, firewalls and the proxy (HTTPS_PROXY): {check}"
    )]
    Unreachable {
        /// Host, with its port.
        host: String,
        /// What happened.
        why: String,
        /// Command that shows the same.
        check: String,
    },
    /// Nothing came in time.
    #[error("the Git host {host} did not answer within {} seconds ({doing})\n  check with another client whether it answers there, and whether a firewall drops the packets", .limit.as_secs_f32())]
    TimedOut {
        /// Host, with its port.
        host: String,
        /// The whole time that there was.
        limit: Duration,
        /// What was being done.
        doing: &'static str,
    },
    /// The certificate is from an authority that isn't trusted.
    #[error(
        "the certificate of {host} is from an authority that is not trusted here\n  if the host uses a private authority, save its certificate as PEM and name the file in `git.caCertificate`\n  see who signed it: openssl s_client -connect {connect} -showcerts </dev/null"
    )]
    UnknownAuthority {
        /// Host, with its port.
        host: String,
        /// Host and port, as `openssl` wants them.
        connect: String,
    },
    /// The certificate is out of date.
    #[error(
        "the certificate of {host} is expired or not valid yet\n  compare its dates with this machine's clock: openssl s_client -connect {connect} </dev/null | openssl x509 -noout -dates"
    )]
    CertificateExpired {
        /// Host, with its port.
        host: String,
        /// Host and port, as `openssl` wants them.
        connect: String,
    },
    /// The certificate is another host's.
    #[error(
        "the certificate of {host} is for another name\n  use the name that it is for in `git.url`: openssl s_client -connect {connect} </dev/null | openssl x509 -noout -ext subjectAltName"
    )]
    CertificateName {
        /// Host, with its port.
        host: String,
        /// Host and port, as `openssl` wants them.
        connect: String,
    },
    /// Whoever answers speaks no TLS.
    #[error(
        "{host} does not speak TLS there\n  check the port in `git.url`; a plain http:// port is not enough"
    )]
    NotTls {
        /// Host, with its port.
        host: String,
    },
    /// Anything else about TLS.
    #[error(
        "TLS with {host} failed: {why}\n  see more of it: openssl s_client -connect {connect} </dev/null"
    )]
    Tls {
        /// Host, with its port.
        host: String,
        /// Host and port, as `openssl` wants them.
        connect: String,
        /// What happened.
        why: String,
    },
    /// The certificates to trust are none.
    #[error(
        "the certificates in `git.caCertificate` can't be used: {why}\n  it takes one or more certificates in PEM form (BEGIN CERTIFICATE)"
    )]
    BadCa {
        /// What is wrong with them.
        why: String,
    },
    /// Whoever answers is no SSH server.
    #[error(
        "{host} does not answer as an SSH server: {why}\n  check the port in `git.url`, and whether the host limits connections from here: ssh-keyscan {keyscan}"
    )]
    NotSsh {
        /// Host, with its port.
        host: String,
        /// Host and port, as `ssh-keyscan` wants them.
        keyscan: String,
        /// What ssh said.
        why: String,
    },
    /// The host key is not among the known ones.
    #[error(
        "the host key of {host} is not known here\n{}  compare it with what the host publishes, then trust it: cargo xtask credentials trust {host}", only(.authority.as_deref())
    )]
    HostKeyUnknown {
        /// Host, with its port.
        host: String,
        /// The mark and the names of the line that is there for it, where that is an authority's alone.
        authority: Option<String>,
    },
    /// The host key is another than the known one.
    #[error(
        "the host key of {host} has CHANGED: somebody may be listening in between\n  known:  {expected}\n  shown:  {actual}\n  nothing was sent to it. Ask whoever runs the host, or compare with what it publishes; only then trust the new key: cargo xtask credentials trust {host}"
    )]
    HostKeyChanged {
        /// Host, with its port.
        host: String,
        /// Fingerprint of the known key.
        expected: String,
        /// Fingerprint of the key that was shown.
        actual: String,
    },
    /// The host key is marked as revoked.
    #[error(
        "{host} showed a host key that is revoked: it may be somebody else who stole the key\n  nothing was sent to it. Ask whoever runs the host for the new key, then trust that: cargo xtask credentials trust {host}"
    )]
    HostKeyRevoked {
        /// Host, with its port.
        host: String,
    },
    /// ssh-agent does not take the private key.
    #[error("ssh does not take the private key of `git.auth.ssh`: {why}\n  check it: ssh-keygen -y -f FILE")]
    Key {
        /// What ssh-add said.
        why: String,
    },
    /// There is no token of the GitHub App.
    #[error("the GitHub App gives no token for {url}: {source}")]
    App {
        /// The repository.
        url: String,
        /// Why.
        source: AppError,
    },
    /// The credentials are not accepted.
    #[error("{url}: the Git host does not accept {who}{}\n  {hint}", quoted(.said))]
    Authentication {
        /// The repository.
        url: String,
        /// Which credentials, without anything secret.
        who: String,
        /// The host's own words.
        said: String,
        /// Likely cause and next command.
        hint: String,
    },
    /// The credentials are accepted and don't suffice.
    #[error("{url}: {who} may not read the repository{}\n  it needs {needed}", quoted(.said))]
    MissingScope {
        /// The repository.
        url: String,
        /// Which credentials.
        who: String,
        /// The host's own words.
        said: String,
        /// What it takes.
        needed: String,
    },
    /// The credentials suffice for reading only.
    #[error("{url}: {who} may read the repository but not write to it{}\n  it needs {needed}", quoted(.said))]
    ReadOnly {
        /// The repository.
        url: String,
        /// Which credentials.
        who: String,
        /// The host's own words.
        said: String,
        /// What it takes.
        needed: String,
    },
    /// There is no such repository, or none that may be seen.
    #[error("{url}: the Git host knows no such repository, or {who} may not see it (hosts answer the same to both){}\n  check the spelling of `git.url`, and that the repository is among those the credentials are for", quoted(.said))]
    NotFound {
        /// The repository.
        url: String,
        /// Which credentials.
        who: String,
        /// The host's own words.
        said: String,
    },
    /// The repository is elsewhere.
    #[error(
        "{url} has moved to {to}\n  set `git.url` to the new address: Argo CD's credentials match by address"
    )]
    Moved {
        /// The repository.
        url: String,
        /// Where it is now.
        to: String,
    },
    /// What answers is no Git repository.
    #[error(
        "{url} is no Git repository: {why}\n  check the path in `git.url`; it is the address that `git clone` takes, not that of a page"
    )]
    NotGit {
        /// The address.
        url: String,
        /// What was answered.
        why: String,
    },
    /// The configured branch is missing.
    #[error("{url} has no branch `{branch}`\n  {}correct `git.branch`, or push the branch: git push origin HEAD:{branch}", there_is(.branches))]
    BranchMissing {
        /// The repository.
        url: String,
        /// The configured branch.
        branch: String,
        /// Those that there are; empty where that is not known.
        branches: Vec<String>,
    },
    /// A folder that an environment needs is missing or empty.
    #[error(
        "{url}: there is nothing in folder `{folder}`, or no such folder\n  add the folders that are missing: cargo xtask repository init"
    )]
    FolderMissing {
        /// The repository.
        url: String,
        /// The folder.
        folder: String,
    },
    /// The repository has branches, and its default one is none of them.
    #[error("{url} has no default branch: its HEAD names a branch that does not exist\n  {}name one in `git.branch`, or set the default branch at the Git host", there_is(.branches))]
    NoDefaultBranch {
        /// The repository.
        url: String,
        /// Those that there are.
        branches: Vec<String>,
    },
    /// Asked too often.
    #[error("{host} answers that it was asked too often{}\n  {}", quoted(.said), wait(*.retry_after))]
    RateLimited {
        /// Host, with its port.
        host: String,
        /// Seconds that the host asks to wait.
        retry_after: Option<u64>,
        /// The host's own words.
        said: String,
    },
    /// The host is in trouble.
    #[error("{url}: the Git host failed ({status}){}\n  the fault is on its side: look at its status page or logs, then run the same command again", quoted(.said))]
    Server {
        /// The repository.
        url: String,
        /// What was answered.
        status: String,
        /// The host's own words.
        said: String,
    },
    /// A proxy on the way wants to know who asks.
    #[error("the proxy on the way to {host} refuses{}\n  put user and password into HTTPS_PROXY, or the host into NO_PROXY", quoted(.said))]
    Proxy {
        /// Host, with its port.
        host: String,
        /// The proxy's words.
        said: String,
    },
    /// Something that is no folder has a folder's name.
    #[error(
        "{url}: `{name}` at the top of the branch is no folder\n  rename it, or give the environment another name"
    )]
    NotAFolder {
        /// The repository.
        url: String,
        /// The name.
        name: String,
    },
    /// The host takes no push, for a reason of its own.
    #[error("{url}: the Git host refused the push to `{branch}`{}\n  see its rules for pushes to that branch, then run the same command again", quoted(.said))]
    Rejected {
        /// The repository.
        url: String,
        /// The branch.
        branch: String,
        /// The host's own words.
        said: String,
    },
    /// A branch can't be made, because another one has the name of its folder.
    #[error(
        "{url}: branch `{branch}` can't be made beside the branch `{other}`\n  git keeps branches like files in folders: rename `{other}` at the Git host, then run the same command again"
    )]
    BranchInTheWay {
        /// The repository.
        url: String,
        /// The branch.
        branch: String,
        /// The one that there is.
        other: String,
    },
    /// Others pushed all the time.
    #[error(
        "{url}: branch `{branch}` moved {attempts} times while it was being written\n  somebody else pushes to it; run the same command again"
    )]
    Contended {
        /// The repository.
        url: String,
        /// The branch.
        branch: String,
        /// How often it was tried.
        attempts: usize,
    },
    /// git or ssh failed in a way that is not known here.
    #[error("{url}: git failed: {said}\n  see it by hand: git ls-remote {url}")]
    Git {
        /// The repository.
        url: String,
        /// git's last words.
        said: String,
    },
    /// A temporary folder can't be used.
    #[error(
        "a temporary folder can't be used: {0}\n  it needs some space and a file system with sockets; TMPDIR=… moves it"
    )]
    Folder(#[from] std::io::Error),
    /// The temporary copy can't be read or written.
    #[error("{url}: {source}")]
    Copy {
        /// The repository.
        url: String,
        /// What git said.
        source: RepositoryError,
    },
}

/// Which branches there are, at most ten of them, so that an error stays readable; nothing where none is known.
fn there_is(branches: &[String]) -> String {
    let some: Vec<String> = branches.iter().take(10).map(|name| format!("`{name}`")).collect();
    match (some.is_empty(), branches.len() - some.len()) {
        (true, _) => String::new(),
        (false, 0) => format!("there is {}; ", some.join(", ")),
        (false, more) => format!("there is {} and {more} more; ", some.join(", ")),
    }
}

/// Why a line that is there for the host does not help.
fn only(authority: Option<&str>) -> String {
    authority.map_or_else(String::new, |line| {
        format!("  `{line}` vouches for certificates alone: Argo CD and this check need the plain key\n")
    })
}

fn wait(retry_after: Option<u64>) -> String {
    match retry_after {
        Some(seconds) => format!("run the same command again in {seconds} seconds"),
        None => "wait some minutes, then run the same command again".to_owned(),
    }
}
