/* Loads a Python when it already runs, as programs do that have plug-ins in it. Arguments: the libpython,
 * and code that it runs. */

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

int main(int count, char **arguments) {
    void *python = count > 2 ? dlopen(arguments[1], RTLD_NOW | RTLD_GLOBAL) : NULL;
    if (!python) return fprintf(stderr, "%s\n", dlerror()), 1;
    void (*initialize)(int) = (void (*)(int))dlsym(python, "Py_InitializeEx");
    int (*run)(const char *) = (int (*)(const char *))dlsym(python, "PyRun_SimpleString");
    initialize(0);
    /* Longer than the recorder takes to find out. */
    int failed = run("import time; time.sleep(0.2)") || run(arguments[2]);
    _Exit(failed);
}
