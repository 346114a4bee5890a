package crash

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/sallyport/sallyport/test/servers"
)

// store is a server that the load runs at, and whose own word on what it has run is the judge.
type store interface {
	// start starts it for the test, with the account and the password.
	start(t *testing.T)
	// address is where the gateway reaches it.
	address() string
	// resourceFlags are those of `sally admin resources add`: protocol and the like.
	resourceFlags() []string
	// work runs statements of all kinds at the native entrance, each with a mark of its own, until one fails.
	work(ctx context.Context, w worker)
	// log is the file in which the server has told by now what it has run.
	log(t *testing.T) string
}

// stores are all that are served.
var stores = map[string]func() store{
	"PostgreSQL": func() store { return &postgres{} },
	"MariaDB":    func() store { return &mariaDB{} },
	"Redis":      func() store { return &redis{} },
}

// worker is one client.
type worker struct {
	sally    *servers.Sally
	resource string
	token    string
	round    int
	number   int
	answered *atomic.Int64
	marks    int
}

// mark is a new one.
func (w *worker) mark() string {
	w.marks++
	return fmt.Sprintf("mark-%d-%d-%d", w.round, w.number, w.marks)
}
