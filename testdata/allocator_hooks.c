/* Hooks of a job's own around Python's allocators, put in place at run time: they count and pass on. */
#include <stddef.h>

typedef struct {
    void *context;
    void *(*malloc)(void *, size_t);
    void *(*calloc)(void *, size_t, size_t);
    void *(*realloc)(void *, void *, size_t);
    void (*free)(void *, void *);
} Allocator;

/* Of the Python that loads this. */
void PyMem_GetAllocator(int domain, Allocator *allocator);
void PyMem_SetAllocator(int domain, Allocator *allocator);

enum { DOMAINS = 3 };
static Allocator before[DOMAINS];
static long calls;

static void *hook_malloc(void *original, size_t size)
{
    Allocator *allocator = original;
    calls++;
    return allocator->malloc(allocator->context, size);
}

static void *hook_calloc(void *original, size_t count, size_t size)
{
    Allocator *allocator = original;
    calls++;
    return allocator->calloc(allocator->context, count, size);
}

static void *hook_realloc(void *original, void *block, size_t size)
{
    Allocator *allocator = original;
    calls++;
    return allocator->realloc(allocator->context, block, size);
}

static void hook_free(void *original, void *block)
{
    Allocator *allocator = original;
    allocator->free(allocator->context, block);
}

void install(void)
{
    for (int domain = 0; domain < DOMAINS; domain++) {
        PyMem_GetAllocator(domain, &before[domain]);
        Allocator hooks = { &before[domain], hook_malloc, hook_calloc, hook_realloc, hook_free };
        PyMem_SetAllocator(domain, &hooks);
    }
}

/* Returns the calls since install(). */
long uninstall(void)
{
    for (int domain = 0; domain < DOMAINS; domain++)
        PyMem_SetAllocator(domain, &before[domain]);
    return calls;
}
