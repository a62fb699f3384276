//! The built-in triggers and templates, under the names of Argo CD's own catalogue.
//!
//! Expressions and templates get by with what a status may lack: a template that fails sends nothing at all. JSON is
//! made by `toJson` alone, so that no message can break it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::config::{NotificationService, Notifications, TriggerCondition};

/// What one thing that happens is told as.
struct Message {
    /// Name of the trigger.
    trigger: &'static str,
    description: &'static str,
    /// Written without `?.`, which Argo CD before 2.6 does not read: one such expression and it sends nothing.
    when: &'static str,
    once_per: Option<&'static str>,
    /// Name of the template.
    template: &'static str,
    /// What is said of the Application.
    says: &'static str,
    /// What is said in more words.
    details: &'static str,
    /// Colour in Slack.
    color: &'static str,
    /// Severity in PagerDuty.
    severity: &'static str,
}

const MESSAGES: [Message; 3] = [
    Message {
        trigger: "on-deployed",
        description: "The Application is synced and healthy; once for each revision",
        when: "app.status != nil and app.status.operationState != nil and \
               app.status.operationState.phase == 'Succeeded' and app.status.health != nil and \
               app.status.health.status == 'Healthy'",
        // Of several sources there is no one revision: then it is told whenever it becomes so.
        once_per: Some("app.status.operationState.syncResult.revision"),
        template: "app-deployed",
        says: "is deployed",
        details: "$operation.message",
        color: "#18be52",
        severity: "info",
    },
    Message {
        trigger: "on-sync-failed",
        description: "The Application could not be synced",
        when: "app.status != nil and app.status.operationState != nil and \
               app.status.operationState.phase in ['Error', 'Failed']",
        // Not once for each revision: a sync that fails before there is a result has none, and would be told of once
        // and never again.
        once_per: None,
        template: "app-sync-failed",
        says: "could not be synced",
        details: "$operation.message",
        color: "#e96d76",
        severity: "error",
    },
    Message {
        trigger: "on-health-degraded",
        description: "The Application is degraded",
        when: "app.status != nil and app.status.health != nil and app.status.health.status == 'Degraded'",
        once_per: None,
        template: "app-health-degraded",
        says: "is degraded",
        details: "$health.message",
        color: "#f4c030",
        severity: "critical",
    },
];

/// What every field of a template begins with.
const VARIABLES: &str = r#"{{- $name := .app.metadata.name -}}
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
"#;

/// Characters of an error that are passed on: services refuse messages that are too long.
const LONGEST: usize = 1000;

/// Names of the built-in templates.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    MESSAGES.iter().map(|message| message.template)
}

/// The built-in triggers.
pub(super) fn triggers() -> BTreeMap<String, Vec<TriggerCondition>> {
    let trigger = |message: &Message| {
        let condition = TriggerCondition {
            description: Some(message.description.into()),
            when: message.when.into(),
            send: vec![message.template.into()],
            once_per: message.once_per.map(str::to_owned),
        };
        (message.trigger.to_owned(), vec![condition])
    };
    MESSAGES.iter().map(trigger).collect()
}

/// The built-in templates, with a section for each kind of service that is there.
pub(super) fn templates(notifications: &Notifications) -> Vec<(&'static str, Value)> {
    MESSAGES.iter().map(|message| (message.template, message.sections(notifications))).collect()
}

impl Message {
    fn sections(&self, notifications: &Notifications) -> Value {
        let mut sections = json!({ "message": self.field(&self.headline()) });
        let mut webhooks = Map::new();
        for (name, service) in &notifications.services {
            match service {
                NotificationService::Slack { .. } => sections["slack"] = self.slack(),
                NotificationService::Pagerduty { .. } => sections["pagerdutyv2"] = self.pagerduty(),
                NotificationService::Email { .. } => sections["email"] = self.email(),
                NotificationService::Webhook { .. } => drop(webhooks.insert(name.clone(), self.webhook())),
            }
        }
        if !webhooks.is_empty() {
            sections["webhook"] = webhooks.into();
        }
        sections
    }

    fn field(&self, text: &str) -> String {
        let text = text.replace("$details", &format!("({} | default \"\" | trunc {LONGEST})", self.details));
        format!("{VARIABLES}{text}")
    }

    /// It names sync and health as they are, whoever sends it when.
    fn headline(&self) -> String {
        format!("{{{{ $name }}}} {} (sync {{{{ $phase }}}}, health {{{{ $healthy }}}})", self.says)
    }

    fn slack(&self) -> Value {
        // As Slack asks for it: otherwise an error that holds `<!channel>` calls everyone.
        let text = r#"($details | replace "&" "&amp;" | replace "<" "&lt;" | replace ">" "&gt;")"#;
        let field =
            |title: &str, value: &str| format!(r#"(dict "title" "{title}" "value" {value} "short" true)"#);
        let fields = [field("Sync", "$phase"), field("Health", "$healthy"), field("Revision", "$revision")];
        json!({ "attachments": self.field(&format!(
            "{{{{- $fields := list {} -}}}}\n{{{{ list (dict \"color\" \"{}\" \"title\" $name \"title_link\" $link \
             \"text\" {text} \"fields\" $fields) | toJson }}}}",
            fields.join(" "),
            self.color
        )) })
    }

    fn pagerduty(&self) -> Value {
        json!({
            "summary": self.field(&self.headline()),
            "severity": self.severity,
            "source": "{{ .app.metadata.namespace }}/{{ .app.metadata.name }}",
            "component": "{{ .app.metadata.name }}",
            "group": "{{ .app.spec.project }}",
            "class": self.trigger,
            "url": self.field("{{ $link }}"),
        })
    }

    fn email(&self) -> Value {
        let body = "{{ with $details }}{{ . }}\n\n{{ end }}Revision: {{ $revision }}\n{{ with $link }}{{ . }}\n{{ end }}";
        json!({
            "subject": self.field(&self.headline()),
            "body": self.field(&format!("{}\n\n{body}", self.headline())),
        })
    }

    fn webhook(&self) -> Value {
        let body = format!(
            "{{{{ dict \"event\" \"{}\" \"application\" $name \"namespace\" .app.metadata.namespace \"project\" \
             .app.spec.project \"phase\" $phase \"health\" $healthy \"revision\" $revision \"message\" $details \"url\" \
             $link | toJson }}}}",
            self.trigger
        );
        json!({ "method": "POST", "body": self.field(&body) })
    }
}
