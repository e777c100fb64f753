//! Recursion: to its limit, beyond it, and as deep as it gets when the limit is raised.

use crate::recorded::Recorded;
use crate::support::for_each_python;

#[test]
fn recursion_to_the_limit_and_15_000_frames_deep() {
    for_each_python(|python| {
        let recorded = Recorded::of(python, "recursion.py");
        recorded.assert_stack(
            "after RecursionError",
            &["<module>: to_the_limit()", "to_the_limit: allocate(\"after RecursionError\")"],
        );
        recorded.assert_stack(
            "after RecursionError through C",
            &[
                "<module>: through_c_to_the_limit()",
                "through_c_to_the_limit: allocate(\"after RecursionError through C\")",
            ],
        );
        let back = recorded.stack("on the way back from RecursionError");
        assert_eq!(back.len(), 2 + 1000 - 100 + 1, "module, caller, and depths 0 to 900 on {}", python.name);
        let deep = recorded.stack("below 15 000 frames");
        let levels = deep.iter().filter(|line| *line == "deep: deep(depth - 1)");
        assert_eq!(levels.count(), 15_000, "{}", python.name);
        recorded.assert_stack("after 15 000 frames", &["…", "very_deep: allocate(\"after 15 000 frames\")"]);
    });
}
