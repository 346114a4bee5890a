package redis

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// replied is an error that a command of the handshake is answered with, after which the client may send another.
type replied struct{ line string }

func (r *replied) Error() string { return strings.TrimSpace(strings.TrimPrefix(r.line, "-")) }

// clientOfAuth is the client that sent AUTH [user] password.
func clientOfAuth(args []string) (*client, error) {
	c := &client{opening: openedByAuth, resp: 2, authenticates: true}
	switch len(args) {
	case 2:
		c.password = args[1]
	case 3:
		c.user, c.password = args[1], args[2]
	default:
		return nil, &replied{"-ERR wrong number of arguments for 'auth' command\r\n"}
	}
	return c, nil
}

// clientOfHello is the client that sent HELLO [version [AUTH user password] [SETNAME name]].
func clientOfHello(args []string) (*client, error) {
	c := &client{opening: openedByHello, resp: 2}
	if len(args) > 1 {
		version, err := strconv.Atoi(args[1])
		switch {
		case err != nil:
			return nil, &replied{"-ERR Protocol version is not an integer or out of range\r\n"}
		case version != 2 && version != 3:
			return nil, &replied{noProtocol}
		}
		c.resp, args = version, args[1:]
	}
	for args = args[1:]; len(args) > 0; {
		switch option := strings.ToLower(args[0]); {
		case option == "auth" && len(args) >= 3:
			c.authenticates, c.user, c.password, args = true, args[1], args[2], args[3:]
		case option == "setname" && len(args) >= 2:
			if strings.ContainsFunc(args[1], func(r rune) bool { return r < '!' || r > '~' }) {
				return nil, &replied{"-ERR Client names cannot contain spaces, newlines or special characters.\r\n"}
			}
			c.name, args = args[1], args[2:]
		default:
			return nil, &replied{fmt.Sprintf("-ERR Syntax error in HELLO option '%s'\r\n", harmless(args[0]))}
		}
	}
	return c, nil
}

// harmless is a client's word as it may stand in an error reply.
func harmless(word string) string {
	const longest = 120
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, word[:min(len(word), longest)])
}

// begin ends the handshake: what was read behind the login is the relay's, after a look for the program's name.
func (c *client) begin(in *commandReader) *client {
	c.early, c.password = in.buf, ""
	c.login.Application = c.name
	const looksAt = 8
	for b, i := in.buf, 0; i < looksAt && c.login.Application == ""; i++ {
		d, used, err := parseDatum(b)
		if err != nil {
			break
		}
		c.login.Application, b = programOf(&d), b[used:]
	}
	return c
}

// programOf is what a command of CLIENT says of the program that sends it; empty for any other.
func programOf(command *datum) string {
	word := func(i int) string { return strings.ToLower(string(command.items[i].text)) }
	switch {
	case len(command.items) == 3 && word(0) == "client" && word(1) == "setname":
		return string(command.items[2].text)
	case len(command.items) == 4 && word(0) == "client" && word(1) == "setinfo" && word(2) == "lib-name":
		return string(bytes.TrimSpace(command.items[3].text))
	}
	return ""
}
