package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/admin"
)

func newOpenAPICommand() *cobra.Command {
	return &cobra.Command{
		Use:   "openapi",
		Short: "Print the description of the HTTP API (OpenAPI 3.1, JSON)",
		Long:  "Prints the description of the HTTP API, the same that a server gives at /api/v1/openapi.json. No server need run.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			document, err := admin.OpenAPI()
			if err != nil {
				return err
			}
			var text bytes.Buffer
			if err := json.Indent(&text, document, "", "  "); err != nil {
				return fmt.Errorf("indent OpenAPI document: %w", err)
			}
			text.WriteByte('\n')
			_, err = text.WriteTo(cmd.OutOrStdout())
			return err
		},
	}
}
