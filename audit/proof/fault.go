package proof

import "fmt"

// FaultKind says what is wrong with a log.
type FaultKind string

// The kinds of fault.
const (
	RecordDamaged     FaultKind = "record-damaged"     // its checksum does not hold
	RecordChanged     FaultKind = "record-changed"     // its checksum holds, but it is not what was signed
	RecordRemoved     FaultKind = "record-removed"     // it is missing between others
	RecordInserted    FaultKind = "record-inserted"    // a number stands there twice
	RecordReordered   FaultKind = "record-reordered"   // it stands behind later ones
	RecordTruncated   FaultKind = "record-truncated"   // its end is missing
	SegmentMissing    FaultKind = "segment-missing"    // records between two segments, or before the first, are missing
	SegmentDamaged    FaultKind = "segment-damaged"    // a segment's header is not right
	JournalShort      FaultKind = "journal-short"      // the journal ends before what was signed does
	RootMismatch      FaultKind = "root-mismatch"      // something between two checkpoints is not what was signed
	CheckpointForged  FaultKind = "checkpoint-forged"  // a checkpoint is not signed as it should be
	CheckpointMissing FaultKind = "checkpoint-missing" // checkpoints were taken away
	KeyFault          FaultKind = "key"                // the keys do not lead from the one that is trusted to those that signed
	HashesDamaged     FaultKind = "hashes-damaged"     // stored hashes are wrong or missing; the records themselves are right
	SideFileMissing   FaultKind = "side-file-missing"
	SideFileDamaged   FaultKind = "side-file-damaged"
	RemovalUnsigned   FaultKind = "removal-unsigned" // records are missing that no signed record names
	LogForked         FaultKind = "log-forked"       // the log is no extension of the witness's checkpoint
)

// Fault is the first place where a log is not what it should be.
type Fault struct {
	Kind FaultKind `json:"kind"`
	// Seq is the record, or the first that may be concerned.
	Seq uint64 `json:"seq"`
	// Before is 0 when Seq is exact; otherwise the fault lies in the records [Seq, Before).
	Before uint64 `json:"before,omitempty"`
	// Path is the file, within the journal's directory, and Offset the place in it in bytes, where there is one.
	Path   string `json:"path,omitempty"`
	Offset int64  `json:"offset,omitempty"`
	// Detail is a sentence.
	Detail string `json:"detail"`
}

func (f *Fault) Error() string {
	place := ""
	switch {
	case f.Path != "" && f.Offset > 0:
		place = fmt.Sprintf(" (%s, byte %d)", f.Path, f.Offset)
	case f.Path != "":
		place = fmt.Sprintf(" (%s)", f.Path)
	}
	switch f.Before {
	case 0:
	case f.Seq + 1:
	default:
		return fmt.Sprintf("%s in records %d to %d: %s%s", f.Kind, f.Seq, f.Before-1, f.Detail, place)
	}
	return fmt.Sprintf("%s at record %d: %s%s", f.Kind, f.Seq, f.Detail, place)
}
