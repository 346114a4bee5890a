// Package segment stores the rows of the embedded index: the newest as a Block in memory, the others in segments, which
// are immutable Parquet files with a side index each.
//
// A row is one event as a searcher returns it: a statement with its result merged in, or any other event that is no
// result. Rows have ascending sequence numbers. A Block holds up to BlockRows of them by columns, and judges a search a
// column at a time. A Writer makes a segment of blocks:
//
//	<name>.parquet  the rows; row groups of up to groupBlocks blocks, one data page a block and column
//	<name>.index    what says which blocks may hold what is looked for, sums and counts; it can be rebuilt from the rows
//
// The package knows nothing of the journal, of which segments there are, or of deadlines: that is the engine's.
package segment
