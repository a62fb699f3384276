//! What is said about notifications that would tell nobody anything, word for word.

use insta::assert_snapshot;
use manifests::config::{Source, load};

fn errors(text: &str) -> String {
    let source = Source { name: "gitops.yaml".into(), text: text.into() };
    load(Some(&source), &|_| None, &[]).expect_err("a mistake was expected").to_string()
}

const SERVICES: &str = "\
git: {url: github.com/acme/gitops}
notifications:
  services:
    slack: {slack: {token: {env: SLACK}}}
    pager: {pagerduty: {integrationKeys: {ml: {env: PAGER}}}}
    hook: {webhook: {url: 'https://hooks.example.com'}}
";

/// What is wrong with lines after sound services.
fn after_services(lines: &str) -> String {
    errors(&format!("{SERVICES}{lines}"))
}

#[test]
fn what_is_not_defined() {
    let subscribed = after_services(
        "  triggers:
    on-fire: [{when: 'true', send: [pagerduty]}]
environments:
  - namespace: fraud
    subscriptions:
      - {trigger: on-deploy, service: slack, recipients: [ml]}
      - {trigger: on-deployed, service: mattermost, recipients: [ml]}
      - {trigger: on-deployed, service: pager, recipients: [web]}
",
    );
    assert_snapshot!(subscribed, @"
    gitops.yaml:8:37: template `pagerduty` is not defined; expected `app-deployed`,
      `app-health-degraded` or `app-sync-failed`
    gitops.yaml:12:19: trigger `on-deploy` is not defined; expected `on-deployed`,
      `on-fire`, `on-health-degraded` or `on-sync-failed`; did you mean
      `on-deployed`?
    gitops.yaml:13:41: service `mattermost` is not defined; expected `hook`, `pager`
      or `slack`
    gitops.yaml:14:60: integration key `web` is not defined; expected `ml`
    ");
    let nothing = errors(
        "\
git: {url: github.com/acme/gitops}
environments: [{namespace: fraud, subscriptions: [{trigger: on-deployed, service: slack, recipients: [ml]}]}]
",
    );
    assert_snapshot!(nothing, @"
    gitops.yaml:2:51: subscriptions need `notifications`, which says what carries
      the messages
    ");
    let no_service = errors(
        "notifications: {subscriptions: [{trigger: on-deployed, service: slack, recipients: [ml]}]}\n",
    );
    assert_snapshot!(no_service, @"gitops.yaml:1:65: service `slack` is not defined, and no other is");
}

#[test]
fn recipients_that_no_service_has() {
    assert_snapshot!(after_services("  subscriptions:
    - {trigger: on-deployed, service: slack}
    - {trigger: on-deployed, service: hook, recipients: [ml]}
    - {trigger: on-deployed, service: slack, recipients: ['', 'slack:ml']}
    - {trigger: on-deployed, service: slack, recipients: [ml], labels: {'team!': a, b: 'c d'}}
environments:
  - namespace: fraud
    subscriptions: [{trigger: on-deployed, service: slack, recipients: ['ml;all', ' ml']}]
"), @"
    gitops.yaml:8:7: `slack` needs recipients, such as channels or addresses
    gitops.yaml:9:57: `hook` is a webhook, which has no recipients; remove them
    gitops.yaml:10:59: `notifications.subscriptions[2].recipients[0]` is empty, or
      has a `:` or a space at an end, which no recipient has
    gitops.yaml:10:63: `notifications.subscriptions[2].recipients[1]` is empty, or
      has a `:` or a space at an end, which no recipient has
    gitops.yaml:11:82: `notifications.subscriptions[3].labels` has a label that
      can't be one
    gitops.yaml:11:88: `notifications.subscriptions[3].labels` has a label that
      can't be one
    gitops.yaml:14:73: `environments[0].subscriptions[0].recipients[0]` is empty, or
      has a `;` or a space at an end, which no recipient has
    gitops.yaml:14:83: `environments[0].subscriptions[0].recipients[1]` is empty, or
      has a `;` or a space at an end, which no recipient has
    ");
}

#[test]
fn templates_and_triggers_that_end_all_notifications() {
    assert_snapshot!(after_services("  triggers:
    on-deployed: []
    On.Fire: [{when: '', send: []}]
    on-dark: [{when: 'true', send: [dark]}]
  templates:
    fire: 'message: a: b'
    smoke: just text
    dark: 'message: \"{{ .app.metadata.name }\"'
  subscriptions:
    - {trigger: on-dark, service: pager, recipients: [ml]}
    - {trigger: on-dark, service: hook}
"), @"
    gitops.yaml:8:18: trigger `on-deployed` has no condition, and never sends
    gitops.yaml:9:22: `notifications.triggers.On.Fire[0].when` is an empty text;
      leave it out or fill it
    gitops.yaml:9:32: `notifications.triggers.On.Fire[0].send` must not be empty
    gitops.yaml:12:11: template `fire` is not one valid YAML document (line 1,
      column 11)
    gitops.yaml:13:12: template `smoke` must be a mapping, such as `message: …`
    gitops.yaml:14:11: template `dark` has 1 `{{` and 0 `}}`
    gitops.yaml:16:17: template `dark` has no `pagerdutyv2`, without which `pager`
      can't carry it
    gitops.yaml:17:17: template `dark` has no `webhook.hook`, without which `hook`
      can't carry it
    ");
}

#[test]
fn secrets_in_plain_text() {
    let said = errors(
        "\
notifications:
  argocdUrl: https://admin:planted@gitops.acme.com
  services:
    slack: {slack: {token: planted}}
    chat: {slack: planted}
    pager: {pagerduty: {integrationKeys: {ml: planted}}}
    mail: {email: {host: a, port: 25, from: a@b, auth: {username: a, password: planted}}}
",
    );
    assert!(!said.contains("planted"), "{said}");
    assert_snapshot!(said, @"
    gitops.yaml:2:14: `notifications.argocdUrl` is no address such as
      `https://gitops.example.com`, without user, query and fragment
    gitops.yaml:4:28: `notifications.services.slack.slack.token` must be `{env: …}`,
      `{file: …}`, `{command: …}` or `{prompt: …}`, not a text
    gitops.yaml:5:19: `notifications.services.chat.slack` must be a mapping, not a
      text
    gitops.yaml:6:47: `notifications.services.pager.pagerduty.integrationKeys.ml`
      must be `{env: …}`, `{file: …}`, `{command: …}` or `{prompt: …}`, not a text
    gitops.yaml:7:80: `notifications.services.mail.email.auth.password` must be
      `{env: …}`, `{file: …}`, `{command: …}` or `{prompt: …}`, not a text
    ");
    let said = errors("\
notifications:
  services:
    hook: {webhook: {url: 'https://a.com/?token=planted'}}
    hook-b: {webhook: {url: 'https://a.com', headers: [{name: Authorization, value: Bearer planted}, {name: X-Team}]}}
    hook-c: {webhook: {}}
    hook-d: {webhook: {url: 'https://a.com', urlFrom: {env: A}}}
");
    assert!(!said.contains("planted"), "{said}");
    assert_snapshot!(said, @"
    gitops.yaml:3:27: `notifications.services.hook.webhook.url` is no address such
      as `https://gitops.example.com`, without user, query and fragment; one that
      holds a secret goes to `urlFrom`
    gitops.yaml:4:85: header `Authorization` holds a secret; name it by `valueFrom`,
      with what stands before it in `value`
    gitops.yaml:4:102: header `X-Team` needs `value`, or `valueFrom` where it is a
      secret
    gitops.yaml:5:23: `notifications.services.hook-c.webhook` needs `url` or
      `urlFrom`, and not both
    gitops.yaml:6:29: `notifications.services.hook-d.webhook` needs `url` or
      `urlFrom`, and not both
    ");
}

#[test]
fn names_that_no_key_or_annotation_takes() {
    let long = "a".repeat(40);
    assert_snapshot!(errors(&format!("\
git: {{url: github.com/acme/gitops}}
notifications:
  services:
    {long}: {{webhook: {{url: 'https://a.com'}}}}
    Slack_1: {{slack: {{token: {{env: A}}}}}}
    pd: {{pagerduty: {{integrationKeys: {{x-token: {{env: A}}, Y: {{env: B}}}}}}}}
    pd-key-x: {{slack: {{token: {{env: A}}}}}}
    none: {{pagerduty: {{integrationKeys: {{}}}}}}
environments:
  - namespace: fraud
    subscriptions: [{{trigger: on-health-degraded, service: {long}}}]
")), @"
    gitops.yaml:5:14: a name in `notifications.services` must be at most 63
      lower-case letters, digits and `-`, with a letter or digit at both ends
    gitops.yaml:6:62: a name in
      `notifications.services.pd.pagerduty.integrationKeys` must be at most 63
      lower-case letters, digits and `-`, with a letter or digit at both ends
    gitops.yaml:7:15: a secret of `pd-key-x` and one of `pd` would both be stored as
      `pd-key-x-token`; rename one
    gitops.yaml:8:41: `notifications.services.none.pagerduty.integrationKeys` must
      not be empty
    gitops.yaml:11:31: the names of trigger and service are too long together: the
      annotation
      `notifications.argoproj.io/subscribe.on-health-degraded.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa`
      takes 63 characters behind the slash
    ");
}

#[test]
fn releases_that_do_not_have_it() {
    let with = |argocd: &str| errors(&format!("{SERVICES}argocd: {{{argocd}}}\n"));
    assert_snapshot!(with("version: v2.2.16"), @"
    gitops.yaml:3:3: notifications are a part of Argo CD since v2.3.0, and this is
      v2.2.16
    ");
    assert_snapshot!(with("version: v2.6.7"), @"
    gitops.yaml:5:12: Argo CD sends events to PagerDuty's Events API v2 since
      v2.8.0, and this is v2.6.7
    ");
    assert_snapshot!(with("variant: core"), @"
    gitops.yaml:3:3: the variant `core` has no controller that sends notifications;
      remove `notifications` or use another variant
    ");
    let chained = "notifications: {triggers: {on-fire: [{when: 'app?.x == 1', send: [app-deployed], oncePer: 'app?.y'}]}}\n";
    assert_snapshot!(errors(&format!("{chained}argocd: {{version: v2.5.0}}\n")), @"
    gitops.yaml:1:45: Argo CD reads `?.` since v2.6.0, and this is v2.5.0; compare
      with `nil` instead
    gitops.yaml:1:91: Argo CD reads `?.` since v2.6.0, and this is v2.5.0; compare
      with `nil` instead
    ");
}
