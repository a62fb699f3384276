//! The objects of notifications.

use insta::assert_snapshot;
use manifests::config::{Config, Source, load};
use manifests::{Object, environment, notifications};

fn config(text: &str) -> Config {
    let source = Source { name: "gitops.yaml".into(), text: text.into() };
    load(Some(&source), &|_| None, &[]).unwrap_or_else(|errors| panic!("{errors}")).config
}

fn map(text: &str) -> Object {
    notifications::config_map(&config(text)).expect("they are configured")
}

fn data(map: &Object, key: &str) -> String {
    map.text(&format!("/data/{key}")).to_owned()
}

const ALL: &str = "\
git: {url: github.com/acme/gitops}
notifications:
  argocdUrl: https://gitops.acme.com/
  services:
    slack: {slack: {token: {env: SLACK}, username: argo, icon: ':rocket:'}}
    team-b: {slack: {token: {env: SLACK_B}}}
    pager: {pagerduty: {integrationKeys: {ml: {env: PAGER}, web: {env: PAGER_WEB}}}}
    hook:
      webhook:
        url: https://hooks.example.com/ml
        basicAuth: {username: ml, password: {env: HOOK}}
        headers: [{name: Authorization, value: 'Bearer ', valueFrom: {env: TOKEN}}, {name: X-Team, value: ml}]
    teams: {webhook: {urlFrom: {file: /teams}, headers: [{name: content-type, value: text/plain}]}}
    email: {email: {host: smtp.acme.com, port: 587, auth: {username: ml, password: {env: MAIL}}, from: ml@acme.com}}
    relay: {email: {host: relay.acme.com, port: 25, from: ml@acme.com}}
  subscriptions:
    - {trigger: on-deployed, service: slack, recipients: [ml, releases], labels: {team: fraud, stage: prod}}
    - {trigger: on-sync-failed, service: hook}
";

