package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/test/servers"
)

// sshClasses are all that a person can be let do at a server; some of them run only where a role names them.
var sshClasses = []string{"read", "write", access.ClassShell, access.ClassExec, access.ClassForward, access.ClassListen, access.ClassAgent,
	access.ClassX11}

// sshAuthority is the file in a world's directory with the authority by which the gateway logs in.
const sshAuthority = "user_ca.pub"

const sftpServer = "/usr/lib/openssh/sftp-server"

// sshStore is an sshd with a witness: all that it runs, it runs by a program of ours that writes it down first.
type sshStore struct {
	*servers.SSHD
	witness sshWitness
}

func (s *sshStore) protocol() string { return "ssh" }

func (s *sshStore) start(ctx context.Context, dir string, config map[string]string) error {
	var err error
	if s.witness, err = newSSHWitness(filepath.Join(dir, "witness")); err != nil {
		return err
	}
	// With a level of DEBUG its log would be in what people's commands print, too.
	o := servers.SSHDOptions{Config: []string{"LogVerbose serverloop.c:server_request_direct_tcpip():*", "SetEnv SHLVL=1"}}
	o.Config = append(o.Config, s.witness.config(dir)...)
	for name, value := range config {
		o.Config = append(o.Config, name+" "+value)
	}
	if s.SSHD, err = servers.RunSSHD(ctx, filepath.Join(dir, "store"), o); err != nil {
		return fmt.Errorf("start sshd: %w", err)
	}
	return nil
}

func (s *sshStore) stop() error { return s.Stop() }

func (s *sshStore) direct() door {
	return door{host: s.Host, port: strconv.Itoa(s.Port), user: s.Account, key: s.KeyFile}
}

func (s *sshStore) resourceFlags() []string { return []string{"--host-key", s.HostKey, "--env", "*"} }

// makeDatabase has nothing to make: a server has none.
func (s *sshStore) makeDatabase(context.Context, string, []string) error { return nil }

func (s *sshStore) env(d door) []string { return d.sshEnv() }

func (s *sshStore) textsOf(e *audit.Event, text string) []string { return s.witness.textsOf(e, text) }

// connected is what sshd logs of a forward that a client asks for.
var connected = regexp.MustCompile(`server_request_direct_tcpip: originator \S+ port \d+, target (\S+) port (\d+)`)

// compare counts what the witness and the server's own log tell of: commands, operations on files, and forwards.
func (s *sshStore) compare(r *record, recorded *texts) error {
	if err := s.witness.compare(r, recorded); err != nil {
		return err
	}
	log, err := os.ReadFile(s.LogFile)
	if err != nil {
		return fmt.Errorf("read sshd's log: %w", err)
	}
	for _, found := range connected.FindAllSubmatch(log, -1) {
		r.expect(recorded, "forward "+string(found[1])+":"+string(found[2]))
	}
	return nil
}

// sshWitness is a ForceCommand that writes down each command before it runs it, and has sftp-server log what it does.
type sshWitness struct {
	program, commands, files string // paths
	home                     string // where relative paths begin
}

// witnessProgram writes down what those ask for who log in by a certificate: the gateway. Others come by a key, through a forward, of which the gateway sees no
// more than that there is one. It tells bash by SHLVL that it is not the first, so that it reads .bashrc no second time: somebody's may take long.
const witnessProgram = `#!/bin/sh
export SHLVL=1
told=%[1]s
case $(cat "$SSH_USER_AUTH") in
*-cert-*) ;;
*) told=/dev/null ;;
esac
if [ -z "${SSH_ORIGINAL_COMMAND+set}" ]; then
    printf 'shell\0' >>"$told"
    exec bash -c 'exec -l "$SHELL"'
fi
command=$SSH_ORIGINAL_COMMAND
unset SSH_ORIGINAL_COMMAND
if [ "$command" = %[3]s ]; then
    exec %[3]s -e -l INFO 2>>%[2]s
fi
printf '%%s\0' "$command" >>"$told"
exec "$SHELL" -c "$command"
`

