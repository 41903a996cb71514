# The run-time library: it stands on the C library alone, uses no symbol of it above GLIBC_2.28, hands out exactly the
# committed interface, and builds and installs by itself, without root and without any of the other dependencies.
set -eu
library=$TGL_BUILD_DIR/libtrigline-run.so
source=$TGL_SOURCE_DIR
[ -e "$library" ] || { echo "no $library"; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

check_needed() {
    sanitized=
    needed=$(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p')
    for one in $needed; do
        case $one in
        libc.so.* | ld-linux* | libgcc_s.so.*) ;;
        libasan.so.* | libubsan.so.* | libtsan.so.* | libgcov*) sanitized=yes ;;
        *) [ -n "$sanitized" ] || { echo "$1 needs $one: expected libc alone"; exit 1; } ;; # sanitizers bring libm
        esac
    done
    # clang links its sanitizers into the program: their calls stay undefined here
    nm -D "$1" | grep -q ' U __[atu].*san' && sanitized=yes || true
}

check_symbols() {
    nm -D --defined-only "$1" | awk '{print $3}' | LC_ALL=C sort >"$work/symbols"
    LC_ALL=C sort "$source/tests/conformance/run_library.symbols" | diff - "$work/symbols" >"$work/diff" || {
        echo "$1: symbols differ from run_library.symbols (< missing, > too many):"
        cat "$work/diff"
        exit 1
    }
}

# The youngest version of the C library that the loader will ask for.
check_glibc() {
    youngest=$(objdump -T "$1" | sed -n 's/.*GLIBC_\([0-9.]*\).*/\1/p' | sort -V | tail -1)
    [ "$(printf '%s\n2.28\n' "$youngest" | sort -V | tail -1)" = 2.28 ] || {
        echo "$1 asks for GLIBC_$youngest: expected at most GLIBC_2.28"
        objdump -T "$1" | grep "GLIBC_$youngest"
        exit 1
    }
    # what must not be there at all: threads, processes, the environment, mutable globals
    for call in pthread_ fork exec getenv setlocale signal; do
        if nm -D "$1" | grep -q " U $call"; then
            echo "$1 calls $call…"
            exit 1
        fi
    done
}

check_needed "$library"
check_symbols "$library"
if [ -n "$sanitized" ]; then
    echo "libtrigline-run.so: a sanitizer build, its C library symbols are not looked at"
    exit 0
fi
check_glibc "$library"

# Alone: nothing but a compiler and CMake, as somebody who is not root.
copy=$work/source
mkdir -p "$copy/plugins"
cp -r "$source/CMakeLists.txt" "$source/cmake" "$source/include" "$source/src" "$copy"
cp -r "$source/plugins/cmssw" "$copy/plugins"
cat >"$work/build.sh" <<'EOF'
set -eu
cd "$1"
export CCACHE_DISABLE=1
cmake -S source -B build -DTGL_RUN_ONLY=ON -DTGL_WERROR=ON -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$1/prefix" \
    -DCMAKE_INSTALL_LIBDIR=lib -DPKG_CONFIG_EXECUTABLE=/bin/false -DCMAKE_FIND_ROOT_PATH=/nowhere >configure.log 2>&1 ||
    { cat configure.log; exit 1; }
cmake --build build -j2 >build.log 2>&1 || { tail -30 build.log; exit 1; }
cmake --install build >install.log
EOF
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    chmod 755 "$work"
    chown -R 65534:65534 "$work"
    HOME=$work setpriv --reuid=65534 --regid=65534 --clear-groups sh "$work/build.sh" "$work"
else
    sh "$work/build.sh" "$work"
fi
built=$work/prefix/lib/libtrigline-run.so
check_needed "$built"
check_symbols "$built"
check_glibc "$built"
cat >"$work/use.c" <<'EOF'
#include <stdio.h>
#include <trigline/run.h>
int main(int argc, char **argv)
{
    tgl_run *run;
    tgl_error err;
    if (tgl_run_open(&run, argv[argc - 1], NULL, &err) == TGL_OK)
        return 1;
    printf("%s: %s\n", tgl_status_name(err.code), err.message);
    return err.code == TGL_ENOTFOUND ? 0 : 1;
}
EOF
${CC:-cc} -std=c99 -Wall -Wextra -Wpedantic -Werror -I"$work/prefix/include" "$work/use.c" -o "$work/use" \
    -L"$work/prefix/lib" -ltrigline-run
LD_LIBRARY_PATH=$work/prefix/lib "$work/use" /no/such.tglr
echo "libtrigline-run.so: $(wc -l <"$source/tests/conformance/run_library.symbols") symbols, at most GLIBC_$youngest," \
    "$(stat -Lc %s "$built") bytes"
