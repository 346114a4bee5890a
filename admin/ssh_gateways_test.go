package admin_test

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/link"
)

func TestFirstHostKeyIsPinned(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.addServer(root, object{"record_input": true})
	p.directory.SetControl(p.service)
	_, first := publicSSHKey(t)
	_, second := publicSSHKey(t)
	errs := make(chan error, 2)
	for _, key := range []string{first, second} { // two sessions at once
		go func() { errs <- p.directory.PinHostKey(t.Context(), "web-1", "session-1", key) }()
	}
	one, two := <-errs, <-errs
	if (one == nil) == (two == nil) {
		t.Fatalf("both: %v, %v", one, two)
	}
	if err := errors.Join(one, two); !strings.Contains(err.Error(), "another host key of web-1") {
		t.Error(err)
	}
	r, ok := p.directory.Resource(t.Context(), "web-1")
	if !ok || len(r.SSH.HostKeys) != 1 || !r.SSH.RecordInput {
		t.Fatalf("the resource says %+v", r.SSH)
	}
	if err := p.directory.PinHostKey(t.Context(), "web-1", "session-2", r.SSH.HostKeys[0]); err != nil {
		t.Errorf("the same key again: %v", err)
	}
	events, _ := p.record.since(0)
	pins := 0
	for _, e := range events {
		if e.Action == "resources.pin-host-key" && e.Target == "web-1" {
			pins++
			if e.User != "gateway:gw-1" || !strings.Contains(e.After, `"session":"session-1"`) || !strings.Contains(e.After, r.SSH.HostKeys[0]) {
				t.Errorf("recorded: %+v", e)
			}
		}
	}
	if pins != 1 {
		t.Errorf("%d pins are on the record", pins)
	}
	for _, resource := range []string{"orders-db", "nothing"} {
		if err := p.directory.PinHostKey(t.Context(), resource, "s", first); err == nil {
			t.Errorf("pinned at %s", resource)
		}
	}
	p.must(root, "POST", "/resources", object{"name": "web-2", "protocol": "ssh", "address": "10.0.0.10:22", "accounts": object{}}, 201)
	for _, text := range []string{"hello", first + "\n" + second, "no-pty " + first, certificateLine(t)} { // which would keep everybody out
		if err := p.directory.PinHostKey(t.Context(), "web-2", "s", text); err == nil {
			t.Errorf("pinned: %s", text)
		}
	}
	if r, _ := p.directory.Resource(t.Context(), "web-2"); r.SSH != nil {
		t.Errorf("web-2 says %+v", r.SSH)
	}

	// One of several that an admin has given meanwhile is no other.
	p.must(root, "PUT", "/resources/web-1", object{"name": "web-1", "protocol": "ssh", "address": "10.0.0.9:22", "ssh": object{"host_keys": []string{first, second}},
		"accounts": object{}}, 200)
	if err := p.directory.PinHostKey(t.Context(), "web-1", "session-3", second); err != nil {
		t.Errorf("a key that is known: %v", err)
	}
}

func TestRemoteGatewayServesSSH(t *testing.T) {
	l := newLinkedPlaneWith(t, func(c *admin.Config) { c.URL = "https://sally.acme.com" })
	l.addServer(l.root, object{})
	id := l.join("gw-1")
	l.must(l.root, "PUT", "/gateways/gw-1", object{"name": "gw-1", "tunnel": "gw-1.acme.com:7443", "hosts": []string{"10.1.2.3"}}, 200)
	directory := gateway.NewDirectory(gateway.Options{Gateway: "gw-1"})
	dir := t.TempDir()
	up := gateway.OpenLink(gateway.LinkOptions{Identity: id, Dir: dir, Servers: []string{l.url}, Directory: directory, Version: "test", Log: slog.New(slog.DiscardHandler)})
	directory.SetControl(up)
	if _, err := directory.SignInByLink(t.Context(), "alice@acme.com", netip.Addr{}, nil, nil); causeOf(err) != access.PolicyStale {
		t.Errorf("without a control plane: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 2)
	go func() { ran <- up.Run(ctx) }()
	keys, err := gateway.OpenHostKeys(gateway.HostKeyOptions{Dir: dir, Certify: up.CertifyHostKey, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	go func() { ran <- keys.Run(ctx) }()
	defer func() {
		cancel()
		<-ran
		<-ran
	}()
	eventually(t, "the gateway knows the resource", func() bool {
		_, ok := directory.Resource(t.Context(), "web-1")
		return ok
	})

	// Its host key is certified for its names, by the authority that clients are told.
	eventually(t, "the host key is certified", func() bool {
		signers, err := keys.Signers(t.Context())
		return err == nil && len(signers) == 2
	})
	signers, _ := keys.Signers(t.Context())
	var authorities access.SSHAuthorities
	l.must(who{}, "GET", "/ca/ssh", nil, 200).decode(t, &authorities)
	checker := ssh.CertChecker{IsHostAuthority: func(by ssh.PublicKey, _ string) bool {
		return strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(by)), "\n") == authorities.Hosts
	}}
	for _, host := range []string{"gw-1.acme.com:2222", "10.1.2.3:2222", link.GatewayName + ":22"} {
		if err := checker.CheckHostKey(host, nil, signers[0].PublicKey()); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	if err := checker.CheckHostKey("gw-2.acme.com:22", nil, signers[0].PublicKey()); err == nil {
		t.Error("it is certified for another gateway's name")
	}

	// A registered key opens it as soon as the rules have come.
	alice := l.browser("alice@acme.com")
	key, line := publicSSHKey(t)
	l.must(alice, "POST", "/me/ssh-keys", object{"public": line}, 201)
	eventually(t, "the key is known at the gateway", func() bool {
		_, err := directory.IdentifySSHKey(t.Context(), "alice@acme.com", key)
		return err == nil
	})

	// A sign-in by link goes through the control plane, and is no other gateway's.
	shown, ended, who := byLink(t.Context(), directory, "alice@acme.com")
	_, secret, _ := strings.Cut(shown.url, "#")
	l.must(alice, "POST", "/sign-in/ssh/approve", object{"secret": secret, "code": shown.code}, 200)
	other := l.join("gw-2")
	if status, answer := l.ask(&other.Certificate, "POST", link.SSHPollPath, link.PollSSHSignIn{Secret: secret}); status != 401 {
		t.Errorf("another gateway polls: %d %s", status, answer)
	}
	if err := <-ended; err != nil || who.User != "alice@acme.com" {
		t.Fatalf("%+v, %v", who, err)
	}

	// A key is pinned by gateways that serve the resource alone, once.
	_, host := publicSSHKey(t)
	if err := directory.PinHostKey(t.Context(), "web-1", "session-1", host); err != nil {
		t.Fatal(err)
	}
	_, another := publicSSHKey(t)
	if err := directory.PinHostKey(t.Context(), "web-1", "session-2", another); err == nil || !strings.Contains(err.Error(), "another host key") {
		t.Errorf("a second key: %v", err)
	}
	l.must(l.root, "POST", "/resources", object{"name": "web-2", "protocol": "ssh", "address": "10.0.0.10:22", "gateways": []string{"gw-2"}, "accounts": object{}}, 201)
	if err := directory.PinHostKey(t.Context(), "web-2", "session-3", another); err == nil || !strings.Contains(err.Error(), "serves no SSH resource") {
		t.Errorf("another gateway's resource: %v", err)
	}
}
