// Command rediscommands prints the table of Redis's commands that proxy/redis embeds, from what a server itself tells of
// them (COMMAND): their classes by its ACL categories, and where their keys stand. Run it by go generate ./proxy/redis.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "rediscommands:", err)
		os.Exit(1)
	}
}

func run(out io.Writer) error {
	dir, err := os.MkdirTemp("", "rc-")
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "s")
	server := exec.Command("redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--dir", dir)
	if err := server.Start(); err != nil {
		return fmt.Errorf("start redis-server: %w", err)
	}
	defer func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	}()
	conn, err := dial(socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "COMMAND\r\n"); err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	answer, err := read(bufio.NewReader(conn))
	if err != nil {
		return err
	}
	var lines []string
	for _, c := range answer.([]any) {
		lines = append(lines, describe(c.([]any))...)
	}
	slices.Sort(lines)
	_, err = fmt.Fprint(out, strings.Join(lines, "\n")+"\n")
	return err
}

// dial waits until the server listens.
func dial(socket string) (net.Conn, error) {
	for deadline := time.Now().Add(10 * time.Second); ; {
		conn, err := net.Dial("unix", socket)
		if err == nil || time.Now().After(deadline) {
			return conn, err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// read decodes one answer of RESP2.
func read(r *bufio.Reader) (any, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	kind, line := line[0], strings.TrimRight(line[1:], "\r\n")
	switch kind {
	case '+':
		return line, nil
	case '-':
		return nil, errors.New(line)
	}
	n, err := strconv.Atoi(line)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read: %w", err)
	case kind == ':':
		return n, nil
	case n < 0:
		return nil, nil
	case kind == '$':
		b := make([]byte, n+2)
		_, err := io.ReadFull(r, b)
		return string(b[:n]), err
	}
	list := make([]any, n)
	for i := range list {
		if list[i], err = read(r); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// describe gives the lines of a command and of its subcommands.
func describe(c []any) []string {
	var lines []string
	if subs := c[9].([]any); len(subs) > 0 {
		for _, s := range subs {
			lines = append(lines, describe(s.([]any))...)
		}
		return lines
	}
	name := strings.ToUpper(c[0].(string))
	categories, flags := words(c[6]), words(c[2])
	fields := []string{name, class(name, categories)}
	if slices.Contains(flags, "blocking") {
		fields = append(fields, "blocking")
	}
	keys, incomplete := keySpecs(c[8].([]any))
	if incomplete || veiled[name] || fields[1] == "admin" {
		fields = append(fields, "veiled")
	}
	if whole[name] {
		fields = append(fields, "whole")
	}
	return []string{strings.Join(append(fields, keys...), " ")}
}

func words(v any) []string {
	var out []string
	for _, w := range v.([]any) {
		out = append(out, w.(string))
	}
	return out
}

// veiled are commands that touch keys which nobody names, besides those of which the server says so; whole are those that
// take everything away.
var (
	veiled = map[string]bool{"KEYS": true, "SCAN": true, "RANDOMKEY": true, "FLUSHALL": true, "FLUSHDB": true, "SWAPDB": true,
		"CLUSTER|GETKEYSINSLOT": true, "PUBSUB|CHANNELS": true, "PUBSUB|SHARDCHANNELS": true, "EVAL": true, "EVALSHA": true,
		"EVAL_RO": true, "EVALSHA_RO": true, "FCALL": true, "FCALL_RO": true, "FUNCTION|RESTORE": true}
	whole = map[string]bool{"FLUSHALL": true, "FLUSHDB": true}
)

// own are the classes that do not follow from categories. What every client library asks for on connecting must not need
// the right to administer.
var own = map[string]string{
	"INFO": "read", "ROLE": "read", "LASTSAVE": "read", "DBSIZE": "read", "TIME": "read", "LOLWUT": "read", "KEYS": "read", "SORT_RO": "read",
	"WATCH":    "read", // it tells whether keys change
	"FLUSHALL": "write", "FLUSHDB": "write", "SWAPDB": "write", "SORT": "write", "MIGRATE": "write", "RESTORE": "write",
	"RESTORE-ASKING": "write", "PUBLISH": "write", "SPUBLISH": "write",
	"UNSUBSCRIBE": "session", "PUNSUBSCRIBE": "session", "SUNSUBSCRIBE": "session", "WAIT": "session",
	"ACL|WHOAMI": "session", "ACL|CAT": "session", "ACL|GENPASS": "session",
	"SCRIPT|LOAD": "ddl", "SCRIPT|FLUSH": "ddl", "SCRIPT|EXISTS": "read", "SCRIPT|KILL": "admin", "SCRIPT|DEBUG": "admin",
	"FUNCTION|LOAD": "ddl", "FUNCTION|DELETE": "ddl", "FUNCTION|FLUSH": "ddl", "FUNCTION|RESTORE": "ddl", "FUNCTION|KILL": "admin",
	"FUNCTION|LIST": "read", "FUNCTION|DUMP": "read", "FUNCTION|STATS": "read",
	"EVAL": "write", "EVALSHA": "write", "FCALL": "write", "EVAL_RO": "read", "EVALSHA_RO": "read", "FCALL_RO": "read",
	"CLUSTER|REPLICAS": "read", "CLUSTER|SLAVES": "read", "MEMORY|PURGE": "admin", "MEMORY|DOCTOR": "read", "MEMORY|STATS": "read",
	"MEMORY|MALLOC-STATS": "read",
}

func class(name string, categories []string) string {
	has := func(category string) bool { return slices.Contains(categories, category) }
	switch {
	case own[name] != "":
		return own[name]
	case strings.HasSuffix(name, "|HELP"):
		return "session"
	case has("@admin"), has("@dangerous"):
		return "admin"
	case has("@transaction"):
		return "transaction"
	case has("@connection"):
		return "session"
	case has("@pubsub"), has("@read"), strings.HasPrefix(name, "CLUSTER|"):
		return "read"
	case has("@write"):
		return "write"
	}
	return "other"
}

// keySpecs writes where keys stand as key=BEGIN,LAST,STEP,LIMIT and num=BEGIN,NUMBER,FIRST,STEP, where BEGIN is an index or
// WORD+FROM; incomplete says that there are others.
func keySpecs(specs []any) (out []string, incomplete bool) {
	for _, v := range specs {
		spec := fields(v)
		flags := words(spec["flags"])
		if slices.Contains(flags, "not_key") {
			continue
		}
		begin, find := fields(spec["begin_search"]), fields(spec["find_keys"])
		if slices.Contains(flags, "incomplete") || begin["type"] == "unknown" || find["type"] == "unknown" {
			incomplete = true
		}
		where, how := fields(begin["spec"]), fields(find["spec"])
		var at string
		switch begin["type"] {
		case "index":
			at = strconv.Itoa(where["index"].(int))
		case "keyword":
			at = fmt.Sprintf("%s%+d", where["keyword"], where["startfrom"])
		default:
			continue
		}
		switch find["type"] {
		case "range":
			out = append(out, fmt.Sprintf("key=%s,%d,%d,%d", at, how["lastkey"], how["keystep"], how["limit"]))
		case "keynum":
			out = append(out, fmt.Sprintf("num=%s,%d,%d,%d", at, how["keynumidx"], how["firstkey"], how["keystep"]))
		}
	}
	return out, incomplete
}

// fields makes a map of a list of names and values.
func fields(v any) map[string]any {
	list := v.([]any)
	out := make(map[string]any, len(list)/2)
	for i := 0; i+1 < len(list); i += 2 {
		out[list[i].(string)] = list[i+1]
	}
	return out
}
