package creds

import (
	"context"
	"fmt"
)

// Router is a Source that sends each request to the source that its credential names. The key is
// access.Credential.Source. It must not be changed once it is in use.
type Router map[string]Source

// Fetch implements Source.
func (sources Router) Fetch(ctx context.Context, r Request) (*Lease, error) {
	name, source := r.Credential.Name, r.Credential.Source
	s := sources[source]
	if s == nil {
		return nil, &Unavailable{
			Credential: name,
			Sentence: fmt.Sprintf("credential %s is kept in %q, which this gateway is not set up for; ask an operator to configure it",
				name, source),
			Err: fmt.Errorf("find source %q: not configured", source),
		}
	}
	return s.Fetch(ctx, r)
}
