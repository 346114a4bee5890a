package proof

import (
	"context"
	"fmt"
	"path"
)

// findBase settles where verifying begins: with the first record, or where a removal ends that the record names.
func (v *verifier) findBase(ctx context.Context, firsts []uint64) error {
	name := path.Join(Dir, baseFile)
	var err error
	if v.base, err = readBase(v.files, name); err != nil {
		return &Fault{Kind: HashesDamaged, Path: name, Detail: err.Error()}
	}
	if len(firsts) == 0 {
		return &Fault{Kind: SegmentMissing, Detail: "all segments are gone"}
	}
	if firsts[0] > v.base.size() {
		if err := v.findRemoval(ctx, firsts); err != nil {
			return err
		}
	}
	if v.base.size() > 0 {
		r := newRemoval(v.base)
		v.removal = &r
	}
	v.report.Removed = v.base.size()
	v.tree = v.base.clone()
	if v.base.size() > v.latest.Size {
		return &Fault{Kind: RemovalUnsigned, Path: name, Detail: fmt.Sprintf(
			"records before %d are said to be removed, but only %d were signed", v.base.size(), v.latest.Size)}
	}
	v.stored = &storedLeaves{files: v.files}
	return nil
}

// findRemoval finds the newest record that names the removal of what is missing before the first segment. It reads
// everything: it is only needed where retention was interrupted.
func (v *verifier) findRemoval(ctx context.Context, firsts []uint64) error {
	var base *tree
	for _, r := range v.o.Removals {
		if t, err := r.tree(); err == nil && r.Before >= firsts[0] && r.Before <= v.latest.Size && (base == nil || base.size() < r.Before) {
			base = t
		}
	}
	if base != nil {
		v.base = base
		return nil
	}
	err := readSegments(ctx, v.files, firsts, firsts[0], func(b *lineBatch) error {
		for _, l := range b.lines {
			if l.header {
				continue
			}
			if r, ok := removalIn(b.body(l)); ok && r.Before >= firsts[0] && l.seq < v.latest.Size {
				if t, err := r.tree(); err == nil {
					base = t
				}
			}
		}
		return nil
	}, v.latest.Size)
	if base != nil {
		v.base = base
		return nil
	}
	if err != nil {
		return err
	}
	return &Fault{Kind: SegmentMissing, Seq: v.base.size(), Before: firsts[0],
		Detail: fmt.Sprintf("the journal begins with record %d, and no signed record names the removal of those before it", firsts[0])}
}
