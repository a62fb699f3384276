//! Mistakes in projects, Applications and ApplicationSets, word by word.

use insta::assert_snapshot;
use manifests::config::{Source, load};

fn errors(text: &str) -> String {
    let text = format!("git: {{url: github.com/org/models}}\n{text}");
    let source = Source { name: "gitops.yaml".into(), text };
    load(Some(&source), &|_| None, &[]).expect_err("a mistake was expected").to_string()
}

const PROJECT: &str = "projects: [{name: ml, destinations: [{namespace: ml-a}]}]\n";

fn application(source: &str, more: &str) -> String {
    errors(&format!(
        "{PROJECT}applications:\n- name: a\n  project: ml\n  source: {{{source}}}\n  destination: {{namespace: ml-a}}\n{more}"
    ))
}

fn set(generators: &str, template: &str) -> String {
    errors(&format!(
        "{PROJECT}applicationSets:\n- name: models\n  generators:\n{generators}\n  template:\n{template}"
    ))
}

/// The lesson's ApplicationSet as it stands there: without project, repository, destination and dots.
#[test]
fn the_set_of_the_lesson() {
    assert_snapshot!(set("  - list: {elements: [{model: recommendation-v2, env: production, gpu: '4'}]}", "
    name: '{{model}}-{{env}}'
    source: {path: 'models/{{model}}/{{env}}'}
"), @"
    gitops.yaml:9:5: missing key `project` in applicationSets[0].template (Name of
      the AppProject: one of `projects`, or an environment's)
    gitops.yaml:9:5: missing key `destination` in applicationSets[0].template (Where
      they go)
    ");
    assert_snapshot!(set("  - list: {elements: [{model: recommendation-v2, env: production, gpu: 4}]}", "
    name: '{{model}}-{{env}}'
    project: ml
    source: {path: 'models/{{model}}/{{env}}'}
    destination: {namespace: ml-a}
"), @"
    gitops.yaml:6:72: `applicationSets[0].generators[0].list.elements[0].gpu` must
      be a text, not a number; put it in quotes
    gitops.yaml:9:11: `applicationSets[0].template.name`: `{{model}}` calls a
      function; a value is `{{.model}}`, with a dot in front; there is `{{.env}}`,
      `{{.model}}`
    gitops.yaml:11:20: `applicationSets[0].template.source.path`: `{{model}}` calls
      a function; a value is `{{.model}}`, with a dot in front; there is `{{.env}}`,
      `{{.model}}`
    ");
}

#[test]
fn projects() {
    assert_snapshot!(errors("projects:
- {name: ml, destinations: []}
- {name: ml, destinations: [{namespace: a, server: b, cluster: c}], uses: [cor, kserv]}
"), @"
    gitops.yaml:3:28: `projects[0].destinations` must not be empty
    gitops.yaml:4:76: `projects[1].uses[0]` is `cor`; expected `core`, `workloads`,
      `autoscaling`, `policy`, `networking`, `quotas`, `rbac`, `kserve`, `seldon`,
      `seldon-core-2`, `rollouts`, `istio`, `gateway-api`, `monitoring`, `kubeflow`,
      `ray`, `workflows`, `argocd`, `namespaces` or `definitions`; did you mean
      `core`?
    gitops.yaml:4:81: `projects[1].uses[1]` is `kserv`; expected `core`,
      `workloads`, `autoscaling`, `policy`, `networking`, `quotas`, `rbac`,
      `kserve`, `seldon`, `seldon-core-2`, `rollouts`, `istio`, `gateway-api`,
      `monitoring`, `kubeflow`, `ray`, `workflows`, `argocd`, `namespaces` or
      `definitions`; did you mean `kserve`?
    ");
    assert_snapshot!(errors("environments: [{namespace: a}]\nprojects: [{name: seldon, destinations: [{namespace: b}]}]\n"), @"
    gitops.yaml:3:19: `seldon` is the project of environments[0], which makes it as
      Seldon needs it; take another name for one of the two
    ");
}

#[test]
fn projects_that_are_not_there() {
    let text = "applications: [{name: a, project: prod, source: {path: x}, destination: {namespace: x}}]\n";
    assert_snapshot!(errors(text), @"
    gitops.yaml:2:35: `applications[0].project` is `prod`, which is no project;
      there is none; add it to `projects`
    ");
    assert_snapshot!(errors(&format!("environments: [{{namespace: x, project: prd}}]\n{PROJECT}{text}")), @"
    gitops.yaml:4:35: `applications[0].project` is `prod`, which is no project;
      expected `ml` or `prd`; did you mean `prd`?
    ");
}

#[test]
fn what_the_project_would_refuse() {
    assert_snapshot!(errors(&format!("{PROJECT}applications:
- {{name: a, project: ml, source: {{path: x}}, destination: {{namespace: ml-b}}}}
- {{name: b, project: ml, source: {{path: x}}, destination: {{namespace: ml-a, cluster: prod}}}}
- {{name: c, project: ml, source: {{path: x}}, destination: {{namespace: ml-a, server: 'https://1.2.3.4'}}}}
- {{name: d, project: ml, source: {{repoURL: github.com/org/other, path: x}}, destination: {{namespace: ml-a}}}}
")), @"
    gitops.yaml:4:70: applications[0].destination: project `ml` doesn't allow
      namespace `ml-b`; add it to its `destinations`
    gitops.yaml:6:70: applications[2].destination: project `ml` doesn't allow
      namespace `ml-a` of https://1.2.3.4; add it to its `destinations`
    gitops.yaml:7:44: applications[3].source: project `ml` doesn't allow
      github.com/org/other; add it to its `sourceRepos`
    ");
}

#[test]
fn names_that_are_taken() {
    assert_snapshot!(errors(&format!("environments: [{{namespace: x}}]\n{PROJECT}applications:
- {{name: a, project: ml, source: {{path: x}}, destination: {{namespace: ml-a}}}}
- {{name: a, project: ml, source: {{path: x}}, destination: {{namespace: ml-a}}}}
- {{name: seldon-gitops-x, project: ml, source: {{path: x}}, destination: {{namespace: ml-a}}}}
applicationSets:
- name: a
  generators: [{{list: {{elements: [{{m: x}}]}}}}]
  template: {{name: '{{{{.m}}}}', project: ml, source: {{path: x}}, destination: {{namespace: ml-a}}}}
")), @"
    gitops.yaml:6:10: applications[1] has the same name as the Application of
      applications[0], `a`; give each its own
    gitops.yaml:7:10: applications[2] has the same name as the Application of
      environments[0], `seldon-gitops-x`; give each its own
    gitops.yaml:9:9: applicationSets[0] has the same name as the Application of
      applications[0], `a`; give each its own
    ");
}

#[test]
fn sources() {
    assert_snapshot!(application("", ""), @"
    gitops.yaml:6:11: applications[0].source needs `path`, the folder in the
      repository; `.` is all of it
    ");
    assert_snapshot!(application("path: x, helm: {}, kustomize: {}", ""), @"
    gitops.yaml:6:42: applications[0].source is only one of `helm`, `kustomize` and
      `directory`; remove the others
    ");
    assert_snapshot!(application("path: x, chart: y", ""), @"
    gitops.yaml:6:28: applications[0].source is a folder (`path`) or a chart of a
      Helm repository (`chart`); remove one
    ");
    assert_snapshot!(application("chart: y", ""), @"
    gitops.yaml:6:19: applications[0].source: a chart needs `repoURL`, and its
      version in `targetRevision`
    ");
    assert_snapshot!(application("path: x, helm: {values: 'a'}", ""), @"
    gitops.yaml:6:36: `applications[0].source.helm.values` is no mapping; it is a
      text of YAML: `values: |` and lines below
    ");
    assert_snapshot!(application("path: 'models/{{.env}}'", ""), @"
    gitops.yaml:6:18: `applications[0].source.path` holds `{{`, which only
      `applicationSets` fill in
    ");
}

/// An address may hold a token, and is not repeated then.
#[test]
fn addresses() {
    assert_snapshot!(errors("projects: [{name: ml, sourceRepos: ['https://bob:hunter2@a.com/*', 'https://a.com/*'], destinations: [{namespace: x}]}]\n"), @"
    gitops.yaml:2:37: `projects[0].sourceRepos[0]` holds a user or a token, which
      would end up in logs and manifests; take it out
    ");
    assert_snapshot!(application("repoURL: 'https://bob:hunter2@a.com/b', path: x", ""), @"
    gitops.yaml:6:21: `applications[0].source.repoURL` holds a user or a token,
      which would end up in logs and manifests; take it out
    ");
    assert_snapshot!(application("repoURL: 'http://a.com/b', path: x", ""), @"
    gitops.yaml:6:21: `applications[0].source.repoURL` is plain http, which anyone
      on the way can read and change; use https:// or ssh://
    ");
    assert_snapshot!(named("  - gitDirectories: {repoURL: 'https://t0ken@a.com/b', directories: [{path: a}]}", "{{.path.path}}"), @"
    gitops.yaml:6:31: `applicationSets[0].generators[0].gitDirectories.repoURL`
      holds a user or a token, which would end up in logs and manifests; take it out
    ");
}

#[test]
fn how_it_is_synced() {
    assert_snapshot!(application("path: x", "  syncOptions: [CreateNamespace, Purge=true]\n"), @"
    gitops.yaml:8:17: `applications[0].syncOptions[0]` is `CreateNamespace`;
      expected `CreateNamespace=true`, `PruneLast=true`, `ApplyOutOfSyncOnly=true`,
      `ServerSideApply=true`, `RespectIgnoreDifferences=true`,
      `FailOnSharedResource=true`, `SkipDryRunOnMissingResource=true`,
      `Validate=false`, `Replace=true`, `Prune=false`, `Prune=confirm`,
      `Delete=false`, `Delete=confirm`, `PrunePropagationPolicy=foreground`,
      `PrunePropagationPolicy=background`, `PrunePropagationPolicy=orphan` or
      `ClientSideApplyMigration=false`
    gitops.yaml:8:34: `applications[0].syncOptions[1]` is `Purge=true`; expected
      `CreateNamespace=true`, `PruneLast=true`, `ApplyOutOfSyncOnly=true`,
      `ServerSideApply=true`, `RespectIgnoreDifferences=true`,
      `FailOnSharedResource=true`, `SkipDryRunOnMissingResource=true`,
      `Validate=false`, `Replace=true`, `Prune=false`, `Prune=confirm`,
      `Delete=false`, `Delete=confirm`, `PrunePropagationPolicy=foreground`,
      `PrunePropagationPolicy=background`, `PrunePropagationPolicy=orphan` or
      `ClientSideApplyMigration=false`
    ");
    assert_snapshot!(application("path: x", "  syncPolicy: {automated: false, prune: true, allowEmpty: true}\n"), @"
    gitops.yaml:8:41: `prune` has no effect with `automated: false`; remove one of
      the two
    gitops.yaml:8:59: `allowEmpty` has no effect with `automated: false`; remove one
      of the two
    ");
    assert_snapshot!(application("path: x", "  retry: {limit: -2, backoff: {duration: 5 s, factor: 0}}\n"), @"
    gitops.yaml:8:18: `applications[0].retry.limit` is `-2`; expected a whole number
      from -1 to 1000
    gitops.yaml:8:42: `applications[0].retry.backoff.duration` is `5 s`; expected a
      time such as `5s`, `3m` or `1h30m`
    gitops.yaml:8:55: `applications[0].retry.backoff.factor` is `0`; expected a
      whole number from 1 to 100
    ");
    assert_snapshot!(application("path: x", "  subscriptions: [{trigger: On Failed, service: slack}]\n"), @"
    gitops.yaml:8:29: `applications[0].subscriptions[0].trigger` is `On Failed`;
      expected at most 63 lower-case letters, digits and `-`, with a letter or digit
      at both ends
    ");
}

const TEMPLATE: &str = "    project: ml\n    source: {path: x}\n    destination: {namespace: ml-a}\n";

fn named(generators: &str, name: &str) -> String {
    set(generators, &format!("    name: '{name}'\n{TEMPLATE}"))
}

#[test]
fn what_no_generator_gives() {
    let list = "  - list: {elements: [{model: a}]}";
    let folders = "  - gitDirectories: {directories: [{path: '*'}]}";
    assert_snapshot!(named(list, "{{.modle}}"), @"
    gitops.yaml:8:11: `applicationSets[0].template.name`: no generator gives
      `{{.modle}}`; there is `{{.model}}`
    ");
    assert_snapshot!(named(list, "{{.model"), @"
    gitops.yaml:8:11: `applicationSets[0].template.name`: `{{` without `}}` behind
      it
    ");
    assert_snapshot!(named(&format!("{list}\n{folders}"), "{{.model}}"), @"
    gitops.yaml:9:11: `applicationSets[0].template.name`: generators[1] doesn't give
      `{{.model}}`; there is `{{.path.path}}`, `{{.path.basename}}`,
      `{{.path.basenameNormalized}}`, `{{index .path.segments 0}}`
    ");
    assert_snapshot!(named(folders, "{{.path}}"), @"
    gitops.yaml:8:11: `applicationSets[0].template.name`: no generator gives
      `{{.path}}`; there is `{{.path.path}}`, `{{.path.basename}}`,
      `{{.path.basenameNormalized}}`, `{{index .path.segments 0}}`
    ");
    assert_snapshot!(named("  - clusters: {}", "{{.metadata.labels.env}}"), @"
    gitops.yaml:8:11: `applicationSets[0].template.name`: no generator gives
      `{{.metadata.labels.env}}`; there is `{{.name}}`, `{{.nameNormalized}}`,
      `{{.server}}`
    ");
    assert_snapshot!(named("  - list: {elements: [{model: a}, {model: b, env: c}]}", "{{.model}}"), @"
    gitops.yaml:6:35: applicationSets[0].generators[0].list.elements[1] has not the
      same keys as the first one; a template fails where one is missing
    ");
}

#[test]
fn what_can_be_told_without_argo_cd() {
    assert_snapshot!(named("  - list: {elements: [{model: a}]}", "models"), @"
    gitops.yaml:8:11: all Applications of applicationSets[0] would be called
      `models`; put into it what tells them apart
    ");
    assert_snapshot!(named("  - list: {elements: [{model: a}, {model: a}]}", "{{.model}}"), @"
    gitops.yaml:8:11: applicationSets[0]: two Applications are called `a`; Argo CD
      then makes none of the set
    ");
    assert_snapshot!(named("  - list: {elements: [{model: A_1}]}", "{{.model}}"), @"gitops.yaml:8:11: applicationSets[0]: `A_1` can't be the name of an Application");
    assert_snapshot!(set("  - list: {elements: [{env: a}, {env: b}]}", "    name: 'm-{{.env}}'
    project: ml
    source: {path: x}
    destination: {namespace: 'ml-{{.env}}'}
"), @"
    gitops.yaml:8:11: applicationSets[0]: m-b.destination: project `ml` doesn't
      allow namespace `ml-b`; add it to its `destinations`
    ");
}

#[test]
fn generators() {
    assert_snapshot!(named("  - {list: {elements: [{model: a}]}, clusters: {}}", "{{.model}}"), @"
    gitops.yaml:6:5: `applicationSets[0].generators[0]` must be only one of
      `{list: …}`, `{gitDirectories: …}`, `{clusters: …}` or `{matrix: …}`
    ");
    assert_snapshot!(named("  - lists: {}", "{{.model}}"), @"
    gitops.yaml:6:5: unknown key in applicationSets[0].generators[0]; expected
      `{list: …}`, `{gitDirectories: …}`, `{clusters: …}` or `{matrix: …}`; did you
      mean `list`?
    ");
    assert_snapshot!(named("  - gitDirectories: {directories: [{path: a, exclude: true}]}", "{{.path.path}}"), @"
    gitops.yaml:6:35: applicationSets[0].generators[0].gitDirectories excludes
      folders and names none; add a `path` without `exclude`
    ");
    assert_snapshot!(named("  - clusters: {matchExpressions: [{key: a, operator: in}]}", "{{.name}}"), @"
    gitops.yaml:6:54:
      `applicationSets[0].generators[0].clusters.matchExpressions[0].operator` is
      `in`; expected `In`, `NotIn`, `Exists` or `DoesNotExist`; did you mean `In`?
    ");
    assert_snapshot!(named("  - clusters: {values: {a: '{{.name}}'}}", "{{.name}}"), @"
    gitops.yaml:6:28: `applicationSets[0].generators[0].clusters.values.a` holds
      `{{`, which nothing fills in there; use it in the template
    ");
}

#[test]
fn matrices() {
    let matrix =
        |generators: &str| named(&format!("  - matrix: {{generators: [{generators}]}}"), "{{.model}}");
    let list = "{list: {elements: [{model: a}]}}";
    assert_snapshot!(matrix(list), @"
    gitops.yaml:6:26: applicationSets[0].generators[0].matrix combines two
      generators, not 1
    ");
    assert_snapshot!(matrix(&format!("{list}, {{matrix: {{generators: [{list}, {list}]}}}}")), @"
    gitops.yaml:6:61: applicationSets[0].generators[0].matrix.generators[1]: a
      matrix holds no other
    ");
    assert_snapshot!(matrix(&format!("{list}, {list}")), @"
    gitops.yaml:6:61: applicationSets[0].generators[0].matrix: both generators give
      `model`, and only the first one would be used; rename one
    ");
    assert_snapshot!(matrix(&format!("{list}, {{gitDirectories: {{directories: [{{path: '{{{{.env}}}}/*'}}]}}}}")), @"
    gitops.yaml:6:100:
      `applicationSets[0].generators[0].matrix.generators[1].gitDirectories.directories[0].path`:
      no generator gives `{{.env}}`; there is `{{.model}}`
    ");
    assert_snapshot!(matrix(&format!("{{gitDirectories: {{directories: [{{path: '{{{{.model}}}}/*'}}]}}}}, {list}")), @"
    gitops.yaml:6:66:
      `applicationSets[0].generators[0].matrix.generators[0].gitDirectories.directories[0].path`
      holds `{{`, which nothing fills in there; use it in the template
    ");
}

#[test]
fn a_release_without_sets() {
    let text = "argocd: {version: v2.4.9, manifest: official}\n";
    let set = format!(
        "{PROJECT}applicationSets:\n- name: m\n  generators: [{{clusters: {{}}}}]\n  template:\n    name: '{{{{.name}}}}'\n{TEMPLATE}"
    );
    assert_snapshot!(errors(&format!("{text}{set}")), @"
    gitops.yaml:5:3: ApplicationSets need Argo CD v2.5.0 or later for their
      templates, not v2.4.9; take a newer release or write the Applications out
    ");
}
