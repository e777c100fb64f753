// C++ as programs use it: containers, smart pointers, and a thread-local object with a destructor.
#include <memory>
#include <string>
#include <vector>

struct alignas(64) Wide {
    char bytes[64 * 1000];
};

static std::vector<double> numbers;
static std::string text;
static std::unique_ptr<Wide> wide;
static std::shared_ptr<int[]> shared;

extern "C" void fill_vector(std::size_t count) {
    numbers.reserve(count);
}

extern "C" void fill_string(std::size_t length) {
    text.reserve(length);
}

extern "C" void make_wide() {
    wide.reset(new Wide);
}

extern "C" void drop_all() {
    std::vector<double>(1000000, 1.0).swap(numbers);
    std::vector<double>().swap(numbers);
}

struct AtEndOfThread {
    std::size_t size = 0;
    ~AtEndOfThread() {
        kept = new char[size];
    }
    static char *volatile kept;
};

// volatile: the compiler would leave out memory that nobody looks at.
char *volatile AtEndOfThread::kept;

extern "C" void allocate_at_end_of_thread(std::size_t size) {
    thread_local AtEndOfThread object;
    object.size = size;
}
