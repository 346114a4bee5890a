package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/scim"
	"github.com/sallyport/sallyport/audit"
)

const (
	apiRoot = "/api/v1"
	// apiVersion is the version of the API's description, which is not that of the program.
	apiVersion = "1"
	// maxBody bounds a request's body, in bytes: certificates are the largest things that come in.
	maxBody = 256 << 10
	// defaultPage and maxPage bound a list's items.
	defaultPage = 1000
	maxPage     = 1000
)

// api is the HTTP API under construction.
type api struct {
	huma.API
	service *Service
}

// route describes one operation. Its ID is unique and names the function in generated clients.
type route struct {
	method, path, id, summary string
	description               string
	level                     level
	narrowed                  bool // access tokens with a scope may come here although it changes something
	status                    int  // of success; 0 means 200, or 204 without an answer
}

// add serves the route with the handler. Every error leaves through problemOf.
func add[I, O any](a *api, r route, handle func(context.Context, *I) (*O, error)) {
	op := huma.Operation{
		OperationID: r.id, Method: r.method, Path: r.path, Summary: r.summary, Description: r.description,
		DefaultStatus: r.status, MaxBodyBytes: maxBody, BodyReadTimeout: 10 * time.Second,
		Middlewares: huma.Middlewares{a.service.guard(r)},
	}
	if r.level != anyone {
		op.Security = []map[string][]string{{"cookie": {}}, {"token": {}}}
	}
	huma.Register(a.API, op, func(ctx context.Context, in *I) (out *O, err error) {
		err = again(ctx, func() error {
			out, err = handle(ctx, in)
			return err
		})
		if err != nil {
			return nil, a.service.answerable(ctx, err)
		}
		return out, nil
	})
}

// newAPI registers every route on the mux.
func (s *Service) newAPI(mux *http.ServeMux) *api {
	config := huma.DefaultConfig("Sallyport", apiVersion)
	config.Info.Description = "The control plane of Sallyport: users, resources, roles, credentials, sessions and the record. " +
		"Lists are {\"items\": [...], \"next\": \"\"}, sorted by name; next, unless empty, is the cursor of the next page. " +
		"Errors are RFC 9457 problems. Every change is in the record before it is made."
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", ""
	config.CreateHooks = nil
	config.Transformers = []huma.Transformer{hideValues}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"cookie": {Type: "apiKey", In: "cookie", Name: "__Host-sallyport",
			Description: "Set by POST /sign-in; over plain HTTP its name is sallyport. Changes need the header X-Sallyport: 1 as well."},
		"token": {Type: "http", Scheme: "bearer", Description: "An access token, sally_<id>_<secret>"},
	}
	registry := config.Components.Schemas
	registry.RegisterTypeAlias(reflect.TypeFor[audit.Text](), reflect.TypeFor[textSchema]())
	registry.RegisterTypeAlias(reflect.TypeFor[audit.Param](), reflect.TypeFor[paramSchema]())
	registry.RegisterTypeAlias(reflect.TypeFor[access.Duration](), reflect.TypeFor[durationSchema]())
	registry.RegisterTypeAlias(reflect.TypeFor[receiptPayload](), reflect.TypeFor[receipt]())
	registry.RegisterTypeAlias(reflect.TypeFor[huma.ErrorModel](), reflect.TypeFor[Problem]())
	a := &api{API: humago.NewWithPrefix(mux, apiRoot, config), service: s}

	registerNoun(a, s.userNoun())
	registerNoun(a, s.resourceNoun())
	registerNoun(a, s.roleNoun())
	registerNoun(a, s.credentialNoun())
	registerNoun(a, s.groupNoun())
	registerNoun(a, s.policyNoun())
	s.registerProtocols(a)
	s.registerGroupMembers(a)
	s.registerEffective(a)
	s.registerGrants(a)
	s.registerRequests(a)
	s.registerExplain(a)
	s.registerGateways(a)
	s.registerSuspension(a)
	s.registerReceipts(a)
	s.registerSecrets(a)
	s.registerTokens(a)
	s.registerSignIn(a)
	s.registerPasskeySignIn(a)
	s.registerPasswords(a)
	s.registerPasskeys(a)
	s.registerStepUp(a)
	s.registerAccount(a)
	s.registerCertificates(a)
	s.registerSSHCertificates(a)
	s.registerSSHKeys(a)
	s.registerSessions(a)
	s.registerRecordings(a)
	s.registerAudit(a)
	s.registerHealth(a)
	forbidNullLists(registry)
	return a
}

