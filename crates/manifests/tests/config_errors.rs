//! What is said about a wrong configuration, word for word.

use insta::assert_snapshot;
use manifests::config::{ConfigErrors, Override, Source, load};

fn fail(text: &str, env: &[(&str, &str)], sets: &[&str]) -> ConfigErrors {
    let source = Source { name: "gitops.yaml".into(), text: text.into() };
    let overrides: Vec<Override> = sets.iter().map(|set| set.parse().expect("KEY=VALUE")).collect();
    let env = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    load(Some(&source), &env, &overrides).expect_err("a mistake was expected")
}

fn errors(text: &str) -> String {
    fail(text, &[], &[]).to_string()
}

/// Two environments after a sound repository.
fn environments(items: &str) -> String {
    errors(&format!("git: {{url: github.com/acme/gitops}}\nenvironments:\n{items}"))
}

#[test]
fn a_kind_without_a_health_check() {
    let text = "healthChecks:\n  kinds: [ray.io/Rayjob]\n  inferenceServices: true\n";
    assert_snapshot!(errors(text), @"
    gitops.yaml:2:11: `healthChecks.kinds[0]` is `ray.io/Rayjob`; expected
      `argoproj.io/Application`, `kubeflow.org/MPIJob`, `kubeflow.org/PyTorchJob`,
      `kubeflow.org/TFJob`, `machinelearning.seldon.io/SeldonDeployment`,
      `mlops.seldon.io/Experiment`, `mlops.seldon.io/Model`,
      `mlops.seldon.io/Pipeline`, `mlops.seldon.io/Server`, `ray.io/RayCluster`,
      `ray.io/RayJob`, `ray.io/RayService`, `serving.kserve.io/InferenceGraph`,
      `serving.kserve.io/ServingRuntime`, `serving.kserve.io/TrainedModel` or
      `trainer.kubeflow.org/TrainJob`; did you mean `ray.io/RayJob`?
    gitops.yaml:3:3: unknown key `inferenceServices` in healthChecks; expected
      `inferenceService` or `kinds`; did you mean `inferenceService`?
    ");
}

#[test]
fn everything_at_once_in_the_order_of_the_file() {
    let text = "\
cluster:
  provider: kin
  nodes: 5000
  nodes: 3
argocd:
  version: 3.5
  namespace: Argo_CD
expose:
  via: ingress
  istio: {}
git:
  url: http://github.com/acme/gitops
  branch:
environments:
  - namspace: seldon
  - namespace: kube-system
    roles: {read: [a], write: [a], exec: []}
  - namespace: data
    syncPolicy: {automated: no}
logging:
";
    let set = ["argocd.variant=hi", "environments.9.namespace=x"];
    assert_snapshot!(fail(text, &[("ARGOCD_VERSION", "latest")], &set), @"
    gitops.yaml:2:13: `cluster.provider` is `kin`; expected `kwok`, `kind` or
      `context`; did you mean `kind`?
    gitops.yaml:3:10: `cluster.nodes` is `5000`; expected a whole number from 1 to
      1000
    gitops.yaml:4:3: key `nodes` is given a second time, after line 3
    gitops.yaml:7:14: `argocd.namespace` is `Argo_CD`; expected at most 63
      lower-case letters, digits and `-`, with a letter or digit at both ends
    gitops.yaml:10:10: `expose.istio` is only for `expose.via: istio`; set this or
      remove the section
    gitops.yaml:12:8: `git.url` is plain http, which anyone on the way can read and
      change; use https:// or ssh://
    gitops.yaml:13:9: `git.branch` is empty; leave it out or give it a value
    gitops.yaml:15:5: unknown key `namspace` in environments[0]; expected
      `application`, `clusterResources`, `namespace`, `project`, `restricted`,
      `roles`, `subscriptions` or `syncPolicy`; did you mean `namespace`?
    gitops.yaml:16:16: namespace `kube-system` belongs to Kubernetes itself; take
      another
    gitops.yaml:17:32: group `a` is in `read` and in `write`; write includes read,
      so remove it there
    gitops.yaml:17:36: unknown key `exec` in environments[1].roles; expected `read`
      or `write`
    gitops.yaml:19:29: `environments[2].syncPolicy.automated` must be `true` or
      `false`, not a text
    gitops.yaml:20:8: `logging` is empty; leave it out or write `{}` for its
      defaults
    environment variable ARGOCD_VERSION: `argocd.version` is `latest`; expected a
      release such as v3.5.1
    --set argocd.variant: `argocd.variant` is `hi`; expected `standard`, `ha` or
      `core`; did you mean `ha`?
    --set environments.9.namespace: `9` is no item of a list of 3; items are counted
      from 0
    ");
}

#[test]
fn yaml_that_is_none() {
    assert_snapshot!(errors("git:\n  url: a: b\n"), @"gitops.yaml:2:9: not valid YAML: mapping values are not allowed in this context");
    assert_snapshot!(errors("git:\n\turl: a\n"), @"
    gitops.yaml:2:2: not valid YAML: tabs disallowed within this context (block
      indentation)
    ");
    assert_snapshot!(errors("environments: [\n"), @"gitops.yaml:1:15: not valid YAML: unclosed bracket '['");
    assert_snapshot!(errors("git: {}\n---\ngit: {}\n"), @"
    gitops.yaml:3:1: not valid YAML: more than one document; a line `---` begins
      another
    ");
    assert_snapshot!(errors("<<: {git: {}}\n"), @"
    gitops.yaml:1:1: not valid YAML: merge keys (`<<`) are not supported; write the
      keys out
    ");
    assert_snapshot!(errors("git: {url: !secret}\n"), @"gitops.yaml:1:19: not valid YAML: a text that begins with `!` must be in quotes");
    assert_snapshot!(errors("git: {url: *secret}\n"), @"gitops.yaml:1:12: not valid YAML: a text that begins with `*` must be in quotes");
    assert_snapshot!(errors("git: &git [*git]\n"), @"gitops.yaml:1:12: not valid YAML: nested too deeply, or too many aliases");
}

#[test]
fn more_than_any_configuration_needs() {
    assert_snapshot!(errors(&"#".repeat((1 << 20) + 1)), @"gitops.yaml: larger than 1024 KiB, which no configuration is");
    assert_snapshot!(errors(&"[".repeat(10_000)), @"gitops.yaml:1:31: not valid YAML: nested too deeply");
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..9 {
        let aliases = vec![format!("*a{}", n - 1); 10].join(", ");
        laughs.push_str(&format!("a{n}: &a{n} [{aliases}]\n"));
    }
    assert!(errors(&laughs).contains("nested too deeply, or too many aliases"), "{}", errors(&laughs));
    let keys: String = (0..10_000).map(|n| format!("key{n}: 1\n")).collect();
    assert!(errors(&keys).ends_with("\n… and 9950 more"));
}

#[test]
fn unknown_missing_and_repeated_keys() {
    assert_snapshot!(errors("argocd: {name_space: argocd}\n"), @"
    gitops.yaml:1:10: unknown key `name_space` in argocd; expected `adminPassword`,
      `allowVulnerable`, `hardening`, `manifest`, `manifestSha256`, `namespace`,
      `rootPath`, `tlsTermination`, `variant` or `version`; did you mean
      `namespace`?
    ");
    assert_snapshot!(errors("colour: blue\n"), @"
    gitops.yaml:1:1: unknown key `colour`; expected `applicationSets`,
      `applications`, `argocd`, `cluster`, `environments`, `expose`, `extensions`,
      `git`, `healthChecks`, `logging`, `models`, `notifications`, `projects`,
      `seldon` or `webhooks`
    ");
    assert_snapshot!(errors("? [a, b]\n: c\n"), @"
    gitops.yaml:1:3: unknown key `…`; expected `applicationSets`, `applications`,
      `argocd`, `cluster`, `environments`, `expose`, `extensions`, `git`,
      `healthChecks`, `logging`, `models`, `notifications`, `projects`, `seldon` or
      `webhooks`
    ");
    assert_snapshot!(errors("git: {url: a.com/b}\nenvironments:\n  - project: a\n"), @"
    gitops.yaml:3:5: missing key `namespace` in environments[0] (Namespace, and
      folder of the repository)
    ");
    assert_snapshot!(errors("git: {url: git@a.com:b, auth: {ssh: {passphrase: {env: A}}}}\n"), @"
    gitops.yaml:1:37: missing key `privateKey` in git.auth.ssh (Private key in
      OpenSSH or PEM form)
    ");
    assert_snapshot!(errors("seldon: {}\ngit: {}\nseldon: {}\n"), @"gitops.yaml:3:1: key `seldon` is given a second time, after line 1");
}

#[test]
fn wrong_types() {
    assert_snapshot!(errors("- a\n"), @"gitops.yaml:1:1: the configuration must be a mapping, not a list");
    assert_snapshot!(errors("argocd: v3.5.1\n"), @"gitops.yaml:1:9: `argocd` must be a mapping, not a text");
    assert_snapshot!(errors("environments: {namespace: a}\n"), @"gitops.yaml:1:15: `environments` must be a list, not a mapping");
    assert_snapshot!(errors("cluster: {name: 12}\n"), @"gitops.yaml:1:17: `cluster.name` must be a text, not a number; put it in quotes");
    assert_snapshot!(errors("cluster: {nodes: many}\n"), @"
    gitops.yaml:1:18: `cluster.nodes` must be a whole number from 1 to 1000, not a
      text
    ");
    assert_snapshot!(errors("cluster: {nodes: 1.5}\n"), @"
    gitops.yaml:1:18: `cluster.nodes` is `1.5`; expected a whole number from 1 to
      1000
    ");
    assert_snapshot!(errors("environments: [{namespace: a, restricted: yes}]\n"), @"
    gitops.yaml:1:43: `environments[0].restricted` must be `true` or `false`, not a
      text
    ");
    assert_snapshot!(errors("webhooks:\n"), @"
    gitops.yaml:1:9: `webhooks` is empty; leave it out or write `{}` for its
      defaults
    ");
    assert_snapshot!(errors("cluster: {context: ~}\n"), @"gitops.yaml:1:20: `cluster.context` is empty; leave it out or give it a value");
}

#[test]
fn wrong_values() {
    assert_snapshot!(errors("argocd: {version: v2.6}\n"), @"gitops.yaml:1:19: `argocd.version` is `v2.6`; expected a release such as v3.5.1");
    assert_snapshot!(errors("argocd: {version: v01.2.3}\n"), @"
    gitops.yaml:1:19: `argocd.version` is `v01.2.3`; expected a release such as
      v3.5.1
    ");
    assert_snapshot!(errors("argocd: {namespace: -argo}\n"), @"
    gitops.yaml:1:21: `argocd.namespace` is `-argo`; expected at most 63 lower-case
      letters, digits and `-`, with a letter or digit at both ends
    ");
    assert_snapshot!(errors("argocd: {rootPath: argocd/}\n"), @"
    gitops.yaml:1:20: `argocd.rootPath` is `argocd/`; expected a path such as
      `/argocd`, without a slash at its end
    ");
    assert_snapshot!(errors("argocd: {tlsTermination: ingres}\n"), @"
    gitops.yaml:1:26: `argocd.tlsTermination` is `ingres`; expected `ingress` or
      `argocd`; did you mean `ingress`?
    ");
    assert_snapshot!(errors("argocd: {manifest: ./install.yaml}\n"), @"
    gitops.yaml:1:20: `argocd.manifest` is `./install.yaml`; expected `auto`,
      `official`, `bundled`, `existing` or `{file: …}`
    ");
    assert_snapshot!(errors("argocd: {manifest: {url: a}}\n"), @"
    gitops.yaml:1:21: unknown key in argocd.manifest; expected `auto`, `official`,
      `bundled`, `existing` or `{file: …}`
    ");
    assert_snapshot!(errors("expose: {via: istio, istio: {gateway: seldon-gateway}}\n"), @"
    gitops.yaml:1:39: `expose.istio.gateway` is `seldon-gateway`; expected
      `namespace/name`, each of lower-case letters, digits and `-`
    ");
    assert_snapshot!(errors("expose: {host: 'https://acme.com'}\n"), @"
    gitops.yaml:1:16: `expose.host` is `https://acme.com`; expected at most 253
      lower-case letters, digits, `-` and `.`, with a letter or digit at both ends
    ");
    assert_snapshot!(errors("argocd: {adminPassword: {env: A, file: b}}\n"), @"
    gitops.yaml:1:25: `argocd.adminPassword` must be only one of `{env: …}`,
      `{file: …}`, `{command: …}` or `{prompt: …}`
    ");
    assert_snapshot!(errors("argocd: {adminPassword: {command: []}}\n"), @"gitops.yaml:1:35: `argocd.adminPassword.command` must not be empty");
    assert_snapshot!(errors("git: {branch: ''}\n"), @"gitops.yaml:1:15: `git.branch` is an empty text; leave it out or fill it");
}

#[test]
fn clusters() {
    assert_snapshot!(errors("cluster: {provider: context}\n"), @"
    gitops.yaml:1:21: provider `context` needs `cluster.context`, one of those that
      `kubectl config get-contexts` lists
    ");
    assert_snapshot!(errors("cluster: {context: a, kubeconfig: b, nodeImage: c}\n"), @"
    gitops.yaml:1:20: `cluster.context` is only for `cluster.provider: context`; set
      this provider or remove the key
    gitops.yaml:1:35: `cluster.kubeconfig` is only for `cluster.provider: context`;
      set this provider or remove the key
    gitops.yaml:1:49: `cluster.nodeImage` is only for `cluster.provider: kind`; set
      this provider or remove the key
    ");
    assert_snapshot!(errors("cluster: {provider: kind, nodes: 2}\n"), @"
    gitops.yaml:1:34: `cluster.nodes` is only for `cluster.provider: kwok`; set this
      provider or remove the key
    ");
}

#[test]
fn releases_of_argo_cd() {
    assert_snapshot!(errors("argocd: {variant: core, version: v2.0.5, adminPassword: {env: A}}\nexpose: {via: istio}\n"), @"
    gitops.yaml:1:19: the variant `core` exists since v2.1.0, not in v2.0.5; use
      `standard`
    gitops.yaml:1:57: the variant `core` has no login; remove `argocd.adminPassword`
      or use another variant
    gitops.yaml:2:15: the variant `core` has no API and no UI to expose; use
      `expose.via: none` or another variant
    ");
    assert_snapshot!(errors("argocd: {manifest: bundled, version: v2.6.7, variant: ha}\n"), @"
    gitops.yaml:1:20: the bundled manifest is that of v3.5.1, not v2.6.7; remove
      `argocd.version` or use `argocd.manifest: official`
    gitops.yaml:1:20: the bundled manifest is that of the variant `standard`; use
      `argocd.manifest: official` for others
    ");
}

#[test]
fn exposure() {
    assert_snapshot!(errors("expose: {istio: {}}\n"), @"
    gitops.yaml:1:17: `expose.istio` is only for `expose.via: istio`; set this or
      remove the section
    ");
    assert_snapshot!(errors("expose: {via: istio, ingress: {}, gatewayApi: {gateway: a/b}}\n"), @"
    gitops.yaml:1:31: `expose.ingress` is only for `expose.via: ingress`; set this
      or remove the section
    gitops.yaml:1:47: `expose.gatewayApi` is only for `expose.via: gateway-api`; set
      this or remove the section
    ");
    assert_snapshot!(errors("expose: {via: gateway-api}\n"), @"
    gitops.yaml:1:15: via `gateway-api` needs `expose.gatewayApi.gateway`, the
      Gateway as `namespace/name`
    ");
    assert_snapshot!(errors("expose: {via: ingress, ingress: {tlsSecret: tls}}\n"), @"
    gitops.yaml:1:45: `expose.ingress.tlsSecret` needs `expose.host`, the name that
      the certificate is for
    ");
}

#[test]
fn repositories() {
    let url = |url: &str| errors(&format!("git: {{url: '{url}'}}\n"));
    assert_snapshot!(url("http://github.com/acme/gitops"), @"
    gitops.yaml:1:12: `git.url` is plain http, which anyone on the way can read and
      change; use https:// or ssh://
    ");
    assert_snapshot!(url("https://bob:hunter2@github.com/acme/gitops"), @"
    gitops.yaml:1:12: `git.url` holds a user or a token, which would end up in logs
      and manifests; move it to `git.auth`
    ");
    assert_snapshot!(url("svn://github.com/acme/gitops"), @"
    gitops.yaml:1:12: `git.url` has a protocol that is not supported; use https://,
      ssh:// or file:///
    ");
    assert_snapshot!(url("gitops"), @"
    gitops.yaml:1:12: `git.url` is not the address of a repository; expected
      `https://host/path`, `ssh://git@host/path`, `git@host:path`, `host/path`
      (which means https) or, for trials, `file:///path`
    ");
    assert_snapshot!(errors("environments: [{namespace: a}]\n"), @"
    gitops.yaml:1:15: environments need `git.url`, the address of the repository
      that holds their folders
    ");
    assert_snapshot!(errors("logging: {}\n"), @"
    gitops.yaml:1:10: environments need `git.url`, the address of the repository
      that holds their folders
    ");
    let token = "auth: {token: {username: a, token: {env: B}}}";
    assert_snapshot!(errors(&format!("git: {{url: 'git@a.com:b', {token}}}\n")), @"
    gitops.yaml:1:41: `git.auth.token` needs an https address; write `git.url` as
      `https://host/path`, or use `git.auth.ssh`
    ");
    assert_snapshot!(errors(&format!("git: {{url: 'file:///a', {token}}}\n")), @"gitops.yaml:1:31: a `file://` repository needs no credentials; remove `git.auth`");
    assert_snapshot!(errors("git: {url: a.com/b, auth: {ssh: {privateKey: {file: c}}}}\n"), @"
    gitops.yaml:1:33: `git.auth.ssh` needs an ssh address; write `git.url` as
      `ssh://git@host/path`, or use `git.auth.token`
    ");
}

#[test]
fn environments_that_clash() {
    assert_snapshot!(environments("- namespace: a\n- namespace: a\n"), @"
    gitops.yaml:4:14: environments[1] has the same namespace as environments[0],
      `a`; give each its own
    ");
    assert_snapshot!(environments("- namespace: a\n- {namespace: b, application: seldon-gitops-a}\n"), @"
    gitops.yaml:4:31: environments[1] has the same Application as environments[0],
      `seldon-gitops-a`; give each its own
    ");
    assert_snapshot!(environments("- namespace: argocd\n- namespace: kube-public\n"), @"
    gitops.yaml:3:14: namespace `argocd` is Argo CD's own; what is synced into it
      could change Argo CD itself, so take another
    gitops.yaml:4:14: namespace `kube-public` belongs to Kubernetes itself; take
      another
    ");
    assert_snapshot!(environments("- namespace: seldon-logs\nlogging: {}\n"), @"
    gitops.yaml:4:10: logging has the same namespace as environments[0],
      `seldon-logs`; give each its own
    ");
}

#[test]
fn environments_that_contradict_themselves() {
    assert_snapshot!(environments("- {namespace: a, restricted: false, roles: {read: [b]}}\n"), @"
    gitops.yaml:3:30: `restricted: false` lets everyone in, whatever `roles` says;
      remove one of the two
    ");
    assert_snapshot!(environments("- {namespace: a, roles: {read: [b, c], write: [c]}}\n"), @"
    gitops.yaml:3:48: group `c` is in `read` and in `write`; write includes read, so
      remove it there
    ");
    assert_snapshot!(environments("- {namespace: a, roles: {read: [data scientists]}}\n"), @"
    gitops.yaml:3:33: `environments[0].roles.read[0]` can't be a group: the label
      `seldon.group.<group>` takes 1 to 50 letters, digits, `-`, `_` and `.`, with a
      letter or digit at the end
    ");
    assert_snapshot!(environments(&format!("- {{namespace: a, roles: {{read: [{}]}}}}\n", "b".repeat(51))), @"
    gitops.yaml:3:33: `environments[0].roles.read[0]` can't be a group: the label
      `seldon.group.<group>` takes 1 to 50 letters, digits, `-`, `_` and `.`, with a
      letter or digit at the end
    ");
    assert_snapshot!(environments("- {namespace: a, syncPolicy: {automated: false, prune: true, selfHeal: true}}\n"), @"
    gitops.yaml:3:56: `prune` has no effect with `automated: false`; remove one of
      the two
    gitops.yaml:3:72: `selfHeal` has no effect with `automated: false`; remove one
      of the two
    ");
}

#[test]
fn mistakes_from_elsewhere_name_their_origin() {
    let text =
        "git: {url: a.com/b}\nenvironments: [{namespace: a}, {namespace: b}]\nargocd: {manifest: bundled}\n";
    let env = [("ARGO_APP_NAME", "app"), ("ARGOCD_VERSION", "v2.6.7"), ("GIT_TOKEN", "hunter2")];
    assert_snapshot!(fail(text, &env, &["cluster.nodes=0", "x=1", "git.url=http://a.com/b", "git.branch=[", "a..b=1"]), @"
    gitops.yaml:3:20: the bundled manifest is that of v3.5.1, not v2.6.7; remove
      `argocd.version` or use `argocd.manifest: official` (`argocd.version` comes
      from environment variable ARGOCD_VERSION)
    environment variable GIT_TOKEN: needs the user that it belongs to; set GIT_USER
      or `git.author.name`
    environment variable ARGO_APP_NAME: names one Application, but there are 2
      environments; unset it and give each environment that needs one its own
      `application`
    --set cluster.nodes: `cluster.nodes` is `0`; expected a whole number from 1 to
      1000
    --set x: unknown key `x`; expected `applicationSets`, `applications`, `argocd`,
      `cluster`, `environments`, `expose`, `extensions`, `git`, `healthChecks`,
      `logging`, `models`, `notifications`, `projects`, `seldon` or `webhooks`
    --set git.url: `git.url` is plain http, which anyone on the way can read and
      change; use https:// or ssh://
    --set git.branch: the value is not valid YAML: unclosed bracket '['
    --set a..b: expected keys with dots between, such as `argocd.version`
    ");
}

#[test]
fn without_a_file_there_is_no_line() {
    let overrides = ["environments.0.namespace=seldon".parse().unwrap()];
    let error = load(None, &|_| None, &overrides).unwrap_err();
    assert_snapshot!(error, @"
    --set environments.0.namespace: environments need `git.url`, the address of the
      repository that holds their folders
    ");
}

#[test]
fn one_slip_is_one_error() {
    const REST: &str = "git: {url: github.com/a/b}\n";
    const APPLICATION: &str =
        "applications: [{name: a, project: ml, source: {path: x}, destination: {namespace: ml}}]\n";
    for text in [
        format!("projcts: [{{name: ml, destinations: [{{namespace: ml}}]}}]\n{APPLICATION}{REST}"),
        format!("projects: [{{nmae: ml, destinations: [{{namespace: ml}}]}}]\n{APPLICATION}{REST}"),
        format!("projects: [{{name: ml, destnations: [{{namespace: ml}}]}}]\n{APPLICATION}{REST}"),
        "git: {ulr: github.com/a/b}\nenvironments: [{namespace: dev}]\n".to_owned(),
        format!("enviroments: [{{namespace: dev}}]\nmodels: {{}}\n{REST}"),
        format!("cluster: {{provider: context, contxt: x}}\n{REST}"),
        format!(
            "notifications: {{services: {{slack: {{slak: {{token: {{env: T}}}}}}}}}}\n\
             environments: [{{namespace: dev, subscriptions: [{{trigger: on-deployed, service: slack, recipients: [x]}}]}}]\n{REST}"
        ),
    ] {
        let source = Source { name: "gitops.yaml".into(), text: text.clone() };
        let errors = load(Some(&source), &|_| None, &[]).expect_err("there is a slip").errors;
        assert_eq!(errors.len(), 1, "{text}{errors:#?}");
        assert!(errors[0].message.contains("unknown key"), "{errors:#?}");
    }
}
