//! Requests to an API server by plain paths, apart from the product's own client.

use std::path::Path;

use http::{Method, Request};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;

/// A connection for tests: blocking, and one line a request.
pub struct Api {
    runtime: tokio::runtime::Runtime,
    client: kube::Client,
}

/// The server's words where it refuses.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// HTTP status.
    pub code: u16,
    /// Why.
    pub message: String,
}

impl Api {
    /// Connects with the current context of a kubeconfig.
    pub fn connect(kubeconfig: &Path) -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("threads");
        let client = runtime.block_on(async {
            let file = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
            let options = KubeConfigOptions::default();
            let mut config =
                kube::Config::from_custom_kubeconfig(file, &options).await.expect("a usable kubeconfig");
            config.proxy_url = None;
            kube::Client::try_from(config).expect("a client")
        });
        Self { runtime, client }
    }

    /// Sends a request; an empty body sends none.
    pub fn send(&self, method: Method, path: &str, content: &str, body: &Value) -> Result<Value, Refusal> {
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let request = Request::builder().method(method).uri(path).header("Content-Type", content);
        let request = request.body(bytes).expect("a request");
        self.runtime.block_on(self.client.request::<Value>(request)).map_err(|error| match error {
            kube::Error::Api(status) => Refusal { code: status.code, message: status.message },
            error => Refusal { code: 0, message: error.to_string() },
        })
    }

    /// Reads an object or a list; `None` where there is none.
    ///
    /// # Panics
    ///
    /// On any other refusal.
    #[track_caller]
    pub fn find(&self, path: &str) -> Option<Value> {
        match self.send(Method::GET, path, "application/json", &Value::Null) {
            Ok(value) => Some(value),
            Err(Refusal { code: 404, .. }) => None,
            Err(refusal) => panic!("GET {path}: {refusal:?}"),
        }
    }

    /// Reads what has to be there.
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        self.find(path).unwrap_or_else(|| panic!("{path} is not there"))
    }

    /// The items of a list; none where the kind is unknown.
    #[track_caller]
    pub fn list(&self, path: &str) -> Vec<Value> {
        match self.find(path).map(|mut list| list["items"].take()) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        }
    }

    /// Creates an object in a collection.
    #[track_caller]
    pub fn create(&self, collection: &str, object: &Value) -> Value {
        let result = self.send(Method::POST, collection, "application/json", object);
        result.unwrap_or_else(|refusal| panic!("POST {collection}: {refusal:?}"))
    }

    /// Applies fields by server-side apply under a manager's name, taking over what others own.
    #[track_caller]
    pub fn apply(&self, manager: &str, path: &str, object: &Value) -> Value {
        let uri = format!("{path}?fieldManager={manager}&force=true");
        let result = self.send(Method::PATCH, &uri, "application/apply-patch+yaml", object);
        result.unwrap_or_else(|refusal| panic!("apply {path}: {refusal:?}"))
    }

    /// Patches by JSON Patch, as `kubectl patch --type=json` does.
    #[track_caller]
    pub fn patch(&self, manager: &str, path: &str, operations: &Value) -> Value {
        let uri = format!("{path}?fieldManager={manager}");
        let result = self.send(Method::PATCH, &uri, "application/json-patch+json", operations);
        result.unwrap_or_else(|refusal| panic!("patch {path}: {refusal:?}"))
    }

    /// Deletes an object.
    #[track_caller]
    pub fn delete(&self, path: &str) {
        let result = self.send(Method::DELETE, path, "application/json", &Value::Null);
        result.unwrap_or_else(|refusal| panic!("DELETE {path}: {refusal:?}"));
    }
}
