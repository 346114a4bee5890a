package oidc_test

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sallyport/sallyport/admin/oidc"
	"github.com/sallyport/sallyport/test/servers"
)

const redirect = "http://127.0.0.1:1/api/v1/sign-in/oidc/callback" // nothing listens there: the browser stops before

// signIn lets a browser sign in at the provider and spends the code that it comes back with.
func signIn(t *testing.T, p *oidc.Provider, b *servers.Browser) (oidc.Person, error) {
	t.Helper()
	to, err := p.AuthURL(t.Context(), redirect, "the-state", "the-nonce", "verifier-of-at-least-forty-three-characters-000")
	if err != nil {
		t.Fatal(err)
	}
	back, err := b.Visit(t.Context(), to, redirect)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(back)
	if err != nil || u.Query().Get("state") != "the-state" || u.Query().Get("code") == "" {
		t.Fatalf("came back with %s (%v)", back, err)
	}
	return p.Exchange(t.Context(), redirect, u.Query().Get("code"), "the-nonce", "verifier-of-at-least-forty-three-characters-000")
}

func newProvider(t *testing.T, c oidc.Config, secret string) *oidc.Provider {
	t.Helper()
	p, err := oidc.New(c, secret, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func npmProvider(t *testing.T) (*servers.OIDCProvider, *oidc.Provider) {
	t.Helper()
	server := servers.StartOIDCProvider(t)
	server.Allow(t, redirect)
	server.Put(t, "alice", servers.NewPerson("Alice@Example.com", "dba", "ops"))
	return server, newProvider(t, oidc.Config{Issuer: server.Issuer, ClientID: server.ClientID}, server.ClientSecret)
}

var alice = oidc.Person{Subject: "alice", User: "alice@example.com", Email: "alice@example.com", Title: "Test Alice@Example.com", Groups: []string{"dba", "ops"}}

func checkPerson(t *testing.T, got, want oidc.Person) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(oidc.Person{}, "Refresh")); diff != "" {
		t.Error(diff)
	}
	if got.Refresh == "" {
		t.Error("no refresh token")
	}
}

func TestPersonSignsInAtACertifiedProvider(t *testing.T) {
	server, p := npmProvider(t)
	who, err := signIn(t, p, servers.NewBrowser(t, "alice", "any"))
	if err != nil {
		t.Fatal(err)
	}
	checkPerson(t, who, alice)

	server.Put(t, "alice", servers.NewPerson("alice@example.com", "ops"))
	next, err := p.Refresh(t.Context(), who.Refresh, who.Subject)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"ops"}, next.Groups); diff != "" || next.Refresh == who.Refresh {
		t.Errorf("groups after the change: %s; token rotated: %t", diff, next.Refresh != who.Refresh)
	}
	if _, err := p.Refresh(t.Context(), next.Refresh, "somebody else"); !errors.Is(err, oidc.ErrUntrusted) {
		t.Errorf("refreshed as another: %v", err)
	}

	server.RotateKeys(t)
	who, err = signIn(t, p, servers.NewBrowser(t, "alice", "any"))
	if err != nil {
		t.Fatalf("after the provider's keys changed: %v", err)
	}

	server.Remove(t, "alice")
	if _, err := p.Refresh(t.Context(), who.Refresh, who.Subject); !errors.Is(err, oidc.ErrRefused) {
		t.Errorf("refreshed after the person was removed: %v", err)
	}
}

func TestProviderThatIsAwayIsTriedAgain(t *testing.T) {
	server, p := npmProvider(t)
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := p.AuthURL(ctx, redirect, "s", "n", "v"); !errors.Is(err, oidc.ErrUnavailable) {
		t.Fatalf("asked while it was away: %v", err)
	}
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	for try := 0; ; try++ {
		_, err := p.AuthURL(t.Context(), redirect, "s", "n", "v")
		if err == nil {
			return
		}
		if try == 100 {
			t.Fatal(err)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-t.Context().Done():
		}
	}
}

func TestDeviceSignInAtACertifiedProvider(t *testing.T) {
	_, p := npmProvider(t)
	b := servers.NewBrowser(t, "alice", "any")
	d := beginDevice(t, p)
	page, err := b.Visit(t.Context(), d.PageWithCode, "")
	if err != nil {
		t.Fatal(err)
	}
	who, err := p.PollDevice(t.Context(), d.Code)
	if err != nil {
		t.Fatalf("%v\n%s", err, page)
	}
	checkPerson(t, who, alice)
	if _, err := p.PollDevice(t.Context(), d.Code); !errors.Is(err, oidc.ErrRefused) {
		t.Errorf("the code opened twice: %v", err)
	}
}

// beginDevice begins a sign-in and sees that it is pending.
func beginDevice(t *testing.T, p *oidc.Provider) oidc.Device {
	t.Helper()
	d, err := p.BeginDevice(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.PollDevice(t.Context(), d.Code); !errors.Is(err, oidc.ErrPending) {
		t.Fatalf("before anybody signed in: %v", err)
	}
	return d
}

func dexProvider(t *testing.T) (*oidc.Provider, *servers.Browser) {
	t.Helper()
	server := servers.StartDex(t, redirect)
	p := newProvider(t, oidc.Config{Issuer: server.Issuer, ClientID: server.ClientID, AllowedDomains: []string{"EXAMPLE.com"}}, "")
	return p, servers.NewBrowser(t, server.Email, server.Password)
}

func TestPersonSignsInAtDex(t *testing.T) {
	p, b := dexProvider(t)
	who, err := signIn(t, p, b)
	if err != nil {
		t.Fatal(err)
	}
	want := oidc.Person{Subject: who.Subject, User: "alice@example.com", Email: "alice@example.com", Title: "alice"}
	checkPerson(t, who, want)
	next, err := p.Refresh(t.Context(), who.Refresh, who.Subject)
	if err != nil {
		t.Fatal(err)
	}
	checkPerson(t, next, want)
}

func TestDeviceSignInAtDex(t *testing.T) {
	p, b := dexProvider(t)
	d, err := p.BeginDevice(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.Fields["user_code"] = d.UserCode
	page, err := b.Visit(t.Context(), d.Page, "")
	if err != nil {
		t.Fatal(err)
	}
	who, err := p.PollDevice(t.Context(), d.Code)
	if err != nil {
		t.Fatalf("%v\n%s", err, page)
	}
	if who.User != "alice@example.com" {
		t.Errorf("signed in as %s", who.User)
	}
}

func TestDomainsThatMayNotSignIn(t *testing.T) {
	server, _ := npmProvider(t)
	p := newProvider(t, oidc.Config{Issuer: server.Issuer, ClientID: server.ClientID, AllowedDomains: []string{"acme.com"}}, server.ClientSecret)
	if _, err := signIn(t, p, servers.NewBrowser(t, "alice", "any")); !errors.Is(err, oidc.ErrDomain) {
		t.Errorf("of another domain: %v", err)
	}
	stranger := servers.NewPerson("bob@acme.com")
	stranger["email_verified"] = false
	server.Put(t, "bob", stranger)
	if _, err := signIn(t, p, servers.NewBrowser(t, "bob", "any")); !errors.Is(err, oidc.ErrUnverified) {
		t.Errorf("without a verified address: %v", err)
	}
}
