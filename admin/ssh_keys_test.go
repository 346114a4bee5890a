package admin_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
)

func TestSSHKeysFromRegistrationToRemoval(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.addOrders(root)
	p.must(root, "POST", "/users", object{"name": "bob@acme.com"}, 201)
	alice, bob := p.browser("alice@acme.com"), p.browser("bob@acme.com")
	key, line := publicSSHKey(t)
	if _, err := p.identifySSH("alice@acme.com", key); causeOf(err) != access.BadCredentials {
		t.Errorf("a key that is not registered: %v", err)
	}
	var kept access.SSHKey
	p.must(alice, "POST", "/me/ssh-keys", object{"public": line + " alice@\x1blaptop\n"}, 201).decode(t, &kept)
	if kept.User != "alice@acme.com" || kept.Name != "alice@laptop" || kept.Public != line || kept.Fingerprint != ssh.FingerprintSHA256(key) {
		t.Errorf("kept: %+v", kept)
	}
	id, err := p.identifySSH("alice@acme.com", key)
	if err != nil || id.User != "alice@acme.com" || id.SSHKey != kept.Fingerprint {
		t.Fatalf("identity %+v, %v", id, err)
	}
	for _, user := range []string{"bob@acme.com", "nobody"} {
		if _, err := p.identifySSH(user, key); causeOf(err) != access.BadCredentials {
			t.Errorf("as %s: %v", user, err)
		}
	}
	open := &sshSession{identity: id}
	p.directory.SetSessions(open)

	p.must(alice, "POST", "/me/ssh-keys", object{"public": line}, 409)
	if got := p.must(bob, "POST", "/me/ssh-keys", object{"public": line}, 409).detail(t); !strings.Contains(got, "one user alone") {
		t.Errorf("another's key: %s", got)
	}
	var mine, all struct{ Items []access.SSHKey }
	p.must(bob, "GET", "/me/ssh-keys", nil, 200).decode(t, &mine)
	p.must(root, "GET", "/ssh-keys?user=alice%40acme.com", nil, 200).decode(t, &all)
	if len(mine.Items) != 0 || len(all.Items) != 1 || all.Items[0] != kept {
		t.Errorf("bob's %v, alice's %v", mine.Items, all.Items)
	}
	p.must(bob, "DELETE", "/me/ssh-keys/"+url.PathEscape(kept.Fingerprint), nil, 404)
	p.must(bob, "GET", "/ssh-keys", nil, 403)
	if open.ended != "" {
		t.Fatalf("ended: %s", open.ended)
	}
	p.must(alice, "DELETE", "/me/ssh-keys/"+url.PathEscape(kept.Fingerprint), nil, 204)
	if !strings.Contains(open.ended, "was removed") {
		t.Errorf("the key's session goes on: %q", open.ended)
	}
	if _, err := p.identifySSH("alice@acme.com", key); causeOf(err) != access.BadCredentials {
		t.Errorf("a key that was removed: %v", err)
	}
	for _, action := range []string{"ssh_keys.create", "ssh_keys.delete"} {
		if said := p.acts(action, "alice@acme.com"); len(said) != 1 || said[0] != "allow" {
			t.Errorf("%s: %v", action, said)
		}
	}
}

func TestHowManySSHKeysAndWhose(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.addOrders(root)
	p.must(root, "POST", "/users", object{"name": "etl", "kind": "service_account"}, 201)
	alice := p.browser("alice@acme.com")
	for n := range 20 {
		key, line := publicSSHKey(t)
		p.must(alice, "POST", "/me/ssh-keys", object{"public": line}, 201)
		if n == 7 { // whatever stands in a fingerprint
			p.must(root, "DELETE", "/ssh-keys/"+url.PathEscape(ssh.FingerprintSHA256(key)), nil, 204)
		}
	}
	_, line := publicSSHKey(t)
	p.must(alice, "POST", "/me/ssh-keys", object{"public": line}, 201)
	_, line = publicSSHKey(t)
	if got := p.must(alice, "POST", "/me/ssh-keys", object{"public": line}, 409).detail(t); !strings.Contains(got, "20 SSH keys already") {
		t.Errorf("%q", got)
	}
	p.must(alice, "POST", "/me/ssh-keys", object{"public": "ssh-rsa AAAA"}, 422)
	p.must(root, "POST", "/ssh-keys", object{"user": "alice@acme.com", "public": line}, 409)
	p.must(root, "POST", "/ssh-keys", object{"user": "nobody", "public": line}, 422)
	key, line := publicSSHKey(t)
	p.must(root, "POST", "/ssh-keys", object{"user": "etl", "public": line}, 201)
	if id, err := p.identifySSH("etl", key); err != nil || id.Kind != access.ServiceAccount {
		t.Errorf("%+v, %v", id, err)
	}
	if got := p.must(root, "POST", "/me/ssh-keys", object{"public": line}, 409).detail(t); !strings.Contains(got, "a browser or a terminal") {
		t.Errorf("an access token's: %q", got)
	}
}

