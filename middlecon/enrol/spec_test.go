package enrol_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ddcos/middlecon/enrol"
)

// TestSpecification: SPEC.md tells every code, and none that is not.
func TestSpecification(t *testing.T) {
	text, err := os.ReadFile("../../protocol/SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "## 10. Certificates")
	if !found || !strings.Contains(section, enrol.PathEnrol) || !strings.Contains(section, enrol.PathRenew) {
		t.Fatal("SPEC.md does not tell of enrolment")
	}
	var told []enrol.Code
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(section, -1) {
		told = append(told, enrol.Code(m[1]))
	}
	if want := enrol.Codes(); !slices.Equal(told, want) {
		t.Errorf("SPEC.md tells %v\nthe code has %v", told, want)
	}
}
