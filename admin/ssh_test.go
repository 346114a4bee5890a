package admin_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/link"
)

// publicSSHKey is a public key, and its line as in authorized_keys.
func publicSSHKey(t *testing.T) (ssh.PublicKey, string) {
	t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return key, strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(key)), "\n")
}

func (p *plane) identifySSH(user string, key ssh.PublicKey) (access.Identity, error) {
	return p.directory.IdentifySSHKey(p.t.Context(), user, key)
}

// sshSession is a session that the key opened.
type sshSession struct {
	sessions
	identity access.Identity
	from     netip.Addr
	ended    string
}

func (s *sshSession) Review(judge func(access.Permit, netip.Addr) (access.Permit, error)) []access.Cut {
	_, err := judge(access.Permit{Identity: s.identity, Resource: access.Resource{Name: "orders-db"}, Account: "app"}, s.from)
	var denial *access.Denial
	if errors.As(err, &denial) {
		s.ended = denial.Sentence
	}
	return nil
}

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

func TestSSHCertificateLastsNoLongerThanItsSignIn(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.addOrders(root)
	_, line := publicSSHKey(t)
	certify := func(w who) (*ssh.Certificate, time.Duration) {
		t.Helper()
		var out struct {
			Certificate, User, Hosts string
			Expires                  time.Time
		}
		p.must(w, "POST", "/certificates/ssh", object{"public_key": line}, 201).decode(t, &out)
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(out.Certificate))
		if err != nil {
			t.Fatal(err)
		}
		var authorities access.SSHAuthorities
		p.must(who{}, "GET", "/ca/ssh", nil, 200).decode(t, &authorities)
		c := key.(*ssh.Certificate)
		if uint64(out.Expires.Unix()) != c.ValidBefore || out.User != c.KeyId || out.Hosts != authorities.Hosts {
			t.Errorf("%+v does not fit %+v", out, c)
		}
		return c, out.Expires.Sub(p.now()).Round(time.Minute)
	}
	browser := p.browser("alice@acme.com")
	if c, life := certify(browser); life != time.Hour || c.KeyId != "alice@acme.com" {
		t.Errorf("a browser's lasts %s", life)
	}
	p.must(browser, "POST", "/certificates/ssh", object{"public_key": "ssh-dss AAAA"}, 422)
	client := p.linkClient("alice@acme.com")
	w := who{token: bearerOf(client.refresh)}
	p.pass(40 * time.Minute)
	if _, life := certify(w); life != 20*time.Minute {
		t.Errorf("a terminal's, 40 minutes after its renewal, lasts %s", life)
	}
	p.pass(22 * time.Minute)
	p.must(w, "POST", "/certificates/ssh", object{"public_key": line}, 401)
	client.mustRenew(secretNamed(0), secretNamed(1), 200)
	if _, life := certify(who{token: bearerOf(secretNamed(1))}); life != time.Hour {
		t.Errorf("after a renewal it lasts %s", life)
	}

	// What a token narrows its certificate narrows, too, and its end is the certificate's.
	p.addServer(root, object{})
	id, value := p.issueScoped(root, "alice@acme.com", object{"resources": []string{"web-1"}})
	c, _ := certify(who{token: value})
	identity, err := p.identifySSH("alice@acme.com", c)
	if err != nil || identity.Token != id || identity.Scope == nil {
		t.Fatalf("%+v, %v", identity, err)
	}
	if _, err := p.directory.Authorize(t.Context(), access.Ask{Identity: identity, Resource: "orders-db"}); err == nil {
		t.Error("the certificate opens what its token does not")
	}
	p.must(root, "DELETE", "/tokens/"+id, nil, 204)
	if _, err := p.identifySSH("alice@acme.com", c); err == nil {
		t.Error("it outlives its token")
	}
}

