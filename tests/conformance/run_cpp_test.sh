# The C++ face under every C++ compiler that is here (g++, clang++), in C++17 and C++20, without warnings.
set -eu
library=$TGL_BUILD_DIR/libtrigline-run.so
if nm -D "$library" | grep -q 'san_'; then
    echo "skipped: a sanitizer build, which its own compiler tests (run_hpp_test)"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0
for compiler in g++ clang++; do
    command -v $compiler >/dev/null || continue
    for standard in c++17 c++20; do
        $compiler -std=$standard -O1 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -I"$TGL_SOURCE_DIR/include" \
            -I"$TGL_SOURCE_DIR/tests" "$TGL_SOURCE_DIR/tests/conformance/run_hpp_test.cpp" -o "$work/test" \
            -L"$TGL_BUILD_DIR" -ltrigline-run -Wl,-rpath,"$TGL_BUILD_DIR" -pthread
        "$work/test" "$TGL_SOURCE_DIR/fuzz/corpus/fuzz_run/rules.tglr" >"$work/out" || { cat "$work/out"; exit 1; }
        echo "$compiler $standard: $(cat "$work/out")"
        n=$((n + 1))
    done
done
[ $n -gt 0 ] || { echo "skipped: no C++ compiler"; exit 77; }
