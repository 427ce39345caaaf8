# Starts torchcaffe with the Python that it is installed for, whatever PATH says: that of the environment around this
# folder, that of the repository, or else the program torchcaffe on PATH.
served=$(cd "$(dirname "$0")" && pwd) || exit 1
packages=$(cd "$served/../.." && pwd)
case $packages in
    */site-packages | */dist-packages) python=$(cd "$packages/../../.." && pwd)/bin/python3 ;;
    *) python=$packages/.venv/bin/python ;;
esac
if [ -x "$python" ]; then
    export PYTHONPATH="$packages${PYTHONPATH:+:$PYTHONPATH}"
    exec "$python" -P -m torchcaffe "$@"
fi
exec torchcaffe "$@"
