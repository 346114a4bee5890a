package files

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseSCP(t *testing.T) {
	for line, want := range map[string]SCPCommand{
		"scp -t /srv":                   {Sink: true, Path: "/srv"},
		"scp -f /etc/hosts":             {Path: "/etc/hosts"},
		"scp -r -p -d -t -- -x":         {Sink: true, Recursive: true, Directory: true, Path: "-x"},
		"scp -prqvt .":                  {Sink: true, Recursive: true, Path: "."},
		"  /usr/bin/scp  -v -f '/a b' ": {Path: "/a b"},
		`scp -t "/a 'b' *"`:             {Sink: true, Path: "/a 'b' *"},
		"scp -f '$HOME'":                {Path: "$HOME"},
		"scp -f ~/x":                    {Path: "~/x"},
		"scp -f /a,b=c@d%e:f+g":         {Path: "/a,b=c@d%e:f+g"},
		"scp -t größe":                  {Sink: true, Path: "größe"},
	} {
		if got, ok := ParseSCP(line); !ok || got != want {
			t.Errorf("%q: %+v %v", line, got, ok)
		}
	}
	for _, line := range []string{
		"", "scp", "scp -t", "scp -t ''", "scp /a", "scp -t -f /a", "scp -t -t /a", "scp -r /a", "scp -t /a /b", "scp -tX /a", "scp -S x -t /a",
		"scp -t /a; id", "scp -t /a && id", "scp -t /a | cat", "scp -t /a\nid", "scp -t /a &", "scp -f $HOME", "scp -f `id`", "scp -f $(id)",
		"scp -f *.log", "scp -f /a?", "scp -f [ab]", "scp -f {a,b}", `scp -f /a\ b`, `scp -f "$HOME"`, "scp -f \"`id`\"", `scp -f "a\"b"`,
		"scp -f 'a'b", "scp -f a'b'", "scp -f 'a", `scp -f "a`, "scp -f /a >x", "scp -f </a", "scp -f /a #x", "X=1 scp -f /a", "./scp -f /a", "sudo scp -f /a",
		"scp - -f /a", "scp -f 'a\nb'", "scp -f a~\t", "scp -f ~a~b", "xscp -f /a", "/x/../y;/scp -f /a", "scp -f /a!b", "scp -f ^a", "scp -f (a)", "scp\t-f /a",
	} {
		if got, ok := ParseSCP(line); ok {
			t.Errorf("%q is %+v", line, got)
		}
	}
}

// talk is a conversation of SCP. Each line is what one side says, and what the others get by it: "C> bytes" from the client, "S> bytes"
// from the server; "=s bytes" the server gets, "=c bytes" the client.
func talk(t *testing.T, s *SCP, script string) error {
	t.Helper()
	unescape := strings.NewReplacer(`\0`, "\x00", `\1`, "\x01", `\2`, "\x02", `\n`, "\n")
	var server, client []byte
	check := func() {
		t.Helper()
		if len(server) > 0 || len(client) > 0 {
			t.Fatalf("the server got %q besides, the client %q", server, client)
		}
	}
	take := func(from *[]byte, want string) {
		t.Helper()
		if string(*from) != want {
			t.Fatalf("got %q, want %q", *from, want)
		}
		*from = nil
	}
	for _, line := range lines(script) {
		what, text := line[:2], unescape.Replace(strings.TrimPrefix(line[2:], " "))
		var toServer, toClient []byte
		var err error
		switch what {
		case "C>":
			check()
			toServer, toClient, err = s.FromClient([]byte(text))
		case "S>":
			check()
			toServer, toClient, err = s.FromServer([]byte(text))
		case "=s":
			take(&server, text)
		case "=c":
			take(&client, text)
		}
		server, client = append(server, toServer...), append(client, toClient...)
		if err != nil {
			return err
		}
	}
	check()
	return nil
}

