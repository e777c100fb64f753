//! The name of the `threading.Thread` that the calling thread is about to start.
//!
//! Up to 3.13 CPython tells no one but its own objects what a thread is called, and later the kernel as
//! much as fits into 15 bytes. But a thread is started by `Thread.start`, whose frame is the innermost
//! one then and has the Thread object as its first local variable. Its `_name` is read as Python would
//! read it, but so that no code of the job's runs: properties and `__getattr__` are passed over.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_void};
use std::sync::OnceLock;

use super::collection::Collection;
use super::frames::Frame;
use super::layout::Layout;
use super::text::text;
use super::thread_states::get_unchecked;
use super::{Python, python};
use crate::errno::ErrnoKept;
use crate::real;

type Object = *mut c_void;

static API: OnceLock<Option<Api>> = OnceLock::new();

/// What CPython has for this since 3.9 at the latest.
struct Api {
    current_thread_state: unsafe extern "C" fn() -> Object,
    pending_exception: unsafe extern "C" fn() -> Object,
    make_text: unsafe extern "C" fn(*const c_char) -> Object,
    class_attribute: unsafe extern "C" fn(Object, Object) -> Object,
    attribute: unsafe extern "C" fn(Object, Object) -> Object,
    forget_exception: unsafe extern "C" fn(),
    give_back: unsafe extern "C" fn(Object),
    collection: Option<Collection>,
    /// Address of the type of strings.
    text_type: usize,
}

impl Api {
    fn find() -> Option<Api> {
        let text_type = real::symbol(c"PyUnicode_Type") as usize;
        // SAFETY: these functions have these signatures in every CPython that has them.
        unsafe {
            Some(Api {
                current_thread_state: get_unchecked()?,
                pending_exception: real::function(c"PyErr_Occurred")?,
                make_text: real::function(c"PyUnicode_FromString")?,
                class_attribute: real::function(c"_PyType_Lookup")?,
                attribute: real::function(c"PyObject_GenericGetAttr")?,
                forget_exception: real::function(c"PyErr_Clear")?,
                give_back: real::function(c"Py_DecRef")?,
                collection: Collection::find(),
                text_type: (text_type != 0).then_some(text_type)?,
            })
        }
    }
}

/// To be called by the hook of pthread_create. `None` if it is no `threading.Thread` that starts.
pub(crate) fn name_of_started_thread() -> Option<String> {
    let python = python()?;
    let own = python.thread_states.of_this_thread(0, false)?;
    let api = API.get_or_init(Api::find).as_ref()?;
    // The thread state that runs is this thread's: it holds the GIL and may call what follows.
    // SAFETY: reads a global of Python's; allowed at any time.
    if unsafe { (api.current_thread_state)() }.cast_const().cast() != own.address() {
        return None;
    }
    let thread = started_thread(python, own.address())?;
    let _errno = ErrnoKept::new();
    // SAFETY: the frame keeps the object alive, this thread holds the GIL, and it is inside a hook
    // of pthread_create, where Python is between two of its own steps.
    unsafe { name_of(api, thread, &python.layout) }
}

/// The object of the `Thread.start` that runs.
fn started_thread(python: &Python, thread_state: *const u8) -> Option<Object> {
    let mut frame = Frame::innermost(thread_state, &python.layout)?;
    while !frame.is_complete() {
        frame = frame.previous()?;
    }
    let code = frame.code() as *const u8;
    // SAFETY: the frame keeps its code object alive, and that its names.
    let (function, file) = unsafe {
        let name = |offset: usize| text(code.add(offset).cast::<*const u8>().read(), &python.layout);
        (name(python.layout.code_function), name(python.layout.code_file))
    };
    // Before 3.11 code objects have no qualified names.
    let is_start = matches!(&*function, "Thread.start" | "start") && file.ends_with("/threading.py");
    let object = frame.local(0).cast_mut().cast::<c_void>();
    (is_start && !object.is_null()).then_some(object)
}

/// # Safety
/// The calling thread holds the GIL, and `thread` is a live object.
unsafe fn name_of(api: &Api, thread: Object, layout: &Layout) -> Option<String> {
    // SAFETY: the caller's promise. All new references are given back: to the attribute's name, and
    // to the attribute. No exception is pending before or after.
    unsafe {
        if !(api.pending_exception)().is_null() {
            return None;
        }
        let key = (api.make_text)(c"_name".as_ptr());
        if key.is_null() {
            (api.forget_exception)();
            return None;
        }
        // A property of this name, in a class of the job's, would be called.
        let is_plain = (api.class_attribute)(type_of(thread), key).is_null();
        // An object without the attribute makes an exception, and making that may collect garbage.
        let held_off = api.collection.as_ref().filter(|_| is_plain).map(|collection| collection.hold_off());
        let name = if is_plain { (api.attribute)(thread, key) } else { std::ptr::null_mut() };
        let found = (!name.is_null() && type_of(name) as usize == api.text_type)
            .then(|| text(name.cast_const().cast(), layout).into_owned());
        if !name.is_null() {
            (api.give_back)(name);
        } else if is_plain {
            (api.forget_exception)();
        }
        drop(held_off);
        (api.give_back)(key);
        found
    }
}

/// # Safety
/// `object` is a live object, which begins with its reference count and its type.
unsafe fn type_of(object: Object) -> Object {
    // SAFETY: the caller's promise.
    unsafe { object.cast::<Object>().add(1).read() }
}
