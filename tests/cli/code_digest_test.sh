#!/bin/sh
# The digest of the code: what --version, doctor and records say is what the sources give, in any directory; any source
# of the library changes it, the command and the tests do not.
set -u
t=${TGL_COMMAND:?}
source=${TGL_SOURCE_DIR:?}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failures=0
bad() { echo "FAILED: $1"; failures=$((failures + 1)); }
digest() { # of the tree $1, by the build's own script
    cmake -DSOURCE="$1" -DOUT="$dir/header" -P "$source/cmake/code-digest.cmake" || exit 1
    sed 's/.*"\(.*\)"/\1/' "$dir/header"
}

said=$("$t" --version | sed -n 's/^code //p')
case $said in
sha256:????????????????????????????????????????????????????????????????) ;;
*) bad "--version says '$said'" ;;
esac
# the same by other tools
plain=$(cd "$source" && { find src include -type f \( -name '*.c' -o -name '*.h' -o -name '*.inc' -o -name '*.cmake' \) |
    grep -v '_test\.c$\|^src/cli/'; echo CMakeLists.txt; echo cmake/dependencies.cmake; } | LC_ALL=C sort |
    xargs sha256sum | sha256sum | cut -d' ' -f1)
[ "$said" = "sha256:$plain" ] || bad "--version says $said, the sources are sha256:$plain"
"$t" doctor --json | grep -q "\"code\":\"$said\"" || bad "doctor says another"

# another clone, later, under another name
mkdir -p "$dir/a clone/cmake"
cp -r "$source/src" "$source/include" "$source/CMakeLists.txt" "$dir/a clone"
cp "$source/cmake/dependencies.cmake" "$dir/a clone/cmake"
cd "$dir/a clone" || exit 1
[ "$(digest "$PWD")" = "$said" ] || bad "a copy has another digest"
for file in src/fixed/wide.h src/emulate/kernels.inc include/trigline/base.h CMakeLists.txt; do
    cp "$file" "$dir/kept"
    echo >>"$file"
    [ "$(digest "$PWD")" != "$said" ] || bad "a change of $file does not show"
    cp "$dir/kept" "$file"
done
mv src/base/names.c src/base/aliases.c
[ "$(digest "$PWD")" != "$said" ] || bad "a renamed source does not show"
mv src/base/aliases.c src/base/names.c
echo >>src/cli/main.c
echo >>src/base/base_test.c
[ "$(digest "$PWD")" = "$said" ] || bad "the command or a test changes the digest"

[ $failures = 0 ] && echo "code digest: good"
exit $((failures > 0))
