//go:build unix

package segment

import (
	"flag"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/generate"
	"github.com/sallyport/sallyport/audit/query"
)

// benchBlocks is how many blocks the benchmarks' segment has.
var benchBlocks = flag.Int("blocks", 24, "blocks of 4096 events in the benchmarks' segment")

type pair struct{ statement, result []byte }

func pairs(g *generate.Generator, n int) ([]pair, int) {
	all, size := make([]pair, n), 0
	for i := range all {
		all[i].statement, all[i].result = g.Next(nil, nil)
		size += len(all[i].statement) + len(all[i].result)
	}
	return all, size
}

// fill puts the pairs into the block, each result some statements after its own.
func fill(b testing.TB, block *Block, all []pair) {
	const behind = 8
	for i := range len(all) + behind {
		if i < len(all) {
			if err := block.Append(all[i].statement); err != nil {
				b.Fatal(err)
			}
		}
		if i >= behind {
			if err := block.MergeResult(i-behind, all[i-behind].result); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	all, size := pairs(generate.New(1, start, 5000), BlockRows)
	block := NewBlock()
	fill(b, block, all)
	b.SetBytes(int64(size / BlockRows))
	b.ReportAllocs()
	b.ResetTimer()
	reportCPU := startCPU(b)
	for done := 0; done < b.N; done += BlockRows {
		block.Reset()
		fill(b, block, all)
	}
	reportCPU(BlockRows * ((b.N + BlockRows - 1) / BlockRows))
}

// BenchmarkWrite writes segments of benchBlocks blocks; an operation is an event.
func BenchmarkWrite(b *testing.B) {
	blocks := benchmarkBlocks(b)
	path := filepath.Join(b.TempDir(), "s.parquet")
	b.ReportAllocs()
	b.ResetTimer()
	reportCPU := startCPU(b)
	events := len(blocks) * BlockRows
	var info Info
	for done := 0; done < b.N; done += events {
		info = writeBlocks(b, path, blocks)
	}
	reportCPU(events * ((b.N + events - 1) / events))
	b.ReportMetric(float64(info.DataBytes)/float64(events), "data-B/event")
	b.ReportMetric(float64(info.IndexBytes)/float64(events), "index-B/event")
}

func benchmarkBlocks(b *testing.B) []*Block {
	g := generate.New(1, start, 5000)
	var blocks []*Block
	for range *benchBlocks {
		all, _ := pairs(g, BlockRows)
		block := NewBlock()
		fill(b, block, all)
		blocks = append(blocks, block)
	}
	return blocks
}

func writeBlocks(b *testing.B, path string, blocks []*Block) Info {
	w, err := Create(path)
	if err != nil {
		b.Fatal(err)
	}
	for _, block := range blocks {
		if err := w.Add(block); err != nil {
			b.Fatal(err)
		}
	}
	info, err := w.Finish()
	if err != nil {
		b.Fatal(err)
	}
	return info
}

// BenchmarkSizes says how many bytes an event takes in each column, and in the parts of the side index.
func BenchmarkSizes(b *testing.B) {
	path := filepath.Join(b.TempDir(), "s.parquet")
	info := writeBlocks(b, path, benchmarkBlocks(b))
	s := open(b, path)
	var sizes [columnCount]int
	for entry := range len(s.trailer.groups) + s.Blocks() {
		places, err := s.pages(entry)
		if err != nil {
			b.Fatal(err)
		}
		for c, at := range places {
			sizes[c] += at.header + at.size
		}
	}
	per := func(n int64) float64 { return float64(n) / float64(info.Rows) }
	for c, n := range sizes {
		if per(int64(n)) > 0.3 {
			b.ReportMetric(per(int64(n)), columnSpecs[c].name+"-B")
		}
	}
	filters := int64(0)
	for _, f := range s.trailer.filters {
		filters += f.size()
	}
	b.ReportMetric(per(filters), "filter-B")
	b.ReportMetric(per(s.trailer.directory.size), "directory-B")
	b.ReportMetric(per(info.DataBytes+info.IndexBytes), "total-B")
	b.ReportMetric(float64(s.trailer.filters[0].positions), "positions")
}

// BenchmarkSearch goes through a whole segment; a search's page would end sooner.
func BenchmarkSearch(b *testing.B) {
	path := filepath.Join(b.TempDir(), "s.parquet")
	blocks := benchmarkBlocks(b)
	writeBlocks(b, path, blocks)
	needle := string(blocks[len(blocks)/2].bytesOf(colParams, firstUUID(blocks[len(blocks)/2])))[2:38]
	for _, c := range []struct{ name, text string }{
		{"uuid word", needle}, {"uuid phrase", `"` + needle + `"`}, {"absent phrase", `"nothing like this"`},
		{"email phrase", `"alice777"`}, {"common phrase", `"ustom"`}, {"user", "user:wendy.berg"},
		{"two filters", "user:alice.smith class:write"}, {"slow", "duration:>30ms"},
	} {
		for _, warm := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/warm=%v", c.name, warm), func(b *testing.B) { benchmarkSearch(b, path, c.text, warm) })
		}
	}
}

func firstUUID(block *Block) int {
	for row := range block.Len() {
		if p := block.bytesOf(colParams, row); len(p) > 40 && p[10] == '-' && p[38] == '"' {
			return row
		}
	}
	return 0
}

func benchmarkSearch(b *testing.B, path, text string, warm bool) {
	bytes := int64(0)
	if warm {
		bytes = 1 << 30
	}
	s, err := Open(path, NewCache(bytes))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	v, _ := view(b, text)
	found, blocks := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		found = 0
		candidates, err := s.Candidates(v)
		if err != nil {
			b.Fatal(err)
		}
		blocks = candidates.Count()
		for i := range candidates.Backward() {
			block, err := s.Block(i, ColumnsOfView(v))
			if err != nil {
				b.Fatal(err)
			}
			rows, _ := block.Select(v, nil, nil)
			found += rows.Count()
		}
	}
	b.ReportMetric(float64(found), "found")
	b.ReportMetric(float64(blocks), "blocks")
}

func BenchmarkCandidates(b *testing.B) {
	path := filepath.Join(b.TempDir(), "s.parquet")
	writeBlocks(b, path, benchmarkBlocks(b))
	s := open(b, path)
	v, _ := view(b, `"not in any statement"`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Candidates(v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSums(b *testing.B) {
	path := filepath.Join(b.TempDir(), "s.parquet")
	writeBlocks(b, path, benchmarkBlocks(b))
	s := open(b, path)
	var total audit.TopValue
	for b.Loop() {
		sums, _, err := s.Sums(query.User)
		if err != nil {
			b.Fatal(err)
		}
		for i := range sums {
			total.Count += sums[i].Count
		}
	}
}
