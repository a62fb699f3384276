//! The objects of an Argo CD manifest, made fit for a namespace and for server-side apply.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::settings;
use super::version::ArgoVersion;
use crate::MANAGER;
use crate::config::ArgoCd;
use crate::images::{CONTAINERS, images};
use crate::object::{Object, ObjectRef};
use crate::trust;

/// Objects ready to be applied, and what a reader of the plan should know about them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Install {
    /// The namespace and everything in the manifest.
    pub objects: Vec<Object>,
    /// Peculiarities that were found and mended, one sentence each.
    pub notes: Vec<String>,
}

/// Why a manifest can't be installed as configured.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InstallError {
    /// The manifest holds nothing of Argo CD.
    #[error("the manifest has no Deployment or StatefulSet of Argo CD: is it the right file?")]
    NotArgoCd,
    /// The file is of another release than the configuration says.
    #[error(
        "the manifest is of Argo CD {found}, but the configuration says {configured}: set `argocd.version` to \
         {found} or use the manifest of {configured}"
    )]
    OtherRelease {
        /// Tag of its images.
        found: String,
        /// What the configuration says.
        configured: ArgoVersion,
    },
}

/// Makes a manifest fit:
///
/// - the namespace comes first; every namespaced object and every subject of a binding is put into it
///   (published manifests name `argocd` literally in ClusterRoleBindings, argo-cd issue 9482);
/// - image tags are those of the release: some tags shipped another one (2.1.0 core `latest`, 2.14.0 a release
///   candidate, 3.0.10 the release before);
/// - every port names its protocol, which older servers' server-side apply asks for;
/// - Secrets have `data` only: `stringData` is never read back, so applying it would never settle;
/// - a host key of GitHub's that leaked is left out;
/// - settings of the server that stages of their own set are left out, or two stages would fight over them;
/// - before 2.1, TLS termination and root path are flags of the server's command.
///
/// `published` says that the content is known to be of `argocd.version`; otherwise the images must agree.
pub fn prepare(manifest: Vec<Object>, argocd: &ArgoCd, published: bool) -> Result<Install, InstallError> {
    let mut notes = Vec::new();
    let mut objects = vec![namespace(&argocd.namespace)];
    objects.extend(manifest.into_iter().filter(|object| object.kind() != "Namespace"));
    if !objects.iter().any(|object| argo_images(object).next().is_some()) {
        return Err(InstallError::NotArgoCd);
    }
    for object in &mut objects {
        place(object, &argocd.namespace);
        set_image_tags(object, &argocd.version, published, &mut notes)?;
        name_protocols(object);
        encode_string_data(object);
        notes.extend(trust::leave_out_retired(object));
        // To apply `data: null` would be to own, and to empty, what others put there.
        if object.get("/data").is_some_and(Value::is_null) {
            *object = object.clone().without("data");
        }
        *object = object.clone().without("status").with_label("app.kubernetes.io/managed-by", MANAGER);
    }
    if argocd.version.has_cmd_params() {
        notes.extend(objects.iter_mut().flat_map(settings::leave_out));
    } else {
        settings::add_flags(&mut objects, argocd);
    }
    notes.dedup();
    Ok(Install { objects, notes })
}

/// The namespace of Argo CD.
pub fn namespace(name: &str) -> Object {
    Object::new(&ObjectRef::cluster_scoped("v1", "Namespace", name))
        .with_label("app.kubernetes.io/managed-by", MANAGER)
}

/// Kinds without a namespace, of those that set-up manifests hold.
pub fn is_cluster_scoped(kind: &str) -> bool {
    matches!(
        kind,
        "APIService"
            | "ClusterRole"
            | "ClusterRoleBinding"
            | "CustomResourceDefinition"
            | "IngressClass"
            | "MutatingWebhookConfiguration"
            | "Namespace"
            | "Node"
            | "PersistentVolume"
            | "PriorityClass"
            | "StorageClass"
            | "ValidatingWebhookConfiguration"
    )
}

fn place(object: &mut Object, namespace: &str) {
    if !is_cluster_scoped(object.kind()) {
        *object = object.clone().with_namespace(namespace);
    }
    if let Some(Value::Array(subjects)) = object.get_mut("/subjects") {
        for subject in subjects.iter_mut().filter(|subject| subject["kind"] == "ServiceAccount") {
            subject["namespace"] = namespace.into();
        }
    }
}

fn argo_images(object: &Object) -> impl Iterator<Item = &str> {
    images(object).filter(|image| argo_tag(image).is_some())
}

/// The tag, where the image is Argo CD's own. Up to 1.8 it was `argoproj/argocd`, since then `quay.io/argoproj/argocd`.
fn argo_tag(image: &str) -> Option<&str> {
    let (image, _digest) = image.split_once('@').unwrap_or((image, ""));
    let (repository, tag) = image.rsplit_once(':')?;
    repository.ends_with("argoproj/argocd").then_some(tag)
}

fn set_image_tags(
    object: &mut Object,
    version: &ArgoVersion,
    published: bool,
    notes: &mut Vec<String>,
) -> Result<(), InstallError> {
    let wanted = version.to_string();
    for pointer in CONTAINERS {
        let Some(Value::Array(containers)) = object.get_mut(pointer) else { continue };
        for container in containers {
            let Some(image) = container["image"].as_str() else { continue };
            let Some(tag) = argo_tag(image).filter(|tag| *tag != wanted) else { continue };
            if !published {
                return Err(InstallError::OtherRelease { found: tag.into(), configured: version.clone() });
            }
            notes.push(format!("the manifest of {wanted} names images with tag {tag}; {wanted} is used"));
            let repository = image.split_once(&format!(":{tag}")).map_or(image, |(repository, _)| repository);
            container["image"] = json!(format!("{repository}:{wanted}"));
        }
    }
    Ok(())
}

