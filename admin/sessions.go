package admin

import (
	"cmp"
	"context"
	"fmt"
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
		func(context.Context, *struct{}) (*answer[list[access.LiveSession]], error) {
			items := append([]access.LiveSession{}, s.live().Sessions()...)
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
	sessions := s.live().Sessions()
	i := slices.IndexFunc(sessions, func(l access.LiveSession) bool { return l.ID == id })
	if i < 0 {
		return notFound("session", id)
	}
	if reason == "" {
		reason = "an admin ended this session"
	}
	err := s.record(ctx, act{action: "sessions.kill", target: id, before: sessions[i], after: map[string]string{"reason": reason}})
	if err != nil {
		return err
	}
	if !s.live().Kill(id, reason) {
		return notFound("session", id)
	}
	return nil
}

// cutUnauthorized kills the sessions that would not be let in any more as things are now.
func (s *Service) cutUnauthorized(ctx context.Context) {
	snap := s.current.Load()
	if snap == nil {
		return
	}
	for _, l := range s.live().Sessions() {
		_, err := snap.authorize(access.Identity{User: l.User}, l.Resource, l.Account)
		if err == nil {
			continue
		}
		s.live().Kill(l.ID, fmt.Sprintf("your access to %s as %s has ended", l.Resource, l.Account))
		s.log.InfoContext(ctx, "session cut after a change", "session", l.ID, "user", l.User, "resource", l.Resource)
	}
}
