# Sourced by the other scripts: which environments there are, where they are, and how the scripts speak.

# Each Python version whose call stacks fil reads, with its interpreter in a libpython and in itself.
supported_versions=(3.9 3.10 3.11 3.12 3.13 3.14 3.15)
# Those in which other projects' test suites are run with and without fil.
compared=(3.11-shared 3.13-shared)
# Pythons that must be recorded without call stacks, and say so.
unsupported=(unsupported-unknown unsupported-free-threaded unsupported-debug)
# Programs that single tests need.
programs=(gfortran gdb strace)
# Environments that are not recorded.
others=(readers)

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
environments=${FIL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fil}/test-pythons
sid=$environments/sid

# For people: setup-test-environment opens descriptor 3. The standard output of a script is for what it was asked for,
# its standard error for why it failed.
say() { printf 'test environment: %s\n' "$*" >&3; }

# The last line that is printed is the reason in NAME.missing.
fail() {
    printf '%s\n' "$*" >&2
    exit 1
}
