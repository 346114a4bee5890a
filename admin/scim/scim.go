// Package scim speaks SCIM 2.0 (RFC 7643, RFC 7644) with a company's directory, which pushes users and groups by it. It
// knows the protocol alone; a Directory keeps the objects.
package scim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Kind is a kind of object.
type Kind string

// The kinds of object.
const (
	User  Kind = "User"
	Group Kind = "Group"
)

// Document is an object's attributes, without id and meta. Names keep the directory's case and are compared without
// regard to it (RFC 7643, section 2.1).
type Document map[string]any

// Object is a user or a group as a directory sees it.
type Object struct {
	ID       string
	Document Document
	// Version grows with each change.
	Version          int64
	Created, Changed time.Time
}

// Directory keeps the objects. Errors other than *Error are answered as Handler's refusal says. Implementations are safe
// for concurrent use.
type Directory interface {
	// List gives all objects of the kind, ordered by ID.
	List(ctx context.Context, kind Kind) ([]Object, error)
	// Get gives one; ErrNotFound when there is none.
	Get(ctx context.Context, kind Kind, id string) (Object, error)
	// Create makes an object and gives it an ID.
	Create(ctx context.Context, kind Kind, document Document) (Object, error)
	// Replace puts the document in the object's place if its version still is the one given, else ErrChanged. An
	// equal document changes nothing.
	Replace(ctx context.Context, kind Kind, id string, version int64, document Document) (Object, error)
	// Delete removes the object if its version still is the one given; 0 is any.
	Delete(ctx context.Context, kind Kind, id string, version int64) error
}

// Error is an answer that is no success (RFC 7644, section 3.12).
type Error struct {
	Status int
	Type   string // scimType, such as "uniqueness"; may be empty
	Detail string
}

func (e *Error) Error() string { return e.Detail }

// Errors of a Directory.
var (
	ErrNotFound = &Error{Status: http.StatusNotFound, Detail: "there is no such object"}
	ErrChanged  = &Error{Status: http.StatusPreconditionFailed, Detail: "the object was changed meanwhile; read it again"}
)

func badRequest(scimType, format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Type: scimType, Detail: fmt.Sprintf(format, args...)}
}

// The schemas that are spoken here.
const (
	userSchema       = "urn:ietf:params:scim:schemas:core:2.0:User"
	groupSchema      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	enterpriseSchema = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	listSchema       = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	patchSchema      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	errorSchema      = "urn:ietf:params:scim:api:messages:2.0:Error"
)

func (k Kind) schema() string {
	if k == Group {
		return groupSchema
	}
	return userSchema
}

func (k Kind) endpoint() string { return "/" + string(k) + "s" }

const (
	contentType = "application/scim+json"
	// MaxBody bounds a request's body, in bytes: a group of a hundred thousand members.
	MaxBody = 8 << 20
	maxPage = 1000
)

// Handler serves SCIM below root, such as "/scim/v2", which the requests' paths begin with. refusal says how an error of
// the Directory that is no *Error is answered.
func Handler(root string, d Directory, refusal func(*http.Request, error) *Error) http.Handler {
	h := &handler{root: root, directory: d, refusal: refusal}
	mux := http.NewServeMux()
	for _, kind := range []Kind{User, Group} {
		path := root + kind.endpoint()
		mux.Handle("GET "+path, h.serve(kind, h.list))
		mux.Handle("POST "+path+"/.search", h.serve(kind, h.search))
		mux.Handle("POST "+path, h.serve(kind, h.create))
		mux.Handle("GET "+path+"/{id}", h.serve(kind, h.get))
		mux.Handle("PUT "+path+"/{id}", h.serve(kind, h.put))
		mux.Handle("PATCH "+path+"/{id}", h.serve(kind, h.patch))
		mux.Handle("DELETE "+path+"/{id}", h.serve(kind, h.remove))
	}
	h.discover(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		Refuse(w, &Error{Status: http.StatusNotFound, Detail: fmt.Sprintf("SCIM has no %s %s here", r.Method, r.URL.Path)})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
		mux.ServeHTTP(w, r)
	})
}

type handler struct {
	root      string
	directory Directory
	refusal   func(*http.Request, error) *Error
}

// serve answers with what act returns: an answer, or an error.
func (h *handler) serve(kind Kind, act func(r *http.Request, kind Kind) (*answer, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, err := act(r, kind)
		if err != nil {
			h.refuse(w, r, err)
			return
		}
		a.write(w)
	})
}

func (h *handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var own *Error
	if !errors.As(err, &own) {
		own = h.refusal(r, err)
	}
	Refuse(w, own)
}

// answer is a success.
type answer struct {
	status   int
	etag     string
	location string
	body     any // nil: none
}

func (a *answer) write(w http.ResponseWriter) {
	if a.etag != "" {
		w.Header().Set("ETag", a.etag)
	}
	if a.location != "" {
		w.Header().Set("Location", a.location)
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	writeJSON(w, a.status, a.body)
}

// Refuse answers with the error.
func Refuse(w http.ResponseWriter, e *Error) {
	body := map[string]any{"schemas": []string{errorSchema}, "status": strconv.Itoa(e.Status), "detail": e.Detail}
	if e.Type != "" {
		body["scimType"] = e.Type
	}
	writeJSON(w, e.Status, body)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client is gone if this fails
}

func readJSON(r *http.Request, into any) error {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return &Error{Status: http.StatusRequestEntityTooLarge, Type: "tooMany", Detail: fmt.Sprintf("the body is larger than %d bytes", MaxBody)}
	}
	if err := json.Unmarshal(b, into); err != nil {
		return badRequest("invalidSyntax", "the body is no JSON object of the form that this route takes")
	}
	return nil
}

// render is an object as answers show it.
func (h *handler) render(kind Kind, o *Object, only selection) *answer {
	location := h.root + kind.endpoint() + "/" + o.ID
	etag := etagOf(o.Version)
	body := map[string]any{}
	schemas := []string{kind.schema()}
	for name, v := range o.Document {
		if strings.HasPrefix(strings.ToLower(name), "urn:") {
			schemas = append(schemas, name)
		}
		if only.shows(name) {
			body[name] = v
		}
	}
	body["schemas"], body["id"] = schemas, o.ID
	if only.shows("meta") {
		body["meta"] = map[string]any{
			"resourceType": string(kind), "created": o.Created.UTC().Format(time.RFC3339Nano),
			"lastModified": o.Changed.UTC().Format(time.RFC3339Nano), "location": location, "version": etag,
		}
	}
	return &answer{status: http.StatusOK, etag: etag, location: location, body: body}
}

func etagOf(version int64) string { return fmt.Sprintf(`W/"%d"`, version) }

// versionOf reads If-Match: 0 when the object may have any version.
func versionOf(r *http.Request) (int64, error) {
	tag := r.Header.Get("If-Match")
	if tag == "" || tag == "*" {
		return 0, nil
	}
	n, err := strconv.ParseInt(strings.Trim(strings.TrimPrefix(tag, "W/"), `"`), 10, 64)
	if err != nil || n <= 0 {
		return 0, ErrChanged // not a version of ours
	}
	return n, nil
}
