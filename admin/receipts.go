package admin

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/ca"
	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/link"
)

// receipt says what was cut when a user was put out. It is signed, and its hash is in the record.
type receipt struct {
	ID       string `json:"id"`
	User     string `json:"user"`
	Action   string `json:"action" enum:"suspend,delete,revoke" doc:"revoke: what proved the user ended; they sign in anew"`
	By       string `json:"by"`
	Recorded string `json:"recorded" doc:"ID of the event that recorded the act before it was done"`
	// Generation is that of the rules by which the user is refused.
	Generation int64 `json:"generation"`
	// RefusedFrom is when the control plane began to refuse all that the user holds.
	RefusedFrom time.Time `json:"refused_from"`
	// CertificatesBefore: certificates issued until then are refused for good.
	CertificatesBefore time.Time        `json:"certificates_before" doc:"Certificates issued until then are refused for good"`
	Tokens             []string         `json:"tokens" doc:"IDs of the access tokens that are refused"`
	SSHKeys            []string         `json:"ssh_keys,omitempty" doc:"Fingerprints of the SSH keys that are refused"`
	BrowserSessions    int              `json:"browser_sessions" doc:"Cookies that were removed"`
	ClientSessions     int              `json:"client_sessions" doc:"Sign-ins of local clients that were removed"`
	OneTimeSecrets     int              `json:"one_time_secrets" doc:"Sign-in links and codes that were removed"`
	Grants             int              `json:"grants" doc:"Temporary grants that give nothing any more"`
	Gateways           []receiptGateway `json:"gateways" doc:"Every gateway, and what it cut"`
	Complete           bool             `json:"complete" doc:"Every gateway has confirmed, or has closed by itself before"`
	Issued             time.Time        `json:"issued"`
}

// cuts counts the sessions.
func (r *receipt) cuts() (n int) {
	for _, g := range r.Gateways {
		n += len(g.Sessions)
	}
	return n
}

// receiptGateway is one gateway's part of a receipt.
type receiptGateway struct {
	Name  string    `json:"name"`
	State string    `json:"state" enum:"confirmed,unconfirmed,closed" doc:"confirmed: refuses the user since at; unconfirmed: has not answered, and ends all sessions by itself at the latest at at, unless it hears of this before; closed: was without word from the control plane for so long that it ended all sessions by itself, at the latest at at, or never served any"`
	At    time.Time `json:"at,omitzero"`
	// Sessions are those of the user that were cut, with the leases of their credentials.
	Sessions []access.Cut `json:"sessions" doc:"The user's sessions that it cut; the leases of their credentials end with them"`
}

// The states of a gateway in a receipt.
const (
	receiptConfirmed   = "confirmed"
	receiptUnconfirmed = "unconfirmed"
	receiptClosed      = "closed"
)

// receiptPatience bounds how long a receipt waits for gateways.
const receiptPatience = 5 * time.Second

// eviction is an act that put a user out, as far as this process has carried it out.
type eviction struct {
	user, action, by string
	recorded         string // the event's ID
	generation       int64
	refused          time.Time
	tokens           []string
	sshKeys          []string // fingerprints
	grants           int
	dropped          store.SignIns
	cuts             []access.Cut // by this process's own gateway
	applied          time.Time    // when these were done
}

// evictionOf begins an eviction with what the user has.
func (s *Service) evictionOf(ctx context.Context, snap *snapshot, user, action string) *eviction {
	e := &eviction{user: user, action: action, by: callerOf(ctx).name, refused: s.now().UTC().Truncate(time.Microsecond), tokens: []string{}}
	for _, id := range slices.Sorted(maps.Keys(snap.Tokens)) {
		if snap.Tokens[id].User == user {
			e.tokens = append(e.tokens, id)
		}
	}
	for _, fingerprint := range slices.Sorted(maps.Keys(snap.SSHKeys)) {
		if snap.SSHKeys[fingerprint].User == user {
			e.sshKeys = append(e.sshKeys, fingerprint)
		}
	}
	for _, g := range snap.Grants {
		if g.User == user && s.now().Before(g.Until) {
			e.grants++
		}
	}
	return e
}

