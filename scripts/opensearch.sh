#!/bin/sh
# Gets the OpenSearch (or Elasticsearch) that the tests run, with Maven, into the cache: once a machine, about 60 MB.
# It needs a Java 17 runtime, maven and unzip (Debian: openjdk-17-jre-headless maven unzip). Prints the directory on
# stdout. A second caller waits for the first.
# usage: opensearch.sh [opensearch|elasticsearch [DIRECTORY]]
set -eu

kind=${1:-opensearch}
case $kind in
opensearch) version=2.19.0 group=org.opensearch.distribution.integ-test-zip ;;
elasticsearch) version=7.17.28 group=org.elasticsearch.distribution.integ-test-zip ;;
*)
    echo "usage: opensearch.sh [opensearch|elasticsearch [DIRECTORY]]" >&2
    exit 2
    ;;
esac
out=${2:-${XDG_CACHE_HOME:-$HOME/.cache}/sallyport/servers/$kind-$version}

for tool in java mvn unzip flock; do
    if ! command -v $tool >/dev/null; then
        echo "opensearch.sh: $tool is missing; on Debian: apt-get install openjdk-17-jre-headless maven unzip" >&2
        exit 1
    fi
done
mkdir -p "$out"
exec 9>"$out/.lock"
flock 9

if [ ! -x "$out/server/bin/$kind" ]; then
    echo "getting $kind $version into $out, once" >&2
    fresh=$(mktemp -d "$out/.fresh.XXXXXX")
    trap 'rm -rf "$fresh"' EXIT
    trap 'exit 1' HUP INT TERM
    mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
        -Dartifact="$group:$kind:$version:zip" -DoutputDirectory="$fresh" >&2
    unzip -q "$fresh/$kind-$version.zip" -d "$fresh"
    chmod -R a+rX "$fresh/$kind-$version"
    mv "$fresh/$kind-$version" "$out/server"
fi
echo "$out"
