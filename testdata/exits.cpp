// Allocates when main has long returned: in atexit handlers and in destructors of static objects. A program, or a library
// whose main is called by Python. Sizes are multiples of the number of arguments.
#include <cstddef>
#include <cstdlib>

// volatile: the compiler would leave out memory that nobody looks at.
static void *volatile kept[4];
static std::size_t times;

struct Static {
    ~Static() {
        kept[2] = new char[times * 4000007];
    }
};

static Static object;

static void at_exit() {
    kept[1] = std::malloc(times * 2000003);
}

__attribute__((destructor)) static void at_unloading() {
    kept[3] = std::malloc(times * 8000009);
}

int main(int count, char **) {
    times = count;
    kept[0] = std::malloc(times * 1000001);
    std::atexit(at_exit);
}
