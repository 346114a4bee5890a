package admin

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/sallyport/sallyport/access"
)

type killInput struct {
	ID     string `path:"id" maxLength:"128"`
	Reason string `query:"reason" maxLength:"200" doc:"A sentence for the session's user; default: an admin ended this session"`
}

func (s *Service) registerSessions(a *api) {
	add(a, route{method: http.MethodGet, path: "/sessions", id: "list-sessions", summary: "List the sessions that are open now", level: reader,
		description: "Newest first, all in one page."},
		func(ctx context.Context, _ *struct{}) (*answer[list[access.LiveSession]], error) {
			open, err := s.openSessions(ctx)
			if err != nil {
				return nil, err
			}
			items := append([]access.LiveSession{}, open...)
			slices.SortFunc(items, func(a, b access.LiveSession) int {
				return cmp.Or(b.Started.Compare(a.Started), cmp.Compare(a.ID, b.ID))
			})
			return &answer[list[access.LiveSession]]{Body: list[access.LiveSession]{Items: items}}, nil
		})
	add(a, route{method: http.MethodDelete, path: "/sessions/{id}", id: "kill-session", summary: "Kill a session", level: adminOnly,
		description: "Its client reads the reason."},
		func(ctx context.Context, in *killInput) (*struct{}, error) {
			return nil, s.killSession(ctx, in.ID, in.Reason)
		})
}

func (s *Service) killSession(ctx context.Context, id, reason string) error {
	open, err := s.openSessions(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(open, func(l access.LiveSession) bool { return l.ID == id })
	if i < 0 {
		return notFound("session", id)
	}
	if reason == "" {
		reason = "an admin ended this session"
	}
	a := act{action: "sessions.kill", target: id, before: open[i], after: map[string]string{"reason": reason}}
	return s.carryOut(ctx, a, func(ctx context.Context) error {
		if _, here := s.sessions.Kill(id, reason); here {
			return nil
		}
		// A gateway that was stolen may claim another's session, so that the order goes astray: so all that claim it get one.
		for _, l := range open[i:] {
			if l.ID == id {
				if err := s.orderKill(ctx, l, reason); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
