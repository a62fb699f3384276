//! What branches a repository has: by the first answer of the Git protocol over HTTP, or by `git ls-remote`.

use std::collections::BTreeMap;

use super::RemoteError;

const BRANCHES: &str = "refs/heads/";

/// Branches of a repository.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Refs {
    /// The default branch, as the repository names it.
    head: Option<String>,
    /// The commit that HEAD is at.
    head_commit: Option<String>,
    /// Each branch and the commit that it is at.
    branches: BTreeMap<String, String>,
}

/// Why an answer is no list of branches.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BadAnswer {
    /// It is something else.
    NotGit(&'static str),
    /// The host says no, in these words.
    Said(String),
}

impl Refs {
    /// Reads the answer to `GET /info/refs?service=…`, protocol version 0 or 1.
    pub(crate) fn advertised(body: &[u8]) -> Result<Self, BadAnswer> {
        let mut refs = Self::default();
        let mut lines = Lines(body);
        let (mut first, mut announced) = (true, false);
        while let Some(line) = lines.next()? {
            let text = String::from_utf8_lossy(line);
            let text = text.trim_end_matches('\n');
            if let Some(words) = text.strip_prefix("ERR ") {
                return Err(BadAnswer::Said(crate::http::one_line(words)));
            }
            announced |= text.starts_with("# service=");
            if text.is_empty() || text.starts_with('#') || text == "version 1" {
                continue;
            }
            let (reference, capabilities) = text.split_once('\0').unwrap_or((text, ""));
            if first {
                let symref = |word: &str| word.strip_prefix("symref=HEAD:").map(str::to_owned);
                refs.point_head(capabilities.split(' ').find_map(symref));
                first = false;
            }
            let (commit, name) = reference.split_once(' ').ok_or(BadAnswer::NotGit("a line has no name"))?;
            refs.add(commit, name);
        }
        // Git before 2.44 lists nothing at all, not even what it can do, where there is no commit.
        if first && !announced { Err(BadAnswer::NotGit("the list of branches is missing")) } else { Ok(refs) }
    }

    /// Reads what `git ls-remote --symref` writes.
    pub(crate) fn listed(output: &str) -> Self {
        let mut refs = Self::default();
        for (what, name) in output.lines().filter_map(|line| line.split_once('\t')) {
            match what.strip_prefix("ref: ") {
                Some(target) if name == "HEAD" => refs.point_head(Some(target.to_owned())),
                Some(_) => {}
                None => refs.add(what, name),
            }
        }
        refs
    }

    fn point_head(&mut self, target: Option<String>) {
        self.head = target.and_then(|target| target.strip_prefix(BRANCHES).map(str::to_owned));
    }

    fn add(&mut self, commit: &str, name: &str) {
        if name == "HEAD" {
            self.head_commit = Some(commit.to_owned());
        } else if let Some(branch) = name.strip_prefix(BRANCHES) {
            self.branches.insert(branch.to_owned(), commit.to_owned());
        }
    }

    /// The commit that a branch is at.
    pub(crate) fn commit(&self, branch: &str) -> Option<&str> {
        self.branches.get(branch).map(String::as_str)
    }

    /// The configured branch, or the default one; `None` where there is no commit at all.
    pub(crate) fn choose(&self, url: &str, configured: Option<&str>) -> Result<Option<String>, RemoteError> {
        let names = || self.branches.keys().cloned().collect();
        if self.branches.is_empty() {
            return Ok(None);
        }
        match configured {
            Some(branch) if self.branches.contains_key(branch) => Ok(Some(branch.to_owned())),
            Some(branch) => Err(RemoteError::BranchMissing {
                url: url.to_owned(),
                branch: branch.to_owned(),
                branches: names(),
            }),
            None => match self.default_branch() {
                Some(branch) => Ok(Some(branch.to_owned())),
                None => Err(RemoteError::NoDefaultBranch { url: url.to_owned(), branches: names() }),
            },
        }
    }

