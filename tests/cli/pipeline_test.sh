#!/bin/sh
# The pipeline by its command: nothing twice, only what changed, on where it stopped, nothing half-written.
set -u
t=${TGL_COMMAND:?}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failures=0
bad() { echo "FAILED: $1"; failures=$((failures + 1)); }
# expect CODE COMMAND...: run it, keep stdout in out and stderr in err
expect() {
    want=$1
    shift
    "$@" >out 2>err
    got=$?
    [ "$got" = "$want" ] || { bad "$*: exit code $got, expected $want"; cat out err; }
}
has() { grep -q -- "$2" "$1" || { bad "no '$2' in $1"; cat "$1"; }; }
lines() { [ "$(wc -l <"$1")" = "$2" ] || { bad "$1: expected $2 lines"; cat "$1"; }; }
ran() { grep -c '"outcome": "ran"' out; }

cat >trigline.yaml <<'YAML'
catalog:
  raw: {type: text, filepath: in.txt}
params:
  train: {lr: 0.1, seed: 3}
  unused: 1
  names: [a, b]
stages:
  prepare:
    cmd: echo prepare >> ran.log; tr x y < in.txt > work/prep.txt
    deps: raw
    outs: [work/prep.txt]
  train:
    cmd:
      - echo train >> ran.log
      - mkdir -p work/model && echo ${train.lr} > work/model/w && echo '{"loss":0.25}' > work/metrics.json
    deps: [work/prep.txt]
    params: [train.seed]
    outs: [work/model]
    metrics: [work/metrics.json]
  each:
    foreach: ${names}
    do:
      cmd: echo ${item} | cat - work/model/w > work/${item}.txt
      deps: [work/model]
      outs: ["work/${item}.txt"]
  pack:
    run: package
    with: {name: demo}
    deps: {members: {model: work/model, a.txt: work/a.txt, b.txt: work/b.txt}}
    outs: {package: package.json}
YAML
echo xx >in.txt

# a run, then nothing
expect 0 "$t" run --json
[ "$(ran)" = 5 ] || bad "the first run runs everything"
package=$(sed -n 's/.*"package": "\(.*\)".*/\1/p' out)
expect 0 "$t" run
has out "nothing to be done"
lines ran.log 2

# a parameter: only what depends on it
expect 0 "$t" run --set train.lr=0.2 --json
[ "$(ran)" = 4 ] || bad "a parameter reruns train, each, pack only"
[ "$(grep -c prepare ran.log)" = 1 ] || bad "prepare ran again"
expect 0 "$t" run --set unused=2 --set train.lr=0.2
has out "nothing to be done"
# back again: everything comes from the store, with the same package
expect 0 "$t" run --json
[ "$(ran)" = 0 ] || bad "the old parameter's outputs are restored, not made"
has out "\"package\": \"$package\""
[ "$(cat work/model/w)" = 0.1 ] || bad "restored bytes"
expect 2 "$t" run --set train.lt=1
has err "train.lt"

# a touched input is no change; a changed one is; a lost output is restored
touch in.txt
expect 0 "$t" run
has out "nothing to be done"
rm -r work/model
expect 0 "$t" status
has out "restorable"
expect 0 "$t" run --json
[ "$(ran)" = 0 ] || bad "a lost output is restored"

