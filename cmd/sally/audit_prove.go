package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/audit"
	auditproof "github.com/sallyport/sallyport/audit/proof"
)

// maxProofFile bounds a proof that is read, in bytes. A record may hold many parameters.
const maxProofFile = 1 << 30

type auditProve struct {
	api     apiFlags
	journal string
	output  string
}

func newAuditProveCommand() *cobra.Command {
	var p auditProve
	cmd := &cobra.Command{
		Use:   "prove ID",
		Short: "Write a proof that an event stands in the record",
		Long: `Writes a proof that an event, with its result, stands in the record. Anyone who has the log's public key checks it
without a server: sally audit check.`,
		Example: `  sally audit prove 01936b0e-8a7c-7d2e-9c60-3f1b2a5d4e6f -o proof.json
  sally audit check proof.json --key sallyport.pub`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.run(cmd.Context(), args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	p.api.register(cmd.Flags())
	cmd.Flags().StringVar(&p.journal, "journal", "", "journal directory to prove from without a server")
	cmd.Flags().StringVarP(&p.output, "output", "o", "-", "file to write; - is the standard output")
	return cmd
}

func (p *auditProve) run(ctx context.Context, id string, out, notes io.Writer) error {
	made, err := p.prove(ctx, id)
	var refused *apiError
	if errors.Is(err, audit.ErrNotFound) || errors.As(err, &refused) && refused.Status == http.StatusNotFound {
		return fmt.Errorf("the record holds no event %q; find its ID with: sally audit search -o wide", id)
	}
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(made, "", "  ")
	if err != nil {
		return fmt.Errorf("encode proof: %w", err)
	}
	b = append(b, '\n')
	if p.output == "-" {
		_, err := out.Write(b)
		return err
	}
	if err := os.WriteFile(p.output, b, 0o600); err != nil {
		return fmt.Errorf("write proof: %w", err)
	}
	what := "the event"
	if len(made.Inclusions) > 1 {
		what = "the event and its result"
	}
	fmt.Fprintf(notes, "Proof of %s written to %s; check it with: sally audit check %s --key KEY\n", what, p.output, p.output)
	return nil
}

func (p *auditProve) prove(ctx context.Context, id string) (made auditproof.Proof, err error) {
	if p.journal != "" {
		f := auditFlags{journal: p.journal}
		record, err := f.searcher()
		if err != nil {
			return made, err
		}
		return auditproof.ProveOffline(ctx, p.journal, record, id)
	}
	c, err := p.api.client()
	if err != nil {
		return made, err
	}
	err = c.do(ctx, http.MethodGet, "/audit/events/"+url.PathEscape(id)+"/proof", nil, &made)
	return made, err
}

func newAuditCheckCommand() *cobra.Command {
	var key, output string
	cmd := &cobra.Command{
		Use:   "check PROOF",
		Short: "Check a proof, with the public key alone",
		Long: `Checks a proof that sally audit prove wrote, and prints what it proves. It needs neither server nor network, only the
log's public key, which should have come to you another way than the proof.`,
		Example: "  sally audit check proof.json --key sallyport.pub",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return checkProof(args[0], key, output, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "the verifier key that you trust, or a file that holds it")
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json (the event)")
	if err := cmd.MarkFlagRequired("key"); err != nil {
		panic(err) // the flag is defined above
	}
	return cmd
}

func checkProof(name, key, output string, out io.Writer) error {
	if err := checkOutput(output); err != nil {
		return err
	}
	trusted, err := verifierKey(key)
	if err != nil {
		return err
	}
	if trusted == "" {
		return errors.New("--key: give the log's verifier key, or a file that holds it")
	}
	p, err := readProof(name)
	if err != nil {
		return err
	}
	c, err := auditproof.Check(p, trusted)
	if err != nil {
		return fmt.Errorf("the proof is NOT valid: %w", err)
	}
	if output == "json" {
		_, err := out.Write(append(c.Event.AppendJSON(nil), '\n'))
		return err
	}
	if err := printEvent(out, &c.Event); err != nil {
		return err
	}
	return printPairs(out, []string{"proven", "log", "checkpoint", "key"}, []string{
		provenText(c, len(p.Inclusions)), c.Checkpoint.Origin,
		fmt.Sprintf("%d records, signed %s", c.Checkpoint.Size, c.Checkpoint.Time.UTC().Format(time.RFC3339)), c.Key,
	})
}

func provenText(c auditproof.Checked, records int) string {
	text := fmt.Sprintf("record %d stands in the log as it is shown here", c.Event.Seq)
	if records > 1 {
		return text + ", and so does its result"
	}
	if c.Event.Type == audit.StatementBegin {
		return text + "; the proof holds no result"
	}
	return text
}

func readProof(name string) (p auditproof.Proof, err error) {
	f, err := os.Open(name)
	if err != nil {
		return p, fmt.Errorf("read proof: %w", err)
	}
	defer f.Close()
	d := json.NewDecoder(io.LimitReader(f, maxProofFile))
	if err := d.Decode(&p); err != nil {
		return p, fmt.Errorf("%s is no proof: %w", name, err)
	}
	return p, nil
}

func newAuditCheckpointCommand() *cobra.Command {
	var f auditFlags
	cmd := &cobra.Command{
		Use:   "checkpoint",
		Short: "Print the newest signed checkpoint",
		Long: `Prints the newest signed checkpoint, as a signed note. Keep it out of the reach of whoever runs the server, and later
prove that nothing before it was changed: sally audit verify --since FILE.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.printCheckpoint(cmd.Context(), cmd.OutOrStdout())
		},
	}
	f.api.register(cmd.Flags())
	cmd.Flags().StringVar(&f.journal, "journal", "", "journal directory to read without a server")
	return cmd
}

func (f *auditFlags) printCheckpoint(ctx context.Context, out io.Writer) error {
	var signed string
	if f.journal != "" {
		var err error
		if signed, err = auditproof.LatestCheckpoint(f.journal); err != nil {
			return err
		}
	} else {
		c, err := f.api.client()
		if err != nil {
			return err
		}
		var st recordStatus
		if err := c.do(ctx, http.MethodGet, "/audit/status", nil, &st); err != nil {
			return err
		}
		signed = st.Checkpoint
	}
	if strings.TrimSpace(signed) == "" {
		return errors.New("there is no checkpoint yet")
	}
	_, err := io.WriteString(out, signed)
	return err
}
