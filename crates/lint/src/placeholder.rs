//! `{{ … }}` in texts.

/// The insides of every `{{ … }}`, without white space around.
pub(crate) fn all(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("{{") {
        let Some((inside, next)) = after.split_once("}}") else { break };
        found.push(inside.trim());
        rest = next;
    }
    found
}

/// Whether every `{{` has its `}}`. Another `}}` is text, as at the end of JSON.
pub(crate) fn is_balanced(text: &str) -> bool {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("{{") {
        match after.split_once("}}") {
            Some((inside, next)) if !inside.contains("{{") => rest = next,
            _ => return false,
        }
    }
    true
}

/// The fields (`.path.basename`) that a Go template expression reads, without the first dot. `None` where it declares
/// or changes what a dot means, so that they can't be told.
pub(crate) fn go_fields(expression: &str) -> Option<Vec<String>> {
    let bare = without_texts(expression);
    let words = || bare.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
    if bare.contains('$')
        || words().any(|word| ["range", "with", "define", "template", "block"].contains(&word))
    {
        return None;
    }
    let mut fields = Vec::new();
    let mut before = ' ';
    let mut rest = bare.as_str();
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c == '.' && !(before.is_alphanumeric() || [')', '_', '.'].contains(&before)) {
            let end =
                rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).unwrap_or(rest.len());
            if end > 0 && rest.starts_with(|c: char| c.is_alphabetic() || c == '_') {
                fields.push(rest[..end].trim_end_matches('.').to_owned());
                rest = &rest[end..];
                before = 'a';
                continue;
            }
        }
        before = c;
    }
    Some(fields)
}

/// Whether a Go template expression makes do with a field that is not there.
pub(crate) fn asks(expression: &str) -> bool {
    const ASKING: [&str; 7] = ["coalesce", "default", "dig", "empty", "hasKey", "if", "ternary"];
    without_texts(expression).split(|c: char| !c.is_alphanumeric()).any(|word| ASKING.contains(&word))
}

/// The expression with nothing in its quotes.
fn without_texts(expression: &str) -> String {
    let mut out = String::new();
    let mut quote = None;
    for c in expression.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => continue,
            None if ['"', '`', '\''].contains(&c) => quote = Some(c),
            None => {
                out.push(c);
                continue;
            }
        }
        out.push(' ');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn insides_are_found() {
        assert_eq!(all("a {{x}}-{{ y.z }} {{"), ["x", "y.z"]);
        assert!(
            is_balanced("{{if .a}}x{{end}}")
                && is_balanced("none")
                && is_balanced("{\"a\": {\"b\": \"{{.c}}\"}}")
        );
        for text in ["{{ a", "{{ a {{ b }}"] {
            assert!(!is_balanced(text), "{text}");
        }
    }

    #[test]
    fn fields_of_go_templates() {
        let fields = |text: &str| go_fields(text).map(|fields| fields.join(" "));
        assert_eq!(fields(".path.basename").as_deref(), Some("path.basename"));
        assert_eq!(fields("index .path.segments 1 | default \".x\"").as_deref(), Some("path.segments"));
        assert_eq!(fields("if and (eq .env \"a.b\") (.x.y)").as_deref(), Some("env x.y"));
        assert_eq!(fields("1.5").as_deref(), Some(""));
        assert_eq!(fields("range .items"), None);
        assert_eq!(fields("$x.y"), None);
    }
}
