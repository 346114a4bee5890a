package elastic

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

const retentionEvery = time.Hour

// keepRetention removes the indices of days that are over for long enough, until ctx ends. Each gateway does it, whoever
// comes first.
func (ix *Index) keepRetention(ctx context.Context) {
	for ctx.Err() == nil {
		err := ix.removeOldDays(ctx)
		if ctx.Err() != nil {
			return
		}
		ix.mu.Lock()
		if err != nil && ix.unwanted == nil {
			ix.log.Warn("indices of old days are not removed; trying again", "index", kind, "err", err)
		}
		ix.unwanted = err
		ix.mu.Unlock()
		pause := retentionEvery
		if err != nil {
			pause = time.Minute
		}
		if sleep(ctx, pause) != nil {
			return
		}
	}
}

func (ix *Index) removeOldDays(ctx context.Context) error {
	ctx, cancel := ix.within(ctx, 0)
	defer cancel()
	var indices []struct {
		Index string `json:"index"`
	}
	err := ix.client.ask(ctx, http.MethodGet, "/_cat/indices/"+ix.config.allDays()+"?format=json&h=index&expand_wildcards=all", nil, &indices)
	if err != nil && !hasStatus(err, http.StatusNotFound) {
		return fmt.Errorf("list days: %w", err)
	}
	for _, i := range indices {
		begun, ok := ix.config.dayOf(i.Index)
		if !ok || ix.now().Sub(begun.Add(day)) < ix.config.Retention {
			continue
		}
		err := ix.client.ask(ctx, http.MethodDelete, "/"+i.Index, nil, nil)
		if err != nil && !hasStatus(err, http.StatusNotFound) {
			return fmt.Errorf("remove day: %w", err)
		}
		ix.log.Info("removed the index of a day past retention", "index", i.Index)
	}
	return nil
}
