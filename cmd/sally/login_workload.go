package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"github.com/sallyport/sallyport/client"
)

// workloadFlags are the choices of `sally login --workload`.
type workloadFlags struct {
	wanted    bool
	tokenFile string
	audience  string
	user      string
}

func (w *workloadFlags) add(f *pflag.FlagSet) {
	f.BoolVar(&w.wanted, "workload", false, "sign in a program by its CI system's token: from --workload-token-file, SALLY_WORKLOAD_TOKEN, or GitHub Actions")
	f.StringVar(&w.tokenFile, "workload-token-file", "", "file that holds the token")
	f.StringVar(&w.audience, "workload-audience", "sallyport", "what GitHub Actions makes the token out to")
	f.StringVar(&w.user, "workload-user", "", "the service account, where the token could be of several")
}

func (w *workloadFlags) signIn(ctx context.Context, s client.SignIn) (*client.Profile, error) {
	token, err := w.token(ctx)
	if err != nil {
		return nil, err
	}
	return s.WithWorkload(ctx, token, w.user)
}

// token finds the program's token: in the file, in the environment, or by asking GitHub Actions.
func (w *workloadFlags) token(ctx context.Context) (string, error) {
	if w.tokenFile != "" {
		file, err := os.Open(w.tokenFile)
		if err != nil {
			return "", fmt.Errorf("read --workload-token-file: %w", err)
		}
		defer file.Close()
		return firstLine(file)
	}
	if token := os.Getenv("SALLY_WORKLOAD_TOKEN"); token != "" {
		return token, nil
	}
	if url := os.Getenv("ACTIONS_ID_TOKEN_REQUEST_URL"); url != "" {
		return client.GitHubToken(ctx, url, os.Getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN"), w.audience)
	}
	return "", errors.New("no token of a CI system: give --workload-token-file or set SALLY_WORKLOAD_TOKEN; in GitHub Actions, give the job the permission id-token: write")
}
