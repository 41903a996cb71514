# trigline model: import, info, run, diff, by what they print and how they exit.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0
source=${TGL_SOURCE_DIR:?}
network=$source/fuzz/corpus/fuzz_l1json/small.json
# expect CODE PATTERN COMMAND...: exit code, and a line on stdout or stderr
expect() {
    code=$1 pattern=$2
    shift 2
    "$@" >"$work/said" 2>&1
    found=$?
    if [ $found != "$code" ]; then
        echo "expected exit $code, found $found: $*"
        cat "$work/said"
        bad=1
    elif ! grep -q -- "$pattern" "$work/said"; then
        echo "expected '$pattern' from: $*"
        cat "$work/said"
        bad=1
    fi
}
tool=${TGL_COMMAND:?}
expect 2 "name one of 'halved', 'firmware', 'unscaled', found none" "$tool" model import "$network" "$work/g.json"
[ ! -e "$work/g.json" ] || { echo "a refused import left a file"; bad=1; }
expect 0 "wrote" "$tool" model import "$network" "$work/g.json" --variant halved --program "$work/p.tglp"
expect 0 "wrote" "$tool" model import "$work/g.json" "$work/again.json"
cmp "$work/g.json" "$work/again.json" || bad=1
expect 0 "inputs by axol1tl/halved@2" "$tool" model info "$work/g.json"
expect 0 '"convention":"axol1tl/halved@2"' "$tool" model info "$work/g.json" --json
expect 0 "equal: 10000 events, 0 differ" "$tool" model diff "$work/g.json" "$work/again.json"
expect 0 "equal: 500 events, 0 differ" "$tool" model diff "$work/g.json" "$work/p.tglp" --events 500
sed 's/"bias":\[\(-*[0-9]*\),/"bias":[31,/' "$work/g.json" >"$work/other.json"
expect 1 "layer dense_1: bias 0: -*[0-9]* against 31" "$tool" model diff "$work/g.json" "$work/other.json"
expect 1 "first difference: event 0, layer dense_1" "$tool" model diff "$work/g.json" "$work/other.json"
expect 1 '"equal":false' "$tool" model diff "$work/g.json" "$work/other.json" --json
expect 1 "accumulator (AFFINE)" "$tool" model diff "$work/other.json" "$work/p.tglp"
head -c 700 "$work/g.json" >"$work/cut.json"
expect 3 "cut.json" "$tool" model info "$work/cut.json"
head -c 100 "$work/p.tglp" >"$work/cut.tglp"
expect 3 "trigline:" "$tool" model diff "$work/g.json" "$work/cut.tglp"
expect 3 "No such file" "$tool" model info "$work/absent.json"
expect 2 "" "$tool" model run "$work/g.json"
# a payload belongs to one program, even where another has the same slots
cat >"$work/trigline.yaml" <<'YAML'
stages:
  a: {run: lower, deps: {graph: g.json}, outs: {program: a.tglp, payload: a.tgls}}
  b: {run: lower, deps: {graph: other.json}, outs: {program: b.tglp, payload: b.tgls}}
  good: {run: vectors, with: {random: 10}, deps: {program: a.tglp, payload: a.tgls, graph: g.json}, outs: {vectors: a.npz}}
  bad: {run: vectors, with: {random: 10}, deps: {program: a.tglp, payload: b.tgls, graph: g.json}, outs: {vectors: b.npz}}
YAML
expect 0 "3 run" "$tool" run -C "$work" good b
expect 3 "b.tgls.*the payload was made for another program" "$tool" run -C "$work" bad
expect 3 "the payload was made for another program.*b.tgls" "$tool" firmware build "$work/a.tglp" "$work/fw" --payload "$work/b.tgls"
[ ! -e "$work/fw" ] || { echo "a refused build left a folder"; bad=1; }
# a dataset that lacks the columns it may lack (L1Jet_bx and the like)
expect 0 "wrote" "$tool" model run "$work/g.json" "$source/examples/data/crossings.npz" --out "$work/o.npz"
# exports for the frameworks, from a model and from a package
expect 0 "wrote" "$tool" model export "$work/g.json" "$work/g.tglr" --name Model_v1 --model-version 3
expect 0 "Model_v1" "$tool" model info "$work/g.tglr"
expect 0 '"version":"3","convention":"axol1tl/halved@2"' "$tool" model info "$work/g.tglr" --json
head -c 300 "$work/g.tglr" >"$work/cut.tglr"
expect 3 "cut.tglr: byte .*: truncated" "$tool" model info "$work/cut.tglr"
expect 2 "expected a format to export to" "$tool" model export "$work/g.json" "$work/g.out"
expect 2 "expected inputs of one type" "$tool" model export "$work/g.json" "$work/plugin" --as plugin
[ ! -e "$work/plugin" ] || { echo "a refused export left a folder"; bad=1; }
expect 3 "the payload was made for another program" "$tool" model export "$work/g.json" "$work/p.tglr" --payload "$work/b.tgls"
cat >>"$work/trigline.yaml" <<'YAML'
  pack: {run: package, with: {name: small}, deps: {members: {graph.json: g.json, program.tglp: a.tglp, payload.tgls: a.tgls}},
         outs: {package: package.json}}
YAML
expect 0 "1 run" "$tool" run -C "$work" pack
expect 0 "wrote" "$tool" model export --package small "$work/small.tglr" --store "$work/.trigline"
package=$(sed -n 's/.*"digest":"\(sha256:[0-9a-f]*\)".*/\1/p' "$work/package.json")
expect 0 "package  *$package" "$tool" model info "$work/small.tglr"
expect 3 "no package" "$tool" model export --package absent "$work/absent.tglr" --store "$work/.trigline"
# a dataset through the convention, when the deployed network's files are there
vectors=${TGL_SHARED_DIR:-}/testdata/l1/ugt_2025_v1_0_1_data.txt
if [ -e "$vectors" ]; then
    expect 0 "wrote" "$tool" model run "$work/g.json" "$vectors" --out "$work/o.npz"
    expect 0 "3564 rows" "$tool" data info "$work/o.npz"
    expect 0 '"events":7,' "$tool" model run "$work/g.json" "$vectors" --begin 3 --end 10 --json
    expect 0 "equal: 3564 events, 0 differ" "$tool" model diff "$work/g.json" "$work/again.json" --data "$vectors"
else
    echo "skipped: the part that needs $vectors"
    [ "${TGL_REQUIRE_SHARED:-0}" = 1 ] && bad=1
fi
[ $bad = 0 ] && echo "model: as documented"
exit $bad
