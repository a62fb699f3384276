//! Comments that allow what a rule would find.

use crate::Input;
use crate::finding::Finding;

/// What such a comment begins with, after `#` or whatever begins a comment.
const MARK: &str = "gitops-setup: allow ";

/// Whether a comment on the finding's line, or in the lines of comments right above it, names its rule:
/// `# gitops-setup: allow rule-id, other-rule because …`.
pub(crate) fn is_allowed(input: &Input, finding: &Finding) -> bool {
    let Some(file) = input.files.iter().find(|file| file.path == finding.file) else { return false };
    let line = finding.line.max(1) as usize;
    let lines: Vec<&str> = file.text.lines().take(line).collect();
    let Some((own, above)) = lines.split_last().filter(|_| lines.len() == line) else { return false };
    let comments = above.iter().rev().take_while(|line| line.trim_start().starts_with('#'));
    [own].into_iter().chain(comments).any(|line| allows(line, finding.rule))
}

fn allows(line: &str, rule: &str) -> bool {
    let Some((_, rest)) = line.split_once(MARK) else { return false };
    // Names with commas between; what follows the last one is the reason.
    for part in rest.split(',') {
        let mut words = part.split_whitespace();
        if words.next() == Some(rule) {
            return true;
        }
        if words.next().is_some() {
            break;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::allows;

    #[test]
    fn rules_are_named_before_the_reason() {
        assert!(allows("image: x # gitops-setup: allow image-without-tag", "image-without-tag"));
        assert!(allows("# gitops-setup: allow a, image-without-tag as tags move", "image-without-tag"));
        assert!(!allows("# gitops-setup: allow a because, image-without-tag", "image-without-tag"));
        assert!(!allows("# gitops-setup: allow image-without-tags", "image-without-tag"));
        assert!(!allows("# allow image-without-tag", "image-without-tag"));
    }
}
