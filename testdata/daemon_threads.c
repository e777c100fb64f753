/* Allocates for ever, without the GIL. */
#include <stdlib.h>

void allocate_for_ever(void) {
    for (;;) {
        void *volatile block = malloc(200);
        free(block);
    }
}

/* The same with Python's allocator for those who do not hold the GIL, from which thread states come too. */
void *PyMem_RawMalloc(size_t size);
void PyMem_RawFree(void *block);

void allocate_raw_for_ever(void) {
    for (;;) {
        void *volatile block = PyMem_RawMalloc(200);
        PyMem_RawFree(block);
    }
}

/* Fills memory of the sizes that Python gives back when it ends. */
void reuse_memory(void) {
    for (int round = 0; round < 20; round++)
        for (size_t size = 64; size < 8000; size += 8) {
            volatile char *block = malloc(size);
            for (size_t at = 0; block && at < size; at++)
                block[at] = 0x41;
        }
}
