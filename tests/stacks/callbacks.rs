//! Functions of C that call Python have no frame: their caller's line is that of the call.

use crate::recorded::Recorded;
use crate::support::for_each_python;

#[test]
fn functions_of_c_that_call_back() {
    for_each_python(|python| {
        let recorded = Recorded::of(python, "callbacks.py");
        let assert_stack = |label, part: &str, frames: &[&str]| {
            let main = format!("main: {part}()");
            let stack = [&["<module>: main()", &*main], frames, &["called: allocate(label)"]].concat();
            recorded.assert_stack(label, &stack);
        };
        let line = "sorted([1], key=lambda _: called(\"sorted\"))";
        assert_stack(
            "sorted",
            "functions_of_c",
            &[&format!("functions_of_c: {line}"), &format!("functions_of_c.<locals>.<lambda>: {line}")],
        );
        assert_stack("map", "functions_of_c", &["functions_of_c: list(map(called, [\"map\"]))"]);
        assert_stack("partial", "functions_of_c", &["functions_of_c: functools.partial(called, \"partial\")()"]);
        let line = "re.sub(\"a\", lambda match: str(called(\"re.sub\")), \"a\")";
        assert_stack(
            "re.sub",
            "functions_of_c",
            &[&format!("functions_of_c: {line}"), "…", &format!("functions_of_c.<locals>.<lambda>: {line}")],
        );
        let special = |line, method| {
            assert_stack(
                method,
                "special_methods",
                &[&format!("special_methods: {line}"), &format!("Special.{method}: called(\"{method}\")")],
            )
        };
        special("{special: 1}", "__hash__");
        special("special == 1", "__eq__");
        special("1 in special", "__contains__");
        special("if special:", "__bool__");
        special("f\"{special}\"", "__format__");
        special("special.missing", "__getattr__");
        assert_stack(
            "property",
            "special_methods",
            &["special_methods: special.attribute", "Special.attribute: called(\"property\")"],
        );
        assert_stack(
            "__set__",
            "descriptors",
            &["descriptors: Owner().described = 1", "Descriptor.__set__: called(\"__set__\")"],
        );
        assert_stack("__del__ from refcount", "deaths", &["deaths: del one", "Dies.__del__: called(self.label)"]);
        assert_stack(
            "__del__ from collection",
            "deaths",
            &["deaths: gc.collect()", "Dies.__del__: called(self.label)"],
        );
        assert_stack(
            "weakref callback",
            "deaths",
            &[
                "deaths: watched = None",
                "deaths.<locals>.<lambda>: reference = weakref.ref(watched, lambda _: called(\"weakref callback\"))",
            ],
        );
        // The frame that held it has ended, and is no part of the stack.
        assert_stack(
            "__del__ when a frame ends",
            "of_other_frame",
            &["of_other_frame: holds()", "Dies.__del__: called(self.label)"],
        );
        recorded.assert_stack(
            "decorated",
            &[
                "<module>: main()",
                "main: cached(\"decorated\")",
                "decorated.<locals>.wrapper: return function(*arguments)",
                "cached: called(label)",
                "called: allocate(label)",
            ],
        );
        let line = "as_python = ctypes.PYFUNCTYPE(ctypes.c_int)(lambda: called(\"with the GIL held\"))";
        assert_stack(
            "with the GIL held",
            "ctypes_callbacks",
            &["ctypes_callbacks: as_python()", &format!("ctypes_callbacks.<locals>.<lambda>: {line}")],
        );
        let below = recorded.stack("below 100 calls of C");
        let lambdas = below.iter().filter(|line| line.contains("<lambda>: return sorted("));
        assert_eq!(lambdas.count(), 50, "{below:#?}");
    });
}

#[test]
fn numpy_that_calls_back() {
    for_each_python(|python| {
        let recorded = Recorded::of(python, "numpy_callbacks.py");
        let line = "np.apply_along_axis(lambda row: called(\"apply_along_axis\"), 0, np.ones(2))";
        recorded.assert_stack(
            "apply_along_axis",
            &[
                "<module>: main()",
                &format!("main: {line}"),
                "…",
                &format!("main.<locals>.<lambda>: {line}"),
                "called: allocate(label)",
            ],
        );
        let line = "np.frompyfunc(lambda value: called(\"frompyfunc\"), 1, 1)(np.ones(1))";
        recorded.assert_stack(
            "frompyfunc",
            &[
                "<module>: main()",
                &format!("main: {line}"),
                &format!("main.<locals>.<lambda>: {line}"),
                "called: allocate(label)",
            ],
        );
    });
}
