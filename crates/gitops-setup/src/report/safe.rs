//! Texts of others, made fit to be shown: names, messages and answers come from clusters, Git hosts and files that
//! anybody may have written.
//!
//! Terminals obey control characters, readers are misled by characters that change the direction of a text or are not
//! seen, and GitHub Actions obeys lines that begin with `::`. None of them gets through.

use std::borrow::Cow;
use std::fmt::Write;

/// Beginnings of lines that GitHub Actions takes for commands, whatever blanks are before them.
const COMMANDS: [&str; 2] = ["::", "##["];

/// A text of several lines.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    let is_command = |line: &str| COMMANDS.iter().any(|command| line.trim_start().starts_with(command));
    let is_plain = |c: char| matches!(c, '\n' | '\t') || !is_dangerous(c);
    if text.chars().all(is_plain) && !text.split('\n').any(is_command) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            shown.push('\n');
        }
        if is_command(line) {
            shown.push('\\');
        }
        escape(line.strip_suffix('\r').unwrap_or(line), is_plain, &mut shown);
    }
    Cow::Owned(shown)
}

/// A text that is to stay in its line.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_dangerous) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    escape(text, |c| !is_dangerous(c), &mut shown);
    Cow::Owned(shown)
}

/// A text whose lines are put together anew.
pub(crate) fn paragraph(text: &str) -> Cow<'_, str> {
    if !text.contains(['\n', '\r', '\t']) {
        return line(text);
    }
    Cow::Owned(line(&text.replace("\r\n", " ").replace(['\n', '\r', '\t'], " ")).into_owned())
}

/// JSON that says the same. What it holds of these characters is in its texts, where they may be written so.
pub(crate) fn json(json: &str) -> Cow<'_, str> {
    let is_raw = |c: char| c != '\n' && is_dangerous(c);
    if !json.contains(is_raw) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        match is_raw(c) {
            true => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                let _infallible = write!(shown, "\\u{unit:04x}");
            }),
            false => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

fn escape(text: &str, is_plain: impl Fn(char) -> bool, shown: &mut String) {
    for c in text.chars() {
        match is_plain(c) {
            true => shown.push(c),
            false => shown.extend(c.escape_default()),
        }
    }
}

/// Control characters, and those of Unicode that are not seen or turn a text around.
fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_shown_instead() {
        assert_eq!(line("\u{1b}[2J\u{1b}]0;title\u{7}x"), "\\u{1b}[2J\\u{1b}]0;title\\u{7}x");
        assert_eq!(line("\u{9b}31mred"), "\\u{9b}31mred", "one byte is enough for some terminals");
        assert_eq!(line("a\r\nerror: b\tc"), "a\\r\\nerror: b\\tc");
        assert_eq!(text("a\r\n\u{1b}[1A\tb\u{8}"), "a\n\\u{1b}[1A\tb\\u{8}");
    }

    #[test]
    fn what_misleads_readers_is_shown_instead() {
        assert_eq!(line("admin\u{202e}txt.exe"), "admin\\u{202e}txt.exe");
        assert_eq!(
            line("pro\u{200b}d\u{2066}\u{feff}\u{e0041}"),
            "pro\\u{200b}d\\u{2066}\\u{feff}\\u{e0041}"
        );
        assert_eq!(text("one\u{2028}line"), "one\\u{2028}line");
    }

    #[test]
    fn plain_texts_stay_as_they_are() {
        for plain in ["", "Größe 10 µm — naïve 日本語 🚀", "a: b (c)"] {
            assert!(matches!(line(plain), Cow::Borrowed(same) if same == plain));
            assert!(matches!(text(plain), Cow::Borrowed(same) if same == plain));
            assert!(matches!(json(plain), Cow::Borrowed(same) if same == plain));
        }
        assert!(matches!(text("two\nlines"), Cow::Borrowed(_)));
    }

    #[test]
    fn lines_of_others_are_no_commands_to_github_actions() {
        let shown = text("x\n::add-mask::y\n  ##[group]z\n a::b");
        assert_eq!(shown, "x\n\\::add-mask::y\n\\  ##[group]z\n a::b");
        assert_eq!(paragraph("x\r\n::stop-commands::y\n z"), "x ::stop-commands::y  z");
    }

    #[test]
    fn json_stays_what_it_says() {
        let value = serde_json::json!({ "a\u{9b}": ["\u{1b}\u{202e}\u{e0041}\u{7f}", "plain"] });
        let raw = format!("{value:#}");
        let shown = json(&raw);
        assert!(!shown.chars().any(|c| c != '\n' && is_dangerous(c)), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }
}
