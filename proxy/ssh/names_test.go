package ssh

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// TestLongNames comes with names of which a flood could fill the record, known or not.
func TestLongNames(t *testing.T) {
	long := strings.Repeat("x", 100<<10)
	for name, test := range map[string]struct{ user, token, resource string }{
		"person, unknown": {long, "an unknown key", "web-1"},
		"person":          {long, proxytest.Token, "web-1"},
		"resource":        {proxytest.User, proxytest.Token, long},
		"account":         {proxytest.User, proxytest.Token, "web-1/" + long},
	} {
		t.Run(name, func(t *testing.T) {
			g := startBefore(t, startListener(t), access.ClassExec)
			c, err := dial(g.Native, test.user, test.token, test.resource, &strings.Builder{})
			if err == nil {
				_, err = run(c, "id", nil)
				_ = c.Close()
			}
			if err == nil || len(err.Error()) > 4<<10 {
				t.Errorf("told %d bytes: %.200v", len(err.Error()), err)
			}
			for _, e := range g.find(t, func(e audit.Event) bool { return e.Type == audit.SessionDenied || e.Type == audit.SessionEnd }) {
				b, err := json.Marshal(e)
				if err != nil || len(b) > 4<<10 {
					t.Errorf("%s is recorded in %d bytes, %v", e.Type, len(b), err)
				}
			}
		})
	}
}

// TestNamesThatPaint comes with names that would move the cursor of whoever reads them: a link that somebody follows may hold any.
func TestNamesThatPaint(t *testing.T) {
	g := startBefore(t, startListener(t), access.ClassExec)
	for _, resource := range []string{"\x1b]0;owned\x07", "web-1\x9b2J", "web-1/\x1b[2J", "web\u202e-1"} {
		told := &strings.Builder{}
		c, err := dial(g.Native, proxytest.User, proxytest.Token, resource, told)
		if err == nil {
			_, err = run(c, "id", nil)
			_ = c.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "sallyport: ") || strings.ContainsAny(err.Error(), "\x1b\x07\u009b\u202e\ufffd") {
			t.Errorf("%q: told %q", resource, err)
		}
	}
}

// FuzzNativeUser wants that what is before the first # is the person, so that nobody is taken for somebody else.
func FuzzNativeUser(f *testing.F) {
	for _, name := range []string{"alice@acme.com#web-1", "alice#web-1/deploy", "#", "a##b", "a/b#c/d/e", "alice", "alice#", "\x00#\xff/", "ａlice#web-1"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		person, resource, account := proxy.NativeUser(name)
		if strings.Contains(person, "#") || strings.Contains(resource, "/") || !strings.HasPrefix(name, person) {
			t.Errorf("%q is %q, %q, %q", name, person, resource, account)
		}
		rest := strings.TrimPrefix(name, person)
		if again := "#" + resource + "/" + account; rest != "" && rest != again && rest+"/" != again {
			t.Errorf("%q lost something: %q, %q, %q", name, person, resource, account)
		}
	})
}

// FuzzSentence wants one line without anything that a terminal would take for more than words.
func FuzzSentence(f *testing.F) {
	f.Add("you may not open \x1b]0;x\x07")
	f.Add("\xc2\x9b2J\u202e\r\n")
	f.Fuzz(func(t *testing.T, words string) {
		said := sentence(&proxy.Refusal{Sentence: words})
		line, ended := strings.CutSuffix(said, "\r\n")
		if !ended || !strings.HasPrefix(line, "sallyport: ") {
			t.Errorf("%q", said)
		}
		for _, r := range line {
			if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e {
				t.Errorf("%q holds %q", said, r)
			}
		}
	})
}
