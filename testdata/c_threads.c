/* Threads that C code starts, for testdata/c_threads.py. What they allocate stays allocated. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <threads.h>
#include <unistd.h>

void *volatile last;

static void *hold(void *size)
{
    last = malloc((size_t)size);
    return size;
}

static void *run(void *(*routine)(void *), void *argument)
{
    pthread_t thread;
    void *result = NULL;
    if (pthread_create(&thread, NULL, routine, argument) == 0)
        pthread_join(thread, &result);
    return result;
}

size_t hold_in_thread(size_t size) { return (size_t)run(hold, (void *)size); }

/* With the smallest stack that a thread may have. */
size_t hold_in_small_thread(size_t size)
{
    pthread_attr_t attributes;
    pthread_t thread;
    void *result = NULL;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN);
    if (pthread_create(&thread, &attributes, hold, (void *)size) == 0)
        pthread_join(thread, &result);
    pthread_attr_destroy(&attributes);
    return (size_t)result;
}

static void *hold_in_another(void *size) { return run(hold, size); }

size_t hold_in_thread_of_thread(size_t size) { return (size_t)run(hold_in_another, (void *)size); }

static int hold_and_return_int(void *size)
{
    last = malloc((size_t)size);
    return -42;
}

int hold_in_c11_thread(size_t size)
{
    thrd_t thread;
    int result = 0;
    if (thrd_create(&thread, hold_and_return_int, (void *)size) == thrd_success)
        thrd_join(thread, &result);
    return result;
}

static void *call_back(void *function)
{
    ((void (*)(void))function)();
    last = malloc(4000003);
    return NULL;
}

void call_back_in_thread(void (*function)(void)) { run(call_back, (void *)function); }

/* In the child there is this one thread, which still was started by whoever started it. */
static void *fork_and_hold(void *size)
{
    pid_t child = fork();
    if (child == 0) {
        last = malloc((size_t)size);
        _exit(17);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return (void *)(size_t)WEXITSTATUS(status);
}

size_t hold_in_fork_of_thread(size_t size) { return (size_t)run(fork_and_hold, (void *)size); }

void name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

struct named {
    size_t size;
    const char *name;
};

static void *name_and_hold(void *argument)
{
    struct named *named = argument;
    name_thread(named->name);
    last = malloc(named->size);
    return NULL;
}

void hold_in_named_thread(size_t size, const char *name)
{
    struct named named = { size, name };
    run(name_and_hold, &named);
}

static void *hold_and_name(void *argument)
{
    struct named *named = argument;
    last = malloc(named->size);
    name_thread(named->name);
    return NULL;
}

void hold_in_thread_named_late(size_t size, const char *name)
{
    struct named named = { size, name };
    run(hold_and_name, &named);
}

static void *allocate_and_free(void *kept)
{
    last = malloc(64);
    free(last);
    if (kept != NULL)
        hold(kept);
    return NULL;
}

/* One after the other; each `every`th of them keeps a block. */
void many_threads(int count, int every, size_t size)
{
    for (int number = 0; number < count; number++)
        run(allocate_and_free, number % every == 0 ? (void *)size : NULL);
}

/* The ways a thread ends. Each must run its cleanup handler. */
static int cleaned_up;

static void clean_up(void *amount) { __atomic_fetch_add(&cleaned_up, (int)(size_t)amount, __ATOMIC_RELAXED); }

static void *exit_early(void *argument)
{
    pthread_cleanup_push(clean_up, (void *)1);
    last = malloc(100);
    pthread_exit((char *)argument + 1);
    pthread_cleanup_pop(0);
}

size_t exit_by_pthread_exit(size_t argument) { return (size_t)run(exit_early, (void *)argument); }

/* Cancelled before its first malloc, which is no cancellation point. Many of them at one time, so
 * that some of the first mallocs make the recorder ask for more room in its file. */
enum { CANCELLED = 40 };
static pthread_barrier_t cancelled, allocated;
static int whole_mallocs;

static void *be_cancelled(void *unused)
{
    int state;
    (void)unused;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    pthread_barrier_wait(&cancelled);
    pthread_cleanup_push(clean_up, (void *)1);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
    last = malloc(100);
    __atomic_fetch_add(&whole_mallocs, 1, __ATOMIC_RELAXED);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    pthread_barrier_wait(&allocated);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
    for (;;)
        pause();
    pthread_cleanup_pop(0);
    return NULL;
}

/* Returns whole mallocs, cleanups, and cancelled threads as digits of base 1000. */
int cancel_many(void)
{
    pthread_t threads[CANCELLED];
    int ended = 0;
    pthread_barrier_init(&cancelled, NULL, CANCELLED + 1);
    pthread_barrier_init(&allocated, NULL, CANCELLED);
    cleaned_up = 0;
    for (int i = 0; i < CANCELLED; i++)
        pthread_create(&threads[i], NULL, be_cancelled, NULL);
    for (int i = 0; i < CANCELLED; i++)
        pthread_cancel(threads[i]);
    pthread_barrier_wait(&cancelled);
    for (int i = 0; i < CANCELLED; i++) {
        void *result;
        pthread_join(threads[i], &result);
        ended += result == PTHREAD_CANCELED;
    }
    return whole_mallocs * 1000000 + cleaned_up * 1000 + ended;
}

/* No thread can have a stack of this size. Returns the error, and errno, which is not touched. */
int fail_to_start(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, (size_t)1 << 47);
    int error = pthread_create(&thread, &attributes, hold, NULL);
    pthread_attr_destroy(&attributes);
    return error;
}

int errno_after_start(void)
{
    pthread_t thread;
    errno = 77;
    pthread_create(&thread, NULL, hold, (void *)1);
    int after = errno;
    pthread_join(thread, NULL);
    return after;
}
