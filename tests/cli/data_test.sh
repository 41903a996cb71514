#!/bin/sh
# trigline data: exit codes, one-line errors, round trips through every written format, and a golden digest.
set -eu
: "${TGL_COMMAND:?}" "${TGL_SOURCE_DIR:?}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() { echo "failed: $*"; exit 1; }
# expect CODE WORDS COMMAND...: the exit code, and the words in the one line on stderr
expect() {
    code=$1 words=$2; shift 2
    got=0; "$TGL_COMMAND" data "$@" >out.txt 2>err.txt || got=$?
    [ $got = "$code" ] || fail "exit $got, not $code: data $*: $(cat err.txt)"
    [ -z "$words" ] || { grep -qF -- "$words" err.txt || fail "'$words' not in: $(cat err.txt)"; }
    [ "$code" -lt 2 ] || [ "$(grep -c '^trigline: ' err.txt)" = 1 ] || fail "not one line: $(cat err.txt)"
}
vectors=$TGL_SOURCE_DIR/fuzz/corpus/fuzz_l1/two_lines.txt
expect 0 "" convert "$vectors" a.npz -z 0 -q
expect 0 "" convert a.npz b.h5 -q
expect 0 "" convert b.h5 c.npz -z 9 -q
for other in a.npz b.h5 c.npz; do expect 0 "" diff "$vectors" $other -q; done
# the columns' digests, which no format, level or version may change
digests=$(grep -ao '"digest":"sha256:[0-9a-f]*"' a.npz | head -35 | sha256sum | cut -c1-16)
[ "$digests" = e54ed206eba950ab ] || fail "the columns' digests changed: $digests"
expect 0 "" convert "$vectors" "$vectors" both.npz -q
expect 1 "" diff "$vectors" both.npz -q
grep -q "2 rows against 4" out.txt || fail "diff says: $(cat out.txt)"
expect 0 "" convert "$vectors" one.npz --begin 1 --end 2 -c 'L1Jet_*' -c algo -q
expect 0 "" info one.npz --json
grep -q '"rows": 1' out.txt && grep -q '"two_lines.txt"' out.txt && ! grep -q "$work" out.txt || fail "info: $(cat out.txt)"
expect 0 "" info one.npz
grep -q "L1Jet_hwPt  *int16\[\]" out.txt || fail "info: $(cat out.txt)"
expect 3 "did you mean 'L1Jet_hwPt'" convert a.npz x.npz -c L1Jet_hwPtt
expect 2 "rows 1 to 9 asked for" convert a.npz x.npz --begin 1 --end 9
expect 2 "no known format" convert a.npz x.unknown
expect 3 "cannot open 'absent.npz'" info absent.npz
expect 3 "no known format" info "$TGL_SOURCE_DIR/CMakeLists.txt"
expect 2 "" convert a.npz
head -c 700 a.npz >cut.npz
expect 3 "cut.npz" convert cut.npz x.npz
[ ! -e x.npz ] || fail "something was half-written"
"$TGL_COMMAND" data convert --help | grep -q "trigline data convert zerobias.root" || fail "no examples in the help"
echo "data: exit codes, errors and round trips hold"
