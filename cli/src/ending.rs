//! How fil ends: with an exit code, as shells tell it of their commands.

use std::process::ExitCode;

use format::JobEnd;
use signal_hook::consts::SIGINT;
use signal_hook::low_level::emulate_default_handler;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With this code.
    Exit(u8),
    /// By SIGINT, which shells tell as code 130. A shell that runs a script is interrupted too when the user presses Ctrl-C.
    /// It ends only if its command did not survive that, which it learns from how that ended: a code would not tell it.
    Interrupted,
}

impl Ending {
    /// That of a fil whose job ended so, and which is to tell this code.
    pub(crate) fn of_job(exit_code: u8, end: JobEnd) -> Ending {
        if end == JobEnd::Killed(SIGINT) { Ending::Interrupted } else { Ending::Exit(exit_code) }
    }

    /// The code for the caller of fil. Does not return if there is none.
    pub(crate) fn exit_code(self) -> ExitCode {
        match self {
            Ending::Exit(code) => ExitCode::from(code),
            Ending::Interrupted => {
                // Ends the process, unless that cannot be.
                let _ = emulate_default_handler(SIGINT);
                ExitCode::from(128 + SIGINT as u8)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_interrupt_is_told_by_a_signal() {
        assert_eq!(Ending::of_job(130, JobEnd::Killed(2)), Ending::Interrupted);
        assert_eq!(Ending::of_job(143, JobEnd::Killed(15)), Ending::Exit(143));
        assert_eq!(Ending::of_job(130, JobEnd::Exited(130)), Ending::Exit(130));
    }
}
