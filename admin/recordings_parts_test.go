package admin_test

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/recording"
)

type recordedPart struct {
	Seconds, From, To float64
	Over, Last        bool
	Cols, Rows        int
	Init              string
	Events            []struct {
		At         float64
		Kind, Data string
	}
}

// TestRecordingInParts reads a recording that does not fit into one answer, part by part and from its middle.
func TestRecordingInParts(t *testing.T) {
	x := newTerminals(t)
	root := x.start()
	carol := x.auditor(root)
	e := x.shell("control")
	w := x.record(x.own, e)
	var whole strings.Builder
	for i := range 60 {
		text := strings.Repeat(fmt.Sprintf("%05d ü\r\n", i), 4_000)
		whole.WriteString(text)
		x.output(w, text)
	}
	if err := w.Resize(100, 30); err != nil {
		t.Fatal(err)
	}
	part := func(from float64) (p recordedPart) {
		t.Helper()
		x.must(carol, "GET", fmt.Sprintf("/recordings/%s/part?from=%.6f", e.ID, from), nil, 200).decode(t, &p)
		return p
	}
	if p := part(0); p.Over || p.Last {
		t.Errorf("while it grows: %+v", p)
	}
	x.end(e, w)

	var shown strings.Builder
	parts, middle := 0, 0.0
	for from, last := 0.0, false; !last; parts++ {
		p := part(from)
		if p.From != from || p.To < from || !p.Over || p.Seconds < p.To {
			t.Fatalf("from %f: %f to %f of %f, over %t", from, p.From, p.To, p.Seconds, p.Over)
		}
		if parts == 0 {
			shown.WriteString(strings.TrimPrefix(p.Init, "\x1bc"))
		}
		size := 0
		for _, e := range p.Events {
			if e.Kind == "o" {
				shown.WriteString(e.Data)
				size += len(e.Data)
			}
		}
		if size > 1<<20 {
			t.Errorf("a part of %d bytes", size)
		}
		if parts == 2 {
			middle = from
		}
		from, last = p.To, p.Last
	}
	if shown.String() != whole.String() || parts < 4 {
		t.Errorf("%d parts show %d bytes, not the %d that were", parts, shown.Len(), whole.Len())
	}
	if p := part(middle); !strings.HasPrefix(p.Init, "\x1bc0") || !strings.Contains(whole.String(), strings.TrimPrefix(p.Init, "\x1bc")) || len(p.Init) < 10_000 {
		t.Errorf("the screen in the middle: %d bytes, %.40q", len(p.Init), p.Init)
	}
	if p := part(1e6); len(p.Events) != 0 || !p.Last || p.From != p.Seconds || p.Cols != 100 || p.Rows != 30 {
		t.Errorf("behind the end: %+v", p)
	}
	x.must(carol, "GET", "/recordings/"+e.ID+"/part?from=-1", nil, 422)
	x.must(who{}, "GET", "/recordings/"+e.ID+"/part", nil, 401)
	if got := x.readings(e.ID); len(got) != 1 || !strings.HasPrefix(got[0], "carol recordings.read ") {
		t.Errorf("the record has %q, want one act of reading", got)
	}
	part2 := x.must(root, "GET", "/recordings/"+e.ID+"/part", nil, 200)
	if len(part2.body) == 0 || len(x.readings(e.ID)) != 2 {
		t.Errorf("another reader: %q", x.readings(e.ID))
	}
}

