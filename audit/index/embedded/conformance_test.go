package embedded

import (
	"testing"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/indextest"
	"github.com/sallyport/sallyport/audit/journal"
)

func TestConformance(t *testing.T) {
	for name, o := range map[string]Options{
		"in memory":   {},
		"in segments": {CutRows: 30, SegmentRows: 200, Share: 1},
	} {
		t.Run(name, func(t *testing.T) {
			indextest.Run(t, func(t *testing.T, j *journal.Journal) audit.Index { return openIndex(t, t.TempDir(), j, o) })
		})
	}
}
