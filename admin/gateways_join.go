package admin

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"math/big"
	"net"
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

// joinData is what is kept with a join token.
type joinData struct {
	Gateway string `json:"gateway"`
}

// newJoinToken makes a token that enrols the gateway, once.
func (s *Service) newJoinToken(ctx context.Context, name string) (joinToken, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	snap, err := s.snapshotLocked(ctx)
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
	data, err := json.Marshal(joinData{Gateway: name})
	if err != nil {
		return joinToken{}, err
	}
	now := s.now()
	expires := now.Add(joinTokenLifetime).UTC().Truncate(time.Second)
	if err := s.record(ctx, act{action: "gateways.token", target: name, after: map[string]any{"expires": expires}}); err != nil {
		return joinToken{}, err
	}
	err = s.store.PutOneTime(ctx, store.OneTime{Hash: access.HashSecret(token.SecretText()), Purpose: store.JoinToken, Data: string(data), Expires: expires}, now)
	return joinToken{Gateway: name, Token: token.Text(), Expires: expires}, err
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
	kept, err := s.store.OneTime(r.Context(), store.JoinToken, hash, now)
	if errors.Is(err, store.ErrNotFound) {
		s.addrFailures.Note(from, now)
		return badJoinToken()
	}
	if err != nil {
		return err
	}
	var data joinData
	if err := json.Unmarshal([]byte(kept.Data), &data); err != nil {
		return err
	}
	out, err := s.enrol(r, hash, data.Gateway, public)
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

func (s *Service) enrol(r *http.Request, hash, name string, public any) (link.Enrolled, error) {
	ctx := withCaller(r.Context(), &caller{name: "gateway:" + name, addr: r.RemoteAddr})
	certificate, serial, err := s.certifyGateway(ctx, name, public)
	if err != nil {
		return link.Enrolled{}, err
	}
	if err := s.record(ctx, act{action: "gateways.join", target: name, after: map[string]string{"serial": serial.Text(16)}}); err != nil {
		return link.Enrolled{}, err
	}
	if err := s.store.EnrolGateway(ctx, hash, name, serial.Text(16), s.now()); err != nil {
		return link.Enrolled{}, err
	}
	return link.Enrolled{Gateway: name, Certificate: certificate, CA: s.authority.PEM(), SnapshotKey: s.links.snapshotKey.Public().(ed25519.PublicKey)}, nil
}

// renewGateway certifies a new key of a gateway that has proven itself by its present one.
func (s *Service) renewGateway(w http.ResponseWriter, r *http.Request, g store.Gateway) error {
	var in link.Renew
	if err := readLink(w, r, maxBody, &in); err != nil {
		return err
	}
	public, err := ca.ParseRequest(in.Request)
	if err != nil {
		return invalid("request", "%s", err)
	}
	certificate, serial, err := s.certifyGateway(r.Context(), g.Name, public)
	if err != nil {
		return err
	}
	if err := s.record(r.Context(), act{action: "gateways.renew", target: g.Name, after: map[string]string{"serial": serial.Text(16)}}); err != nil {
		return err
	}
	if g, err = s.store.Gateway(r.Context(), g.Name); err != nil {
		return err
	}
	if err := s.store.SetGatewaySerials(r.Context(), g, g.Serial, serial.Text(16)); err != nil {
		return err
	}
	return writeLink(w, link.Renewed{Certificate: certificate})
}

// certifyGateway issues a certificate for the names that an admin gave the gateway.
func (s *Service) certifyGateway(ctx context.Context, name string, public any) (string, *big.Int, error) {
	g, err := s.store.Gateway(ctx, name)
	if err != nil {
		return "", nil, err
	}
	names := append([]string{link.GatewayName}, g.Hosts...)
	if host, _, err := net.SplitHostPort(g.Tunnel); err == nil && host != "" {
		names = append(names, host)
	}
	return s.authority.IssueGateway(name, names, public, s.now())
}
