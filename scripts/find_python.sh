#!/bin/sh
# Prints the Python that shall build .venv: $PYTHON when set, else the newest of 3.14 to 3.11 that runs.
# Each candidate is tried by running it: a pyenv shim can stand in PATH for a version that is not installed.

newer='import sys; sys.exit(sys.version_info < (3, 11))'
# Debian can have a new Python without python3.X-venv beside an older complete one: the complete one is the better choice.
complete='import sys, importlib.util as u; sys.exit(sys.version_info < (3, 11) or not u.find_spec("ensurepip"))'

say() { printf '%s\n' "$@" >&2; }

if [ -n "${PYTHON:-}" ]; then
    if "$PYTHON" -c "$newer" </dev/null >/dev/null 2>&1; then
        command -v "$PYTHON"
        exit 0
    fi
    found=$("$PYTHON" -V 2>&1 </dev/null | head -n 1)
    say "" "Corral needs Python 3.11 or newer; PYTHON=$PYTHON answers: ${found:-nothing}" \
        "  To go on: name another one, for example  make chat PYTHON=/usr/bin/python3.13" ""
    exit 1
fi

for test in "$complete" "$newer"; do
    for name in python3.14 python3.13 python3.12 python3.11 python3; do
        if "$name" -c "$test" </dev/null >/dev/null 2>&1; then
            command -v "$name"
            exit 0
        fi
    done
done

found=$(python3 -V 2>&1 </dev/null | head -n 1)
case "$(uname -s)" in
Darwin) remedy="brew install python@3.13" ;;
*)
    if command -v apt >/dev/null 2>&1; then
        remedy="sudo apt install python3 python3-venv   (Debian 12, Ubuntu 24.04 or newer; python3 is older before)"
    elif command -v dnf >/dev/null 2>&1; then
        remedy="sudo dnf install python3.12"
    elif command -v apk >/dev/null 2>&1; then
        remedy="apk add python3"
    else
        remedy="install it from your system's packages or from https://www.python.org/downloads/"
    fi
    ;;
esac
say "" "Corral needs Python 3.11 or newer, and none was found (python3 answers: ${found:-nothing})." \
    "  To go on: $remedy" \
    "  If it is somewhere else:  make chat PYTHON=/path/to/python3.13" ""
exit 1
