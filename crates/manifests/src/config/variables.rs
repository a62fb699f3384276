//! Lays the guide's environment variables over the tree.
//!
//! A variable stands above the file and below flags. Variables whose value is a secret are never read: the
//! configuration refers to them by name, and only where nothing else is named. So a `GIT_TOKEN` that a CI system
//! sets for its own purposes does not take the place of the credentials that the file names.

use super::error::ConfigError;
use super::node::{Data, Entry, Node};
use super::origin::Origin;
use super::url::{Transport, transport};

/// What laying the environment over the tree had to say.
#[derive(Default)]
pub(super) struct Report {
    pub(super) errors: Vec<ConfigError>,
    pub(super) notes: Vec<String>,
}

/// Lays the environment over the tree, in which flags are already.
pub(super) fn lay_environment(tree: &mut Node, env: &dyn Fn(&str) -> Option<String>) -> Report {
    let mut overlay = Overlay { tree, env, report: Report::default() };
    overlay.text("ARGOCD_VERSION", "argocd.version");
    overlay.admin_password();
    overlay.text("GIT_REPO_URL", "git.url");
    overlay.text("GIT_USER", "git.author.name");
    overlay.text("GIT_EMAIL", "git.author.email");
    overlay.credentials();
    overlay.webhooks();
    overlay.application();
    overlay.report
}

/// The two ways to authenticate at a Git host.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Token,
    Ssh,
}

struct Overlay<'a> {
    tree: &'a mut Node,
    env: &'a dyn Fn(&str) -> Option<String>,
    report: Report,
}

