#!/bin/sh
# What goes into an image: packages of others by the hashes of a lock, and members of our own by their folders, in a
# virtual environment of its own. The Dockerfiles call this in their build stage; tests/images runs it without Docker.
#
#   install.sh LOCK ENVIRONMENT MEMBER...
#
# BYTE_CODE=no leaves out byte code, for what runs once in the build stage.
#
# The same inputs give the same bytes: nothing of the time, the builder or the folder that it was built in stays.
set -eu
lock=$1 environment=$2
shift 2

python3 -m venv --without-pip "$environment"
python=$environment/bin/python
uv pip install --quiet --python "$python" --link-mode copy --no-deps --only-binary :all: --require-hashes -r "$lock"
# uv builds its own kind of package (uv_build) itself: nothing is fetched for it.
uv pip install --quiet --python "$python" --link-mode copy --no-deps --no-sources --no-index "$@"
site=$("$python" -I -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

# Commands, which name the folder that they were made in, and what installers wrote. METADATA stays: scanners read it.
find "$environment/bin" ! -name 'python*' ! -type d -delete
find "$site" -path '*.dist-info/*' \( -name RECORD -o -name REQUESTED -o -name INSTALLER -o -name 'uv_*' \
    -o -name direct_url.json \) -delete
sed -i '/^command/d' "$environment/pyvenv.cfg"
# Tests, types for checkers, what compiled modules were made of, and cffi's way to a compiler.
rm -rf "$site/souk_chassis/testing" "$site/cffi" "$site"/pycparser* "$site/aiohttp/test_utils.py" \
    "$environment/include"
find "$site" -depth -type d \( -name tests -o -name test -o -name _testbase -o -name __pycache__ \) -exec rm -rf {} +
find "$site" -type f \( -name '*.pyi' -o -name 'py.typed' -o -name '*.pyx' -o -name '*.px[di]' -o -name '*.c' -o \
    -name '*.h' -o -name '*.pyc' -o -name '_testcapi.*' -o -name testclient.py -o -name pytest_plugin.py \) -delete

if [ "${BYTE_CODE:-yes}" = yes ]; then
    # Not compared with its source (PEP 552): the root is read-only, so nothing made later would be kept. Sets of
    # constants are written in the order of their hashes; -I would pass over the seed.
    PYTHONHASHSEED=0 "$python" -s -m compileall -q -j 0 --invalidation-mode unchecked-hash \
        -s "$environment" -p /srv/souk "$site"
fi
chmod -R a+rX,go-w "$environment"
find "$environment" -exec touch -h -d "@${SOURCE_DATE_EPOCH:-0}" {} +
