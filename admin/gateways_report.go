package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/link"
)

// keptReport is what is kept of a gateway's reports.
type keptReport struct {
	Version  string               `json:"version"`
	Sessions []access.LiveSession `json:"sessions"`
}

// takeReport keeps what a gateway tells of itself. What it says of other gateways does not count.
func (s *Service) takeReport(w http.ResponseWriter, r *http.Request, g store.Gateway) error {
	var in link.Report
	if err := readLink(w, r, maxReport, &in); err != nil {
		return err
	}
	ctx, now := r.Context(), s.now()
	s.journals.note(g.Name, in.Journal)
	kept := ""
	if in.Sessions != nil {
		for i := range in.Sessions.Open {
			in.Sessions.Open[i].Gateway = g.Name
		}
		b, err := json.Marshal(keptReport{Version: in.Version, Sessions: in.Sessions.Open})
		if err != nil {
			return err
		}
		kept = string(b)
	}
	if err := s.store.NoteGateway(ctx, g.Name, now, kept); err != nil {
		return err
	}
	if in.Generation > 0 && (in.Generation > g.Generation || len(in.Cuts) > 0) {
		for i := range in.Cuts {
			in.Cuts[i].Gateway = g.Name
		}
		applied := store.GatewayCuts{Gateway: g.Name, Generation: in.Generation, At: in.AppliedAt, Sessions: in.Cuts}
		if err := s.store.NoteApplied(ctx, applied, now); err != nil {
			return err
		}
	}
	if err := s.dropKills(ctx, g.Name, in.Sessions); err != nil {
		return err
	}
	if snap := s.current.Load(); snap != nil {
		for _, use := range in.TokensUsed {
			if _, known := snap.Tokens[use.Token]; known {
				s.usage.note(use.Token, use.At)
			}
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// dropKills forgets the orders that were carried out.
func (s *Service) dropKills(ctx context.Context, gateway string, open *link.Sessions) error {
	if open == nil {
		return nil
	}
	kills, err := s.store.Kills(ctx, gateway)
	if err != nil {
		return err
	}
	for _, k := range kills {
		if slices.ContainsFunc(open.Open, func(l access.LiveSession) bool { return l.ID == k.Session }) {
			continue
		}
		if err := s.store.DropKill(ctx, gateway, k.Session); err != nil {
			return err
		}
	}
	return nil
}

// openSessions lists the sessions of this process and of all gateways, those included that are away but may still have
// theirs.
func (s *Service) openSessions(ctx context.Context) ([]access.LiveSession, error) {
	open := slices.Clone(s.sessions.Sessions())
	gateways, err := s.store.Gateways(ctx)
	if err != nil {
		return nil, err
	}
	for _, g := range gateways {
		if s.now().Before(s.closesBy(&g)) {
			open = append(open, reportOf(&g).Sessions...)
		}
	}
	return open, nil
}

// reportOf is the gateway's last report; empty when there is none that can be read.
func reportOf(g *store.Gateway) (kept keptReport) {
	if json.Unmarshal([]byte(g.Report), &kept) != nil {
		return keptReport{}
	}
	return kept
}

// orderKill lets the gateway that has the session end it, whichever control plane it hangs on.
func (s *Service) orderKill(ctx context.Context, session access.LiveSession, reason string) error {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return err
	}
	if _, ok := snap.Gateways[session.Gateway]; !ok {
		return notFound("session", session.ID)
	}
	if err := s.store.PutKill(ctx, store.Kill{Session: session.ID, Gateway: session.Gateway, Reason: reason}, s.now()); err != nil {
		return err
	}
	s.links.wakeKillers()
	return nil
}
