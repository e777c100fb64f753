//! Generators: their frames are not where other frames are, and come and go in any order.

use crate::recorded::Recorded;
use crate::support::for_each_python;

#[test]
fn generators() {
    for_each_python(|python| {
        let recorded = Recorded::of(python, "generators.py");

        // Each time it is resumed, a generator stands on the stack of who resumed it.
        let resumed = |caller: &str, step: &str| {
            [
                "<module>: main()",
                "main: resumed_from_elsewhere()",
                &format!("resumed_from_elsewhere: {caller}(generator)"),
                &format!("{caller}: return next(generator)"),
                &format!("steps: allocate(\"{step}\")"),
            ]
            .map(str::to_owned)
        };
        assert_eq!(recorded.stack("first step"), resumed("first_caller", "first step"), "{}", python.name);
        assert_eq!(recorded.stack("second step"), resumed("second_caller", "second step"), "{}", python.name);

        recorded.assert_stack(
            "sent through",
            &[
                "<module>: main()",
                "main: delegating()",
                "delegating: generator.send(\"sent through\")",
                "outer: result = yield from inner()",
                "inner: allocate(received)",
            ],
        );
        recorded.assert_stack(
            "after yield from",
            &[
                "<module>: main()",
                "main: delegating()",
                "delegating: generator.send(\"sent through\")",
                "outer: allocate(\"after yield from\")",
            ],
        );
        recorded.assert_stack(
            "closed",
            &["<module>: main()", "main: closed()", "closed: generator.close()", "cleaning_up: allocate(label)"],
        );
        recorded.assert_stack(
            "collected",
            &[
                "<module>: main()",
                "main: dropped_in_a_cycle()",
                "dropped_in_a_cycle: gc.collect()",
                "cleaning_up: allocate(label)",
            ],
        );
        recorded.assert_stack(
            "thrown into",
            &[
                "<module>: main()",
                "main: thrown_into()",
                "thrown_into: generator.throw(KeyError(\"thrown into\"))",
                "catching: allocate(error.args[0])",
            ],
        );
        recorded.assert_stack(
            "in a nested expression",
            &[
                "<module>: main()",
                "main: consumed_by_c()",
                "consumed_by_c: list(one for one in (allocate(\"in a nested expression\") for _ in range(1)))",
                "consumed_by_c.<locals>.<genexpr>: list(one for one in (allocate(\"in a nested expression\") for _ in range(1)))",
                "consumed_by_c.<locals>.<genexpr>: list(one for one in (allocate(\"in a nested expression\") for _ in range(1)))",
            ],
        );
        let nested = recorded.stack("below 50 yield from, resumed");
        assert_eq!(nested.len(), 3 + 51, "{nested:#?}");
        assert_eq!(nested[3..53], [(); 50].map(|()| "nest: yield from nest(depth - 1)"));
    });
}
