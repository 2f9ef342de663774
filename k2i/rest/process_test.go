package rest

import (
	"net/http"
	"testing"
)

// What is asked for is read of the process that the sample has, and what is
// missing is told with its reason.
func TestDetail(t *testing.T) {
	url, _, _ := serve(t, nil)
	for query, want := range map[string][]string{
		"?detail=all":                {"pss", "fds", "limits", "wchan", "stack"},
		"?detail=stack,pss":          {"stack", "pss"},
		"?detail=fds&detail=fds,pss": {"fds", "pss"},
		"?detail=pss,all":            {"pss", "fds", "limits", "wchan", "stack"},
	} {
		status, header, body := get(t, url+"/v1/proc/7"+query, nil)
		d, ok := object(t, body)["detail"].(map[string]any)
		if status != http.StatusOK || !ok || d["fd_count"] != 7.0 || d["pss_bytes"] != nil || header.Get("ETag") != "" {
			t.Fatalf("%s: %d %s", query, status, body)
		}
		gaps := d["gaps"].([]any)
		for i, part := range want {
			if g := gaps[i].(map[string]any); g["part"] != part || g["reason"] != "denied" || g["help"] == "" || len(gaps) != len(want) {
				t.Errorf("%s: %v", query, gaps)
			}
		}
	}
	if _, _, body := get(t, url+"/v1/proc/7", nil); object(t, body)["detail"] != nil {
		t.Errorf("nobody asked: %s", body)
	}
}
