package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/oidc"
	"github.com/sallyport/sallyport/admin/store"
)

// byDevice is how the record calls a sign-in on another device.
const byDevice = "device"

// slowDown is how much longer one waits who asked too often (RFC 8628, section 3.5).
const slowDown = 5 * time.Second

// newDevice is a sign-in that a person makes on another device.
type newDevice struct {
	Device       string    `json:"device" doc:"Secret, to poll with"`
	UserCode     string    `json:"user_code" doc:"What the person types at the page"`
	Page         string    `json:"verification_uri"`
	PageWithCode string    `json:"verification_uri_complete,omitempty" doc:"The page with the code filled in"`
	Interval     int       `json:"interval" doc:"Seconds between polls, at least"`
	Expires      time.Time `json:"expires"`
}

type devicePoll struct {
	Device    string `json:"device" minLength:"1" maxLength:"256" writeOnly:"true"`
	Next      string `json:"next" pattern:"^[0-9a-f]{64}$" doc:"As with POST /sign-in/client/session"`
	PublicKey string `json:"public_key" maxLength:"16384"`
}

type deviceAnswer struct {
	Status   string         `json:"status" enum:"pending,slow_down,done"`
	Interval int            `json:"interval,omitempty" doc:"Seconds until the next poll, at least"`
	Session  *clientSession `json:"session,omitempty" doc:"When it is done"`
}

// pendingDevice is what is remembered of it. The provider's code is sealed.
type pendingDevice struct {
	Code     string        `json:"code"`
	Interval time.Duration `json:"interval"`
	Next     time.Time     `json:"next"` // a poll before is too early
}

func (s *Service) registerDevice(a *api) {
	add(a, route{method: http.MethodPost, path: "/sign-in/device", id: "begin-device-sign-in", level: anyone, status: http.StatusCreated,
		summary: "Begin a sign-in that is made on another device", description: "At the identity provider (RFC 8628)."}, s.beginDevice)
	add(a, route{method: http.MethodPost, path: "/sign-in/device/poll", id: "poll-device-sign-in", level: anyone,
		summary: "Ask whether the sign-in on another device was made"}, s.pollDevice)
}

func (s *Service) beginDevice(ctx context.Context, _ *struct{}) (*answer[newDevice], error) {
	p, now := s.signIns.provider, s.now()
	if p == nil {
		return nil, conflict("this server has no identity provider; sign in with a link or a token")
	}
	if err := s.signIns.begin(callerOf(ctx).addr, now); err != nil {
		return nil, err
	}
	d, err := p.BeginDevice(ctx)
	if err != nil {
		return nil, s.providerTrouble(err, "the identity provider has no sign-in for other devices, or does not allow it to this server")
	}
	code, err := s.seal(d.Code)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(pendingDevice{Code: code, Interval: d.Interval, Next: now.Add(d.Interval)})
	if err != nil {
		return nil, fmt.Errorf("encode device: %w", err)
	}
	secret := newSecret(32)
	o := store.OneTime{Hash: access.HashSecret(secret), Purpose: store.DeviceCode, Data: string(data), Expires: d.Expires}
	if err := s.store.PutOneTime(ctx, o, now); err != nil {
		return nil, err
	}
	return &answer[newDevice]{Body: newDevice{Device: secret, UserCode: d.UserCode, Page: d.Page, PageWithCode: d.PageWithCode,
		Interval: seconds(d.Interval), Expires: d.Expires}}, nil
}

func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// providerTrouble is what the caller reads when the provider does not do what it is asked for.
func (s *Service) providerTrouble(err error, refused string) error {
	switch {
	case errors.Is(err, oidc.ErrUnavailable):
		s.log.Warn("identity provider does not answer", "error", err)
		return &refusal{status: http.StatusServiceUnavailable, sentence: "the identity provider cannot be reached just now; try again in a minute"}
	case errors.Is(err, oidc.ErrRefused):
		return &refusal{status: http.StatusForbidden, sentence: refused}
	}
	return err
}

