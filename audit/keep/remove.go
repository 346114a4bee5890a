package keep

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/audit/proof"
)

// remove names the range in the record, waits until a signed checkpoint covers that, and only then takes it away.
func (k *Keeper) remove(ctx context.Context, removed Removed) error {
	var err error
	if removed.Proof, err = k.proof.Removal(removed.Before); err != nil {
		return err
	}
	after, err := json.Marshal(removed)
	if err != nil {
		return fmt.Errorf("encode removal: %w", err)
	}
	action, target := k.names()
	e := audit.Event{Type: audit.AdminAct, Action: action, Target: target, After: string(after),
		Reason: fmt.Sprintf("%d records are older or more than %s allows", removed.Count, removed.Why)}
	e.Gateway, e.User = k.o.Gateway, "sallyport"
	k.step("record")
	if err := k.o.Journal.Append(&e); err != nil {
		return err
	}
	k.step("durable")
	if err := k.o.Journal.AwaitDurable(ctx, e.Seq); err != nil {
		return err
	}
	k.step("signed")
	if err := k.o.Proof.AwaitSigned(ctx, e.Seq); err != nil {
		return err
	}
	k.step("plan")
	p := plan{Event: e.Seq, Before: removed.Before}
	if err := p.write(k.dir); err != nil {
		return err
	}
	return k.carryOut(ctx, p)
}

// names are the action and the target of the events that name removals.
func (k *Keeper) names() (action, target string) {
	if k.o.Copy != nil {
		return proof.ActionRetentionCopy, k.o.Copy.Name
	}
	return Action, "journal"
}

// resume finishes what a plan began, after making sure that the record really says so.
func (k *Keeper) resume(ctx context.Context, p plan) error {
	r, err := journal.OpenReader(k.o.Journal.Dir(), p.Event)
	if err != nil {
		return err
	}
	defer r.Close()
	rec, err := r.Next()
	if err != nil {
		return fmt.Errorf("read record %d, which should name it: %w", p.Event, err)
	}
	var e audit.Event
	var removed Removed
	if err := json.Unmarshal(rec.JSON, &e); err != nil {
		return fmt.Errorf("read record %d: %w", p.Event, err)
	}
	if action, target := k.names(); e.Action != action || e.Target != target || json.Unmarshal([]byte(e.After), &removed) != nil || removed.Before != p.Before {
		return fmt.Errorf("%s in the journal's directory wants records before %d removed, but record %d does not say so; "+
			"nothing was removed: find out who wrote that file, then delete it", planFile, p.Before, p.Event)
	}
	return k.carryOut(ctx, p)
}

// carryOut takes away what the plan names. Each step can be repeated.
func (k *Keeper) carryOut(ctx context.Context, p plan) error {
	k.step("segments")
	freed, err := journal.RemoveBefore(k.dir, p.Before)
	if err != nil {
		return err
	}
	k.step("proof")
	if err := k.proof.Drop(p.Before); err != nil {
		return fmt.Errorf("drop proof files: %w", err)
	}
	k.step("index")
	for _, index := range k.o.Indexes {
		if err := index.Drop(ctx, p.Before); err != nil {
			return fmt.Errorf("drop from index: %w", err)
		}
	}
	k.step("references")
	if err := dropReferences(k.dir, p.Before); err != nil {
		return err
	}
	k.step("finish")
	if err := p.finish(k.dir); err != nil {
		return err
	}
	k.o.Log.Info("records removed", "before", p.Before, "bytes", freed, "named_by_record", p.Event)
	return nil
}
