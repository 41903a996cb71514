#!/bin/sh
# docs/commands.md and the man pages come from the command table: the committed page is what the table says, every
# page formats without a warning, and help answers for every verb.
set -u
t=${TGL_COMMAND:?}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failures=0
bad() { echo "FAILED: $1"; failures=$((failures + 1)); }

"$t" help --markdown >"$dir/commands.md" || bad "help --markdown: exit code $?"
diff -u "$TGL_SOURCE_DIR/docs/commands.md" "$dir/commands.md" ||
    bad "docs/commands.md is behind: trigline help --markdown > docs/commands.md"
[ "$(grep -c '^## trigline ' "$dir/commands.md")" -ge 10 ] || bad "fewer than ten commands"

mkdir "$dir/man"
"$t" help --man "$dir/man" || bad "help --man: exit code $?"
for noun in $(sed -n 's/^## trigline //p' "$dir/commands.md"); do
    page=$dir/man/trigline-$noun.1
    [ -s "$page" ] || { bad "no man page for $noun"; continue; }
    "$t" help "$noun" >"$dir/out" 2>&1 || bad "help $noun"
    "$t" "$noun" --help >"$dir/out2" 2>&1 || bad "$noun --help"
    cmp -s "$dir/out" "$dir/out2" || bad "help $noun and $noun --help differ"
    grep -q "\`$noun\`\|trigline-$noun\|trigline\\\\-$noun" "$dir/man/trigline.1" || bad "trigline.1 does not name $noun"
done
# every verb has a page of help
sed -n 's/^### trigline //p' "$dir/commands.md" | while read -r noun verb; do
    "$t" help "$noun" "$verb" | grep -q "^usage: trigline $noun $verb" || echo "$noun $verb"
done >"$dir/missing"
[ -s "$dir/missing" ] && bad "no help for: $(cat "$dir/missing")"

if command -v groff >/dev/null; then
    for page in "$dir"/man/*.1; do
        groff -man -Tutf8 -ww -z "$page" 2>"$dir/warnings"
        [ -s "$dir/warnings" ] && { bad "$(basename "$page"): $(head -3 "$dir/warnings")"; }
    done
elif [ "${TGL_REQUIRE_SHARED:-0}" = 1 ]; then
    bad "groff is not installed"
else
    echo "groff is not installed: the man pages are not checked"
fi

"$t" help nonsense >"$dir/out" 2>"$dir/err"
[ $? = 2 ] || bad "help nonsense is wrong usage"
"$t" help --man "$dir/nowhere/x" 2>"$dir/err"
[ $? = 3 ] || bad "help --man into nowhere is a failure"
grep -q nowhere "$dir/err" || bad "the message names the file"

# doctor
"$t" doctor >"$dir/out" || bad "doctor"
for part in HDF5 lz4 lzma xxhash libdeflate zstd DuckDB root npz; do
    grep -qw "$part" "$dir/out" || bad "doctor says nothing of $part"
done
"$t" doctor --json >"$dir/doctor.json" || bad "doctor --json"
if command -v python3 >/dev/null; then
    python3 -m json.tool "$dir/doctor.json" >/dev/null || bad "doctor --json is no JSON"
elif [ "${TGL_REQUIRE_SHARED:-0}" = 1 ]; then
    bad "python3 is not installed"
fi
TGL_DUCKDB=/nowhere/libduckdb.so "$t" doctor >"$dir/out"
grep -q "DuckDB.*missing.*fetch-duckdb" "$dir/out" || bad "doctor says how to get DuckDB"

[ $failures = 0 ] && echo "commands: good"
exit $((failures > 0))