# what the user put at an output path is not removed: not by a restore, a run, or a stage new to the file
refused() { # FILE STAGE: one line that names both and the way out; status says so too
    expect 3 "$t" run
    has err "stage '$2': output '$1' was changed or put there by hand.*move it away.*--force $2"
    [ "$(grep -c '^trigline: ' err)" = 1 ] || { bad "one line: $1"; cat err; }
    expect 0 "$t" status
    has out "blocked.*'$1' was changed or put there by hand"
}
echo zz >work/prep.txt
refused work/prep.txt prepare
[ "$(cat work/prep.txt)" = zz ] || bad "a changed output is lost to a restore"
expect 0 "$t" run --force prepare
[ "$(cat work/prep.txt)" = yy ] || bad "--force replaces a changed output"
echo mine >work/model/notes.txt
refused work/model train
[ "$(cat work/model/notes.txt)" = mine ] || bad "a file in an output directory is lost"
rm work/model/notes.txt
expect 0 "$t" run
has out "nothing to be done"
echo mine >work/a.txt
expect 3 "$t" run --set train.lr=0.3
[ "$(cat work/a.txt)" = mine ] || bad "a changed output is lost to a run"
rm work/a.txt
rm .trigline/index.sqlite*
expect 0 "$t" run --set train.lr=0.1 # what a run wrote is known from the blobs alone
[ "$(cat work/model/w)" = 0.1 ] || bad "outputs of another parameter are ours too"
mkdir o && cd o || exit 1
echo mine >o.txt
echo 'stages: {s: {cmd: "echo made > o.txt", outs: [o.txt]}}' >trigline.yaml
refused o.txt s
[ "$(cat o.txt)" = mine ] || bad "a file of before the first run is lost"
mkfifo p.txt
echo 'stages: {s: {cmd: "echo made > p.txt", outs: [p.txt]}}' >trigline.yaml
expect 3 timeout 10 "$t" run
has err "p.txt.*expected a file or directory"
# a killed run's half-written output is not the user's: the next run goes on
cat >trigline.yaml <<'YAML'
stages: {s: {cmd: "echo $$ > pid; echo half > k.txt; test -e fast || exec sleep 60", outs: [k.txt]}}
YAML
"$t" run >out 2>err &
pid=$!
i=0
while [ ! -e k.txt ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i + 1)); done
kill -KILL $pid "$(cat pid)"
wait $pid
[ "$(cat k.txt)" = half ] || bad "a killed run leaves what it had"
expect 0 "$t" status
has out "out of date"
: >fast
expect 0 "$t" run --json
[ "$(ran)" = 1 ] || bad "a killed run goes on"
[ -z "$(ls .trigline/running)" ] || bad "a finished stage is still marked"
echo mine >k.txt
refused k.txt s
cd ..
echo xxx >in.txt
expect 0 "$t" status
has out "input 'in.txt' changed"
expect 0 "$t" run -j 3 --json
[ "$(ran)" = 5 ] || [ "$(ran)" = 2 ] || bad "a changed input reruns"
expect 0 "$t" run --force prepare --json
[ "$(ran)" = 1 ] || bad "--force runs the named stage"

# records hang on the package; the store verifies
expect 0 "$t" store show demo --json
has out '"step": "train"'
has out '"step": "pack"'
expect 0 "$t" store verify
has out "0 problems"

# failure: nothing left, a log, and on from there
mkdir f && cd f || exit 1
cat >trigline.yaml <<'YAML'
stages:
  one: {cmd: "echo 1 > one.txt; echo one >> ran.log", outs: [one.txt]}
  two:
    cmd: "echo half > two.txt; test -e fixed || { echo the reason >&2; exit 7; }"
    deps: [one.txt]
    outs: [two.txt]
  three: {cmd: "cp two.txt three.txt", deps: [two.txt], outs: [three.txt]}
YAML
expect 3 "$t" run
has err "stage 'two'.*exit code 7.*the reason"
lines ../err 1 2>/dev/null || true
[ -e two.txt ] && bad "a failed stage leaves an output"
: >fixed
expect 0 "$t" run --json
[ "$(ran)" = 2 ] || bad "it goes on where it stopped"
lines ran.log 1
cd ..

# Ctrl-C: stops soon, leaves nothing, goes on
mkdir c && cd c || exit 1
cat >trigline.yaml <<'YAML'
stages:
  quick: {cmd: "echo 1 > q.txt", outs: [q.txt]}
  slow: {cmd: "echo half > s.txt; test -e fast || sleep 60", deps: [q.txt], outs: [s.txt]}
