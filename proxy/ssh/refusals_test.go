package ssh

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/test/servers"
)

// TestRefusedRequests sends what cannot be served whoever asks: each is answered by no, unseen by the server, and on the record.
func TestRefusedRequests(t *testing.T) {
	server := startListener(t)
	g := startBefore(t, server, access.ClassExec, access.ClassListen)
	c := g.connect(t)
	channel, requests, err := c.OpenChannel(channelSession, nil)
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(requests)
	for _, q := range []struct {
		kind    string
		payload []byte
		text    string
	}{
		{requestPTY, []byte("\x00\x00\x00\x09xterm"), "9 bytes"},
		{requestEnv, []byte{0, 0}, "2 bytes"},
		{requestEnv, ssh.Marshal(envRequest{"LANG", strings.Repeat("x", maxEnv)}), "LANG"},
		{requestEnv, ssh.Marshal(envRequest{"LC_X=Y", "z"}), "LC_X=Y"},
		{requestEnv, ssh.Marshal(envRequest{"LC_ZERO", "a\x00b"}), "LC_ZERO"},
		{requestEnv, ssh.Marshal(envRequest{"", "no name"}), "15 bytes"},
		{requestSignal, ssh.Marshal(textRequest{"TERM\x00KILL"}), "13 bytes"},
		{requestSignal, ssh.Marshal(textRequest{"TERM"}), "TERM"}, // nothing runs
		{requestBreak, []byte{1}, "1 bytes"},
		{requestWindow, []byte{1, 2, 3}, "3 bytes"},
	} {
		if ok, err := channel.SendRequest(q.kind, true, q.payload); ok || err != nil {
			t.Errorf("%s of %s: %v, %v", q.kind, q.text, ok, err)
		}
		if e := g.statement(t, q.text); e.Verdict != audit.Deny || e.Command != q.kind || e.Reason == "" {
			t.Errorf("%s is recorded as %+v", q.kind, e)
		}
	}
	if ok, _, err := c.SendRequest(requestListenTCP, true, ssh.Marshal(tcpListen{"127.0.0.1", 1 << 16})); ok || err != nil {
		t.Errorf("a port beyond the last is listened at: %v", err)
	}
	if e := g.statement(t, "127.0.0.1:65536"); e.Verdict != audit.Deny || e.Command != requestListenTCP {
		t.Errorf("recorded as %+v", e)
	}
	for _, what := range server.all() {
		if what != channelSession {
			t.Errorf("the server has heard %q", what)
		}
	}
}

// TestFloodOfRefusals sends many requests that cannot be read: the record holds the first, and how many there were.
func TestFloodOfRefusals(t *testing.T) {
	g := startBefore(t, startListener(t), access.ClassExec)
	c := g.connect(t)
	channel, requests, err := c.OpenChannel(channelSession, nil)
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(requests)
	const flood = 1000
	for range flood {
		if _, err := channel.SendRequest(requestEnv, false, []byte{1}); err != nil {
			t.Fatal(err)
		}
	}
	if ok, err := channel.SendRequest(requestEnv, true, []byte{1}); ok || err != nil {
		t.Fatal(ok, err)
	}
	_ = c.Close()
	counted := g.statement(t, fmt.Sprintf("%d more requests", flood+1-maxRefusals))
	if counted.Verdict != audit.Deny {
		t.Errorf("recorded as %+v", counted)
	}
	single := 0
	g.find(t, func(e audit.Event) bool {
		if e.Type == audit.StatementBegin && e.Command == requestEnv {
			single++
		}
		return e.ID == counted.ID
	})
	if single != maxRefusals {
		t.Errorf("%d are recorded one by one, not %d", single, maxRefusals)
	}
}

// TestMoreThanAPacketHolds asks for a command of a megabyte: no packet holds it, so the connection ends, and the record says why.
func TestMoreThanAPacketHolds(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	if _, err := run(g.connect(t), strings.Repeat("x", 1<<20), nil); err == nil {
		t.Error("a command of a megabyte ran")
	}
	g.find(t, func(e audit.Event) bool {
		return e.Type == audit.SessionEnd && strings.Contains(e.Reason, "more than a packet holds")
	})
}
