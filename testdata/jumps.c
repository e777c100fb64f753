/* Signal handlers that leave a call of an allocator by siglongjmp. */

#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>

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

/* Out of wherever mmap and munmap are when a timer fires. */
int out_of_mappings(int times) {
    struct sigaction jumping = {.sa_handler = jump}, before;
    struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
    volatile int jumps = 0;
    sigaction(SIGALRM, &jumping, &before);
    setitimer(ITIMER_REAL, &often, NULL);
    if (sigsetjmp(back, 1)) jumps++;
    while (jumps < times) {
        void *range = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        munmap(range, 4096);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    sigaction(SIGALRM, &before, NULL);
    return jumps;
}
