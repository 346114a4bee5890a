// Package embedded is the index that a server keeps by itself: the newest events in memory, the others in immutable
// Parquet segments beside the journal. It follows the journal, answers as audit/index/scan does, and holds nothing that
// the journal could not give again.
//
// Reading order: index.go opens and closes it; take.go takes records into memory; upkeep.go is the one goroutine that
// changes files (cut.go, compact.go, mend.go, drop.go), each change made whole by a new manifest (manifest.go); run.go,
// search.go, sums.go and get.go answer.
package embedded