fn name_protocols(object: &mut Object) {
    let name = |ports: Option<&mut Value>| {
        let ports = ports.and_then(Value::as_array_mut).into_iter().flatten();
        ports.filter(|port| port["protocol"].is_null()).for_each(|port| port["protocol"] = "TCP".into());
    };
    if object.kind() == "Service" {
        name(object.get_mut("/spec/ports"));
    }
    for pointer in CONTAINERS {
        let containers = object.get_mut(pointer).and_then(Value::as_array_mut).into_iter().flatten();
        containers.for_each(|container| name(container.get_mut("ports")));
    }
}

/// What the server does with `stringData`: it goes into `data`, over what is there.
fn encode_string_data(object: &mut Object) {
    if object.kind() != "Secret" {
        return;
    }
    let Some(Value::Object(plain)) = object.get("/stringData").cloned() else { return };
    // What is no text the server refuses, and says so better than we could.
    if !plain.values().all(Value::is_string) {
        return;
    }
    let mut data = object.get("/data").and_then(Value::as_object).cloned().unwrap_or_default();
    for (key, value) in plain {
        data.insert(key, STANDARD.encode(value.as_str().unwrap_or_default()).into());
    }
    *object = object.clone().without("stringData").with("data", data);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    const SMALL: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: argocd-server}
spec: {template: {spec: {containers: [{name: argocd-server, image: "quay.io/argoproj/argocd:v3.0.9"}]}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: argocd-server}
subjects: [{kind: ServiceAccount, name: argocd-server, namespace: argocd}]
---
apiVersion: v1
kind: Service
metadata: {name: argocd-server}
spec: {ports: [{port: 80}]}
"#;

    fn argocd(version: &str) -> ArgoCd {
        ArgoCd { version: version.parse().unwrap(), namespace: "gitops".into(), ..ArgoCd::default() }
    }

    #[test]
    fn everything_is_put_into_the_namespace() {
        let install = prepare(yaml::parse_objects(SMALL).unwrap(), &argocd("v3.0.9"), true).unwrap();
        let names: Vec<_> = install.objects.iter().map(|object| object.reference().to_string()).collect();
        assert_eq!(
            names,
            [
                "Namespace/gitops",
                "Deployment/argocd-server in gitops",
                "ClusterRoleBinding/argocd-server",
                "Service/argocd-server in gitops"
            ]
        );
        assert_eq!(install.objects[2].text("/subjects/0/namespace"), "gitops");
        assert_eq!(install.objects[3].text("/spec/ports/0/protocol"), "TCP");
    }

    #[test]
    fn a_wrong_tag_is_mended_in_a_published_manifest_only() {
        let objects = yaml::parse_objects(SMALL).unwrap();
        let install = prepare(objects.clone(), &argocd("v3.0.10"), true).unwrap();
        assert_eq!(install.notes, ["the manifest of v3.0.10 names images with tag v3.0.9; v3.0.10 is used"]);
        assert_eq!(
            install.objects[1].text("/spec/template/spec/containers/0/image"),
            "quay.io/argoproj/argocd:v3.0.10"
        );
        let error = prepare(objects, &argocd("v3.0.10"), false).unwrap_err();
        assert!(error.to_string().contains("is of Argo CD v3.0.9"), "{error}");
    }

    #[test]
    fn plain_texts_of_a_secret_become_data() {
        let secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: {a: b25l, b: dHdv}\n\
            stringData: {b: three, c: ''}\n";
        let objects = yaml::parse_objects(&format!("{SMALL}{secret}")).unwrap();
        let install = prepare(objects, &argocd("v3.0.9"), true).unwrap();
        let secret = install.objects.iter().find(|object| object.kind() == "Secret").unwrap();
        assert_eq!(secret.get("/stringData"), None);
        assert_eq!(secret.get("/data"), Some(&json!({"a": "b25l", "b": "dGhyZWU=", "c": ""})));
    }

    #[test]
    fn settings_with_stages_of_their_own_are_left_out() {
        let prepared = |data: &str| {
            let map = format!(
                "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: argocd-cmd-params-cm}}\ndata: {data}\n"
            );
            let objects = yaml::parse_objects(&format!("{SMALL}{map}")).unwrap();
            let install = prepare(objects, &argocd("v3.0.9"), true).unwrap();
            let map = install.objects.iter().find(|object| object.kind() == "ConfigMap").unwrap();
            (map.get("/data").cloned(), install.notes)
        };
        let (data, notes) =
            prepared("{server.insecure: 'true', server.rootpath: /x, server.log.level: debug}");
        assert_eq!(data, Some(json!({"server.log.level": "debug"})));
        assert_eq!(
            notes,
            [
                "server.insecure of the manifest's argocd-cmd-params-cm is left out: it is set by \
                 `argocd.tlsTermination`",
                "server.rootpath of the manifest's argocd-cmd-params-cm is left out: it is set by `argocd.rootPath`",
            ]
        );
        assert_eq!(prepared("{server.insecure: 'true'}").0, None, "what is empty would still be owned");
        assert_eq!(prepared("{a: b}"), (Some(json!({"a": "b"})), vec![]));
    }

    #[test]
    fn another_manifest_is_refused() {
        let objects = yaml::parse_objects("apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n").unwrap();
        assert_eq!(prepare(objects, &argocd("v3.5.1"), true), Err(InstallError::NotArgoCd));
    }
}
