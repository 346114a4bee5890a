package scim

import (
	"net/http"
	"strconv"
	"strings"
)

// listRequest is a query (RFC 7644, section 3.4.2), in the address or in the body of .search.
type listRequest struct {
	Filter     string   `json:"filter"`
	StartIndex int      `json:"startIndex"` // from 1
	Count      *int     `json:"count"`
	Attributes []string `json:"attributes"`
	Excluded   []string `json:"excludedAttributes"`
}

func (h *handler) list(r *http.Request, kind Kind) (*answer, error) {
	q := r.URL.Query()
	l := listRequest{Filter: q.Get("filter")}
	for name, into := range map[string]func(int){"startIndex": func(n int) { l.StartIndex = n }, "count": func(n int) { l.Count = &n }} {
		if text := q.Get(name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil {
				return nil, badRequest("invalidValue", "%s is a number", name)
			}
			into(n)
		}
	}
	return h.page(r, kind, l, selectionOf(r))
}

func (h *handler) search(r *http.Request, kind Kind) (*answer, error) {
	var l listRequest
	if err := readJSON(r, &l); err != nil {
		return nil, err
	}
	return h.page(r, kind, l, newSelection(strings.Join(l.Attributes, ","), strings.Join(l.Excluded, ",")))
}

func (h *handler) page(r *http.Request, kind Kind, l listRequest, only selection) (*answer, error) {
	expression, err := parseFilter(l.Filter)
	if err != nil {
		return nil, err
	}
	all, err := h.directory.List(r.Context(), kind)
	if err != nil {
		return nil, err
	}
	start, count := max(l.StartIndex, 1), maxPage
	if l.Count != nil {
		count = max(0, min(*l.Count, maxPage))
	}
	found, shown := 0, []any{}
	for i := range all {
		o := &all[i]
		if !matches(expression, withID(o)) {
			continue
		}
		if found++; found >= start && len(shown) < count {
			shown = append(shown, h.render(kind, o, only).body)
		}
	}
	return &answer{status: http.StatusOK, body: map[string]any{
		"schemas": []string{listSchema}, "totalResults": found, "startIndex": start, "itemsPerPage": len(shown), "Resources": shown,
	}}, nil
}

// withID is what filters look at.
func withID(o *Object) Document {
	d := make(Document, len(o.Document)+2)
	for k, v := range o.Document {
		d[k] = v
	}
	d["id"] = o.ID
	d["meta"] = map[string]any{"created": o.Created.UTC().Format("2006-01-02T15:04:05.999999Z"),
		"lastModified": o.Changed.UTC().Format("2006-01-02T15:04:05.999999Z")}
	return d
}
