//! Greenlets: a stack is that of the greenlet that runs, down to where it began.

use crate::recorded::Recorded;
use crate::support::for_each_python;

#[test]
fn greenlets() {
    for_each_python(|python| {
        let recorded = Recorded::of(python, "greenlets.py");
        recorded.assert_stack("first greenlet", &["first: allocate(\"first greenlet\")"]);
        recorded.assert_stack("sent", &["second: allocate(sent)"]);
        recorded.assert_stack("first greenlet, again", &["first: allocate(\"first greenlet, again\")"]);
        recorded.assert_stack(
            "back in the parent",
            &["<module>: switching()", "switching: allocate(\"back in the parent\")"],
        );
        recorded.assert_stack(
            "generator in a greenlet, again",
            &[
                "in_generator.<locals>.<lambda>: one = greenlet(lambda: next(generator()))",
                "in_generator.<locals>.generator: allocate(\"generator in a greenlet, again\")",
            ],
        );
    });
}

#[test]
fn gevent() {
    for_each_python(|python| {
        let recorded = Recorded::of(python, "gevents.py");
        let waiting = "work: work(depth - 1, label)";
        recorded.assert_stack("spawned 2, again", &[waiting, waiting, "work: allocate(label and label + \", again\")"]);
        recorded.assert_stack("in a patched thread", &["…", "threads.<locals>.consume: allocate(label)"]);
        recorded.assert_stack("killed", &["killed.<locals>.waits: allocate(\"killed\")"]);
    });
}
