package admin

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/store"
)

// A ceremony is one exchange with an authenticator (WebAuthn, section 7): the server gives a challenge, which is good
// for one answer, for one purpose, in one session.
type ceremony string

const (
	registering ceremony = "register"
	signingIn   ceremony = "sign_in"
	steppingUp  ceremony = "step_up"
)

const (
	// challengeLifetime bounds how long a person may take.
	challengeLifetime = 5 * time.Minute
	// maxPasskeys bounds those of a user.
	maxPasskeys = 20
	// maxCredential bounds what an authenticator sends, in bytes.
	maxCredential = 64 << 10
)

// pendingCeremony is kept with a challenge.
type pendingCeremony struct {
	Ceremony ceremony             `json:"ceremony"`
	Session  string               `json:"session,omitempty"` // hash of the cookie that it was given to; empty when signing in
	Data     webauthn.SessionData `json:"data"`
}

// passkeyOptions is what navigator.credentials takes, as WebAuthn's JSON has it.
type passkeyOptions struct {
	Options json.RawMessage `json:"options" doc:"For navigator.credentials.create or .get: PublicKeyCredentialCreationOptionsJSON or PublicKeyCredentialRequestOptionsJSON"`
}

// begin keeps the challenge and gives the options that hold it.
func (s *Service) begin(ctx context.Context, what ceremony, options any, data *webauthn.SessionData) (*answer[passkeyOptions], error) {
	c := callerOf(ctx)
	pending, err := json.Marshal(pendingCeremony{Ceremony: what, Session: c.cookie, Data: *data})
	if err != nil {
		return nil, fmt.Errorf("encode ceremony: %w", err)
	}
	text, err := json.Marshal(options)
	if err != nil {
		return nil, fmt.Errorf("encode options: %w", err)
	}
	now := s.now()
	err = s.store.PutOneTime(ctx, store.OneTime{Hash: access.HashSecret(data.Challenge), Purpose: store.Challenge, User: c.name,
		Data: string(pending), Expires: now.Add(challengeLifetime)}, now)
	if err != nil {
		return nil, err
	}
	return &answer[passkeyOptions]{Body: passkeyOptions{Options: text}}, nil
}

// spend uses up the challenge that the answer is for, whatever becomes of it, and gives what was kept with it, if it was
// given to this caller for this ceremony.
func (s *Service) spend(ctx context.Context, what ceremony, challenge string) (*webauthn.SessionData, error) {
	o, err := s.store.SpendOneTime(ctx, store.Challenge, access.HashSecret(challenge), s.now())
	if errors.Is(err, store.ErrNotFound) {
		return nil, errStaleChallenge
	}
	if err != nil {
		return nil, err
	}
	var pending pendingCeremony
	if err := json.Unmarshal([]byte(o.Data), &pending); err != nil {
		return nil, fmt.Errorf("decode ceremony: %w", err)
	}
	c := callerOf(ctx)
	if pending.Ceremony != what || pending.Session != c.cookie || o.User != c.name {
		return nil, errStaleChallenge
	}
	return &pending.Data, nil
}

var errStaleChallenge = &refusal{status: http.StatusUnprocessableEntity,
	sentence: "this took longer than five minutes, or began in another window; try again"}

// passkeyRecord is a passkey as the store keeps it: JSON, without a secret.
type passkeyRecord struct {
	Credential webauthn.Credential `json:"credential"`
	// Copied is when the counter went back: from then on the passkey opens nothing.
	Copied time.Time `json:"copied,omitzero"`
}

func parsePasskey(k store.Passkey) (passkeyRecord, error) {
	var r passkeyRecord
	if err := json.Unmarshal([]byte(k.Spec), &r); err != nil {
		return r, fmt.Errorf("decode passkey: %w", err)
	}
	return r, nil
}

func (r *passkeyRecord) encode() (string, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("encode passkey: %w", err)
	}
	return string(b), nil
}

// passkeyHolder is a user as WebAuthn sees them.
type passkeyHolder struct {
	user        access.User
	credentials []webauthn.Credential
}

// WebAuthnID is the user handle. Two users of the same name, one after the other, have different ones.
func (h *passkeyHolder) WebAuthnID() []byte {
	sum := sha256.Sum256([]byte("sallyport passkey\x00" + h.user.Name + "\x00" + strconv.FormatInt(h.user.Created.UnixMicro(), 10)))
	return sum[:]
}

func (h *passkeyHolder) WebAuthnName() string { return h.user.Name }

func (h *passkeyHolder) WebAuthnDisplayName() string {
	if h.user.Title != "" {
		return h.user.Title
	}
	return h.user.Name
}

func (h *passkeyHolder) WebAuthnCredentials() []webauthn.Credential { return h.credentials }

