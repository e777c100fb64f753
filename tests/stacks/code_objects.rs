//! Code that comes from strings, code objects that die, and names and lines at the edge of what there is.

use crate::recorded::Recorded;
use crate::support::for_each_python;

#[test]
fn exec_lambdas_and_comprehensions() {
    for_each_python(|python| {
        let recorded = Recorded::of(python, "code_objects.py");
        let executed = |line| ["<module>: main()", "main: executed()", line];
        recorded.assert_stack(
            "function of exec",
            &[
                &executed(
                    r#"executed: exec("\n\ndef inner():\n    allocate('function of exec')\n\ninner()", dict(SCOPE))"#,
                )[..],
                &["<module> (<string>:6)", "inner (<string>:4)"],
            ]
            .concat(),
        );
        recorded.assert_stack(
            "own file name",
            &[
                &executed(r#"executed: exec(compile("\nallocate('own file name')", "made up.py", "exec"), SCOPE)"#)[..],
                &["<module> (made up.py:2)"],
            ]
            .concat(),
        );
        recorded.assert_stack(
            "made module",
            &[
                "<module>: main()",
                "main: in_a_module()",
                "in_a_module: exec(compile(source, \"made/module.py\", \"exec\"), vars(module))",
                "<module> (made/module.py:7)",
                "f (made/module.py:2)",
                "g (made/module.py:5)",
            ],
        );
        let nested = recorded.stack("nested exec");
        assert_eq!(nested[3..], ["<module> (<string>:1)"; 3]);

        let line = "(lambda: (lambda: allocate(\"lambda in a lambda\"))())()";
        recorded.assert_stack(
            "lambda in a lambda",
            &[
                "<module>: main()",
                "main: lambdas()",
                &format!("lambdas: {line}"),
                &format!("lambdas.<locals>.<lambda>: {line}"),
                &format!("lambdas.<locals>.<lambda>.<locals>.<lambda>: {line}"),
            ],
        );

        // From Python 3.12 on comprehensions are part of the function around them.
        let line = "{1: allocate(\"dict comprehension\") for _ in range(1)}";
        let own = format!("comprehensions.<locals>.<dictcomp>: {line}");
        let own: &[&str] = if python.version().1 < 12 { &[&own] } else { &[] };
        recorded.assert_stack(
            "dict comprehension",
            &[&["<module>: main()", "main: comprehensions()", &format!("comprehensions: {line}")], own].concat(),
        );
        recorded.assert_stack(
            "code replaced while it runs",
            &["<module>: running()", "running: allocate(\"code replaced while it runs\")"],
        );
        let name = if python.version().1 < 11 { "other_name" } else { "Outer.other_name" };
        let renamed = recorded.stack("renamed code");
        assert!(renamed[3].starts_with(&format!("{name} (other_file.py:")), "{renamed:#?}");
    });
}

#[test]
fn code_objects_at_the_addresses_of_dead_ones() {
    for_each_python(|python| {
        let recorded = Recorded::of(python, "reused.py");
        assert_eq!(recorded.stack_count(), 20_000 / 5, "{}", python.name);
    });
}

#[test]
fn lines_and_columns_beyond_16_bits() {
    for_each_python(|python| {
        let recorded = Recorded::of(python, "lines.py");
        let innermost = |label: &str| recorded.stack(label).pop();
        let innermost = |label: &str| innermost(label).expect("a frame");
        assert_eq!(innermost("behind many lines"), "f (far.py:70003)");
        assert_eq!(innermost("at the end of a long function"), "f (long.py:70004)");
        assert_eq!(innermost("in a jump"), "f (jumping.py:35004)");
        assert_eq!(innermost("behind two jumps"), "f (jumping.py:70005)");
        assert_eq!(innermost("in a tall expression"), "f (wide.py:70004)");
        assert_eq!(innermost("behind many columns"), "f (wide.py:70005)");
        if python.version().1 >= 11 {
            let columns = recorded.columns("behind many columns");
            let start = "    x = 0".len() as u64 + 70_000 + "; ".len() as u64;
            let end = start + "allocate('behind many columns')".len() as u64;
            assert_eq!(columns, (Some(start), Some(end)));
            // Columns count bytes.
            let columns = recorded.columns("behind wide characters");
            let start = "    'äöü中文📈'; ".len() as u64;
            assert_eq!(columns, (Some(start), Some(start + "allocate('behind wide characters')".len() as u64)));
        }
    });
}

#[test]
fn names_and_paths_beyond_ascii() {
    for_each_python(|python| {
        let recorded = Recorded::of(python, "names.py");
        recorded.assert_stack("umlauts", &["<module>: größe()", "größe: allocate(\"umlauts\")"]);
        recorded.assert_stack("Chinese", &["<module>: 中文()", "中文: allocate(\"Chinese\")"]);
        recorded.assert_stack("qualified", &["<module>: Straße().方法()", "Straße.方法: allocate(\"qualified\")"]);
        let innermost = |label: &str| recorded.stack(label).pop().expect("a frame");
        assert_eq!(innermost("file with umlauts"), "<module> (größe.py:1)");
        assert_eq!(innermost("Chinese file"), "<module> (中文.py:1)");
        assert_eq!(innermost("emoji in a file"), "<module> (📈 chart.py:1)");
        // A byte that is not UTF-8 has no character.
        assert_eq!(innermost("not UTF-8"), "<module> (caf\u{fffd}.py:1)");
        assert_eq!(innermost("four bytes"), "<module> (📈\u{fffd}.py:1)");
        assert_eq!(innermost("odd characters"), "<module> (a\"\\\n\t\u{7f};b.py:1)");
        // Names are stored up to 8 KiB, and cut between characters.
        assert_eq!(innermost("long name"), format!("{} (<string>:2)", "f".repeat(8192)));
        assert_eq!(innermost("long name beyond ASCII"), format!("f{} (<string>:2)", "ä".repeat(4095)));
        if python.version().1 >= 11 {
            let name = innermost("long qualified name").split(' ').next().expect("a name").len();
            assert_eq!(name, 8192);
        }
    });
}
