#!/usr/bin/env bash
# Gets the stores' own suites and drivers' own, at pinned versions, for `make test-suites`. Everything goes
# to the user's cache, and nothing is fetched twice. usage: suites.sh
set -euo pipefail

pgx=v5.7.6
pq=v1.10.9
psycopg2=2.9.13
asyncpg=0.32.0
pg8000=1.31.6
sqlalchemy=2.1.9
psycopg=3.3.9
gomysql=v1.9.3
pymysql=1.1.1
cryptography=50.0.2 # with which PyMySQL logs in at the native entrance
goredis=v9.17.3
redispy=5.2.1
mysqljs=2.18.1 # of Debian's node-mysql
mysql2=3.24.6
noderedis=6.3.1
ansible=2.18.19
paramiko=3.5.1
asyncssh=2.24.1
sshaudit=3.9.0
ssh2python=1.2.0.post1
nodessh2=1.17.0
jsch=2.27.7
sshj=0.40.0
mina=2.19.0

cache=${XDG_CACHE_HOME:-$HOME/.cache}/sallyport/suites
mkdir -p "$cache"
cd "$cache"

# once NAME VERSION FUNCTION: calls FUNCTION in an empty directory that becomes NAME, unless it stands there in that version.
once() {
    local name=$1 version=$2
    if [ "$(cat "$name.version" 2>/dev/null)" = "$version" ]; then
        return
    fi
    echo "suites: getting $name $version"
    rm -rf "$name" "$name.version" "$name.part"
    mkdir "$name.part"
    (cd "$name.part" && "$3" "$version")
    mv -T "$name.part" "$name"
    echo "$version" >"$name.version"
}

# source_packages makes $apt the options by which apt knows of source packages, in this directory alone.
source_packages() {
    local sources=$PWD/apt/deb-src.sources file
    mkdir -p apt/lists/partial
    for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
        if [ -s "$file" ]; then
            break
        fi
    done
    if [ "${file%.sources}" = "$file" ]; then
        sources=$PWD/apt/deb-src.list
    fi
    sed -E 's/^Types:.*/Types: deb-src/; s/^deb /deb-src /' "$file" >"$sources"
    apt=(-qq -o Dir::Etc::sourceparts=/dev/null -o "Dir::Etc::sourcelist=$sources" -o "Dir::State::lists=$PWD/apt/lists" -o APT::Sandbox::User=root)
    apt-get "${apt[@]}" update
}

# The tests are of the source package that the installed server was built from; where the archive no longer has that
# one, of another of the same major version. Headers come without installing the package, which wants a whole compiler.
get_regress() {
    local major=${1%%.*} wanted=$2 apt version headers module
    source_packages
    for version in "$wanted" $(apt-cache "${apt[@]}" showsrc "postgresql-$major" | sed -n 's/^Version: //p'); do
        if apt-get "${apt[@]}" source --download-only "postgresql-$major=$version" 2>>apt/log; then
            break
        fi
    done
    tar xjf "postgresql-$major"_*.orig.tar.bz2 --strip-components=1 --wildcards '*/src/test/regress' '*/contrib/spi'
    headers=$wanted
    apt-get download -qq -o APT::Sandbox::User=root "postgresql-server-dev-$major=$headers" 2>>apt/log ||
        apt-get download -qq -o APT::Sandbox::User=root "postgresql-server-dev-$major"
    dpkg -x postgresql-server-dev-"$major"_*.deb headers
    mkdir lib
    for module in src/test/regress/regress contrib/spi/refint contrib/spi/autoinc; do
        gcc -O1 -fPIC -shared -w -DREFINT_VERBOSE -I "headers/usr/include/postgresql/$major/server" -I headers/usr/include/postgresql/internal \
            -I src/test/regress -o "lib/${module##*/}.so" "$module.c"
    done
    mv src/test/regress/{sql,expected,data,resultmap,parallel_schedule} .
    ln -s "/usr/lib/postgresql/$major/lib/pgxs/src/test/regress/pg_regress" pg_regress
    rm -rf apt src contrib headers ./*.tar.* ./*.deb ./*.dsc
}

# Redis's tests log in by the environment, which the original cannot, wherever it is told a server with passwords.
get_redis() {
    local apt
    source_packages
    apt-get "${apt[@]}" source --download-only "redis=$1" 2>>apt/log || apt-get "${apt[@]}" source --download-only redis
    tar xzf redis_*.orig.tar.gz --strip-components=1 --wildcards '*/tests' '*/runtest'
    rm -rf apt redis_*
    cat >>tests/support/redis.tcl <<'TCL'

proc ::redis::login {fd} {
    if {[info exists ::env(REDIS_PASSWORD)]} {
        puts -nonewline $fd "AUTH $::env(REDIS_USER) $::env(REDIS_PASSWORD)\r\n"
        flush $fd
        gets $fd
    }
}
TCL
    sed -i -e '/^proc redis {/,/^}/ s/^    fconfigure \$fd -translation binary$/&\n    ::redis::login $fd/' \
        -e 's/^        set fd \$::redis::fd(\$id)$/&\n        ::redis::login $fd/' tests/support/redis.tcl
    [ "$(grep -c '::redis::login \$fd' tests/support/redis.tcl)" = 2 ]
}

