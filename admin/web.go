package admin

import (
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// contentPolicy lets the UI load its own files alone. The terminal's player is WebAssembly of its own, which is no eval. Styles may stand in the page, because its components set them.
const contentPolicy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"font-src 'self' data:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// web serves the built UI. Paths that are no file belong to the UI's own router and get index.html.
type web struct {
	files fs.FS
}

func newWeb(files fs.FS) http.Handler { return &web{files: files} }

func (s *web) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		writeProblem(w, problem(http.StatusMethodNotAllowed, "only GET and HEAD are served here"))
		return
	}
	if s.files == nil {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("This build of Sallyport has no web UI. Its API is at " + apiRoot + "/openapi.json.\n"))
		return
	}
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	asset := strings.HasPrefix(name, "assets/")
	if info, err := fs.Stat(s.files, name); name == "" || err != nil || info.IsDir() {
		if asset {
			http.NotFound(w, r)
			return
		}
		name = "index.html"
	}
	if asset {
		// Built assets carry a hash of their content in their names.
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		w.Header().Set("Cache-Control", "no-cache")
	}
	http.ServeFileFS(w, r, s.files, name)
}
