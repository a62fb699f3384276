use manifests::config::GitProvider;

use super::*;

fn hook() -> PutWebhook {
    PutWebhook::new(
        &Config::default(),
        Receiver::Argocd,
        GitProvider::Github,
        "https://a.com/argocd/api/webhook",
    )
}

fn answered(status: u16, page: bool, words: &str) -> (u8, String) {
    let said = Said { status, page, location: Some("https://b.com/argocd".into()), words: words.into() };
    match judge(&hook(), Ok(said)) {
        Ok(()) => (0, String::new()),
        Err(failure) => (failure.code(), failure.to_string()),
    }
}

#[test]
fn an_answer_is_accepted_or_rejected_for_a_cause() {
    assert_eq!(answered(200, false, ""), (0, String::new()));
    assert_eq!(answered(202, false, "received").0, 0);
    for (status, page, cause) in [
        (200, true, "a web page answers there"),
        (301, false, "it sends to https://b.com/argocd"),
        (400, false, "cargo xtask webhooks rotate"),
        (401, false, "somebody in front asks for a login"),
        (403, true, "let the path /argocd/api/webhook pass"),
        (404, false, "does not answer at this path"),
        (413, true, "a proxy in front takes no body"),
        (503, true, "has no Argo CD behind it"),
        (500, false, "look into its log"),
    ] {
        let (code, text) = answered(status, page, "HMAC verification failed");
        assert_eq!(code, 4, "{text}");
        assert!(
            text.contains(cause) && text.contains("HMAC") && text.contains(&format!("({status})")),
            "{text}"
        );
        assert_eq!(text.lines().count(), 3, "what, cause and next step: {text}");
    }
}

#[test]
fn what_can_not_be_reached_is_told_by_its_cause() {
    for (broken, code, cause) in [
        (Broken::TimedOut, 5, "a firewall may be in between"),
        (Broken::NoSuchHost, 3, "check `webhooks.argocdUrl`"),
        (Broken::NoConnection("Connection refused".into()), 3, "Connection refused"),
        (Broken::SelfSigned, 3, "`webhooks.verifyTls: false`"),
        (Broken::NotTls, 3, "write `http://`"),
    ] {
        let failure = judge(&hook(), Err(broken)).unwrap_err();
        assert_eq!(failure.code(), code);
        assert!(failure.to_string().contains(cause), "{failure}");
    }
}

#[test]
fn without_a_refresh_the_log_to_look_into_is_named() {
    let mut config = Config::default();
    let text = |config: &Config, marked| not_refreshed(config, marked, Duration::from_secs(30)).to_string();
    assert!(text(&config, true).contains("argocd-application-controller"));
    assert!(text(&config, false).contains("deploy/argocd-server"));
    assert!(!text(&config, false).contains("answers 200"));
    config.argocd.version = "v1.6.2".parse().unwrap();
    assert!(text(&config, false).contains("answers 200 all the same"));
}

#[test]
fn what_proves_an_event_is_left_out_for_a_receiver_that_checks_nothing() {
    for provider in [GitProvider::Github, GitProvider::Gitlab, GitProvider::Gitea, GitProvider::AzureDevops] {
        let headers = signed(provider, &SecretString::from("planted"), b"{}");
        let left: Vec<&str> = headers.iter().map(|(name, _)| *name).filter(|name| !is_proof(name)).collect();
        assert!(!left.is_empty() && left.len() < headers.len(), "{left:?}");
        assert!(left.iter().all(|name| name.ends_with("-Event") || *name == "X-Vss-Activityid"), "{left:?}");
    }
}
