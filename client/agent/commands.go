package agent

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/sallyport/sallyport/client"
)

const maxCommand = 1 << 20 // bytes

// handler answers commands. life is what connections live in, since a request ends before they do.
func (a *Agent) handler(life context.Context, secret string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+statusPath, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, a.status()) })
	mux.HandleFunc("POST "+connectPath, a.wished(life, func(ctx context.Context, account *account, w Wish) (any, error) {
		lines, err := account.connect(ctx, w)
		return Lines{lines}, err
	}))
	mux.HandleFunc("POST "+disconnectPath, a.wished(life, func(ctx context.Context, account *account, w Wish) (any, error) {
		lines, err := account.disconnect(ctx, w)
		return Lines{lines}, err
	}))
	mux.HandleFunc("POST "+refreshPath, a.wished(life, func(ctx context.Context, account *account, _ Wish) (any, error) {
		account.routes.Retry()
		_ = account.do(ctx, account.refresh) // what went wrong is in the status
		return account.status(), ctx.Err()
	}))
	mux.HandleFunc("POST "+forgetPath, func(w http.ResponseWriter, r *http.Request) {
		var wish Wish
		if !read(w, r, &wish) {
			return
		}
		if err := a.forget(wish.Profile); err != nil {
			answer(w, http.StatusInternalServerError, refusal{err.Error()})
			return
		}
		answer(w, http.StatusOK, struct{}{})
	})
	mux.HandleFunc("POST "+stopPath, func(w http.ResponseWriter, r *http.Request) {
		var stop Stop
		if !read(w, r, &stop) {
			return
		}
		select {
		case a.stops <- stop:
		default: // it is stopping
		}
		answer(w, http.StatusOK, struct{}{})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+secret)) != 1 {
			answer(w, http.StatusForbidden, refusal{"this agent works for somebody else"})
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// wished answers a command about a profile.
func (a *Agent) wished(life context.Context, do func(context.Context, *account, Wish) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var wish Wish
		if !read(w, r, &wish) {
			return
		}
		account, err := a.account(life, wish.Profile)
		var result any
		if err == nil {
			result, err = do(r.Context(), account, wish)
		}
		switch {
		case errors.Is(err, client.ErrSignedOut):
			answer(w, http.StatusUnauthorized, refusal{err.Error()})
		case err != nil:
			answer(w, http.StatusConflict, refusal{err.Error()})
		default:
			answer(w, http.StatusOK, result)
		}
	}
}

func read(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxCommand)).Decode(into); err != nil {
		answer(w, http.StatusBadRequest, refusal{"the agent does not understand this command; is it as old as the program? sally agent status"})
		return false
	}
	return true
}

func answer(w http.ResponseWriter, status int, content any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(content) // who asked may have gone
}