# get_module MODULE VERSION copies a Go module, tests included, out of the read-only module cache.
get_module() {
    local dir
    dir=$(cd / && go mod download -json "$1@$2" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
    cp -r --no-preserve=mode "$dir/." .
}
get_pgx() { get_module github.com/jackc/pgx/v5 "$1"; }
get_pq() { get_module github.com/lib/pq "$1"; }
get_gomysql() { get_module github.com/go-sql-driver/mysql "$1"; }
# Its tests expect a server on a fixed port that lets everybody in; ours is told by the environment.
get_goredis() {
    get_module github.com/redis/go-redis/v9 "$1"
    sed -i 's/redisStackPort = "6379"/redisStackPort = os.Getenv("REDIS_TEST_PORT")/' main_test.go
    sed -i -E 's/(\tAddr: +redisAddr,)/\1 Username: os.Getenv("REDIS_USER"), Password: os.Getenv("REDIS_PASSWORD"),/' main_test.go redis_test.go commands_test.go
    sed -i '0,/^import (/s//import (\n\t"os"/' redis_test.go commands_test.go
}

# get_sdist NAME VERSION [PACKAGE] unpacks a source distribution without its package: the installed one is tested.
get_sdist() {
    "$cache/venv/bin/python" -m pip download --quiet --no-deps --no-binary "$1" -d . "$1==$2"
    tar xzf ./*.tar.gz --strip-components=1
    rm -rf ./*.tar.gz ${3:+"$3"}
}
get_psycopg2() { get_sdist psycopg2 "$1" lib; }
get_redispy() { get_sdist redis "$1" redis; }
get_asyncpg() { get_sdist asyncpg "$1" asyncpg; }
get_sqlalchemy() { get_sdist sqlalchemy "$1"; } # its tests load their plugin from the sources
get_pg8000() {
    get_sdist pg8000 "$1" src
    # Its tests log in as postgres; ours as whoever PGUSER is.
    sed -i 's/"user": "postgres"/"user": environ.get("PGUSER", "postgres")/' test/*/conftest.py
}

get_venv() {
    python3 -m venv "$cache/venv.part"
    bin/python -m pip install --quiet --disable-pip-version-check setuptools==65.5.0 wheel==0.48.0 pytest==9.2.0 pytest-mock==3.17.0 \
        pytest-benchmark==5.3.1 pytest-xdist==3.8.0 \
        distro pytz "psycopg2-binary==$psycopg2" "psycopg[binary]==$psycopg" "asyncpg==$asyncpg" "pg8000==$pg8000" "sqlalchemy==$sqlalchemy" "PyMySQL==$pymysql" "cryptography==$cryptography"
}

# redis-py's tests want an older pytest than the others.
get_venv_redis() {
    python3 -m venv "$cache/venv-redis.part"
    bin/python -m pip install --quiet --disable-pip-version-check pytest==8.3.4 pytest-asyncio==0.23.8 pytest-timeout==2.3.1 mock==5.1.0 \
        cachetools==5.5.0 "redis==$redispy"
}

# node-mysql's tests are in Debian's source package, of which its main archive is enough: the driver is npm's.
get_nodemysql() {
    local apt
    source_packages
    apt-get "${apt[@]}" source --download-only node-mysql 2>>apt/log || true
    tar xzf "node-mysql_$1"*.orig.tar.gz --strip-components=1
    rm -rf apt node-mysql_*
    grep -q "\"version\": \"$1\"" package.json
    npm pkg delete devDependencies # most are a linter's
    npm install --silent --no-audit --no-fund seedrandom@3.0.5 after@0.8.2 timezone-mock@0.0.7 utest@0.0.8
}

get_node() { npm install --silent --no-audit --no-fund --prefix . "mysql2@$mysql2" "redis@$noderedis" "ssh2@$nodessh2"; }

# get_jvm gets the JVM's SSH clients with all that they need, which Maven finds out.
get_jvm() {
    local artifact
    {
        echo '<project><modelVersion>4.0.0</modelVersion><groupId>suites</groupId><artifactId>jvm</artifactId><version>1</version><dependencies>'
        for artifact in "com.github.mwiede jsch $jsch" "com.hierynomus sshj $sshj" "org.apache.sshd sshd-core $mina" "org.apache.sshd sshd-sftp $mina" \
            "org.slf4j slf4j-nop 2.0.17"; do
            printf '<dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version></dependency>\n' $artifact
        done
        echo '</dependencies></project>'
    } >pom.xml
    mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies -DoutputDirectory=.
    rm pom.xml
}

# OpenSSH's own tests are a package of Debian's, with the programs that they want: the one that was built together with the installed server.
get_openssh() {
    apt-get download -qq -o APT::Sandbox::User=root "openssh-tests=$1"
    dpkg -x openssh-tests_*.deb package
    mv package/usr/lib/openssh/regress/* .
    rm -rf package openssh-tests_*.deb
}

get_venv_ssh() {
    python3 -m venv "$cache/venv-ssh.part"
    bin/python -m pip install --quiet --disable-pip-version-check "ansible-core==$ansible" "paramiko==$paramiko" "asyncssh==$asyncssh" \
        "ssh-audit==$sshaudit" "ssh2-python==$ssh2python"
    # What pip writes names the directory that it is moved from.
    sed -i '1s|/venv-ssh\.part/|/venv-ssh/|' bin/ansible* bin/ssh-audit
}

# ansible-core's own tests of its connection come with its sources.
get_ansible() {
    "$cache/venv-ssh/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary ansible-core -d . "ansible-core==$1"
    tar xzf ./*.tar.gz --strip-components=1 --wildcards '*/test/integration/targets/connection*'
    rm -f ./*.tar.gz
}

installed=$(dpkg-query -W -f '${Version}' 'postgresql-1[0-9]' 2>/dev/null || true)
if [ -z "$installed" ]; then
    echo "suites: this needs Debian's PostgreSQL server; get it with: scripts/setup.sh test" >&2
    exit 1
fi
get_installed_regress() { get_regress "$1" "$installed"; }
once regress "$installed" get_installed_regress
once pgx "$pgx" get_pgx
once pq "$pq" get_pq
once venv "py-$psycopg2-$asyncpg-$pg8000-$sqlalchemy-$psycopg-$pymysql-$cryptography" get_venv
once venv-redis "py-$redispy" get_venv_redis
once psycopg2 "$psycopg2" get_psycopg2
once asyncpg "$asyncpg" get_asyncpg
once pg8000 "$pg8000" get_pg8000
once sqlalchemy "$sqlalchemy" get_sqlalchemy
once gomysql "$gomysql" get_gomysql
get_installed_redis() { get_redis "$(dpkg-query -W -f '${Version}' redis-server)"; }
once redis "$(dpkg-query -W -f '${Version}' redis-server)+login" get_installed_redis
once goredis "$goredis" get_goredis
once redispy "$redispy" get_redispy
once nodemysql "$mysqljs" get_nodemysql
once node "$mysql2-$noderedis-$nodessh2" get_node
once jvm "$jsch-$sshj-$mina" get_jvm
once openssh "$(dpkg-query -W -f '${Version}' openssh-server)" get_openssh
once venv-ssh "py-$ansible-$paramiko-$asyncssh-$sshaudit-$ssh2python" get_venv_ssh
once ansible "$ansible" get_ansible
