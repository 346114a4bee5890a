package admin_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
)

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
