/* Signal handlers that leave a call of an allocator by siglongjmp, or stay in it. */

#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static sigjmp_buf back;

static void jump(int signal) {
    (void)signal;
    siglongjmp(back, 1);
}

/* Out of the C library, which writes the block's address to where nothing is mapped. */
int out_of_a_call(void) {
    struct sigaction jumping = {.sa_handler = jump}, before;
    sigaction(SIGSEGV, &jumping, &before);
    int jumped = sigsetjmp(back, 1);
    if (!jumped) posix_memalign((void **)sizeof(void *), 64, 100);
    sigaction(SIGSEGV, &before, NULL);
    return jumped;
}

/* A block that is allocated from 64 KiB further down the stack. */
static __attribute__((noinline)) void *deep(size_t size) {
    volatile char room[1 << 16];
    room[0] = room[sizeof room - 1] = 1;
    void *block = malloc(size);
    room[0] = block != NULL;
    return block;
}

/* The next call after the jump comes from below the one that was left. */
void *deep_after_a_jump(size_t size) {
    out_of_a_call();
    return deep(size);
}

static void *page;

/* A jump that does not leave the handler. The write that it interrupts is then done again, and succeeds. */
static void jump_within(int signal) {
    (void)signal;
    sigjmp_buf here;
    if (!sigsetjmp(here, 1)) siglongjmp(here, 1);
    mprotect(page, 4096, PROT_READ | PROT_WRITE);
}

/* A block whose allocation is interrupted by such a handler, perhaps on a stack of its own. */
void *interrupted(int own_stack, size_t size) {
    static char room[1 << 16];
    stack_t stack = {.ss_sp = room, .ss_size = sizeof room}, stack_before;
    struct sigaction jumping = {.sa_handler = jump_within, .sa_flags = own_stack ? SA_ONSTACK : 0}, before;
    page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sigaltstack(&stack, &stack_before);
    sigaction(SIGSEGV, &jumping, &before);
    if (posix_memalign(page, 64, size)) abort();
    sigaction(SIGSEGV, &before, NULL);
    sigaltstack(&stack_before, NULL);
    return *(void **)page;
}
