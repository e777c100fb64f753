// A program that allocates when main has long returned: in atexit handlers and in destructors of static objects.
#include <cstdlib>

// volatile: the compiler would leave out memory that nobody looks at.
static void *volatile kept[4];

struct Static {
    ~Static() {
        kept[2] = new char[4000007];
    }
};

static Static object;

static void at_exit() {
    kept[1] = std::malloc(2000003);
}

__attribute__((destructor)) static void at_unloading() {
    kept[3] = std::malloc(8000009);
}

int main() {
    kept[0] = std::malloc(1000001);
    std::atexit(at_exit);
}
