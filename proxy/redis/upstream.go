package redis

import (
	"context"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
)

// dialStore connects to the store and authenticates there.
func dialStore(ctx context.Context, store access.Resource, secret creds.Secret, resp int, name string) (*storeConn, error) {
	return nil, &proxy.StoreUnreachable{Resource: store.Name}
}
