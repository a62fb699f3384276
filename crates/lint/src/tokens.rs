//! Secrets that are known by their form, in any text.

use std::sync::LazyLock;

use regex_lite::Regex;

/// What it is, a part that every one has, and the form.
const FORMS: [(&str, &str, &str); 13] = [
    ("a token of GitHub", "gh", r"\bgh[opsru]_[A-Za-z0-9]{36,}"),
    ("a token of GitHub", "github_pat_", r"\bgithub_pat_[A-Za-z0-9_]{22,}"),
    ("a token of GitLab", "glpat-", r"\bglpat-[A-Za-z0-9_-]{20,}"),
    ("a token of Slack", "xox", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    (
        "a webhook of Slack",
        "hooks.slack.com",
        r"hooks\.slack\.com/services/T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]+",
    ),
    ("an access key of AWS", "AKIA", r"\bAKIA[0-9A-Z]{16}\b"),
    ("a key of Google's API", "AIza", r"\bAIza[0-9A-Za-z_-]{35}"),
    ("a token of Hugging Face", "hf_", r"\bhf_[A-Za-z0-9]{30,}"),
    ("a token of npm", "npm_", r"\bnpm_[A-Za-z0-9]{36}"),
    ("a token of PyPI", "pypi-", r"\bpypi-[A-Za-z0-9_-]{40,}"),
    ("a key of an API", "sk-", r"\bsk-(?:ant-|proj-)[A-Za-z0-9_-]{20,}"),
    ("a JSON web token", "eyJ", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    ("an address with a password", "://", r"[a-z]://[^/\s:@'\x22<>{}$]+:[^/\s:@'\x22<>{}$*]+@[A-Za-z0-9]"),
];

static REGEXES: LazyLock<Vec<Regex>> =
    LazyLock::new(|| FORMS.iter().map(|(_, _, form)| Regex::new(form).expect("a constant")).collect());

/// Line, column and kind of every secret that is known by its form. The value itself is not given.
pub(crate) fn find(text: &str) -> Vec<(u32, u32, &'static str)> {
    let mut found = Vec::new();
    let wanted: Vec<usize> = (0..FORMS.len()).filter(|index| text.contains(FORMS[*index].1)).collect();
    let has_keys = text.contains("PRIVATE KEY");
    if wanted.is_empty() && !has_keys {
        return found;
    }
    let mut lines = text.lines().zip(1_u32..).peekable();
    while let Some((line, number)) = lines.next() {
        let column = |at: usize| u32::try_from(line[..at].chars().count() + 1).unwrap_or(u32::MAX);
        if let Some(at) =
            has_keys.then(|| private_key(line, lines.peek().map_or("", |(next, _)| next))).flatten()
        {
            found.push((number, column(at), "a private key"));
        }
        for index in &wanted {
            let (what, part, _) = FORMS[*index];
            let hit =
                Some(line).filter(|line| line.contains(part)).and_then(|line| REGEXES[*index].find(line));
            found.extend(hit.map(|hit| (number, column(hit.start()), what)));
        }
    }
    found
}

/// Where the first line of a private key begins. A mention of one has no key behind it.
fn private_key(line: &str, next: &str) -> Option<usize> {
    let start = line.find("-----BEGIN ")?;
    let rest = &line[start + "-----BEGIN ".len()..];
    let (kind, after) = rest.split_once("-----")?;
    if !kind.ends_with("PRIVATE KEY") && !kind.ends_with("PRIVATE KEY BLOCK") {
        return None;
    }
    // In one line, with `\n` written out, or in the next one.
    let body = if after.trim().is_empty() { next.trim() } else { after };
    let body = body.trim_start_matches("\\n").trim_start_matches("\\r");
    // An old encrypted one has headers first.
    let begun: Vec<char> = body.chars().take(16).collect();
    let is_base64 =
        begun.len() == 16 && begun.iter().all(|c| c.is_ascii_alphanumeric() || "+/=".contains(*c));
    let is_body = is_base64 || body.starts_with("Proc-Type:");
    is_body.then_some(start)
}

/// Whether the name of a variable says that it holds a secret: `DB_PASSWORD`, not `MAX_TOKENS` or `TOKEN_FILE`.
pub(crate) fn names_secret(name: &str) -> bool {
    const WORDS: [&str; 9] =
        ["APIKEY", "PASSPHRASE", "PASSWD", "PASSWORD", "PRIVATEKEY", "PWD", "SECRET", "SECRETKEY", "TOKEN"];
    const ABOUT: [&str; 17] = [
        "COUNT",
        "DIR",
        "ENABLED",
        "ENDPOINT",
        "EXPIRY",
        "FILE",
        "HEADER",
        "ID",
        "KIND",
        "LENGTH",
        "LIMIT",
        "NAME",
        "NAMESPACE",
        "PATH",
        "TTL",
        "TYPE",
        "URL",
    ];
    let upper = name.to_uppercase().replace(['-', '.'], "_");
    let words: Vec<&str> = upper.split('_').filter(|word| !word.is_empty()).collect();
    let is_about = words.last().is_some_and(|last| ABOUT.contains(last));
    let pair = words.windows(2).any(|pair| matches!(pair, ["API" | "PRIVATE" | "ACCESS" | "SECRET", "KEY"]));
    // The shell's own.
    upper != "PWD"
        && upper != "OLDPWD"
        && !is_about
        && (pair || words.iter().any(|word| WORDS.contains(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_hold_a_secret() {
        for (name, expected) in [
            ("DB_PASSWORD", true),
            ("AWS_SECRET_ACCESS_KEY", true),
            ("HF_TOKEN", true),
            ("openai-api-key", true),
            ("MAX_TOKENS", false),
            ("TOKENIZERS_PARALLELISM", false),
            ("TOKEN_FILE", false),
            ("SECRET_NAME", false),
            ("AWS_ACCESS_KEY_ID", false),
            ("PWD", false),
            ("", false),
        ] {
            assert_eq!(names_secret(name), expected, "{name}");
        }
    }

    #[test]
    fn forms_are_found_with_their_place() {
        let token = format!("ghp_{}", "a1".repeat(18));
        assert_eq!(find(&format!("x\n  token: {token}\n")), [(2, 10, "a token of GitHub")]);
        let key = format!("-----BEGIN {} KEY-----\n  {}\n", "RSA PRIVATE", "MIIE".repeat(16));
        assert_eq!(find(&key), [(1, 1, "a private key")]);
        assert_eq!(find("url: https://bot:planted@git.example/x\n"), [(1, 10, "an address with a password")]);
        for harmless in [
            "-----BEGIN PRIVATE KEY----- is how it starts",
            "-----BEGIN PUBLIC KEY-----\nMIIEMIIEMIIEMIIEMIIE",
            "https://bot:$TOKEN@host https://<user>:<password>@host https://host:8080/a@b ssh://git@host:22/x",
            "ghp_short glpat-short AKIAshort",
        ] {
            assert_eq!(find(harmless), [], "{harmless}");
        }
    }
}