// OpenAPI is the API's description, OpenAPI 3.1 as JSON, the same that a server serves. It is made of the Go types
// alone and needs no server.
func OpenAPI() ([]byte, error) {
	document, err := json.Marshal((&Service{}).newAPI(http.NewServeMux()).OpenAPI())
	if err != nil {
		return nil, fmt.Errorf("encode OpenAPI document: %w", err)
	}
	return document, nil
}

// Handler serves the API and the web UI.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	document, err := json.Marshal(s.newAPI(mux).OpenAPI())
	if err != nil {
		panic(fmt.Sprintf("encode OpenAPI document: %v", err)) // made of our own types: a mistake in this program
	}
	mux.HandleFunc("GET "+apiRoot+"/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.oai.openapi+json")
		_, _ = w.Write(document)
	})
	mux.HandleFunc(apiRoot+"/", func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, problem(http.StatusNotFound, fmt.Sprintf("the API has no %s %s", r.Method, r.URL.Path)))
	})
	mux.Handle("GET /metrics", s.metricsHandler())
	mux.Handle(scimRoot+"/", s.scimHandler())
	mux.Handle("/", newWeb(s.ui))
	return s.secured(mux, func(r *http.Request) int64 {
		if strings.HasPrefix(r.URL.Path, scimRoot+"/") {
			return scim.MaxBody
		}
		return maxBody
	})
}

// secured adds the headers that every answer carries, bounds every body, and turns a panic into an answer.
func (s *Service) secured(next http.Handler, bound func(*http.Request) int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("Cache-Control", "no-store")
		if overTLS(r) { // so that nobody on the way makes a browser come without
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		r.Body = http.MaxBytesReader(w, r.Body, bound(r))
		defer func() {
			switch v := recover(); v {
			case nil:
			case http.ErrAbortHandler:
				panic(v)
			default:
				s.log.Error("request panicked", "path", r.Pattern, "panic", v)
				writeProblem(w, problem(http.StatusInternalServerError, "something went wrong here; the server's log says what"))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// Server serves Handler with the limits that an open port needs; the caller gives it a listener.
func (s *Service) Server() *http.Server { return s.server(s.Handler()) }

// LocalServer serves LocalHandler; the caller gives it the listener that ListenLocal made.
func (s *Service) LocalServer() *http.Server {
	srv := s.server(s.LocalHandler())
	srv.ConnContext = LocalConn
	return srv
}

func (s *Service) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      time.Minute, // streams move their own deadline
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
	}
}

// hideValues keeps what was sent out of the answer that refuses it: it may be a secret.
func hideValues(_ huma.Context, _ string, v any) (any, error) {
	if e, ok := v.(*huma.ErrorModel); ok {
		for _, d := range e.Errors {
			d.Value = nil
		}
		if e.Detail == "validation failed" {
			e.Detail = "the request does not have the form that this route takes"
		}
	}
	return v, nil
}

// answer is a body alone.
type answer[T any] struct {
	Body T
}

// list is a page of objects.
type list[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next" doc:"Cursor of the next page; empty: there is none"`
	// Revisions are there for objects that are kept by name.
	Revisions []string `json:"revisions,omitempty" doc:"Of each item, in the same order: the If-Match of a PUT that replaces this one and no other"`
}

// byName is the input of routes that concern one object.
type byName struct {
	Name string `path:"name" maxLength:"128"`
}

// pageOf is the input of lists that belong to one object. Its fields are written out, because those of an unexported
// embedded type are not seen as parameters.
type pageOf struct {
	Name   string `path:"name" maxLength:"128"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" doc:"Items in a page; default 1000"`
	Cursor string `query:"cursor" maxLength:"256" doc:"The previous page's next"`
}

func (p *pageOf) paging() paging { return paging{Limit: p.Limit, Cursor: p.Cursor} }

type paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" doc:"Items in a page; default 1000"`
	Cursor string `query:"cursor" maxLength:"256" doc:"The previous page's next"`
}

// page cuts the page out of the sorted names, each with what it stands for.
func page[T any](p paging, names []string, get func(string) T) list[T] {
	limit := p.Limit
	if limit <= 0 {
		limit = defaultPage
	}
	limit = min(limit, maxPage)
	out := list[T]{Items: []T{}}
	for i, name := range names {
		if name <= p.Cursor {
			continue
		}
		out.Items = append(out.Items, get(name))
		if len(out.Items) == limit {
			if i < len(names)-1 {
				out.Next = name
			}
			break
		}
	}
	return out
}