    /// Old servers don't say what HEAD points to; then it is the branch at the same commit.
    fn default_branch(&self) -> Option<&str> {
        if let Some(head) = self.head.as_deref().filter(|head| self.branches.contains_key(*head)) {
            return Some(head);
        }
        let commit = self.head_commit.as_ref()?;
        let same = |(name, at): (&'_ String, &String)| (at == commit).then_some(name.clone());
        let found: Vec<String> = self.branches.iter().filter_map(same).collect();
        let preferred = found.iter().find(|name| *name == "main" || *name == "master").or(found.first())?;
        self.branches.get_key_value(preferred).map(|(name, _)| name.as_str())
    }
}

/// The lines of an answer in pkt-line form: four hexadecimal digits of length, and then the rest.
struct Lines<'a>(&'a [u8]);

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<Option<&'a [u8]>, BadAnswer> {
        const SHORT: BadAnswer = BadAnswer::NotGit("it ends in the middle of a line");
        if self.0.is_empty() {
            return Ok(None);
        }
        let digits = self.0.get(..4).ok_or(SHORT)?;
        let length =
            std::str::from_utf8(digits).ok().and_then(|digits| usize::from_str_radix(digits, 16).ok());
        let length = length.ok_or(BadAnswer::NotGit("a line has no length"))?;
        // 0000 ends a part; 0001 and 0002 are of version 2.
        let (start, end) = if length < 4 { (4, 4) } else { (4, length) };
        let line = self.0.get(start..end).ok_or(SHORT)?;
        self.0 = &self.0[end..];
        Ok(Some(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "1111111111111111111111111111111111111111";
    const B: &str = "2222222222222222222222222222222222222222";
    const ZERO: &str = "0000000000000000000000000000000000000000";

    fn pkt(text: &str) -> String {
        format!("{:04x}{text}", text.len() + 4)
    }

    fn answer(lines: &[String]) -> Vec<u8> {
        format!("{}0000{}0000", pkt("# service=git-upload-pack\n"), lines.concat()).into_bytes()
    }

    #[test]
    fn the_default_branch_is_the_one_that_head_names() {
        let first = format!("{A} HEAD\0multi_ack symref=HEAD:refs/heads/trunk agent=git/2.39\n");
        let lines = [
            pkt(&first),
            pkt(&format!("{A} refs/heads/main\n")),
            pkt(&format!("{A} refs/heads/trunk\n")),
            pkt(&format!("{B} refs/tags/v1\n")),
        ];
        let refs = Refs::advertised(&answer(&lines)).unwrap();
        assert_eq!(refs.choose("u", None).unwrap().as_deref(), Some("trunk"));
        assert_eq!(refs.choose("u", Some("main")).unwrap().as_deref(), Some("main"));
        let error = refs.choose("u", Some("prod")).unwrap_err().to_string();
        assert!(error.contains("no branch `prod`") && error.contains("`main`, `trunk`"), "{error}");
        assert_eq!(refs.commit("trunk"), Some(A));
    }

    #[test]
    fn a_server_that_does_not_name_it_is_understood() {
        let lines = [
            pkt(&format!("{B} HEAD\0ofs-delta\n")),
            pkt(&format!("{A} refs/heads/a\n")),
            pkt(&format!("{B} refs/heads/b\n")),
        ];
        let refs = Refs::advertised(&answer(&lines)).unwrap();
        assert_eq!(refs.choose("u", None).unwrap().as_deref(), Some("b"));
        // Without a commit at HEAD there is no default branch, only others.
        let refs = Refs::advertised(&answer(&[pkt(&format!("{A} refs/heads/a\0x\n"))])).unwrap();
        assert!(matches!(refs.choose("u", None), Err(RemoteError::NoDefaultBranch { .. })));
    }

    #[test]
    fn an_empty_repository_has_no_branch_whatever_is_configured() {
        let empty = answer(&[pkt(&format!("{ZERO} capabilities^{{}}\0multi_ack\n"))]);
        let refs = Refs::advertised(&empty).unwrap();
        assert_eq!(refs.choose("u", Some("main")).unwrap(), None);
        assert_eq!(Refs::listed("").choose("u", None).unwrap(), None);
    }

    #[test]
    fn other_answers_are_not_taken_for_branches() {
        for body in ["", "<!DOCTYPE html>", "00", "00ff# service", "0000", "0008oops0000"] {
            assert!(matches!(Refs::advertised(body.as_bytes()), Err(BadAnswer::NotGit(_))), "{body}");
        }
        let said = Refs::advertised(pkt("ERR access denied\n").as_bytes());
        assert_eq!(said, Err(BadAnswer::Said("access denied".into())));
    }

    #[test]
    fn ls_remote_says_the_same() {
        let refs = Refs::listed(&format!(
            "ref: refs/heads/main\tHEAD\n{A}\tHEAD\n{A}\trefs/heads/main\n{B}\trefs/tags/x\n"
        ));
        assert_eq!(refs.choose("u", None).unwrap().as_deref(), Some("main"));
    }
}
