#!/bin/sh
# `firmware synth` with the real Yosys on a small program: in paths with blanks and quotes, into a folder that is
# kept, and as a stage; nothing is written beside the sources.
set -u
t=${TGL_COMMAND:?}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failures=0
bad() { echo "FAILED: $1"; failures=$((failures + 1)); }
if ! command -v yosys >/dev/null; then
    echo "skipped: yosys is not installed"
    [ "${TGL_REQUIRE_SHARED:-0}" = 1 ] && exit 1
    exit 77
fi
# a folder that Yosys' scripts could not name
work="$dir/with blanks and 'quotes'"
mkdir -p "$work/model" && cd "$work" || exit 1
cat >model/graph.json <<'JSON'
{"format": "trigline.graph", "version": 1, "name": "small",
 "nodes": [
  {"name": "x", "op": "input", "inputs": [], "n_element": 2, "out": ["fixed<6,3>"]},
  {"name": "dense", "op": "dense", "inputs": ["x"], "n_element": 2, "out": ["fixed<9,5,RND,SAT>"],
   "weights": [[3, -5], [7, 2]], "weight_type": "fixed<5,3>", "bias": [1, -2], "bias_type": "fixed<6,4>",
   "term": "fixed<14,9>", "acc": "fixed<14,9>", "term_exact": false, "slots": ["bias"]}],
 "outputs": [{"name": "y", "node": "dense"}]}
JSON
"$t" model import model/graph.json model/out.json --program model/program.tglp 2>err || bad "import: $(cat err)"
"$t" firmware build model/program.tglp "fw dir" >out 2>err || bad "build: $(cat err)"
ls "fw dir" >before
"$t" firmware synth "fw dir" --keep "kept here" --json >one.json 2>err || bad "synth --keep: $(cat err)"
grep -q '"lut" *: *[1-9]' one.json || bad "no LUTs: $(cat one.json)"
[ -s "kept here/stat.txt" ] || bad "stat.txt is not kept"
ls "fw dir" | cmp -s - before || bad "something is left among the sources: $(ls "fw dir")"

cat >trigline.yaml <<'YAML'
stages:
  lower:
    run: lower
    deps: {graph: model/graph.json}
    outs: {program: program.tglp, payload: payload.tgls}
  firmware:
    run: firmware
    deps: {program: program.tglp, payload: payload.tgls}
    outs: {firmware: firmware}
  synth:
    run: synth
    deps: {firmware: firmware, program: program.tglp, payload: payload.tgls}
    metrics: {resources: resources.json}
YAML
"$t" run >out 2>err || bad "run: $(cat err)"
grep -q '"lut" *: *[1-9]' resources.json || bad "no LUTs: $(cat resources.json)"
grep -q yosys resources.json || bad "Yosys is not named: $(cat resources.json)"
[ "$failures" = 0 ]
