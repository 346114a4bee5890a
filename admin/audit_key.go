package admin

import (
	"context"
	"net/http"
)

// KeyRotator changes the key that checkpoints are signed with.
type KeyRotator interface {
	// Rotate makes a new key, has the log itself say so, signed by the old one, and returns the new public key in the form
	// of sumdb/note. After an error the old key stays.
	Rotate(ctx context.Context) (newKey string, err error)
}

// rotatedKey is the answer to a rotation.
type rotatedKey struct {
	Key string `json:"key" doc:"The public key that checkpoints are verified with from now on"`
}

func (s *Service) registerAuditKey(a *api) {
	add(a, route{method: http.MethodPost, path: "/audit/key/rotate", id: "rotate-audit-key", summary: "Sign checkpoints with a new key", level: adminOnly,
		description: "The change stands in the record, so that a verifier with the old key follows it."},
		func(ctx context.Context, _ *struct{}) (*answer[rotatedKey], error) {
			key, err := s.rotateAuditKey(ctx)
			return &answer[rotatedKey]{Body: rotatedKey{Key: key}}, err
		})
}

func (s *Service) rotateAuditKey(ctx context.Context) (key string, err error) {
	if s.rotator == nil {
		return "", &refusal{status: http.StatusNotImplemented, sentence: "this server keeps no checkpoints, and so no key to rotate"}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := act{action: "audit.key.rotate"}
	if s.prover != nil {
		a.before = rotatedKey{Key: s.prover.Key()}
	}
	err = s.change(ctx, a, func(ctx context.Context) error {
		key, err = s.rotator.Rotate(ctx)
		return err
	})
	return key, err
}
