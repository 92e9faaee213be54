#!/bin/sh
# Prints the first Python >= 3.11 that can make virtual environments: $1 if given, else what is on PATH.
for python in "${1:-python3}" ${1:+-} python3.14 python3.13 python3.12 python3.11; do
    [ "$python" = "-" ] && break
    if "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        command -v "$python"
        exit 0
    fi
done
if [ -n "$1" ]; then
    echo "PYTHON=$1 is not a Python 3.11 or newer that has the venv and ensurepip modules." >&2
else
    echo "Pensieve needs Python 3.11 or newer with the venv and ensurepip modules (Debian and Ubuntu: the python3-venv package); if it is not on PATH, say where: make PYTHON=/path/to/python3" >&2
fi
exit 1
