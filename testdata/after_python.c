/* A daemon thread that allocates before Python ends and when it has ended. */
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

static void *volatile kept[2];
static sem_t is_waiting, python_has_ended, has_allocated;
static int is_used;

__attribute__((constructor)) static void begin(void) {
    sem_init(&is_waiting, 0, 0);
    sem_init(&python_has_ended, 0, 0);
    sem_init(&has_allocated, 0, 0);
}

void allocate_before_and_after(size_t before, size_t after) {
    kept[0] = malloc(before);
    is_used = 1;
    sem_post(&is_waiting);
    sem_wait(&python_has_ended);
    kept[1] = malloc(after);
    sem_post(&has_allocated);
    /* The process ends. */
    for (;;) pause();
}

void wait_for_the_thread(void) {
    sem_wait(&is_waiting);
}

/* Runs when Python has taken itself apart. */
__attribute__((destructor)) static void end(void) {
    if (!is_used) return;
    sem_post(&python_has_ended);
    sem_wait(&has_allocated);
}
