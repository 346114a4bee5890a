package scim

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

func (h *handler) get(r *http.Request, kind Kind) (*answer, error) {
	o, err := h.directory.Get(r.Context(), kind, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if r.Header.Get("If-None-Match") == etagOf(o.Version) {
		return &answer{status: http.StatusNotModified, etag: etagOf(o.Version)}, nil
	}
	return h.render(kind, &o, selectionOf(r)), nil
}

func (h *handler) create(r *http.Request, kind Kind) (*answer, error) {
	d, err := readDocument(r, kind)
	if err != nil {
		return nil, err
	}
	o, err := h.directory.Create(r.Context(), kind, d)
	if err != nil {
		return nil, err
	}
	a := h.render(kind, &o, selectionOf(r))
	a.status = http.StatusCreated
	return a, nil
}

func (h *handler) put(r *http.Request, kind Kind) (*answer, error) {
	d, err := readDocument(r, kind)
	if err != nil {
		return nil, err
	}
	return h.replace(r, kind, func(Document) (Document, error) { return d, nil })
}

func (h *handler) patch(r *http.Request, kind Kind) (*answer, error) {
	var p patchRequest
	if err := readJSON(r, &p); err != nil {
		return nil, err
	}
	return h.replace(r, kind, func(present Document) (Document, error) {
		next := clone(present)
		if err := p.apply(next); err != nil {
			return nil, err
		}
		tidy(kind, next)
		return next, checkDocument(kind, next)
	})
}

// replace makes the new document of the present one. Without If-Match it tries again when another was faster.
func (h *handler) replace(r *http.Request, kind Kind, next func(present Document) (Document, error)) (*answer, error) {
	wanted, err := versionOf(r)
	if err != nil {
		return nil, err
	}
	const attempts = 5
	for try := 1; ; try++ {
		present, err := h.directory.Get(r.Context(), kind, r.PathValue("id"))
		if err != nil {
			return nil, err
		}
		if wanted != 0 && wanted != present.Version {
			return nil, ErrChanged
		}
		d, err := next(present.Document)
		if err != nil {
			return nil, err
		}
		o, err := h.directory.Replace(r.Context(), kind, present.ID, present.Version, d)
		if err == ErrChanged && wanted == 0 && try < attempts { //nolint:errorlint // the Directory's own value
			continue
		}
		if err != nil {
			return nil, err
		}
		return h.render(kind, &o, selectionOf(r)), nil
	}
}

func (h *handler) remove(r *http.Request, kind Kind) (*answer, error) {
	version, err := versionOf(r)
	if err != nil {
		return nil, err
	}
	if err := h.directory.Delete(r.Context(), kind, r.PathValue("id"), version); err != nil {
		return nil, err
	}
	return &answer{status: http.StatusNoContent}, nil
}

func readDocument(r *http.Request, kind Kind) (Document, error) {
	var d Document
	if err := readJSON(r, &d); err != nil {
		return nil, err
	}
	tidy(kind, d)
	return d, checkDocument(kind, d)
}

// tidy drops what is not the directory's to say, and every password, wherever it stands: nobody signs in with one of the
// directory's.
func tidy(kind Kind, d Document) {
	own := []string{"id", "meta", "schemas"} // read-only: what a client sends there is ignored
	if kind == User {
		own = append(own, "groups") // follows from groups' members
	}
	for key := range d {
		if slices.Contains(own, strings.ToLower(key)) {
			delete(d, key)
		}
	}
	dropPasswords(map[string]any(d))
}

func dropPasswords(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			if isPassword(key) {
				delete(v, key)
			} else {
				dropPasswords(inner)
			}
		}
	case []any:
		for _, item := range v {
			dropPasswords(item)
		}
	}
}

// isPassword knows the attribute by its name alone, after its schema's URI, and with a sub-attribute.
func isPassword(key string) bool {
	name, _, _ := strings.Cut(key[strings.LastIndexByte(key, ':')+1:], ".")
	return strings.EqualFold(name, "password")
}

