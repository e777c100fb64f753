/* Allocations of C code. */

#include <stdlib.h>

void mallocs(int count) {
    for (int number = 0; number < count; number++) {
        void *volatile block = malloc(100);
        free(block);
    }
}
