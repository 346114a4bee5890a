package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/client"
)

// notYours is the error for a name that the person may not open: that they have asked for it already, or how they do. mine are the
// resources that they may open.
func notYours(ctx context.Context, p *client.Profile, name string, mine []client.Resource) error {
	if r := pendingFor(ctx, p, name); r != nil {
		return fmt.Errorf("you may not open %s yet: your request %s of %s is not decided; see: sally access show %[2]s", name, r.ID, localTime(r.Created))
	}
	return client.NotYours(name, mine)
}

// pendingFor is the person's newest request for a resource that nobody has decided; nil: there is none, or it is not known.
func pendingFor(ctx context.Context, p *client.Profile, resource string) *accessRequest {
	api, err := p.API()
	if err != nil {
		return nil
	}
	defer api.Close()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	query := url.Values{"scope": {"mine"}, "status": {string(access.Pending)}, "limit": {"100"}}
	var found page[accessRequest]
	if err := api.Call(ctx, http.MethodGet, requestsPath+"?"+query.Encode(), nil, &found); err != nil {
		return nil
	}
	for i := range found.Items {
		if found.Items[i].Resource == resource {
			return &found.Items[i]
		}
	}
	return nil
}