// checkDocument refuses what lacks the attribute by which people know the object.
func checkDocument(kind Kind, d Document) error {
	needed := "userName"
	if kind == Group {
		needed = "displayName"
	}
	if d.Text(needed) == "" {
		return badRequest("invalidValue", "%s is required", needed)
	}
	if kind != User {
		return nil
	}
	if _, v, ok := d.find("active"); ok {
		if _, ok := truth(v); !ok {
			return badRequest("invalidValue", "active is true or false")
		}
	}
	return nil
}

// find gives the attribute's name as it is written, and its value.
func (d Document) find(name string) (key string, v any, ok bool) {
	if v, ok := d[name]; ok {
		return name, v, true
	}
	for key, v := range d {
		if strings.EqualFold(key, name) {
			return key, v, true
		}
	}
	return name, nil, false
}

// Text is a single text attribute; empty when there is none.
func (d Document) Text(name string) string {
	_, v, _ := d.find(name)
	text, _ := v.(string)
	return text
}

// Complex is a complex attribute's members; empty when there is none.
func (d Document) Complex(name string) Document {
	_, v, _ := d.find(name)
	members, _ := v.(map[string]any)
	return members
}

// Active says whether a user may do anything; one without the attribute may.
func (d Document) Active() bool {
	_, v, ok := d.find("active")
	if !ok {
		return true
	}
	active, ok := truth(v)
	return ok && active
}

// truth reads a boolean. Some directories send it as text.
func truth(v any) (value, ok bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case string:
		switch strings.ToLower(v) {
		case "true":
			return true, true
		case "false":
			return false, true
		}
	}
	return false, false
}

// Primary is the value of a multi-valued attribute such as emails: of the primary one, else of the first.
func (d Document) Primary(name string) string {
	_, v, _ := d.find(name)
	list, _ := v.([]any)
	first := ""
	for _, item := range list {
		member, ok := item.(map[string]any)
		if !ok {
			continue
		}
		value := Document(member).Text("value")
		if _, v, _ := Document(member).find("primary"); v != nil {
			if primary, _ := truth(v); primary {
				return value
			}
		}
		if first == "" {
			first = value
		}
	}
	return first
}

// Members are the IDs in a group's members, each once, sorted.
func (d Document) Members() []string {
	_, v, _ := d.find("members")
	list, _ := v.([]any)
	var ids []string
	for _, item := range list {
		if member, ok := item.(map[string]any); ok {
			if id := Document(member).Text("value"); id != "" {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Without is the document without an attribute.
func (d Document) Without(name string) Document {
	out := maps.Clone(d)
	if key, _, ok := out.find(name); ok {
		delete(out, key)
	}
	return out
}

// With is a copy that has the attribute.
func (d Document) With(name string, v any) Document {
	out := maps.Clone(d)
	key, _, _ := out.find(name)
	out[key] = v
	return out
}

// clone copies all that a patch may change.
func clone(d Document) Document {
	out := make(Document, len(d))
	for k, v := range d {
		out[k] = cloneValue(v)
	}
	return out
}

func cloneValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return map[string]any(clone(v))
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = cloneValue(v[i])
		}
		return list
	}
	return v
}

// selection says which attributes an answer shows (RFC 7644, section 3.9). Only whole attributes are left out: of one
// that is named with a sub-attribute, all are shown.
type selection struct{ only, without []string }

func selectionOf(r *http.Request) selection {
	return newSelection(r.URL.Query().Get("attributes"), r.URL.Query().Get("excludedAttributes"))
}

func newSelection(only, without string) selection {
	names := func(text string) (list []string) {
		for name := range strings.SplitSeq(text, ",") {
			name = strings.ToLower(strings.TrimSpace(name))
			if i := strings.LastIndexByte(name, ':'); strings.HasPrefix(name, strings.ToLower("urn:ietf:params:scim:schemas:core:")) && i >= 0 {
				name = name[i+1:]
			}
			if name, _, _ = strings.Cut(name, "."); name != "" || text != "" && len(list) > 0 {
				list = append(list, name)
			}
		}
		return list
	}
	return selection{only: names(only), without: names(without)}
}

func (s selection) shows(name string) bool {
	name = strings.ToLower(name)
	matches := func(chosen string) bool { return chosen == name || strings.HasPrefix(chosen, name+":") }
	if len(s.only) > 0 {
		return slices.ContainsFunc(s.only, matches)
	}
	return !slices.Contains(s.without, name)
}
