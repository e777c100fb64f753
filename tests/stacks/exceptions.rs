//! Exceptions leave many frames at once, and run code on their way.

use crate::recorded::Recorded;
use crate::support::for_each_python;

#[test]
fn exceptions() {
    for_each_python(|python| {
        let recorded = Recorded::of(python, "exceptions.py");
        let main = "<module>: main()";
        recorded.assert_stack("in except", &[main, "main: handled()", "handled: allocate(\"in except\")"]);
        recorded.assert_stack(
            "in finally on the way out",
            &[main, "main: finally_first()", "finally_first: allocate(\"in finally on the way out\")"],
        );
        // Which line __exit__ is called from is said otherwise before Python 3.10.
        if python.version().1 >= 10 {
            recorded.assert_stack(
                "raised: __exit__",
                &[
                    main,
                    "main: managed()",
                    "managed: with Manager(\"raised\"):",
                    "Manager.__exit__: allocate(self.label + \": __exit__\")",
                ],
            );
        }
        recorded.assert_stack(
            "raised through C",
            &[main, "main: through_c()", "through_c: allocate(\"raised through C\")"],
        );
        recorded.assert_stack(
            "in __str__, formatted",
            &[
                main,
                "main: formatted()",
                "formatted: traceback.format_exc()",
                "…",
                "Speaking.__str__: allocate(self.args[0])",
            ],
        );
        recorded.assert_stack(
            "in a signal handler",
            &[
                main,
                "main: signalled()",
                "signalled: signal.raise_signal(signal.SIGUSR2)",
                "signalled.<locals>.handler: allocate(\"in a signal handler\")",
            ],
        );
        recorded.assert_stack(
            "in unraisablehook",
            &[
                main,
                "main: unraisable()",
                "unraisable: del one",
                "unraisable.<locals>.<lambda>: sys.unraisablehook = lambda _: allocate(\"in unraisablehook\")",
            ],
        );
        if python.version().1 >= 11 {
            recorded.assert_stack(
                "in the second except*",
                &[
                    main,
                    "main: exec(GROUPS, {\"allocate\": allocate})",
                    "<module> (<string>:9)",
                    "grouped (<string>:8)",
                ],
            );
        }
    });
}
