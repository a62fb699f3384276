//! Repositories in Argo CD's ConfigMap: how they were declared before 2.1, still read up to 2.14.

use serde_json::{Map, Value, json};

use super::{credentials_secret, same_address};
use crate::config::{Config, GitAuth};
use crate::yaml;

/// Key of the list of repositories.
pub const REPOSITORIES_KEY: &str = "repositories";
/// Key of the list of credential templates.
pub const CREDENTIALS_KEY: &str = "repository.credentials";

/// What is configured, as entries of the two lists.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entries {
    /// Entry of [`REPOSITORIES_KEY`].
    pub repository: Option<Value>,
    /// Entry of [`CREDENTIALS_KEY`].
    pub template: Option<Value>,
}

impl Entries {
    /// The entries of the configured repository; none for one on this machine.
    pub fn of(config: &Config) -> Self {
        let git = &config.git;
        if !git.is_remote() {
            return Self::default();
        }
        let options = git.repository.clone().unwrap_or_default();
        let mut repository = json!({ "url": git.repo_url(), "type": "git" });
        if let Some(name) = options.name {
            repository["name"] = name.into();
        }
        for (key, set) in [("insecure", git.insecure), ("enableLfs", options.enable_lfs)] {
            if set {
                repository[key] = true.into();
            }
        }
        let mut template = git.credential_template.as_ref().map(|prefix| json!({ "url": prefix }));
        let holder = template.as_mut().unwrap_or(&mut repository);
        for (key, value) in credentials(config) {
            holder[key] = value;
        }
        Self { repository: Some(repository), template }
    }
}

fn credentials(config: &Config) -> Map<String, Value> {
    let mut found = Map::new();
    let secret = credentials_secret(config);
    let mut point = |field: &str, key: &str| {
        found.insert(field.into(), json!({ "name": secret, "key": key }));
    };
    match &config.git.auth {
        Some(GitAuth::Token { .. }) => {
            point("usernameSecret", "username");
            point("passwordSecret", "password");
        }
        Some(GitAuth::Ssh { .. }) => point("sshPrivateKeySecret", "sshPrivateKey"),
        Some(GitAuth::GithubApp { .. }) => point("githubAppPrivateKeySecret", "githubAppPrivateKey"),
        Some(GitAuth::Bearer { .. }) | None => {}
    }
    if config.git.repository.as_ref().is_some_and(|options| options.client_certificate.is_some()) {
        point("tlsClientCertDataSecret", "tlsClientCertData");
        point("tlsClientCertKeySecret", "tlsClientCertKey");
    }
    if let Some(GitAuth::GithubApp { app_id, installation_id, api_url, .. }) = &config.git.auth {
        found.insert("githubAppID".into(), json!(app_id));
        found.insert("githubAppInstallationID".into(), json!(installation_id));
        if let Some(url) = api_url {
            found.insert("githubAppEnterpriseBaseUrl".into(), json!(url));
        }
    }
    found
}

/// A text is no list of entries. What it holds is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no YAML list of entries with a `url` each")]
pub struct NotAList;

/// What remains of a list without some entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rest {
    /// All of it: nothing was to be taken out.
    All,
    /// Others' entries, as the text of a list.
    Some(String),
    /// Nothing.
    None,
}

/// The list with `entry` in it, in place of one with the same address. Other entries stay as they are; where nothing
/// changes, so does every byte of the text.
pub fn merged(live: &str, entry: &Value) -> Result<String, NotAList> {
    let list = entries(live)?;
    let address = address(entry).ok_or(NotAList)?;
    let is_ours = |other: &&Value| self::address(other).is_some_and(|other| same_address(other, address));
    if list.iter().filter(is_ours).eq([entry]) {
        return Ok(live.to_owned());
    }
    let mut placed = false;
    let mut new = Vec::new();
    for other in &list {
        match is_ours(&other) {
            false => new.push(other.clone()),
            true if placed => {}
            true => {
                new.push(entry.clone());
                placed = true;
            }
        }
    }
    if !placed {
        new.push(entry.clone());
    }
    Ok(yaml::to_string(&new))
}

/// The list without the entries of an address.
pub fn without(live: &str, address: &str) -> Result<Rest, NotAList> {
    let list = entries(live)?;
    let is_other = |entry: &&Value| !self::address(entry).is_some_and(|other| same_address(other, address));
    let rest: Vec<&Value> = list.iter().filter(is_other).collect();
    Ok(match rest.len() {
        length if length == list.len() => Rest::All,
        0 => Rest::None,
        _ => Rest::Some(yaml::to_string(&rest)),
    })
}

/// The addresses in a list.
pub fn addresses(live: &str) -> Result<Vec<String>, NotAList> {
    Ok(entries(live)?.iter().filter_map(address).map(str::to_owned).collect())
}

fn address(entry: &Value) -> Option<&str> {
    entry["url"].as_str()
}

fn entries(text: &str) -> Result<Vec<Value>, NotAList> {
    match yaml::parse_value(text) {
        Ok(Value::Null) => Ok(Vec::new()),
        Ok(Value::Array(entries)) if entries.iter().all(Value::is_object) => Ok(entries),
        _ => Err(NotAList),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVE: &str = "# theirs\n- url: https://a.com/one\n  usernameSecret: {name: s, key: u}\n- url: \
                        https://A.com/two.git\n  enableLfs: true\n- url: https://a.com/three\n";

    #[test]
    fn others_stay_and_the_place_in_the_list_too() {
        let entry = json!({"url": "https://a.com/two", "type": "git"});
        let text = merged(LIVE, &entry).unwrap();
        let list = yaml::parse_value(&text).unwrap();
        assert_eq!(list[0], json!({"url": "https://a.com/one", "usernameSecret": {"name": "s", "key": "u"}}));
        assert_eq!(list[1], entry);
        assert_eq!(list.as_array().unwrap().len(), 3);
        assert_eq!(merged(&text, &entry).unwrap(), text);
        let one = json!({"url": "https://a.com/three"});
        assert_eq!(merged(LIVE, &one).unwrap(), LIVE, "not one byte");
        assert_eq!(
            addresses(LIVE).unwrap(),
            ["https://a.com/one", "https://A.com/two.git", "https://a.com/three"]
        );
    }

    #[test]
    fn what_is_there_twice_is_there_once_afterwards() {
        let entry = json!({"url": "https://a.com/x"});
        let twice = "- url: https://a.com/x\n- url: https://a.com/x.git\n";
        assert_eq!(merged(twice, &entry).unwrap(), "- url: https://a.com/x\n");
        assert_eq!(merged("", &entry).unwrap(), "- url: https://a.com/x\n");
    }

    #[test]
    fn an_entry_is_taken_out() {
        assert_eq!(without(LIVE, "https://a.com/four"), Ok(Rest::All));
        let Ok(Rest::Some(text)) = without(LIVE, "https://a.com/two") else { panic!("two are left") };
        assert_eq!(addresses(&text).unwrap(), ["https://a.com/one", "https://a.com/three"]);
        assert_eq!(without("- url: https://a.com/x\n", "https://a.com/x"), Ok(Rest::None));
        assert_eq!(without("", "https://a.com/x"), Ok(Rest::All));
    }

    #[test]
    fn what_is_no_list_is_left_alone() {
        for text in ["a: b\n", "- a\n", "text", "- url: [\n"] {
            assert_eq!(merged(text, &json!({"url": "x"})), Err(NotAList), "{text}");
            assert_eq!(without(text, "x"), Err(NotAList), "{text}");
        }
    }
}
