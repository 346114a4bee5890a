package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/sallyport/sallyport/audit/copies"
	"github.com/sallyport/sallyport/audit/index/elastic"
	"github.com/sallyport/sallyport/audit/index/embedded"
	"github.com/sallyport/sallyport/audit/index/many"
	"github.com/sallyport/sallyport/audit/index/segment"
	"github.com/sallyport/sallyport/audit/keep"
)

// gatewaysDir holds the records of gateways that run elsewhere, within the data directory.
const gatewaysDir = "gateways"

// ownIndex is the name of this server's own record among those that are searched. No gateway can have it.
const ownIndex = "."

// Of a gateway's copy less is kept in memory than of the own record, since there may be many, and it can be read again
// from the copy at any time.
const copyCutRows = 8 << 10

// gatewayRecords are the copies of gateways' journals, and what follows them.
type gatewayRecords struct {
	config  indexConfig
	server  *server
	indexes *many.Index    // nil: a cluster is searched, which all feed
	cache   *segment.Cache // of all embedded indexes

	mu      sync.Mutex
	follows []func() error // end what follows the copies
}

// openGatewayRecords opens the records that gateways have shipped. It follows openIndex.
func (s *server) openGatewayRecords(context.Context) error {
	r := &gatewayRecords{config: s.config.Audit.Index, server: s, indexes: s.searched, cache: s.cache}
	var err error
	s.records, err = copies.Open(s.path(gatewaysDir), s.log, r.open)
	if err != nil {
		return errors.Join(err, r.close())
	}
	s.closing = append(s.closing, func() error { return errors.Join(r.close(), s.records.Close()) })
	return nil
}

// open makes a copy's records searchable.
func (r *gatewayRecords) open(c *copies.Copy) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.config.Kind == elasticIndex {
		ix, err := elastic.Open(*r.config.Elasticsearch, c.Journal, r.server.log)
		if err != nil {
			return fmt.Errorf("index of %s: %w", c.Name, err)
		}
		if err := r.keep(c); err != nil {
			return errors.Join(err, ix.Close())
		}
		r.follows = append(r.follows, ix.Close)
		return nil
	}
	ix, err := embedded.Open(c.IndexDir(), c.Journal, embedded.Options{
		CutRows: copyCutRows, CutAfter: r.config.CutAfter, SegmentRows: r.config.SegmentRows, Cache: r.cache, Log: r.server.log,
	})
	if err != nil {
		return fmt.Errorf("index of %s: %w", c.Name, err)
	}
	if err := r.keep(c, keptIndex{ix}); err != nil {
		return errors.Join(err, ix.Close())
	}
	r.follows = append(r.follows, ix.Close)
	return r.indexes.Add(c.Name, ix)
}

// keep removes of a copy what need not be kept any more, until it is closed. r.mu is held.
func (r *gatewayRecords) keep(c *copies.Copy, indexes ...keep.Index) error {
	s := r.server
	keeper, err := keep.New(keep.Options{Config: s.config.Audit.Retention, Gateway: s.config.Gateway, Journal: s.journal, Proof: s.proof,
		Copy: &keep.Copy{Name: c.Name, Dir: c.Journal.Dir(), Proof: c.Proof}, Indexes: indexes, Log: s.log.With("copy", c.Name)})
	if err == nil {
		r.follows = append(r.follows, runKeeper(keeper))
	}
	return err
}

// close ends what follows the copies.
func (r *gatewayRecords) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var err error
	for _, end := range r.follows {
		err = errors.Join(err, end())
	}
	r.follows = nil
	return err
}
