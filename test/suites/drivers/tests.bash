# What our tests in bash share: each function named test_... is one, run in a directory of its own ($here), with another at the server ($there).
# SSH_CONFIG is the ssh_config that names the server, $HOST.
set -u
ssh="ssh -F $SSH_CONFIG"

# run_tests [NAME...]: all of them, or those that are named.
run_tests() {
    local name status
    for name in ${*:-$(declare -F | sed -n 's/^declare -f test_//p')}; do
        echo "has $name"
        here=$(mktemp -d) there=$(mktemp -d)
        (set -e && cd "$here" && "test_$name") >"$here.log" 2>&1
        status=$?
        rm -rf "$here" "$there"
        if [ $status = 0 ]; then
            echo "ok $name"
        else
            echo "not ok $name"
            sed 's/^/    /' "$here.log" | tail -40
        fi
        rm -f "$here.log"
    done
}

# same ONE OTHER: two trees hold the same files, links and modes.
same() {
    diff <(sums "$1") <(sums "$2")
}

sums() {
    (cd "$1" && find . -type f -exec sha256sum {} + && find . -printf '%p %y %m %l\n') | sort
}

# tree DIR makes files to move: small, large, empty, deep, with unusual names, links.
tree() {
    mkdir -p "$1/deep/er" "$1/empty"
    head -c 3000000 /dev/urandom >"$1/large"
    seq 200000 >"$1/numbers"
    : >"$1/deep/nothing"
    echo 'in the depth' >"$1/deep/er/file"
    echo spaces >"$1/deep/a name with spaces"
    echo signs >"$1/deep/"$'\xc3\xa4 "quoted" \$(sign)'
    chmod 750 "$1/deep/er/file"
    ln -sf ../numbers "$1/deep/link"
    for i in $(seq 100); do echo "$i" >"$1/empty/$i"; done
}
