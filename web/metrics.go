package web

import (
	"net/http"
	"net/http/pprof"
)

// Metrics answers GET and HEAD of /metrics, of whoever asks for it by a name of
// this host's, and refuses all else.
func Metrics(metrics http.Handler, name string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "metrics are only read", http.StatusMethodNotAllowed)
		case r.ContentLength != 0:
			http.Error(w, "a request has no body", http.StatusRequestEntityTooLarge)
		case Rebound(r, name):
			http.Error(w, "this is another host than the one asked for", http.StatusForbidden)
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

// Profiles answers what net/http/pprof does, command line left out. It says a
// great deal of what a program holds in memory: it is to be served to nobody but
// the user that the program runs as.
func Profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", http.NotFound) // it may name tokens
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}
