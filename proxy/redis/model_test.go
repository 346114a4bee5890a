package redis

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/test/servers"
)

// watcher reads what a store runs, from its own MONITOR.
type watcher struct {
	conn  net.Conn
	lines *bufio.Reader
}

func watch(t *testing.T, store *servers.Redis) *watcher {
	t.Helper()
	conn, err := net.Dial("unix", store.Socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	w := &watcher{conn, bufio.NewReader(conn)}
	if _, err := conn.Write([]byte("MONITOR\r\n")); err != nil {
		t.Fatal(err)
	}
	if line, err := w.lines.ReadString('\n'); err != nil || line != "+OK\r\n" {
		t.Fatalf("monitor: %q, %v", line, err)
	}
	return w
}

// until gives the commands that ran up to an ECHO of the mark, as they are written in the record.
func (w *watcher) until(t *rapid.T, mark string) (ran []string) {
	for {
		_ = w.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		line, err := w.lines.ReadString('\n')
		if err != nil {
			t.Fatalf("monitor: %v, after %q", err, ran)
		}
		_, said, _ := strings.Cut(line, "] ")
		a := &args{}
		var ok bool
		if a.b, a.at, ok = splitWords([]byte(said), nil, nil); !ok {
			t.Fatalf("monitor says %q", line)
		}
		if a.is(0, "ECHO") && string(a.get(1)) == mark {
			return ran
		}
		ran = append(ran, string(appendText(nil, a)))
	}
}

// drawCommand draws a command; salary says that rules deny some.
func drawCommand(t *rapid.T, salary bool) []string {
	key := rapid.SampledFrom([]string{"a", "b:1", "c d", "\x00\xff"}).Draw(t, "key")
	forms := [][]string{{"SET", key, rapid.StringN(0, 5, 40).Draw(t, "value")}, {"GET", key}, {"INCR", key}, {"LPUSH", key, "x"}, {"DEL", key}, {"MGET", key, "none"}, {"NOSUCH", "x"}, {"ECHO", "e"}}
	if salary {
		forms = append(forms, []string{"GET", "salary:1"}, []string{"MGET", "a", "salary:2"})
	}
	return rapid.SampledFrom(forms).Draw(t, "command")
}

// Whatever a client sends, and in whatever pieces, each command is answered once and in order, and the record holds just
// what the store says that it ran, and what was denied.
func TestModel(t *testing.T) {
	store := servers.StartRedis(t, servers.RedisOptions{})
	resource := access.Resource{Name: "cache", Protocol: "redis", Address: store.Addr(), SSLMode: access.SSLDisable}
	for _, salary := range []bool{false, true} {
		t.Run(fmt.Sprintf("rules %v", salary), func(t *testing.T) {
			g := proxytest.Start(t, proxytest.Options{Protocol: New(0), Store: resource})
			if salary {
				g.Govern(t, access.Role{Statements: &access.StatementRules{DenyTables: []string{"salary:*"}}})
			}
			through, seen := signIn(t, g), watch(t, store)
			answers := bufio.NewReader(through.conn)
			number, known := 0, 0
			events := func() []audit.Event { return g.Journal.Events(t) }
			rapid.Check(t, func(t *rapid.T) {
				number++
				_ = through.conn.SetDeadline(time.Now().Add(20 * time.Second))
				var stream []byte
				count, want := 0, []string(nil)
				for range rapid.IntRange(1, 30).Draw(t, "commands") {
					words := drawCommand(t, salary)
					stream = append(stream, sent(words...)...)
					count++
					text := string(appendText(nil, argsOf(words...)))
					if !strings.Contains(text, "salary") && words[0] != "NOSUCH" { // which the store refuses to run
						want = append(want, text)
					}
				}
				mark := fmt.Sprint("mark", number)
				stream = append(stream, sent("ECHO", mark)...)
				for len(stream) > 0 {
					n := rapid.IntRange(1, len(stream)).Draw(t, "piece")
					if _, err := through.conn.Write(stream[:n]); err != nil {
						t.Fatal(err)
					}
					stream = stream[n:]
				}
				for range count {
					readAnswer(t, answers)
				}
				if last := readAnswer(t, answers); last != mark {
					t.Fatalf("the last answer is %q, want %q", last, mark)
				}
				if ran := seen.until(t, mark); !slices.Equal(ran, want) {
					t.Fatalf("ran %q, want %q", ran, want)
				}
				known = checkRecorded(t, events(), known, want, mark)
			})
		})
	}
}

// readAnswer reads one answer, and gives the text of a bulk string.
func readAnswer(t *rapid.T, r *bufio.Reader) string {
	line, err := r.ReadString('\n')
	if err != nil {
		t.Fatalf("answer: %v", err)
	}
	n, _ := strconv.Atoi(strings.TrimSpace(line[1:]))
	switch {
	case line[0] == '$' && n >= 0:
		b := make([]byte, n+2)
		for at := 0; at < len(b); {
			got, err := r.Read(b[at:])
			if err != nil {
				t.Fatalf("answer: %v", err)
			}
			at += got
		}
		return string(b[:n])
	case line[0] == '*':
		for range max(0, n) {
			readAnswer(t, r)
		}
	}
	return line
}

// checkRecorded compares what was recorded since the first known events with what ran.
func checkRecorded(t *rapid.T, events []audit.Event, known int, want []string, mark string) int {
	var recorded []string
	for _, e := range events[min(known, len(events)):] {
		if e.Type != audit.StatementBegin || e.Verdict == audit.Deny {
			continue
		}
		for line := range strings.SplitSeq(e.Statement.String(), "\n") {
			if !strings.HasPrefix(line, "NOSUCH") {
				recorded = append(recorded, line)
			}
		}
	}
	if want = append(want, "ECHO "+mark); !slices.Equal(recorded, want) {
		t.Fatalf("recorded %q, want %q", recorded, want)
	}
	return len(events)
}