// TestRecordedInput shows a shell without a terminal as a terminal would, and lists the lines that it was sent.
func TestRecordedInput(t *testing.T) {
	x := newTerminals(t)
	root := x.start()
	e := x.shell("control")
	w, err := x.own.Record(recording.Header{Statement: e.ID, Session: e.Session, User: e.User, Resource: e.Resource, Command: "shell", Started: e.Time, Input: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []error{w.Input([]byte("uname -s\nid"), false), w.Output([]byte("Linux\n"), false), w.Input([]byte(" -u\n\n\x1b[31mexit\n"), false),
		w.Output([]byte("0\n"), false)} {
		if step != nil {
			t.Fatal(step)
		}
	}
	x.end(e, w)
	var p recordedPart
	x.must(root, "GET", "/recordings/"+e.ID+"/part?from=0", nil, 200).decode(t, &p)
	shown := p.Init
	for _, e := range p.Events {
		if e.Kind == "o" {
			shown += e.Data
		}
	}
	if want := "\x1bcLinux\r\n0\r\n"; shown != want {
		t.Errorf("shown %q, want %q", shown, want)
	}
	if whole := x.must(root, "GET", "/recordings/"+e.ID, nil, 200); !strings.Contains(string(whole.body), `"Linux\n"`) {
		t.Errorf("the file has not what was sent: %s", whole.body)
	}
	var typed struct{ Items []struct{ Line string } }
	x.must(root, "GET", "/recordings/"+e.ID+"/input", nil, 200).decode(t, &typed)
	want := []struct{ Line string }{{"uname -s"}, {"id -u"}, {"[31mexit"}}
	if diff := cmp.Diff(want, typed.Items); diff != "" {
		t.Error(diff)
	}
}

// TestSearchingRecordings finds recordings by who and where, and by what they showed.
func TestSearchingRecordings(t *testing.T) {
	x := newTerminals(t)
	root := x.start()
	carol := x.auditor(root)
	names := map[string]string{}
	shell := func(name, user, resource, shown string, open bool) {
		e := &audit.Event{Type: audit.StatementBegin, Class: "shell", Command: "shell", Statement: audit.Text{Bytes: []byte("shell")},
			Scope: audit.Scope{Gateway: "control", Session: shellSession, User: user, Resource: resource, Account: "deploy", Protocol: "ssh"}}
		if err := x.journal.Append(e); err != nil {
			t.Fatal(err)
		}
		names[e.ID] = name
		w := x.record(x.own, e)
		x.output(w, shown)
		if !open {
			x.end(e, w)
		}
	}
	shell("alice at web-1", "alice@acme.com", "web-1", "mysql> DROP TABLE orders;\r\n", false)
	shell("alice at web-2", "alice@acme.com", "web-2", "ls\r\n", false)
	shell("bob at web-1", "bob@acme.com", "web-1", "drop table customers\r\n", true)
	shell("odd", `o"dd\`, "web-1", "nothing", false)

	type info struct {
		Statement, User string
		Growing         bool
	}
	list := func(query string) (found []string) {
		t.Helper()
		var l struct{ Items []info }
		x.must(carol, "GET", "/recordings?"+query, nil, 200).decode(t, &l)
		for _, i := range l.Items {
			found = append(found, names[i.Statement])
		}
		return found
	}
	for query, want := range map[string][]string{
		"":                                 {"odd", "bob at web-1", "alice at web-2", "alice at web-1"},
		"user=alice":                       {"alice at web-2", "alice at web-1"},
		"user=alice&resource=web-1":        {"alice at web-1"},
		"open=true":                        {"bob at web-1"},
		"over=true":                        {"odd", "alice at web-2", "alice at web-1"},
		"user=" + url.QueryEscape(`o"dd\`): {"odd"},
		"command=exec":                     nil,
		"until=2020-01-01T00:00:00Z":       nil,
		"longer=3600":                      nil,
		"session=" + shellSession:          {"alice at web-1", "alice at web-2", "bob at web-1", "odd"},
	} {
		if diff := cmp.Diff(want, list(query)); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}

	var f struct {
		Items []struct {
			Recording info
			Hits      []struct{ Line string }
		}
		Searched, Absent int
		Partial          bool
		Next             string
	}
	x.must(carol, "GET", "/recordings/search?resource=web-1&q=drop+table", nil, 200).decode(t, &f)
	var hits []string
	for _, i := range f.Items {
		for _, h := range i.Hits {
			hits = append(hits, names[i.Recording.Statement]+": "+h.Line)
		}
	}
	if diff := cmp.Diff([]string{"bob at web-1: drop table customers", "alice at web-1: mysql> DROP TABLE orders;"}, hits); diff != "" {
		t.Error(diff)
	}
	if f.Searched != 3 || f.Absent != 0 || f.Partial || f.Next != "" {
		t.Errorf("%+v", f)
	}
	if acts := x.readings(`"*"`); len(acts) != 1 || !strings.Contains(acts[0], `"q":"drop table"`) {
		t.Errorf("the record has %q", acts)
	}
	for id, name := range names {
		if told := len(x.readings(id)); (told == 1) != strings.HasSuffix(name, "at web-1") {
			t.Errorf("%s: %d acts", name, told)
		}
	}
	x.must(carol, "GET", "/recordings/search?q=x&cursor=nonsense", nil, 400)
	x.must(who{}, "GET", "/recordings/search?q=x", nil, 401)
}

// TestRecordingThatEndsTooSoon is of files whose end is not there any more, though the record says that it was: no crash has left them so.
func TestRecordingThatEndsTooSoon(t *testing.T) {
	x := newTerminals(t)
	root := x.start()
	e, torn := x.shell("control"), x.shell("control")
	for _, one := range []*audit.Event{e, torn} {
		w := x.record(x.own, one)
		x.output(w, "all that was shown")
		x.end(one, w)
	}
	state, err := x.own.Entry(torn.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(state.Path, state.Size-3); err != nil {
		t.Fatal(err)
	}
	x.must(root, "GET", "/recordings/"+e.ID+"/find?q=none", nil, 200)
	var p recordedPart
	x.must(root, "GET", "/recordings/"+torn.ID+"/part", nil, 200).decode(t, &p)
	if len(p.Events) != 1 || p.Last {
		t.Errorf("%+v", p)
	}
	for _, path := range []string{fmt.Sprintf("/part?from=%.6f", p.To), "/find?q=none"} {
		if d := x.must(root, "GET", "/recordings/"+torn.ID+path, nil, 500).detail(t); !strings.Contains(d, "damaged") {
			t.Errorf("%s: %s", path, d)
		}
	}
}
