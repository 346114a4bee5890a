#!/bin/bash
# PuTTY's programs and Dropbear's client by the door. Both take keys in a form of their own, and fingerprints in words.
. "${0%/*}/tests.bash"
keys=$(mktemp -d)
trap 'rm -rf "$keys"' EXIT
export PUTTYDIR=$keys/putty HOME=$keys
fingerprint=$(ssh-keyscan -p "$SSH_PORT" -t ed25519 "$SSH_HOST" 2>/dev/null | ssh-keygen -lf - | cut -d ' ' -f 2)
putty=(-batch -hostkey "$fingerprint" -P "$SSH_PORT") dropbear=(-y -y -T -p "$SSH_PORT" -l "$SSH_USER")
if [ -n "$SSH_KEY" ]; then
    puttygen "$SSH_KEY" -O private -o "$keys/key.ppk"
    dropbearconvert openssh dropbear "$SSH_KEY" "$keys/key" 2>/dev/null
    putty+=(-i "$keys/key.ppk") dropbear+=(-i "$keys/key")
fi
to() { plink "${putty[@]}" -l "$SSH_USER" "$SSH_HOST" "$@"; }
db() { dbclient "${dropbear[@]}" "$SSH_HOST" "$@"; }

test_plink_command() {
    [ "$(echo piped | to 'cat; echo notes >&2' 2>notes)" = piped ] && grep -q notes notes
    [ "$(to 'exit 42' >/dev/null; echo $?)" = 42 ]
}
test_plink_large() { head -c 20000000 /dev/urandom >one && to "cat >$there/one" <one && cmp one "$there/one" && to "cat $there/one" >two && cmp one two; }
test_plink_compression() { seq 500000 >one && to -C "cat >$there/one" <one && cmp one "$there/one"; }
test_plink_shell() { printf 'stty -echo\necho the-$((40+2))\nexit 7\n' | to -t >said || status=$?; [ $status = 7 ] && grep -q 'the-42' said; }
test_plink_forward() {
    port=$((20000 + RANDOM % 10000))
    to -N -L "$port:127.0.0.1:$SSH_PORT" &
    for _ in $(seq 100); do ssh-keyscan -p "$port" 127.0.0.1 2>/dev/null | grep -q ed25519 && break; sleep 0.2; done
    ssh-keyscan -p "$port" 127.0.0.1 | grep ed25519
    kill $!
}
test_pscp() {
    tree one && pscp "${putty[@]}" -q -r one "$SSH_USER@$SSH_HOST:$there/" && cmp one/large "$there/one/large"
    pscp "${putty[@]}" -q "$SSH_USER@$SSH_HOST:$there/one/large" two && cmp one/large two
}
test_pscp_classic() { head -c 3000000 /dev/urandom >one && pscp "${putty[@]}" -scp -q one "$SSH_USER@$SSH_HOST:$there/one" && cmp one "$there/one"; }
test_psftp() {
    head -c 3000000 /dev/urandom >one
    printf 'put one %s/one\nmkdir %s/d\nmv %s/one %s/d/two\nget %s/d/two two\nls %s/d\nrm %s/d/two\nrmdir %s/d\n' "$there" "$there" "$there" "$there" \
        "$there" "$there" "$there" "$there" >batch
    psftp "${putty[@]}" -b batch "$SSH_USER@$SSH_HOST" && cmp one two && [ ! -e "$there/d" ]
}
test_dropbear_command() { [ "$(echo piped | db 'cat; exit 42'; echo $?)" = "$(printf 'piped\n42')" ]; }
test_dropbear_large() { head -c 20000000 /dev/urandom >one && db "cat >$there/one" <one && cmp one "$there/one" && db "cat $there/one" >two && cmp one two; }
test_dropbear_stdio() { db -B "127.0.0.1:$SSH_PORT" </dev/null | head -c 4 | grep SSH-; }

run_tests "$@"