func (h *passkeyHolder) descriptors() []protocol.CredentialDescriptor {
	return webauthn.Credentials(h.credentials).CredentialDescriptors()
}

// holder reads the user's passkeys.
func (s *Service) holder(ctx context.Context, user string) (*passkeyHolder, error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := s.store.Passkeys(ctx, user)
	if err != nil {
		return nil, err
	}
	h := &passkeyHolder{user: snap.Users[user]}
	for _, k := range keys {
		r, err := parsePasskey(k)
		if err != nil {
			return nil, err
		}
		h.credentials = append(h.credentials, r.Credential)
	}
	return h, nil
}

// assertion is a passkey's answer, and what it was an answer to.
type assertion struct {
	party  *webauthn.WebAuthn
	data   *webauthn.SessionData
	answer *protocol.ParsedCredentialAssertionData
}

// parseAssertion takes the answer apart and spends its challenge.
func (s *Service) parseAssertion(ctx context.Context, what ceremony, at site, credential json.RawMessage) (*assertion, error) {
	party, err := s.relyingParty(at)
	if err != nil {
		return nil, err
	}
	if len(credential) > maxCredential {
		return nil, errBadCredential
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(credential)
	if err != nil {
		return nil, errBadCredential
	}
	data, err := s.spend(ctx, what, parsed.Response.CollectedClientData.Challenge)
	if err != nil {
		return nil, err
	}
	return &assertion{party: party, data: data, answer: parsed}, nil
}

var errBadCredential = &refusal{status: http.StatusUnprocessableEntity, sentence: "this is no passkey's answer", field: "credential"}

// errPasskeyRefused is a verification that failed. Why is for the record.
type errPasskeyRefused struct {
	user   string // whose passkey it is; empty when it is nobody's
	why    string
	copied bool // there may be a copy of the passkey
}

func (e *errPasskeyRefused) Error() string { return "passkey refused: " + e.why }

// verify checks the signature, the origin, the relying party, the user's verification and the counter, and writes down
// that the passkey was used. It gives whose it is. A refused passkey is an *errPasskeyRefused.
func (s *Service) verify(ctx context.Context, a *assertion) (user string, err error) {
	k, err := s.store.Passkey(ctx, encodeID(a.answer.RawID))
	if errors.Is(err, store.ErrNotFound) {
		return "", &errPasskeyRefused{why: "the passkey is unknown here"}
	}
	if err != nil {
		return "", err
	}
	record, err := parsePasskey(k)
	if err != nil {
		return "", err
	}
	holder, err := s.holder(ctx, k.User)
	if err != nil {
		return "", err
	}
	if !record.Copied.IsZero() {
		return "", &errPasskeyRefused{user: k.User, copied: true, why: "the passkey's counter went back once: there may be a copy of it"}
	}
	credential, err := a.validate(holder)
	if err != nil {
		return "", &errPasskeyRefused{user: k.User, why: reasonOf(err)}
	}
	record.Credential = *credential
	if credential.Authenticator.CloneWarning {
		record.Copied = s.now().UTC()
	}
	spec, err := record.encode()
	if err != nil {
		return "", err
	}
	kept, cancel := carriedThrough(ctx)
	defer cancel()
	err = s.store.UsePasskey(kept, k, spec, s.now())
	if errors.Is(err, store.ErrNotFound) { // removed, or used at the same moment with the same counter
		return "", &errPasskeyRefused{user: k.User, why: "the passkey was removed or used elsewhere at the same moment"}
	}
	if err == nil && credential.Authenticator.CloneWarning {
		s.log.Warn("a passkey's counter went back: there may be a copy of it", "user", k.User, "passkey", k.ID)
		return "", &errPasskeyRefused{user: k.User, copied: true, why: "the passkey's counter went back: there may be a copy of it"}
	}
	return k.User, err
}

// validate checks the answer against the holder's passkeys. Signing in begins without a user, a step-up with one.
func (a *assertion) validate(h *passkeyHolder) (*webauthn.Credential, error) {
	if len(a.data.UserID) > 0 {
		return a.party.ValidateLogin(h, *a.data, a.answer)
	}
	_, credential, err := a.party.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
		if !bytes.Equal(handle, h.WebAuthnID()) {
			return nil, errors.New("the passkey is of a former user of this name")
		}
		return h, nil
	}, *a.data, a.answer)
	return credential, err
}

// reasonOf is what the record says of a failed verification. The library's developer texts hold challenges, and stay out.
func reasonOf(err error) string {
	var p *protocol.Error
	if errors.As(err, &p) {
		return "the passkey's answer does not hold: " + p.Details
	}
	return "the passkey's answer does not hold"
}

func encodeID(id []byte) string { return base64.RawURLEncoding.EncodeToString(id) }
