//! Each thread has its own stack, whoever started it.

use crate::recorded::Recorded;
use crate::support::for_each_python;

#[test]
fn threads_of_python_and_of_c() {
    for_each_python(|python| {
        let recorded = Recorded::of(python, "threads.py");
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
    });
}

/// What a sub-interpreter does on a thread of another one has its own frames from Python 3.12 on. Before, it
/// belongs to the line that runs the sub-interpreter: there Python has one state for the whole thread.
#[test]
fn sub_interpreters() {
    for_each_python(|python| {
        let recorded = Recorded::of(python, "subinterpreters.py");
        let file = if python.version() < (3, 14) { "<string>" } else { "<script>" };
        let work = [format!("<module> ({file}:6)"), format!("work ({file}:4)")];
        let run = "run: interpreters.run_string(interpreter, source)";
        let (on_main_thread, on_a_thread) = (recorded.large_stack(1_000_000), recorded.large_stack(2_000_000));
        if python.version() < (3, 12) {
            assert_eq!(
                on_main_thread,
                ["<module>: created = main()", "main: run(created[0], SOURCE % ON_MAIN_THREAD)", run]
            );
            assert_eq!(on_a_thread, ["…", run]);
        } else {
            assert_eq!(on_main_thread, work);
            assert_eq!(on_a_thread, work);
            assert_eq!(recorded.large_stack(3_000_000), ["…", &*format!("work ({file}:6)")]);
        }
    });
}
