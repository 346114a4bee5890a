#!/bin/bash
# Ansible over SSH: a playbook of ours by each way of moving files, with pipelining and without, and ansible-core's own tests of its connection.
. "${0%/*}/tests.bash"
PATH=$SUITES/venv-ssh/bin:$PATH
unset "${!ANSIBLE_@}"
sockets=$(mktemp -d) # the path of a socket is short
trap 'rm -rf "$sockets"' EXIT
export ANSIBLE_SSH_ARGS="-F $SSH_CONFIG -o ControlMaster=auto -o ControlPersist=20s" ANSIBLE_SSH_CONTROL_PATH_DIR=$sockets ANSIBLE_LOCALHOST_WARNING=no \
    ANSIBLE_INTERPRETER_PYTHON=auto_silent ANSIBLE_NOCOLOR=1 ANSIBLE_DEPRECATION_WARNINGS=no
drivers=$(cd "${0%/*}" && pwd)

playbook() {
    local name='a directory/with ä'
    if [ "$1" = scp ]; then
        name=directory/plain # as Ansible's own tests have it
    fi
    export ANSIBLE_SSH_TRANSFER_METHOD=$1 ANSIBLE_PIPELINING=$2
    head -c 1000000 /dev/urandom >random
    ansible-playbook -i "$HOST," -e "here=$here there=$there" -e "name='$name'" "$drivers/ansible.yml"
    cmp random "$there/random"
    cmp random "fetched/random"
}
test_sftp() { playbook sftp False; }
test_sftp_pipelining() { playbook sftp True; }
test_scp() { ANSIBLE_SCP_EXTRA_ARGS=-O playbook scp False; }
test_scp_pipelining() { playbook scp True; }
test_piped() { playbook piped False; }
test_piped_pipelining() { playbook piped True; }
test_a_connection_each() { ANSIBLE_SSH_ARGS="-F $SSH_CONFIG -o ControlMaster=no" ansible all -i "$HOST," -m ping | grep '"ping": "pong"'; }
test_shell() { [ "$(ansible all -i "$HOST," -m shell -a 'echo one two | tr a-z A-Z' | tail -n 1)" = "ONE TWO" ]; }
test_failure() { ansible all -i "$HOST," -m command -a 'false' >said && false; grep 'FAILED | rc=1' said; }
test_background() { ansible all -i "$HOST," -B 60 -P 1 -m command -a "touch $there/done" && [ -e "$there/done" ]; }
test_unreachable() { ansible all -i 'nowhere.invalid,' -m ping >said && false; grep 'UNREACHABLE' said; }

# A server that is away is unreachable. What is denied is a task that failed and says why; a module that makes a directory first, which Ansible
# takes for unreachable whatever its status, would not.
away() {
    local status=0
    ANSIBLE_SSH_ARGS="-F $AWAY_CONFIG -o ControlMaster=auto -o ControlPersist=20s" ANSIBLE_PIPELINING=$1 ansible all -i "$AWAY," -m ping >said || status=$?
    cat said
    [ $status = 4 ] && grep "$AWAY | UNREACHABLE!" said
}
test_server_away() { away False; }
test_server_away_pipelining() { away True; }
test_denied() {
    if [ -n "$DENIED_USER" ]; then
        ansible all -i "$HOST," -u "$DENIED_USER" -m raw -a true >said && false
        cat said
        grep "$HOST | FAILED | rc=1" said
        grep 'sallyport: you may not open' said
    fi
}

# ansible-core's own: it connects to localhost, which is the server here.
test_own_connection_ssh() {
    sed 's/^Host .*/Host localhost/' "$SSH_CONFIG" >config
    cp -r "$SUITES/ansible/test/integration/targets/connection" "$SUITES/ansible/test/integration/targets/connection_ssh" .
    cd connection_ssh
    ANSIBLE_SSH_ARGS="-F $here/config -o ControlMaster=auto -o ControlPersist=20s" ./runme.sh
}

run_tests "$@"
