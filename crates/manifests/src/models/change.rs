//! From the files that there are to the files that there should be.

use std::collections::BTreeMap;

use super::ModelError;

/// Contents by path, relative to the top of the repository, with `/` between names.
pub type Files = BTreeMap<String, String>;

/// One file that is to be made, replaced or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// Where it is.
    pub path: String,
    /// What it holds; `None` where it is not there.
    pub before: Option<String>,
    /// What it should hold; `None` where it should not be there.
    pub after: Option<String>,
}

impl FileChange {
    /// A file that should go.
    pub(super) fn remove(path: &str, text: &str) -> Self {
        Self { path: path.into(), before: Some(text.into()), after: None }
    }
}

/// What a command does to the files of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// The files that change.
    pub changes: Vec<FileChange>,
    /// Every file, or folder of files that go, that the command is about, also those that are as they should be: what
    /// it commits.
    pub all: Vec<String>,
}

impl Changes {
    /// Those of all paths that say which version runs in an environment.
    pub fn versions(&self) -> impl Iterator<Item = &str> {
        let file = format!("/version/{}", super::kustomize::FILE);
        self.all.iter().map(String::as_str).filter(move |path| path.ends_with(&file))
    }
}

/// What makes `wanted` of what is `there`, which keeps all other files. Without `replace`, files that hold something
/// else are an error.
pub(super) fn towards(wanted: Files, there: &Files, replace: bool) -> Result<Changes, ModelError> {
    let all = wanted.keys().cloned().collect();
    let changes = wanted.into_iter().filter_map(|(path, text)| {
        let before = there.get(&path).cloned();
        (before.as_ref() != Some(&text)).then_some(FileChange { path, before, after: Some(text) })
    });
    let changes: Vec<FileChange> = changes.collect();
    let edited = changes.iter().filter(|change| change.before.is_some()).map(|change| change.path.clone());
    let edited: Vec<String> = edited.collect();
    match replace || edited.is_empty() {
        true => Ok(Changes { changes, all }),
        false => Err(ModelError::Edited { paths: edited }),
    }
}

/// The lines that differ between two texts, each with `- ` or `+ ` in front, in the order of the texts. What they have
/// in common is as much as can be.
pub fn lines(before: &str, after: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    // Length of the longest common subsequence of what is left of both.
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for (i, a) in old.iter().enumerate().rev() {
        for (j, b) in new.iter().enumerate().rev() {
            common[i][j] = match a == b {
                true => common[i + 1][j + 1] + 1,
                false => common[i + 1][j].max(common[i][j + 1]),
            };
        }
    }
    let (mut i, mut j, mut shown) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
        } else if i < old.len() && (j == new.len() || common[i + 1][j] >= common[i][j + 1]) {
            shown.push(format!("- {}", old[i]));
            i += 1;
        } else {
            shown.push(format!("+ {}", new[j]));
            j += 1;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_that_differ_are_shown() {
        assert_eq!(lines("a\nb\nc\n", "a\nx\nc\n"), ["- b", "+ x"]);
        assert_eq!(lines("", "a\nb\n"), ["+ a", "+ b"]);
        assert_eq!(lines("a\nb\n", "b\n"), ["- a"]);
        assert!(lines("a\n", "a\n").is_empty());
    }
}
