// An allocator as tcmalloc is one: with a malloc, and with an operator new that does not call it.

#include <cstddef>
#include <new>

extern "C" void *__libc_malloc(std::size_t);
extern "C" void __libc_free(void *);

extern "C" void *malloc(std::size_t size) { return __libc_malloc(size); }

void *operator new(std::size_t size) { return __libc_malloc(size); }
void operator delete(void *block) noexcept { __libc_free(block); }
void operator delete(void *block, std::size_t) noexcept { __libc_free(block); }
