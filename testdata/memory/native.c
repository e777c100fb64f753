/* What C code does beside calling malloc: memory that is older than the recorder, and memory that a thread's
   destructors allocate when its function has returned. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>

static void *older[2];

__attribute__((constructor)) static void before_the_recorder(void) {
    older[0] = malloc(50000000);
    older[1] = malloc(50000000);
}

/* Gives back what was allocated before the recorder was there, and takes memory that may lie there. */
void *replace_older(size_t size) {
    free(older[0]);
    return malloc(size);
}

void *resize_older(size_t size) {
    return realloc(older[1], size);
}

/* volatile: the compiler would leave out memory that nobody looks at. */
static void *volatile kept;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void on_end_of_thread(void *size) {
    kept = malloc((size_t)size);
}

static void make_key(void) {
    pthread_key_create(&key, on_end_of_thread);
}

/* In native.cpp: a thread-local object whose destructor allocates. */
void *allocate_at_end_of_thread(size_t size);

static void *run(void *unused) {
    pthread_once(&once, make_key);
    pthread_setname_np(pthread_self(), "destructors");
    pthread_setspecific(key, (void *)1000001);
    allocate_at_end_of_thread(2000003);
    return unused;
}

int run_thread(void) {
    pthread_t thread;
    return pthread_create(&thread, NULL, run, NULL) || pthread_join(thread, NULL);
}
