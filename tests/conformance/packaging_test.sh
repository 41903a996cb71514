# The packaging of libtrigline-run: the spec file parses, lints without errors and builds; the RPMs hold what they should;
# the SCRAM tool file is well-formed and names what the RPM installs. Skipped where rpm is absent (tools/packages.txt).
set -eu
source=$TGL_SOURCE_DIR
spec=$source/packaging/trigline-run.spec
skip() {
    echo "skipped: $1"
    [ "${TGL_REQUIRE_SHARED:-}" = 1 ] && exit 1
    exit 77
}
command -v rpmbuild >/dev/null && command -v rpmlint >/dev/null || skip "no rpmbuild or rpmlint (packages rpm, rpmlint)"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
version=$(sed -n 's/^project(trigline VERSION \([0-9.]*\).*/\1/p' "$source/CMakeLists.txt")
grep -q "^Version: *$version\$" "$spec" || { echo "the spec's version is not $version"; exit 1; }
rpmspec -P "$spec" >"$work/parsed"
rpmlint "$spec" >"$work/lint" 2>&1 || { cat "$work/lint"; exit 1; }
grep -q ' 0 errors' "$work/lint" || { cat "$work/lint"; exit 1; }

mkdir -p "$work/SOURCES" "$work/trigline-$version/plugins"
cp -r "$source/CMakeLists.txt" "$source/LICENSE" "$source/cmake" "$source/include" "$source/src" "$work/trigline-$version"
cp -r "$source/plugins/cmssw" "$work/trigline-$version/plugins"
tar -C "$work" -czf "$work/SOURCES/trigline-$version.tar.gz" "trigline-$version"
CCACHE_DISABLE=1 rpmbuild -bb --nodeps --define "_topdir $work" --define "_dbpath $work/db" --define "debug_package %{nil}" "$spec" \
    >"$work/log" 2>&1 || { tail -30 "$work/log"; exit 1; }
list() {
    rpm -qlp --dbpath "$work/db" "$work"/RPMS/*/"$1"
}
list "trigline-run-$version-*.rpm" >"$work/run"
list "trigline-run-devel-$version-*.rpm" >"$work/devel"
grep -q "/libtrigline-run.so.0\$" "$work/run" || { cat "$work/run"; echo "no library in the RPM"; exit 1; }
for file in base.h fixed.h run.h run.hpp hls4ml_plugin.hpp hls4ml_emulator.hpp; do
    grep -q "/trigline/$file\$" "$work/devel" || { cat "$work/devel"; echo "no $file in the devel RPM"; exit 1; }
done
rpm -qp --dbpath "$work/db" --requires "$work"/RPMS/*/trigline-run-$version-*.rpm >"$work/requires"
if grep -vE '^(libc\.so|ld-linux|rtld\(|rpmlib\(|/sbin/ldconfig)' "$work/requires"; then
    echo "the RPM requires more than the C library"
    exit 1
fi

python3 - "$source/packaging/trigline-run.xml" <<'EOF'
import sys, xml.etree.ElementTree as xml
tool = xml.parse(sys.argv[1]).getroot()
assert tool.tag == "tool" and tool.get("name") == "trigline-run"
assert [lib.get("name") for lib in tool.findall("lib")] == ["trigline-run"]
assert {e.get("name") for e in tool.find("client")} == {"TRIGLINE_RUN_BASE", "LIBDIR", "INCLUDE"}
EOF
echo "trigline-run $version: $(wc -l <"$work/run") files, devel $(wc -l <"$work/devel")"
