package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// WithWorkload signs in a program by the token of another issuer, such as a CI system's. user names the service account
// where the token could be of several; empty otherwise. The profile holds an access token of an hour and is not saved.
func (s SignIn) WithWorkload(ctx context.Context, token, user string) (*Profile, error) {
	return s.with(func(api *API, p *Profile) error {
		request := map[string]string{"token": token}
		if user != "" {
			request["user"] = user
		}
		var answer struct {
			Token string `json:"token"`
		}
		if err := api.Call(ctx, http.MethodPost, "/api/v1/sign-in/workload", request, &answer); err != nil {
			return fmt.Errorf("sign in: %w", err)
		}
		if !LooksLikeToken(answer.Token) {
			return errors.New("sign in: the server's answer holds no access token")
		}
		api.token, p.Token = answer.Token, answer.Token
		return certify(ctx, api, p)
	})
}

// GitHubToken asks GitHub Actions for the job's token, made out to the audience. requestURL and requestToken are
// ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN, which a job has that may have a token
// (https://docs.github.com/actions/reference/openid-connect-reference).
func GitHubToken(ctx context.Context, requestURL, requestToken, audience string) (string, error) {
	u, err := url.Parse(requestURL)
	if err != nil || u.Scheme != "https" && !IsLoopback(u.Hostname()) {
		return "", errors.New("ACTIONS_ID_TOKEN_REQUEST_URL is no https address")
	}
	q := u.Query()
	q.Set("audience", audience)
	u.RawQuery = q.Encode()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", fmt.Errorf("make request: %w", withoutURL(err))
	}
	request.Header.Set("Authorization", "Bearer "+requestToken)
	request.Header.Set("Accept", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("ask GitHub for the job's token: %w", withoutURL(err))
	}
	defer response.Body.Close()
	var answer struct {
		Value string `json:"value"`
	}
	err = json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&answer)
	if response.StatusCode != http.StatusOK || err != nil || answer.Value == "" {
		return "", fmt.Errorf("ask GitHub for the job's token: it answered %d; has the job the permission id-token: write?", response.StatusCode)
	}
	return answer.Value, nil
}
