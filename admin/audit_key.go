package admin

import (
	"context"
	"net/http"

	"github.com/sallyport/sallyport/audit"
)

// KeyRotator changes the key that checkpoints are signed with.
type KeyRotator interface {
	// Rotate makes a new key, records the change as who's, and returns the verifier keys, in the form of sumdb/note, once
	// a checkpoint that both keys have signed covers that record. When ctx ends first, the change is finished later.
	Rotate(ctx context.Context, who audit.Scope) (before, after string, err error)
}

// rotatedKey is the answer to a rotation.
type rotatedKey struct {
	Key    string `json:"key" doc:"The public key that checkpoints are verified with from now on"`
	Former string `json:"former" doc:"The one before, which has signed the change"`
}

func (s *Service) registerAuditKey(a *api) {
	add(a, route{method: http.MethodPost, path: "/audit/key/rotate", id: "rotate-audit-key", summary: "Sign checkpoints with a new key", level: adminOnly,
		description: "The change stands in the record, so that a verifier with the former key follows it."},
		func(ctx context.Context, _ *struct{}) (*answer[rotatedKey], error) {
			if s.rotator == nil {
				return nil, &refusal{status: http.StatusNotImplemented, sentence: "this server keeps no checkpoints, and so no key to rotate"}
			}
			ctx, cancel := context.WithTimeout(ctx, searchTime)
			defer cancel()
			former, key, err := s.rotator.Rotate(ctx, s.scopeOf(callerOf(ctx)))
			return &answer[rotatedKey]{Body: rotatedKey{Key: key, Former: former}}, err
		})
}