impl Overlay<'_> {
    fn value(&self, variable: &str) -> Option<String> {
        (self.env)(variable).filter(|value| !value.is_empty())
    }

    fn is_set(&self, variable: &str) -> bool {
        self.value(variable).is_some()
    }

    fn note(&mut self, variable: &str, why: &str) {
        self.report.notes.push(format!("environment variable {variable} is not used: {why}"));
    }

    fn put(&mut self, variable: &str, path: &str, value: Node) {
        if let Err(message) = self.tree.set(path, value) {
            let origin = Origin::Env(variable.to_owned());
            self.report.errors.push(ConfigError { origin, path: path.to_owned(), message });
        }
    }

    /// The variable's value, always as a text.
    fn text(&mut self, variable: &str, path: &str) {
        if let Some(value) = self.value(variable) {
            self.put(variable, path, Node::text(&value, Origin::Env(variable.to_owned())));
        }
    }

    /// A path that the variable holds, as a reference.
    fn file(&mut self, variable: &str, path: &str) {
        if let Some(value) = self.value(variable) {
            self.put(variable, path, reference("file", &value, variable));
        }
    }

    /// The variable itself as a reference, where nothing else is named. Its value stays where it is.
    fn by_name(&mut self, variable: &str, path: &str) {
        if !self.is_set(variable) {
            return;
        }
        match self.tree.at(path) {
            None => self.put(variable, path, reference("env", variable, variable)),
            Some(named) if named.child("env").and_then(Node::as_text) == Some(variable) => {}
            Some(_) => self.note(variable, &format!("`{path}` is given")),
        }
    }

    fn admin_password(&mut self) {
        let variable = "ARGOCDINITIALPASS";
        let core = self.tree.at("argocd.variant").and_then(Node::as_text) == Some("core");
        if core && self.is_set(variable) {
            self.note(variable, "the variant `core` has no login");
        } else {
            self.by_name(variable, "argocd.adminPassword");
        }
    }

    fn credentials(&mut self) {
        match self.method() {
            Some(Method::Token) => self.token(),
            Some(Method::Ssh) => self.ssh(),
            None => {}
        }
    }

    /// The method that is named stays. Else the address decides where both are possible, and SSH is taken only
    /// for an address that says so.
    fn method(&mut self) -> Option<Method> {
        match self.tree.at("git.auth").map(|auth| &auth.data) {
            Some(Data::Map(entries)) => return named_method(entries),
            Some(_) => return None,
            None => {}
        }
        let url = self.tree.at("git.url").and_then(Node::as_text).unwrap_or_default().to_owned();
        let transport = transport(&url).ok();
        match (self.is_set("GIT_TOKEN"), self.is_set("GIT_SSH_PATH"), transport) {
            (false, false, _) => None,
            (token, ssh, Some(Transport::File)) => {
                self.unused(token, ssh, "`git.url` is a path on this machine")
            }
            (token, ssh, _) if url.is_empty() => self.unused(token, ssh, "no `git.url` is configured"),
            (true, true, Some(Transport::Ssh)) => {
                self.note("GIT_TOKEN", "`git.url` is an ssh address, and GIT_SSH_PATH is set");
                Some(Method::Ssh)
            }
            (true, false, Some(Transport::Ssh)) => {
                self.note("GIT_TOKEN", "`git.url` is an ssh address");
                None
            }
            (true, true, _) => {
                self.note("GIT_SSH_PATH", "`git.url` is no ssh address, and GIT_TOKEN is set");
                Some(Method::Token)
            }
            (true, false, _) => Some(Method::Token),
            (false, true, _) => Some(Method::Ssh),
        }
    }

    fn unused(&mut self, token: bool, ssh: bool, why: &str) -> Option<Method> {
        for (variable, _) in [("GIT_TOKEN", token), ("GIT_SSH_PATH", ssh)].iter().filter(|v| v.1) {
            self.note(variable, why);
        }
        None
    }

    fn token(&mut self) {
        self.by_name("GIT_TOKEN", "git.auth.token.token");
        self.text("GIT_USER", "git.auth.token.username");
        let token = self.tree.at("git.auth.token.token");
        let from_here = token.is_some_and(|token| matches!(token.origin, Origin::Env(_)));
        if !from_here || self.tree.at("git.auth.token.username").is_some() {
            return;
        }
        match self.tree.at("git.author.name").cloned() {
            Some(author) => self.put("GIT_TOKEN", "git.auth.token.username", author),
            None => self.missing_user(),
        }
    }

    /// More to the point than that a key is missing which nobody wrote.
    fn missing_user(&mut self) {
        let (origin, path) = (Origin::Env("GIT_TOKEN".into()), "git.auth.token.username");
        let message = "needs the user that it belongs to; set GIT_USER or `git.author.name`".into();
        self.put("GIT_TOKEN", path, Node::text("", origin.clone()));
        self.report.errors.push(ConfigError { origin, path: path.into(), message });
    }

    fn ssh(&mut self) {
        self.file("GIT_SSH_PATH", "git.auth.ssh.privateKey");
        self.text("GIT_KNOWN_HOSTS_PATH", "git.auth.ssh.knownHosts");
        self.by_name("GIT_SSHKEY_PASSPHRASE", "git.auth.ssh.passphrase");
    }

    /// These variables alone do not switch webhooks on: the guide has them as an option.
    fn webhooks(&mut self) {
        let wanted = matches!(self.tree.at("webhooks").map(|node| &node.data), Some(Data::Map(_)));
        for (variable, path) in [("GIT_API", "webhooks.api"), ("REPONAME", "webhooks.repository")] {
            if wanted {
                self.text(variable, path);
            } else if self.is_set(variable) {
                self.note(variable, "no `webhooks` are configured");
            }
        }
    }

    fn application(&mut self) {
        let variable = "ARGO_APP_NAME";
        let environments = match self.tree.at("environments").map(|node| &node.data) {
            Some(Data::List(items)) => items.len(),
            _ => 0,
        };
        match environments {
            _ if !self.is_set(variable) => {}
            0 => self.note(variable, "no `environments` are configured"),
            1 => self.text(variable, "environments.0.application"),
            several => self.report.errors.push(ConfigError {
                origin: Origin::Env(variable.to_owned()),
                path: "environments".into(),
                message: format!(
                    "names one Application, but there are {several} environments; unset it and give each \
                     environment that needs one its own `application`"
                ),
            }),
        }
    }
}

fn named_method(entries: &[Entry]) -> Option<Method> {
    entries.iter().max_by_key(|entry| entry.origin.rank()).and_then(|entry| match entry.key.as_str() {
        "token" => Some(Method::Token),
        "ssh" => Some(Method::Ssh),
        _ => None,
    })
}

fn reference(kind: &str, value: &str, variable: &str) -> Node {
    let origin = Origin::Env(variable.to_owned());
    let value = Node::text(value, origin.clone());
    let entry = Entry { key: kind.to_owned(), origin: origin.clone(), value };
    Node { data: Data::Map(vec![entry]), origin }
}