func (s *Service) pollDevice(ctx context.Context, in *answer[devicePoll]) (*answer[deviceAnswer], error) {
	o, err := s.findDevice(ctx, in.Body.Device)
	if err != nil {
		return nil, err
	}
	var d pendingDevice
	if err := json.Unmarshal([]byte(o.Data), &d); err != nil {
		return nil, fmt.Errorf("decode device: %w", err)
	}
	early := s.now().Before(d.Next)
	if early {
		d.Interval += slowDown
	}
	if claimed, err := s.waitLonger(ctx, &o, d); err != nil || early || !claimed {
		return deviceStatus("slow_down", d.Interval), err
	}
	code, err := s.unseal(d.Code)
	if err != nil {
		return nil, err
	}
	who, err := s.signIns.provider.PollDevice(ctx, code)
	switch {
	case errors.Is(err, oidc.ErrPending):
		return deviceStatus("pending", d.Interval), nil
	case errors.Is(err, oidc.ErrUnavailable):
		s.log.Warn("identity provider does not answer", "error", err)
		return deviceStatus("pending", d.Interval), nil
	case errors.Is(err, oidc.ErrSlowDown):
		d.Interval += slowDown
		_, err := s.waitLonger(ctx, &o, d)
		return deviceStatus("slow_down", d.Interval), err
	}
	kept, cancel := carriedThrough(ctx)
	defer cancel()
	if _, serr := s.store.SpendOneTime(kept, store.DeviceCode, o.Hash, s.now()); serr != nil {
		return nil, serr
	}
	if err == nil {
		var session clientSession
		if session, err = s.openDevice(ctx, who, in.Body); err == nil {
			return &answer[deviceAnswer]{Body: deviceAnswer{Status: "done", Session: &session}}, nil
		}
	}
	return nil, s.refusePerson(ctx, who.User, err)
}

// waitLonger moves the time before which a poll is too early, and says whether it was this poll that did: of several at
// once one asks the provider.
func (s *Service) waitLonger(ctx context.Context, o *store.OneTime, d pendingDevice) (bool, error) {
	d.Next = s.now().Add(d.Interval)
	data, err := json.Marshal(d)
	if err != nil {
		return false, fmt.Errorf("encode device: %w", err)
	}
	err = s.store.ClaimOneTime(ctx, o.Hash, o.Data, string(data))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	o.Data = string(data)
	return err == nil, err
}

func (s *Service) findDevice(ctx context.Context, secret string) (store.OneTime, error) {
	now, from := s.now(), hostOf(callerOf(ctx).addr)
	if s.signIns.provider == nil {
		return store.OneTime{}, conflict("this server has no identity provider; sign in with a link or a token")
	}
	if wait := s.addrFailures.Blocked(from, now); wait > 0 {
		return store.OneTime{}, rateLimited(wait)
	}
	o, err := s.store.OneTime(ctx, store.DeviceCode, access.HashSecret(secret), now)
	if errors.Is(err, store.ErrNotFound) {
		s.addrFailures.Note(from, now)
		return o, &access.Denial{Cause: access.Expired, Sentence: "this sign-in is over or took too long; run: sally login --device"}
	}
	return o, err
}

func deviceStatus(status string, interval time.Duration) *answer[deviceAnswer] {
	return &answer[deviceAnswer]{Body: deviceAnswer{Status: status, Interval: seconds(interval)}}
}

func (s *Service) openDevice(ctx context.Context, who oidc.Person, in devicePoll) (clientSession, error) {
	user, err := s.admitPerson(ctx, who)
	if err != nil {
		return clientSession{}, err
	}
	grant, err := s.keepGrant(ctx, user, who)
	if err != nil {
		return clientSession{}, err
	}
	return s.clientSession(ctx, clientSignIn{user: user, how: byDevice, provider: grant, next: in.Next, publicKey: in.PublicKey})
}

// refusals are what a person reads in a terminal; the sign-in page has the same in its own words.
var refusals = map[string]string{
	"refused":     "the identity provider refused, or you did; run: sally login",
	"unavailable": "the identity provider cannot be reached just now; try again in a minute",
	"unverified":  "the identity provider has not verified your email address; verify it there first",
	"domain":      "the domain of your email address may not sign in here; ask an admin",
	"unknown":     "there is no user of your name here; ask an admin to create one",
	"taken":       "a user of your name exists here who is not you at the identity provider; ask an admin",
	"suspended":   "you are suspended; an admin can reinstate you",
}

// refusePerson records why somebody whom the provider knows is not let in, and gives what they read.
func (s *Service) refusePerson(ctx context.Context, user string, err error) error {
	reason, known := oidcReason(err)
	if rerr := s.record(ctx, act{action: "sign_in", target: user, denied: "by the identity provider: " + reason}); rerr != nil {
		return rerr
	}
	if !known {
		return err
	}
	s.log.Info("sign-in by the identity provider refused", "user", user, "error", err)
	return forbidden(refusals[reason])
}
