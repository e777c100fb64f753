//! Class bodies and modules are code that runs once.

use crate::recorded::Recorded;
use crate::support::for_each_python;

#[test]
fn class_bodies_and_imports() {
    for_each_python(|python| {
        let recorded = Recorded::of(python, "imports.py");
        recorded.assert_stack(
            "nested class body",
            &["<module>: class Body:", "Body: class Nested:", "Body.Nested: allocate(\"nested class body\")"],
        );
        recorded.assert_stack(
            "__set_name__",
            &[
                "<module>: classes()",
                "classes: class Made(metaclass=Meta):",
                "Meta.__new__: return super().__new__(mcs, name, bases, namespace)",
                "Named.__set_name__: allocate(\"__set_name__\")",
            ],
        );
        recorded.assert_stack(
            "__class_getitem__",
            &["<module>: classes()", "classes: Derived[0]", "Base.__class_getitem__: allocate(\"__class_getitem__\")"],
        );
        recorded.assert_stack(
            "package in a package",
            &[
                "<module>: imports()",
                "imports: import package",
                "…",
                "<module> (package/__init__.py:3)",
                "…",
                "<module> (package/module.py:4)",
                "…",
                "<module> (package/sub/__init__.py:2)",
            ],
        );
        recorded.assert_stack(
            "import in a function",
            &["<module>: imports()", "imports: plain.f()", "f (plain.py:4)", "…", "<module> (lazy.py:2)"],
        );
        recorded.assert_stack(
            "import from a zip file",
            &["<module>: imports()", "imports: import zipped", "…", "<module> (modules.zip/zipped.py:3)"],
        );
        recorded.assert_stack(
            "reload",
            &["<module>: imports()", "imports: importlib.reload(plain)", "…", "<module> (plain.py:5)"],
        );
    });
}
