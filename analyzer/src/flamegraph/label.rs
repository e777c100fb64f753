//! Texts of a flamegraph and of collapsed stacks: any name of a function or file must come through inferno's line
//! format and XML unharmed.

/// Replaces what would be taken for syntax:
/// - `;` separates frames in a line: the Greek question mark looks the same;
/// - white space of all kinds becomes single spaces, because lines and XML say so;
/// - other control characters and non-characters are not allowed in XML;
/// - `# ` at the beginning makes a line a comment;
/// - a number at the end would be taken for a size: a no-break space joins it to what it follows.
pub(crate) fn sanitize(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(|word| word.chars().map(harmless).collect()).collect();
    let text = words.join(" ");
    let text = text.trim_start_matches(['#', ' ']);
    match text.rsplit_once(' ') {
        Some((before, last)) if last.chars().all(|c| c.is_ascii_digit() || c == '.') => {
            format!("{before}\u{a0}{last}")
        }
        _ => text.to_owned(),
    }
}

fn harmless(character: char) -> char {
    match character {
        ';' => '\u{37e}',
        '\u{fffe}' | '\u{ffff}' => char::REPLACEMENT_CHARACTER,
        control if control.is_control() => char::REPLACEMENT_CHARACTER,
        other => other,
    }
}

/// The file's name, with its folder if the name says nothing: every package has an `__init__.py`.
pub(crate) fn short_path(path: &str) -> &str {
    let mut separators = path.rmatch_indices('/').map(|(at, _)| at);
    let (last, second_last) = (separators.next(), separators.next());
    let name = last.map_or(path, |at| &path[at + 1..]);
    if name.starts_with("__") && last.is_some() { second_last.map_or(path, |at| &path[at + 1..]) } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syntax_is_made_harmless() {
        assert_eq!(sanitize("a;b\n  c\u{1}"), "a\u{37e}b c\u{fffd}");
        assert_eq!(sanitize("# not a comment"), "not a comment");
        assert_eq!(sanitize("f (job.py:3): x = 12"), "f (job.py:3): x =\u{a0}12");
        assert_eq!(sanitize("<&\"> é 木"), "<&\"> é 木");
    }

    #[test]
    fn a_path_is_shortened_to_what_tells_files_apart() {
        assert_eq!(short_path("/a/b/job.py"), "job.py");
        assert_eq!(short_path("/a/b/__init__.py"), "b/__init__.py");
        assert_eq!(short_path("b/__init__.py"), "b/__init__.py");
        assert_eq!(short_path("__init__.py"), "__init__.py");
        assert_eq!(short_path("<frozen importlib._bootstrap>"), "<frozen importlib._bootstrap>");
    }
}
