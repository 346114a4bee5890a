package admin_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin"
)

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
