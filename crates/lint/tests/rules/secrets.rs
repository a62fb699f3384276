//! Secrets in plain text.

use crate::support::{found, lint, of};

fn secret(data: &str) -> String {
    format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: x}}\n{data}\n")
}

#[test]
fn values_of_secrets_are_found_and_not_repeated() {
    for (data, lines) in [
        ("data: {token: cGxhbnRlZA==}", vec![4]),
        ("stringData: {token: planted}", vec![4]),
        ("stringData: {a: '', b: planted}", vec![4]),
        ("type: Opaque", vec![]),
        ("stringData: {token: ''}", vec![]),
        ("stringData: {token: <path:ml/data/hub#token>}", vec![]),
        ("data: {token: PHBhdGg6bWwvZGF0YS9odWIjdG9rZW4+}", vec![]),
        ("data: {token: 'ENC[AES256_GCM,data:x]'}\nsops: {}", vec![]),
    ] {
        let text = secret(data);
        assert_eq!(of("plain-secret", &text), lines, "{data}");
        let told = format!("{:?}", lint(&[("a.yaml", &text)]));
        assert!(!told.contains("planted") && !told.contains("cGxhbnRlZA"), "{told}");
    }
    let sealed = "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: x}\nspec: {encryptedData: {token: AgBy}}\n";
    assert_eq!(of("plain-secret", sealed), [0; 0]);
    let cluster = secret("stringData: {config: '{}'}")
        .replace("{name: x}", "{name: x, labels: {argocd.argoproj.io/secret-type: cluster}}");
    assert_eq!(of("plain-secret", &cluster), [4]);
}

#[test]
fn variables_with_values_are_found() {
    let pod = |variable: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: x}}\nspec:\n  containers:\n    - env:\n        - {variable}\n"
        )
    };
    for (variable, lines) in [
        ("{name: DB_PASSWORD, value: planted}", vec![7]),
        ("{name: HF_TOKEN, value: planted}", vec![7]),
        ("{name: HF_TOKEN, valueFrom: {secretKeyRef: {name: x, key: y}}}", vec![]),
        ("{name: HF_TOKEN, value: ''}", vec![]),
        ("{name: HF_TOKEN, value: $(OTHER)}", vec![]),
        ("{name: TOKEN_FILE, value: /run/secrets/token}", vec![]),
        ("{name: MAX_TOKENS, value: '512'}", vec![]),
        ("{name: TOKENIZERS_PARALLELISM, value: 'false'}", vec![]),
    ] {
        assert_eq!(of("plain-secret", &pod(variable)), lines, "{variable}");
    }
}

#[test]
fn tokens_are_found_in_any_file() {
    let token = format!("glpat-{}", "x0".repeat(10));
    let text = format!("# Read me\n\nUse `{token}`.\n");
    assert_eq!(found(&[("README.md", &text)]), [("plain-secret", 3)]);
    assert!(!format!("{:?}", lint(&[("README.md", &text)])).contains(&token));
    let allowed = format!("Use {token}. <!-- gitops-setup: allow plain-secret as it is revoked -->\n");
    assert_eq!(found(&[("README.md", &allowed)]), []);
}

#[test]
fn secrets_that_a_kustomization_makes_are_found() {
    let generator = |entry: &str| format!("secretGenerator:\n  - name: x\n    {entry}\n");
    let found = |entry: &str| found(&[("a/kustomization.yaml", &generator(entry)), ("a/there.env", "X=y\n")]);
    assert_eq!(found("literals: [token=planted]"), [("plain-secret", 3)]);
    assert_eq!(found("literals: ['token=']"), []);
    assert_eq!(found("envs: [there.env]"), [("plain-secret", 3)]);
    assert_eq!(found("files: [token=elsewhere.txt]"), []);
}
