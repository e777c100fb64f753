/* Allocates in several processes and threads at once until it is killed, and acknowledges each call on stdout when it has
 * returned: the truth that a trace is compared with.
 *
 * A line is one write to a pipe, and so whole:
 *
 *     process P PID      process P begins
 *     a P T N            its thread T has its block N: FIRST_SIZE + N * THREADS + T bytes, as no other
 *     f P T N            and has given it back
 *
 * It is a program, `torture PROCESSES THREADS`, and a library with the function of the same name. */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

/* The first three of these numbers stand in tests/torture/acknowledged.rs. */
enum { FIRST_SIZE = 3000000, THREADS = 8, BLOCKS = 10000, HELD = 50, SMALL = 100 };

static int process;

static void say(char what, int thread, int block) {
    char line[64];
    int length = snprintf(line, sizeof line, "%c %d %d %d\n", what, process, thread, block);
    if (write(STDOUT_FILENO, line, (size_t)length) != length) _exit(1);
}

/* Blocks that nobody asks for afterwards fill slots: chunks are handed over and appended while the job is killed. */
static void make_small_blocks(int thread, int block) {
    void *small[SMALL];
    unsigned seed = (unsigned)(block * THREADS + thread);
    for (int at = 0; at < SMALL; at++) small[at] = malloc((seed = seed * 1103515245u + 12345u) % 5000);
    for (int at = 0; at < SMALL; at++) free(small[at * 7 % SMALL]);
}

static void *run_thread(void *number) {
    int thread = (int)(intptr_t)number;
    void *held[HELD] = {0};
    for (int block = 0; block < BLOCKS; block++) {
        void **place = &held[block % HELD];
        /* Each third stays for ever. */
        if (*place != NULL && (block - HELD) % 3 != 0) {
            free(*place);
            say('f', thread, block - HELD);
        }
        make_small_blocks(thread, block);
        *place = malloc((size_t)FIRST_SIZE + (size_t)block * THREADS + (size_t)thread);
        if (*place == NULL) _exit(2);
        say('a', thread, block);
    }
    for (;;) pause();
    return NULL;
}

static void begin_process(void) {
    char line[64];
    int length = snprintf(line, sizeof line, "process %d %d\n", process, (int)getpid());
    if (write(STDOUT_FILENO, line, (size_t)length) != length) _exit(1);
}

static void run_threads(int threads) {
    for (int thread = 1; thread < threads; thread++) {
        pthread_t handle;
        if (pthread_create(&handle, NULL, run_thread, (void *)(intptr_t)thread) != 0) _exit(3);
    }
    run_thread((void *)(intptr_t)0);
}

/* Does not return. The children die with the first process, which is the first to say a line. */
void torture(int processes, int threads) {
    pid_t parent = getpid();
    begin_process();
    for (int child = 1; child < processes; child++) {
        pid_t pid = fork();
        if (pid < 0) _exit(4);
        if (pid == 0) {
            if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) _exit(5);
            process = child;
            begin_process();
            break;
        }
    }
    run_threads(threads);
}

int main(int count, char **arguments) {
    if (count != 3) return 6;
    torture(atoi(arguments[1]), atoi(arguments[2]));
    return 0;
}