YAML
"$t" run >first.out 2>first.err &
pid=$!
i=0
while [ ! -e s.txt ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i + 1)); done
expect 3 "$t" run
has err "another run is under way"
kill -TERM $pid
wait $pid
[ $? = 130 ] || bad "a stopped run answers 130"
[ -e s.txt ] && bad "a stopped stage leaves an output"
: >fast
expect 0 "$t" run --json
[ "$(ran)" = 1 ] || bad "a stopped run goes on"
cd ..

# Ctrl-C in the built-in stages: training in our own threads, simulation in outside programs
mkdir b && cd b || exit 1
cat >trigline.yaml <<'YAML'
catalog:
  jets: {type: root, filepath: jets.root, load_args: {tree: Jets}}
params:
  train:
    {template: jet-tagger, epochs: 1, batch: 4096, hidden: [4], patience: 0,
     inputs: {label: label, classes: [g, q, w, z, t]}}
stages:
  rows: {run: convert, with: {end: 20000}, deps: [jets], outs: [rows.npz]}
  train:
    run: train
    with: {config: "${train}"}
    deps: {data: rows.npz}
    outs: {graph: model/graph.json, history: model/history.json}
  lower:
    run: lower
    deps: {graph: model/graph.json}
    outs: {program: model/program.tglp, payload: model/payload.tgls}
  vectors:
    run: vectors
    with: {data: 50, random: 50}
    deps: {program: model/program.tglp, payload: model/payload.tgls, graph: model/graph.json, data: rows.npz}
    outs: {vectors: model/vectors.npz}
  firmware:
    run: firmware
    deps: {program: model/program.tglp, payload: model/payload.tgls}
    outs: {firmware: firmware}
  simulate:
    run: simulate
    with: {events: 200}
    deps: {firmware: firmware, program: model/program.tglp, payload: model/payload.tgls, vectors: model/vectors.npz}
    metrics: {simulation: results/simulation.json}
YAML
cp "${TGL_SOURCE_DIR:?}/examples/data/jets.root" . || exit 1
# interrupt WORD ARGUMENT...: a run, stopped by Ctrl-C's signal a second after WORD came up on its stderr
interrupt() {
    word=$1
    shift
    "$t" run "$@" >out 2>err &
    pid=$!
    i=0
    while ! grep -q "^$word" err && [ $i -lt 600 ]; do sleep 0.1; i=$((i + 1)); done
    grep -q "^$word" err || bad "no '$word' within a minute"
    sleep 1
    began=$(date +%s)
    kill -INT $pid
    wait $pid
    got=$?
    [ $got = 130 ] || { bad "stopped in $word: exit code $got, expected 130"; cat err; }
    [ $(($(date +%s) - began)) -le 15 ] || bad "stopping in $word takes more than 15 seconds"
    [ "$(grep -c '^trigline: ' err)" = 1 ] || { bad "stopped in $word: one line"; cat err; }
    find . -name '*.tmp*' | grep -q . && bad "stopped in $word: $(find . -name '*.tmp*')"
    left=$(ls -A .trigline/tmp .trigline/scratch 2>/dev/null | grep -v '^\.trigline\|^$')
    [ -z "$left" ] || bad "stopped in $word: $left is left"
    expect 0 "$t" store verify
}
interrupt train --to train --set train.epochs=100000
[ -e model ] && [ -n "$(ls model)" ] && bad "stopped training leaves $(ls model)"
if command -v verilator >/dev/null; then
    interrupt simulate
    [ -e results/simulation.json ] && bad "a stopped simulation leaves an output"
    if command -v pgrep >/dev/null; then
        pgrep -f "$dir/b/" >/dev/null && bad "outside programs still run: $(pgrep -af "$dir/b/")"
    elif [ "${TGL_REQUIRE_SHARED:-0}" = 1 ]; then
        bad "pgrep is not installed"
    fi
    expect 0 "$t" run --json
    [ "$(ran)" = 1 ] || bad "after a stopped simulation only that stage runs"
    grep -q '"n_different": 0' results/simulation.json || bad "the simulation agrees: $(cat results/simulation.json)"