#[test]
fn services_name_their_secrets() {
    let map = map(ALL);
    let keys: Vec<&String> = map.get("/data").and_then(|data| data.as_object()).unwrap().keys().collect();
    assert_snapshot!(keys.iter().map(|key| key.as_str()).collect::<Vec<_>>().join("\n"), @"
    context
    service.email
    service.email.relay
    service.pagerdutyv2.pager
    service.slack
    service.slack.team-b
    service.webhook.hook
    service.webhook.teams
    subscriptions
    template.app-deployed
    template.app-health-degraded
    template.app-sync-failed
    trigger.on-deployed
    trigger.on-health-degraded
    trigger.on-sync-failed
    ");
    let services = keys
        .iter()
        .filter(|key| key.starts_with("service.") || key.starts_with("context") || key.starts_with("subs"));
    let texts: Vec<String> = services.map(|key| format!("# {key}\n{}", data(&map, key))).collect();
    assert_snapshot!(texts.join("\n"), @r#"
    # context
    argocdUrl: https://gitops.acme.com/argocd

    # service.email
    from: ml@acme.com
    host: smtp.acme.com
    password: $email-password
    port: 587
    username: ml

    # service.email.relay
    from: ml@acme.com
    host: relay.acme.com
    port: 25

    # service.pagerdutyv2.pager
    serviceKeys:
      ml: $pager-key-ml
      web: $pager-key-web

    # service.slack
    icon: ":rocket:"
    token: $slack-token
    username: argo

    # service.slack.team-b
    token: $team-b-token

    # service.webhook.hook
    basicAuth:
      password: $hook-password
      username: ml
    headers:
    - name: Content-Type
      value: application/json
    - name: Authorization
      value: Bearer $hook-header-authorization
    - name: X-Team
      value: ml
    url: https://hooks.example.com/ml

    # service.webhook.teams
    headers:
    - name: content-type
      value: text/plain
    url: $teams-url

    # subscriptions
    - recipients:
      - slack:ml
      - slack:releases
      selector: stage=prod,team=fraud
      triggers:
      - on-deployed
    - recipients:
      - hook
      triggers:
      - on-sync-failed
    "#);
    let secret = notifications::secret(&config(ALL)).expect("they are configured");
    assert_eq!(secret.object.get("/data"), None, "no value stands there");
    let fill: Vec<String> =
        secret.fill.iter().map(|(key, fill)| format!("{key}: {}", fill.secrets()[0])).collect();
    assert_snapshot!(fill.join("\n"), @"
    email-password: environment variable MAIL
    hook-password: environment variable HOOK
    hook-header-authorization: environment variable TOKEN
    pager-key-ml: environment variable PAGER
    pager-key-web: environment variable PAGER_WEB
    slack-token: environment variable SLACK
    team-b-token: environment variable SLACK_B
    teams-url: file /teams
    ");
}

#[test]
fn triggers_and_templates_are_there_without_being_asked_for() {
    let map = map("notifications: {services: {slack: {slack: {token: {env: SLACK}}}}}\n");
    assert_snapshot!(data(&map, "trigger.on-deployed"), @"
    - description: The Application is synced and healthy; once for each revision
      when: app.status != nil and app.status.operationState != nil and app.status.operationState.phase == 'Succeeded' and app.status.health != nil and app.status.health.status == 'Healthy'
      send:
      - app-deployed
      oncePer: app.status.operationState.syncResult.revision
    ");
    assert_snapshot!(data(&map, "trigger.on-sync-failed"), @"
    - description: The Application could not be synced
      when: app.status != nil and app.status.operationState != nil and app.status.operationState.phase in ['Error', 'Failed']
      send:
      - app-sync-failed
    ");
    assert_snapshot!(data(&map, "trigger.on-health-degraded"), @"
    - description: The Application is degraded
      when: app.status != nil and app.status.health != nil and app.status.health.status == 'Degraded'
      send:
      - app-health-degraded
    ");
    assert_snapshot!(data(&map, "template.app-sync-failed"), @r##"
    message: |-
      {{- $name := .app.metadata.name -}}
      {{- $status := .app.status | default dict -}}
      {{- $operation := $status.operationState | default dict -}}
      {{- $result := $operation.syncResult | default dict -}}
      {{- $sync := $status.sync | default dict -}}
      {{- $health := $status.health | default dict -}}
      {{- $phase := $operation.phase | default "Unknown" -}}
      {{- $healthy := $health.status | default "Unknown" -}}
      {{- $revisions := $result.revisions | default $sync.revisions | default list | join ", " -}}
      {{- $revision := $result.revision | default $sync.revision | default $revisions | default "unknown" -}}
      {{- $link := "" -}}
      {{- with .context.argocdUrl -}}{{- $link = printf "%s/applications/%s" . $name -}}{{- end -}}
      {{ $name }} could not be synced (sync {{ $phase }}, health {{ $healthy }})
    slack:
      attachments: |-
        {{- $name := .app.metadata.name -}}
        {{- $status := .app.status | default dict -}}
        {{- $operation := $status.operationState | default dict -}}
        {{- $result := $operation.syncResult | default dict -}}
        {{- $sync := $status.sync | default dict -}}
        {{- $health := $status.health | default dict -}}
        {{- $phase := $operation.phase | default "Unknown" -}}
        {{- $healthy := $health.status | default "Unknown" -}}
        {{- $revisions := $result.revisions | default $sync.revisions | default list | join ", " -}}
        {{- $revision := $result.revision | default $sync.revision | default $revisions | default "unknown" -}}
        {{- $link := "" -}}
        {{- with .context.argocdUrl -}}{{- $link = printf "%s/applications/%s" . $name -}}{{- end -}}
        {{- $fields := list (dict "title" "Sync" "value" $phase "short" true) (dict "title" "Health" "value" $healthy "short" true) (dict "title" "Revision" "value" $revision "short" true) -}}
        {{ list (dict "color" "#e96d76" "title" $name "title_link" $link "text" (($operation.message | default "" | trunc 1000) | replace "&" "&amp;" | replace "<" "&lt;" | replace ">" "&gt;") "fields" $fields) | toJson }}
    "##);
    assert_eq!(map.get("/data/context"), None, "no address is known");
    assert_eq!(map.get("/data/subscriptions"), None);
}

#[test]
fn what_is_configured_takes_the_place_of_what_is_built_in() {
    let map = map("\
notifications:
  triggers:
    on-deployed: [{when: 'true', send: [app-deployed, mine], oncePer: app.metadata.name}]
  templates:
    app-deployed: |
      message: theirs
    mine: |
      message: mine
");
    assert_snapshot!(data(&map, "trigger.on-deployed"), @r#"
    - when: "true"
      send:
      - app-deployed
      - mine
      oncePer: app.metadata.name
    "#);
    assert_eq!(data(&map, "template.app-deployed"), "message: theirs\n");
    assert_eq!(data(&map, "template.mine"), "message: mine\n");
}

#[test]
fn links_lead_to_where_argo_cd_is_known_to_be() {
    let url = |more: &str| config(&format!("notifications: {{}}\n{more}")).notifications_url();
    assert_eq!(url(""), None);
    assert_eq!(url("expose: {via: ingress, host: a.com}\n"), None, "http or https is not known");
    let secure = "expose: {via: ingress, host: a.com, ingress: {tlsSecret: tls}}\n";
    assert_eq!(url(secure).as_deref(), Some("https://a.com/argocd"));
    let inside = "expose: {via: ingress, host: a.com}\nargocd: {tlsTermination: argocd, rootPath: /}\n";
    assert_eq!(url(inside).as_deref(), Some("https://a.com"));
    let hooks = "git: {url: github.com/a/b, auth: {bearer: {token: {env: A}}}}\nwebhooks: {argocdUrl: 'https://b.com/x/'}\n";
    assert_eq!(url(hooks).as_deref(), Some("https://b.com/x"));
}

#[test]
fn subscriptions_are_annotations() {
    let text = "\
git: {url: github.com/acme/gitops}
environments:
  - namespace: fraud
    subscriptions:
      - {trigger: on-deployed, service: slack, recipients: [ml, releases]}
      - {trigger: on-deployed, service: slack, recipients: [ml, all]}
      - {trigger: on-sync-failed, service: hook}
notifications:
  services: {slack: {slack: {token: {env: SLACK}}}, hook: {webhook: {url: 'https://a.com'}}}
";
    let config = config(text);
    let application = environment::application(&config.environments[0], &config.git, "argocd");
    let annotations = application.get("/metadata/annotations").unwrap();
    assert_snapshot!(format!("{annotations:#}"), @r#"
    {
      "notifications.argoproj.io/subscribe.on-deployed.slack": "ml;releases;all",
      "notifications.argoproj.io/subscribe.on-sync-failed.hook": ""
    }
    "#);
}