// note remembers the event that recorded the act.
func (e *eviction) note(event string) { e.recorded = event }

// evict carries the act out. Its callers hold s.mu.
func (s *Service) evict(ctx context.Context, a act, e *eviction, apply func(context.Context) (store.SignIns, error)) error {
	cuts, err := s.change(ctx, a, func(ctx context.Context) (err error) {
		e.dropped, err = apply(ctx)
		return err
	})
	if err != nil {
		return err
	}
	e.cuts, e.applied = cuts, s.now()
	if snap := s.current.Load(); snap != nil {
		e.generation = snap.Generation
	}
	return nil
}

// issueReceipt waits for the gateways, and then signs, keeps and records what was cut. The act is done by now: whoever
// asked for it may leave, and an error here undoes nothing.
func (s *Service) issueReceipt(ctx context.Context, e eviction) (receipt, error) {
	ctx, cancel := carriedThrough(ctx)
	defer cancel()
	gateways, err := s.awaitGateways(ctx, e)
	if err != nil {
		return receipt{}, fmt.Errorf("await gateways: %w", err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return receipt{}, fmt.Errorf("draw receipt ID: %w", err)
	}
	r := receipt{
		ID: id.String(), User: e.user, Action: e.action, By: e.by, Recorded: e.recorded, Generation: e.generation,
		RefusedFrom: e.refused.UTC(), CertificatesBefore: e.refused.UTC(), Tokens: e.tokens, SSHKeys: e.sshKeys, Grants: e.grants,
		BrowserSessions: e.dropped.Browsers, ClientSessions: e.dropped.Clients, OneTimeSecrets: e.dropped.OneTime,
		Gateways: append([]receiptGateway{{Name: s.gateway, State: receiptConfirmed, At: e.applied.UTC(), Sessions: cutsOf(e.cuts, e.user)}}, gateways...),
		Issued:   s.now().UTC(), Complete: true,
	}
	for _, g := range r.Gateways {
		r.Complete = r.Complete && g.State != receiptUnconfirmed
	}
	return r, s.keepReceipt(ctx, r)
}

func (s *Service) keepReceipt(ctx context.Context, r receipt) error {
	signed, err := link.Sign(s.links.receiptKey, link.ReceiptPurpose, r)
	if err != nil {
		return err
	}
	document, err := json.Marshal(signed)
	if err != nil {
		return fmt.Errorf("encode receipt: %w", err)
	}
	sum := sha256.Sum256(signed.Payload)
	a := act{action: "receipts.create", target: r.ID,
		after: map[string]any{"user": r.User, "recorded": r.Recorded, "complete": r.Complete, "payload_sha256": hex.EncodeToString(sum[:])}}
	return s.carryOut(ctx, a, func(ctx context.Context) error {
		return s.store.PutReceipt(ctx, store.Receipt{ID: r.ID, User: r.User, Created: r.Issued, Document: string(document)})
	})
}

// awaitGateways waits until every gateway that is connected decides by the eviction's generation, or patience ends.
// Gateways may hang on other control planes, so the answers are looked for in the state.
func (s *Service) awaitGateways(ctx context.Context, e eviction) ([]receiptGateway, error) {
	deadline := time.NewTimer(receiptPatience)
	defer deadline.Stop()
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		gateways, err := s.store.Gateways(ctx)
		if err != nil {
			return nil, err
		}
		waiting := false
		for _, g := range gateways {
			waiting = waiting || g.Generation < e.generation && s.stateOf(&g) == gatewayConnected
		}
		if !waiting {
			return s.receiptGateways(ctx, e, gateways)
		}
		timer := time.NewTimer(pause)
		select {
		case <-deadline.C:
			timer.Stop()
			return s.receiptGateways(ctx, e, gateways)
		case <-timer.C:
		}
	}
}

