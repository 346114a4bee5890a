package admin_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/gateway"
)

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
		}, func() {})
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

// TestGatewayLearnsThatTheLinkIsOpen wants that it does when its person looks at it, and by nobody else.
func TestGatewayLearnsThatTheLinkIsOpen(t *testing.T) {
	p := newPlaneWith(t, func(c *admin.Config) { c.URL = "https://sally.acme.com" })
	p.addOrders(p.start())
	p.directory.SetControl(p.service)
	alice, boss := p.browser("alice@acme.com"), p.browser("admin")
	shown, opened, ended := make(chan string, 1), make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := p.directory.SignInByLink(t.Context(), "alice@acme.com", netip.MustParseAddr("127.0.0.1"), func(url, _ string) error {
			shown <- url
			return nil
		}, func() { close(opened) })
		ended <- err
	}()
	_, secret, _ := strings.Cut(<-shown, "#")
	in := object{"secret": secret}
	p.must(boss, "POST", "/sign-in/ssh/look", in, 403)
	if state, err := p.service.PollSSHSignIn(t.Context(), secret); err != nil || state.Opened {
		t.Errorf("after somebody else has looked: %+v, %v", state, err)
	}
	p.must(alice, "POST", "/sign-in/ssh/look", in, 200)
	<-opened
	p.must(alice, "POST", "/sign-in/ssh/look", in, 200) // as a page does that is shown again
	p.must(alice, "POST", "/sign-in/ssh/approve", in, 200)
	if err := <-ended; err != nil {
		t.Error(err)
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
