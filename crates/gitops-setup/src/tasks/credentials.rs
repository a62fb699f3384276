//! `credentials check|generate-deploy-key|trust`.

use std::fs::OpenOptions;
use std::io::{BufRead, ErrorKind, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use git_credentials::host_keys::{self, HostKey};
use git_credentials::known_hosts::{self, KnownHosts, Verdict};
use git_credentials::{Credentials as Sound, SshKey};
use manifests::config::GitAuth;
use secrecy::ExposeSecret;

use super::{block_on, print};
use crate::args::{Credentials, GenerateDeployKey, Global, Trust};
use crate::failure::Failure;
use crate::git;
use crate::session::Session;

/// Longest wait for the keys of a host.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where keys of hosts are kept if the configuration names no file.
const KNOWN_HOSTS: &str = "known_hosts";

pub(crate) fn run(global: &Global, what: Credentials) -> Result<ExitCode, Failure> {
    match what {
        Credentials::Check => check(&Session::open(global)?)?,
        Credentials::GenerateDeployKey(args) => generate(&args)?,
        Credentials::Trust(args) => trust(&Session::open(global)?, &args)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn check(session: &Session) -> Result<(), Failure> {
    let config = &session.config;
    let seldon = config.seldon.as_ref().and_then(|seldon| seldon.auth.as_ref());
    let webhooks = config.webhooks.as_ref().and_then(|webhooks| webhooks.auth.as_ref());
    let given =
        [("git.auth", config.git.auth.as_ref()), ("seldon.auth", seldon), ("webhooks.auth", webhooks)];
    let given: Vec<_> = given.into_iter().filter_map(|(path, auth)| Some((path, auth?))).collect();
    if given.is_empty() {
        session.report.line("No Git credentials are configured: see `git.auth` in cargo xtask init");
    }
    let mut wrong = None;
    for (path, auth) in given {
        match block_on(git::credentials(session, Some(auth))) {
            Ok(sound) => session.report.paragraph(&format!("{path}: {}", described(&sound, auth))),
            Err(Failure::Interrupted) => return Err(Failure::Interrupted),
            // The last one is told at the end, as of every command; others where they are found.
            Err(failure) => {
                if let Some(earlier) = wrong.replace(failure.of_key(path)) {
                    session.report.line(&earlier.to_string());
                }
            }
        }
    }
    if let Some(failure) = wrong {
        return Err(failure);
    }
    if git::client_certificate(config).is_some() {
        block_on(git::check_credentials(session))?;
        session.report.line("git.repository.clientCertificate: certificate and key");
    }
    git::trust(config)?;
    for path in config.git.auth.iter().chain(seldon).filter_map(GitAuth::known_hosts) {
        tell_problems(session, path, &KnownHosts::parse(&read(path)?));
    }
    Ok(())
}

fn described(sound: &Sound, auth: &GitAuth) -> String {
    let from = auth.secrets().first().map(|reference| format!(" in {reference}")).unwrap_or_default();
    match sound {
        Sound::None => "none".into(),
        Sound::Token { username, .. } => format!("user {username} with the token{from}"),
        Sound::Bearer { .. } => format!("bearer token{from}"),
        Sound::GithubApp(_) => format!("GitHub App with the private key{from}"),
        Sound::Ssh(key) => {
            let fingerprint = key.fingerprint().unwrap_or_default();
            format!("{} key{from} {fingerprint}", key.algorithm())
        }
    }
}

fn generate(args: &GenerateDeployKey) -> Result<(), Failure> {
    let key = SshKey::generate(&args.comment)?;
    let public = key.public().unwrap_or_default();
    let beside = PathBuf::from(format!("{}.pub", args.out.display()));
    create(&beside, &format!("{public}\n"), 0o644)?;
    if let Err(failure) = create(&args.out, key.unencrypted().expose_secret(), 0o600) {
        // Only this call made it, and half a key pair helps nobody.
        std::fs::remove_file(&beside).ok();
        return Err(failure);
    }
    print(&format!("{public}\n{}\n", key.fingerprint().unwrap_or_default()));
    print(&format!(
        "The private half is in {path}. Add the line above as a deploy key at the Git host, with write access if \
         Seldon\nEnterprise Platform uses it too, and name it: git.auth.ssh.privateKey.file={path}\n",
        path = args.out.display()
    ));
    Ok(())
}

/// Writes a file that is not there yet.
fn create(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(mode).open(path);
    let written = opened.and_then(|mut file| {
        // Half a key would be in the way of the next one.
        file.write_all(text.as_bytes()).inspect_err(|_| drop(std::fs::remove_file(path)))
    });
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::Usage(format!(
            "{} is there already, and a key is not overwritten\n  choose another file with `--out`",
            path.display()
        )),
        _ => Failure::file(path, &error),
    })
}

fn trust(session: &Session, args: &Trust) -> Result<(), Failure> {
    let (host, port) = host_and_port(&args.host)?;
    let configured = session.config.git.auth.as_ref().and_then(GitAuth::known_hosts);
    let path = args.known_hosts.clone().or(configured.cloned()).unwrap_or_else(|| KNOWN_HOSTS.into());
    let known = KnownHosts::parse(&read(&path)?);
    tell_problems(session, &path, &known);
    let published = KnownHosts::parse(&known_hosts::published());
    let keys = host_keys::scan(&host, port, PATIENCE)?;
    let (mut new, mut wanted) = (Vec::new(), args.fingerprint.clone());
    for key in &keys {
        if let Verdict::Changed { known, .. } = published.verdict(&host, port, &key.key) {
            return Err(unpublished(&host, key, &known));
        }
        match known.verdict(&host, port, &key.key) {
            Verdict::Trusted => {
                session.report.line(&format!("{}: known already", shown(&host, key)));
                wanted.retain(|fingerprint| *fingerprint != key.fingerprint);
            }
            Verdict::Unknown => new.push(key),
            Verdict::Changed { known, line } => {
                return Err(changed(&known_hosts::host_name(&host, port), &path, line, key, &known));
            }
            Verdict::Revoked { line } => {
                return Err(Failure::Refused(format!(
                    "{host} shows a key that line {line} of {} revokes: {}\n  don't connect; ask who runs the host",
                    path.display(),
                    key.fingerprint
                )));
            }
        }
    }
    let answered = wanted.is_empty() && !args.fingerprint.is_empty();
    let chosen = if answered { Vec::new() } else { choose(session, &host, new, &wanted)? };
    let lines: Vec<String> = chosen.iter().map(|key| key.known_hosts_line(&host, port)).collect();
    if lines.is_empty() {
        session.report.line(&format!("Nothing to add to {}.", path.display()));
        return Ok(());
    }
    host_keys::append(&path, &lines).map_err(|error| Failure::file(&path, &error))?;
    session.report.line(&format!(
        "Added {} to {}.",
        crate::report::count(lines.len(), "key"),
        path.display()
    ));
    if configured.is_none() {
        session
            .report
            .line(&format!("Name it in the configuration: git.auth.ssh.knownHosts={}", path.display()));
    }
    Ok(())
}

/// Lines that say nothing to anybody: a host may be trusted there and is not.
fn tell_problems(session: &Session, path: &Path, known: &KnownHosts) {
    for problem in known.problems() {
        session.report.line(&format!("{} line {}: {}", path.display(), problem.line, problem.why));
    }
}

fn unpublished(host: &str, key: &HostKey, published: &[String]) -> Failure {
    Failure::Refused(format!(
        "{host} shows a key that is not among those that it publishes\n    published: {}\n    shown: {} {}\n  somebody is \
         probably in between: try from another network. If the host has announced a new key, add it to known hosts by \
         hand",
        published.join(", "),
        key.algorithm,
        key.fingerprint
    ))
}

fn changed(host: &str, path: &Path, line: usize, key: &HostKey, known: &[String]) -> Failure {
    Failure::Refused(format!(
        "the host shows another key than line {line} of {} has\n    known: {}\n    shown: {} {}\n  somebody may be in \
         between. Ask who runs the host; only if its keys were replaced, take the old ones out and trust it again: \
         ssh-keygen -R '{}' -f {}",
        path.display(),
        known.join(", "),
        key.algorithm,
        key.fingerprint,
        host,
        path.display()
    ))
}

/// The keys that the user trusts: by fingerprint, or by saying so.
fn choose<'a>(
    session: &Session,
    host: &str,
    keys: Vec<&'a HostKey>,
    fingerprints: &[String],
) -> Result<Vec<&'a HostKey>, Failure> {
    keys.iter().for_each(|key| session.report.line(&shown(host, key)));
    if keys.is_empty() {
        return Ok(keys);
    }
    if !fingerprints.is_empty() {
        if let Some(missing) = fingerprints.iter().find(|it| keys.iter().all(|key| key.fingerprint != **it)) {
            return Err(Failure::Refused(format!("{host} has no key with the fingerprint {missing}")));
        }
        return Ok(keys.into_iter().filter(|key| fingerprints.contains(&key.fingerprint)).collect());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Precondition(
            "nobody is there to be asked\n  compare the fingerprints with those that the host's operator publishes, \
             and name the one that you trust: --fingerprint SHA256:…"
                .into(),
        ));
    }
    print(
        "Compare the fingerprints with those that the host's operator publishes.\nTrust these keys? [y/N] ",
    );
    std::io::stdout().flush().ok();
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).ok();
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(keys),
        _ => Err(Failure::Refused(format!("{host} is not trusted: nothing was added"))),
    }
}

fn shown(host: &str, key: &HostKey) -> String {
    let published = known_hosts::recognised(host, &key.fingerprint);
    let published = published.map(|name| format!(" (published by {name})")).unwrap_or_default();
    format!("{} {}{published}", key.algorithm, key.fingerprint)
}

fn host_and_port(text: &str) -> Result<(String, u16), Failure> {
    let host = text.strip_prefix("ssh://").unwrap_or(text);
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let (name, port) = match host.split_once(':') {
        None => (host, Ok(22)),
        Some((name, port)) => (name, port.parse::<u16>()),
    };
    match port {
        Ok(port) if !name.is_empty() && !name.starts_with('-') && !name.contains('/') => {
            Ok((name.to_owned(), port))
        }
        _ => {
            Err(Failure::Usage("expected a host name such as git.example.com or git.example.com:2222".into()))
        }
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        read => read.map_err(|error| Failure::file(path, &error)),
    }
}
