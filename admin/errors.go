package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/recording"
)

// refusal is an error whose sentence the caller may read.
type refusal struct {
	status   int
	sentence string
	field    string // the input's member that is at fault, such as "accounts"; empty: none in particular
	kind     string // the problem's type, where programs answer it by a step of their own; empty: none
}

func (r *refusal) Error() string { return r.sentence }

func notFound(noun, name string) *refusal {
	return &refusal{status: http.StatusNotFound, sentence: fmt.Sprintf("there is no %s %q", noun, name)}
}

func conflict(format string, args ...any) *refusal {
	return &refusal{status: http.StatusConflict, sentence: fmt.Sprintf(format, args...)}
}

func invalid(field, format string, args ...any) *refusal {
	return &refusal{status: http.StatusUnprocessableEntity, field: field, sentence: fmt.Sprintf(format, args...)}
}

func forbidden(sentence string) *refusal {
	return &refusal{status: http.StatusForbidden, sentence: sentence}
}

func unauthenticated() *refusal {
	return &refusal{status: http.StatusUnauthorized, sentence: "sign in first: with a sign-in link, or with an access token as bearer token"}
}

// Problem is every error answer (RFC 9457). Position and Length, in bytes, point into an audit query that could not be
// understood, Line into a policy.
type Problem struct {
	huma.ErrorModel
	Position *int `json:"position,omitempty" doc:"Where an audit query could not be understood, in bytes"`
	Length   *int `json:"length,omitempty" doc:"How many bytes of the query are at fault"`
	Line     *int `json:"line,omitempty" doc:"Where a policy could not be understood, from 1"`
}

// problemOf is the only place where errors become answers. known is false for those that callers must not read; their
// cause belongs in the log.
func problemOf(err error) (p *Problem, known bool) {
	var (
		own    *Problem
		status huma.StatusError
		ref    *refusal
		denial *access.Denial
		syntax *audit.SyntaxError
		policy *access.PolicyError
	)
	switch {
	case errors.As(err, &own):
		return own, true
	case errors.As(err, &ref):
		p = problem(ref.status, ref.sentence)
		p.Type = ref.kind
		if ref.field != "" {
			p.Errors = []*huma.ErrorDetail{{Message: ref.sentence, Location: "body." + ref.field}}
		}
		return p, true
	case errors.As(err, &denial):
		return problem(statusOf(denial.Cause), denial.Sentence), true
	case errors.As(err, &policy):
		p = problem(http.StatusUnprocessableEntity, policy.Error())
		p.Errors = []*huma.ErrorDetail{{Message: policy.Error(), Location: "body.text"}}
		p.Line = &policy.Line
		return p, true
	case errors.As(err, &syntax):
		p = problem(http.StatusBadRequest, syntax.Message)
		p.Position, p.Length = &syntax.Pos, &syntax.Len
		return p, true
	case errors.Is(err, audit.ErrCursor):
		return problem(http.StatusBadRequest, "this cursor does not belong to this search; begin again without one"), true
	case errors.Is(err, audit.ErrField):
		return problem(http.StatusBadRequest, "this field or measure cannot be counted by: "+err.Error()), true
	case errors.Is(err, store.ErrConflict):
		return problem(http.StatusConflict, "others keep changing things at this moment, and nothing was done of this; try again"), true
	case errors.Is(err, store.ErrBusy):
		return problem(http.StatusServiceUnavailable, "another change is under way and does not end, so nothing was done of this; try again in a moment"), false
	case errors.Is(err, store.ErrUnconfirmed):
		return problem(http.StatusServiceUnavailable, "the control store did not answer, so this was done or it was not; look before you try again"), false
	case errors.Is(err, errStateUnavailable): // the tracker logs it
		return problem(http.StatusServiceUnavailable, "the control store cannot be read just now, and nothing was done; open sessions go on; try again in a moment"), true
	case errors.Is(err, store.ErrNotFound):
		return problem(http.StatusNotFound, "there is no such object"), true
	case errors.Is(err, audit.ErrNotFound):
		return problem(http.StatusNotFound, "the record holds no event of this ID"), true
	case errors.Is(err, recording.ErrDamaged):
		return problem(http.StatusInternalServerError, "this recording cannot be read from here on: "+recording.ErrDamaged.Error()+
			", or was changed; the server's log says where, and sally audit verify --recordings DIR what the record says of it"), false
	case errors.Is(err, audit.ErrUnavailable):
		return problem(http.StatusServiceUnavailable, "the audit journal cannot be written, so nothing was done; see the server's log"), false
	case errors.Is(err, audit.ErrSearchUnavailable):
		return problem(http.StatusServiceUnavailable, "the index of the record does not answer just now; "+
			"statements are recorded all the same; try again, and see sally audit status"), false
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return problem(http.StatusServiceUnavailable, "this took too long; try again"), false
	case errors.As(err, &status) && status.GetStatus() < http.StatusInternalServerError:
		return problem(status.GetStatus(), status.Error()), true
	}
	return problem(http.StatusInternalServerError, "something went wrong here; the server's log says what"), false
}

func problem(status int, detail string) *Problem {
	return &Problem{ErrorModel: huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: detail}}
}

func statusOf(c access.Cause) int {
	switch c {
	case access.BadCredentials, access.Expired:
		return http.StatusUnauthorized
	case access.RateLimited:
		return http.StatusTooManyRequests
	case access.UnknownResource:
		return http.StatusNotFound
	}
	return http.StatusForbidden
}

// answerable turns a handler's error into its answer, and logs what the caller is not told.
func (s *Service) answerable(ctx context.Context, err error) *Problem {
	p, known := problemOf(err)
	if !known && ctx.Err() == nil {
		s.log.Error("request not served", "user", callerOf(ctx).name, "error", err)
	}
	return p
}

// writeProblem answers outside of huma.
func writeProblem(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client is gone if this fails
}