func (s *Service) receiptGateways(ctx context.Context, e eviction, gateways []store.Gateway) ([]receiptGateway, error) {
	all, err := s.store.Cuts(ctx, e.generation)
	if err != nil {
		return nil, err
	}
	list := make([]receiptGateway, 0, len(gateways))
	for _, g := range gateways {
		r := receiptGateway{Name: g.Name, Sessions: []access.Cut{}}
		for _, c := range all {
			if c.Gateway != g.Name {
				continue
			}
			if r.State == "" {
				r.State, r.At = receiptConfirmed, c.At
			}
			r.Sessions = append(r.Sessions, cutsOf(c.Sessions, e.user)...)
		}
		if r.State == "" {
			r.State, r.At = receiptUnconfirmed, s.closesBy(&g)
			if g.LastSeen.IsZero() {
				r.State, r.At = receiptClosed, time.Time{}
			} else if !s.now().Before(r.At) {
				r.State = receiptClosed
			}
		}
		list = append(list, r)
	}
	return list, nil
}

func cutsOf(cuts []access.Cut, user string) []access.Cut {
	own := []access.Cut{}
	for _, c := range cuts {
		if c.User == user {
			own = append(own, c)
		}
	}
	return own
}

// receiptSummary is a receipt in a list.
type receiptSummary struct {
	ID      string    `json:"id"`
	User    string    `json:"user"`
	Created time.Time `json:"created"`
}

type receiptsInput struct {
	User   string `query:"user" maxLength:"128" doc:"Of this user alone"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" doc:"Items in a page; default 1000"`
	Cursor string `query:"cursor" maxLength:"256" doc:"The previous page's next"`
}

// receiptKey is what receipts are verified with.
type receiptKey struct {
	PublicKey string `json:"public_key" doc:"PEM, Ed25519"`
}

func (s *Service) registerReceipts(a *api) {
	add(a, route{method: http.MethodGet, path: "/receipts", id: "list-receipts", summary: "List the receipts of those who were put out", level: reader,
		description: "Newest first."}, s.listReceipts)
	add(a, route{method: http.MethodGet, path: "/receipts/{id}", id: "get-receipt", summary: "Show a receipt with its signature", level: reader,
		description: "The signature is Ed25519 over the words \"sallyport receipt\", a zero byte and the payload without white space between its parts."},
		func(ctx context.Context, in *struct {
			ID string `path:"id" maxLength:"64"`
		}) (*answer[signedReceipt], error) {
			r, err := s.store.Receipt(ctx, in.ID)
			if errors.Is(err, store.ErrNotFound) {
				return nil, notFound("receipt", in.ID)
			}
			if err != nil {
				return nil, err
			}
			var signed signedReceipt
			if err := json.Unmarshal([]byte(r.Document), &signed); err != nil {
				return nil, fmt.Errorf("decode receipt: %w", err)
			}
			return &answer[signedReceipt]{Body: signed}, nil
		})
	add(a, route{method: http.MethodGet, path: "/receipts/key", id: "get-receipt-key", summary: "Show the key by which receipts are verified", level: anyone},
		func(context.Context, *struct{}) (*answer[receiptKey], error) {
			public, err := ca.EncodeSignerKey(s.links.receiptKey.Public().(ed25519.PublicKey))
			return &answer[receiptKey]{Body: receiptKey{PublicKey: public}}, err
		})
}

// signedReceipt is a receipt as it was signed.
type signedReceipt struct {
	Payload   receiptPayload `json:"payload"`
	Signature []byte         `json:"signature"`
}

// receiptPayload is a receipt's own bytes, which the signature is over.
type receiptPayload struct{ json.RawMessage }

func (s *Service) listReceipts(ctx context.Context, in *receiptsInput) (*answer[list[receiptSummary]], error) {
	limit := min(in.Limit, maxPage)
	if limit <= 0 {
		limit = defaultPage
	}
	found, err := s.store.Receipts(ctx, in.User, in.Cursor, limit+1)
	if err != nil {
		return nil, err
	}
	out := list[receiptSummary]{Items: []receiptSummary{}}
	if len(found) > limit {
		found = found[:limit]
		out.Next = found[limit-1].ID
	}
	for _, r := range found {
		out.Items = append(out.Items, receiptSummary{ID: r.ID, User: r.User, Created: r.Created})
	}
	return &answer[list[receiptSummary]]{Body: out}, nil
}
