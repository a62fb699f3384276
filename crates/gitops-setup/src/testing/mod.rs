//! Clusters for tests: a real API server, set up in the test's own process.
//!
//! ```no_run
//! use gitops_setup::testing::kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
//! use gitops_setup::testing::TestCluster;
//!
//! const CONFIG: &str = "
//! environments:
//!   - namespace: models-dev
//! ";
//!
//! // #[tokio::test]
//! async fn an_environment_has_an_application() -> Result<(), Box<dyn std::error::Error>> {
//!     let cluster = TestCluster::builder().config(CONFIG).local_repository().start().await?;
//!     cluster.setup().await?;
//!
//!     let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("argoproj.io", "v1alpha1", "Application"));
//!     let applications = Api::<DynamicObject>::namespaced_with(cluster.client(), "argocd", &kind);
//!     let application = applications.get("seldon-gitops-models-dev").await?;
//!     assert_eq!(application.data["spec"]["destination"]["namespace"], "models-dev");
//!
//!     // A second setup changes nothing, also with stages of your own.
//!     assert!(cluster.setup().await?.is_unchanged());
//!     Ok(())
//! }
//! ```
//!
//! # Who shares what
//!
//! Tests that want the same cluster (the same configuration, the same stages) share one, be they threads of one
//! process or processes of one machine: it is started by the first and deleted with the last. Each [`TestCluster`] has a
//! namespace of its own. What setup makes is there for all of them, so a test that changes it takes a
//! [dedicated](TestClusterBuilder::dedicated) cluster. Every cluster takes some 400 MB of memory.
//!
//! # What stays
//!
//! Nothing: a dropped [`TestCluster`] takes its namespace away, and the last one the cluster, also where a test panics.
//! What a killed process leaves behind (Ctrl-C, `kill -9`) the next test takes away that starts any cluster.
//! `GITOPS_SETUP_KEEP_TEST_CLUSTERS=1` keeps clusters, to be looked at, and to be used again by the next run without
//! the seconds that a start takes; the next run without the variable takes them away.
//!
//! # Versions
//!
//! [`TestCluster::client`] is a client of one version of `kube`, which is why [`kube`] and [`k8s_openapi`] are here again:
//! used from here, they always fit. Three things can go wrong where you depend on them yourself:
//!
//! - *expected `kube::Client`, found `kube::Client`*: two versions of kube. Use the one from here in tests, or make a
//!   client of your own version from [`TestCluster::kubeconfig`], which any version reads.
//! - *Both v1_36 and v1_34 features are enabled on the k8s-openapi crate*: a build has types of one version of Kubernetes.
//!   Depend on this crate with `default-features = false`, and your choice stands.
//! - *Could not automatically determine the process-level CryptoProvider*: two of them are in your build. Here `ring`
//!   is taken, unless you have chosen before (`CryptoProvider::install_default`).
//!
//! # Speed
//!
//! A start takes seconds, most of them the API server's own, and a setup one or two. Cargo takes profiles from the
//! embedding workspace only: without those of this one (its `Cargo.toml`), a setup takes three seconds longer.
//! In CI, keep `~/.cache/gitops-setup` between runs: it has the programs of the control plane.

mod builder;
mod elsewhere;
mod error;
mod place;
mod share;

use std::fmt;
use std::path::Path;

use crate::report::Report;
use builder::{KEEP_ENV, Wanted};
use share::Share;

pub use builder::TestClusterBuilder;
pub use error::Error;
pub use {k8s_openapi, kube};

/// A running cluster, with a namespace for this value alone.
///
/// Dropped, it waits until its share in the cluster is given back: some milliseconds, and a second for the last one.
/// It may be dropped anywhere, also in a runtime with a single thread. [`TestCluster::stop`] does the same and
/// tells what goes wrong.
pub struct TestCluster {
    wanted: Wanted,
    report: Report,
    client: kube::Client,
    share: Share,
}

/// What a setup came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Objects that were made.
    pub created: usize,
    /// Objects that were changed.
    pub changed: usize,
    /// Objects that were as they should be.
    pub unchanged: usize,
    /// What could not be checked, and why: pods on simulated nodes, for one.
    pub not_verified: Vec<String>,
}

impl Summary {
    /// Whether everything was there already.
    pub fn is_unchanged(&self) -> bool {
        self.created + self.changed == 0
    }
}

impl TestCluster {
    /// A cluster with the default configuration.
    pub async fn start() -> Result<Self, Error> {
        Self::builder().start().await
    }

    /// Says what it is to be.
    pub fn builder() -> TestClusterBuilder {
        TestClusterBuilder::default()
    }

    /// Brings the cluster to what the configuration says, and verifies it, as `cargo xtask setup` does, in this
    /// process. Where other tests share the cluster, one does so after the other, and for all but the first there is
    /// nothing left to do.
    pub async fn setup(&self) -> Result<Summary, Error> {
        let (wanted, place, report) = (self.wanted.clone(), self.share.place().clone(), self.report.clone());
        elsewhere::run(|| async move {
            let _turn = place.turn()?;
            wanted.run(&place, &report, None).await
        })
        .await
    }

    /// A client with all rights. It belongs to the runtime that the cluster was started in.
    pub fn client(&self) -> kube::Client {
        self.client.clone()
    }

    /// Name of the namespace of this value. It is deleted with everything in it when this is dropped.
    pub fn namespace(&self) -> &str {
        self.share.namespace()
    }

    /// A kubeconfig whose current context has all rights in the cluster: for other clients, and for `kubectl`.
    pub fn kubeconfig(&self) -> &Path {
        self.share.kubeconfig()
    }

    /// What dropping it does, with what goes wrong.
    pub async fn stop(mut self) -> Result<(), Error> {
        self.share.end().await
    }
}

impl fmt::Debug for TestCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestCluster").field("share", &self.share).finish_non_exhaustive()
    }
}

/// A test that fails says what it failed on.
impl Drop for TestCluster {
    #[expect(clippy::print_stderr, reason = "the harness shows it with the test that failed")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.report.lines().iter().for_each(|line| eprintln!("    | {line}"));
            eprintln!(
                "the test had namespace {} in the cluster of {}\n  to look at it, run the test again with \
                 {KEEP_ENV}=1",
                self.namespace(),
                self.kubeconfig().display()
            );
        }
    }
}