func newSSHWitness(dir string) (sshWitness, error) {
	me, err := user.Current()
	if err != nil {
		return sshWitness{}, fmt.Errorf("find this process's user: %w", err)
	}
	w := sshWitness{program: filepath.Join(dir, "witness"), commands: filepath.Join(dir, "commands"), files: filepath.Join(dir, "files"), home: me.HomeDir}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return w, fmt.Errorf("make the witness's directory: %w", err)
	}
	text := fmt.Sprintf(witnessProgram, w.commands, w.files, sftpServer)
	if err := os.WriteFile(w.program, []byte(text), 0o755); err != nil {
		return w, fmt.Errorf("write the witness: %w", err)
	}
	return w, nil
}

// config are lines of sshd_config, by which the gateway can log in and is heard.
func (w *sshWitness) config(dir string) []string {
	return []string{"ForceCommand " + w.program, "ExposeAuthInfo yes", "TrustedUserCAKeys " + filepath.Join(dir, sshAuthority)}
}

// textsOf are the keys of a recorded statement. What the words in parentheses tell of a file operation the server does not log.
func (w *sshWitness) textsOf(e *audit.Event, text string) []string {
	switch e.Command {
	case "sftp":
		words, _, _ := strings.Cut(text, " (")
		return []string{"sftp " + words}
	case "forward", "listen":
		return []string{e.Command + " " + text}
	}
	return []string{"run " + text}
}

// told are the keys of each command that was run, and of each operation that sftp-server logged.
func (w *sshWitness) told() ([]string, error) {
	commands, err := readIfThere(w.commands)
	if err != nil {
		return nil, err
	}
	var keys []string
	for command := range bytes.SplitSeq(bytes.TrimSuffix(commands, []byte{0}), []byte{0}) {
		// A server's SFTP is recorded operation by operation, whatever program it is; OpenSSH's tests have one that is slow.
		if len(command) > 0 && path.Base(string(command)) != "slow-sftp-server.sh" {
			keys = append(keys, "run "+string(command))
		}
	}
	files, err := readIfThere(w.files)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(files)) {
		if operation := w.operation(strings.TrimRight(line, "\r\n")); operation != "" {
			keys = append(keys, "sftp "+operation)
		}
	}
	return keys, nil
}

// compare counts all that the witness tells of.
func (w *sshWitness) compare(r *record, recorded *texts) error {
	keys, err := w.told()
	for _, key := range keys {
		r.expect(recorded, key)
	}
	return err
}

// readIfThere reads a file that nobody may have had a reason to write.
func readIfThere(file string) ([]byte, error) {
	b, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read what the witness wrote: %w", err)
	}
	return b, nil
}

// fileLine is a line of sftp-server's log that tells of an operation.
var fileLine = regexp.MustCompile(`^(open|opendir|remove name|rename old|posix-rename old|mkdir name|rmdir name|symlink old|hardlink old|readlink) ` +
	`"(.*?)"(?: new "(.*)"| flags (\S+) mode \d+| mode \S+)?$`)

// verbs are the record's words for the log's.
var verbs = map[string]string{"opendir": "list", "remove name": "remove", "rename old": "rename", "posix-rename old": "rename", "mkdir name": "mkdir",
	"rmdir name": "rmdir", "symlink old": "symlink", "hardlink old": "link", "readlink": "readlink"}

// operation is what a line of sftp-server's log tells of, in the record's words; empty: nothing. The log escapes what is not plain, the record quotes it, so that
// such names are left out.
func (w *sshWitness) operation(line string) string {
	found := fileLine.FindStringSubmatch(line)
	if found == nil || strings.ContainsAny(found[2]+found[3], `\ "`) {
		return ""
	}
	verb, from, to := found[1], w.absolute(found[2]), found[3]
	switch {
	case verb == "open" && slices.Contains(strings.Split(found[4], ","), "WRITE"):
		return "put " + from
	case verb == "open":
		return "get " + from
	case verb == "symlink old":
		return "symlink " + found[2] + " " + w.absolute(to)
	case to != "":
		from += " " + w.absolute(to)
	}
	return verbs[verb] + " " + from
}

func (w *sshWitness) absolute(name string) string {
	if !path.IsAbs(name) {
		name = w.home + "/" + name
	}
	return path.Clean(name)
}
