//! `render`: the objects as files.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use manifests::files;

use super::block_on;
use crate::args::{Global, Render};
use crate::failure::Failure;
use crate::report::count;
use crate::session::{Effects, Session};

pub(crate) fn run(global: &Global, args: &Render) -> Result<ExitCode, Failure> {
    let session = Session::open(global)?;
    let inputs = block_on(session.inputs(::stages::ALL, Effects::None))?;
    let stages: Vec<_> = ::stages::ALL.iter().map(|stage| (stage.name, (stage.objects)(&inputs))).collect();
    let files = files::files(stages);
    write(&args.out, &files)
        .map_err(|error| Failure::Precondition(format!("{}: {error}", args.out.display())))?;
    session.report.line(&format!("{} in {}", count(files.len(), "file"), args.out.display()));
    Ok(ExitCode::SUCCESS)
}

fn write(out: &Path, files: &BTreeMap<String, String>) -> std::io::Result<()> {
    for stage in ::stages::ALL {
        clear(&out.join(stage.name))?;
    }
    for (name, text) in files {
        let path = out.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(out))?;
        std::fs::write(path, text)?;
    }
    Ok(())
}

/// Takes away what an earlier render wrote there, so that objects that are gone are gone.
fn clear(folder: &Path) -> std::io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}
