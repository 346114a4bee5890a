package reconcile

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

const csvSeed = `2026-11-22 12:00:00.000 UTC,"app","shop",123,"10.0.0.1:4711",6a.1,1,"idle",2026-11-22 11:00:00 UTC,3/1,0,LOG,00000,"statement: SELECT ""a"",
 1",,,,,,,,,"psql","client backend",,0
`

const generalSeed = `/usr/sbin/mariadbd, Version: 10.11. started with:
Tcp port: 3306  Unix socket: /s
Time		    Id Command	Argument
261123  2:05:53	     5 Connect	root@localhost on test using Socket
		     5 Query	select 1
, 2
2026-11-23T02:05:53.123456Z	    8 Execute	select 5
`

const jsonSeed = `{"timestamp":"2026-11-22 12:00:00.000 UTC","user":"app","dbname":"shop","error_severity":"LOG","message":"statement: SELECT 1"}
`

// FuzzReaders reads any bytes as each format: every byte is consumed, in bounded steps, and no line is made up.
func FuzzReaders(f *testing.F) {
	for _, seed := range []string{csvSeed, generalSeed, jsonSeed, "", "\n\n", "\"", strings.Repeat("\"\n", 100)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, format := range []Format{CSVLog, JSONLog, GeneralLog} {
			lines := newBuffer(bytes.NewReader(b))
			var r lineReader
			switch format {
			case CSVLog:
				r = &csvReader{lines: lines, zone: time.UTC}
			case JSONLog:
				r = &jsonReader{lines: lines, zone: time.UTC}
			default:
				r = &generalReader{lines: lines, zone: time.UTC}
			}
			interpret := newInterpreter(format)
			for n := 0; ; n++ {
				line, err := r.next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if n > bytes.Count(b, []byte("\n")) {
					t.Fatalf("%s: more lines than there are", format)
				}
				if line.Time.IsZero() && line.Time.Location() != time.UTC {
					t.Fatalf("%s: a line without its time", format)
				}
				interpret.entry(line)
			}
			if len(lines.b) != 0 {
				t.Fatalf("%s: %d bytes are left", format, len(lines.b))
			}
		}
		_, _ = sniff(newBuffer(bytes.NewReader(b)))
	})
}

func FuzzMessages(f *testing.F) {
	for _, seed := range []string{"statement: SELECT 1", "duration: 0.123 ms  execute <unnamed>: SELECT $1", "execute fetch from a/b: SELECT 1",
		"execute sallyport probe/sallyport probe: SELECT statement FROM pg_catalog.pg_cursors WHERE name OPERATOR(pg_catalog.=) $1",
		"fastpath function call: \"f\" (OID 5)", "AUDIT: SESSION,1,1,READ,SELECT,,,\"SELECT 1, \"\"a\"\"\",<none>", "duration: NaN ms  statement: x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, message string) {
		log := newPostgresLog()
		e, ok := log.entry(Line{Time: noon, User: "app", Session: "s", Severity: "LOG", Message: message})
		if ok && e.Source != ByAudit && !strings.Contains(e.Text, "function") && !strings.HasSuffix(message, e.Text) {
			t.Fatalf("%q was made of %q", e.Text, message)
		}
		if ok && (e.Began.After(noon) || e.Began.Before(noon.Add(-time.Hour*24*365*40))) {
			t.Fatalf("it began at %s", e.Began)
		}
	})
}

func FuzzShape(f *testing.F) {
	for _, seed := range []string{"SELECT 1", "select 'a''b', \"c\", $1, -5, 1e-5 /* c */ -- d", "$a$ x $a$", "x'00' E'\\''", "a-1", "'", "$$", "/*", "[redacted:card]"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, d := range []dialect{postgresSQL, mySQL} {
			if !standsFor(a, a, d) {
				t.Fatalf("%q does not stand for itself", a)
			}
			if standsFor(a, b, d) && !bytes.Equal(shape(nil, a, d), shape(nil, b, d)) {
				t.Fatalf("%q stands for %q, and their shapes differ", a, b)
			}
		}
		if !couldBe(kept([]byte(a)), []byte(strings.ReplaceAll(a, "[redacted:card]", "4111"))) && strings.Count(a, "[redacted") == strings.Count(a, "[redacted:card]") {
			t.Fatalf("%q could not be what it was made of", a)
		}
	})
}
