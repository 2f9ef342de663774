package rest

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// ProblemType is the content type of every answer that is an error (RFC 9457).
const ProblemType = "application/problem+json"

// Problem is the body of an error: what went wrong, and what to do about it.
type Problem struct {
	Type   string `json:"type"`   // about:blank: the status says what kind it is
	Title  string `json:"title"`  // the status in words
	Status int    `json:"status"` // as in the answer's first line
	Detail string `json:"detail"` // one sentence, which says what to do where that is known
}

// fail answers with a Problem on one line.
func fail(w http.ResponseWriter, status int, format string, args ...any) {
	body, err := json.Marshal(Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(format, args...)})
	if err != nil { // a Problem is strings and a number
		body = []byte("{}")
	}
	w.Header().Set("Content-Type", ProblemType)
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // an error means that nobody reads any more
}
