package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/test/servers"
)

// redisAccount may do everything, with any word as its password, and so may those who do not log in: the suites' further
// connections, and what follows a RESET, know of no login.
const (
	redisAccount  = "tester"
	redisPassword = "any-word"
)

// redisStore is a Redis with a witness: a connection that the server tells of all commands that it runs (MONITOR).
type redisStore struct {
	*servers.Redis
	dir     string
	witness *witness
}

func (s *redisStore) protocol() string { return "redis" }

func (s *redisStore) start(ctx context.Context, dir string, config map[string]string) error {
	s.dir = filepath.Join(dir, "store")
	o := servers.RedisOptions{Users: []string{redisAccount + " on nopass ~* &* +@all"}}
	for name, value := range config {
		o.Config = append(o.Config, name+" "+value)
	}
	var err error
	if s.Redis, err = servers.RunRedis(ctx, s.dir, o); err != nil {
		return fmt.Errorf("start Redis: %w", err)
	}
	if s.witness, err = watch(ctx, s.Socket, filepath.Join(dir, "monitor.txt")); err != nil {
		return errors.Join(err, s.Stop())
	}
	return nil
}

func (s *redisStore) stop() error { return errors.Join(s.Stop(), s.witness.wait()) }

func (s *redisStore) direct() door {
	return door{host: s.Host, port: strconv.Itoa(s.Port), user: redisAccount, password: redisPassword}
}

func (s *redisStore) resourceFlags() []string { return []string{"--ssl-mode", "disable"} }

// makeDatabase has nothing to make: databases are numbers.
func (s *redisStore) makeDatabase(context.Context, string, []string) error { return nil }

// env is what redis-cli, and Redis's own tests as scripts/suites.sh has them, log in by.
func (s *redisStore) env(d door) []string {
	env := cleanEnv("REDIS")
	if d.password != "" {
		env = append(env, "REDISCLI_AUTH="+d.password, "REDIS_USER="+d.user, "REDIS_PASSWORD="+d.password)
	}
	return env
}

// witness writes down what a server's MONITOR tells.
type witness struct {
	conn net.Conn
	done sync.WaitGroup
	file string
	err  error
}

func watch(ctx context.Context, socket, file string) (*witness, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, fmt.Errorf("connect to the store: %w", err)
	}
	out, err := os.Create(file)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make the witness's file: %w", err), conn.Close())
	}
	w := &witness{conn: conn, file: file}
	if _, err := fmt.Fprintf(conn, "AUTH %s %s\r\nMONITOR\r\n", redisAccount, redisPassword); err != nil {
		return nil, errors.Join(fmt.Errorf("ask the store: %w", err), conn.Close(), out.Close())
	}
	answers := bufio.NewReaderSize(conn, 1<<20)
	for range 2 {
		if line, err := answers.ReadString('\n'); err != nil || line != "+OK\r\n" {
			return nil, errors.Join(fmt.Errorf("the store does not let the witness in: %q: %w", line, err), conn.Close(), out.Close())
		}
	}
	w.done.Go(func() {
		_, err := io.Copy(out, answers)
		w.err = errors.Join(err, out.Close())
	})
	return w, nil
}

// wait waits until the server has ended.
func (w *witness) wait() error {
	w.done.Wait()
	return w.err
}

// ownCommand is what the gateway says when it logs in, or where it asks for the protocol that a client wants.
var ownCommand = regexp.MustCompile(`(?i)^(?:"AUTH"(?: "\(redacted\)")+|"HELLO" "[23]"(?: "SETNAME" "[^"]*")?)\s*$`)

// textsOf are the commands of a recorded statement, of which a transaction has several, a line each. What is queued for
// one does not run by that.
func (s *redisStore) textsOf(e *audit.Event, text string) []string {
	if e.Command == "queued" {
		return nil
	}
	var keys []string
	for line := range strings.Lines(text) {
		keys = append(keys, commandKey([]byte(line)))
	}
	return keys
}

// compare counts each command that the store told its witness of, and each in the journal.
func (s *redisStore) compare(r *record, recorded *texts) error {
	f, err := os.Open(s.witness.file)
	if err != nil {
		return fmt.Errorf("open what the witness wrote: %w", err)
	}
	defer f.Close()
	lines := bufio.NewReaderSize(f, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read what the witness wrote: %w", err)
		}
		// +1700000000.123456 [0 127.0.0.1:1234] "set" "k" "v"; what a script runs says lua instead of an address.
		_, rest, found := bytes.Cut(line, []byte(" ["))
		where, command, ok := bytes.Cut(rest, []byte("] "))
		if !found || !ok || bytes.HasSuffix(where, []byte(" lua")) {
			continue
		}
		r.logged++
		if recorded.take(commandKey(command)) {
			continue
		}
		if ownCommand.Match(command) {
			r.own++
		} else {
			r.missing = append(r.missing, string(command))
		}
	}
}

// commandKey is a command whose arguments are written in one way: MONITOR quotes them all, the record those that need it.
// The command's own name is in capitals.
func commandKey(line []byte) string {
	var key []byte
	line = bytes.TrimRight(line, "\r\n")
	for n := 0; ; n++ {
		line = bytes.TrimLeft(line, " ")
		if len(line) == 0 {
			return string(key)
		}
		start := len(key)
		if line[0] == '"' {
			key, line = unquote(key, line[1:])
		} else {
			word, rest, _ := bytes.Cut(line, []byte(" "))
			key, line = append(key, word...), rest
		}
		if n == 0 {
			copy(key[start:], bytes.ToUpper(key[start:]))
		}
		key = append(key, 0)
	}
}

// unquote appends an argument whose opening quote is passed, and returns what follows its closing one.
func unquote(key, line []byte) (more, rest []byte) {
	plain := map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', 'a': '\a', 'b': '\b'}
	for i := 0; i < len(line); i++ {
		c := line[i]
		if c == '"' {
			return key, line[i+1:]
		}
		if c != '\\' || i+1 == len(line) {
			key = append(key, c)
			continue
		}
		i++
		if line[i] == 'x' && i+2 < len(line) {
			if b, err := strconv.ParseUint(string(line[i+1:i+3]), 16, 8); err == nil {
				key, i = append(key, byte(b)), i+2
				continue
			}
		}
		if b, ok := plain[line[i]]; ok {
			key = append(key, b)
		} else {
			key = append(key, line[i])
		}
	}
	return key, nil
}
