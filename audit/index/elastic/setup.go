package elastic

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/audit/query"
)

// schemaVersion is that of the documents and their mapping. A gateway leaves a newer one alone and refuses to write.
const schemaVersion = 1

// server is what the cluster is.
type server struct {
	OpenSearch   bool
	Major, Minor int
}

// detect asks the cluster what it is, and refuses one that cannot serve the record.
func (ix *Index) detect(ctx context.Context) (server, error) {
	var answer struct {
		Version struct {
			Number       string `json:"number"`
			Distribution string `json:"distribution"`
		} `json:"version"`
	}
	if err := ix.client.ask(ctx, http.MethodGet, "/", nil, &answer); err != nil {
		return server{}, err
	}
	s := server{OpenSearch: answer.Version.Distribution == "opensearch"}
	parts := strings.SplitN(answer.Version.Number, ".", 3)
	var err error
	if s.Major, err = strconv.Atoi(parts[0]); err == nil && len(parts) > 1 {
		s.Minor, err = strconv.Atoi(parts[1])
	}
	if err != nil {
		return s, fmt.Errorf("%q is no version of Elasticsearch or OpenSearch", answer.Version.Number)
	}
	if s.OpenSearch && s.Major < 2 || !s.OpenSearch && (s.Major < 7 || s.Major == 7 && s.Minor < 10) {
		return s, fmt.Errorf("version %s is too old; use OpenSearch 2.15 or Elasticsearch 7.10, or newer ones", answer.Version.Number)
	}
	return s, nil
}

// setUp makes the cluster ready: the template of the days to come, and the fields that the days before lack.
func (ix *Index) setUp(ctx context.Context) error {
	s, err := ix.detect(ctx)
	if err != nil {
		return err
	}
	found, err := ix.foundSchema(ctx)
	if err != nil {
		return err
	}
	if found > schemaVersion {
		return fmt.Errorf("the indices %s are of a newer Sallyport (schema %d, this one writes %d); update this gateway",
			ix.config.allDays(), found, schemaVersion)
	}
	text, err := ix.textMapping(ctx, s)
	if err != nil {
		return err
	}
	mapping := mappings(text)
	if err := ix.client.ask(ctx, http.MethodPut, "/_index_template/"+ix.config.Prefix, ix.template(mapping), nil); err != nil {
		return fmt.Errorf("put index template: %w", err)
	}
	path := "/" + ix.config.allDays() + "/_mapping?allow_no_indices=true&ignore_unavailable=true"
	err = ix.client.ask(ctx, http.MethodPut, path, mapping, nil)
	if err != nil && !hasStatus(err, http.StatusNotFound) {
		return fmt.Errorf("put mapping of existing days: %w", err)
	}
	return ix.makeState(ctx)
}

// foundSchema is the newest version that the template was written with; 0 when there is none.
func (ix *Index) foundSchema(ctx context.Context) (int, error) {
	var answer struct {
		Templates []struct {
			Template struct {
				Meta struct {
					Schema int `json:"schema"`
				} `json:"_meta"`
			} `json:"index_template"`
		} `json:"index_templates"`
	}
	err := ix.client.ask(ctx, http.MethodGet, "/_index_template/"+ix.config.Prefix, nil, &answer)
	if hasStatus(err, http.StatusNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("get index template: %w", err)
	}
	newest := 0
	for _, t := range answer.Templates {
		newest = max(newest, t.Template.Meta.Schema)
	}
	return newest, nil
}

// textMapping is the mapping of keyText. The field type wildcard is tried out: it is a matter of version, distribution
// and licence.
func (ix *Index) textMapping(ctx context.Context, s server) (dsl, error) {
	text := dsl{"type": "wildcard"}
	if s.OpenSearch {
		text["doc_values"] = true // else it parses each candidate's whole document to look at its text
	}
	try := dsl{"index_patterns": []string{ix.config.Prefix + "-never"},
		"template": dsl{"mappings": dsl{"properties": dsl{keyText: text}}}}
	err := ix.client.ask(ctx, http.MethodPost, "/_index_template/_simulate", try, nil)
	switch {
	case err == nil:
		return text, nil
	case !hasStatus(err, http.StatusBadRequest):
		return nil, fmt.Errorf("try the field type wildcard: %w", err)
	case !ix.config.SlowText:
		return nil, fmt.Errorf("the cluster has no field type wildcard, which searching in statements needs: " +
			"use OpenSearch 2.15 or newer, or Elasticsearch 7.10 or newer with its default distribution (basic licence); " +
			"or set slow_text, and such searches look at every distinct statement")
	}
	if !ix.warnedSlow.Swap(true) {
		ix.log.Warn("the cluster has no field type wildcard; searches in statements will be slow", "index", kind)
	}
	return keyword(false), nil
}

func (ix *Index) template(mapping dsl) dsl {
	c := ix.config
	settings := dsl{
		"index.number_of_shards": c.Shards, "index.number_of_replicas": *c.Replicas, "index.codec": "best_compression",
		"index.refresh_interval": c.refreshInterval(),
	}
	if c.LifecyclePolicy != "" {
		settings["index.lifecycle.name"] = c.LifecyclePolicy
	}
	return dsl{
		"index_patterns": []string{c.allDays()}, "priority": 500, "_meta": dsl{"schema": schemaVersion},
		"template": dsl{"settings": settings, "mappings": mapping},
	}
}

// mappings say how each member of a document is indexed.
func mappings(text dsl) dsl {
	properties := dsl{
		keyTime:    dsl{"type": "date", "format": "strict_date_optional_time"},
		keyMicros:  dsl{"type": "long"},
		keyOrder:   dsl{"type": "long"},
		keyJournal: dsl{"properties": dsl{"gateway": keyword(true), "seq": dsl{"type": "long"}, "result": dsl{"type": "long"}, "last": dsl{"type": "long"}}},
		keyPartly:  keyword(true),
		keyText:    text,
		keyEvent:   dsl{"type": "object", "enabled": false},
		keyCut:     dsl{"type": "boolean"},
	}
	match, sum := dsl{}, dsl{}
	for _, f := range query.Fields() {
		if f.IsNumber() {
			properties[f.String()] = dsl{"type": "long"}
			if slices.Contains(summed[:], f) {
				sum[f.String()] = dsl{"type": "long"}
			}
			continue
		}
		match[f.String()] = keyword(false)
		if isRanked(f) {
			properties[f.String()] = keyword(true)
		}
	}
	properties[strings.TrimSuffix(keyMatch, ".")] = dsl{"properties": match}
	properties[strings.TrimSuffix(keySum, ".")] = dsl{"properties": sum}
	return dsl{"dynamic": false, "properties": properties}
}

// keyword is a field of whole values; counted ones can be aggregated and sorted by.
func keyword(counted bool) dsl {
	k := dsl{"type": "keyword"}
	if !counted {
		k["doc_values"] = false
	}
	return k
}
