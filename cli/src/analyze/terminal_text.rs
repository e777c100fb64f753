//! Text of the job, made fit for a line of a terminal.

/// Names and source may hold anything; a terminal must not obey it, and a line must stay one.
pub(crate) fn printable(text: &str) -> String {
    text.trim().chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// The first `width` characters.
pub(crate) fn keep_start(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let start: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", start.trim_end())
}

/// The last `width` characters, for what says most at its end.
pub(crate) fn keep_end(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let end: String = text.chars().skip(length - width.saturating_sub(1)).collect();
    format!("…{}", end.trim_start_matches('…'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_where_it_hurts_least() {
        assert_eq!(keep_end("short", 5), "short");
        assert_eq!(keep_end("…/numpy/core/numeric.py:12", 13), "…umeric.py:12");
        assert_eq!(keep_end("äöüß", 3), "…üß");
        assert_eq!(keep_start("return x", 8), "return x");
        assert_eq!(keep_start("return np.zeros(n)", 8), "return…");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(printable("\tx = '\x1b[31m'\n"), "x = ' [31m'");
    }
}