// What is no certificate of ours for this user proves nobody.
func TestForgedSSHCertificates(t *testing.T) {
	p := newPlane(t)
	p.addOrders(p.start())
	key, line := publicSSHKey(t)
	var out struct{ Certificate string }
	p.must(p.browser("alice@acme.com"), "POST", "/certificates/ssh", object{"public_key": line}, 201).decode(t, &out)
	fresh := func() *ssh.Certificate {
		parsed, _, _, _, err := ssh.ParseAuthorizedKey([]byte(out.Certificate))
		if err != nil {
			t.Fatal(err)
		}
		return parsed.(*ssh.Certificate)
	}
	if _, err := p.identifySSH("alice@acme.com", fresh()); err != nil {
		t.Fatal(err)
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	mallory, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	hosts, err := p.service.CertifySSHHost(t.Context(), "gw-1", []string{"alice@acme.com"}, line)
	if err != nil {
		t.Fatal(err)
	}
	host, _, _, _, err := ssh.ParseAuthorizedKey([]byte(hosts))
	if err != nil {
		t.Fatal(err)
	}
	forged := fresh()
	if err := forged.SignCert(rand.Reader, mallory); err != nil {
		t.Fatal(err)
	}
	longer, renamed, other, none := fresh(), fresh(), fresh(), fresh()
	longer.ValidBefore += 3600
	renamed.KeyId, renamed.ValidPrincipals = "admin", []string{"admin"}
	other.Key = mallory.PublicKey()
	none.SignatureKey = nil
	for name, try := range map[string]struct {
		user string
		key  ssh.PublicKey
	}{
		"another authority": {"alice@acme.com", forged}, "a longer life": {"alice@acme.com", longer}, "another name": {"admin", renamed},
		"another's name": {"admin", fresh()}, "another key": {"alice@acme.com", other}, "a host certificate": {"alice@acme.com", host},
		"no authority": {"alice@acme.com", none}, "the bare key": {"alice@acme.com", key},
	} {
		if id, err := p.identifySSH(try.user, try.key); causeOf(err) != access.BadCredentials {
			t.Errorf("%s: %+v, %v", name, id, err)
		}
	}
	p.pass(61 * time.Minute)
	if _, err := p.identifySSH("alice@acme.com", fresh()); causeOf(err) != access.BadCredentials {
		t.Errorf("an hour later: %v", err)
	}
}

// shown is what the person reads in their terminal.
type shownLink struct{ url, code string }

// byLink begins a sign-in of the user's. Its end comes by the channel.
func byLink(ctx context.Context, d *gateway.Directory, user string) (shownLink, <-chan error, *access.Identity) {
	shown, ended, id := make(chan shownLink, 1), make(chan error, 1), &access.Identity{}
	go func() {
		var err error
		*id, err = d.SignInByLink(ctx, user, netip.MustParseAddr("192.0.2.7"), func(url, code string) error {
			shown <- shownLink{url, code}
			return nil
		})
		close(shown)
		ended <- err
	}()
	return <-shown, ended, id
}

func TestBrowserSignsInAnSSHConnection(t *testing.T) {
	p := newPlaneWith(t, func(c *admin.Config) { c.URL = "https://sally.acme.com" })
	root := p.start()
	p.addOrders(root)
	p.directory.SetControl(p.service)
	alice, boss := p.browser("alice@acme.com"), p.browser("admin")
	shown, ended, id := byLink(t.Context(), p.directory, "alice@acme.com")
	address, secret, ok := strings.Cut(shown.url, "#")
	if !ok || address != "https://sally.acme.com/sign-in/ssh" || len(shown.code) != 9 {
		t.Fatalf("shown: %+v", shown)
	}
	in := object{"secret": secret}
	var look struct {
		User, From, Viewer, Code, Gateway string
		Same                              bool
	}
	p.must(alice, "POST", "/sign-in/ssh/look", in, 200).decode(t, &look)
	if look.User != "alice@acme.com" || look.From != "192.0.2.7" || look.Viewer != "127.0.0.1" || look.Same || look.Code != "" || look.Gateway != "gw-1" {
		t.Errorf("the page shows %+v", look)
	}
	for _, path := range []string{"look", "approve"} {
		if got := p.must(boss, "POST", "/sign-in/ssh/"+path, in, 403).detail(t); !strings.Contains(got, "for alice@acme.com, and you are admin") {
			t.Errorf("another person: %q", got)
		}
		p.must(who{cookie: alice.cookie}, "POST", "/sign-in/ssh/"+path, in, 403) // another site could make it do this
		p.must(root, "POST", "/sign-in/ssh/"+path, in, 409)
		p.must(who{}, "POST", "/sign-in/ssh/"+path, in, 401)
	}
	select {
	case err := <-ended:
		t.Fatalf("it ended: %v", err)
	default:
	}
	// The browser is elsewhere than the SSH client, so what the terminal shows is asked for.
	for _, wrong := range []string{"", "ABCD-EFGH"} {
		if d := p.must(alice, "POST", "/sign-in/ssh/approve", object{"secret": secret, "code": wrong}, 422).detail(t); !strings.Contains(d, "asks from 192.0.2.7") {
			t.Error(d)
		}
	}
	p.must(alice, "POST", "/sign-in/ssh/approve", object{"secret": secret, "code": " " + strings.ToLower(shown.code)}, 200)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if left := id.Expires.Sub(p.now()); id.User != "alice@acme.com" || left > time.Hour || left < 59*time.Minute || id.Issued.IsZero() || !id.MFA.IsZero() {
		t.Errorf("identity %+v", id)
	}
	p.must(alice, "POST", "/sign-in/ssh/approve", in, 404) // it is used up
	if said := p.acts("sign_in.approve_ssh", "alice@acme.com"); len(said) != 5 || said[4] != "allow" ||
		!strings.Contains(said[0], "another user") || !strings.Contains(said[2], "not the one that the terminal shows") {
		t.Errorf("the record of the confirmations: %v", said)
	}
	if said := p.acts("sign_in", "alice@acme.com"); len(said) != 2 || said[1] != "allow" {
		t.Errorf("the record of the sign-ins: %v", said)
	}

	// It ends with the user, as certificates do.
	p.must(root, "POST", "/users/alice@acme.com/suspend", nil, 200)
	p.must(root, "POST", "/users/alice@acme.com/reinstate", nil, 200)
	if _, err := p.directory.Authorize(t.Context(), access.Ask{Identity: *id, Resource: "orders-db"}); causeOf(err) != access.Expired {
		t.Errorf("after a suspension: %v", err)
	}
}

// TestSSHSignInAtOnePlace shows the code where the browser has the SSH client's address, and lets its user refuse.
func TestSSHSignInAtOnePlace(t *testing.T) {
	p := newPlaneWith(t, func(c *admin.Config) { c.URL = "https://sally.acme.com" })
	p.addOrders(p.start())
	p.directory.SetControl(p.service)
	alice := p.browser("alice@acme.com")
	begin := func() (object, string) {
		t.Helper()
		begun, err := p.service.BeginSSHSignIn(t.Context(), "alice@acme.com", netip.MustParseAddr("::ffff:127.0.0.1"))
		if err != nil {
			t.Fatal(err)
		}
		return object{"secret": begun.Secret}, begun.Code
	}
	in, code := begin()
	var look struct {
		Code string
		Same bool
	}
	p.must(alice, "POST", "/sign-in/ssh/look", in, 200).decode(t, &look)
	if !look.Same || look.Code != code {
		t.Errorf("the page shows %+v", look)
	}
	p.must(alice, "POST", "/sign-in/ssh/approve", in, 200)

	in, _ = begin()
	p.must(p.browser("admin"), "POST", "/sign-in/ssh/refuse", in, 403)
	p.must(alice, "POST", "/sign-in/ssh/refuse", in, 204)
	p.must(alice, "POST", "/sign-in/ssh/approve", in, 404)
	if state, err := p.service.PollSSHSignIn(t.Context(), in["secret"].(string)); causeOf(err) != access.Expired {
		t.Errorf("after it was refused: %+v, %v", state, err)
	}
	if said := p.acts("sign_in.refuse_ssh", "alice@acme.com"); len(said) != 1 || said[0] != "allow" {
		t.Errorf("the record of the refusal: %v", said)
	}
}

func TestSSHSignInsThatComeToNothing(t *testing.T) {
	p := newPlaneWith(t, func(c *admin.Config) { c.Address = func() string { return "http://127.0.0.1:7480" } })
	root := p.start()
	p.addOrders(root)
	p.directory.SetControl(p.service)
	alice := p.browser("alice@acme.com")

	// Of a name that nobody has one sees as much as of another.
	shown, ended, _ := byLink(t.Context(), p.directory, "nobody")
	if !strings.HasPrefix(shown.url, "http://127.0.0.1:7480/sign-in/ssh#") {
		t.Errorf("shown %+v", shown)
	}
	p.must(alice, "POST", "/sign-in/ssh/approve", object{"secret": shown.url[strings.Index(shown.url, "#")+1:]}, 403)
	p.pass(6 * time.Minute)
	if err := <-ended; causeOf(err) != access.Expired {
		t.Errorf("after six minutes: %v", err)
	}

	// A gateway's word on where it comes from is an address and nothing else.
	zoned, err := p.service.BeginSSHSignIn(t.Context(), "alice@acme.com", netip.MustParseAddr("fe80::1%your own laptop"))
	if err != nil {
		t.Fatal(err)
	}
	var look struct{ From string }
	p.must(alice, "POST", "/sign-in/ssh/look", object{"secret": zoned.Secret}, 200).decode(t, &look)
	if look.From != "fe80::1" {
		t.Errorf("from %q", look.From)
	}

	// Who is suspended between confirming and coming in does not.
	begun, err := p.service.BeginSSHSignIn(t.Context(), "alice@acme.com", netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	p.must(alice, "POST", "/sign-in/ssh/approve", object{"secret": begun.Secret, "code": begun.Code}, 200)
	p.must(root, "POST", "/users/alice@acme.com/suspend", nil, 200)
	if state, err := p.service.PollSSHSignIn(t.Context(), begun.Secret); causeOf(err) != access.Suspended {
		t.Errorf("%+v, %v", state, err)
	}

	// A flood from one address stops there.
	from, limited := netip.MustParseAddr("198.51.100.1"), error(nil)
	for range 100 {
		if _, limited = p.service.BeginSSHSignIn(t.Context(), "alice@acme.com", from); limited != nil {
			break
		}
	}
	if causeOf(limited) != access.RateLimited {
		t.Errorf("a flood: %v", limited)
	}
	if _, err := p.service.BeginSSHSignIn(t.Context(), "bob@acme.com", netip.MustParseAddr("198.51.100.2")); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}

	// A flood of somebody's name from everywhere keeps nobody out, its owner least of all.
	for i := range 200 {
		_, _ = p.service.BeginSSHSignIn(t.Context(), "alice@acme.com", netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}))
	}
	if _, err := p.service.BeginSSHSignIn(t.Context(), "alice@acme.com", netip.MustParseAddr("198.51.100.3")); err != nil {
		t.Errorf("a flood of her name: %v", err)
	}

	// What nobody can be called is remembered by nobody.
	for _, name := range []string{"", strings.Repeat("x", 100<<10), "nobody\x1b[2J", "alice@acme.com\n", "\uff41lice"} {
		if _, err := p.service.BeginSSHSignIn(t.Context(), name, netip.MustParseAddr("198.51.100.4")); causeOf(err) != access.BadCredentials {
			t.Errorf("%.20q: %v", name, err)
		}
	}

	// Guessing secrets is limited like guessing others.
	bob := p.browser("admin")
	for range 30 {
		p.call(bob, "POST", "/sign-in/ssh/look", object{"secret": "guess"})
	}
	p.must(bob, "POST", "/sign-in/ssh/look", object{"secret": "guess"}, 429)
}

