//! Each thread has its own stack, whoever started it.

use crate::recorded::Recorded;
use crate::support::pythons;

#[test]
fn threads_of_python_and_of_c() {
    for python in pythons() {
        let recorded = Recorded::of(&python, "threads.py");
        let work = "work: work(label, depth - 1)";
        let end = "work: allocate(label)";
        recorded.assert_stack("threading", &[&["…"], &[work; 7][..], &[end]].concat());
        recorded.assert_stack("overridden run()", &["…", "Thread.run: allocate(\"overridden run()\")"]);
        recorded.assert_stack(
            "start_new_thread",
            &["of_thread_module.<locals>.run: work(\"start_new_thread\", 1)", work, end],
        );
        recorded.assert_stack(
            "generator begins",
            &[
                "<module>: generators_between_threads()",
                "generators_between_threads: next(generator)",
                "generators_between_threads.<locals>.steps: allocate(\"generator begins\")",
            ],
        );
        recorded.assert_stack(
            "generator goes on",
            &["…", "generators_between_threads.<locals>.steps: allocate(\"generator goes on\")"],
        );
        recorded.assert_stack("thread of C", &["of_c.<locals>.in_thread_of_c: work(\"thread of C\", 1)", work, end]);
        recorded.assert_stack(
            "callback in a callback",
            &[
                "of_c.<locals>.calls_c: libc.qsort((ctypes.c_int * 2)(), ctypes.c_size_t(2), ctypes.c_size_t(4), compare)",
                "of_c.<locals>.compare: work(\"callback in a callback\")",
                end,
            ],
        );
        recorded.assert_stack("main thread", &["<module>: work(\"main thread\")", end]);
    }
}
