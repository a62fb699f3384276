//! Triggers, templates, services and subscriptions.

use crate::support::{found, lines, lint};

const CONFIG: &str = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-notifications-cm, namespace: argocd}
data:
  service.slack: 'token: $slack-token'
  service.webhook.grafana: 'url: https://grafana.example.com'
  trigger.on-deployed: '[{send: [deployed], when: \"true\"}]'
  template.deployed: 'message: x'
";

fn application(annotation: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: x\n  annotations:\n    {annotation}: x\n\
         spec: {{project: p, source: {{repoURL: https://a.b/c}}, destination: {{name: in-cluster}}}}\n"
    )
}

#[test]
fn subscriptions_name_what_is_defined() {
    for (annotation, rule) in [
        ("notifications.argoproj.io/subscribe.on-deployed.slack", None),
        ("notifications.argoproj.io/subscribe.on-deployed.grafana", None),
        ("notifications.argoproj.io/subscribe.slack", None),
        ("on-deployed.recipients.argocd-notifications.argoproj.io", None),
        ("recipients.argocd-notifications.argoproj.io", None),
        ("notifications.argoproj.io/subscribe.on-deploy.slack", Some("undefined-trigger")),
        ("on-deploy.recipients.argocd-notifications.argoproj.io", Some("undefined-trigger")),
        ("notifications.argoproj.io/subscribe.on-deployed.email", Some("undefined-service")),
        ("notifications.argoproj.io/subscribe.email", Some("undefined-service")),
    ] {
        let application = application(annotation);
        let expected: Vec<_> = rule.map(|rule| (rule, 6)).into_iter().collect();
        assert_eq!(found(&[("cm.yaml", CONFIG), ("x.yaml", &application)]), expected, "{annotation}");
        assert_eq!(found(&[("x.yaml", &application)]), [], "without the ConfigMap, nothing is known");
    }
}

#[test]
fn subscriptions_of_the_config_map_count_too() {
    let more = "  subscriptions: '[{recipients: [\"slack:ml\", \"teams:ml\"], triggers: [on-deployed, on-failed]}]'\n  defaultTriggers: '[on-nothing]'\n";
    let report = lint(&[("cm.yaml", &format!("{CONFIG}{more}"))]);
    let rules: Vec<_> = report.findings.iter().map(|finding| (finding.rule, finding.line)).collect();
    assert_eq!(rules, [("undefined-service", 9), ("undefined-trigger", 9), ("undefined-trigger", 10)]);
}

#[test]
fn templates_of_triggers_are_defined() {
    let broken = CONFIG.replace("send: [deployed]", "send: [deployed, pagerduty]");
    assert!(
        lines(&lint(&[("cm.yaml", &broken)])).contains("trigger `on-deployed` sends template `pagerduty`")
    );
    let open = CONFIG.replace("message: x", "message: {{.app");
    assert_eq!(found(&[("cm.yaml", &open)]), [("unresolved-placeholder", 8)]);
}

#[test]
fn something_has_to_send() {
    let none = CONFIG.lines().filter(|line| !line.contains("service.")).collect::<Vec<_>>().join("\n");
    assert_eq!(found(&[("cm.yaml", &none)]), [("undefined-service", 4)]);
    let empty = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: argocd-notifications-cm}\n";
    assert_eq!(found(&[("cm.yaml", empty)]), []);
}
