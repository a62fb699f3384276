//! What is made stricter than Argo CD does by itself.

use serde_json::json;

use crate::argocd::names;
use crate::config::{Config, GitProvider};
use crate::fill::Fill;
use crate::object::Object;
use crate::webhooks;

/// Key of `argocd-cm` with the size in MB (2^20 bytes) of the largest webhook request that Argo CD reads. Its own default
/// is 50, and before there was the key there was no limit (Argo CD's util/settings/settings.go).
pub const PAYLOAD_KEY: &str = "webhook.maxPayloadSizeMB";
/// No Git host sends more: GitHub and GitLab end at 25 MB, others before.
const LARGEST_PAYLOAD: &str = "25";

/// Providers whose events Argo CD takes, one for each secret.
const PROVIDERS: [GitProvider; 6] = [
    GitProvider::Github,
    GitProvider::Gitlab,
    GitProvider::Bitbucket,
    GitProvider::BitbucketServer,
    GitProvider::Gogs,
    GitProvider::AzureDevops,
];

/// Keys of `argocd-secret` for the webhooks of Git hosts that are not used, and what they are filled with. Where a key
/// is missing, Argo CD takes events of that kind from anybody.
pub fn webhook_secrets(config: &Config) -> Vec<(String, Fill)> {
    if !config.argocd.hardening.webhook_secrets {
        return Vec::new();
    }
    let used = config.webhooks.as_ref().and_then(|_| config.git_provider()).map(webhooks::secret_keys);
    let used = used.unwrap_or_default();
    let keys = PROVIDERS.into_iter().flat_map(webhooks::secret_keys);
    keys.filter(|(key, _)| used.iter().all(|(other, _)| other != key))
        // Nobody has a webhook that sends it, so no event is known by it.
        .map(|(key, _)| (key, Fill::Random))
        .collect()
}

/// The ConfigMap with the limit of webhook requests, and nothing else; `None` where it is not wanted, or the release
/// does not know it.
pub fn payload_limit(config: &Config) -> Option<Object> {
    let argocd = &config.argocd;
    let wanted = argocd.hardening.webhook_payload_limit && argocd.version.limits_webhook_payloads();
    let map = || Object::new(&names::config(&argocd.namespace));
    wanted.then(|| map().with("data", json!({ PAYLOAD_KEY: LARGEST_PAYLOAD })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Source, load};

    fn config(text: &str) -> Config {
        load(Some(&Source { name: "gitops.yaml".into(), text: text.into() }), &|_| None, &[]).unwrap().config
    }

    fn keys(text: &str) -> Vec<String> {
        webhook_secrets(&config(text)).into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn every_kind_of_event_that_is_not_used_gets_a_secret_that_nobody_knows() {
        let all = [
            "webhook.github.secret",
            "webhook.gitlab.secret",
            "webhook.bitbucket.uuid",
            "webhook.bitbucketserver.secret",
            "webhook.gogs.secret",
            "webhook.azuredevops.username",
            "webhook.azuredevops.password",
        ];
        assert_eq!(keys(""), all);
        let used =
            "git: {url: github.com/a/b, auth: {token: {username: a, token: {env: T}}}}\nwebhooks: {}\n";
        assert_eq!(keys(used), all[1..]);
        assert_eq!(keys("argocd: {hardening: {webhookSecrets: false}}"), Vec::<String>::new());
    }

    #[test]
    fn requests_are_limited_where_the_release_can() {
        let limit =
            |version: &str| payload_limit(&config(&format!("argocd: {{version: {version}}}"))).is_some();
        for (version, known) in [
            ("v2.6.7", false),
            ("v2.9.19", false),
            ("v2.9.20", true),
            ("v2.10.14", false),
            ("v2.11.6", true),
            ("v3.5.1", true),
        ] {
            assert_eq!(limit(version), known, "{version}");
        }
        assert_eq!(payload_limit(&config("argocd: {hardening: {webhookPayloadLimit: false}}")), None);
    }
}
