#!/usr/bin/env bash
# Installs what is missing on a Debian machine that has Go and Node. Quick when nothing is missing; never starts a
# service. usage: setup.sh run|bench|test|suites
#   run    what `make run` needs: PostgreSQL, MariaDB, Redis and OpenSSH with their clients, the web's packages
#   bench  what `make bench` needs: that, pgbouncer and haproxy
#   test   what `make test` needs: that, a C compiler for the race detector, a browser, pgaudit, Java and Maven for OpenSearch,
#          strace, iproute2 for tests with several hosts, rsync and git as what people run over SSH, an X server without a screen
#   suites what `make test-suites` needs: what tests need, Python that can make environments, bzip2, MariaDB's own tests,
#          Tcl for Redis's, SSH clients of other makers, a Java compiler for those of the JVM
set -euo pipefail
cd "$(dirname "$0")/.."

group=${1:-}
missing=()

# want PACKAGE PROGRAM...: PACKAGE is missing when none of the programs is there.
want() {
    local package=$1 program
    shift
    for program in "$@"; do
        if command -v "$program" >/dev/null || compgen -G "$program" >/dev/null; then
            return
        fi
    done
    missing+=("$package")
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "setup: not root, and there is no sudo; as root, run: $*" >&2
        exit 1
    fi
}

# install_packages installs $missing. While it runs, a policy forbids that a package starts its service, and
# postgresql-common is told to make no cluster of its own.
install_packages() {
    if ! command -v apt-get >/dev/null; then
        echo "setup: please install by hand (this is no Debian): ${missing[*]}" >&2
        exit 1
    fi
    echo "setup: installing ${missing[*]}"
    as_root env GROUP_PACKAGES="${missing[*]}" DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 sh -eu -c '
        policy=/usr/sbin/policy-rc.d
        if [ ! -e $policy ]; then
            trap "rm -f $policy" EXIT
            printf "#!/bin/sh\nexit 101\n" >$policy
            chmod +x $policy
        fi
        if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
            mkdir -p /etc/postgresql-common
            echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
        fi
        log=$(mktemp)
        if ! { apt-get update -qq &&
            apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold $GROUP_PACKAGES
        } >"$log" 2>&1; then
            cat "$log" >&2
            exit 1
        fi
        rm -f "$log"
    '
}

for tool in go node npm; do
    if ! command -v "$tool" >/dev/null; then
        echo "setup: $tool is not installed; Sallyport is built with Go 1.26 and Node 20.19 or newer" >&2
        exit 1
    fi
done

case $group in
run | test | bench | suites) ;;
*)
    echo "usage: setup.sh run|bench|test|suites" >&2
    exit 2
    ;;
esac
want postgresql '/usr/lib/postgresql/*/bin/postgres' postgres
want postgresql-client psql
want mariadb-server /usr/sbin/mariadbd mariadbd
want mariadb-client mariadb
want redis-server redis-server
want redis-tools redis-cli
want openssh-client ssh
want openssh-server /usr/sbin/sshd sshd
want openssh-sftp-server /usr/lib/openssh/sftp-server
want ca-certificates /etc/ssl/certs/ca-certificates.crt
if [ "$group" != run ]; then
    want xauth xauth
    want postgresql-contrib '/usr/lib/postgresql/*/bin/pgbench' pgbench
    want pgbouncer /usr/sbin/pgbouncer pgbouncer
    want haproxy /usr/sbin/haproxy haproxy
fi
if [ "$group" = suites ]; then
    want python3-venv '/usr/lib/python3*/ensurepip' '/usr/lib/python3.*/ensurepip/__init__.py'
    want bzip2 bzip2
    want mariadb-test /usr/share/mysql/mysql-test/mariadb-test-run.pl
    want tcl tclsh
    want make make
    want putty-tools plink
    want dropbear-bin dbclient
    want default-jdk-headless javac
fi
if [ "$group" = test ] || [ "$group" = suites ]; then
    want gcc gcc cc
    want libc6-dev /usr/include/stdlib.h
    want chromium chromium
    want strace strace
    want iproute2 ip /sbin/ip
    want rsync rsync
    want git git
    want xvfb Xvfb
    want x11-utils xdpyinfo
    # OpenSearch comes from Maven Central and runs on Java.
    want maven mvn
    want default-jre-headless java
    want unzip unzip
fi
if [ ${#missing[@]} -gt 0 ]; then
    install_packages
fi
if [ "$group" = test ]; then
    # pgaudit is packaged for each major version of PostgreSQL, which is known by now.
    missing=()
    for library in /usr/lib/postgresql/*/lib; do
        want "postgresql-$(basename "$(dirname "$library")")-pgaudit" "$library/pgaudit.so"
    done
    if [ ${#missing[@]} -gt 0 ]; then
        install_packages
    fi
fi

# npm notes in this file what it has installed; a lock file that is newer means a change since.
if [ ! web/node_modules/.package-lock.json -nt web/package-lock.json ]; then
    echo "setup: installing the web's packages"
    (cd web && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund --loglevel=error)
    touch web/node_modules/.package-lock.json
fi
