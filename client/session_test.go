package client_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/client"
)

// signedIn is a saved sign-in by link at the control plane.
func signedIn(t *testing.T, c *controlPlane) (*client.Store, *client.Profile) {
	t.Helper()
	store := client.NewStore(t.TempDir())
	p, err := client.SignIn{Profile: "test", Server: c.URL, Link: goodLink, Trust: client.Trust{CA: c.tls.pem()}}.Do(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Save(p); err != nil {
		t.Fatal(err)
	}
	if p, err = store.Load("test"); err != nil {
		t.Fatal(err)
	}
	return store, p
}

func TestRenewalBringsAnotherCertificateAndSecret(t *testing.T) {
	c := startControlPlane(t)
	store, before := signedIn(t, c)
	after, err := before.Renew(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if after.Certificate == before.Certificate || after.Key == before.Key || after.Refresh == before.Refresh {
		t.Error("something is as it was before the renewal")
	}
	if after.Bearer() == before.Bearer() || after.NextRefresh != "" {
		t.Error("the bearer is the former one, or a next secret is left")
	}
	saved, err := store.Load("test")
	if err != nil || saved.Refresh != after.Refresh || saved.Certificate != after.Certificate {
		t.Errorf("what was saved is not what was given: %v", err)
	}
}

// Several processes that find the certificate near its end make one renewal.
func TestProcessesThatRenewAtOnceSpendOneSecret(t *testing.T) {
	c := startControlPlane(t)
	store, p := signedIn(t, c)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			own, err := store.Load("test")
			if err != nil {
				t.Error(err)
				return
			}
			own.Certificate = p.Certificate // all have loaded it before the first renewed
			renewed, err := own.Renew(t.Context())
			if err != nil || renewed.Certificate == p.Certificate {
				t.Errorf("renewed: %v", err)
			}
		})
	}
	wait.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.renewals != 1 {
		t.Errorf("%d renewals, want 1", c.renewals)
	}
}

// The answer of a renewal is lost with the connection; the next one must not look like a stolen secret.
func TestRenewalWhoseAnswerWasLostIsMadeAgain(t *testing.T) {
	c := startControlPlane(t)
	store, p := signedIn(t, c)
	c.mu.Lock()
	c.loseAnswer = true
	c.mu.Unlock()
	if _, err := p.Renew(t.Context()); err == nil {
		t.Fatal("a renewal without an answer succeeded")
	}
	p, err := store.Load("test")
	if err != nil || p.NextRefresh == "" {
		t.Fatalf("the next secret was not kept: %v", err)
	}
	if p, err = p.Renew(t.Context()); err != nil || p.NextRefresh != "" {
		t.Fatalf("made again: %v", err)
	}
	if _, err = p.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestRenewalOfASessionThatIsOverSaysSo(t *testing.T) {
	c := startControlPlane(t)
	_, p := signedIn(t, c)
	c.mu.Lock()
	c.session = "another"
	c.mu.Unlock()
	if _, err := p.Renew(t.Context()); !errors.Is(err, client.ErrSignedOut) {
		t.Errorf("got %v", err)
	}
}

func TestRenewalIsDueInTheLastThird(t *testing.T) {
	p := newAuthority(t, "ca").profile("alice", "127.0.0.1:1", time.Now().Add(time.Hour))
	if p.RenewalDue(time.Now()) {
		t.Error("due without a proof to renew by")
	}
	p.Refresh = "secret"
	if p.RenewalDue(p.Expires.Add(-50*time.Minute)) || !p.RenewalDue(p.Expires.Add(-5*time.Minute)) || !p.RenewalDue(p.Expires.Add(time.Minute)) {
		t.Error("due at the wrong time")
	}
}
