//! Clusters for the tests of other repositories: who shares what, and what is left of it.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use gitops_setup::Xtask;
use gitops_setup::manifests::{Object, ObjectRef};
use gitops_setup::stages::{Inputs, Plan, Stage};
use gitops_setup::testing::k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use gitops_setup::testing::kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, PostParams,
};
use gitops_setup::testing::{Error, TestCluster, TestClusterBuilder};
use serde_json::json;
use support::{Slot, poll, tools_at_hand};

/// Names the data folder of [`owner`].
const DATA: &str = "GITOPS_SETUP_TEST_OWNER_DATA";
const KEEP: &str = "GITOPS_SETUP_KEEP_TEST_CLUSTERS";

const CONFIG: &str = "
cluster: {provider: context, context: production}
argocd: {manifest: bundled}
environments: [{namespace: models-dev}]
";

const MARK: Stage = Stage::new("mark", "a mark in each environment", |inputs, observed| {
    Ok(Plan::keeping(marks(inputs), observed))
})
.keeping(marks)
.needing(&["environments"]);

fn marks(inputs: &Inputs) -> Vec<Object> {
    let of = |namespace: &str| Object::new(&ObjectRef::namespaced("v1", "ConfigMap", namespace, "mark"));
    inputs.config.environments.iter().map(|environment| of(&environment.namespace)).collect()
}

/// The right to run a cluster, and a data folder of its own.
fn place() -> Option<(Slot, tempfile::TempDir)> {
    // It has a runtime of its own, and this may run in one.
    let found = std::thread::spawn(tools_at_hand).join().expect("it does not panic");
    found.then(|| (Slot::take(), tempfile::tempdir().expect("a temporary folder")))
}

fn in_folder(data: &Path) -> TestClusterBuilder {
    TestCluster::builder().config(CONFIG).local_repository().data_folder(data)
}

/// What is left of test clusters: folders, and processes.
fn left(data: &Path) -> Vec<String> {
    let folders = std::fs::read_dir(data.join("tests")).into_iter().flatten().flatten();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten().filter(|entry| {
        let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).contains(&*data.to_string_lossy())
    });
    folders.chain(processes).map(|entry| entry.path().display().to_string()).collect()
}

/// What kwokctl kills may take a moment to end.
fn nothing_is_left(data: &Path) {
    poll("nothing is left", std::time::Duration::from_secs(10), || left(data).is_empty().then_some(()));
}

async fn uid(cluster: &TestCluster) -> String {
    let system =
        Api::<Namespace>::all(cluster.client()).get("kube-system").await.expect("it is always there");
    system.metadata.uid.expect("every object has one")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_at_once_share_a_cluster_and_no_namespace() {
    let Some((_slot, data)) = place() else { return };
    let [one, other] =
        [in_folder(data.path()), in_folder(data.path())].map(|builder| tokio::spawn(builder.start()));
    let (one, other) = (one.await.unwrap().unwrap(), other.await.unwrap().unwrap());
    assert_eq!(one.kubeconfig(), other.kubeconfig());
    assert_eq!(uid(&one).await, uid(&other).await);
    let map: ConfigMap = serde_json::from_value(json!({ "metadata": { "name": "mine" } })).unwrap();
    for cluster in [&one, &other] {
        let maps = Api::<ConfigMap>::namespaced(cluster.client(), cluster.namespace());
        maps.create(&PostParams::default(), &map).await.unwrap();
    }
    let namespaces = Api::<Namespace>::all(other.client());
    let gone = one.namespace().to_owned();
    drop(one);
    let namespace = namespaces.get_opt(&gone).await.unwrap();
    assert!(
        namespace.is_none_or(|namespace| namespace.metadata.deletion_timestamp.is_some()),
        "{gone} stays"
    );
    let namespace = namespaces.get(other.namespace()).await.unwrap();
    assert_eq!(namespace.metadata.deletion_timestamp, None, "somebody uses it");
    drop(other);
    nothing_is_left(data.path());
}

#[tokio::test]
async fn a_configuration_for_real_clusters_is_set_up_once_with_stages_of_ones_own() {
    let Some((_slot, data)) = place() else { return };
    let xtask = Xtask::new().stage_after("environments", &MARK);
    let cluster = in_folder(data.path()).xtask(xtask).start().await.unwrap();
    assert!(cluster.setup().await.unwrap().created > 0);
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("argoproj.io", "v1alpha1", "Application"));
    let applications = Api::<DynamicObject>::namespaced_with(cluster.client(), "argocd", &kind);
    let application = applications.get("seldon-gitops-models-dev").await.unwrap();
    assert_eq!(application.data["spec"]["destination"]["namespace"], "models-dev");
    let marks = Api::<ConfigMap>::namespaced(cluster.client(), "models-dev");
    marks.get("mark").await.unwrap();
    let again = cluster.setup().await.unwrap();
    assert!(again.is_unchanged(), "{again:?}");
    // Nothing keeps the next one from writing.
    marks.delete("mark", &DeleteParams::default()).await.unwrap();
    assert_eq!(cluster.setup().await.unwrap().created, 1);
    cluster.stop().await.unwrap();
    nothing_is_left(data.path());
}

