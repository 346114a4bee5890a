package admin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/audit/recording"
	"github.com/sallyport/sallyport/link"
)

// senders tells which recordings go on that gateways send while they grow. It asks for each gateway once, so one is for one answer.
type senders struct {
	service *Service
	open    map[string]map[string]bool // by gateway, the sessions that it has; none of one that is not heard of
}

func (s *Service) newSenders() *senders {
	return &senders{service: s, open: map[string]map[string]bool{}}
}

// interrupted is when the last of a recording came that does not go on: for longer than link.ReportPatience neither came any of it, nor does its
// gateway say that it has the session. Zero: it goes on, or is over.
func (o *senders) interrupted(ctx context.Context, e recording.Entry, session string) (time.Time, error) {
	from := o.service.recordings.sender(e.Statement)
	if !e.Growing || from == "" || o.service.now().Sub(e.Changed) <= link.ReportPatience {
		return time.Time{}, nil
	}
	sessions, err := o.sessionsAt(ctx, from)
	if err != nil || sessions[session] {
		return time.Time{}, err
	}
	return e.Changed.UTC(), nil
}

// sessionsAt are the sessions that the gateway has by its own word.
func (o *senders) sessionsAt(ctx context.Context, gateway string) (map[string]bool, error) {
	if sessions, known := o.open[gateway]; known {
		return sessions, nil
	}
	g, err := o.service.store.Gateway(ctx, gateway)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("look for a recording's gateway: %w", err)
	}
	sessions := map[string]bool{}
	if err == nil && o.service.stateOf(&g) == gatewayConnected {
		for _, session := range reportOf(&g).Sessions {
			sessions[session.ID] = true
		}
	}
	o.open[gateway] = sessions
	return sessions, nil
}

// refuseUnwatchable refuses to watch a terminal that is closed, or of which nothing comes any more. One that is not here is for others to refuse.
func (s *Service) refuseUnwatchable(ctx context.Context, statement string) error {
	state, here := s.recordings.state(statement)
	if !here {
		return nil
	}
	if !state.Growing {
		return conflict("this terminal is closed; replay it with: sally replay %s", statement)
	}
	r, err := s.recordings.open(statement)
	if err != nil {
		return err
	}
	since, err := s.newSenders().interrupted(ctx, state, r.Header().Session)
	if err = errors.Join(err, r.Close()); err != nil || since.IsZero() {
		return err
	}
	return conflict("nothing has come of this terminal from the gateway %s since %s; replay what came before with: sally replay %s",
		s.recordings.sender(statement), since.Format(time.RFC3339), statement)
}
