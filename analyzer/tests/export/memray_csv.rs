//! memray's table.

use crate::{STORY, exported_text};

#[test]
fn a_row_is_a_stack_and_a_kind_of_memory() {
    let load = "load;/home/job.py;5|<module>;/home/job.py;1";
    let main = "1,\"0x1 (python job.py (pid 10), MainThread)\"";
    assert_eq!(
        exported_text("memray-csv", STORY),
        [
            "allocator,num_allocations,size,tid,thread_name,stack_trace",
            &format!("MMAP,1,4096,{main},"),
            &format!("MALLOC,1,0,{main},<module>;/home/job.py;1"),
            &format!("PYMALLOC_MALLOC,1,30,{main},{load}"),
            &format!("MALLOC,1,700,{main},{load}"),
            &format!("PYMALLOC_MALLOC,1,20,{main},\"a\u{37e}b\u{2223}\"\"c;/home/x\u{37e}y.py;9|{load}\""),
            &format!("MALLOC,1,64,2,\"0x2 (python job.py (pid 10), worker)\",{load}"),
            "MALLOC,1,5,3,\"0x3 (python child.py (pid 11), MainThread)\",<module>;/home/child.py;1",
            "",
        ]
        .join("\r\n")
    );
}

#[test]
fn a_process_alone_is_not_named() {
    let story = "process 10\nname python 10\nalloc 1000 7\nend";
    assert_eq!(
        exported_text("memray-csv", story),
        "allocator,num_allocations,size,tid,thread_name,stack_trace\r\nMALLOC,1,7,1,0x1 (MainThread),\r\n"
    );
}
