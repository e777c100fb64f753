# Sourced by scripts that need a Debian package.

# With root's rights and Debian's tools a package can be had. Elsewhere what needs it will be missing.
install_debian_packages() {
    local package wanted=() lock
    for package in "$@"; do
        if ! dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -q '^installed'; then
            wanted+=("$package")
        fi
    done
    if [ "${#wanted[@]}" = 0 ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        return
    fi
    say "installing Debian's ${wanted[*]}"
    # apt does not wait for another apt.
    exec {lock}>"$environments/apt.lock"
    flock "$lock"
    if ! apt-get update -qq </dev/null >/dev/null ||
        ! DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${wanted[@]}" </dev/null >/dev/null; then
        say "they could not be installed"
    fi
    exec {lock}>&-
}
