#!/bin/bash
# git over SSH, each clone compared by content.
. "${0%/*}/tests.bash"
export GIT_SSH_COMMAND=$ssh GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_AUTHOR_NAME=Alice GIT_AUTHOR_EMAIL=alice@acme.com \
    GIT_COMMITTER_NAME=Alice GIT_COMMITTER_EMAIL=alice@acme.com GIT_TERMINAL_PROMPT=0

# origin makes a repository at the server, with a history.
origin() {
    git init -q -b main seed && tree seed
    for i in 1 2 3 4 5; do
        echo "$i" >seed/version && git -C seed add . && git -C seed commit -q -m "version $i"
    done
    git -C seed tag first HEAD~4
    git clone -q --bare seed "$there/origin.git"
    url=$HOST:$there/origin.git
}
same_head() { [ "$(git -C "$1" rev-parse HEAD)" = "$(git -C "$2" rev-parse "${3:-HEAD}")" ] && git -C "$1" fsck --no-progress; }

test_clone() { origin && git clone -q "$url" work && same_head work "$there/origin.git" && diff -r --exclude=.git seed work; }
test_clone_by_url() { origin && git clone -q "ssh://$HOST$there/origin.git" work && same_head work "$there/origin.git"; }
test_protocol_2() { origin && GIT_TRACE_PACKET=1 git -c protocol.version=2 ls-remote "$url" 2>trace >refs && grep -q 'version 2' trace && grep -q first refs; }
test_protocol_0() { origin && GIT_TRACE_PACKET=1 git -c protocol.version=0 ls-remote "$url" 2>trace >refs && ! grep -q 'version 2' trace && grep -q first refs; }
test_push() {
    origin && git clone -q "$url" work && echo new >work/new && git -C work add new && git -C work commit -q -m new && git -C work push -q
    same_head work "$there/origin.git"
}
test_push_large() {
    origin && git clone -q "$url" work && head -c 30000000 /dev/urandom >work/huge && git -C work add huge && git -C work commit -q -m huge
    git -C work push -q && same_head work "$there/origin.git"
}
test_push_branch_and_tag() {
    origin && git clone -q "$url" work && git -C work switch -q -c side && git -C work tag second && git -C work push -q origin side second
    same_head work "$there/origin.git" side && same_head work "$there/origin.git" second
    git -C work push -q origin --delete side && ! git -C "$there/origin.git" rev-parse -q --verify side
}
# What a hook says stands in what git says, and its no is git's.
test_push_refused() {
    origin && printf '#!/bin/sh\necho not today >&2\nexit 1\n' >"$there/origin.git/hooks/pre-receive" && chmod +x "$there/origin.git/hooks/pre-receive"
    git clone -q "$url" work && git -C work commit -q --allow-empty -m empty
    git -C work push 2>said && false
    grep -q 'remote: not today' said && grep -q 'pre-receive hook declined' said
}
test_fetch() {
    origin && git clone -q "$url" work && git clone -q "$url" other && echo theirs >other/theirs && git -C other add . && git -C other commit -q -m theirs
    git -C other push -q && git -C work pull -q && same_head work other
}
test_shallow() {
    origin && git clone -q --depth 1 "$url" work && [ "$(git -C work rev-list --count HEAD)" = 1 ]
    git -C work fetch -q --deepen 2 && [ "$(git -C work rev-list --count HEAD)" = 3 ]
    git -C work fetch -q --unshallow && [ "$(git -C work rev-list --count HEAD)" = 5 ] && same_head work "$there/origin.git"
}
test_partial_clone() {
    origin && git -C "$there/origin.git" config uploadpack.allowFilter true && git clone -q --filter=blob:none "$url" work
    git -C work switch -q --detach first && [ "$(cat work/version)" = 1 ]
}
test_submodule() {
    origin && git clone -q --bare seed "$there/part.git" && git clone -q "$url" work && git -C work submodule --quiet add "$HOST:$there/part.git" part
    git -C work commit -q -m part && git -C work push -q && git clone -q --recurse-submodules "$url" again
    same_head again/part "$there/part.git" && diff -r --exclude=.git work again
}
test_mirror() { origin && git clone -q --mirror "$url" mirror.git && git -C "$there" init -q --bare copy.git && git -C mirror.git push -q --mirror "$HOST:$there/copy.git" &&
    diff <(git -C "$there/copy.git" show-ref) <(git -C "$there/origin.git" show-ref); }
test_archive() { origin && git archive --remote="$url" main | tar x && diff -r --exclude=.git seed . >differs || ! grep -v '^Only in \.' differs; }
test_missing() { git clone "$HOST:$there/none.git" work 2>said && false; grep -q 'does not appear to be a git repository' said; }

run_tests "$@"
