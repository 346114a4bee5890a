package admin_test

import (
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/ca"
)

// sshCA is what everybody may know of the SSH authorities.
type sshCA struct {
	access.SSHAuthorities
	Rotations access.SSHRotations
}

func (p *plane) sshCA() (keys sshCA) {
	p.t.Helper()
	p.must(who{}, "GET", "/ca/ssh", nil, 200).decode(p.t, &keys)
	return keys
}

func (p *plane) rotate(root who, name, step string, now bool, want int) {
	p.t.Helper()
	p.must(root, "POST", "/ca/ssh/"+name+"/rotate", object{"step": step, "now": now}, want)
}

// People's certificates by both keys count between begin and finish, and by no other before or after.
func TestRotationOfTheUsersAuthority(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.addOrders(root)
	_, line := publicSSHKey(t)
	alice := p.browser("alice@acme.com")
	opens := func(what string, c *ssh.Certificate, want bool) {
		t.Helper()
		if _, err := p.identifySSH("alice@acme.com", c); (err == nil) != want {
			t.Errorf("%s: %v", what, err)
		}
	}
	first := p.sshCA()
	if first.Rotations.Users.OtherKey != "" || first.Rotations.Users.Signs != 1 {
		t.Errorf("before: %+v", first)
	}
	p.rotate(root, "users", "switch", false, 409)
	p.rotate(root, "users", "finish", true, 409)
	p.rotate(root, "nobody", "begin", false, 422)
	p.rotate(alice, "users", "begin", false, 403)
	old := p.certified(alice, line)

	p.rotate(root, "users", "begin", false, 200)
	p.rotate(root, "users", "begin", false, 409)
	begun := p.sshCA()
	if begun.SSHAuthorities != first.SSHAuthorities || begun.Rotations.Users.OtherKey == "" || begun.Rotations.Hosts.OtherKey != "" {
		t.Errorf("begun: %+v", begun)
	}
	opens("the former, while the new one is known", old, true)
	if by := ca.SSHLine(p.certified(alice, line).SignatureKey); by != first.Users {
		t.Errorf("signed by %s before it may", by)
	}

	p.rotate(root, "users", "switch", false, 200)
	present := p.certified(alice, line)
	if by := ca.SSHLine(present.SignatureKey); by != begun.Rotations.Users.OtherKey || by != p.sshCA().Users {
		t.Errorf("signed by %s after the switch", by)
	}
	opens("the former, after the switch", old, true)
	opens("the new one", present, true)

	p.rotate(root, "users", "finish", false, 409)
	p.rotate(root, "users", "finish", true, 200)
	opens("the former, at the end", old, false)
	opens("the new one, at the end", present, true)
	if last := p.sshCA(); last.Rotations.Users.OtherKey != "" || last.Users != begun.Rotations.Users.OtherKey || last.Hosts != first.Hosts || last.Logins != first.Logins {
		t.Errorf("at the end: %+v", last)
	}

	// A key that was never used is taken back; the next one is of its own.
	p.rotate(root, "users", "begin", false, 200)
	p.rotate(root, "users", "finish", false, 200)
	opens("after a rotation that came to nothing", present, true)
}

// Gateways' certificates and logins are signed by the key that everybody has had time to learn.
func TestRotationOfHostsAndLogins(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.addOrders(root)
	_, line := publicSSHKey(t)
	token := p.issue(root, "alice@acme.com")
	first := p.sshCA()
	by := func() (hosts, logins string) {
		t.Helper()
		text, err := p.service.CertifySSHHost(t.Context(), "gw-1", []string{"gw-1"}, line)
		if err != nil {
			t.Fatal(err)
		}
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return ca.SSHLine(key.(*ssh.Certificate).SignatureKey), ca.SSHLine(p.service.SSHLogins().PublicKey())
	}
	for _, name := range []string{"hosts", "logins"} {
		p.rotate(root, name, "begin", false, 200)
	}
	next := p.sshCA().Rotations
	if hosts, logins := by(); hosts != first.Hosts || logins != first.Logins {
		t.Errorf("signed by %s and %s before they may", hosts, logins)
	}
	for _, name := range []string{"hosts", "logins"} {
		p.rotate(root, name, "switch", false, 200)
	}
	if hosts, logins := by(); hosts != next.Hosts.OtherKey || logins != next.Logins.OtherKey {
		t.Errorf("signed by %s and %s after the switch", hosts, logins)
	}
	var laptop struct {
		Hosts string `json:"ssh_hosts"`
		Other string `json:"ssh_hosts_other"`
	}
	p.must(who{token: token}, "POST", "/certificates", object{"public_key": publicKeyPEM(t)}, 201).decode(t, &laptop)
	if laptop.Hosts != next.Hosts.OtherKey || laptop.Other != first.Hosts {
		t.Errorf("a laptop learns %+v", laptop)
	}
	p.rotate(root, "logins", "finish", false, 200)
	p.rotate(root, "hosts", "finish", false, 409)
	p.pass(ca.SSHHostLifetime + time.Second)
	p.rotate(p.browser("admin"), "hosts", "finish", false, 200)
	if now := p.sshCA(); now.Hosts != next.Hosts.OtherKey || now.Rotations.Hosts.OtherKey != "" || now.Rotations.Logins.OtherKey != "" {
		t.Errorf("at the end: %+v", now)
	}
}
