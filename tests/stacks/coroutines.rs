//! Coroutines and asyncio: a stack is that of the await chain below the event loop's own frames.

use crate::recorded::Recorded;
use crate::support::for_each_python;

#[test]
fn coroutines_and_asyncio() {
    for_each_python(|python| {
        let recorded = Recorded::of(python, "coroutines.py");
        let (_, minor) = python.version();
        let main = "<module>: asyncio.run(main())";

        recorded.assert_stack(
            "awaited, resumed",
            &[
                main,
                "…",
                "main: await awaiting()",
                "awaiting: await middle(\"awaited\")",
                "middle: await innermost(label)",
                "innermost: allocate(label + \", resumed\")",
            ],
        );
        // A task has its own chain, on which nobody who waits for it is.
        recorded.assert_stack(
            "in a task",
            &[main, "…", "tasks.<locals>.of_task: await innermost(\"in a task\")", "innermost: allocate(label)"],
        );
        if minor >= 11 {
            recorded.assert_stack(
                "in a group",
                &[main, "…", "groups.<locals>.of_group: await innermost(\"in a group\")", "innermost: allocate(label)"],
            );
        }
        if minor >= 12 {
            recorded.assert_stack(
                "eager",
                &[
                    main,
                    "…",
                    "main: await eager_tasks()",
                    "eager_tasks: await asyncio.create_task(middle(\"eager\"))",
                    "…",
                    "middle: await innermost(label)",
                    "innermost: allocate(label)",
                ],
            );
        }
        recorded.assert_stack(
            "closed one, finally",
            &[
                main,
                "…",
                "main: await generators()",
                "generators: await generator.aclose()",
                "produce: allocate(label + \", finally\")",
            ],
        );
        // From Python 3.12 on comprehensions have no frame of their own; generator expressions have.
        let comprehension: &[&str] = match minor {
            ..12 => &["comprehensions.<locals>.<listcomp>: [one async for one in produce(\"list\")]"],
            _ => &[],
        };
        recorded.assert_stack(
            "list",
            &[
                &[
                    main,
                    "…",
                    "main: await comprehensions()",
                    "comprehensions: [one async for one in produce(\"list\")]",
                ],
                comprehension,
                &["produce: allocate(label)"],
            ]
            .concat(),
        );
        let below = recorded.stack("below 100 coroutines");
        let chain = below.iter().filter(|line| *line == "chain: await chain(depth - 1)");
        assert_eq!(chain.count(), 100, "{below:#?}");
    });
}
