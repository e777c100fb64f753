/* Says of itself what a free-threaded CPython 3.14 says, by which fil knows one: its version, and the beginning of
   _Py_DebugOffsets. No such Python comes with the systems that the tests run on. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct {
    char cookie[8];
    uint64_t version;
    uint64_t free_threaded;
} _PyRuntime = {{'x', 'd', 'e', 'b', 'u', 'g', 'p', 'y'}, 0x030e00f0, 1};

const char *Py_GetVersion(void) {
    return "3.14.0 free-threading build (main, Oct  7 2025, 00:00:00) [GCC]";
}

int main(void) {
    void *held = malloc(70000001);
    memset(held, 1, 70000001);
    _Exit(0);
}