else
    echo "verilator is not installed: the simulation is not stopped"
    [ "${TGL_REQUIRE_SHARED:-0}" = 1 ] && bad "verilator is not installed"
    expect 0 "$t" run --to firmware --json
    [ "$(ran)" = 4 ] || bad "after a stopped training the rest runs"
fi
expect 0 "$t" run
cd ..

# mistakes: one clear line, the right exit code
mkdir e && cd e || exit 1
try() { # CODE TEXT, the file on stdin
    cat >trigline.yaml
    expect "$1" "$t" run
    has err "$2"
    [ "$(grep -c '^trigline: ' err)" = 1 ] || bad "one line: $2"
}
try 3 "output 'x.txt' was not written" <<'YAML'
stages: {s: {cmd: "true", outs: [x.txt]}}
YAML
try 3 "input 'no.txt' is missing and no stage makes it" <<'YAML'
stages: {s: {cmd: "true", deps: [no.txt]}}
YAML
try 3 "trigline.yaml:4.*unknown key 'dep'.*did you mean 'deps'" <<'YAML'
stages:
  s:
    cmd: "true"
    dep: [a]
YAML
try 3 "unknown key 'stage'.*did you mean 'stages'" <<'YAML'
stage: {}
YAML
try 3 "in a circle: 'a' needs 'b' needs 'a'" <<'YAML'
stages:
  a: {cmd: "true", deps: [b.txt], outs: [a.txt]}
  b: {cmd: "true", deps: [a.txt], outs: [b.txt]}
YAML
try 3 "overlaps" <<'YAML'
stages:
  a: {cmd: "true", outs: [d]}
  b: {cmd: "true", outs: [d/x]}
YAML
try 3 "no built-in stage 'trian'.*did you mean 'train'" <<'YAML'
stages: {s: {run: trian}}
YAML
try 3 "trigline.yaml:1: stage name '..'.*no dot in front" <<'YAML'
stages: {"..": {run: package, deps: {members: {a: trigline.yaml}}, outs: {package: p.json}}}
YAML
try 3 "no parameter 'seeed'.*did you mean 'seed'" <<'YAML'
params: {seed: 1}
stages: {s: {cmd: "echo ${seeed}"}}
YAML
try 3 "expected a path inside the project" <<'YAML'
stages: {s: {cmd: "true", outs: [../x]}}
YAML
try 3 "trigline.yaml:2" <<'YAML'
stages:
	s: {}
YAML
expect 2 "$t" run -C .. nothing-of-the-kind
rm trigline.yaml
expect 3 "$t" run
has err "trigline.yaml"
cd ..
expect 2 "$t" run tarin
has err "did you mean 'train'"

# a full disk (a file size limit stands for it): a clear line, nothing left, then on
mkdir d && cd d || exit 1
cat >trigline.yaml <<'YAML'
stages: {big: {cmd: "head -c 3000000 /dev/zero > big.bin", outs: [big.bin]}}
YAML
(ulimit -f 1000; "$t" run >out 2>err)
[ $? = 3 ] || bad "a full disk is a failure"
[ "$(grep -c '^trigline: ' err)" = 1 ] || { bad "a full disk: one line"; cat err; }
[ -e big.bin ] && bad "a full disk leaves an output"
expect 0 "$t" run
expect 0 "$t" store verify
cd ..

# init
expect 0 "$t" init --template anomaly-trigger new
expect 0 "$t" graph -C new
has out digraph
expect 2 "$t" init --template empty new
has err "not empty"
expect 2 "$t" init --template jet-taggre other
has err "did you mean 'jet-tagger'"
[ -e other ] && bad "a refused init makes nothing"
expect 0 "$t" init other
expect 0 "$t" run -C other

[ $failures = 0 ] && echo "pipeline: good"
exit $((failures > 0))
