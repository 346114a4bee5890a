package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/ca"
	"github.com/sallyport/sallyport/audit/index/elastic"
	"github.com/sallyport/sallyport/audit/index/embedded"
	"github.com/sallyport/sallyport/audit/index/many"
	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/audit/keep"
	"github.com/sallyport/sallyport/audit/proof"
)

// Names of the record's parts within the data directory.
const (
	journalDir   = "journal"
	indexDir     = "index"
	auditKeyFile = "audit-key.sealed"
)

// lastCheckpointTime bounds how long a server that ends waits for its last checkpoint.
const lastCheckpointTime = 10 * time.Second

func (s *server) openJournal(context.Context) (err error) {
	s.journal, err = journal.Open(s.path(journalDir), journal.Options{
		Gateway: s.config.Gateway, SegmentBytes: s.config.Audit.SegmentBytes, Log: s.log,
	})
	if err != nil {
		return err
	}
	s.closing = append(s.closing, s.journal.Close)
	if _, err := s.recordings.Recover(s.journal, s.config.Gateway); err != nil {
		return fmt.Errorf("recover recordings: %w", err)
	}
	return nil
}

// openProof begins to sign the journal. It is closed right before the journal, so that the last checkpoint covers all.
func (s *server) openProof(context.Context) error {
	witnesses, err := s.config.Audit.witnesses()
	if err != nil {
		return err
	}
	s.proof, err = proof.Open(proof.Options{
		Journal: s.journal, Gateway: s.config.Gateway, KeyFile: s.path(auditKeyFile),
		Sealer: ca.NewAgeSealer(s.sealed.Identity()), Witnesses: witnesses, Log: s.log,
	})
	if err != nil {
		return err
	}
	s.closing = append(s.closing, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), lastCheckpointTime)
		defer cancel()
		return s.proof.Close(ctx)
	})
	return nil
}

func (c auditConfig) witnesses() ([]proof.Witness, error) {
	var list []proof.Witness
	for i, w := range c.Witnesses {
		if w.File != "" {
			list = append(list, proof.FileWitness{Path: w.File, Append: w.Append})
			continue
		}
		hook, err := proof.NewWebhookWitness(w.Webhook, os.Getenv(witnessAuthorizationEnv), nil)
		if err != nil {
			return nil, fmt.Errorf("audit.witnesses[%d]: %w", i, err)
		}
		list = append(list, hook)
	}
	return list, nil
}

// droppable is an index whose old events can be forgotten.
type droppable interface{ Drop(before uint64) error }

// openIndex opens what searches are answered from. It follows the journal at its own pace.
func (s *server) openIndex(context.Context) error {
	c := s.config.Audit.Index
	if c.Kind == elasticIndex {
		ix, err := elastic.Open(*c.Elasticsearch, s.journal, s.log)
		if err != nil {
			return err
		}
		s.index, s.own = ix, ix
		s.closing = append(s.closing, ix.Close)
		return nil
	}
	o := embedded.Options{CutRows: c.CutRows, CutAfter: c.CutAfter, SegmentRows: c.SegmentRows, MemoryBytes: c.MemoryBytes, Log: s.log}
	s.cache = o.NewCache()
	o.Cache = s.cache
	ix, err := embedded.Open(s.path(indexDir), s.journal, o)
	if err != nil {
		return err
	}
	s.closing = append(s.closing, ix.Close)
	s.searched = many.New()
	s.index, s.own = s.searched, ix
	return s.searched.Add(ownIndex, ix)
}

// openKeeper begins to remove what need not be kept any more.
func (s *server) openKeeper(context.Context) error {
	o := keep.Options{Config: s.config.Audit.Retention, RecordingsConfig: s.config.Audit.Recordings, Gateway: s.config.Gateway,
		Journal: s.journal, Proof: s.proof, Recordings: s.recordings, Shipped: s.shipped, Log: s.log}
	if s.shippedRecordings != nil {
		o.ShippedRecordings = s.shippedRecordings
	}
	if d, ok := s.own.(droppable); ok {
		o.Indexes = append(o.Indexes, keptIndex{d})
	}
	keeper, err := keep.New(o)
	if err != nil {
		return err
	}
	s.closing = append(s.closing, runKeeper(keeper))
	return nil
}

// runKeeper runs a keeper until end is called.
func runKeeper(k *keep.Keeper) (end func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.Run(ctx)
	}()
	return func() error {
		cancel()
		<-done
		return nil
	}
}

// keptIndex is an index as the keeper knows it.
type keptIndex struct{ droppable }

func (i keptIndex) Drop(_ context.Context, before uint64) error { return i.droppable.Drop(before) }

// measured is what the metrics tell of the record.
func (s *server) measured() admin.Measured {
	return admin.Measured{
		Written: s.journal.Written,
		Checkpoint: func() (uint64, time.Time) {
			c := s.proof.Covered()
			return c.Size, c.Time
		},
	}
}