func TestSCPTurns(t *testing.T) {
	for _, c := range []struct {
		name, command, talk, record string
	}{
		{"put", "scp -t /srv/", `
S> \0
=c \0
C> C0644 4 x\n
=s C0644 4 x\n
S> \0
=c \0
C> da
=s da
C> ta\0
=s ta\0
S> \0
=c \0
`, `
begin put /srv/x (mode 0644, 4 bytes)
end put /srv/x (mode 0644, 4 bytes) in 4 out 0 whole
`},
		{"a client that does not wait", "scp -d -t /srv", `
C> C0644 4 x\ndata\0C0600 1 y\ny\0
S> \0
=c \0
=s C0644 4 x\n
S> \0
=c \0
=s data\0
S> \0
=c \0
=s C0600 1 y\n
S> \0\0
=c \0\0
=s y\0
`, `
begin put /srv/x (mode 0644, 4 bytes)
end put /srv/x (mode 0644, 4 bytes) in 4 out 0 whole
begin put /srv/y (mode 0600, 1 bytes)
end put /srv/y (mode 0600, 1 bytes) in 1 out 0 whole
`},
		{"data that would be records, had the server not taken the file", "scp -t /srv/", `
S> \0
=c \0
C> C0644 16 x\nC0644 1 secret\ny\0
=s C0644 16 x\n
S> \1scp: /srv/x: Read-only\n
=c \1scp: /srv/x: Read-only\n\1your role does not let you do this\n
`, `
begin put /srv/x (mode 0644, 16 bytes)
end put /srv/x (mode 0644, 16 bytes) SCP_ERROR
deny put /srv/secret (mode 0644, 1 bytes)
`},
		{"a denied one of three", "scp -d -t /srv", `
S> \0
=c \0
C> T1 0 2 0\n
=s T1 0 2 0\n
S> \0
=c \0
C> C0644 4 secret\n
=c \1your role does not let you do this\n
C> C0644 0 x\n
=s C0644 0 x\n
S> \0
=c \0
C> \0
=s \0
S> \1no space\n
=c \1no space\n
C> \1scp: z: No such file\n
=s \1scp: z: No such file\n
`, `
deny put /srv/secret (mode 0644, 4 bytes)
begin put /srv/x (mode 0644, 0 bytes)
end put /srv/x (mode 0644, 0 bytes) SCP_ERROR
`},
		{"a client that cannot read all", "scp -t /srv/", `
S> \0
=c \0
C> C0644 4 x\n
=s C0644 4 x\n
S> \0
=c \0
C> \0\0\0\0\1scp: x: Input/output error\n
=s \0\0\0\0\1scp: x: Input/output error\n
S> \0
=c \0
`, `
begin put /srv/x (mode 0644, 4 bytes)
end put /srv/x (mode 0644, 4 bytes) in 4 out 0 SCP_ERROR
`},
		{"a server that tells early that it failed", "scp -t /srv/", `
S> \0
=c \0
C> C0644 4 x\n
=s C0644 4 x\n
S> \0
=c \0
C> da
=s da
S> \1scp: /srv/x: set mode\n
=c \1scp: /srv/x: set mode\n
C> ta\0
=s ta\0
C> C0644 0 y\n
=s C0644 0 y\n
S> \2gone\n
=c \2gone\n
C> C0644 0 z\n
`, `
begin put /srv/x (mode 0644, 4 bytes)
end put /srv/x (mode 0644, 4 bytes) in 4 out 0 SCP_ERROR
begin put /srv/y (mode 0644, 0 bytes)
end put /srv/y (mode 0644, 0 bytes) SCP_FATAL
`},
		{"names that are none", "scp -rt /srv/", `
S> \0
=c \0
C> C0644 4 ../secret/x\n
=c \1this name of a file is not taken\n
C> D0755 0 ..\n
=c \1this name of a file is not taken\n
C> C0644 4 /secret\n
=c \1this name of a file is not taken\n
C> C0644 4 .\n
=c \1this name of a file is not taken\n
`, `
refuse put /secret/x (mode 0644, 4 bytes)
refuse mkdir / (mode 0755)
refuse put /srv/secret (mode 0644, 4 bytes)
refuse put /srv (mode 0644, 4 bytes)
`},
		{"down and up again", "scp -rt /srv/", `
S> \0
=c \0
C> D0755 0 a\n
=s D0755 0 a\n
S> \0
=c \0
C> D0755 0 b\n
=s D0755 0 b\n
S> \0
=c \0
C> E\n
=s E\n
S> \0
=c \0
C> C0644 0 c\n
=s C0644 0 c\n
S> \1no\n
=c \1no\n
C> E\n
=s E\n
S> \0
=c \0
C> D0755 0 secret\n
=c \1your role does not let you do this\n
C> C0644 0 d\n
=s C0644 0 d\n
S> \1no\n
=c \1no\n
`, `
begin mkdir /srv/a (mode 0755)
end mkdir /srv/a (mode 0755)
begin mkdir /srv/a/b (mode 0755)
end mkdir /srv/a/b (mode 0755)
begin put /srv/a/c (mode 0644, 0 bytes)
end put /srv/a/c (mode 0644, 0 bytes) SCP_ERROR
deny mkdir /srv/secret (mode 0755)
begin put /srv/d (mode 0644, 0 bytes)
end put /srv/d (mode 0644, 0 bytes) SCP_ERROR
`},
		{"what may be the denied file itself", "scp -t /srv/secret", `
S> \0
=c \0
C> C0644 4 x\n
=c \1your role does not let you do this\n
`, "deny put /srv/secret/x or /srv/secret (mode 0644, 4 bytes)"},
		{"a path that nobody can tell", "scp -t ../x/", `
S> \0
=c \0
C> C0644 4 y\n
=s C0644 4 y\n
`, "begin put ../x/y (mode 0644, 4 bytes)"},
		{"get", "scp -pf /srv/x", `
C> \0
=s \0
S> T1 0 2 0\n
=c T1 0 2 0\n
C> \0
=s \0
S> C0600 4 x\n
=c C0600 4 x\n
C> \0
=s \0
S> data\0
=c data\0
C> \0
=s \0
`, `
begin get /srv/x (mode 0600, 4 bytes)
end get /srv/x (mode 0600, 4 bytes) in 0 out 4 whole
`},
		{"a client that says yes to all beforehand", "scp -f /srv/x", `
C> \0\0\0
=s \0
S> C0600 4 x\n
=c C0600 4 x\n
=s \0
S> data\0
=c data\0
=s \0
`, `
begin get /srv/x (mode 0600, 4 bytes)
end get /srv/x (mode 0600, 4 bytes) in 0 out 4 whole
`},
		{"a denied get", "scp -f /srv/secret", `
C> \0
=s \0
S> C0600 4 secret\n
=s \1your role does not let you do this\n
=c \1your role does not let you do this\n
`, "deny get /srv/secret (mode 0600, 4 bytes)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			command, ok := ParseSCP(c.command)
			if !ok {
				t.Fatal("no command")
			}
			gate := &ledger{deny: denying("/srv/secret", "/secret")}
			if err := talk(t, NewSCP(gate, command), c.talk); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(lines(c.record), gate.lines); diff != "" {
				t.Errorf("the record (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBrokenSCP(t *testing.T) {
	for _, c := range []struct {
		name, command, talk string
		server              bool
	}{
		{"no record", "scp -t /srv", "S> \\0\n=c \\0\nC> hello\\n", false},
		{"a record of another kind", "scp -t /srv", "S> \\0\n=c \\0\nC> X0644 1 x\\n", false},
		{"a mode of five digits", "scp -t /srv", "S> \\0\n=c \\0\nC> C00644 1 x\\n", false},
		{"a size below zero", "scp -t /srv", "S> \\0\n=c \\0\nC> C0644 -1 x\\n", false},
		{"a size with a sign", "scp -t /srv", "S> \\0\n=c \\0\nC> C0644 +1 x\\n", false},
		{"a size that is too large", "scp -t /srv", "S> \\0\n=c \\0\nC> C0644 18446744073709551617 x\\n", false},
		{"no name", "scp -t /srv", "S> \\0\n=c \\0\nC> C0644 1 \\n", false},
		{"an empty line", "scp -t /srv", "S> \\0\n=c \\0\nC> \\n", false},
		{"the end of no directory", "scp -rt /srv", "S> \\0\n=c \\0\nC> E\\n", false},
		{"an end that says more", "scp -rt /srv", "S> \\0\n=c \\0\nC> Ex\\n", false},
		{"times that are none", "scp -t /srv", "S> \\0\n=c \\0\nC> T1 2 3\\n", false},
		{"a line without end", "scp -t /srv", "S> \\0\n=c \\0\nC> C0644 1 " + strings.Repeat("x", maxRecord), false},
		{"more data than was said", "scp -t /srv", "S> \\0\n=c \\0\nC> C0644 1 x\\n\n=s C0644 1 x\\n\nS> \\0\n=c \\0\nC> xC0644 1 y\\n", false},
		{"a client that never waits", "scp -t /srv", "C> " + strings.Repeat("x", maxHeld+1), false},
		{"an answer to nothing", "scp -t /srv", "S> \\0\\0", true},
		{"noise", "scp -t /srv", "S> Welcome!\\n", true},
		{"an answer without end", "scp -t /srv", "S> \\1" + strings.Repeat("x", maxAnswers), true},
		{"a second file for one path", "scp -f /a", `C> \0
=s \0
S> C0644 0 a\n
=c C0644 0 a\n
C> \1no\n
=s \1no\n
S> C0644 0 b\n`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			command, ok := ParseSCP(c.command)
			if !ok {
				t.Fatal("no command")
			}
			gate := &ledger{}
			s := NewSCP(gate, command)
			var broken *ProtocolError
			if err := talk(t, s, c.talk); !errors.As(err, &broken) || broken.Server != c.server {
				t.Errorf("got %v", err)
			}
			s.Close()
			if gate.unended() != 0 {
				t.Errorf("not ended: %v", gate.open)
			}
		})
	}
}

// TestSCPEveryPiece cuts a conversation at every byte: the same passes, and the same is recorded.
// TestSCPHeldIsNotCopied has a client that sends all that it may before it is asked, for a server that answers one by one.
func TestSCPHeldIsNotCopied(t *testing.T) {
	s := NewSCP(&ledger{}, SCPCommand{Sink: true, Directory: true, Path: "/srv"})
	const files = 20_000
	if _, _, err := s.FromClient(bytes.Repeat([]byte("C0644 0 a-file-of-a-client-that-does-not-wait\n\x00"), files)); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var passed int
	for range 1 + 2*files {
		toServer, _, err := s.FromServer([]byte{scpOK})
		if err != nil {
			t.Fatal(err)
		}
		passed += len(toServer)
	}
	runtime.ReadMemStats(&after)
	if want := files * len("C0644 0 a-file-of-a-client-that-does-not-wait\n\x00"); passed != want {
		t.Errorf("%d bytes passed, want %d", passed, want)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 256<<20 {
		t.Errorf("%d MB were allocated for 1 MB of records", took>>20)
	}
}

func TestSCPEveryPiece(t *testing.T) {
	files := []byte("T1 0 2 0\nC0644 4 x\ndata\x00C0644 4 secret\nD0755 0 d\nC0644 0 y\n\x00E\n")
	run := func(cuts ...int) (server []byte, lines []string) {
		gate := &ledger{deny: denying("/srv/secret")}
		s := NewSCP(gate, SCPCommand{Sink: true, Directory: true, Path: "/srv"})
		from := 0
		take := func(down, _ []byte, err error) {
			if err != nil {
				t.Fatal(err)
			}
			server = append(server, down...)
		}
		take(s.FromServer([]byte{0}))
		for _, at := range append(cuts, len(files)) {
			take(s.FromClient(bytes.Clone(files[from:at])))
			for s.turn == answering || s.turn == finishing {
				take(s.FromServer([]byte{0}))
			}
			from = at
		}
		return server, gate.lines
	}
	server, lines := run()
	if want := strings.Replace(string(files), "C0644 4 secret\n", "", 1); string(server) != want {
		t.Fatalf("the server got %q", server)
	}
	for i := range files {
		for _, j := range []int{i, min(i+1, len(files)), min(i+9, len(files))} {
			if s, l := run(i, j); !bytes.Equal(s, server) || !cmp.Equal(l, lines) {
				t.Fatalf("cut at %d and %d: to the server %q, %v", i, j, s, l)
			}
		}
	}
}
