//! What is known of the place where an answer appears: a terminal of some size, a file or a pipe.

use std::env;
use std::io::IsTerminal;
use std::os::fd::AsFd;

use rustix::termios::tcgetwinsize;

/// Width of a plot that does not go to a terminal.
const USUAL_WIDTH: u16 = 80;
/// Narrower than this, nothing fits; the terminal may wrap as it likes.
const LEAST_WIDTH: u16 = 40;

/// Where an answer appears.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    /// Columns of the terminal, if it is one.
    columns: Option<u16>,
    styled: bool,
}

impl Screen {
    /// The one behind an output stream.
    pub(crate) fn of(stream: &(impl AsFd + IsTerminal)) -> Screen {
        let is_terminal = stream.is_terminal();
        let columns = tcgetwinsize(stream).map_or(USUAL_WIDTH, |size| size.ws_col).max(LEAST_WIDTH);
        // https://no-color.org: set and not empty.
        let no_color = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        Screen { columns: is_terminal.then_some(columns), styled: is_terminal && !no_color && !is_dumb }
    }

    /// A file or a pipe.
    #[cfg(test)]
    pub(crate) fn plain() -> Screen {
        Screen { columns: None, styled: false }
    }

    /// A terminal.
    #[cfg(test)]
    pub(crate) fn terminal(columns: u16) -> Screen {
        Screen { columns: Some(columns), styled: false }
    }

    /// Text must not be wider; files and pipes have no such limit.
    pub(crate) fn width_limit(&self) -> Option<u16> {
        self.columns
    }

    /// How wide to make what can have any width.
    pub(crate) fn width(&self) -> u16 {
        self.columns.unwrap_or(USUAL_WIDTH)
    }

    /// Whether colours and bold letters are welcome.
    pub(crate) fn is_styled(&self) -> bool {
        self.styled
    }

    /// What matters most, bold where that can be.
    pub(crate) fn bold(&self, text: &str) -> String {
        if self.styled { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }
}
