#!/bin/sh
# skopeo reads the store as an OCI image layout and copies a package out of it, byte for byte.
set -eu
t=${TGL_COMMAND:?}
command -v skopeo >/dev/null || {
    echo "skopeo is not installed"
    [ "${TGL_REQUIRE_SHARED:-0}" = 1 ] && exit 1
    exit 77
}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >trigline.yaml <<'YAML'
stages:
  make: {cmd: "echo hello > a.txt", outs: [a.txt]}
  pack: {run: package, with: {name: demo}, deps: {members: [a.txt]}, outs: {package: package.json}}
YAML
"$t" run -q
digest=$(sed 's/.*"digest":"\([^"]*\)".*/\1/' package.json)
skopeo inspect --raw oci:.trigline:demo >raw.json
[ "sha256:$(sha256sum <raw.json | cut -d' ' -f1)" = "$digest" ]
skopeo copy -q oci:.trigline:demo oci:copy:demo
cmp "copy/blobs/sha256/${digest#sha256:}" ".trigline/blobs/sha256/${digest#sha256:}"
"$t" store verify --store copy
"$t" store show demo --store copy | grep -q a.txt
skopeo inspect --raw "oci:.trigline:sha256-${digest#sha256:}" | grep -q vnd.trigline.record
echo "skopeo: good"
