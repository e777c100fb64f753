//! Collapsed stacks.

use crate::support::recursion;
use crate::{STORY, exported_text};

#[test]
fn a_line_is_a_stack_and_its_bytes() {
    let job = "python job.py (pid 10)";
    let load = "<module> (/home/job.py:1);load (/home/job.py:5)";
    assert_eq!(
        exported_text("collapsed", STORY),
        format!(
            "{job};MainThread;(no Python frame) 4096\n\
             {job};MainThread;{load} 730\n\
             {job};MainThread;{load};a\u{37e}b|\"c (/home/x\u{37e}y.py:9) 20\n\
             {job};worker;{load} 64\n\
             python child.py (pid 11);<module> (/home/child.py:1) 5\n"
        )
    );
}

#[test]
fn inferno_draws_it() {
    let text = exported_text("collapsed", STORY);
    let mut svg = Vec::new();
    inferno::flamegraph::from_lines(&mut inferno::flamegraph::Options::default(), text.lines(), &mut svg).unwrap();
    let svg = String::from_utf8(svg).unwrap();
    for title in ["all (4,915 samples, 100%)", "python child.py (pid 11) (5 samples, 0.10%)"] {
        assert!(svg.contains(title), "{title} is not in\n{svg}");
    }
}

#[test]
fn a_single_thread_needs_no_name() {
    let story = "process 10\nname python 10\ncode 1 f job.py 3\npath 1 0 1\nalloc 1000 7 stack=1\nend";
    assert_eq!(exported_text("collapsed", story), "f (job.py:3) 7\n");
    assert_eq!(exported_text("collapsed", "end"), "");
}

#[test]
fn deep_stacks_have_both_ends() {
    let text = exported_text("collapsed", &recursion(3000));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3000);
    let deepest: Vec<&str> = lines[2999].split(';').collect();
    assert_eq!(deepest.len(), 512 + 1 + 512);
    assert_eq!((deepest[0], deepest[1]), ("<module> (job.py:1)", "deeper (job.py:2)"));
    assert_eq!(deepest[512], "(frames are left out here: the stack is too deep)");
    assert_eq!(deepest[1024], "deeper (job.py:2) 100");
}