// A key stays a means of signing in, so that an open browser or terminal alone must not be able to add one.
func TestSSHKeyNeedsAFreshSignIn(t *testing.T) {
	p := onLocalhost(t)
	root := p.start()
	p.addOrders(root)
	alice := p.browser("alice@acme.com")
	add := func(w who, status int) string {
		t.Helper()
		_, line := publicSSHKey(t)
		r := p.must(w, "POST", "/me/ssh-keys", object{"public": line}, status)
		if status < 300 {
			return ""
		}
		return r.detail(t)
	}
	add(alice, 201)
	client := p.linkClient("alice@acme.com")
	add(who{token: bearerOf(client.refresh)}, 201)
	passkey := p.addPasskey(alice)
	p.pass(16 * time.Minute)
	for _, w := range []who{alice, {token: bearerOf(client.refresh)}} {
		if got := add(w, 403); !strings.Contains(got, "last 15 minutes") {
			t.Errorf("%q", got)
		}
	}

	// A terminal that an old browser opens is as old as that.
	terminal := func(n int) who {
		t.Helper()
		var out struct{ Redirect string }
		p.must(alice, "POST", "/sign-in/client/approve", terminalOf("v"), 200).decode(t, &out)
		u, err := url.Parse(out.Redirect)
		if err != nil {
			t.Fatal(err)
		}
		p.must(who{}, "POST", "/sign-in/client/session", object{"code": u.Query().Get("code"), "verifier": "v",
			"next": hexSum(bearerOf(secretNamed(n))), "public_key": publicKeyPEM(t)}, 201)
		return who{token: bearerOf(secretNamed(n))}
	}
	if got := add(terminal(5), 403); !strings.Contains(got, "sally login --mfa") {
		t.Errorf("%q", got)
	}
	o := p.challenge(alice, "/me/step-up/challenge")
	p.must(alice, "POST", "/me/step-up", object{"credential": passkey.get(t, p.party(), o)}, 200)
	add(alice, 201)
	add(terminal(6), 201)
}

func TestSuspendedUsersSSHKeysAreRefused(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.addOrders(root)
	key, line := publicSSHKey(t)
	alice := p.browser("alice@acme.com")
	p.must(alice, "POST", "/me/ssh-keys", object{"public": line}, 201)
	var certificate struct{ Certificate string }
	p.must(alice, "POST", "/certificates/ssh", object{"public_key": line}, 201).decode(t, &certificate)
	certified, _, _, _, err := ssh.ParseAuthorizedKey([]byte(certificate.Certificate))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.identifySSH("alice@acme.com", certified); err != nil {
		t.Fatal(err)
	}
	_, unknown := p.identifySSH("nobody", key)
	var suspended struct {
		Receipt struct {
			Keys []string `json:"ssh_keys"`
		}
	}
	p.must(root, "POST", "/users/alice@acme.com/suspend", nil, 200).decode(t, &suspended)
	if keys := suspended.Receipt.Keys; len(keys) != 1 || keys[0] != ssh.FingerprintSHA256(key) {
		t.Errorf("the receipt names %v", keys)
	}
	for _, k := range []ssh.PublicKey{key, certified} {
		if _, err := p.identifySSH("alice@acme.com", k); err == nil || err.Error() != unknown.Error() {
			t.Errorf("a suspended user reads %v, an unknown one %v", err, unknown)
		}
	}
	p.must(root, "POST", "/users/alice@acme.com/reinstate", nil, 200)
	if _, err := p.identifySSH("alice@acme.com", key); err != nil {
		t.Errorf("the key of a user who was reinstated: %v", err)
	}
	if _, err := p.identifySSH("alice@acme.com", certified); err == nil {
		t.Error("a certificate from before the suspension opens again")
	}
	p.must(root, "DELETE", "/users/alice@acme.com", nil, 204)
	p.must(root, "POST", "/users", object{"name": "alice@acme.com"}, 201)
	if _, err := p.identifySSH("alice@acme.com", key); err == nil {
		t.Error("another of the same name has the key")
	}
}
