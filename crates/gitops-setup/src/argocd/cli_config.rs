//! The configuration file of Argo CD's own command line: a context that is logged in.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use manifests::yaml;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::failure::Failure;

/// What a context says.
pub(crate) struct Context<'a> {
    /// URL of Argo CD, its root path included.
    pub(crate) url: &'a str,
    /// Certificate (PEM) that is trusted there alone.
    pub(crate) certificate: Option<&'a str>,
    /// The token.
    pub(crate) token: &'a SecretString,
}

impl Context<'_> {
    /// Host and port, and the root path without its slashes.
    fn place(&self) -> (String, String) {
        let (scheme, rest) = self.url.split_once("://").unwrap_or(("https", self.url));
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        // Without a port the command line takes 443.
        let usual = if scheme == "http" { ":80" } else { ":443" };
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let host = if has_port { host.to_owned() } else { format!("{host}{usual}") };
        (host, path.trim_matches('/').to_owned())
    }

    /// Its name, as the command line itself names one.
    pub(crate) fn name(&self) -> String {
        match self.place() {
            (host, path) if path.is_empty() => host,
            (host, path) => format!("{host}/{path}"),
        }
    }

    fn server(&self) -> Value {
        let (host, path) = self.place();
        let mut server = json!({ "server": host, "grpc-web": true });
        if !path.is_empty() {
            server["grpc-web-root-path"] = path.into();
        }
        if self.url.starts_with("http://") {
            server["plain-text"] = true.into();
        }
        if let Some(certificate) = self.certificate {
            server["certificate-authority-data"] = BASE64_STANDARD.encode(certificate).into();
        }
        server
    }

    /// The configuration with this context in it, as the current one.
    fn merged_into(&self, mut config: Value) -> Value {
        let (name, host) = (self.name(), self.place().0);
        put(&mut config, "servers", "server", self.server());
        put(&mut config, "users", "name", json!({ "name": name, "auth-token": self.token.expose_secret() }));
        put(&mut config, "contexts", "name", json!({ "name": name, "server": host, "user": name }));
        config["current-context"] = name.into();
        config
    }

    /// Writes it into a file, beside what is there, for the user's eyes only.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        let config = self.merged_into(read(path)?);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let written = std::fs::create_dir_all(folder).and_then(|()| {
            // In place at once and with its mode from the start; given up on, it deletes itself.
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(yaml::to_string(&config).as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(path).map_err(|error| error.error)
        });
        written.map(drop).map_err(|error| Failure::file(path, &error))
    }
}

fn read(path: &Path) -> Result<Value, Failure> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(json!({})),
        Err(error) => return Err(Failure::file(path, &error)),
    };
    match yaml::parse_value(&text) {
        Ok(Value::Null) => Ok(json!({})),
        Ok(config @ Value::Object(_)) => Ok(config),
        Ok(_) => Err(odd(path, "it is no map")),
        Err(error) => Err(odd(path, &error.to_string())),
    }
}

fn odd(path: &Path, why: &str) -> Failure {
    Failure::Precondition(format!(
        "{} is no configuration of Argo CD's command line: {why}\n  move it away, or name another file: --config-file",
        path.display()
    ))
}

/// Replaces the entry of the same name, or adds it.
fn put(config: &mut Value, list: &str, key: &str, entry: Value) {
    if !config[list].is_array() {
        config[list] = json!([]);
    }
    let Some(entries) = config[list].as_array_mut() else { return };
    match entries.iter_mut().find(|known| known[key] == entry[key]) {
        Some(known) => *known = entry,
        None => entries.push(entry),
    }
}

/// Where the command line looks for its configuration.
pub(crate) fn default_path(var: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let set = |name: &str| var(name).filter(|value| !value.as_os_str().is_empty());
    let home = set("HOME");
    let legacy = home.as_ref().map(|home| home.join(".argocd")).filter(|folder| folder.exists());
    let folder = set("ARGOCD_CONFIG_DIR")
        .or(legacy)
        .or_else(|| set("XDG_CONFIG_HOME").map(|folder| folder.join("argocd")))
        .or_else(|| home.map(|home| home.join(".config/argocd")));
    folder.map(|folder| folder.join("config"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn context<'a>(url: &'a str, token: &'a SecretString) -> Context<'a> {
        Context { url, certificate: None, token }
    }

    #[test]
    fn a_context_is_named_as_the_command_line_names_it() {
        let token = "t".into();
        for (url, name) in [
            ("http://1.2.3.4/argocd/", "1.2.3.4:80/argocd"),
            ("https://gitops.example.com/", "gitops.example.com:443"),
            ("https://gitops.example.com:8443/a/b/", "gitops.example.com:8443/a/b"),
            ("https://[2001:db8::1]/", "[2001:db8::1]:443"),
            ("http://localhost:8080/argocd/", "localhost:8080/argocd"),
        ] {
            assert_eq!(context(url, &token).name(), name);
        }
    }

    #[test]
    fn what_is_there_stays_and_the_file_is_the_users_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/config");
        let (first, second): (SecretString, SecretString) = ("first".into(), "second".into());
        context("http://1.2.3.4/argocd/", &first).write(&path).unwrap();
        std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + "prompts-enabled: true\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let certificate = Some("-----BEGIN CERTIFICATE-----");
        Context { url: "https://b/", certificate, token: &second }.write(&path).unwrap();
        context("http://1.2.3.4/argocd/", &second).write(&path).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let config = yaml::parse_value(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let expected = json!({
            "servers": [
                { "server": "1.2.3.4:80", "grpc-web": true, "grpc-web-root-path": "argocd", "plain-text": true },
                { "server": "b:443", "grpc-web": true,
                  "certificate-authority-data": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t" },
            ],
            "users": [
                { "name": "1.2.3.4:80/argocd", "auth-token": "second" },
                { "name": "b:443", "auth-token": "second" },
            ],
            "contexts": [
                { "name": "1.2.3.4:80/argocd", "server": "1.2.3.4:80", "user": "1.2.3.4:80/argocd" },
                { "name": "b:443", "server": "b:443", "user": "b:443" },
            ],
            "current-context": "1.2.3.4:80/argocd",
            "prompts-enabled": true,
        });
        assert_eq!(config, expected);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn what_is_no_configuration_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        for text in ["- a list\n", "a: [\n"] {
            std::fs::write(&path, text).unwrap();
            let failure = context("https://b/", &"t".into()).write(&path).unwrap_err();
            assert!(failure.to_string().contains("--config-file"), "{failure}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn the_file_is_where_the_command_line_looks() {
        let home = tempfile::tempdir().unwrap();
        let vars = |names: &'static [(&'static str, &'static str)]| {
            let home = home.path().to_owned();
            default_path(move |name| match name {
                "HOME" => Some(home.clone()),
                _ => names.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()),
            })
        };
        assert_eq!(vars(&[]), Some(home.path().join(".config/argocd/config")));
        assert_eq!(vars(&[("XDG_CONFIG_HOME", "/x")]), Some("/x/argocd/config".into()));
        std::fs::create_dir(home.path().join(".argocd")).unwrap();
        assert_eq!(vars(&[("XDG_CONFIG_HOME", "/x")]), Some(home.path().join(".argocd/config")));
        assert_eq!(vars(&[("ARGOCD_CONFIG_DIR", "/y")]), Some("/y/config".into()));
    }
}
