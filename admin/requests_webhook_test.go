package admin_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/admin"
)

// delivery is what a webhook was sent.
type delivery struct {
	header http.Header
	body   []byte
}

// hook is a webhook that answers with the given statuses, then with 200.
func hook(t *testing.T, statuses ...int) (*httptest.Server, <-chan delivery) {
	t.Helper()
	got := make(chan delivery, 100)
	n := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		status := 200
		if n < len(statuses) {
			status = statuses[n]
		}
		n++ // one outbox posts one notice at a time
		if status == http.StatusFound {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
		got <- delivery{r.Header, body}
	}))
	t.Cleanup(server.Close)
	return server, got
}

func secretFile(t *testing.T, secret string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

type slackMessage struct {
	Text   string
	Blocks []struct {
		Type     string
		Text     struct{ Type, Text string }
		Elements []struct{ Type, URL string }
	}
}

// The notice of a request, signed, tried again, with a link by which an approver who is signed in approves; after that
// the link is good for nothing.
func TestNoticeOfARequest(t *testing.T) {
	const secret = "a-key-of-at-least-16-bytes"
	server, got := hook(t, http.StatusServiceUnavailable)
	d := newDeskWith(t, func(c *admin.Config) {
		c.AccessRequests = admin.AccessRequests{URL: "https://sally.acme.com/", Webhooks: []admin.Webhook{
			{URL: server.URL + "/T0/B0/secret-part", SecretFile: secretFile(t, secret), AllowLoopback: true},
		}}
	})
	r := d.ask("bob", object{"resource": "orders-db", "role": "writers", "reason": "<!channel> look: <https://evil.example|click> & run"}, 201)
	refused, taken := <-got, <-got
	if string(refused.body) != string(taken.body) || refused.header.Get("X-Sallyport-Delivery") != taken.header.Get("X-Sallyport-Delivery") {
		t.Error("the second try is another notice")
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(taken.header.Get("X-Sallyport-Timestamp") + "."))
	mac.Write(taken.body)
	if want := "v1=" + hex.EncodeToString(mac.Sum(nil)); taken.header.Get("X-Sallyport-Signature") != want {
		t.Errorf("signature %q, want %q", taken.header.Get("X-Sallyport-Signature"), want)
	}
	var m slackMessage
	if err := json.Unmarshal(taken.body, &m); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(m.Text, "bob asks for orders-db") {
		t.Errorf("text %q", m.Text)
	}
	link := ""
	for _, b := range m.Blocks {
		if b.Type == "section" && b.Text.Type != "" && b.Text.Type != "plain_text" {
			t.Errorf("what people wrote is shown with marks: %+v", b)
		}
		for _, e := range b.Elements {
			link = e.URL
		}
	}
	path, token, ok := strings.Cut(link, "#")
	if !ok || path != "https://sally.acme.com/requests/"+r.ID {
		t.Fatalf("link %q", link)
	}
	say := func(user, token string, status int) {
		t.Helper()
		d.must(d.by[user], "POST", "/requests/"+r.ID+"/approve", object{"token": token}, status)
	}
	d.must(who{}, "POST", "/requests/"+r.ID+"/approve", object{"token": token}, 401) // the link alone is nobody's proof
	say("bob", token, 403)                                                           // nor does it make one's own request approved
	say("eve", token, 404)
	say("alice", "forged", 403)
	say("alice", token, 200)
	say("lea", token, 200)
	if last := d.acts("requests.approve"); len(last) != 2 || !strings.Contains(last[1].After, `"via":"link"`) {
		t.Errorf("recorded: %+v", last)
	}
	other := d.ask("bob", object{"resource": "orders-db", "role": "writers"}, 201)
	d.must(d.by["alice"], "POST", "/requests/"+other.ID+"/approve", object{"token": token}, 403)
	if log := d.log.String(); strings.Contains(log, "secret-part") || strings.Contains(log, token) {
		t.Errorf("the log tells secrets: %s", log)
	}
}

// What a webhook may not be. Addresses are judged when they are dialled, so a name that stands for another address
// later gains nothing: the names here stand for loopback.
func TestWebhookGoesNowhereElse(t *testing.T) {
	l, err := net.Listen("tcp", ":0") // every address of this machine
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	from := make(chan string, 100)
	go func() {
		defer close(from)
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			from <- conn.RemoteAddr().String()
			_ = conn.Close()
		}
	}()
	defer func() {
		_ = l.Close()
		for range from { // until it has ended
		}
	}()
	for _, address := range []string{"https://127.0.0.1:" + port, "https://localhost:" + port, "https://[::1]:" + port, "https://[::ffff:127.0.0.1]:" + port,
		"https://169.254.169.254", "https://10.0.0.1", "https://0.0.0.0:" + port, "https://[64:ff9b::7f00:1]", "https://[fd00:ec2::254]"} {
		d := newDeskWith(t, func(c *admin.Config) { c.AccessRequests.Webhooks = []admin.Webhook{{URL: address}} })
		d.ask("bob", object{"resource": "orders-db", "role": "writers"}, 201)
		eventually(t, address, func() bool { return strings.Contains(d.log.String(), "an address that is not allowed") })
	}
	// Connections are accepted in order: with nobody else's before it, ours is the first.
	ours, err := net.Dial("tcp4", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	if first, _, _ := strings.Cut(strings.TrimPrefix(<-from, "[::ffff:"), "]"); first != ours.LocalAddr().String() {
		t.Errorf("%s has connected to this machine", first)
	}
	for name, tt := range map[string]struct {
		hook  admin.Webhook
		words string
	}{
		"plain":       {admin.Webhook{URL: "http://hooks.example.com/x"}, "begins with https://"},
		"plain local": {admin.Webhook{URL: "http://127.0.0.1/x"}, "begins with https://"},
		"none":        {admin.Webhook{}, "either url or url_file"},
		"both":        {admin.Webhook{URL: "https://a.example", URLFile: "b"}, "either url or url_file"},
		"login in it": {admin.Webhook{URL: "https://user:secret@a.example"}, "no address of a webhook"},
		"not one":     {admin.Webhook{URL: "hooks.example.com"}, "no address of a webhook"},
	} {
		c := admin.AccessRequests{Webhooks: []admin.Webhook{tt.hook}}
		err := c.Validate()
		if err == nil || !strings.Contains(err.Error(), tt.words) || !strings.Contains(err.Error(), "webhooks[0].url") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWebhookFollowsNoRedirect(t *testing.T) {
	server, got := hook(t, http.StatusFound)
	d := newDeskWith(t, func(c *admin.Config) {
		c.AccessRequests.Webhooks = []admin.Webhook{{URL: server.URL, AllowLoopback: true}}
	})
	d.ask("bob", object{"resource": "orders-db", "role": "writers"}, 201)
	<-got
	eventually(t, "the log", func() bool { return strings.Contains(d.log.String(), "answered 302") })
	if len(got) != 0 {
		t.Error("the redirect was followed")
	}
}
