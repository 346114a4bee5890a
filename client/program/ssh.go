package program

import (
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"strings"
)

// SSH is the protocol whose program is OpenSSH's ssh, with scp, sftp and what is built on them.
const SSH = "ssh"

func sshDialect() dialect {
	return dialect{url: func(t Target) string {
		u := url.URL{Scheme: "ssh", Host: t.address()}
		if t.Account != "" {
			u.User = url.User(t.Account)
		}
		return u.String()
	}}
}

// SSHWay is how OpenSSH's programs reach a resource: by a command in place of a TCP connection (ProxyCommand).
type SSHWay struct {
	Proxy      []string // the command, with its arguments
	HostKey    string   // the name that the gateways' host certificates are for
	KnownHosts string   // path of the known_hosts file that names their authority
	User       string   // the account where the person names none
}

// Options are lines of ssh_config, the account's left out. Nothing is ever asked: the command proves who the person is, and the gateway is known
// by the authority of its host certificate.
func (w SSHWay) Options() []string {
	var proxy []string
	for _, argument := range w.Proxy {
		proxy = append(proxy, strings.ReplaceAll(shellWord(argument), "%", "%%"))
	}
	return []string{
		"ProxyCommand " + strings.Join(proxy, " "),
		"HostKeyAlias " + w.HostKey,
		"UserKnownHostsFile " + configWord(w.KnownHosts),
		"StrictHostKeyChecking yes",
		"UpdateHostKeys no",
		"PreferredAuthentications none",
	}
}

// Host writes the block of ssh_config for the names, which tell ssh nothing but that it is this block.
func (w SSHWay) Host(names ...string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "Host %s\n", strings.Join(names, " "))
	for _, line := range append(w.Options(), "User "+configWord(w.User)) {
		fmt.Fprintf(&out, "    %s\n", line)
	}
	return out.String()
}

// shellWord quotes an argument for the shell that ssh runs a ProxyCommand by.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-:@+,=%", r) || r == '\\' && runtime.GOOS == "windows"
	}
	switch {
	case s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0:
		return s
	case runtime.GOOS == "windows":
		return `"` + s + `"`
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// configWord quotes a value of ssh_config.
func configWord(s string) string { return `"` + strings.ReplaceAll(s, "%", "%%") + `"` }

// SSHArguments are ssh's own arguments, taken apart as ssh does it.
type SSHArguments struct {
	Options     []string // before and behind the destination
	Destination string   // [ACCOUNT@]RESOURCE
	Command     []string

	account bool // an option says as whom to log in
}

// valued are the options of ssh that have a value.
const valued = "BbcDEeFIiJLlmOoPpQRSWw"

// ParseSSH takes the arguments of ssh apart. Options stand before the destination and right behind it.
func ParseSSH(args []string) (SSHArguments, error) {
	var a SSHArguments
	for optionsEnded := false; len(args) > 0; {
		word := args[0]
		switch {
		case word == "--" && !optionsEnded:
			args, optionsEnded = args[1:], true
		case len(word) > 1 && word[0] == '-' && !optionsEnded:
			n, err := a.option(args)
			if err != nil {
				return a, err
			}
			args = args[n:]
		case a.Destination == "":
			a.Destination, args = word, args[1:]
		default:
			a.Command, args = args, nil
		}
	}
	if _, resource := a.Target(); resource == "" {
		return a, errors.New("name a server: sally ssh [ACCOUNT@]NAME; sally ls shows those that you may open")
	}
	return a, nil
}

// option takes the option that args begins with, and says how many words it has.
func (a *SSHArguments) option(args []string) (words int, err error) {
	words = 1
	if i := strings.IndexAny(args[0], valued); i > 0 {
		value := args[0][i+1:]
		if value == "" {
			if words = 2; len(args) < words {
				return 0, fmt.Errorf("the option -%c of ssh wants a value", args[0][i])
			}
			value = args[1]
		}
		name, _, _ := strings.Cut(strings.ReplaceAll(strings.TrimLeft(value, " "), " ", "="), "=")
		a.account = a.account || args[0][i] == 'l' || args[0][i] == 'o' && strings.EqualFold(name, "user")
	}
	a.Options = append(a.Options, args[:words]...)
	return words, nil
}

// FullName is the second name of a server in ssh's configuration, for where its own means another host.
func FullName(resource string) string { return resource + fullNameEnd }

const fullNameEnd = ".sally"

// Target gives account and resource that the destination names, by either of its names and in any case, as ssh takes hosts'; the account may
// be empty.
func (a SSHArguments) Target() (account, resource string) {
	resource = a.Destination
	if i := strings.LastIndexByte(a.Destination, '@'); i >= 0 {
		account, resource = a.Destination[:i], a.Destination[i+1:]
	}
	return account, strings.TrimSuffix(strings.ToLower(resource), fullNameEnd)
}

// For are the arguments for ssh itself: the way first, which nothing behind can change, the account unless one is named, and all that the
// person said.
func (a SSHArguments) For(w SSHWay) []string {
	var args []string
	for _, option := range w.Options() {
		args = append(args, "-o", option)
	}
	if account, _ := a.Target(); account == "" && !a.account {
		args = append(args, "-l", w.User)
	}
	return append(append(append(args, a.Options...), "--", a.Destination), a.Command...)
}

const (
	includeBegin = "# sally: begin. What is between these lines is written by: sally ssh-config --install"
	includeEnd   = "# sally: end"
)

// Including is a person's ssh_config that reads the files (with * for any characters in their name) before all else: what stands first, wins.
// Without files, what it has put there is taken out.
func Including(files string) Format {
	return Format{Name: "ssh", Merge: func(content []byte, _ []Target) ([]byte, error) {
		text := string(content)
		if before, rest, found := strings.Cut(text, includeBegin+"\n"); found {
			_, after, closed := strings.Cut(rest, includeEnd+"\n")
			if !closed {
				return nil, fmt.Errorf("the line %q is missing; put it back, or remove the block", includeEnd)
			}
			text = before + after
		}
		if files != "" {
			text = includeBegin + "\nInclude \"" + files + "\"\n" + includeEnd + "\n" + text
		}
		return []byte(text), nil
	}}
}
