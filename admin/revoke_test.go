package admin_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/link"
)

// What the machine of a user's could hold is refused for good, and they sign in anew.
func TestRevocationEndsWhatALaptopHolds(t *testing.T) {
	const alice = "alice@acme.com"
	type answer struct {
		Suspended bool
		Killed    int `json:"sessions_killed"`
		Receipt   struct {
			Action  string
			Tokens  []string
			Keys    []string `json:"ssh_keys"`
			Cookies int      `json:"browser_sessions"`
			Grants  int
		}
	}
	for name, test := range map[string]struct {
		body       object
		keys, keep bool // SSH keys and tokens still open
	}{
		"all":           {object{}, false, false},
		"but its keys":  {object{"keep_ssh_keys": true}, true, false},
		"but its token": {object{"keep_tokens": true}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlane(t)
			root := p.start()
			p.addOrders(root)
			token := p.issue(root, alice)
			key, line := publicSSHKey(t)
			browser := p.browser(alice)
			p.must(browser, "POST", "/me/ssh-keys", object{"public": line}, 201)
			certificate := p.certified(browser, line)
			tls := p.certify(who{token: token})
			p.must(root, "POST", "/users", object{"name": "bob", "roles": []string{"developers"}}, 201)
			bobs := p.issue(root, "bob")
			p.gateway.open = []access.LiveSession{{ID: "s1", User: alice, Resource: "orders-db", Account: "app"}, {ID: "s2", User: "bob", Resource: "orders-db", Account: "app"}}

			var out answer
			p.must(root, "POST", "/users/"+alice+"/revoke", test.body, 200).decode(t, &out)
			if out.Suspended || out.Receipt.Action != "revoke" || out.Receipt.Cookies != 1 {
				t.Errorf("answer %+v", out)
			}
			if (len(out.Receipt.Keys) == 1) == test.keys || (len(out.Receipt.Tokens) == 1) == test.keep {
				t.Errorf("the receipt names the keys %v and the tokens %v", out.Receipt.Keys, out.Receipt.Tokens)
			}
			if _, err := p.identifySSH(alice, certificate); err == nil {
				t.Error("the SSH certificate opens")
			}
			if got := p.certificateCause(tls); got != access.BadCredentials {
				t.Errorf("the TLS certificate: %q", got)
			}
			if _, err := p.identifySSH(alice, key); (err == nil) != test.keys {
				t.Errorf("the SSH key: %v", err)
			}
			if err := p.identify(alice, token); (err == nil) != test.keep {
				t.Errorf("the token: %v", err)
			}
			p.must(browser, "GET", "/me", nil, 401)
			if err := p.identify("bob", bobs); err != nil {
				t.Errorf("another's token: %v", err)
			}

			p.pass(time.Millisecond)
			again := p.browser(alice)
			if _, err := p.identifySSH(alice, p.certified(again, line)); err != nil {
				t.Errorf("a certificate from after: %v", err)
			}
			p.must(root, "POST", "/users/nobody/revoke", object{}, 404)
		})
	}
}

// slowControl revokes once the gateway was told that the link was confirmed, before it lets anybody in.
type slowControl struct {
	*admin.Service
	revoke func()
}

func (c slowControl) PollSSHSignIn(ctx context.Context, secret string) (link.SSHSignInState, error) {
	state, err := c.Service.PollSSHSignIn(ctx, secret)
	if state.Done {
		c.revoke()
	}
	return state, err
}

func TestRevocationEndsALinkOnItsWay(t *testing.T) {
	p := newPlaneWith(t, func(c *admin.Config) { c.URL = "https://sally.acme.com" })
	root := p.start()
	p.addOrders(root)
	alice := p.browser("alice@acme.com")
	p.directory.SetControl(slowControl{p.service, func() {
		p.pass(time.Millisecond)
		p.must(root, "POST", "/users/alice@acme.com/revoke", object{}, 200)
	}})
	shown, ended, _ := byLink(t.Context(), p.directory, "alice@acme.com")
	_, secret, _ := strings.Cut(shown.url, "#")
	p.must(alice, "POST", "/sign-in/ssh/approve", object{"secret": secret, "code": shown.code}, 200)
	if err := <-ended; causeOf(err) != access.BadCredentials {
		t.Errorf("%v", err)
	}
}