#[test]
fn a_test_that_panics_leaves_nothing() {
    let Some((_slot, data)) = place() else { return };
    let folder = data.path().to_owned();
    let test = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let cluster = in_folder(&folder).dedicated().start().await.unwrap();
            assert_ne!(left(&folder), [""; 0]);
            panic!("{} fails on purpose", cluster.namespace());
        })
    });
    let panic = *test.join().unwrap_err().downcast::<String>().unwrap();
    assert!(panic.contains("on purpose"), "{panic}");
    nothing_is_left(data.path());
}

#[tokio::test]
async fn mistakes_are_told_before_anything_is_started() {
    let data = tempfile::tempdir().unwrap();
    let started = TestCluster::builder().config("enviroments: []").data_folder(data.path()).start().await;
    let error: Error = started.unwrap_err();
    let told = error.to_string();
    assert!(told.starts_with("configuration of the test") && told.contains("`environments`"), "{told}");
    assert!(!data.path().join("tests").exists());
}

/// Another process with a cluster.
struct Owner {
    child: Child,
    uid: String,
    // Closed, the other one could not say how it ended.
    _stdout: Lines<BufReader<ChildStdout>>,
}

impl Owner {
    fn start(data: &Path, keep: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this test"));
        command.args(["--exact", "test_cluster::owner", "--ignored", "--nocapture"]);
        command.env(DATA, data).env(KEEP, keep).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("this test starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let uid =
            lines.by_ref().map_while(Result::ok).find_map(|line| Some(line.split_once("uid=")?.1.to_owned()));
        Self { uid: uid.expect("it says so"), child, _stdout: lines }
    }

    fn kill(mut self) -> String {
        self.child.kill().expect("a child of ours");
        self.child.wait().expect("a child of ours");
        self.uid
    }

    fn end(mut self) -> String {
        drop(self.child.stdin.take());
        self.child.wait().expect("a child of ours");
        self.uid
    }
}

/// No test: what [`Owner`] starts.
#[tokio::test]
#[ignore = "another test runs it"]
async fn owner() {
    let data = std::env::var_os(DATA).expect("another test says so");
    let cluster = in_folder(Path::new(&data)).start().await.unwrap();
    println!("uid={}", uid(&cluster).await);
    std::io::stdout().flush().unwrap();
    // Until the other one says so, or ends.
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[tokio::test]
async fn what_a_killed_process_leaves_is_taken_away_or_used_again() {
    let Some((_slot, data)) = place() else { return };
    let kept = Owner::start(data.path(), "1").kill();
    assert_eq!(Owner::start(data.path(), "1").end(), kept, "it is used again");
    assert_ne!(left(data.path()), [""; 0], "it is kept");
    let killed = Owner::start(data.path(), "").kill();
    assert_ne!(killed, kept, "without the variable it is not used again");
    let cluster = in_folder(data.path()).start().await.unwrap();
    assert_ne!(uid(&cluster).await, killed);
    drop(cluster);
    nothing_is_left(data.path());
}
