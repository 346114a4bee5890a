package client

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// A sign-in leaves a client session: a secret that is good for one renewal, which brings a new certificate. The next
// secret is made here and kept before the server hears of it, and it hears its hash alone. So a renewal whose answer is
// lost is simply made again: the server sees that who asks knows the secret that comes next.

// bearerPrefix marks what API calls carry for a client session.
const bearerPrefix = "sallysession_"

// newRefreshSecret draws 256 random bits.
func newRefreshSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// sessionBearer is what API calls carry while the refresh secret is the present one. The secret cannot be had from it.
func sessionBearer(refresh string) string {
	sum := sha256.Sum256([]byte("sallyport client session\x00" + refresh))
	return bearerPrefix + hex.EncodeToString(sum[:])
}

// sessionHash is what the server knows of a refresh secret.
func sessionHash(refresh string) string {
	sum := sha256.Sum256([]byte(sessionBearer(refresh)))
	return hex.EncodeToString(sum[:])
}

// sessionAnswer is what the server gives for a proof or a renewal.
type sessionAnswer struct {
	Session        string    `json:"session"`
	SessionExpires time.Time `json:"session_expires"`
	certificateAnswer
}

// certificateAnswer is a certificate as the server gives it. Its own end is what gateways go by.
type certificateAnswer struct {
	Certificate string `json:"certificate"`
	CA          string `json:"ca"`
	Tunnel      string `json:"tunnel"`
	SSHHosts    string `json:"ssh_hosts"`
	SSHOther    string `json:"ssh_hosts_other"`
}

// openSession spends the proof, which holds what the route wants beside the key and the next secret, and fills p with
// the session and its first certificate.
func openSession(ctx context.Context, api *API, p *Profile, proof map[string]any) error {
	key, public, err := newKey()
	if err != nil {
		return err
	}
	refresh := newRefreshSecret()
	proof["next"], proof["public_key"] = sessionHash(refresh), public
	var answer sessionAnswer
	if err := api.Call(ctx, http.MethodPost, "/api/v1/sign-in/client/session", proof, &answer); err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	return p.takeSession(api, key, refresh, answer)
}

// takeSession fills p with what a sign-in or a renewal brought.
func (p *Profile) takeSession(api *API, key *ecdsa.PrivateKey, refresh string, answer sessionAnswer) error {
	if err := p.takeCertificate(api, key, answer.certificateAnswer); err != nil {
		return err
	}
	p.Session, p.Refresh, p.NextRefresh, p.SessionExpires = answer.Session, refresh, "", answer.SessionExpires.UTC()
	return nil
}

// newKey makes a key pair and gives its public half as PEM.
func newKey() (*ecdsa.PrivateKey, string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, "", fmt.Errorf("make key: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, "", fmt.Errorf("encode public key: %w", err)
	}
	return key, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})), nil
}

// RenewalDue says whether the certificate is in the last third of its life, or past it. A profile without a proof that
// could bring a new one is never due.
func (p *Profile) RenewalDue(now time.Time) bool {
	if p.Refresh == "" && p.Token == "" {
		return false
	}
	begin, end := p.Expires, p.Expires
	if pair, err := p.KeyPair(); err == nil {
		begin = pair.Leaf.NotBefore
	}
	return !now.Before(end.Add(-end.Sub(begin) / 3))
}

// endedError says that a sign-in has ended, and what the server says of it. It is an ErrSignedOut.
type endedError struct{ sentence string }

func (e *endedError) Error() string { return "your sign-in has ended: " + e.sentence }

func (e *endedError) Unwrap() error { return ErrSignedOut }

// Renew gets a new certificate by the profile's own proof and gives the profile as it is saved then; p stays as it was.
// Of several processes that renew at once one does, and the others get what it brought. An error that wraps
// ErrSignedOut says that only a new sign-in helps.
func (p *Profile) Renew(ctx context.Context) (*Profile, error) {
	store := p.store
	if store == nil {
		var err error
		if store, err = OpenStore(); err != nil {
			return nil, err
		}
	}
	unlock, err := store.lock(ctx, p.Name)
	if err != nil {
		return nil, fmt.Errorf("renew profile %s: %w", p.Name, err)
	}
	defer unlock()
	present, err := store.Load(p.Name)
	if err != nil {
		return nil, err
	}
	if present.Certificate != p.Certificate && !present.RenewalDue(time.Now()) {
		return present, nil // another process was first
	}
	if err := present.renew(ctx, store); err != nil {
		return nil, err
	}
	return present, store.put(present)
}

// renew is Renew under the lock, on what was just loaded.
func (p *Profile) renew(ctx context.Context, store *Store) error {
	api, err := p.plainAPI()
	if err != nil {
		return err
	}
	defer api.Close()
	switch {
	case p.Refresh != "":
		err = p.renewSession(ctx, api, store)
	case p.Token != "":
		err = certify(ctx, api, p)
	default:
		return &endedError{"sign in again: " + p.Renewal()}
	}
	if refusal, ok := errors.AsType[*APIError](err); ok && refusal.Status == http.StatusUnauthorized {
		return &endedError{refusal.Detail}
	}
	return err
}

func (p *Profile) renewSession(ctx context.Context, api *API, store *Store) error {
	if p.NextRefresh == "" {
		p.NextRefresh = newRefreshSecret()
		if err := store.put(p); err != nil {
			return err
		}
	}
	key, public, err := newKey()
	if err != nil {
		return err
	}
	request := map[string]string{"session": p.Session, "refresh": p.Refresh, "next": sessionHash(p.NextRefresh), "public_key": public}
	var answer sessionAnswer
	if err := api.Call(ctx, http.MethodPost, "/api/v1/sign-in/client/renew", request, &answer); err != nil {
		return fmt.Errorf("renew certificate: %w", err)
	}
	return p.takeSession(api, key, p.NextRefresh, answer)
}

// SignOut ends the session at the server, so that nothing that was copied from this machine is of use. A profile made
// with an access token has none.
func (p *Profile) SignOut(ctx context.Context) error {
	if p.Refresh == "" {
		return nil
	}
	api, err := p.plainAPI()
	if err != nil {
		return err
	}
	defer api.Close()
	request := map[string]string{"session": p.Session, "refresh": p.Refresh}
	if err := api.Call(ctx, http.MethodPost, "/api/v1/sign-in/client/end", request, nil); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}
