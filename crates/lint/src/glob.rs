//! The patterns of AppProjects and of generators.

/// Whether a pattern fits a whole text: `*` any characters, `?` one, `{a,b}` either. With a separator, `*` and `?` stop
/// at it and `**` does not.
pub(crate) fn fits(pattern: &str, text: &str, separator: Option<char>) -> bool {
    alternatives(pattern).iter().any(|pattern| {
        let pattern: Vec<char> = pattern.chars().collect();
        let text: Vec<char> = text.chars().collect();
        matches(&pattern, &text, separator)
    })
}

/// Patterns without braces; beyond a bound that no honest pattern comes near to, the rest of the braces is literal.
fn alternatives(pattern: &str) -> Vec<String> {
    const MOST: usize = 64;
    let mut done = Vec::new();
    let mut open = vec![pattern.to_owned()];
    while let Some(next) = open.pop() {
        let braces = next.find('{').and_then(|start| Some((start, start + next[start..].find('}')?)));
        match braces {
            Some((start, end)) if done.len() + open.len() < MOST => {
                let (before, after) = (&next[..start], &next[end + 1..]);
                open.extend(next[start + 1..end].split(',').map(|inner| format!("{before}{inner}{after}")));
            }
            _ => done.push(next),
        }
    }
    done
}

/// A table of what fits so far: linear in both, where recursion would be exponential.
fn matches(pattern: &[char], text: &[char], separator: Option<char>) -> bool {
    let mut row = vec![false; text.len() + 1];
    row[0] = true;
    let mut index = 0;
    while index < pattern.len() {
        let mut next = vec![false; text.len() + 1];
        let crosses = pattern[index] == '*' && pattern.get(index + 1) == Some(&'*');
        let one = |c: char| separator != Some(c);
        match pattern[index] {
            '*' => {
                for at in 0..=text.len() {
                    next[at] = row[at] || (at > 0 && next[at - 1] && (crosses || one(text[at - 1])));
                }
                index += usize::from(crosses);
            }
            c => {
                for at in 1..=text.len() {
                    let fits = if c == '?' { one(text[at - 1]) } else { c == text[at - 1] };
                    next[at] = row[at - 1] && fits;
                }
            }
        }
        row = next;
        index += 1;
    }
    row[text.len()]
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn patterns_as_argo_cd_has_them() {
        for (pattern, text, separator, expected) in [
            ("*", "anything", None, true),
            ("", "", None, true),
            ("", "apps", None, false),
            ("*.istio.io", "networking.istio.io", None, true),
            ("ml-?", "ml-1", None, true),
            ("{dev,test}-*", "test-x", None, true),
            ("{dev,test}-*", "prod-x", None, false),
            ("models/*/overlays/*", "models/a/overlays/dev", Some('/'), true),
            ("models/*", "models/a/overlays/dev", Some('/'), false),
            ("models/**", "models/a/overlays/dev", Some('/'), true),
            ("https://github.com/org/*", "https://github.com/org/a/b", Some('/'), false),
        ] {
            assert_eq!(fits(pattern, text, separator), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn hostile_patterns_end() {
        assert!(!fits(&"*a".repeat(200), &"a".repeat(150), None));
        assert!(!fits(&"{a,b}".repeat(100), "c", None));
    }
}
