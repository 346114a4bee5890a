package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/audit/index/elastic"
	"github.com/sallyport/sallyport/audit/keep"
)

// auditConfig says how the record is kept, found again and proven.
type auditConfig struct {
	// SegmentBytes is the size at which the journal begins a new file.
	SegmentBytes int64       `yaml:"segment_bytes"`
	Index        indexConfig `yaml:"index"`
	Retention    keep.Config `yaml:"retention"`
	// Recordings are kept as long as the records of their statements, unless this says that they go earlier.
	Recordings keep.RecordingsConfig `yaml:"recordings"`
	Witnesses  []witnessConfig       `yaml:"witnesses"`
}

// The kinds of index.
const (
	embeddedIndex = "embedded"
	elasticIndex  = "elasticsearch"
)

// indexConfig chooses what searches are answered from. The keys from CutRows on are the embedded index's.
type indexConfig struct {
	Kind string `yaml:"kind"` // embedded or elasticsearch
	// CutRows and CutAfter bound what is in memory only, and so what is read again after a crash.
	CutRows  int           `yaml:"cut_rows"`
	CutAfter time.Duration `yaml:"cut_after"`
	// SegmentRows is the size up to which neighbouring files are merged.
	SegmentRows int64 `yaml:"segment_rows"`
	// MemoryBytes bounds what is kept in memory of the files.
	MemoryBytes   int64           `yaml:"memory_bytes"`
	Elasticsearch *elastic.Config `yaml:"elasticsearch"`
}

// witnessConfig is one witness of checkpoints: a file or a webhook.
type witnessConfig struct {
	File string `yaml:"file"`
	// Append keeps all checkpoints in the file; otherwise it holds the newest alone.
	Append  bool   `yaml:"append"`
	Webhook string `yaml:"webhook"`
}

// witnessAuthorizationEnv names the variable that holds the Authorization header of webhook witnesses, if they want one.
const witnessAuthorizationEnv = "SALLY_WITNESS_AUTHORIZATION"

const minSegmentBytes = 64 << 10

func (c auditConfig) validate() error {
	if c.SegmentBytes != 0 && c.SegmentBytes < minSegmentBytes {
		return fmt.Errorf("segment_bytes: must be at least %d", minSegmentBytes)
	}
	if err := c.Index.validate(); err != nil {
		return fmt.Errorf("index.%w", err)
	}
	if err := c.Retention.Validate(); err != nil {
		return fmt.Errorf("retention.%w", err)
	}
	if err := c.Recordings.Validate(); err != nil {
		return fmt.Errorf("recordings.%w", err)
	}
	for i, w := range c.Witnesses {
		switch {
		case (w.File == "") == (w.Webhook == ""):
			return fmt.Errorf("witnesses[%d]: give either file or webhook", i)
		case w.Append && w.File == "":
			return fmt.Errorf("witnesses[%d].append: is for a file", i)
		}
	}
	return nil
}

func (c indexConfig) validate() error {
	for key, n := range map[string]int64{"cut_rows": int64(c.CutRows), "cut_after": int64(c.CutAfter),
		"segment_rows": c.SegmentRows, "memory_bytes": c.MemoryBytes} {
		if n < 0 {
			return fmt.Errorf("%s: must not be negative", key)
		}
	}
	switch c.Kind {
	case embeddedIndex:
		if c.Elasticsearch != nil {
			return errors.New(`elasticsearch: is not used; set kind to "elasticsearch"`)
		}
	case elasticIndex:
		if c.Elasticsearch == nil {
			return errors.New("elasticsearch: is missing; give at least its urls")
		}
		if err := c.Elasticsearch.Validate(); err != nil {
			return fmt.Errorf("elasticsearch.%w", err)
		}
	default:
		return fmt.Errorf("kind: %q is neither %s nor %s", c.Kind, embeddedIndex, elasticIndex)
	}
	return nil
}
