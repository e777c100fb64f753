/* A signal handler that leaves a call of an allocator by siglongjmp. */

#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>

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