// addServer adds the SSH server web-1.
func (p *plane) addServer(root who, settings object) {
	p.t.Helper()
	p.must(root, "POST", "/resources", object{"name": "web-1", "protocol": "ssh", "address": "10.0.0.9:22", "ssh": settings, "accounts": object{}}, 201)
}

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

// certificateLine is the certificate of a host.
func certificateLine(t *testing.T) string {
	t.Helper()
	_, own, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := ssh.NewSignerFromKey(own)
	if err != nil {
		t.Fatal(err)
	}
	key, _ := publicSSHKey(t)
	c := &ssh.Certificate{Key: key, CertType: ssh.HostCert, ValidBefore: ssh.CertTimeInfinity}
	if err := c.SignCert(rand.Reader, authority); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(c)))
}

// Every session that came by a key, a certificate or a link ends with what let it in, whichever of the three it was.
func TestWhatEndsSSHSessions(t *testing.T) {
	type scene struct {
		*plane
		root, alice who
		key         ssh.PublicKey
		line        string
	}
	proofs := map[string]func(p scene) access.Identity{
		"key": func(p scene) access.Identity {
			p.must(p.alice, "POST", "/me/ssh-keys", object{"public": p.line}, 201)
			return p.identified(p.key)
		},
		"certificate": func(p scene) access.Identity {
			return p.identified(p.certified(p.alice, p.line))
		},
		"link": func(p scene) access.Identity {
			shown, ended, id := byLink(p.t.Context(), p.directory, "alice@acme.com")
			_, secret, _ := strings.Cut(shown.url, "#")
			p.must(p.alice, "POST", "/sign-in/ssh/approve", object{"secret": secret, "code": shown.code}, 200)
			if err := <-ended; err != nil {
				p.t.Fatal(err)
			}
			return *id
		},
	}
	ends := map[string]func(p scene){
		"suspended": func(p scene) { p.must(p.root, "POST", "/users/alice@acme.com/suspend", nil, 200) },
		"revoked":   func(p scene) { p.must(p.root, "POST", "/users/alice@acme.com/revoke", object{}, 200) },
		"removed":   func(p scene) { p.must(p.root, "DELETE", "/users/alice@acme.com", nil, 204) },
		"out of groups": func(p scene) {
			p.must(p.root, "PUT", "/users/alice@acme.com", object{"name": "alice@acme.com", "groups": []string{}}, 200)
		},
		"role changed": func(p scene) {
			p.must(p.root, "PUT", "/roles/developers", object{"name": "developers", "resources": []string{"other"}, "accounts": []string{"app"}, "groups": []string{"eng"}}, 200)
		},
	}
	for by, prove := range proofs {
		for why, end := range ends {
			t.Run(by+", "+why, func(t *testing.T) {
				p := newPlaneWith(t, func(c *admin.Config) { c.URL = "https://sally.acme.com" })
				root := p.start()
				p.addOrders(root)
				p.directory.SetControl(p.service)
				key, line := publicSSHKey(t)
				all := scene{p, root, p.browser("alice@acme.com"), key, line}
				open := &sshSession{identity: prove(all)}
				p.directory.SetSessions(open)
				p.must(root, "PUT", "/roles/another", object{"name": "another", "accounts": []string{}}, 201)
				if open.ended != "" {
					t.Fatalf("ended before: %s", open.ended)
				}
				end(all)
				if open.ended == "" { // before the answer has come
					t.Error("it goes on")
				}
			})
		}
	}
}

