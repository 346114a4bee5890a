package servers

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// BuildSally builds the program for one test.
func BuildSally(t testing.TB) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "sally")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "github.com/sallyport/sallyport/cmd/sally")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build sally: %v\n%s", err, out)
	}
	return bin
}
