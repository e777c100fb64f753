/* Loads a Python when it already runs, as programs do that have plug-ins in it. Argument: the libpython. */

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

int main(int count, char **arguments) {
    void *python = count > 1 ? dlopen(arguments[1], RTLD_NOW | RTLD_GLOBAL) : NULL;
    if (!python) return fprintf(stderr, "%s\n", dlerror()), 1;
    void (*initialize)(int) = (void (*)(int))dlsym(python, "Py_InitializeEx");
    int (*run)(const char *) = (int (*)(const char *))dlsym(python, "PyRun_SimpleString");
    initialize(0);
    /* Longer than the recorder takes to find out. */
    int failed = run("import time; time.sleep(0.2); held = bytearray(60_000_000)");
    _Exit(failed);
}
