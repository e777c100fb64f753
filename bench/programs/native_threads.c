/* Four threads that allocate and free without knowing of Python: what a C library's thread pool does. */

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4, HELD = 256 };

static void *work(void *rounds) {
    void *held[HELD] = {0};
    uint32_t random = 1;
    for (long round = 0; round < (long)rounds; round++) {
        random = random * 1664525 + 1013904223;
        void **block = &held[random >> 24];
        free(*block);
        size_t size = 16 + (random >> 8) % 2000;
        *block = malloc(size);
        memset(*block, 1, size < 64 ? size : 64);
    }
    for (int index = 0; index < HELD; index++) free(held[index]);
    return NULL;
}

void work_in_threads(long rounds) {
    pthread_t threads[THREADS];
    for (int index = 0; index < THREADS; index++) pthread_create(&threads[index], NULL, work, (void *)rounds);
    for (int index = 0; index < THREADS; index++) pthread_join(threads[index], NULL);
}
