package admin

import (
	"context"
	"crypto/ed25519"
	"errors"
	"math/big"
	"net/http"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/ca"
	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/link"
)

// joinTokenLifetime is how long a join token waits for its gateway.
const joinTokenLifetime = 24 * time.Hour

// joinToken is the answer to a request for one.
type joinToken struct {
	Gateway string    `json:"gateway"`
	Token   string    `json:"token" doc:"Enrols the gateway once; shown this once"`
	Expires time.Time `json:"expires"`
}

// newJoinToken makes a token that enrols the gateway, once.
func (s *Service) newJoinToken(ctx context.Context, name string) (joinToken, error) {
	snap, err := s.snapshotNow(ctx)
	if err != nil {
		return joinToken{}, err
	}
	if _, ok := snap.Gateways[name]; !ok {
		return joinToken{}, notFound("gateway", name)
	}
	token, err := link.NewJoinToken(s.authority.DER())
	if err != nil {
		return joinToken{}, err
	}
	now := s.now()
	expires := now.Add(joinTokenLifetime).UTC().Truncate(time.Second)
	a := act{action: "gateways.token", target: name, after: map[string]any{"expires": expires}}
	err = s.carryOut(ctx, a, func(ctx context.Context) error {
		return s.store.PutJoinToken(ctx, access.HashSecret(token.SecretText()), name, expires, now)
	})
	if err != nil {
		return joinToken{}, err
	}
	return joinToken{Gateway: name, Token: token.Text(), Expires: expires}, nil
}

// join enrols a gateway that holds a join token: it certifies its key, and uses the token up.
func (s *Service) join(w http.ResponseWriter, r *http.Request) error {
	now, from := s.now(), hostOf(r.RemoteAddr)
	if wait := s.addrFailures.Blocked(from, now); wait > 0 {
		return rateLimited(wait)
	}
	var in link.Enrol
	if err := readLink(w, r, maxBody, &in); err != nil {
		return err
	}
	public, err := ca.ParseRequest(in.Request)
	if err != nil {
		return invalid("request", "%s", err)
	}
	hash := access.HashSecret(in.Secret)
	name, err := s.store.GatewayToJoin(r.Context(), hash, now)
	if errors.Is(err, store.ErrNotFound) {
		s.addrFailures.Note(from, now)
		return badJoinToken()
	}
	if err != nil {
		return err
	}
	out, err := s.enrol(r, hash, name, public)
	if errors.Is(err, store.ErrNotFound) { // another was faster, or the gateway was removed
		return badJoinToken()
	}
	if err != nil {
		return err
	}
	return writeLink(w, out)
}

func badJoinToken() *access.Denial {
	return &access.Denial{Cause: access.BadCredentials,
		Sentence: "this join token is unknown, was used or has expired; make a new one with: sally admin gateways token NAME"}
}

// enrol certifies the gateway's key and uses the token up, as a change: certificates from before are refused from here on.
func (s *Service) enrol(r *http.Request, hash, name string, public any) (link.Enrolled, error) {
	ctx := withCaller(r.Context(), &caller{name: "gateway:" + name, addr: r.RemoteAddr})
	g, err := s.store.Gateway(ctx, name)
	if err != nil {
		return link.Enrolled{}, err
	}
	certificate, serial, err := s.certifyGateway(&g, public)
	if err != nil {
		return link.Enrolled{}, err
	}
	a := act{action: "gateways.join", target: name, after: map[string]string{"serial": serial.Text(16)}}
	err = again(ctx, func() error {
		ctx, unlock := s.lock(ctx)
		defer unlock()
		if _, err := s.snapshotLocked(ctx); err != nil {
			return err
		}
		_, err := s.change(ctx, a, func(ctx context.Context) error {
			return s.store.EnrolGateway(ctx, hash, name, serial.Text(16), s.now())
		})
		return err
	})
	if err != nil {
		return link.Enrolled{}, err
	}
	return link.Enrolled{Gateway: name, Certificate: certificate, CA: s.authority.PEM(), SnapshotKey: s.links.snapshotKey.Public().(ed25519.PublicKey)}, nil
}

// renewGateway certifies a new key of a gateway that has proven itself by its present one. Nothing is renewed of a
// gateway that was renewed, removed or joined anew since it was admitted.
func (s *Service) renewGateway(w http.ResponseWriter, r *http.Request, g store.Gateway) error {
	var in link.Renew
	if err := readLink(w, r, maxBody, &in); err != nil {
		return err
	}
	public, err := ca.ParseRequest(in.Request)
	if err != nil {
		return invalid("request", "%s", err)
	}
	certificate, serial, err := s.certifyGateway(&g, public)
	if err != nil {
		return err
	}
	a := act{action: "gateways.renew", target: g.Name, after: map[string]string{"serial": serial.Text(16)}}
	err = s.carryOut(r.Context(), a, func(ctx context.Context) error {
		return s.store.SetGatewaySerials(ctx, g, g.Serial, serial.Text(16))
	})
	if errors.Is(err, store.ErrNotFound) {
		return conflict("the gateway %s was renewed, removed or joined anew at this moment; try again", g.Name)
	}
	if err != nil {
		return err
	}
	return writeLink(w, link.Renewed{Certificate: certificate})
}

// certifyGateway issues a certificate for the names that an admin gave the gateway.
func (s *Service) certifyGateway(g *store.Gateway, public any) (string, *big.Int, error) {
	return s.authority.IssueGateway(g.Name, namesOf(g), public, s.now())
}
