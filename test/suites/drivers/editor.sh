#!/bin/bash
# What editors do that work on a server: a login shell that is fed a script, a dynamic forward beside it, and one connection for all.
. "${0%/*}/tests.bash"
sockets=$(mktemp -d) # the path of a socket is short
trap 'rm -rf "$sockets"' EXIT

test_script_on_stdin() {
    printf 'echo begin-$((40+2))\ncat <<END\n%s\nEND\nexit 9\n' "$(seq 20000)" | $ssh -T "$HOST" bash -l >said || status=$?
    [ $status = 9 ] && head -1 said | grep begin-42 && tail -n +2 said | diff - <(seq 20000)
}
test_shell_without_terminal() { printf 'cd /\npwd\nexit 9\n' | $ssh -T "$HOST" >said || status=$?; [ $status = 9 ] && grep -x / said; }
test_server_behind_dynamic_forward() {
    port=$((20000 + RANDOM % 10000)) far=$((30000 + RANDOM % 2000))
    printf 'echo page >%s/page; cd %s; echo ready; exec python3 -m http.server --bind 127.0.0.1 %s\n' "$there" "$there" "$far" |
        $ssh -T -D "127.0.0.1:$port" "$HOST" bash >said 2>&1 &
    editor=$!
    for _ in $(seq 100); do [ "$(curl -s --socks5-hostname "127.0.0.1:$port" "http://127.0.0.1:$far/page")" = page ] && break; sleep 0.2; done
    [ "$(curl -s --socks5-hostname "127.0.0.1:$port" "http://127.0.0.1:$far/page")" = page ]
    kill $editor
}
test_one_connection() {
    $ssh -M -S "$sockets/s" -o ControlPersist=60 -f -N "$HOST"
    for i in 1 2 3 4 5 6 7 8; do $ssh -S "$sockets/s" "$HOST" "sleep 0.3; echo $i" >"$i" & done
    wait
    for i in 1 2 3 4 5 6 7 8; do [ "$(cat $i)" = $i ]; done
    head -c 3000000 /dev/urandom >one && scp -q -F "$SSH_CONFIG" -o ControlPath="$sockets/s" one "$HOST:$there/one" && cmp one "$there/one"
    $ssh -S "$sockets/s" -O exit "$HOST"
}
test_jump() { [ "$($ssh -o ProxyCommand="$ssh -W 127.0.0.1:$SSHD_PORT $HOST" -o HostKeyAlias=inner -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
    -o IdentityFile="$SSHD_KEY" -o PreferredAuthentications=publickey -l "$SSHD_USER" inner 'echo inside')" = inside ]; }
test_remote_forward() {
    port=$((20000 + RANDOM % 10000))
    $ssh -N -o ExitOnForwardFailure=yes -R "127.0.0.1:$port:127.0.0.1:$SSHD_PORT" "$HOST" &
    for _ in $(seq 100); do ssh-keyscan -p "$port" 127.0.0.1 2>/dev/null | grep -q ed25519 && break; sleep 0.2; done
    ssh-keyscan -p "$port" 127.0.0.1 | grep ed25519
    kill $!
}
test_terminal_with_size() { script -qec "stty rows 33 cols 101; $ssh -t $HOST stty size" /dev/null </dev/null | grep '33 101'; }

run_tests "$@"
