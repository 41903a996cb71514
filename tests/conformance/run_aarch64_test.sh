# The run-time library on aarch64: cross-compiled, its unit and conformance tests and the deployed network under qemu.
# Skipped where the cross compiler or qemu is absent (tools/packages.txt names both).
set -eu
source=$TGL_SOURCE_DIR
cross=aarch64-linux-gnu-gcc
skip() {
    echo "skipped: $1"
    [ "${TGL_REQUIRE_SHARED:-}" = 1 ] && exit 1
    exit 77
}
command -v $cross >/dev/null || skip "no $cross (package gcc-aarch64-linux-gnu)"
command -v qemu-aarch64 >/dev/null || skip "no qemu-aarch64 (package qemu-user)"
sysroot=$(dirname "$(dirname "$($cross -print-file-name=libc.so.6)")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CCACHE_DISABLE=1

cmake -S "$source" -B "$work/build" -DTGL_RUN_ONLY=ON -DTGL_WERROR=ON -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_C_COMPILER=$cross >"$work/log" 2>&1 ||
    { cat "$work/log"; exit 1; }
cmake --build "$work/build" -j2 >"$work/log" 2>&1 || { tail -30 "$work/log"; exit 1; }
library=$work/build/libtrigline-run.so
aarch64-linux-gnu-nm -D --defined-only "$library" | awk '{print $3}' | LC_ALL=C sort |
    diff "$source/tests/conformance/run_library.symbols" - || { echo "symbols differ"; exit 1; }
youngest=$(aarch64-linux-gnu-objdump -T "$library" | sed -n 's/.*GLIBC_\([0-9.]*\).*/\1/p' | sort -V | tail -1)
[ "$(printf '%s\n2.28\n' "$youngest" | sort -V | tail -1)" = 2.28 ] || { echo "asks for GLIBC_$youngest"; exit 1; }

# The same unit tests, by a small stand-in for cmocka; statically, so that private calls are within reach.
flags="-std=c17 -O2 -g -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -ffp-contract=off -fno-strict-aliasing
    -DTGL_VERSION_STRING=\"test\" -DTGL_SOURCE_DIR=\"$source\" -I$source/include -I$source/src -I$source/tests
    -I$work/build/generated"
mkdir "$work/objects"
cd "$work/objects"
find "$source/src/base" "$source/src/fixed" "$source/src/program" "$source/src/emulate" "$source/src/run" -name '*.c' \
    ! -name '*_test.c' | xargs -P2 -n4 $cross $flags -c
for test in src/fixed/fixed_test.c src/program/program_test.c src/run/run_test.c \
    tests/conformance/emulate_ops_test.c tests/conformance/random_programs_test.c; do
    name=$(basename "$test" .c)
    $cross $flags -I"$source/tests/support/cmocka_small" "$source/$test" ./*.o -static -lpthread -lm -o "$work/$name"
    TGL_PROGRAMS=2000 qemu-aarch64 "$work/$name" >"$work/out" || { tail -5 "$work/out"; echo "$name failed"; exit 1; }
    tail -1 "$work/out"
done

# The deployed network through the shared library, on both machines.
l1=${TGL_SHARED_DIR:-/none}/testdata/l1
[ -e "$l1/axol1tl_v4.json" ] || skip "no deployed network at $l1"
"$TGL_COMMAND" model export "$l1/axol1tl_v4.json" "$work/axol.tglr" --variant unscaled --quiet
$cross -std=c17 -O2 -D_POSIX_C_SOURCE=200809L -I"$source/include" "$source/tests/support/run_codes.c" -o "$work/run_codes" \
    -L"$work/build" -ltrigline-run
awk '{for (i = 1; i <= 57; i++) printf "%d ", $i * 16; print ""}' "$l1/axol1tl_v4_random.txt" >"$work/in"
awk '{for (i = 59; i <= 67; i++) printf "%d%s", $i, i < 67 ? " " : "\n"}' "$l1/axol1tl_v4_random.txt" >"$work/expected"
qemu-aarch64 -L "$sysroot" -E LD_LIBRARY_PATH="$work/build" "$work/run_codes" "$work/axol.tglr" <"$work/in" |
    cut -d' ' -f1-9 >"$work/found"
differing=$(diff "$work/expected" "$work/found" | grep -c '^<' || true)
[ "$differing" = 0 ] && [ "$(wc -l <"$work/found")" = 2000 ] || { echo "aarch64: $differing of 2000 events differ"; exit 1; }
echo "aarch64: GLIBC_$youngest; deployed network: $(wc -l <"$work/found") events, 0 differ"
