package web

import (
	"io/fs"
	"strings"
	"testing"
)

// TestFilesHasAPage holds with and without a built UI.
func TestFilesHasAPage(t *testing.T) {
	page, err := fs.ReadFile(Files(), "index.html")
	if err != nil {
		t.Fatalf("read index.html: %v", err)
	}
	if !strings.Contains(string(page), "<title>Sallyport") {
		t.Errorf("index.html has no title of ours: %.200s", page)
	}
}
