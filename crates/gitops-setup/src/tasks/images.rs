//! `images`: what a registry of one's own has to have.

use std::collections::BTreeSet;
use std::process::ExitCode;

use manifests::config::Provider;
use manifests::images::images;
use manifests::{Object, kind};
use serde_json::json;

use super::{block_on, print};
use crate::args::{Global, Output};
use crate::failure::Failure;
use crate::report::safe;
use crate::session::{Effects, Session};

pub(crate) fn run(global: &Global) -> Result<ExitCode, Failure> {
    let session = Session::open(global)?;
    session.judge_release()?;
    let inputs = block_on(session.inputs(&session.stages, Effects::None))?;
    let objects: Vec<Object> = session.stages.iter().flat_map(|stage| (stage.objects)(&inputs)).collect();
    let mut found: BTreeSet<&str> = objects.iter().flat_map(images).collect();
    let cluster = &session.config.cluster;
    if cluster.provider == Provider::Kind {
        found.insert(kind::image_of_nodes(cluster).unwrap_or(kind::DEFAULT_NODE_IMAGE));
    }
    for image in found {
        let line = match global.output {
            Output::Human => safe::line(image).into_owned(),
            Output::Json => safe::json(&json!({ "event": "image", "image": image }).to_string()).into_owned(),
        };
        print(&format!("{line}\n"));
    }
    Ok(ExitCode::SUCCESS)
}
