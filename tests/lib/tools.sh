# What the scripts of tests/ share: what they say, and what they install. To be sourced by bash, in the top directory of the repository.

step() { printf '==> [%d:%02d] %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*"; }
fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif has sudo; then sudo "$@"; else return 1; fi
}

# install WHAT DEBIAN FEDORA ALPINE HOMEBREW: installs the package that the system in question calls by that name.
install() {
    step "installing $1"
    if has apt-get; then
        install_debian "$2"
    elif has dnf; then
        as_root dnf install -y "$3"
    elif has apk; then
        as_root apk add "$4"
    elif has brew; then
        brew install "$5"
    else
        false
    fi || fail "$1 is missing and could not be installed here; install it and start again"
}

install_debian() {
    as_root apt-get -q update || true # lists that are a little old may do
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "$@"
}

# debian FILE:PACKAGE ..: installs the Debian packages whose file isn't there.
debian() {
    local needed packages=()
    for needed; do [ -e "${needed%%:*}" ] || packages+=("${needed##*:}"); done
    [ ${#packages[@]} != 0 ] || return 0
    step "installing ${packages[*]}"
    install_debian "${packages[@]}" || fail "${packages[*]}: missing, and could not be installed here"
}

# Sets $program to the server that is named, or to target/debug/tokend, which is built if need be.
find_program() {
    program=${1:-target/debug/tokend}
    [ -x "$program" ] || cargo build --locked --bin tokend
}

# python_with NAME WHAT..: sets $python to a Python of its own, in target/NAME, in which pip has installed what is named.
python_with() {
    local environment=target/$1
    shift
    has python3 || install Python python3 python3 python3 python
    python3 -c 'import ensurepip' 2>/dev/null || install "Python's venv" python3-venv python3 python3 python
    python=$environment/bin/python
    [ -x "$environment/bin/pip" ] || python3 -m venv "$environment"
    "$environment/bin/pip" install -q --disable-pip-version-check "$@"
}

# The modules of Python in tests/lib are found by every program that is started from here on.
export PYTHONPATH=$PWD/tests/lib
