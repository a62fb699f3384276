//! `render`: the objects as files.

use std::collections::BTreeMap;
use std::io::Read;
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
    session.judge_release()?;
    let inputs = block_on(session.inputs(&session.stages, Effects::None))?;
    let stages: Vec<_> = session.stages.iter().map(|stage| (stage.name, (stage.objects)(&inputs))).collect();
    let files = files::files(stages);
    let folders: Vec<_> = session.stages.iter().map(|stage| stage.name).collect();
    write(&args.out, &folders, &files)?;
    session.report.line(&format!("{} in {}", count(files.len(), "file"), args.out.display()));
    Ok(ExitCode::SUCCESS)
}

fn write(out: &Path, folders: &[&str], files: &BTreeMap<String, String>) -> Result<(), Failure> {
    // Nothing is touched before it is clear that nothing of the user's is in the way.
    for name in files.keys() {
        let path = out.join(name);
        let in_the_way = match std::fs::symlink_metadata(&path) {
            Err(error) if is_missing(&error) => false,
            Err(error) => return Err(Failure::file(&path, &error)),
            Ok(metadata) => {
                !metadata.is_file() || !is_ours(&path).map_err(|error| Failure::file(&path, &error))?
            }
        };
        if in_the_way {
            return Err(Failure::Usage(format!(
                "{} is in the way: it was not rendered by gitops-setup\n  move it away, or choose another folder \
                 with `--out`",
                path.display()
            )));
        }
    }
    for folder in folders {
        let folder = out.join(folder);
        clear(&folder).map_err(|error| Failure::file(&folder, &error))?;
    }
    for (name, text) in files {
        let path = out.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(out))
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|error| Failure::file(&path, &error))?;
    }
    Ok(())
}

fn is_missing(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::NotFound
}

/// Whether an earlier render wrote this file.
fn is_ours(path: &Path) -> std::io::Result<bool> {
    let mut start = Vec::new();
    let longest = files::HEADER.len() + 2;
    std::fs::File::open(path)?.take(longest as u64).read_to_end(&mut start)?;
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(line.strip_suffix(b"\r").unwrap_or(line) == files::HEADER.as_bytes())
}

/// Takes away what an earlier render wrote there, so that objects that are gone are gone.
fn clear(folder: &Path) -> std::io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if is_missing(&error) => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml");
        if is_yaml && entry.file_type()?.is_file() && is_ours(&path)? {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    /// A new folder that goes with the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("gitops-setup-{name}-{}", std::process::id()));
            fs::create_dir_all(path.join("expose")).expect("a temporary folder");
            Self(path)
        }

        fn put(&self, name: &str, text: &str) {
            fs::write(self.0.join(name), text).expect("written");
        }

        fn has(&self, name: &str) -> bool {
            self.0.join(name).exists()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).expect("removed");
        }
    }

    fn rendered(name: &str) -> BTreeMap<String, String> {
        [(name.to_owned(), format!("{}\nkind: Service\n", files::HEADER))].into()
    }

    #[test]
    fn only_what_was_rendered_goes() {
        let folder = Folder::new("render-clear");
        write(&folder.0, &["expose"], &rendered("expose/old.yaml")).expect("rendered");
        folder.put("expose/mine.yaml", "kind: Service\n");
        folder.put("expose/empty.yaml", "");
        folder.put("expose/longer.yaml", "# Rendered by gitops-setup. Not!\n");
        folder.put("expose/windows.yaml", "# Rendered by gitops-setup.\r\nkind: Service\r\n");
        write(&folder.0, &["expose"], &rendered("expose/new.yaml")).expect("rendered");
        for (name, there) in [
            ("old", false),
            ("windows", false),
            ("mine", true),
            ("empty", true),
            ("longer", true),
            ("new", true),
        ] {
            assert_eq!(folder.has(&format!("expose/{name}.yaml")), there, "{name}");
        }
    }

    #[test]
    fn what_is_in_the_way_is_told_before_anything_is_written() {
        let folder = Folder::new("render-way");
        write(&folder.0, &["expose"], &rendered("expose/old.yaml")).expect("rendered");
        folder.put("expose/mine.yaml", "kind: Service\n");
        let mut files = rendered("expose/a.yaml");
        files.extend(rendered("expose/mine.yaml"));
        let failure = write(&folder.0, &["expose"], &files).expect_err("it is refused");
        assert_eq!(failure.code(), 2);
        assert!(failure.to_string().contains("mine.yaml is in the way"), "{failure}");
        assert!(folder.has("expose/old.yaml") && !folder.has("expose/a.yaml"));
        assert_eq!(fs::read_to_string(folder.0.join("expose/mine.yaml")).expect("there"), "kind: Service\n");
    }
}
