package embedded

import (
	"testing"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/indextest"
	"github.com/sallyport/sallyport/audit/journal"
)

func TestConformance(t *testing.T) {
	indextest.Run(t, func(t *testing.T, j *journal.Journal) audit.Index {
		return openIndex(t, t.TempDir(), j, Options{CutRows: 30, SegmentRows: 200, Share: 1})
	})
}
