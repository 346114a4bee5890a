#!/bin/bash
# rsync over SSH, each transfer compared by content, and git below.
. "${0%/*}/tests.bash"

sync() { rsync -e "$ssh" "$@"; }

test_push() { tree one && sync -a one/ "$HOST:$there/one/" && same one "$there/one"; }
test_pull() { tree "$there/one" && sync -a "$HOST:$there/one/" one/ && same one "$there/one"; }
test_compressed() { tree one && sync -az one/ "$HOST:$there/one/" && same one "$there/one"; }
test_zstd() { tree one && sync -a --compress-choice=zstd one/ "$HOST:$there/one/" && same one "$there/one"; }
test_secluded_arguments() { tree one && sync -as one/ "$HOST:$there/a name/" && same one "$there/a name"; }
test_changed_parts() {
    tree one && sync -a one/ "$HOST:$there/one/"
    printf 'changed' | dd of=one/large bs=1 seek=1000000 conv=notrunc
    echo more >>one/numbers
    sent=$(sync -a --no-whole-file --stats one/ "$HOST:$there/one/" | sed -n 's/^Literal data: \([0-9,]*\).*/\1/p' | tr -d ,)
    same one "$there/one"
    [ "$sent" -lt 100000 ]
}
test_delete() {
    tree one && sync -a one/ "$HOST:$there/one/"
    rm -r one/empty one/deep/er
    sync -a --delete one/ "$HOST:$there/one/" && same one "$there/one"
}
test_delete_on_pull() {
    tree "$there/one" && sync -a "$HOST:$there/one/" one/
    rm -r "$there/one/empty"
    sync -a --delete "$HOST:$there/one/" one/ && same one "$there/one"
}
test_dry_run() { tree one && sync -an one/ "$HOST:$there/one/" && [ ! -e "$there/one" ]; }
test_checksums() { tree one && sync -ac one/ "$HOST:$there/one/" && sync -aci one/ "$HOST:$there/one/" >changes && [ ! -s changes ]; }
test_hard_links() {
    mkdir one && echo text >one/a && ln one/a one/b && sync -aH one/ "$HOST:$there/one/"
    [ "$there/one/a" -ef "$there/one/b" ]
}
test_sparse() {
    truncate -s 20M one && echo end >>one && sync -aS one "$HOST:$there/one" && cmp one "$there/one"
    [ "$(du -k "$there/one" | cut -f1)" -lt 1000 ]
}
test_list_of_files() {
    tree one && printf 'large\0deep/a name with spaces\0' | sync -a0 --files-from=- one/ "$HOST:$there/"
    [ "$(find "$there" -type f | wc -l)" = 2 ] && cmp one/large "$there/large"
}
test_remove_source() { tree one && cp -a one two && sync -a --remove-source-files one/ "$HOST:$there/" && same two "$there" && [ -z "$(find one -type f)" ]; }
# What is cut off is taken up again.
test_partial() {
    head -c 20000000 /dev/urandom >large
    rsync -e "$ssh" --partial --bwlimit=2000 large "$HOST:$there/large" &
    until [ "$(cat "$there"/.large.* | wc -c)" -gt 1000000 ]; do sleep 0.1; done
    kill -INT $! && ! wait $!
    until [ -s "$there/large" ]; do sleep 0.1; done
    [ "$(stat -c %s "$there/large")" -lt 20000000 ]
    sync --append-verify large "$HOST:$there/large" && cmp large "$there/large"
}
# A daemon for one connection, started over SSH.
test_daemon() {
    tree "$there/one"
    printf 'use chroot = no\nmunge symlinks = no\nuid = %s\ngid = %s\n[module]\npath = %s/one\nread only = no\n' "$(id -u)" "$(id -g)" "$there" >"$there/conf"
    sync -a --rsync-path="rsync --config=$there/conf" "$HOST::module/" one/ && same one "$there/one"
    echo new >one/new && sync -a --rsync-path="rsync --config=$there/conf" one/ "$HOST::module/" && same one "$there/one"
}
test_several_at_once() {
    tree one
    for i in 1 2 3 4; do sync -a one/ "$HOST:$there/$i/" & done
    for _ in 1 2 3 4; do wait -n; done
    for i in 1 2 3 4; do same one "$there/$i"; done
}
# rsync's own status says what went wrong there.
test_missing_source() {
    sync -a "$HOST:$there/none" . && false
    [ "$(sync -a "$HOST:$there/none" . >/dev/null 2>&1; echo $?)" = 23 ]
}

run_tests "$@"