// identified is alice by her key or certificate.
func (p *plane) identified(key ssh.PublicKey) access.Identity {
	p.t.Helper()
	id, err := p.identifySSH("alice@acme.com", key)
	if err != nil {
		p.t.Fatal(err)
	}
	return id
}

// certified is the certificate that the caller gets for the key.
func (p *plane) certified(w who, line string) *ssh.Certificate {
	p.t.Helper()
	var out struct{ Certificate string }
	p.must(w, "POST", "/certificates/ssh", object{"public_key": line}, 201).decode(p.t, &out)
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(out.Certificate))
	if err != nil {
		p.t.Fatal(err)
	}
	return key.(*ssh.Certificate)
}

// A certificate that was had by a token opens from the token's networks alone and for its classes, and cannot be made a wider one.
func TestSSHCertificatesKeepNetworksAndClasses(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.addOrders(root)
	_, line := publicSSHKey(t)
	_, value := p.issueScoped(root, "alice@acme.com", object{"from": []string{"10.1.0.0/16", "127.0.0.0/8"}, "statements": []string{"read"}})
	c := p.certified(who{token: value}, line)
	id := p.identified(c)
	ask := func(from string) (access.Permit, error) {
		return p.directory.Authorize(t.Context(), access.Ask{Identity: id, Resource: "orders-db", Addr: netip.MustParseAddr(from)})
	}
	permit, err := ask("10.1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ask("10.2.2.3"); causeOf(err) != access.WrongPlace {
		t.Errorf("from elsewhere: %v", err)
	}
	if _, denied := permit.Judge(&access.Statement{Class: "write", Understood: true}); denied == nil {
		t.Error("it runs what its token does not")
	}
	wider := *c
	wider.Extensions = nil
	if _, err := p.identifySSH("alice@acme.com", &wider); err == nil {
		t.Error("a certificate without its token counts")
	}

	// What it has opened lives longer than it does, as with other certificates; it opens nothing more.
	open := &sshSession{identity: id}
	open.from = netip.MustParseAddr("10.1.2.3")
	p.directory.SetSessions(open)
	p.pass(13 * time.Hour)
	p.must(root, "PUT", "/roles/another", object{"name": "another", "accounts": []string{}}, 201)
	if open.ended != "" {
		t.Errorf("it ended with its certificate: %s", open.ended)
	}
	if _, err := p.identifySSH("alice@acme.com", c); err == nil {
		t.Error("a certificate that expired opens")
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
	if _, err := directory.SignInByLink(t.Context(), "alice@acme.com", netip.Addr{}, nil); causeOf(err) != access.PolicyStale {
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
