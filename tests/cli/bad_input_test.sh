#!/bin/sh
# Bad input, as a user meets it: one clear line on stderr, the right exit code, nothing half-written.
# Every case breaks a file that was good a moment before.
set -u
t=$TGL_COMMAND
work=$(mktemp -d)
trap 'umount "$work/full" 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0
n=0

# expect CODE PATTERN COMMAND...: exit code, one line on stderr that matches, nothing on stdout, no new file
expect() {
    code=$1 pattern=$2
    shift 2
    n=$((n + 1))
    before=$(find . -type f | sort | cksum)
    "$@" >out.txt 2>err.txt </dev/null
    got=$?
    lines=$(wc -l <err.txt)
    rm -f out.saved
    [ -s out.txt ] && mv out.txt out.saved
    rm -f out.txt
    mv err.txt "$work.err"
    after=$(find . -type f ! -name out.saved | sort | cksum)
    problem=
    [ "$got" = "$code" ] || problem="exit $got, expected $code"
    [ "$lines" = 1 ] || problem="$problem; $lines lines on stderr, expected 1"
    grep -qE "$pattern" "$work.err" || problem="$problem; no match for '$pattern'"
    [ -e out.saved ] && problem="$problem; something on stdout"
    [ "$before" = "$after" ] || problem="$problem; files appeared or vanished"
    if [ -n "$problem" ]; then
        echo "FAILED: $* -> $problem"
        sed 's/^/    /' "$work.err"
        failed=$((failed + 1))
    fi
    rm -f out.saved "$work.err"
}

flip() { # flip FILE OFFSET OUT: one bit
    cp "$1" "$3"
    byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
    printf "$(printf '\\%03o' $((byte ^ 1)))" | dd of="$3" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
size() { wc -c <"$1" | tr -d ' '; }

# ---- usage: exit 2 ----
expect 2 "did you mean 'data'" "$t" dat
expect 2 "unknown verb 'convrt'.*did you mean 'convert'" "$t" data convrt
expect 2 "unknown option '--colums'" "$t" data convert --colums x a b
expect 2 "needs a value" "$t" data convert -c
expect 2 "at least" "$t" data convert
expect 2 "expected a number" "$t" data convert --begin x a.npz b.npz

# ---- data files: exit 3 ----
example=$TGL_SOURCE_DIR/examples/data/crossings.npz
"$t" data convert -q "$example" good.npz -c run -c L1Jet_hwPt -c L1Mu_hwPt || exit 1
expect 3 "nothing.npz" "$t" data info nothing.npz
expect 3 "directory|format" "$t" data info .
: >empty.npz
expect 3 "empty.npz" "$t" data info empty.npz
printf 'root:x:0:0:root:/root:/bin/sh\n' >passwd.txt
expect 3 "passwd.txt.*no known format" "$t" data info passwd.txt
head -c $(($(size good.npz) / 2)) good.npz >half.npz
expect 3 "half.npz" "$t" data convert -q half.npz out.npz
flip good.npz $(($(size good.npz) / 2)) flipped.npz
expect 3 "flipped.npz" "$t" data convert -q flipped.npz out.npz
expect 3 "did you mean 'L1Jet_hwPt'" "$t" data convert -q good.npz out.npz -c L1Jet_hwPT
expect 2 "rows" "$t" data convert -q good.npz out.npz --begin 100000000
expect 3 "nowhere" "$t" data convert -q good.npz nowhere/out.npz
expect 2 "format" "$t" data convert -q good.npz out.xyz
for root in "$TGL_SOURCE_DIR"/tests/data/root/*.root; do
    head -c $(($(size "$root") * 2 / 3)) "$root" >cut.root
    expect 3 "cut.root" "$t" data convert -q cut.root out.npz
done
printf '0000 zz\n' >bad.txt
expect 3 "bad.txt" "$t" data info -f l1 bad.txt

# ---- a write that fails midway, and a full disk where root may make one ----
expect 3 "out.npz.*File too large" sh -c 'trap "" XFSZ; ulimit -f 16; exec "$@"' limited "$t" data convert -q "$example" out.npz
if [ "$(id -u)" = 0 ] && mkdir full && mount -t tmpfs -o size=16k none full 2>/dev/null; then
    expect 3 "No space left|space" "$t" data convert -q "$example" full/out.npz
    [ -z "$(ls full)" ] || { echo "FAILED: a full disk keeps $(ls full)"; failed=$((failed + 1)); }
    umount full
else
    echo "no full disk: it takes a mount, which is not allowed here"
fi

# ---- models ----
printf '{"nodes": [' >broken.json
expect 3 "broken.json:1" "$t" model info broken.json
printf '{"hello": 1}' >foreign.json
expect 3 "foreign.json" "$t" model info foreign.json

# ---- programs ----
"$t" init -q --template anomaly-trigger project >/dev/null 2>&1 || exit 1
printf 'TGLP garbage' >garbage.tglp
expect 3 "garbage.tglp" "$t" firmware estimate garbage.tglp

# ---- projects ----
mkdir none
expect 3 "trigline.yaml" "$t" run -q --project none
mkdir p
printf 'stages:\n  a: {cmd: "true", outs: [x\n' >p/trigline.yaml
expect 3 "trigline.yaml:[0-9]" "$t" run -q --project p
printf 'stages:\n  a: {comd: "true"}\n' >p/trigline.yaml
expect 3 "did you mean 'cmd'" "$t" run -q --project p
printf 'stages:\n  a: {cmd: "true", deps: [y], outs: [x]}\n  b: {cmd: "true", deps: [x], outs: [y]}\n' >p/trigline.yaml
expect 3 "cycle|circle" "$t" run -q --project p
printf 'stages:\n  a: {run: trane}\n' >p/trigline.yaml
expect 3 "did you mean 'train'" "$t" run -q --project p
printf 'stages:\n  a: {cmd: "true", deps: [no_such_file]}\n' >p/trigline.yaml
expect 3 "no_such_file" "$t" run -q --project p

# ---- stores ----
expect 3 "not a store" "$t" store list -s p
expect 3 "trigline" "$t" store verify -s nowhere

echo "$n cases of bad input, $failed failed"
[ "$failed" = 0 ]
