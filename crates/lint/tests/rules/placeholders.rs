//! `{{ }}` that stands for nothing.

use crate::support::{found, lines, lint, of};

fn set(go: bool, generator: &str, name: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {{name: x}}\nspec:\n  goTemplate: {go}\n  generators:\n    - {generator}\n  \
         template:\n    metadata:\n      name: '{name}'\n    spec: {{project: p, source: {{repoURL: https://a.b/c}}, destination: {{name: x}}}}\n"
    )
}

#[test]
fn names_come_from_generators() {
    const LIST: &str = "list: {elements: [{model: a, env: dev}, {model: b}]}";
    const GIT: &str = "git: {repoURL: https://a.b/c, directories: [{path: 'models/*'}]}";
    const FILES: &str = "git: {repoURL: https://a.b/c, files: [{path: '**/c.json'}]}";
    const CLUSTERS: &str = "clusters: {values: {tier: x}}";
    const MATRIX: &str = "matrix: {generators: [{clusters: {}}, {list: {elements: [{model: a}]}}]}";
    const PLUGIN: &str = "plugin: {configMapRef: {name: x}}";
    for (go, generator, name, resolves) in [
        (false, LIST, "{{model}}", true),
        (false, LIST, "{{ model }}-x", true),
        (false, LIST, "{{env}}", false),
        (false, LIST, "{{.model}}", false),
        (true, LIST, "{{.model}}", true),
        (true, LIST, "{{model}}", false),
        (true, LIST, "{{ .model | lower }}-{{ printf \"%s\" .model }}", true),
        (true, LIST, "{{ .modle }}", false),
        (true, LIST, "{{ .env }}", false),
        (true, LIST, "{{ default \"dev\" .env }}", true),
        (true, LIST, "{{ if hasKey . \"env\" }}{{ .env }}{{ end }}", true),
        (true, LIST, "{{ .evn | default \"dev\" }}", false),
        (true, LIST, "{{ range .items }}{{ .x }}{{ end }}", true),
        (false, GIT, "{{path.basename}}-{{path[0]}}", true),
        (false, GIT, "{{basename}}", false),
        (true, GIT, "{{.path.basename}}-{{index .path.segments 0}}", true),
        (true, GIT, "{{.path.base}}", false),
        (false, FILES, "{{anything.in.them}}", true),
        (false, CLUSTERS, "{{name}}-{{metadata.labels.env}}-{{values.tier}}", true),
        (false, CLUSTERS, "{{values.teir}}", false),
        (true, CLUSTERS, "{{.metadata.labels.env}}-{{.nameNormalized}}", true),
        (false, MATRIX, "{{name}}-{{model}}", true),
        (false, MATRIX, "{{env}}", false),
        (false, PLUGIN, "{{anything}}", true),
        (false, LIST, "plain", true),
    ] {
        let expected: &[u32] = if resolves { &[] } else { &[10] };
        assert_eq!(of("unresolved-placeholder", &set(go, generator, name)), expected, "{generator} {name}");
    }
}

#[test]
fn the_names_that_are_known_are_told() {
    let text = set(false, "list: {elements: [{model: a, env: dev}]}", "{{modle}}");
    let report = lint(&[("a.yaml", &text)]);
    assert!(
        lines(&report).contains("`{{modle}}` stays as it is: no generator gives it; known are env, model")
    );
}

#[test]
fn analysis_templates_know_their_arguments() {
    let template = |query: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {{name: x}}\nspec:\n  args: [{{name: service-name}}]\n  \
             metrics:\n    - provider: {{prometheus: {{query: '{query}'}}}}\n"
        )
    };
    assert_eq!(of("unresolved-placeholder", &template("rate(x{s=\"{{args.service-name}}\"}[1m])")), [0; 0]);
    assert_eq!(of("unresolved-placeholder", &template("{{ args.service }}")), [7]);
    assert_eq!(of("unresolved-placeholder", &template("{{service-name}}")), [7]);
}

#[test]
fn arguments_are_given_where_they_are_needed() {
    let template = "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: t}\nspec: {args: [{name: a}, {name: b, value: x}]}\n---\n";
    let rollout = |analysis: &str| {
        format!(
            "{template}apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {{name: r}}\nspec: {{strategy: {analysis}}}\n"
        )
    };
    for (strategy, fits) in [
        (
            "{canary: {steps: [{analysis: {templates: [{templateName: t}], args: [{name: a, value: x}]}}]}}",
            true,
        ),
        (
            "{canary: {steps: [{analysis: {templates: [{templateName: t}], args: [{name: c, value: x}]}}]}}",
            false,
        ),
        ("{canary: {analysis: {templates: [{templateName: u}]}}}", false),
        ("{blueGreen: {prePromotionAnalysis: {templates: [{templateName: t, clusterScope: true}]}}}", false),
        ("{canary: {steps: [{experiment: {analyses: [{name: x, templateName: u}]}}]}}", false),
    ] {
        let expected: &[u32] = if fits { &[] } else { &[9] };
        assert_eq!(of("undefined-analysis-template", &rollout(strategy)), expected, "{strategy}");
    }
}

#[test]
fn nobody_fills_in_a_plain_manifest() {
    let service = "apiVersion: v1\nkind: Service\nmetadata:\n  name: '{{ name }}'\n";
    assert_eq!(found(&[("a.yaml", service)]), [("unresolved-placeholder", 4)]);
    for others in [
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {dashboard: '{{instance}}'}\n",
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: x}\nspec: {x: '{{inputs.parameters.x}}'}\n",
        "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: x}\nspec: {x: '{{ $labels.x }}'}\n",
        "apiVersion: serving.kserve.io/v1alpha1\nkind: ServingRuntime\nmetadata: {name: x}\nspec: {x: '--model={{.Name}}'}\n",
    ] {
        assert_eq!(found(&[("a.yaml", others)]), [], "{others}");
    }
}
